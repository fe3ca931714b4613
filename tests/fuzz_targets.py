"""What is broken, and what must hold of it: answers, headers, spreadsheets, TOML, templates, numbers."""

import html
import io
import json
import math
import re
import sys
import tomllib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import workbooks
from fuzzing import Target, chance_of, hold

from exosms.bulk import table
from exosms.cli.body_text import read_recipients
from exosms.config import config_file
from exosms.config.profile import read_profile, table_of
from exosms.errors import ConfigError, ExitCode, ExosmsError, GuardError, InputError
from exosms.exotel import wire
from exosms.exotel.client import Batch, Client
from exosms.exotel.exchange import Answer
from exosms.send.recipients import find_recipients
from exosms.sms import phone
from exosms.sms.foreign_markers import find, unfilled
from exosms.sms.message import Encoding, Message, MessageFields, Outcome, Receipt
from exosms.sms.rate import Rate, retry_after
from exosms.tables import table_file, workbook
from exosms.tables.damaged_cells import LOST, are_sound, damage_of, doubt_about
from exosms.tables.records import Record
from exosms.tables.sheet import read_sheet
from exosms.tables.workbook_archive import WorkbookError
from exosms.templates import edit_file, marker_flaws, portal_export, portal_table, registry
from exosms.templates.explain.explain import explain, mend
from exosms.templates.match import Match, is_marker, match
from exosms.templates.search import Index
from exosms.templates.syntax import Template, fit, fold_line_ends, parse, render
from exosms.templates.variables import VariableType

_PART_END = b"\n\x1e\n"

CANARY = "canarytoken0815"
SID = "5eed" * 8


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


# Answers.


