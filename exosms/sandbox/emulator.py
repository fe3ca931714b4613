"""Exotel's SMS API as a function from request to answer.

A recipient ``+9190000CCCCC`` chooses what happens: CCCCC is an HTTP status (``00400``) with which the request is
refused, or a detailed status (``23185``) with which the accepted message ends. Any other number is delivered.
In a request with several messages, one whose recipient asks for 400 is refused in its place, and all of them
being so refuses the request (400, code 40203); any other status refuses the request as a whole.
"""

import base64
import itertools
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from exosms.sandbox import answers, listing
from exosms.sandbox.store import MessageStore, StoredMessage

LARGEST_REQUEST = 4 * 1024 * 1024
_LONGEST_BODY = 2000
_MOST = 100
_TYPES = {"transactional", "transactional_opt_in", "promotional"}
_PATH = re.compile(r"/v1/Accounts/([^/]+)/(?i:sms)/(send|bulksend|Messages(?:/([^/]+?))?)(\.json)?")
_CHOSEN = re.compile(r"\+9190000([0-9]{5})")
_FORM = "application/x-www-form-urlencoded"


class SandboxAnswer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str


class RefusedError(Exception):
    """A request, or one message of it, that Exotel refuses."""

    def __init__(self, status: int, code: int | None = None, message: str | None = None) -> None:
        super().__init__(status)
        usual_code, usual_message = answers.REFUSALS.get(status, (None, f"Error {status}"))
        self.status = status
        self.code = code or usual_code
        self.message = message or usual_message

    def document(self) -> dict[str, Any]:
        """Return Exotel's error envelope."""
        code = {"Code": self.code} if self.code else {}
        return {"RestException": {"Status": self.status, "Message": self.message, **code}}


