"""HTTP statuses of Exotel's SMS API, its gateways, and whatever a proxy may answer in their place.

Names: RFC 9110 §15 and RFC 6585 §4. What Exotel means by them: developer.exotel.com/api/http-status-codes and
/api/sms. The ranges come after the single statuses and cover all that is left of 100–599.
"""

from functools import partial

from exosms.codes.entry import CodeEntry, Codes, Family, Who, table
from exosms.errors import ExitCode
from exosms.sms.message import Outcome, Then

LOOK_FIRST = (
    "Do not send again yet: export the SMS Detailed Report from Exotel's dashboard, and find out with `exosms runs "
    "reconcile --report FILE` whether it was sent. Send again only if it was not."
)

WRONG_CREDENTIALS = (
    "Compare API key and token with the API settings on Exotel's dashboard, and the region with the dashboard's "
    "address: my.exotel.com is singapore, my.mum1.exotel.com is mumbai. `exosms doctor --try-regions` tries key and "
    "token with the other region. Correct the profile, then send again."
)

_entry = partial(CodeEntry, family=Family.HTTP)
accepted = partial(_entry, outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK, who=Who.NOBODY)
unknown = partial(_entry, outcome=Outcome.UNKNOWN, exit_code=ExitCode.UNKNOWN, who=Who.YOU, remedy=LOOK_FIRST)

# One message is refused; the next one may be accepted.
rejected = partial(_entry, outcome=Outcome.REJECTED, exit_code=ExitCode.REFUSED, who=Who.YOU)

# No message of the account would be accepted, so that whatever follows stops.
_not_sent = partial(_entry, outcome=Outcome.NOT_SENT, who=Who.YOU)
account_refused = partial(_not_sent, exit_code=ExitCode.REFUSED, then=Then.STOP)
misconfigured = partial(_not_sent, exit_code=ExitCode.CONFIG, then=Then.STOP)

# The account is too fast: every process pauses, then the same message is tried again.
rate_limited = partial(_not_sent, exit_code=ExitCode.RATE_LIMITED, then=Then.PAUSE)
throttled = partial(_not_sent, exit_code=ExitCode.UNAVAILABLE, then=Then.PAUSE)