class _Line:
    """A line that gives one answer and knows a secret."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def exchange(self, _method: str, _path: str, _body: bytes, *, limit: int = 0) -> Answer:
        hold(limit >= 0, "a limit is a number of bytes", limit)
        return self._answer

    def hide(self, text: str, *, is_name: bool = False) -> str:  # noqa: ARG002
        return text.replace(CANARY, "********")


NUMBERS = ("+919876543210", "+919876543211", "+14155550123")
MESSAGES = [
    Message(to, f"Hello {place}", Encoding.PLAIN, 1, MessageFields(sender="ACMEIN"))
    for place, to in enumerate(NUMBERS)
]
_STATUSES = (200, 200, 200, 200, 200, 201, 204, 299, 302, 400, 401, 402, 403, 404, 408, 409, 429, 500, 503, 503, 504)


def _answers(data: bytes, _home: Path) -> Hashable:
    chance = chance_of(data)
    status = chance.choice(_STATUSES)
    client = Client(_Line(Answer(status=status, body=data)), account_sid="acme1")
    items = wire.hidden(wire.read(data), _Line(Answer(status=status, body=data)).hide)
    for item in items:
        _check_item(item, data)
    shape = [type(item).__name__ for item in items[:5]]
    way = chance.randrange(3)
    if way == 0:
        receipt = client.send(MESSAGES[0])
        _check_receipt(receipt, status, items, data)
        return status // 100, *shape, receipt.outcome
    if way == 1:
        sent = client.send_batch(MESSAGES)
        _check_batch(sent, status, items)
        return status // 100, *shape, *(receipt.outcome for receipt in sent.receipts), sent.matched
    report = client.details(SID)
    if report.delivery is not None:
        mine = [item for item in items if isinstance(item, wire.Reply) and item.sid.casefold() == SID]
        hold(mine, "no other message's state is told", report)
        hold(status < 300 or status == 404, "an error says nothing of a message", report)
        _check_moment(report.delivery.sent_at)
        _check_moment(report.delivery.updated_at)
    return status // 100, *shape, report.exit_code


def _check_item(item: wire.Item, data: bytes) -> None:
    hold(CANARY not in repr(item), "a secret is hidden", item)
    if isinstance(item, wire.Refusal):
        hold(item.code is None or 0 <= item.code < 10**9, "a code is a small number", item)
    if not isinstance(item, wire.Reply):
        return
    hold(item.sid and item.sid == item.sid.strip(), "a Sid has something in it", item)
    hold(_is_in(data, item.sid.replace("********", CANARY)), "a Sid stands in the answer", item)
    for number in (item.detailed_status_code, item.units):
        hold(number is None or 0 <= number < 10**9, "a code is a small number", item)
    hold(item.price is None or math.isfinite(item.price), "a price is a number", item)


def _check_moment(text: str | None) -> None:
    if text is not None:
        moment = datetime.fromisoformat(text)
        hold(moment.tzinfo is not None and moment.year > 1970, "a moment has a zone", text)


def _check_receipt(receipt: Receipt, status: int, items: Sequence[wire.Item], data: bytes) -> None:
    sids = [item.sid for item in items if isinstance(item, wire.Reply)]
    hold(
        receipt.outcome in _meaning(status, items, data, has_sid=bool(sids)),
        "a status means what it means",
        status,
        receipt,
    )
    hold(
        (receipt.sid in sids) if receipt.outcome is Outcome.ACCEPTED else receipt.sid is None,
        "a Sid is ours",
        receipt,
    )
    hold((receipt.exit_code is ExitCode.OK) == (receipt.outcome is Outcome.ACCEPTED), "0 means accepted", receipt)


def _meaning(status: int, items: Sequence[wire.Item], data: bytes, *, has_sid: bool) -> set[Outcome]:
    """Return what may be said of a message, from the rules alone."""
    if status < 300:
        return {Outcome.ACCEPTED, Outcome.UNKNOWN} if has_sid else {Outcome.UNKNOWN}
    if status in {408, 409, 500, 504}:
        return {Outcome.UNKNOWN}
    if status in {429, 503}:
        throttled = status == 429 or any(isinstance(item, wire.Refusal) for item in items)
        if has_sid or not throttled:
            return {Outcome.UNKNOWN}
        return {Outcome.NOT_SENT, Outcome.UNKNOWN} if _is_in(data, "Sid") else {Outcome.NOT_SENT}
    if status == 403:
        return {Outcome.NOT_SENT, Outcome.REJECTED}
    return {Outcome.NOT_SENT} if status in {302, 401, 402} else {Outcome.REJECTED}


def _check_batch(sent: Batch, status: int, items: Sequence[wire.Item]) -> None:
    hold(len(sent.receipts) == len(MESSAGES), "every message has a receipt", sent)
    replies = {(item.sid, wire.e164(item.to)) for item in items if isinstance(item, wire.Reply) and item.to}
    accepted = [receipt.sid for receipt in sent.receipts if receipt.outcome is Outcome.ACCEPTED]
    hold(len(set(accepted)) == len(accepted), "no Sid is two messages'", sent)
    hold(not accepted or status < 300, "an error accepts nothing", status, sent)
    for message, receipt in zip(MESSAGES, sent.receipts, strict=True):
        if receipt.outcome is Outcome.ACCEPTED:
            hold((receipt.sid, message.to) in replies, "a Sid is its number's", message.to, receipt)
        elif status < 300 and receipt.outcome is not Outcome.UNKNOWN:
            hold(any(isinstance(item, wire.Refusal) for item in items), "who is refused was refused", receipt)


_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_JSON_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_JSON_SIGNS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_XML_NOISE = re.compile(r"<!\[CDATA\[|\]\]>|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_XML_ENTITY = re.compile(r"&(?:#(\d+)|#x([0-9a-fA-F]+)|(lt|gt|amp|quot|apos));")
_XML_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def _is_in(data: bytes, text: str) -> bool:
    """Whether a text stands in the bytes, in whichever encoding and with whichever escapes."""
    if text.encode() in data:
        return True
    return any(text in spelled for decoded in _decodings(data) for spelled in _spellings(decoded))


def _decodings(data: bytes) -> Iterator[str]:
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    declared = _XML_ENCODING.search(data)
    for encoding in ("utf-8", json.detect_encoding(data), "utf-16", declared[1].decode() if declared else "latin-1"):
        try:
            yield data.decode(encoding, "replace")
            yield data.decode(encoding, "surrogatepass")
        except (LookupError, UnicodeError):
            continue


def _spellings(text: str) -> Iterator[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    yield _whole(text)
    yield _whole(_unescaped(text))
    yield _halved(
        _unescaped(_JSON_PAIR.sub(lambda pair: _joined(chr(int(pair[1], 16)) + chr(int(pair[2], 16))), text))
    )
    yield _whole(_XML_ENTITY.sub(_xml_character, _XML_NOISE.sub("", text)))


def _unescaped(text: str) -> str:
    return _JSON_ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _JSON_SIGNS.get(found[2], found[2]), text
    )


def _xml_character(found: re.Match[str]) -> str:
    if found[3]:
        return html.unescape(found[0])
    number = int(found[1]) if found[1] else int(found[2], 16)
    return chr(number) if number < 0x110000 else ""


def _whole(text: str) -> str:
    """Return the text with its surrogate pairs joined, and halves of some as a question mark."""
    return _halved(re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: _joined(pair[0]), text))


def _halved(text: str) -> str:
    """Return the text with a question mark for each surrogate; JSON joins two escapes, but none with a raw one."""
    return text.encode("utf-8", "replace").decode()


def _joined(pair: str) -> str:
    return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _sms(**fields: object) -> dict[str, Any]:
    return {
        "SMSMessage": {
            "Sid": SID,
            "AccountSid": "acme1",
            "From": "ACMEIN",
            "To": "09876543210",
            "DateCreated": "2026-11-23 10:00:00",
            "DateSent": None,
            "DateUpdated": "2026-11-23T10:00:05+05:30",
            "Body": "Your code is 4711",
            "Status": "queued",
            "SmsUnits": None,
            "Price": "0.180000",
            "DetailedStatusCode": 21010,
            "DetailedStatus": "PENDING_TO_OPERATOR",
            "Uri": f"/v1/Accounts/acme1/SMS/Messages/{SID}.json",
            **fields,
        }
    }


_REFUSED = {"RestException": {"Status": 403, "Message": f"No such key: {CANARY}", "Code": 40003}}
_XML_SMS = f"<SMSMessage><Sid>{SID}</Sid><To>09876543210</To><Status>queued</Status><Price>0.18</Price></SMSMessage>"
_XML_OTHER = "<SMSMessage><Sid>0b5e</Sid><To>0014155550123</To><Status>sent</Status></SMSMessage>"
_XML = "<?xml version='1.0' encoding='UTF-8'?><TwilioResponse>{}</TwilioResponse>"
_ANSWERS = [
    json.dumps(_sms()).encode(),
    json.dumps({"SMSMessage": {"Sid": SID, "Status": "queued"}}, indent=1).encode(),
    json.dumps([_sms(), _sms(Sid="0b5e" * 8, To="09876543211"), _sms(Sid="cafe" * 8, To="0014155550123")]).encode(),
    json.dumps([_sms(), _REFUSED, _sms(Sid="cafe" * 8, To="0014155550123")]).encode(),
    json.dumps({"SMSMessages": [_sms(Sid="0b5e", To="09876543211"), _sms()]}).encode(),
    json.dumps(_REFUSED).encode(),
    json.dumps({"RestException": {"Status": 503, "Message": "Too many requests", "Code": "40405"}}).encode(),
    json.dumps(_sms(Sid=4711, Price=0.18, SmsUnits="2", DetailedStatusCode="23185")).encode(),
    json.dumps(_sms(Body="नमस्ते 😀"), ensure_ascii=False).encode(),
    json.dumps(_sms(Sid="श्री 😀")).encode(),
    _XML.format(_XML_SMS).encode(),
    _XML.format(_XML_SMS + _XML_OTHER).encode(),
    _XML.format(f"<RestException><Status>400</Status><Message>{CANARY}</Message></RestException>").encode(),
    _XML.format(f"<SMSMessages>{_XML_SMS}{_XML_OTHER}</SMSMessages>").encode(),
    b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
    b"{}",
    b"",
]
_ANSWER_WORDS = [
    b"null", b"true", b"[]", b"{}", b'""', b'"Sid"', b'"To"', b'"SMSMessage"', b'"RestException"',
    b'"TwilioResponse"', b'"SMSMessages"', b'"Status"', b'"Code"', b'"\\ud83d"', b'"\\ud83d\\ude00"', b'"\\u0000"',
    b'" "', b"1e999", b"-0", b"NaN", b"-1", b'{"Sid": "x"}', b'["x"]', b'"09876543210"', b'"09876543211"',
    b'"+919876543210"', b'"00919876543210"', b"<Sid>", b"</Sid>", b"<Sid/>", b"<To>", b"&lt;", b"&amp;", b"&x;",
    b"&#65;", b"&#x1F600;", b"<![CDATA[", b"]]>", b"<!-- x -->", b"<?x y?>", b"<!DOCTYPE a>",
    b'<!DOCTYPE a [<!ENTITY b "c">]>', b" xmlns='urn:x'", b"encoding='UTF-16'", b"encoding='latin-1'",
    b"encoding='x-none'", b'"1970-01-01 05:30:00"', b'"9999-12-31 23:59:59"', b'"2026-02-30"',
    b'"0001-01-01T00:00:00+23:59"', b'"20261123T100000Z"', CANARY.encode(), b'"%s"' % CANARY.encode(), b",", b":",
]  # fmt: skip


# Retry-After, and a rate.


def _retry_after(data: bytes, _home: Path) -> Hashable:
    value, _, date = _decoded(data).partition("\n")
    said = retry_after(value, date=date or None)
    hold(said is None or 0 <= said <= 300, "a pause lasts from 0 to 300 s", said)
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        hold(said == min(int(value.strip()), 300), "seconds are seconds", said)
    same = retry_after(value, date=value)
    hold(same is None or same == 0 or value.strip().isdigit(), "from a moment to itself it is nothing", same)
    hold(retry_after(value, date=None) in {None, said}, "without a date a date says nothing", said)
    try:
        rate = Rate.parse(value)
    except ValueError:
        return said is None, said in {0.0, 300.0}
    hold(0 <= rate.per_minute < 10**6, "a rate is a number", rate)
    hold(Rate.parse(str(rate)) == rate, "a rate is read back", rate)
    return "rate", rate.per_minute == 0


def _decoded(data: bytes) -> str:
    """Return a header or an argument as Python hands it to us."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


