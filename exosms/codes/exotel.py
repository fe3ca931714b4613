"""Exotel's error codes, as carried by a refused request (developer.exotel.com/api/sms).

What follows is what follows from the HTTP status that carries the code, except where the code says that a 403
concerns the recipient alone, that no waiting helps against a 429, or that a 503 is throttling.
"""

from functools import partial

from exosms.codes import http
from exosms.codes.entry import Codes, Family, Who, table

_rejected = partial(http.rejected, family=Family.EXOTEL)
_bad_request = partial(_rejected, http_status=400)
_misconfigured = partial(http.misconfigured, family=Family.EXOTEL)
_account_refused = partial(http.account_refused, family=Family.EXOTEL)
_rate_limited = partial(http.rate_limited, family=Family.EXOTEL, http_status=429)
_throttled = partial(http.throttled, family=Family.EXOTEL, http_status=503)
_unknown = partial(http.unknown, family=Family.EXOTEL, http_status=500)

# Exosms builds these parts of a request itself, so that only a fault on the way or in exosms explains them.
_ALTERED = ("a proxy that alters requests", "a bug in exosms")
_REPORT = "Look for a proxy with `exosms doctor`. Without one, report it as a bug of exosms, with Exotel's text."

_CODES: Codes = {
    34001: _bad_request(
        name="Key or token malformed",
        meaning="The API key or token contains something other than letters and digits.",
        causes=("a space, quote or line break copied with it", "a key or token that was cut off or mixed up"),
        remedy="Copy key and token again from Exotel's dashboard, and send the message again.",
    ),
    34009: _account_refused(
        name="Account SID or action forbidden",
        http_status=403,
        meaning="The account SID is missing from the request, or is not allowed to do this with these credentials.",
        causes=(
            "an account SID with a typing error",
            "an API key of another account",
            "an IP whitelist of the account without this machine, such as a CI runner",
        ),
        remedy="Compare the account SID in `exosms profile show` with Exotel's dashboard, and look there "
        "whether the account has an IP whitelist; then send again.",
    ),
    34010: _misconfigured(
        name="Key, token or region wrong",
        http_status=401,
        meaning="Exotel did not accept this API key and token in this region.",
        causes=(
            "an API key or token that is mistyped, cut off or replaced by a newer one",
            "a region that is not the account's: Exotel answers exactly as for a wrong key",
            "a key or token that is missing",
        ),
        remedy=http.WRONG_CREDENTIALS,
    ),
    35000: _unknown(
        name="Internal error",
        meaning="Exotel had an internal error; the message may or may not have been accepted.",
        causes=("a fault inside Exotel",),
    ),
    40000: _account_refused(
        name="Trial account: promotional",
        http_status=403,
        meaning="A trial account cannot send promotional messages.",
        remedy="Upgrade the account with Exotel, then send again; or send a transactional text with "
        "`--type transactional` and its registered template.",
    ),
    40001: _account_refused(
        name="Balance too low",
        http_status=403,
        meaning="The account's balance does not cover the message.",
        remedy="Top up the account with Exotel, then send again.",
    ),
    40002: _account_refused(
        name="Account inactive",
        http_status=403,
        meaning="Exotel says that this account is not active.",
        causes=("an expired validity", "an account that was suspended or never activated"),
        remedy="Check the account's state on Exotel's dashboard, ask Exotel to activate it, then send again.",
    ),
    40003: _rejected(
        name="Country not enabled",
        http_status=403,
        meaning="The account is not allowed to send to the recipient's country.",
        causes=("a number read with the wrong country code", "a country that was never enabled"),
        remedy="Check the number's country code; if it is right, ask Exotel to enable the country.",
    ),
    40100: _unknown(
        name="Processing error",
        meaning="Exotel failed while processing the request; the message may or may not have been accepted.",
        causes=("a fault inside Exotel",),
    ),
    40200: _bad_request(
        name="Body empty",
        meaning="Exotel found no text in the message.",
        causes=("an empty text", *_ALTERED),
        remedy="Look at what would go out with `exosms send --dry-run`. If a text is there, look for a proxy with "
        "`exosms doctor`.",
    ),
    40201: _bad_request(
        name="Messages missing",
        meaning="Exotel found no list of messages in a request for several texts.",
        causes=_ALTERED,
        remedy=_REPORT,
    ),
    40202: _bad_request(
        name="Body invalid",
        meaning="Exotel does not accept the text of the message.",
        causes=("a text over 2000 characters", "characters that Exotel cannot send"),
        remedy="Shorten the text and remove unusual characters; `exosms send --dry-run` shows length and encoding.",
    ),
    40203: _bad_request(
        name="Recipients invalid",
        meaning="Exotel accepts none of the recipients as a mobile number.",
        causes=("a missing or extra digit", "a wrong country code", "a landline"),
        remedy="Correct the number; write it with its country code, such as +919876543210.",
    ),
    40204: _bad_request(
        name="Type invalid",
        meaning="Exotel does not accept the message type.",
        causes=("a type that the account does not know",),
        remedy="Use `--type transactional`, `transactional_opt_in` or `promotional`, or leave it out.",
    ),
    40205: _bad_request(
        name="Sender empty",
        meaning="The request named a sender, but an empty one.",
        causes=("an empty cell in a sender column", "an empty setting in the profile"),
        remedy="Give the sender with `--from`, or set it in the profile; `exosms profile show` shows what is used.",
    ),
    40206: _bad_request(
        name="Sender does not suit type",
        meaning="The sender is not of the kind that this message type needs.",
        causes=("a promotional message from a header of letters", "a transactional message from a numeric sender"),
        remedy="Use a numeric sender for `--type promotional`, and a header of letters for the other types.",
    ),
    40207: _bad_request(
        name="List instead of text",
        meaning="Exotel found a list where it expects one value.",
        causes=_ALTERED,
        remedy=_REPORT,
    ),
    40208: _bad_request(
        name="Messages not a list",
        meaning="Exotel could not read the messages of a request for several texts as a list.",
        causes=_ALTERED,
        remedy=_REPORT,
    ),
    40209: _bad_request(
        name="Encoding invalid",
        meaning="Exotel does not accept the encoding that was asked for.",
        causes=_ALTERED,
        remedy="Try `--encoding auto`. If that is refused too, report it as a bug of exosms, with Exotel's text.",
    ),
    40210: _bad_request(
        name="Sender missing",
        meaning="The request named no sender.",
        causes=("a profile without a sender", "a proxy that alters requests"),
        remedy="Give the sender with `--from`, or set it in the profile; `exosms profile show` shows what is used.",
    ),
    40300: _bad_request(
        name="No numeric sender",
        meaning="The account has no numeric sender, which promotional messages in India need.",
        remedy="Register a numeric header on the DLT portal and ask Exotel to link it to the account; then give "
        "it with `--from`.",
        who=Who.DLT_PORTAL,
    ),
    40301: _bad_request(
        name="No sender for abroad",
        meaning="The account has no transactional sender for messages abroad.",
        remedy="Ask Exotel to set up a sender for the recipient's country.",
        who=Who.EXOTEL,
    ),
    40400: _bad_request(
        name="Too many messages",
        meaning="The request had more than the 100 texts that Exotel accepts at once.",
        causes=_ALTERED,
        remedy="Send with `exosms bulk FILE --batch 100` or less. If that is refused too, report it as a bug.",
    ),
    40402: _rate_limited(
        name="Too many requests",
        meaning="Too many requests to send came from this account in too short a time.",
        causes=(
            "a rate above the account's limit, by default about 200 requests a minute",
            "other programs that use the same account",
        ),
        remedy="Wait a minute, then send again with a lower `--rate`, such as `--rate 100/min`.",
    ),
    40403: _rate_limited(
        name="Too many status requests",
        meaning="Too many status requests came in too short a time; this says nothing about the messages.",
        causes=("several commands or programs asking at once",),
        remedy="Wait a minute, then ask again with `exosms status SID`.",
    ),
    40404: _account_refused(
        name="Trial limit used up",
        http_status=429,
        meaning="The trial account has used up its 10 messages; waiting does not help.",
        remedy="Upgrade the account with Exotel, then send again.",
    ),
    40405: _throttled(
        name="Throttled",
        meaning="Exotel refused the request because its throttle limit was exceeded.",
        causes=("a rate above the account's limit", "other programs that use the same account"),
        remedy="Wait a minute, then send again with a lower `--rate`, such as `--rate 100/min`.",
    ),
    40406: _bad_request(
        name="Too many recipients",
        meaning="The request named more than the 100 recipients that Exotel accepts at once.",
        causes=_ALTERED,
        remedy=_REPORT,
    ),
    40500: _bad_request(
        name="Parameters or path invalid",
        meaning="Exotel could not understand the address or its parameters.",
        causes=("an account SID with other text pasted into it", "a base URL with an extra path", *_ALTERED),
        remedy="Check account SID and base URL with `exosms profile show`.",
    ),
    40501: _bad_request(
        name="Status request invalid",
        meaning="Exotel could not understand the request for a message's state.",
        causes=("a Sid with a typing error", *_ALTERED),
        remedy="Copy the Sid, 32 hexadecimal digits, from `exosms log`, and ask again with `exosms status SID`.",
    ),
    40502: _rejected(
        name="No such action",
        http_status=405,
        meaning="Exotel has no such action at the requested address.",
        causes=("a base URL with an extra path", *_ALTERED),
        remedy="Check the base URL with `exosms profile show` and the proxy with `exosms doctor`.",
    ),
    340030: _rejected(
        name="Trial account restriction",
        http_status=403,
        meaning="A trial account cannot send to this number, or the account is not verified yet.",
        causes=("a recipient that is not on the account's list", "an account whose verification is not complete"),
        remedy="Ask Exotel to add the number to the list, and complete the verification; then send to it.",
    ),
}
CODES = table(_CODES)