_STATUSES: Codes = {
    200: accepted(
        name="OK",
        meaning="Exotel accepted the message and gave it a Sid; whether it arrives is not known yet (an answer "
        "without a Sid counts as unknown).",
        remedy="See what happened to it with `exosms status SID`.",
    ),
    400: rejected(
        name="Bad Request",
        meaning="Exotel found an error in the request and refused it.",
        causes=(
            "a recipient that Exotel does not accept as a mobile number",
            "a sender that is not linked to the account, or does not suit the message type",
            "a field that is missing, empty or malformed",
        ),
        remedy="Read Exotel's text, correct number, sender or text, and send the corrected message. If Exotel "
        "gave a code, look it up with `exosms codes CODE`.",
    ),
    401: misconfigured(
        name="Unauthorized",
        meaning="Exotel did not accept this API key and token in this region.",
        causes=(
            "an API key or token that is mistyped, cut off or replaced by a newer one",
            "a region that is not the account's: Exotel answers exactly as for a wrong key",
            "the account SID given as API key, although the account has its own key",
        ),
        remedy=WRONG_CREDENTIALS,
    ),
    402: account_refused(
        name="Payment Required",
        meaning="The account's plan does not cover this request.",
        causes=("a usage limit that has been reached", "a feature that the plan does not include"),
        remedy="Check plan, limits and balance on Exotel's dashboard, or ask Exotel; then send again.",
    ),
    403: account_refused(
        name="Forbidden",
        meaning="Exotel knows the credentials but does not allow this account to do this now.",
        causes=(
            "a balance too low to send",
            "an account that is not active",
            "an account whose validity has expired",
            "a trial account, which can send only to numbers on its own list",
            "a destination country that is not enabled",
            "an account SID that does not belong to this API key",
            "an IP whitelist of the account without this machine, such as a CI runner",
        ),
        remedy="Read Exotel's text. Check balance, validity and state of the account on Exotel's dashboard, whether "
        "it has an IP whitelist, and the account SID with `exosms profile show`; then send again.",
    ),
    404: rejected(
        name="Not Found",
        meaning="There is nothing at the requested address.",
        causes=(
            "an account SID with a typing error",
            "a base URL that is not Exotel's",
            "a message Sid of another account, when asking for its state",
        ),
        remedy="Check account SID and base URL with `exosms profile show`, and the credentials with "
        "`exosms doctor`; then send the message again.",
    ),
    405: rejected(
        name="Method Not Allowed",
        meaning="The address exists, but does not accept this kind of request.",
        causes=("a base URL that is not Exotel's, or has an extra path", "a proxy that alters requests"),
        remedy="Check the base URL with `exosms profile show` and the proxy with `exosms doctor`.",
    ),
    407: misconfigured(
        name="Proxy Authentication Required",
        meaning="A proxy on the way to Exotel asks for its own user name and password.",
        causes=("a proxy address without, or with outdated, credentials",),
        remedy="See which proxy is used with `exosms doctor`. Correct HTTPS_PROXY, or add Exotel's host to "
        "NO_PROXY; then send again.",
    ),
    408: unknown(
        name="Request Timeout",
        meaning="The server gave up waiting for the request; it may still have acted on it.",
        causes=("a slow or broken connection", "an overloaded gateway or proxy"),
    ),
    409: unknown(
        name="Conflict",
        meaning="The server reports a conflict with something it already has; it may have accepted the message.",
        causes=("the same message already being handled", "a gateway that answers for Exotel"),
    ),
    413: rejected(
        name="Content Too Large",
        meaning="The request is larger than the server, or a proxy before it, accepts.",
        causes=("too many texts in one request", "a proxy with a low limit"),
        remedy="Put fewer texts into a request: `exosms bulk FILE --batch 10`, or `--batch 1`.",
    ),
    414: rejected(
        name="URI Too Long",
        meaning="The requested address is longer than the server accepts.",
        causes=("a base URL or an account SID with other text pasted into it",),
        remedy="Check base URL and account SID with `exosms profile show`.",
    ),
    422: rejected(
        name="Unprocessable Content",
        meaning="The request could be read, but what it asks for was refused.",
        causes=("a number, sender or type that does not fit the others",),
        remedy="Read Exotel's text, correct what it names, and send the corrected message.",
    ),
    429: rate_limited(
        name="Too Many Requests",
        meaning="Exotel refused the request because too many came in too short a time.",
        causes=(
            "a rate above the account's limit, by default about 200 requests a minute",
            "other programs that use the same account",
            "a trial account that has used up its messages (code 40404: waiting does not help)",
        ),
        remedy="Wait a minute, then send again with a lower `--rate`, such as `--rate 100/min`. Exotel can raise "
        "the limit on request.",
    ),
    500: unknown(
        name="Internal Server Error",
        meaning="Exotel failed while handling the request; the message may or may not have been accepted.",
        causes=("a fault inside Exotel",),
    ),
    502: unknown(
        name="Bad Gateway",
        meaning="A gateway got no usable answer from Exotel's servers; they may have accepted the message.",
        causes=("a fault or restart inside Exotel", "a proxy between here and Exotel"),
    ),
    503: unknown(
        name="Service Unavailable",
        meaning="The service was not available; only Exotel's own error text in the answer proves that nothing "
        "was accepted (see 40405).",
        causes=("an overload or maintenance at Exotel", "a proxy between here and Exotel"),
    ),
    504: unknown(
        name="Gateway Timeout",
        meaning="A gateway got no answer from Exotel's servers in time; they may have accepted the message.",
        causes=("an overload inside Exotel", "a proxy between here and Exotel"),
    ),
    (100, 199): unknown(
        name="Informational (any)",
        meaning="Only an interim answer came; the final answer is missing.",
        causes=("a proxy or gateway that breaks the protocol",),
    ),
    (200, 299): accepted(
        name="Successful (any other)",
        meaning="Exotel accepted the message if the answer has a Sid; whether it arrives is not known yet (an "
        "answer without a Sid counts as unknown).",
        remedy="See what happened to it with `exosms status SID`.",
    ),
    (300, 399): account_refused(
        name="Redirection (any)",
        meaning="The answer points to another address; exosms does not follow it, because the text would be "
        "sent to another host.",
        causes=("a base URL that is not Exotel's API", "a sign-in page of the network", "a proxy that redirects"),
        remedy="Check the base URL with `exosms profile show` and the network with `exosms doctor`, then send again.",
    ),
    (400, 499): rejected(
        name="Client error (any other)",
        meaning="The request was refused with a status that Exotel does not document for SMS.",
        causes=("a proxy or gateway that answers in Exotel's place", "a base URL that is not Exotel's"),
        remedy="Read the text of the answer, and check network, proxy and base URL with `exosms doctor`.",
    ),
    (500, 599): unknown(
        name="Server error (any other)",
        meaning="The server failed while handling the request; the message may or may not have been accepted.",
        causes=("a fault inside Exotel", "a proxy between here and Exotel"),
    ),
}
STATUSES = table(_STATUSES)