_HEADERS = [
    b"0", b"1", b"120", b"3600", b" 5 ", b"200/min", b"off", b"60 / minute",
    b"Thu, 01 Jan 1970 00:02:00 GMT\nThu, 01 Jan 1970 00:00:00 GMT",
    b"Mon, 23 Nov 2026 10:00:30 GMT\nMon, 23 Nov 2026 10:00:00 GMT",
    b"Monday, 23-Nov-26 10:00:30 GMT\nMon Nov 23 10:00:00 2026",
    b"Mon, 23 Nov 2026 15:30:30 +0530\nMon, 23 Nov 2026 10:00:00 GMT",
]  # fmt: skip
_HEADER_WORDS = [
    b"GMT", b"EST", b"+0530", b"-9999", b"+2400", b"Mon", b"Nov", b"Feb", b"31", b"0", b"99", b"9999", b"10000",
    b"23:59:60", b"24:00:00", b"10:00", b"10.00.00", b"-5", b"+5", b"1.5", b"1e3", b",", b";", b"soon", "٣".encode(),
    b"(comment)", b"-0000", b"0000", b"1", b"69", b"/min", b"/m", b"\n",
]  # fmt: skip


# CSV.


def _sheets(data: bytes, _home: Path) -> Hashable:
    chance = chance_of(data)
    delimiter = chance.choice((None, ",", ",", ";", "\t", "x"))
    encoding = chance.choice((None, None, None, None, "utf-8", "windows-1252", "utf-16", "ascii", "utf-8-sig"))
    stdin, sys.stdin = sys.stdin, SimpleNamespace(buffer=io.BytesIO(data))
    try:
        with table.open_table(None, delimiter=delimiter, encoding=encoding) as sheet:
            headers, items = sheet.headers, list(sheet.rows())
    except InputError as error:
        _check_error(error)
        headers, items = None, []
    finally:
        sys.stdin = stdin
    flaws = [item for item in items if isinstance(item, table.RowError)]
    hold([item.number for item in items] == [*range(1, len(items) + 1)], "rows are counted", items)
    hold(not any(item.is_last for item in flaws if item is not items[-1]), "the last flaw is the last", flaws)
    hold(all(one.line < other.line for one, other in pairwise(items)), "lines grow", items)
    if encoding is None and delimiter is not None and headers is not None:
        _check_records(data, delimiter, headers, items)
    return headers is None, len(flaws), len(items) - len(flaws), bool(flaws and flaws[-1].is_last)


def _check_records(
    data: bytes, delimiter: str, headers: Sequence[str], items: Sequence[table.Row | table.RowError]
) -> None:
    """Compare with a second reader, where line ends leave no doubt."""
    if b"\r" in data or b"\0" in data or data[:2] in {b"\xff\xfe", b"\xfe\xff"} or len(data) > 100_000:
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # behind a broken quote nothing was read
        hold(isinstance(items[-1], table.RowError) and items[-1].is_last, "what is no text is no row", items)
        return
    first = next(line for line in text.split("\n") if line)
    if re.fullmatch(r'"?sep=[^"\r\n]"?', first, re.IGNORECASE):
        return
    records, is_whole = _records(text, delimiter)
    records = [cells for cells in records if any(map(str.strip, cells))]
    header, *rest = records
    named = [place for place, name in enumerate(header) if name.strip()]
    hold(headers == tuple(header[place] for place in named), "the first record names the columns", headers)
    hold(len(items) == len(records) - is_whole, "no rows are merged", len(items), len(records))
    for cells, item in zip(rest, items, strict=False):
        missing = len(header) - len(cells)  # a column without a name may be left out where the last ones are
        padded = [*cells, *[""] * missing] if len(cells) > named[-1] and len(named) < len(header) else cells
        hold(isinstance(item, table.Row) == (len(padded) == len(header)), "another width is no row", item)
        hold(
            not isinstance(item, table.Row) or [*item.cells.values()] == [padded[place] for place in named],
            "cells are as they stand there",
            item,
        )
    hold(
        is_whole or (isinstance(items[-1], table.RowError) and items[-1].is_last),
        "a broken quote ends it",
        items[-1:],
    )


