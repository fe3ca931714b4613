"""Detailed delivery codes of an accepted message (developer.exotel.com/api/sms-details, support 3000112255).

DLT is India's register of companies (entities), sender IDs (headers) and texts (templates); operators compare
every message with it. The ranges come last and cover the codes that Exotel has added since.
"""

from functools import partial

from exosms.codes.entry import CodeEntry, Codes, Family, Who, table
from exosms.sms.message import Outcome

_entry = partial(CodeEntry, family=Family.DELIVERY)
_delivered = partial(_entry, outcome=Outcome.DELIVERED, who=Who.NOBODY, remedy="There is nothing to do.")
_pending = partial(_entry, outcome=Outcome.PENDING, who=Who.NOBODY)
_failed = partial(_entry, outcome=Outcome.FAILED)
_failed_for_now = partial(_failed, temporary=True)

_ASK_AGAIN = "Ask again later: `exosms status SID --wait 15m`. Do not send it a second time in the meantime."
_NEW_MESSAGE = "That would be a new message with its own Sid."

_CODES: Codes = {
    20005: _delivered(
        name="DELIVERED_TO_HANDSET",
        meaning="The recipient's phone has confirmed the message.",
    ),
    20006: _delivered(
        name="DELIVERED_TO_OPERATOR",
        meaning="The operator has the message and counts it as done; in some regions, and for numeric senders, no "
        "report from the phone follows.",
    ),
    21010: _pending(
        name="PENDING_TO_OPERATOR",
        meaning="Exotel has the message but has not handed it to the operator yet.",
        remedy=_ASK_AGAIN,
    ),
    21015: _pending(
        name="SENDING_TO_OPERATOR",
        meaning="Exotel is handing the message to the operator.",
        remedy=_ASK_AGAIN,
    ),
    21020: _pending(
        name="PENDING_ON_OPERATOR",
        meaning="The operator has the message and has not reported back.",
        causes=(
            "a phone that is switched off or out of coverage",
            "if it stays pending for hours: a promotional message in India outside 10:00–21:00",
            "if it stays pending for hours: a text, sender or id that differs from its DLT registration",
        ),
        remedy=f"{_ASK_AGAIN} If it stays pending, compare the text with `exosms check-template -t NAME -b TEXT`.",
    ),
    23005: _failed(
        name="FAILED_REJECTED_DND",
        meaning="The recipient is on the do-not-disturb list, which stops promotional messages.",
        causes=(
            "a promotional message",
            "a text that matches no registered template and was therefore treated as promotional",
        ),
        who=Who.RECIPIENT,
        remedy="Send no promotions to this number. For a message that the customer needs, such as an OTP, use "
        "`--type transactional` and its registered template.",
    ),
    23010: _failed(
        name="FAILED_INVALID_DESTINATION_NUMBER",
        meaning="The number cannot receive messages.",
        causes=("a typing error", "a landline", "a line without SMS"),
        who=Who.YOU,
        remedy="Get the right mobile number, and take this one off your list.",
    ),
    23015: _failed(
        name="FAILED_SPAM_DETECTED",
        meaning="An operator's filter treated the message as spam.",
        causes=("words or links typical of spam", "many identical texts in a short time"),
        who=Who.YOU,
        remedy="Reword it; in India the new text needs a registered template. If it happens to ordinary texts, "
        "give Exotel the Sid and ask.",
    ),
    23020: _failed(
        name="FAILED_REJECTED_BLACKLIST",
        meaning="The recipient has opted out of your messages.",
        who=Who.RECIPIENT,
        remedy="Take the number off your list, and reach the person in another way.",
    ),
    23030: _failed_for_now(
        name="FAILED_UNAVAILABLE_ROUTE",
        meaning="Exotel found no way to the recipient's operator.",
        causes=("an outage at an operator", "a country or operator that Exotel does not reach"),
        who=Who.EXOTEL,
        remedy=f"Send it again later if it still matters, or ask Exotel if it continues. {_NEW_MESSAGE}",
    ),
    23035: _failed_for_now(
        name="FAILED_SUBSCRIBER_UNAVAILABLE",
        meaning="The recipient's phone could not be reached.",
        causes=("a phone that is switched off", "no coverage"),
        who=Who.RECIPIENT,
        remedy=f"Send it again later if it still matters, or reach the person in another way. {_NEW_MESSAGE}",
    ),
    23040: _failed(
        name="FAILED_SUBSCRIBER_UNKNOWN",
        meaning="The operator has no such number in service.",
        causes=("a number that is no longer used", "a typing error"),
        who=Who.YOU,
        remedy="Get the right number, and take this one off your list.",
    ),
    23050: _failed_for_now(
        name="FAILED_EXPIRED",
        meaning="The network tried for as long as it keeps a message, and gave up.",
        causes=("a phone that stayed off or out of coverage", "congestion at the operator"),
        who=Who.RECIPIENT,
        remedy=f"Send it again if it still matters, or reach the person in another way. {_NEW_MESSAGE}",
    ),
    23060: _failed_for_now(
        name="FAILED_REJECTED",
        meaning="Exotel or the operator refused the message without giving a reason.",
        causes=("a temporary fault", "an operator's rule"),
        who=Who.EXOTEL,
        remedy=f"Send it once more if it still matters; if that fails, give Exotel the Sid and ask. {_NEW_MESSAGE}",
    ),
    23070: _failed(
        name="FAILED_INVALID_MESSAGE",
        meaning="The operator found the message invalid.",
        causes=(
            "a DLT entity id that is missing",
            "a character that the operator does not know",
            "a text over 2000 characters",
        ),
        who=Who.YOU,
        remedy="See with `exosms send --dry-run` which entity id, characters and length would go out; set the id "
        "in the profile or with `--dlt-entity-id`.",
    ),
    23072: _failed(
        name="FAILED_INVALID_SENDER_ID",
        meaning="The operator does not accept the sender ID (header); in India it must be registered on DLT.",
        causes=("a header that is not registered", "a typing error or different letter case in the header"),
        who=Who.DLT_PORTAL,
        remedy="Register the header on the DLT portal, or give with `--from` one exactly as it is registered.",
    ),
    23080: _failed(
        name="SENDER_BLOCKED_BY_DLT",
        meaning="The DLT check stopped the message because of its sender ID (header).",
        causes=(
            "a template that is registered for another header",
            "a header that is not registered, or has different letter case",
        ),
        who=Who.DLT_PORTAL,
        remedy="Compare the header in `exosms template show NAME` with the portal; send with the header linked to "
        "the template there, or link this one.",
    ),
    23081: _failed(
        name="ENTITY_BLOCKED_BY_DLT",
        meaning="The DLT check stopped the message because of the entity id, the id of your company.",
        causes=("an entity id that is missing", "an entity id with a wrong digit, or a template id in its place"),
        who=Who.YOU,
        remedy="Copy the entity id from the DLT portal into the profile, or give it with `--dlt-entity-id`; "
        "`exosms profile show` shows what is used.",
    ),
    23082: _failed(
        name="TEMPLATE_BLOCKED_BY_DLT",
        meaning="The DLT check stopped the message because of its template.",
        causes=(
            "a text that differs from the registered one",
            "a template id that is missing or wrong",
            "a template that is not registered",
        ),
        who=Who.YOU,
        remedy="Compare the text with `exosms check-template -t NAME -b TEXT`, and the template's id with the DLT "
        "portal.",
    ),
    23083: _failed(
        name="FAILED_DLT_SCRUBBING_ERROR",
        meaning="The DLT check stopped the message although its parts are registered.",
        causes=(
            "a header that was blocked after complaints",
            "a consent that is missing",
            "a fault in the operator's check",
        ),
        who=Who.EXOTEL,
        remedy="Check header and template on the DLT portal; if both are active, give Exotel the Sid and ask.",
    ),
    23084: _failed(
        name="FAILED_DLT_CONSENT_ERROR",
        meaning="No consent of this recipient is registered on DLT for this message.",
        who=Who.DLT_PORTAL,
        remedy="Register the recipient's consent on the DLT portal before sending to this number.",
    ),
    23181: _failed(
        name="DLT_TEMPLATE_ID_INVALID",
        meaning="The operator does not accept the template id.",
        causes=("a missing, extra or wrong digit", "an entity id in its place", "a template not registered"),
        who=Who.DLT_PORTAL,
        remedy="Compare the 19 digits in `exosms template show NAME` with the DLT portal.",
    ),
    23182: _failed(
        name="DLT_TEMPLATE_NOT_FOUND",
        meaning="The operator found no template under this id.",
        causes=("a wrong digit", "a new template that has not reached every operator yet"),
        who=Who.DLT_PORTAL,
        remedy="Compare the id in `exosms template show NAME` with the DLT portal, and check there that the template "
        "is approved.",
    ),
    23183: _failed(
        name="DLT_TEMPLATE_ID_INACTIVE",
        meaning="The template is registered but not active.",
        who=Who.DLT_PORTAL,
        remedy="Activate the template on the DLT portal, or send with another one.",
    ),
    23184: _failed(
        name="DLT_TEMPLATE_ID_BLACKLISTED",
        meaning="The template has been blocked.",
        causes=("complaints of recipients",),
        who=Who.DLT_PORTAL,
        remedy="Ask the DLT portal to remove the block, or register another template.",
    ),
    23185: _failed(
        name="DLT_TEMPLATE_DOES_NOT_MATCH",
        meaning="The text differs from the template registered under its id.",
        causes=(
            "a space, line break, quote, dash or letter case that differs",
            "a value too long or of the wrong kind for its variable",
            "the id of another template",
        ),
        who=Who.YOU,
        remedy="See where they differ with `exosms check-template -t NAME -b TEXT`, and correct the text or the "
        "template id.",
    ),
    23186: _failed(
        name="DLT_LENGTH_EXCEEDED",
        meaning="The text, or a part of it, is longer than allowed.",
        causes=("a text over 2000 characters", "a value longer than its variable allows"),
        who=Who.YOU,
        remedy="Shorten it, or let `--fit` cut the values; check with `exosms check-template -t NAME -b TEXT`.",
    ),
    23281: _failed(
        name="DLT_ENTITY_NOT_FOUND",
        meaning="The operator found no company under this entity id.",
        causes=("a wrong digit", "a template id in its place", "a registration that is not complete"),
        who=Who.DLT_PORTAL,
        remedy="Compare the entity id in `exosms profile show` with the DLT portal.",
    ),
    24010: _failed_for_now(
        name="FAILED_SYSTEM_ERROR",
        meaning="Exotel had an internal error while the message was on its way.",
        who=Who.EXOTEL,
        remedy=f"Send it again later if it still matters; if it continues, give Exotel the Sid. {_NEW_MESSAGE}",
    ),
    24105: _failed_for_now(
        name="FAILED_HANDSET_ERROR",
        meaning="The recipient's phone did not accept the message.",
        causes=("no free memory in the phone", "a fault in the phone or SIM"),
        who=Who.RECIPIENT,
        remedy=f"Send it again later if it still matters, or reach the person in another way. {_NEW_MESSAGE}",
    ),
    24110: _failed_for_now(
        name="FAILED_OPERATOR_ERROR",
        meaning="Something failed at the operator.",
        who=Who.OPERATOR,
        remedy=f"Send it again later if it still matters; if it continues, give Exotel the Sid. {_NEW_MESSAGE}",
    ),
    24120: _failed_for_now(
        name="FAILED_SUBSCRIBER_ERROR",
        meaning="The recipient's line, not the phone, did not accept the message.",
        causes=("a line that is suspended or out of credit", "a restriction on the line"),
        who=Who.RECIPIENT,
        remedy=f"Send it again later if it still matters, or reach the person in another way. {_NEW_MESSAGE}",
    ),
    24990: _failed_for_now(
        name="FAILED_UNKNOWN_ERROR",
        meaning="The message failed, and Exotel does not know why.",
        who=Who.EXOTEL,
        remedy=f"Send it once more if it still matters; if that fails, give Exotel the Sid and ask. {_NEW_MESSAGE}",
    ),
    (20000, 20999): _delivered(
        name="Delivered (any other)",
        meaning="Exotel counts the message as delivered; this version of exosms does not know this exact code.",
    ),
    (21000, 21999): _pending(
        name="Pending (any other)",
        meaning="The message is on its way; this version of exosms does not know this exact code.",
        remedy=_ASK_AGAIN,
    ),
    (23000, 23999): _failed_for_now(
        name="Failed (any other)",
        meaning="The message failed; this version of exosms does not know this exact code.",
        who=Who.YOU,
        remedy="Read Exotel's text for it, and correct what it names before sending again; or give Exotel the Sid "
        "and ask.",
    ),
    (24000, 24999): _failed_for_now(
        name="Failed (any other system error)",
        meaning="The message failed on its way; this version of exosms does not know this exact code.",
        who=Who.EXOTEL,
        remedy=f"Send it again later if it still matters; if it continues, give Exotel the Sid. {_NEW_MESSAGE}",
    ),
    (20000, 29999): _pending(
        name="Any other",
        meaning="This version of exosms does not know this code or its group, so the state is not certain.",
        remedy="Read Exotel's text for it, and ask again with `exosms status SID`. Do not send it a second time "
        "in the meantime.",
    ),
}
CODES = table(_CODES)
