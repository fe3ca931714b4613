"""Our message to Exotel's form, and Exotel's JSON or XML to our words.

Sources: Exotel's developer portal (api/sms, api/sms-details, api/send-bulk-sms-*, api/http-status-codes) and
replies that clients recorded. Shapes that the portal leaves open are read leniently.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar, cast
from urllib.parse import quote, quote_plus, urlencode

from exosms.sms.field import Scope
from exosms.sms.message import OPTIONAL, Message, MessageFields

_PRICE = re.compile(r"-?\d{1,12}(\.\d{1,12})?", re.ASCII)


class Reply(NamedTuple):
    """One message as Exotel describes it."""

    sid: str
    to: str | None = None
    status: str | None = None
    detailed_status_code: int | None = None
    detailed_status: str | None = None
    units: int | None = None
    price: float | None = None
    date_sent: str | None = None
    """As Exotel writes it: see ``moment``."""
    date_updated: str | None = None


class Refusal(NamedTuple):
    """Exotel's ``RestException``."""

    status: int | None = None
    code: int | None = None
    message: str = ""
    to: str | None = None
    """Of which message, should it say so beside others."""
    sid: str | None = None
    """Should it have one all the same, as only a message has that was taken."""


class Unreadable(NamedTuple):
    """An item that is neither a message nor a refusal; what it stands for is not known. An empty tuple: false."""


class Doubt(NamedTuple):
    """Why what was said is not taken for a message's answer, and the Sid and number that were said, if that helps."""

    why: str
    sid: str | None = None
    to: str | None = None


Item = Reply | Refusal | Unreadable
_Said = TypeVar("_Said", bound=Item | Doubt | None)

ANOTHER_NUMBER = "the answer is about another number"
SEVERAL = Doubt("the answer gives its number several Sids, or its Sid to several numbers")

_NAMES = {"sid", "to", "status", "date_sent", "date_updated"}
"""Texts that are compared; a short secret is found in them by chance."""


class Hide(Protocol):
    """Takes out of a text what nobody is to see."""

    def __call__(self, text: str, *, is_name: bool = False) -> str:
        """Return the text without it; a name is a Sid, a number or a status, in which something short may stay."""


_WRAPPERS = ("TwilioResponse", "SMSMessages", "SMSMessage")


def send_path(account_sid: str) -> str:
    """Where one message is posted; ``.json``, since without it the answer is XML."""
    return f"/v1/Accounts/{quote(account_sid, safe='')}/Sms/send.json"


def bulk_path(account_sid: str) -> str:
    """Where several messages with different texts are posted."""
    return f"/v1/Accounts/{quote(account_sid, safe='')}/Sms/bulksend.json"


def details_path(account_sid: str, sms_sid: str) -> str:
    """Where one message is looked up. It is ``SMS/Messages`` here and ``Sms/send`` there."""
    return f"/v1/Accounts/{quote(account_sid, safe='')}/SMS/Messages/{quote(sms_sid, safe='')}.json"


def form(message: Message) -> bytes:
    """Return the message as Exotel's form, with ``EncodingType`` always set: its default is contradictory."""
    return _encoded(message, {"To": message.to, "Body": message.body}, _ALL).encode("ascii")


def same_text_form(messages: Sequence[Message]) -> bytes:
    """Return one text to several recipients: a repeated ``To`` or a comma list may reach only one of them."""
    first = messages[0]
    recipients = {f"To[{place}]": message.to for place, message in enumerate(messages)}
    return _encoded(first, {**recipients, "Body": first.body}, _ALL).encode("ascii")


def texts_form(messages: Sequence[Message]) -> bytes:
    """Return different texts to different recipients; what differs beside the text is said for each message."""
    first = messages[0]
    pieces = [_encoded(first, {}, _ONCE)]
    fields, said = first.fields, _said(first.fields, _EACH)
    for place, message in enumerate(messages):
        own = f"&Messages%5B{place}%5D%5B"
        pieces.append(f"{own}To%5D=%2B{message.to[1:]}{own}Body%5D={_quoted(message.body)}")
        if message.fields is not fields:  # most messages share them
            fields, said = message.fields, _said(message.fields, _EACH)
        if fields.sender != first.fields.sender:
            pieces.append(f"{own}From%5D={_quoted_field(fields.sender)}")
        for name, value in said:
            pieces.append(f"{own}{name}%5D={_quoted_field(value)}")
    return "".join(pieces).encode("ascii")


def _quoted(text: str) -> str:
    """As ``quote_plus``, which takes three times as long for ASCII."""
    if not text.isascii():
        return quote_plus(text)
    return re.sub(r"[^A-Za-z0-9_.~ -]", lambda found: _escaped(found[0]), text).replace(" ", "+")