def _records(text: str, delimiter: str) -> tuple[list[list[str]], bool]:
    """Return the records of a CSV (RFC 4180) up to one that breaks its rules, and whether none does."""
    records: list[list[str]] = []
    at = 0
    while at < len(text):
        if text[at] == "\n":
            at += 1
            continue
        cells: list[str] = []
        while True:
            cell, at, is_good = _cell(text, at, delimiter)
            if not is_good:
                return records, False
            cells.append(cell)
            if at == len(text) or text[at] == "\n":
                break
            at += 1
        at += 1
        records.append(cells)
    return records, True


def _cell(text: str, at: int, delimiter: str) -> tuple[str, int, bool]:
    """Return one cell, the offset of what ends it, and whether it keeps the rules."""
    if text[at : at + 1] != '"':
        start = at
        while at < len(text) and text[at] not in {delimiter, "\n"}:
            at += 1
        is_clear = '"' not in text[start:at] or re.fullmatch('="[^"]*"', text[start:at]) is not None
        return text[start:at], at, is_clear
    cell = ""
    at += 1
    while (end := text.find('"', at)) >= 0:
        cell += text[at:end]
        at = end + 1
        if text[at : at + 1] != '"':
            return cell, at, at == len(text) or text[at] in {delimiter, "\n"}
        cell += '"'
        at += 1
    return "", len(text), False


def _check_error(error: ExosmsError) -> None:
    hold(error.message, "an error is a sentence", error.message)


_SHEETS = [
    b"to,body\n9876543210,Hello\n9876543211,Bye\n",
    b'to,name,body\r\n9876543210,Ravi,"Dear Ravi, ""hi""\r\nbye"\r\n9876543211,"",plain\r\n',
    b'to;name;order\n9876543210;Asha;17\n\n9876543211;"a;b";18\n',
    b"to\tbody\n9876543210\tHello\n",
    b"to,body\r9876543210,Hello\r9876543211,Bye\r",
    b"sep=;\nto;body\n9876543210;Hello\n",
    b'to,body\n1,"a\nb\n\nc"\n2,","\n3,""\n',
    "to,body\n9876543210,नमस्ते 😀\n".encode(),
    b"\xef\xbb\xbfto,body\n9876543210,Hello\n",
    "to,body\n9876543210,Hello\n".encode("utf-16"),
    b"to,body\n9876543210,caf\xe9\n",
    b"\n\nto,body\n\n1,a\n\n\n2,b",
]
_SHEET_WORDS = [
    b'"', b'""', b'"""', b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"\n\n", b'"\n', b'\n"', b'","', b'"a""b"',
    b" ", b"\0", b"sep=;\n", b"to", b"TO ", b"body", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04",
    b"\x1a", b"\\", b"'", b"#", "“".encode(), "\u2028".encode(), "\ufffd".encode(), b"x", b'="0012"', b'="', b",,",
    b"\n,\n", b"\n \n", b"#REF!", b"1.1E+18",
]  # fmt: skip


# Cells, typed ones, and what a spreadsheet did to them.


def _cells(data: bytes, _home: Path) -> Hashable:
    """Look at a cell quickly and at length, which have to agree."""
    cell = data.decode(errors="replace").strip()
    damage, doubt = damage_of(cell), doubt_about(cell)
    is_flawed = not cell or damage is not None or doubt is not None or LOST in cell
    hold(not (are_sound([cell]) and is_flawed), "a quick look passes over no flaw", cell, damage, doubt)
    return are_sound([cell]), damage, doubt


_CELLS = [
    b"1.10716E+18", b"#REF!", b"Order 1.1E+18 has left", b"########", b"????", b"NaN", b"=A1", "Zoë Ã«".encode(),
    b"Err:502", b"What?", b"Asha #1", "नमस्ते".encode(), b"E-17", b"(null)", b"1e+05",
]  # fmt: skip
_CELL_WORDS = [
    b"#", b"!", b"?", b"E", b"e", b"+", b"E+", b"#N/A", b"#NAME?", b"Err:", b"=", b" ", b".", b"1", b"nan", b"NULL",
    "Ã«".encode(), "â‚¬".encode(), "\ufffd".encode(), b"###", b"NONE", b"undefined",
]  # fmt: skip


def _typed(data: bytes, home: Path) -> Hashable:
    """Read the rows of a workbook of these parts as bulk does, and as they are given back."""
    parts = dict(zip(("relations", "book", "strings", "sheet"), data.split(_PART_END), strict=False))
    path = _written(home / "people.xlsx", workbooks.xlsx(parts.pop("sheet", b""), **parts))
    with mock.patch.object(table_file, "open_sheet", _sheet_in_process):
        try:
            with table.open_table(path) as sheet:
                headers, items = sheet.headers, list(sheet.rows())
            with table.open_table(path) as sheet:
                originals = list(sheet.originals())
        except InputError as error:
            _check_error(error)
            return error.message[-20:]
    hold([number for number, _ in originals] == [item.number for item in items], "rows are given back", originals)
    hold(all(one.line < other.line for one, other in pairwise(items)), "lines grow", items)
    rows = [item for item in items if isinstance(item, table.Row)]
    hold(all(len(row.cells) == len(headers) for row in rows), "a row has every column", headers, rows)
    return len(headers), len(rows), len(items) - len(rows)


# Who gets a text.


def _recipients(data: bytes, home: Path) -> Hashable:
    """Read a file of recipients, and groups."""
    groups, _, lines = data.partition(_PART_END)
    config = _written(home / "config.toml", groups)
    try:
        given = read_recipients(str(_written(home / "people.txt", lines)))
        found = find_recipients(given, SimpleNamespace(config=config, country="IN"))  # type: ignore[arg-type]
    except (ConfigError, InputError) as error:
        _check_error(error)
        return error.message.rpartition(":")[2][:20]
    hold(not any(not each.strip() or each.startswith("#") for each in given), "comments name nobody", given)
    hold(all(each in lines.decode("utf-8-sig") for each in given), "whoever is named stands there", given)
    hold(all(re.fullmatch(r"\+[1-9][0-9]{3,14}", number) for number in found.numbers), "numbers are E.164", found)
    hold(len({*found.numbers}) == len(found.numbers), "each once", found)
    hold(len(found.numbers) + len(found.refused) == len(found.as_given), "nobody is passed over", found)
    return len(found.numbers), len(found.repeated), tuple(error.message[-16:] for error in found.refused.values())


