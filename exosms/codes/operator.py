"""The Indian operators' own DLT codes, which sometimes appear in delivery reports (Exotel support 3000120944).

They name the check that stopped the message; the outcome comes from Exotel's status beside them.
"""

from functools import partial

from exosms.codes.entry import CodeEntry, Codes, Family, Who, table

_code = partial(CodeEntry, family=Family.OPERATOR, outcome=None)

_OF_ANOTHER_OPERATOR = ("a header, CLI, template or category: what another operator means by 611 to 616",)

_CODES: Codes = {
    633: _code(
        name="Template not matched",
        meaning="The text differs from the template registered under its id.",
        causes=("a space, line break, quote or letter case that differs", "the id of another template"),
        who=Who.YOU,
        remedy="See where they differ with `exosms check-template -t NAME -b TEXT`, and correct the text or the "
        "template id.",
    ),
    635: _code(
        name="Variable too long",
        meaning="A value in the template is longer than its variable allows, usually 30 characters.",
        who=Who.YOU,
        remedy="Shorten the value, or let `--fit` cut it; `exosms check-template -t NAME -b TEXT` shows which.",
    ),
    (600, 604): _code(
        name="Entity",
        meaning="The operator's check failed at the entity id, the id of your company on the DLT portal.",
        causes=("an entity id that is missing or wrong", "an entity that is not registered, not active or blocked"),
        who=Who.DLT_PORTAL,
        remedy="Compare the entity id in `exosms profile show` with the portal, and check there that it is active.",
    ),
    605: _code(
        name="Entity not with this telemarketer",
        meaning="Your company, the entity, may not send by the telemarketer that passed the message on.",
        who=Who.DLT_PORTAL,
        remedy="Link the entity with Exotel as its telemarketer on the portal; ask Exotel for its telemarketer id.",
    ),
    (614, 618): _code(
        name="Telemarketer chain",
        meaning="The operator's check failed at the chain from your entity to the telemarketers, or its hash.",
        causes=(
            "a chain that is not registered, or not active",
            "a chain with a telemarketer that did not pass the message on",
            *_OF_ANOTHER_OPERATOR,
        ),
        who=Who.DLT_PORTAL,
        remedy="Have Exotel's part of the chain confirmed on the portal, and check header and template there; "
        "if all are active, give Exotel the Sid and ask.",
    ),
    (610, 613): _code(
        name="Telemarketer",
        meaning="The operator's check failed at the telemarketer, the company that passes your messages on.",
        causes=(
            "a chain between your entity and the telemarketer that is not registered",
            "a telemarketer that is not active or blocked",
            *_OF_ANOTHER_OPERATOR,
        ),
        who=Who.DLT_PORTAL,
        remedy="Check on the portal that the chain from your entity to Exotel is active, then header and template; "
        "ask Exotel for the right telemarketer id.",
    ),
    (620, 625): _code(
        name="Header",
        meaning="The operator's check failed at the header (sender ID).",
        causes=(
            "a header that is not registered, or has different letter case",
            "a header of another entity",
            "a header that is not active or blocked",
        ),
        who=Who.DLT_PORTAL,
        remedy="Compare the sender, letter by letter, with the headers registered on the portal, and check there "
        "that it is active.",
    ),
    (630, 637): _code(
        name="Template (any other)",
        meaning="The operator's check failed at the template.",
        causes=(
            "a template id that is wrong or not registered",
            "a template that is not active or blocked",
            "a template that is registered for another header",
        ),
        who=Who.DLT_PORTAL,
        remedy="Compare the id in `exosms template show NAME` with the portal, and check there that the template "
        "is active and linked to the header.",
    ),
    642: _code(
        name="Address not whitelisted",
        meaning="The text contains an address (a link) that is not on your list on the DLT portal.",
        who=Who.DLT_PORTAL,
        remedy="Add the address to the list, or remove it from the text, then send the message again.",
    ),
    650: _code(
        name="Preference",
        meaning="The recipient has chosen not to receive messages of this kind.",
        who=Who.RECIPIENT,
        remedy="Send no promotions to this number. For a message that the customer needs, such as an OTP, use "
        "`--type transactional` and a template registered for it.",
    ),
    651: _code(
        name="Outside hours",
        meaning="A promotional message came at an hour when operators in India do not deliver such messages.",
        who=Who.YOU,
        remedy="Send it between 10:00 and 21:00 Indian time.",
        temporary=True,
    ),
    660: _code(
        name="Consent",
        meaning="No consent of this recipient is registered for this message.",
        who=Who.DLT_PORTAL,
        remedy="Register the recipient's consent on the portal before sending to this number.",
    ),
    670: _code(
        name="Scrubbing",
        meaning="The operator's check of the message against the DLT register failed without an exact reason.",
        causes=("a fault in the operator's check", "a registration that has not reached every operator yet"),
        who=Who.OPERATOR,
        remedy="Check header, entity and template on the portal; if all are active, give Exotel the Sid and ask.",
    ),
}
CODES = table(_CODES)