@cache
def _escaped(character: str) -> str:
    return quote_plus(character)


_quoted_field = lru_cache(1000)(quote_plus)  # many messages say the same


def _options(*scopes: Scope) -> Sequence[tuple[str, str, object]]:
    """Return our name, Exotel's name and the default of the fields that are said there."""
    defaults = MessageFields._field_defaults
    return [(name, field.wire, defaults[name]) for name, field in OPTIONAL.items() if field.scope in scopes]


_ALL, _ONCE, _EACH = _options(*Scope), _options(Scope.REQUEST), _options(Scope.MESSAGE)


def _said(fields: MessageFields, options: Sequence[tuple[str, str, object]]) -> list[tuple[str, str]]:
    """Return what differs from its default."""
    return [(wire, value) for name, wire, default in options if (value := getattr(fields, name)) != default]


def _encoded(message: Message, more: Mapping[str, str], options: Sequence[tuple[str, str, object]]) -> str:
    every = {"From": message.fields.sender, **more, "EncodingType": message.encoding}
    return urlencode([*every.items(), *_said(message.fields, options)])


def read(body: bytes | None) -> list[Item]:
    """Return what an answer says about messages, in its order; nothing if it is neither JSON nor XML.

    It is as the server said it, and to be compared so; ``hidden`` returns what may be shown and kept.
    """
    try:
        return _items(parsed(body))
    except RecursionError:  # nested beyond reason
        return []


def is_speechless(body: bytes) -> bool:
    """Whether an answer says nothing at all: it is empty, a part of JSON or XML, or somebody's web page."""
    head = _without_mark(body)[:1]
    if head not in {b"", b"{", b"[", b"<"}:
        return False  # a sentence
    try:
        document = parsed(body)
    except RecursionError:
        return True
    return document is None or (head == b"<" and "html" in map(str.lower, document))


def hidden(items: Sequence[_Said], hide: Hide) -> Sequence[_Said]:
    """Return what was understood as it may be shown and kept; ``hide`` is given several texts at once, or each."""
    texts, names = "\n".join(_texts(items, are_names=False)), "\n".join(_texts(items, are_names=True))
    if hide(texts) == texts and hide(names, is_name=True) == names:
        return items
    return [_hidden(item, hide) for item in items]


def reply_to(number: str, items: Sequence[Item]) -> Reply | Doubt | None:
    """Return the reply that concerns ``number`` (E.164), the only one that was asked for.

    A lone reply may say of the number as much as it likes, such as its last digits, but not another one.
    """
    replies = [item for item in items if isinstance(item, Reply)]
    if len(replies) == 1:
        (reply,) = replies
        digits = re.sub(r"[^0-9]", "", reply.to or "").lstrip("0")
        return reply if number.endswith(digits) else Doubt(ANOTHER_NUMBER, sid=reply.sid, to=reply.to)
    theirs = [reply for reply in replies if reply.to and e164(reply.to) == number]
    sids = {reply.sid for reply in theirs}
    if len(sids) > 1 or any(reply.sid in sids for reply in replies if reply not in theirs):
        return SEVERAL
    return theirs[0] if theirs else None


def doubt_about(node: Mapping[str, Any], why: str) -> Doubt:
    """Return why an object of an answer, which has a Sid, is not taken for a message's answer."""
    return Doubt(why, _text(node.get("Sid")), _text(node.get("To")))


def moment(text: str | None) -> str | None:
    """Return one of Exotel's dates as ISO 8601 with its zone; None for no date, which may be written as 1970.

    The dates carry no zone and are Indian time in the replies that clients recorded.
    """
    from datetime import datetime, timedelta, timezone

    from exosms.system.times import INDIA

    try:
        date = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if date.year <= 1970:
        return None
    india = timezone(timedelta(seconds=INDIA))
    return (date if date.tzinfo else date.replace(tzinfo=india)).isoformat(timespec="seconds")


def refusal_in(items: Sequence[Item]) -> Refusal | None:
    """Return Exotel's error envelope, if the answer carries one."""
    return next((item for item in items if isinstance(item, Refusal)), None)


def e164(number: str) -> str:
    """Return a number as Exotel writes it as E.164.

    It is ``0`` + ten digits for India, ``00`` + number abroad; ten digits alone can only be an Indian mobile's.
    """
    digits = number if number.isdigit() else "".join(filter(str.isdigit, number))
    if digits.startswith("00"):
        return "+" + digits[2:]
    if len(digits) == 11 and digits.startswith("0"):
        return "+91" + digits[1:]
    if len(digits) == 10 and digits == number and digits[0] in "6789":
        return "+91" + digits
    return "+" + digits