_LISTS = [
    b'[groups]\noncall = ["+919876543210", 9876543211]\nnight = ["98765 43212", "@oncall"]\n'
    + _PART_END
    + b"# the team\n9876543210\n\n@oncall\n+1 650-253-0000\n@night\n",
    b'groups = { a = [], "b c" = ["x"], d = "9876543210" }\n' + _PART_END + b"@a\r\n@b c\r\n@d\r\n@nobody\r\n",
    _PART_END + "\ufeff९८७६५४३२१०\n 09876543210 \n#9876543211".encode(),
]
_LIST_WORDS = [
    b"@",
    b"@oncall",
    b"#",
    b"\n",
    b"\r",
    b"[groups]",
    b"[]",
    b'["9876543213"]',
    b"9876543213",
    b"[[1]]",
    b"1.5",
]


# config.toml.


def _configurations(data: bytes, home: Path) -> Hashable:
    path = _written(home / "config.toml", data)
    try:
        config = config_file.read(path, home="/home/asha")
    except ConfigError as error:
        _check_secret(error, data)
        return error.message.rpartition(":")[2][:20]
    shape: list[Hashable] = []
    for name in (*config.names[:5], "nosuch"):
        config.unknown_keys(name)
        try:
            profile = config.profile(name)
        except ConfigError as error:
            _check_secret(error, data)
            shape.append(error.message[-16:])
            continue
        hold(CANARY not in repr(profile) or _is_public(data), "a profile does not show its token", profile)
        table = table_of(profile)
        again = read_profile(name, table, path=path, home=None)
        hold(table_of(again) == table, "a profile is read back", table)
        url = profile.base_url or "https://"
        hold(
            url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]")),
            "plain HTTP stays here",
            url,
        )
        shape.append(tuple(table))
    if chance_of(data).random() < 0.2:
        _check_edit(path, config)
    return tuple(shape)


def _check_edit(path: Path, config: config_file.Config) -> None:
    before = path.read_bytes()
    names = config.names
    try:
        if names:
            config_file.use_profile(path, names[-1])
            hold(config_file.read(path).default == names[-1], "the profile in use is the one that was asked for")
            before = path.read_bytes()
            config_file.remove_profile(path, names[0])
    except ConfigError as error:
        _check_secret(error, before)
        hold(path.read_bytes() == before, "what cannot be changed stays as it is", error.message)
        return
    hold(config_file.read(path).names == names[1:], "the others stay", names)


def _check_secret(error: ExosmsError, data: bytes) -> None:
    _check_error(error)
    if CANARY in error.message + error.remedy:
        hold(_is_public(data), "a token is not told", error.message)


def _is_public(data: bytes) -> bool:
    """Whether the canary stands where nothing is secret: as a name, or as the value of another key."""
    try:
        return _is_elsewhere(tomllib.loads(data.decode("utf-8-sig")))
    except ValueError:
        return False


def _is_elsewhere(value: object, key: str = "") -> bool:
    if isinstance(value, dict):
        return any(CANARY in name or _is_elsewhere(inner, name) for name, inner in value.items())
    if isinstance(value, list):
        return any(_is_elsewhere(inner, key) for inner in value)
    return isinstance(value, str) and CANARY in value and key not in {"api_key", "api_token"}


_CONFIGURATIONS = [
    f"""version = 1
default_profile = "prod"

[profiles.prod]
region = "mumbai"
account_sid = "acme1"
api_key = "key"
api_token = "{CANARY}"                 # or token_command
from = "ACMEIN"
dlt_entity_id = "1101234567890123456"
country = "IN"
rate = "200/min"
allow = ["+919876543210", "98765 43211"]
max_parts_per_day = 5000
price_per_part = 0.18
templates = "~/templates.toml"
""".encode(),
    b"""[profiles.a]
region = "singapore"
token_command = ["pass", "show", "exotel"]
[profiles.b]
base_url = "http://127.0.0.1:8080"
token_file = "token"
rate = "off"
[profiles.sandbox]
""",
    f'version = 1\nprofiles = {{ x = {{ region = "sandbox", api_key = "{CANARY}", colour = 1 }} }}\n'.encode(),
    b"",
]
_TOML_WORDS = [
    b"true", b"1", b"-1", b"0.0", b"inf", b"nan", b"1e400", b"[]", b"{}", b'""', b"''", b'["x"]', b"[1]",
    b'"\\ud83d"', b'"\\u0000"', b"1979-05-27", b"07:32:00", b"[profiles]", b"[[profiles]]", b"[profiles.prod]",
    b'[profiles."a b"]', b"[templates.x]", b"version = 2\n", b"version = true\n", b"=", b".", b"#", b'"', b"'''",
    b'"""', b"\n", b"\r\n", b'"http://example.com"', b'"https://user:pass@x"', b'"https://x/?a=b"',
    b'"http://[::1]:1"', b'"http://[::bad"', b'"XX"', b'"in"', b'"0/min"', b"api_token", b"token_file", b"text",
    b"variables", b"types", b'"var"', b'"url"', b'"a=b"', b"x.y", b"\xff", b"0x10", b'"""a\nb"""', b'"{#var#}"',
    b'"%s"',
]  # fmt: skip


# templates.toml.


def _template_files(data: bytes, home: Path) -> Hashable:
    path = _written(home / "templates.toml", data)
    try:
        found = registry.read(path)
    except InputError as error:
        _check_error(error)
        return error.message.rpartition(":")[2][:20]
    for flaw in found.flawed.values():
        _check_error(flaw)
    for registered in [*found.templates.values()][:3]:
        hold(
            len(registered.names) == len({*registered.names}) == registered.template.marker_count, "names fit markers"
        )
        given = dict(zip(registered.names, _values(registered.template), strict=True))
        hold(registered.values(given) == tuple(given.values()), "values go by name", given)
        _check_repeats(registered.template)
    if chance_of(data).random() < 0.3:
        _check_changes(path, found)
    return len(found.templates), tuple(flaw.message[-16:] for flaw in found.flawed.values()), len(found.warnings)