class Emulator:
    """Answers requests as Exotel does. ``delivery_after`` is the seconds from acceptance to the final state.

    Without ``search`` there is no list of messages, as where an account does not have it.
    """

    def __init__(
        self,
        store: MessageStore,
        *,
        clock: Callable[[], float] = time.time,
        delivery_after: float = 0.0,
        search: bool = True,
        taken: Callable[[StoredMessage], None] = lambda _: None,
    ) -> None:
        self.store = store
        self._clock = clock
        self._delivery_after = delivery_after
        self._search = search
        self._taken = taken

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> SandboxAnswer:
        """Answer one request; header names are as HTTP has them, in any case."""
        path = target.partition("?")[0]
        as_json = path.endswith(".json")
        try:
            document = self._document(method, target, {name.lower(): value for name, value in headers.items()}, body)
        except RefusedError as refusal:
            return _answer(refusal.status, refusal.document(), as_json=as_json)
        return _answer(200, document, as_json=as_json)

    def _document(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Any:
        path, _, query = target.partition("?")
        match = _PATH.fullmatch(path)
        if not match:
            raise RefusedError(404)
        _authenticate(headers.get("authorization", ""))
        account, what, sid, _ = match.groups()
        if what == "Messages" and not self._search:
            raise RefusedError(404)
        if method != ("GET" if what.startswith("Messages") else "POST"):
            raise RefusedError(405)
        if sid:
            return self._details(account, sid)
        if what == "Messages":
            return self._list(account, path, query)
        form = _form(body, headers.get("content-type", _FORM))
        if what == "send":
            return self._send(account, form)
        return self._send_different(account, form)

    def _details(self, account: str, sid: str) -> Any:
        message = self.store.get(account, sid)
        return self.message_document(message) if message else {"Message": "No matching results"}

    def _list(self, account: str, path: str, query: str) -> Any:
        try:
            asked = listing.question(query)
        except ValueError:
            raise RefusedError(400, 40500, "Invalid Parameters") from None
        return listing.page(self.store.received(account), asked, path, self.message_document)

    def report(self, account: str | None = None) -> bytes:
        """Return what an account's dashboard exports, as CSV; of all accounts where none is named."""
        return listing.report(self.store.received(account), self.message_document)

    def _send(self, account: str, form: Mapping[str, str]) -> Any:
        """One text to one recipient, or to several as ``To[0]``, ``To[1]`` …."""
        if any(name.startswith("Body[") for name in form):
            raise RefusedError(400, 40207, "Body must be text")
        several = [form[name] for name in sorted(form, key=_index) if re.fullmatch(r"To\[\d+\]", name)]
        if len(several) > _MOST:
            raise RefusedError(400, 40406, "More than 100 recipients")
        if not several and "To" not in form:
            raise RefusedError(400, 40203, "Invalid Parameters")
        drafts = [self._draft(account, form, to=to, body=form.get("Body")) for to in several or [form["To"]]]
        documents = self._accept(drafts)
        return documents if several else documents[0]

    def _send_different(self, account: str, form: Mapping[str, str]) -> Any:
        """Different texts: ``Messages[0][To]``, ``Messages[0][Body]`` …."""
        messages: dict[int, dict[str, str]] = {}
        for name, value in form.items():
            if match := re.fullmatch(r"Messages\[(\d+)\]\[(\w+)\]", name):
                messages.setdefault(int(match[1]), {})[match[2]] = value
        if "Messages" in form:
            raise RefusedError(400, 40208, "Messages must be an array")
        if not messages:
            raise RefusedError(400, 40201, "Messages is missing")
        if len(messages) > _MOST:
            raise RefusedError(400, 40400, "More than 100 messages")
        drafts = [
            self._draft(account, {**form, **own}, to=own.get("To", ""), body=own.get("Body"))
            for _, own in sorted(messages.items())
        ]
        return self._accept(drafts)

    def _accept(self, drafts: Sequence[StoredMessage | RefusedError]) -> list[Any]:
        """Take what can be taken; raises if that is nothing."""
        refused = [draft for draft in drafts if isinstance(draft, RefusedError)]
        if len(refused) == len(drafts):
            raise refused[0]
        taken = [draft for draft in drafts if isinstance(draft, StoredMessage)]
        self.store.add(taken)
        for message in taken:
            self._taken(message)
        return [
            draft.document() if isinstance(draft, RefusedError) else self.message_document(draft, fresh=True)
            for draft in drafts
        ]

    def _draft(
        self, account: str, form: Mapping[str, str], *, to: str, body: str | None
    ) -> StoredMessage | RefusedError:
        """Check one message; what is wrong with the whole request is raised, with one recipient returned."""
        _check_fields(form, body)
        number = _e164(to)
        if number is None:
            return RefusedError(400, 40203, f"Invalid Recipient [{to[:20]}]")
        ends_with = answers.DELIVERED
        if chosen := _CHOSEN.fullmatch(number):
            code = int(chosen[1])
            if code == 400:
                return RefusedError(400)
            if 300 <= code < 600:
                raise RefusedError(code)
            ends_with = code if code >= 20000 else ends_with
        return StoredMessage(
            sid=secrets.token_hex(16),
            account=account,
            sender=form["From"],
            recipient=number,
            body=body or "",
            ends_with=ends_with,
            created_at=self._clock(),
            callback=form.get("StatusCallback", ""),
            custom_field=form.get("CustomField", ""),
        )

    def message_document(self, message: StoredMessage, *, fresh: bool = False) -> dict[str, Any]:
        """Return a message as it stands now; a fresh one is queued, however quick delivery is."""
        code = answers.QUEUED if fresh else self._code_now(message)
        final = code == message.ends_with
        created = answers.date(message.created_at)
        done = answers.date(message.created_at + self._delivery_after) if final else None
        path = f"/v1/Accounts/{message.account}/SMS/Messages/{message.sid}.json"
        return {
            "SMSMessage": {
                "Sid": message.sid,
                "AccountSid": message.account,
                "From": f"/{message.sender}" if message.sender.isalpha() else message.sender,
                "To": _as_exotel_writes(message.recipient),
                "DateCreated": created,
                "DateUpdated": done or created,
                "DateSent": done,
                "Body": message.body,
                "Direction": "outbound-api",
                "Uri": path,
                "ApiVersion": None,
                "Price": "0.250000" if final else None,
                "Status": answers.word(code),
                "DetailedStatusCode": code,
                "DetailedStatus": answers.name(code),
                "SmsUnits": answers.units(message.body) if final else None,
            }
        }

    def _code_now(self, message: StoredMessage) -> int:
        """Delivery goes through its states with time: queued, sending, submitted, and the end."""
        age = self._clock() - message.created_at
        if age >= self._delivery_after or not self._delivery_after:  # it is negative once the clock was set back
            return message.ends_with
        third = int(3 * age / self._delivery_after)
        return (answers.QUEUED, answers.SENDING, answers.SUBMITTED)[max(0, third)]

    def callback_form(self, message: StoredMessage) -> Mapping[str, str]:
        """Return what Exotel posts to a StatusCallback once the message has come to its end."""
        ended = message._replace(created_at=message.created_at - self._delivery_after)
        document = self.message_document(ended)["SMSMessage"]
        fields = {
            "SmsSid": message.sid,
            **{name: str(document[name]) for name in ("To", "Status", "SmsUnits", "DetailedStatus")},
            "DetailedStatusCode": str(document["DetailedStatusCode"]),
            "DateSent": document["DateSent"] or "",
        }
        return {**fields, "CustomField": message.custom_field} if message.custom_field else fields


def _check_fields(form: Mapping[str, str], body: str | None) -> None:
    """Raise for what is wrong with the request whoever the recipient is."""
    if "From" not in form:
        raise RefusedError(400, 40210, "From is missing")
    if not form["From"].strip():
        raise RefusedError(400, 40205, "From is empty")
    if not body:
        raise RefusedError(400, 40200, "Body is empty")
    if len(body) > _LONGEST_BODY:
        raise RefusedError(400, 40202, "Body is too long")
    sms_type = form.get("SmsType")
    if sms_type is not None and sms_type not in _TYPES:
        raise RefusedError(400, 40204, "SmsType is invalid")
    if form.get("EncodingType", "plain") not in {"plain", "unicode"}:
        raise RefusedError(400, 40209, "EncodingType is invalid")


def _authenticate(header: str) -> None:
    """Take any key and token, except a token that begins with ``wrong``."""
    scheme, _, credentials = header.partition(" ")
    try:
        key, colon, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        raise RefusedError(401) from None
    if scheme.lower() != "basic" or not (key and colon and token) or token.startswith("wrong"):
        raise RefusedError(401)


def _form(body: bytes, content_type: str) -> dict[str, str]:
    """Read the fields; each ``To[]`` is one more recipient, as PHP and Rails write an array."""
    if len(body) > LARGEST_REQUEST:
        raise RefusedError(413, message="Request Entity Too Large")
    media_type = content_type.partition(";")[0].strip()
    if media_type.lower() != _FORM:
        raise RefusedError(400, 40500, f"Invalid Parameters: the body must be {_FORM}, not {media_type[:80]}")
    form: dict[str, str] = {}
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except ValueError:
        raise RefusedError(400, 40500, "Invalid Parameters") from None
    places = itertools.count(1 + max((_index(name) for name, _ in fields if name.startswith("To[")), default=0))
    for name, value in fields:
        form[f"To[{next(places)}]" if name == "To[]" else name] = value
    return form


def _index(name: str) -> int:
    digits = re.sub(r"[^0-9]", "", name)
    return int(digits[:9]) if digits else 0


def _e164(number: str) -> str | None:
    """Read a number as Exotel does: E.164, or an Indian one with or without its zero.

    A foreign one may have ``00``, as Exotel itself writes it, or nothing instead of the plus: HTML forms lose it.
    """
    digits = re.sub(r"[\s()-]", "", number)
    if match := re.fullmatch(r"(?:0|91|0091)?([6-9][0-9]{9})", digits):
        return "+91" + match[1]
    if match := re.fullmatch(r"(?:\+|00)([1-9][0-9]{6,14})|([1-9][0-9]{10,14})", digits):
        return f"+{match[1] or match[2]}"
    return None


def _as_exotel_writes(number: str) -> str:
    return "0" + number[3:] if number.startswith("+91") else "00" + number[1:]


def json_answer(status: int, document: Any) -> SandboxAnswer:
    """Return a document as an answer."""
    return SandboxAnswer(status, json.dumps(document).encode(), "application/json")


def _answer(status: int, document: Any, *, as_json: bool) -> SandboxAnswer:
    if as_json:
        return json_answer(status, document)
    inner = "".join(map(_xml, document)) if isinstance(document, list) else _xml(document)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<TwilioResponse>{inner}</TwilioResponse>'
    return SandboxAnswer(status, text.encode(), "application/xml")


def _xml(node: Any) -> str:
    if isinstance(node, dict):
        return "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in node.items())
    if isinstance(node, list):
        return "".join(f"<SMSMessage>{_xml(item)}</SMSMessage>" for item in node)
    text = "" if node is None else str(node)
    return escape("".join(c for c in text if c in "\t\n\r" or c >= " "))