def _texts(items: Sequence[Item | Doubt | None], *, are_names: bool) -> list[str]:
    return [
        value
        for item in items
        if item
        for name, value in zip(item._fields, item, strict=True)
        if isinstance(value, str) and (name in _NAMES) is are_names
    ]


def _hidden(item: _Said, hide: Hide) -> _Said:
    if item is None:
        return item
    shown: dict[str, Any] = {
        name: hide(value, is_name=name in _NAMES) for name, value in item._asdict().items() if isinstance(value, str)
    }
    return cast("_Said", item._replace(**shown))


def _items(node: Any) -> list[Item]:
    if isinstance(node, list):
        return [item for inner in node for item in _items(inner) or [Unreadable()]]
    if not isinstance(node, dict):
        return []
    for wrapper in _WRAPPERS:
        if wrapper in node:
            return _items(node[wrapper])
    if isinstance(refusal := node.get("RestException"), dict):
        status, code = _number(refusal.get("Status")), _number(refusal.get("Code"))
        to = _text(refusal.get("To")) or _text(node.get("To"))
        sid = next((_text(taken["Sid"]) for taken in with_sid(node)), None)
        return [Refusal(status=status, code=code, message=_text(refusal.get("Message")) or "", to=to, sid=sid)]
    if sid := _text(node.get("Sid")):
        said: dict[str, Any] = {}
        for name, value in node.items():
            if value is not None and name in _FIELDS:
                field, taken = _FIELDS[name]
                said[field] = taken(value)
        return [Reply(sid, **said)]
    return []


def described(body: bytes | None) -> Iterator[dict[str, Any]]:
    """Yield what an answer holds of objects with a Sid."""
    try:
        yield from with_sid(parsed(body))
    except RecursionError:  # nested beyond reason
        return


def with_sid(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects with a Sid that are in a part of an answer, or are it."""
    if isinstance(node, list):
        for inner in node:
            yield from with_sid(inner)
    elif isinstance(node, dict):
        if node.get("Sid"):
            yield node
        else:
            for inner in node.values():
                yield from with_sid(inner)


def _text(value: Any) -> str | None:
    """Text or a number as text; None for anything else and for emptiness."""
    if isinstance(value, str) and value.isascii():
        return value.strip() or None
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        # JSON can hold half a surrogate pair, which no encoding and no database takes.
        return str(value).encode("utf-8", "replace").decode().strip() or None
    return None


def _number(value: Any) -> int | None:
    """Codes come as numbers or as text."""
    text = _text(value)
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _price(value: Any) -> float | None:
    """A price comes as a number, as text or not at all."""
    text = repr(value) if isinstance(value, float) else _text(value)
    return float(text) if text and _PRICE.fullmatch(text) else None


_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "To": ("to", _text),
    "Status": ("status", _text),
    "DetailedStatusCode": ("detailed_status_code", _number),
    "DetailedStatus": ("detailed_status", _text),
    "SmsUnits": ("units", _number),
    "Price": ("price", _price),
    "DateSent": ("date_sent", _text),
    "DateUpdated": ("date_updated", _text),
}
"""What a reply may say beside its Sid, the field that each fills, and how it is read."""


def parsed(content: bytes | None) -> Any:
    """Return an answer as lists, dictionaries and texts; None if it is neither JSON nor XML."""
    body = _without_mark(content or b"")
    if body[:1] == b"<":
        return _parse_xml(body)
    import json

    try:
        return json.loads(body)
    except ValueError:  # no JSON, bytes that are no text, integers beyond reason
        return None


def _without_mark(body: bytes) -> bytes:
    """Return a body without what may stand around its document."""
    return body.removeprefix(b"\xef\xbb\xbf").strip()


def _parse_xml(body: bytes) -> Any:
    from xml.etree import ElementTree as ET

    class FormBuilder(ET.TreeBuilder):
        """Refuses a document type declaration, and with it every entity of its own."""

        def doctype(self, *_: object) -> None:
            raise ET.ParseError("document type declaration")

    try:
        root = ET.fromstring(body, parser=ET.XMLParser(target=FormBuilder()))  # noqa: S314  # see FormBuilder
    except (ET.ParseError, ValueError, LookupError):  # LookupError: an encoding that does not exist
        return None
    return {_name(root): _tree(root)}


def _tree(element: Any) -> Any:
    """An element's text, or its children by name; a name that repeats becomes a list."""
    if not len(element):
        return element.text
    tree: dict[str, list[Any]] = {}
    for child in element:
        tree.setdefault(_name(child), []).append(_tree(child))
    return {name: values if len(values) > 1 else values[0] for name, values in tree.items()}


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