def _check_changes(path: Path, found: registry.Registry) -> None:
    before, document = path.read_bytes(), registry.load(path)
    tables = {**document.get("templates", {})}
    name = next(iter(found.templates), "new")
    table = {"text": 'Dear {#var#},\n "\\ \u200d" \x7f', "dlt_template_id": "1107161234567890123"}
    for change, expected in (
        (lambda: edit_file.add(path, "neu", table), {**tables, "neu": table}),
        (lambda: edit_file.add(path, name, table, replace=True), None),
        (lambda: edit_file.remove(path, name), None),
    ):
        try:
            change()
        except (InputError, GuardError) as error:
            _check_error(error)
            hold(path.read_bytes() == before, "what cannot be changed stays as it is", error.message)
            continue
        now = registry.load(path).get("templates", {})
        # As they are written, since nan is not even equal to itself.
        hold(expected is None or "neu" in tables or repr(now) == repr(expected), "what is added is added", now)
        others = {key: each for key, each in tables.items() if key not in {name, "neu"}}
        hold(repr({key: now.get(key) for key in others}) == repr(others), "the others stay", now)
        before = path.read_bytes()


_TEMPLATE_FILES = [
    """version = 1

# One-time passwords.
[templates.otp]
text = "{#var#} is your OTP for {#var#}. - Acme"  # as registered
variables = ["code", "app"]
dlt_template_id = "1107161234567890123"
dlt_entity_id = "1101234567890123456"
from = "ACMEIN"
type = "transactional"

[templates."आदेश"]
text = \"\"\"
Order {#numeric#} costs ₹{#num#}.\\nSee {#url#}\\u0020
- Acme\"\"\"
types = ["numeric", "num", "url"]
""".encode(),
    b"version = 1\r\n[templates.a]\r\ntext = \"Hi %s, %d\"\r\n[templates.b]\r\ntext = '{#alp#}{#alp#} {#email#}'\r\n",
    b'templates = { x = { text = "Fixed" }, y = { text = "Hi {#var#}", from = "" } }\n',
    b'[templates]\na.text = "Hi {#name#}"\na.variables = ["name"]\n',
]


# What portals export.


def _exports(data: bytes, home: Path) -> Hashable:
    return _export(_written(home / "export", data), data)


def _export(path: Path, data: bytes | None) -> Hashable:
    try:
        export = portal_export.read(path)
    except InputError as error:
        _check_error(error)
        return error.message.rpartition(":")[2][:12]
    refused = len({problem.row for problem in export.problems})
    counted = len(export.templates) + export.repeated + sum(export.not_approved.values())
    hold(counted <= export.rows <= counted + 2 * refused, "every row comes to something", export)
    hold(data is None or export.rows < data.count(b"\n") + data.count(b"\r") + 1, "no rows are made up", export)
    for each in export.templates:
        hold(each.id.isascii() and each.id.isdigit(), "an id has digits only", each)
        hold(data is None or b"\0" in data or each.id in _visible(data), "an id stands in the file", each)
        hold(each.text.strip() and len(each.text) <= 2000 and "\r" not in each.text, "a text is a text", each)
        parse(each.text)
    return len(export.templates), tuple({note.kind for note in export.notes}), export.label


def _visible(data: bytes) -> str:
    return "".join(filter(str.isprintable, data.decode(errors="ignore") + data.decode("latin-1")))


_HEAD = "TEMPLATE_ID,TEMPLATE_NAME,TEMPLATE_CONTENT,HEADER,TYPE,STATUS\n"
_ROW = '1107160000000012345,OTP,"Dear {#var#},\nuse {#num#}<br/>- Acme",ACMEIN,Service Implicit,Approved\n'
_OTHER = "1107160000000054321,Sale,50% off &amp; more,601234|ACMEIN,Promotional,Active\n"
_EXPORTS = [
    (_HEAD + _ROW + _OTHER).encode(),
    (_HEAD + _OTHER + _OTHER).replace(",", ";").replace("\n", "\r\n").encode(),
    b"sep=\t\nDLT Template Id\tTitle\tMessage\n'1107160000000012345\tOTP\tDear customer\n",
    ("\ufeff" + _HEAD + _ROW).encode(),
    (_HEAD + _OTHER).encode("utf-16"),
    b"Templates of ACME\n\nas of today,,\nct id,NAME,Template.Body\n1107160000000012345,OTP,Dear customer\xa0\x96\n",
]
_EXPORT_WORDS = [
    *_SHEET_WORDS, b"1.10716E+18", b"1107160000000120000", b"1107160000000012345", b'"=""1107160000000012345"""',
    b"&nbsp;", b"<br>", b"TEMPLATE_ID", b"Message", b"status", b"Rejected", b"Pending", b"AD-ACMEIN-S", b"&amp;amp;",
    b"<html>",
]  # fmt: skip


def _workbooks(data: bytes, home: Path) -> Hashable:
    """Read a workbook of these parts; what is broken is their XML, not the archive around it."""
    parts = dict(zip(("relations", "book", "strings", "sheet"), data.split(_PART_END), strict=False))
    with mock.patch.object(portal_table, "open_sheet", _sheet_in_process):
        return _export(_written(home / "export.xlsx", workbooks.xlsx(parts.pop("sheet", b""), **parts)), None)


@contextmanager
def _sheet_in_process(content: bytes, name: str, *, sheet: int | str = 0) -> Iterator[workbook.SheetRecords]:
    """Read a sheet as its own process does, without the process."""
    try:
        names, rows = read_sheet(content, sheet)
        yield workbook.SheetRecords(names, (Record(*row) for row in rows))
    except WorkbookError as error:
        raise InputError(f"{name} cannot be read: {error}", remedy="Save it as CSV.") from error


_SHEET_XML = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    '<row r="2"><c r="A2" t="inlineStr"><is><t>1107160000000012345</t></is></c><c r="B2" t="s">'
    '<v>2</v></c></row><row><c t="str"><v>1107160000000054321</v></c><c><v>4711</v></c></row></sheetData></worksheet>'
)
_WORKBOOKS = [
    _PART_END.join(
        part.encode()
        for part in (
            workbooks.RELATIONS.decode(),
            workbooks.BOOK.decode(),
            "<sst><si><t>TEMPLATE_ID</t></si><si><t>BODY</t></si><si><r><t>A_x000D_\n</t></r><r><t>é</t></r></si></sst>",
            _SHEET_XML,
        )
    )
]
_PEOPLE = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    '<row r="3"><c r="A3"><v>9876543210</v></c><c r="B3" t="b"><v>1</v></c></row>'
    '<row r="4"><c r="A4"><v>9.876543211E9</v></c><c r="B4" t="e"><v>#REF!</v></c></row>'
    '<row><c t="str"><v>+919876543212</v></c><c><v>1.5</v></c></row></sheetData></worksheet>'
)
_NAMES = "<sst><si><t>to</t></si><si><t>name</t></si></sst>"
_SHEETS_OF_PEOPLE = [
    _PART_END.join((workbooks.RELATIONS, workbooks.BOOK, _NAMES.encode(), _PEOPLE.encode())),
]
_WORKBOOK_WORDS = [
    b'r="1"', b'r="A1"', b'r="XFD1"', b'r="XFE1"', b'r="-1"', b'r="x"', b't="s"', b't="b"', b't="e"', b"<v>", b"</v>",
    b"<v>-1</v>", b"<v>99</v>", b"<c/>", b"<row>", b"</row>", b"<t>", b"<rPh>", b"</si>", b"_xD800_", b"_x0000_",
    b"/xl/s.xml", b"../x", b"", b"<!DOCTYPE a>", b"&x;", b"<?xml version='1.0' encoding='x-none'?>",
    b"<sheet id='a'/>", _PART_END, b"Target=''",
]  # fmt: skip


# Templates and bodies.

_VALUES: Mapping[VariableType, str] = {
    VariableType.UNTYPED: "Asha",
    VariableType.NUMERIC: "4711",
    VariableType.ALPHANUMERIC: "Flat 12",
    VariableType.URL: "https://a.in/x",
    VariableType.APP_LINK: "www.a.in",
    VariableType.CALLBACK: "1800 123 4567",
    VariableType.EMAIL: "a.b@c.in",
    VariableType.EXOTEL_TEXT: "Ravi",
    VariableType.EXOTEL_NUMBER: "42",
}


def _values(template: Template) -> list[str]:
    return [_VALUES[variable.kind] for variable in template.variables for _ in range(variable.count)]


def _check_repeats(template: Template) -> str:
    """A template that can be read matches what it renders; returns that."""
    body = render(template, _values(template))
    if not _makes_markers(body):
        hold(isinstance(match(template, body), Match), "a template matches what it renders", template.text, body)
    return body


def _makes_markers(body: str) -> bool:
    """Whether fixed text such as ``{#a`` makes a marker of what stands beside it, which no portal registers."""
    return unfilled(body) is not None


def _templates(data: bytes, _home: Path) -> Hashable:
    chance = chance_of(data)
    text, _, body = data.decode(errors="replace").partition("\0")
    try:
        types = [chance.choice([*VariableType, "number", "nosuch"]) for _ in range(text.count("{#"))]
        template = parse(text, types=types if types and chance.random() < 0.2 else None)
    except InputError as error:
        _check_error(error)
        return error.message[-20:]
    _check_markers(text, body)
    rendered = _check_repeats(template)
    if not body or chance.random() < 0.3:
        at = chance.randint(0, len(rendered))
        body = (
            rendered[:at] + chance.choice(("", " ", "x", "\r\n", "{#var#}")) + rendered[at + chance.randint(0, 1) :]
        )
    found = match(template, body)
    if isinstance(found, Match):
        hold(fold_line_ends(render(template, found.values)) == fold_line_ends(body), "values are given back", found)
        hold(
            all(body[slice(*s)] == v for s, v in zip(found.spans, found.values, strict=True)),
            "spans are right",
            found,
        )
    else:
        hold(0 <= found.offset <= len(body), "an offset lies in the body", found)
    if chance.random() < 0.3:
        nearest = Index({"this": template, "other": parse("Fixed")}).best(body)
        hold(
            (nearest.match is not None) == (isinstance(found, Match) or body == "Fixed"),
            "what matches is found",
            nearest,
        )
    if chance.random() < 0.3:
        _check_fit(template, [body[:99]] * template.marker_count)
    if chance.random() < 0.1 and len(body) + len(text) < 300:
        _check_explanation(template, body, matches=isinstance(found, Match))
    return isinstance(found, Match), len(template.tokens), tuple({variable.kind for variable in template.variables})


def _check_markers(*texts: str) -> None:
    for text in texts:
        found = find(text)
        hold(all(text[each.start : each.end] == each.text for each in found), "a marker stands in the text", found)
        spans = [(each.start, each.end) for each in found]
        hold(
            spans == sorted(spans) and all(a[1] <= b[0] for a, b in pairwise(spans)), "markers do not overlap", found
        )
        try:
            marker_flaws.check(text)
        except marker_flaws.MarkerError as error:
            _check_error(error)
        else:
            hold(not found and "{#" not in re.sub(r"\{#[^\s{}#]+#\}", "", text), "what is none is named", text)


def _check_fit(template: Template, values: Sequence[str]) -> None:
    fitted, _ = fit(template, values)
    hold(
        all(len(one) <= len(other) for one, other in zip(fitted, values, strict=True)),
        "what is cut is shorter",
        fitted,
    )
    only_text = all(
        variable.kind in {VariableType.UNTYPED, VariableType.ALPHANUMERIC} for variable in template.variables
    )
    body = render(template, fitted)
    if (
        only_text
        and not _makes_markers(body)
        and not any(map(is_marker, ("", *fitted)))
        and not any(find(value) or "%" in value for value in fitted)  # side by side, one may get nothing but that
        and all(variable.count == 1 for variable in template.variables)
    ):
        hold(isinstance(match(template, body), Match), "what is cut to fit fits", template.text, fitted)


def _check_explanation(template: Template, body: str, *, matches: bool) -> None:
    problems = explain(template, body)
    hold(bool(problems) is not matches, "every mismatch is explained, and no match", problems)
    for problem in problems:
        hold(body[problem.offset : problem.end] == problem.found, "it points into the body", problem)
        wanted = template.text[problem.template_offset : problem.template_end]
        hold(wanted == problem.expected, "it points into the template", problem)
        hold(problem.explanation and problem.change, "it says something", problem)
    mended = mend(body, problems)
    if all(problem.replacement is not None for problem in problems) and not _makes_markers(mended):
        hold(isinstance(match(template, mended), Match), "what is mended matches", problems)


_TEMPLATES = [
    b"{#var#} is your OTP for {#var#}. - Acme\x004711 is your OTP for login. - Acme",
    b"Dear {#var#}, order {#numeric#} costs Rs. {#num#}.\n- Acme\0Dear Asha, order 17 costs Rs.  1,000.\n- ACME",
    b"{#var#}{#var#} {#alphanumeric#}{#alp#}\0a b c",
    b"See {#url#} or {#urlott#}, call {#cbn#}, write {#email#}\0See www.a.in or www.b.in, call 1800 1, write a@b.c",
    b"Hi %s, pay %d by 5%%\0Hi Ravi, pay 4,711 by 5%%",
    "नमस्ते {#var#}, ₹{#num#}\0नमस्ते आशा, Rs 5".encode(),
    b"Fixed\0fixed",
    b"Hi {#name#} {#VAR#} { #var# } {##}\0Hi a b {#var#} {##}",
    '“Quoted” – {#var#}…\0"Quoted" - x...'.encode(),
]
_TEMPLATE_WORDS = [
    b"{#var#}", b"{#num#}", b"{#alp#}", b"{#url#}", b"{#cbn#}", b"{#email#}", b"{#x#}", b"{#", b"#}", b"{", b"}",
    b"%s", b"%d", b"%%", b"%", b"\r\n", b"\r", b"\n", b"\0", b" ", b"  ", b"www.", b"https://", b"@", b".", b"1",
    b"##name##", b"#numeric#", b"[name]", b"((name))", b"%name%", b"$name", b"<name>", b"XXXX", b"#", b"##", b"((",
    b"1" * 41, b"a" * 31, b"&amp;", b"<br>", b"\\n", b"%20", b"{{name}}", b"${x}", "’".encode(), "–".encode(),
    "₹".encode(), b"Rs.", "\u200b".encode(), "e\u0301".encode(),
]  # fmt: skip


# Phone numbers.


def _numbers(data: bytes, _home: Path) -> Hashable:
    country = chance_of(data).choice(("IN", "IN", "IN", "US", "GB", "AE", "SG"))
    text = data.decode(errors="replace")
    try:
        number = phone.parse(text, country=country)
    except InputError as error:
        _check_error(error)
        return error.message[-20:], country
    hold(re.fullmatch(r"\+[1-9][0-9]{3,14}", number), "a number is E.164", number)
    hold(phone.parse(number, country=country) == number, "a number is read back", number)
    digits = "".join(str(int(each)) for each in text if each.isdecimal())
    is_decimal = digits.rstrip("0").endswith(number.rstrip("0")[-3:])
    hold(digits.endswith(number[-3:]) or is_decimal, "digits stay", text, number)
    hold(not phone.is_indian(number) or number[3] in "6789", "an Indian number is mobile", number)
    return number[:4], len(number)


_PHONES = [
    b"9876543210", b"09876543210", b"+91 98765-43210", b"00919876543210", b"+91 (0) 98765 43210", b"+1 650-253-0000",
    b"(650) 253-0000", b"+44 20 7946 0018", b"0016502530000", "\u202a+919876543210\u202c".encode(), b"9.19877E+11",
]  # fmt: skip
_PHONE_WORDS = [
    b"+", b"00", b"0", b"91", b"+91", b"(0)", b"-", b" ", b".", b"ext", b";ext=1", b"x12", b"tel:", b"E+11", b",",
    b"/", b"#", b"*", "९८".encode(), "\u200b".encode(), "\xa0".encode(), b"+1", b"+999", b"1800",
]  # fmt: skip


TARGETS = (
    Target(
        name="answers",
        share=300_000,
        seeds=_ANSWERS,
        words=_ANSWER_WORDS,
        run=_answers,
        calls=(2000, 5),
        largest=16_384,
    ),
    Target(name="Retry-After", share=180_000, seeds=_HEADERS, words=_HEADER_WORDS, run=_retry_after, calls=(500, 2)),
    Target(name="CSV", share=180_000, seeds=_SHEETS, words=_SHEET_WORDS, run=_sheets, calls=(3000, 10)),
    Target(name="cells", share=15_000, seeds=_CELLS, words=_CELL_WORDS, run=_cells, calls=(500, 10), largest=500),
    Target(name="sheets", share=10_000, seeds=_SHEETS_OF_PEOPLE, words=_WORKBOOK_WORDS, run=_typed, calls=(8000, 40)),
    Target(
        name="recipients",
        share=15_000,
        seeds=_LISTS,
        words=[*_LIST_WORDS, *_PHONE_WORDS],
        run=_recipients,
        calls=(20_000, 80),
    ),
    Target(
        name="config.toml",
        share=50_000,
        seeds=_CONFIGURATIONS,
        words=_TOML_WORDS,
        run=_configurations,
        calls=(15_000, 20),
    ),
    Target(
        name="templates.toml",
        share=40_000,
        seeds=_TEMPLATE_FILES,
        words=[*_TOML_WORDS, *_TEMPLATE_WORDS],
        run=_template_files,
        calls=(50_000, 50),
    ),
    Target(name="exports", share=30_000, seeds=_EXPORTS, words=_EXPORT_WORDS, run=_exports, calls=(10_000, 40)),
    Target(name="workbooks", share=20_000, seeds=_WORKBOOKS, words=_WORKBOOK_WORDS, run=_workbooks, calls=(5000, 20)),
    Target(
        name="templates",
        share=80_000,
        seeds=_TEMPLATES,
        words=_TEMPLATE_WORDS,
        run=_templates,
        # An explanation visits 12,000 states at most, whatever the text, and each takes 50 calls at most.
        calls=(600_000, 200),
        largest=3000,
    ),
    Target(
        name="numbers", share=80_000, seeds=_PHONES, words=_PHONE_WORDS, run=_numbers, calls=(3000, 10), largest=500
    ),
)
