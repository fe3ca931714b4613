"""Whatever a server, a proxy or a certificate does, the exit code tells the truth and nobody is asked twice.

Every row is one misbehaviour with what must be said of it. A row whose message may be sent again is run without
retries, and then once more against a server that mends its ways; every other row is run with half a minute for
retries, none of which may happen.
"""

import contextlib
import datetime as dt
import functools
import gzip
import json
import socket
import ssl
import sys
import threading
import time
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import trustme
from conftest import Result, Shell
from misbehaving import (
    Misbehaving,
    Step,
    answer,
    answers,
    awaits_all,
    does,
    drips,
    floods,
    handshakes,
    hangs,
    head,
    opens_tunnel,
    reads,
    reads_all,
    reads_head,
    resets,
    says,
    says_goodbye,
    says_outside_tls,
)

from exosms.exotel.wire import read

KEY = "canarykey4711"
TOKEN = "canarytoken0815"
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": KEY, "EXOTEL_API_TOKEN": TOKEN}
BASIC = b64encode(f"{KEY}:{TOKEN}".encode()).decode()
CANARIES = (KEY, TOKEN, BASIC, "canaryproxypassword")

TO = "+919876543210"
SID = "5eed" * 8
LONG_BODY = "न" * 2000
"""18 kB as a form: more than two connections with the smallest possible buffers hold (7 kB)."""


@dataclass(frozen=True)
class Verdict:
    """What must be said of a message."""

    outcome: str
    exit_code: int
    retry: str | None
    again: bool = False
    """Whether the message is tried again while ``--retry-for`` lasts."""


ACCEPTED = Verdict("accepted", 0, None)
REJECTED = Verdict("rejected", 6, "no")
ACCOUNT_REFUSED = Verdict("not_sent", 6, "safe")
MISCONFIGURED = Verdict("not_sent", 4, "safe")
UNAVAILABLE = Verdict("not_sent", 7, "safe", again=True)
RATE_LIMITED = Verdict("not_sent", 11, "safe", again=True)
UNKNOWN = Verdict("unknown", 9, "decide")


@dataclass(frozen=True)
class Case:
    """One misbehaviour, what must be said of it, and how many whole requests may have arrived."""

    name: str
    behaviour: Step
    verdict: Verdict
    status: Any = None
    complete: int = 1
    sid: Any = None
    code: Any = field(default_factory=lambda: ANY)
    timeout: str = "20"
    """Seconds; short only where the clock decides, so that a busy machine decides nothing."""
    tight: bool = False
    """Whether the request is larger than what the connection holds, so that reading it is up to the server."""
    heals: bool = True
    """Whether half a minute is enough for another attempt."""
    at: str = "http"


def sms(**fields: object) -> dict[str, object]:
    """Exotel's envelope around one message."""
    return {
        "SMSMessage": {"Sid": SID, "To": "09876543210", "Status": "queued", "DetailedStatusCode": 21010, **fields}
    }


def refusal(status: int, code: object = None, message: str = "No") -> dict[str, object]:
    """Exotel's envelope around an error."""
    return {"RestException": {"Status": status, "Message": message} | ({} if code is None else {"Code": code})}


def json_refusal(status: int, code: object) -> str:
    return json.dumps(refusal(status, code))


def xml_refusal(status: int, code: object = None) -> str:
    inner = f"<Status>{status}</Status><Message>No</Message>" + ("" if code is None else f"<Code>{code}</Code>")
    return f"<?xml version='1.0'?><TwilioResponse><RestException>{inner}</RestException></TwilioResponse>"


GOOD = json.dumps(sms())
XML_SMS = f"<SMSMessage><Sid>{SID}</Sid><To>09876543210</To><Status>queued</Status></SMSMessage>"
GOOD_XML = f"<?xml version='1.0' encoding='UTF-8'?><TwilioResponse>{XML_SMS}</TwilioResponse>"
HTML = "<!DOCTYPE html><html><body><h1>Service&nbsp;Unavailable</h1></body></html>"
NEGOTIATE = "Proxy-Authenticate: Negotiate"
NEITHER = "The requested service is <b>temporarily</b> unavailable"


def accepted(name: str, body: str | bytes, *headers: str, status: int = 200, sid: Any = SID) -> Case:
    """An odd answer that is an acceptance all the same."""
    return Case(name, answers(status, body, *headers), ACCEPTED, status=status, sid=sid)


def unknown(name: str, body: str | bytes, *headers: str, status: int = 200) -> Case:
    """An answer 2xx or 5xx that says nothing usable."""
    return Case(name, answers(status, body, *headers), UNKNOWN, status=status)


def answered(
    name: str, status: int, body: str | bytes, verdict: Verdict, *headers: str, code: Any = ANY, heals: bool = True
) -> Case:
    """A complete answer that decides."""
    return Case(name, answers(status, body, *headers), verdict, status=status, code=code, heals=heals)


def after_reading(name: str, *steps: Step, status: Any = None, timeout: str = "20") -> Case:
    """The request is read, and then no usable answer comes: it may have been sent."""
    return Case(name, does(reads_all, *steps), UNKNOWN, status=status, timeout=timeout)


def half_read(name: str, *steps: Step, timeout: str = "20") -> Case:
    """The request cannot have been written completely: it was certainly not sent."""
    return Case(name, does(*steps), UNAVAILABLE, complete=0, tight=True, timeout=timeout)


def says_whole(*parts: bytes) -> Step:
    return does(reads_all, says(b"".join(parts)))


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked answer 200."""
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head(200, "Transfer-Encoding: chunked") + pieces + end


def padded(size: int) -> str:
    """A good answer of exactly that many bytes."""
    return json.dumps(sms(Padding="x" * (size - len(json.dumps(sms(Padding=""))))))


def nested_entities() -> str:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE r [<!ENTITY e0 "ha">{entities}]>' + XML_SMS.replace(SID, "&e9;")


def proxied(name: str, verdict: Verdict, *steps: Step, status: Any = None, timeout: str = "20") -> Case:
    """What the proxy on the way does.

    Who ends a handshake reads its first byte before: CPython leaks the socket of a client that finds its connection
    reset before it began the handshake.
    """
    return _remote("proxy", name, verdict, *steps, status=status, timeout=timeout)


def encrypted(
    name: str, verdict: Verdict, *steps: Step, status: Any = None, timeout: str = "20", tight: bool = False
) -> Case:
    """What a server that should speak TLS does."""
    return _remote("tls", name, verdict, *steps, status=status, timeout=timeout, tight=tight)


def _remote(
    at: str, name: str, verdict: Verdict, *steps: Step, status: Any, timeout: str, tight: bool = False
) -> Case:
    was_answered = isinstance(status, int) or verdict is UNKNOWN
    sid = SID if verdict is ACCEPTED else None
    return Case(name, does(*steps), verdict, status, int(was_answered), sid, timeout=timeout, tight=tight, at=at)


@functools.cache
def authority() -> trustme.CA:
    """The authority that the tests trust."""
    return trustme.CA()


def context(
    authority: trustme.CA, *names: str, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_before=since, not_after=until).configure_cert(made)
    return made


def genuine() -> ssl.SSLContext:
    return context(authority(), "127.0.0.1", "sms.example.test")


def unknown_authority() -> ssl.SSLContext:
    return context(trustme.CA(), "127.0.0.1", "sms.example.test")


def other_name() -> ssl.SSLContext:
    return context(authority(), "127.0.0.2", "other.example.test")


def expired() -> ssl.SSLContext:
    return context(authority(), "127.0.0.1", until=dt.datetime(2001, 1, 1, tzinfo=dt.UTC))


def not_valid_yet() -> ssl.SSLContext:
    return context(authority(), "127.0.0.1", since=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))


def wants_ours() -> ssl.SSLContext:
    """In TLS 1.2, where the client hears of the refusal before it sends anything."""
    made = genuine()
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(made)
    return made


@contextlib.contextmanager
def full_backlog(listener: socket.socket) -> Iterator[None]:
    """Take every place in a listener's queue, so that the next connection is neither opened nor refused."""
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield


WRITING = [
    half_read("resets before the request could be written", resets),
    half_read("closes before the request could be written"),
    half_read("reads one byte and resets", reads(1), resets),
    half_read("reads half the head and resets", reads(80), resets),
    half_read("reads the head and resets", reads_head, resets),
    half_read("reads the head and closes", reads_head),
    half_read("reads half the body and resets", reads_head, reads(9000), resets),
    half_read("reads half the body and closes", reads_head, reads(9000)),
    half_read("begins an answer and resets before it read the body", reads_head, says(head(200)[:12]), resets),
    half_read("never reads", hangs, timeout="1"),
    half_read("reads the head and no more", reads_head, hangs, timeout="1"),
    half_read("reads half the body and no more", reads_head, reads(9000), hangs, timeout="1"),
]

EARLY_ANSWERS = [
    Case(
        f"{status} before it read the body",
        does(reads_head, says(answer(status, body))),
        verdict,
        status=status,
        complete=0,
        sid=SID if verdict is ACCEPTED else None,
        tight=True,
    )
    for status, body, verdict in [
        (200, GOOD, ACCEPTED),
        (302, "", ACCOUNT_REFUSED),
        (400, json.dumps(refusal(400)), REJECTED),
        (401, "", MISCONFIGURED),
        (413, HTML, REJECTED),
        (429, "", RATE_LIMITED),
        (500, HTML, UNKNOWN),
        (503, HTML, UNKNOWN),
    ]
]

SILENCE = [
    Case("resets, the request lying unread in its kernel", does(awaits_all, resets), UNKNOWN),
    Case("closes, the request lying unread in its kernel", awaits_all, UNKNOWN),
    Case("never reads what its kernel took", hangs, UNKNOWN, timeout="1"),
    after_reading("reads and resets", resets),
    after_reading("reads and closes"),
    after_reading("reads and hangs", hangs, timeout="1"),
    after_reading("hangs within the status line", says(b"HTTP/1.1 2"), hangs, timeout="1"),
    after_reading("hangs after the status line", says(b"HTTP/1.1 200 OK\r\n"), hangs, status=ANY, timeout="1"),
    after_reading("hangs after the headers", says(answer(200, GOOD)[: -len(GOOD)]), hangs, status=200, timeout="1"),
    after_reading("hangs within the body", says(answer(200, GOOD)[:-9]), hangs, status=200, timeout="1"),
    after_reading("hangs within a chunk", says(chunked(GOOD.encode())[:-9]), hangs, status=200, timeout="1"),
    after_reading("drips its headers", drips(answer(200, GOOD), every=0.1), timeout="1"),
    after_reading(
        "drips its body",
        says(head(200, "Content-Length: 400")),
        drips(b" " * 400, every=0.1),
        status=200,
        timeout="1",
    ),
    after_reading("drips interim answers", drips(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9, every=0.1), timeout="1"),
    after_reading("floods interim answers", floods(b"HTTP/1.1 100 Continue\r\n\r\n" * 99), timeout="1"),
    after_reading("floods headers", says(head(200)[:-2]), floods(b"X-More: of the same\r\n" * 99), status=ANY),
    after_reading("floods the status line", says(b"HTTP/1.1 200 "), floods(b"O" * 9999), status=ANY),
    after_reading("floods the body", says(head(200)), floods(GOOD.encode()), status=200),
    after_reading("floods chunks", says(chunked(end=b"")), floods(b"64\r\n" + b" " * 100 + b"\r\n"), status=200),
    after_reading("100 Continue and no more", says(b"HTTP/1.1 100 Continue\r\n\r\n")),
    after_reading("resets after a body of unknown length", says(head(200) + GOOD.encode()), resets, status=200),
    Case("resets after 400 and half a body", does(reads_all, says(answer(400, GOOD)[:-9]), resets), REJECTED, 400),
    Case(
        "resets after 401 and half a body", does(reads_all, says(answer(401, GOOD)[:-9]), resets), MISCONFIGURED, 401
    ),
    Case(
        "resets after 403 and half a body",
        does(reads_all, says(answer(403, GOOD)[:-9]), resets),
        ACCOUNT_REFUSED,
        403,
    ),
    Case("closes after 429 and half a body", says_whole(answer(429, GOOD)[:-9]), RATE_LIMITED, 429),
    Case(
        "closes after 503 and half a RestException",
        says_whole(answer(503, json.dumps(refusal(503)))[:-3]),
        UNKNOWN,
        503,
    ),
    Case(
        "hangs after 400 and half a body",
        does(reads_all, says(answer(400, GOOD)[:-9]), hangs),
        REJECTED,
        400,
        timeout="1",
    ),
    Case(
        "hangs after the headers of 401",
        does(reads_all, says(head(401, "Content-Length: 9")), hangs),
        MISCONFIGURED,
        401,
        timeout="1",
    ),
    Case(
        "hangs after the headers of 500",
        does(reads_all, says(head(500, "Content-Length: 9")), hangs),
        UNKNOWN,
        500,
        timeout="1",
    ),
]

FRAMING = (
    [
        Case(name, says_whole(data), UNKNOWN, status)
        for name, data, status in [
            ("only half a status line", b"HTTP/1.1 20", None),
            ("only a status line", b"HTTP/1.1 200 OK\r\n", ANY),
            ("headers without an end", head(200, "Content-Length: 9")[:-2], ANY),
            ("a header without a colon", head(200, "Content-Length 9") + GOOD.encode(), ANY),
            ("a header with a space in its name", head(200, "Content Length: 9") + GOOD.encode(), ANY),
            ("a NUL in a header", answer(200, GOOD, "X-Odd: a\0b"), ANY),
            ("a header of 1 MB", answer(200, GOOD, "X-Long: " + "x" * 1_000_000), ANY),
            ("100,000 headers", answer(200, GOOD, *["X-Many: y"] * 100_000), ANY),
            ("a Content-Length above the body", answer(200, GOOD).replace(b"Length: ", b"Length: 9"), 200),
            ("a Content-Length below the body", answer(200, GOOD).replace(b"Length: 1", b"Length: "), 200),
            ("a Content-Length of 0 before a body", head(200, "Content-Length: 0") + GOOD.encode(), 200),
            ("a negative Content-Length", head(200, "Content-Length: -1") + GOOD.encode(), ANY),
            ("a Content-Length that is no number", head(200, "Content-Length: ten") + GOOD.encode(), ANY),
            ("a Content-Length of 40 digits", head(200, "Content-Length: " + "9" * 40) + GOOD.encode(), ANY),
            ("two Content-Lengths", answer(200, GOOD, "Content-Length: 7"), ANY),
            ("a length in chunks and another one", answer(200, GOOD, "Transfer-Encoding: chunked"), ANY),
            ("an unknown Transfer-Encoding", head(200, "Transfer-Encoding: rot13") + GOOD.encode(), ANY),
            ("chunks without an end", chunked(GOOD.encode(), end=b""), 200),
            ("a chunk that is cut off", chunked(GOOD.encode())[:-30], 200),
            ("a chunk size that is no number", chunked(end=b"zz\r\n" + GOOD.encode()), 200),
            ("a negative chunk size", chunked(end=b"-5\r\n" + GOOD.encode()), 200),
            ("a body of unknown length, cut off", head(200) + GOOD[:-9].encode(), 200),
            ("a body without an answer", GOOD.encode(), None),
            ("HTML without an answer", HTML.encode(), None),
            ("an empty line before the answer", b"\r\n" + answer(200, GOOD), ANY),
            ("zeros", bytes(4096), None),
            ("a TLS alert", b"\x15\x03\x03\x00\x02\x02\x28", None),
            ("HTTP/2 frames", b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x08\x07\0\0\0\0\0" + bytes(7), None),
            ("a status line of HTTP/2", answer(200, GOOD).replace(b"HTTP/1.1", b"HTTP/2"), ANY),
            ("another protocol's status line", answer(200, GOOD).replace(b"HTTP/1.1", b"ICY"), ANY),
            ("a status of two digits", answer(20, GOOD), ANY),
            ("a status of four digits", answer(2000, GOOD), ANY),
            ("a status that is no number", answer("OK", GOOD), ANY),
            ("status 000", answer("000", GOOD), ANY),
            ("status 101", answer(101, GOOD, "Upgrade: websocket"), ANY),
            ("status 600", answer(600, GOOD), 600),
            ("status 999", answer(999, GOOD), 999),
            ("the banner of a mail server", b"220 mail.example.test ESMTP\r\n", None),
        ]
    ]
    + [
        Case(name, says_whole(data), ACCEPTED, 200, sid=SID)
        for name, data in [
            ("HTTP/1.0", answer(200, GOOD).replace(b"HTTP/1.1", b"HTTP/1.0")),
            ("a body of unknown length", head(200) + GOOD.encode()),
            ("chunks", chunked(GOOD[:50].encode(), GOOD[50:].encode())),
            ("chunks with a trailer", chunked(GOOD.encode(), end=b"0\r\nX-Odd: 1\r\n\r\n")),
            ("the same Content-Length twice", answer(200, GOOD, f"Content-Length: {len(GOOD)}")),
            ("a folded header", answer(200, GOOD, "X-Odd: one\r\n two")),
            ("100 headers", answer(200, GOOD, *["X-Many: y"] * 100)),
            ("terminal control in a header", answer(200, GOOD, "X-Odd: \x1b[2J")),
            ("100 Continue before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(200, GOOD)),
            (
                "103 Early Hints before the answer",
                b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + answer(200, GOOD),
            ),
            ("garbage after the answer", answer(200, GOOD) + b"\0\xff" * 999),
            ("a second answer after the first", answer(200, GOOD) + answer(500, HTML)),
            ("keeps the connection, then drops it", answer(200, GOOD).replace(b"close", b"keep-alive")),
        ]
    ]
    + [
        Case(
            "resets after a complete answer", does(reads_all, says(answer(200, GOOD)), resets), ACCEPTED, 200, sid=SID
        ),
        Case(
            "hangs after a complete answer", does(reads_all, says(answer(200, GOOD)), hangs), ACCEPTED, 200, sid=SID
        ),
        Case(
            "drips a complete answer in time",
            does(reads_all, drips(answer(200, GOOD), every=0.001)),
            ACCEPTED,
            200,
            sid=SID,
        ),
        Case("400 before it read anything", does(says(answer(400)), reads_all), REJECTED, 400),
        Case("408 before it read anything", does(says(answer(408)), reads_all), UNKNOWN, 408),
    ]
)

BODIES = [
    accepted("202", GOOD, status=202),
    accepted("201", GOOD, status=201),
    accepted("207", GOOD, status=207),
    accepted("299", GOOD, status=299),
    unknown("204", "", status=204),
    unknown("205", "", status=205),
    unknown("200 and nothing", ""),
    unknown("200 and a space", " "),
    unknown("200 and HTML", HTML, "Content-Type: text/html"),
    unknown("202 and HTML", HTML, "Content-Type: text/html", status=202),
    unknown("text", "queued"),
    unknown("null", "null"),
    unknown("a number", "0"),
    unknown("true", "true"),
    unknown("a text in JSON", json.dumps(SID)),
    unknown("an empty object", "{}"),
    unknown("an empty array", "[]"),
    unknown("an array of nothing", "[null, [], {}, 0, false]"),
    unknown("no message", json.dumps({"Message": "No matching results"})),
    unknown("a message that is null", '{"SMSMessage": null}'),
    unknown("a message that is text", '{"SMSMessage": "queued"}'),
    unknown("a message that is an empty array", '{"SMSMessage": []}'),
    unknown("no Sid", '{"SMSMessage": {"Status": "queued"}}'),
    unknown("a Sid that is null", json.dumps(sms(Sid=None))),
    unknown("a Sid that is empty", json.dumps(sms(Sid=""))),
    unknown("a Sid of spaces", json.dumps(sms(Sid="  "))),
    unknown("a Sid that is true", json.dumps(sms(Sid=True))),
    unknown("a Sid that is an object", json.dumps(sms(Sid={"Sid": SID}))),
    unknown("a Sid that is an array", json.dumps(sms(Sid=[SID]))),
    unknown("a RestException under 200", json.dumps(refusal(400, 40001))),
    unknown("an array of a RestException under 200", json.dumps([refusal(400, 40001)])),
    unknown("another number", json.dumps(sms(To="09800000001"))),
    unknown("another number abroad", json.dumps([sms(To="0014155550123")])),
    accepted("no number", json.dumps(sms(To=None))),
    accepted("a number without its country", json.dumps(sms(To="98765-43210"))),
    accepted("the end of a number", json.dumps(sms(To="0XXXXXX3210"))),
    accepted("a number that is hidden", json.dumps(sms(To="XXXXXXXXXX"))),
    unknown("two messages to others", json.dumps([sms(To="09800000001"), sms(To="09800000002")])),
    unknown("two Sids of one number", json.dumps([sms(), sms(Sid="b" * 32)])),
    unknown("one Sid of two numbers", json.dumps([sms(), sms(To="09800000001")])),
    accepted("one message twice", json.dumps([sms(), sms()])),
    accepted("another's message beside it", json.dumps([sms(Sid="b" * 32, To="09800000001"), sms()])),
    unknown("JSON that is cut off", GOOD[:-9]),
    unknown("JSON with more behind it", GOOD + "<!-- cached -->"),
    unknown("two JSON documents", GOOD + GOOD),
    unknown("JSON in single quotes", GOOD.replace('"', "'")),
    unknown("JSON that is not UTF-8", json.dumps(sms(Body="caf\xe9"), ensure_ascii=False).encode("latin-1")),
    unknown("nested arrays", "[" * 30_000 + "]" * 30_000),
    unknown("nested objects", '{"SMSMessage":' * 4000 + "1" + "}" * 4000),
    # From 3.14 on Python reads as deep as its stack is, which takes all that an answer may hold.
    (accepted if sys.version_info >= (3, 14) else unknown)(
        "nesting beside the Sid", GOOD[:-2] + ', "Odd": ' + "[" * 30_000 + "]" * 30_000 + "}}"
    ),
    unknown("an array that never ends", "[" * 60_000),
    unknown("65,537 bytes with a Sid", padded(65_537)),
    unknown("1 MB with a Sid", padded(1_000_000)),
    unknown("a Sid of 1 MB", json.dumps(sms(Sid="a" * 1_000_000))),
    accepted("65,536 bytes with a Sid", padded(65_536)),
    accepted("a Sid of 60 kB", json.dumps(sms(Sid="a" * 60_000)), sid="a" * 60_000),
    accepted("a Sid that is a number", json.dumps(sms(Sid=4711)), sid="4711"),
    accepted("a Sid with terminal control", json.dumps(sms(Sid="\x1b[2J\r\n\t\0")), sid=ANY),
    accepted("a Sid with markup", json.dumps(sms(Sid="[/red][bold]x")), sid="[/red][bold]x"),
    accepted("half a surrogate pair in the status", json.dumps(sms(Status="\ud83d"))),
    accepted("a status that is an object", json.dumps(sms(Status={"a": 1}, DetailedStatus=[1]))),
    accepted("a detailed status code in text", json.dumps(sms(DetailedStatusCode="21010"))),
    accepted("a detailed status code of 400 digits", json.dumps(sms(DetailedStatusCode=10**400))),
    accepted("a detailed status code that is no number", json.dumps(sms(DetailedStatusCode="soon"))),
    accepted("NaN", json.dumps(sms(Price=float("nan"), DetailedStatusCode=float("nan")))),
    accepted("infinity", json.dumps(sms(Price=float("inf"), DetailedStatusCode=1e300)).replace("1e+300", "1e999")),
    accepted("the Sid twice", GOOD.replace('"Sid"', f'"Sid": "{SID}", "Sid"')),
    accepted("unknown fields", json.dumps(sms(Odd={"Sid": "other"}, RestException=None))),
    accepted("an array of one", json.dumps([sms()])),
    accepted("an array of several, ours last", json.dumps([sms(To="09800000001", Sid="other"), sms()])),
    accepted("an array of a refusal and ours", json.dumps([refusal(400), sms()])),
    accepted("an array inside the envelope", json.dumps({"SMSMessage": [sms()["SMSMessage"]]})),
    accepted("SMSMessages", json.dumps({"SMSMessages": [sms()]})),
    accepted("JSON called XML", GOOD, "Content-Type: application/xml"),
    accepted("JSON called HTML", GOOD, "Content-Type: text/html; charset=nonsense"),
    accepted("JSON after a byte order mark", "\ufeff" + GOOD),
    accepted("JSON between blank lines", f"\r\n\r\n{GOOD}\n\n"),
    accepted("JSON in UTF-16", GOOD.encode("utf-16"), "Content-Type: application/json; charset=utf-16"),
    accepted("XML", GOOD_XML, "Content-Type: application/xml"),
    accepted("XML called JSON", GOOD_XML, "Content-Type: application/json"),
    accepted("XML with the message as its root", XML_SMS),
    accepted("XML after a byte order mark", "\ufeff" + GOOD_XML),
    accepted("XML in a namespace", GOOD_XML.replace("<TwilioResponse>", "<TwilioResponse xmlns='urn:example'>")),
    accepted("XML with a processing instruction", GOOD_XML.replace("<SMSMessage>", "<?php exit ?><SMSMessage>")),
    accepted("XML with a comment", GOOD_XML.replace("<SMSMessage>", "<!-- Sid --><SMSMessage>")),
    accepted("XML with CDATA", GOOD_XML.replace(SID, f"<![CDATA[{SID}]]>")),
    accepted(
        "XML in Latin-1 that says so",
        GOOD_XML.replace("UTF-8", "ISO-8859-1").replace("queued", "caf\xe9").encode("latin-1"),
    ),
    unknown("XML in an encoding that does not exist", GOOD_XML.replace("UTF-8", "X-NONE")),
    unknown("XML that is not closed", GOOD_XML[:-9]),
    unknown("XML with two roots", XML_SMS + XML_SMS),
    unknown("XML with a NUL", GOOD_XML.replace("queued", "\0")),
    unknown("XML with an empty Sid", GOOD_XML.replace(SID, "")),
    unknown("XML with a Sid of elements", GOOD_XML.replace(SID, "<a>1</a>")),
    unknown("XML with an unknown entity", GOOD_XML.replace(SID, "&sid;")),
    unknown("XML with a document type", "<!DOCTYPE SMSMessage>" + XML_SMS),
    unknown("XML with an entity of its own", '<!DOCTYPE r [<!ENTITY e "5eed">]>' + XML_SMS.replace(SID, "&e;")),
    unknown("XML with entities that multiply", nested_entities()),
    unknown(
        "XML with a file as an entity",
        '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + XML_SMS.replace(SID, "&e;"),
    ),
    unknown(
        "XML with a parameter entity", '<!DOCTYPE r [<!ENTITY % e SYSTEM "file:///etc/hostname"> %e;]>' + XML_SMS
    ),
    unknown("nested XML", "<a>" * 9000 + "</a>" * 9000),
    accepted("gzip", gzip.compress(GOOD.encode()), "Content-Encoding: gzip"),
    accepted("deflate", zlib.compress(GOOD.encode()), "Content-Encoding: deflate"),
    accepted("gzip of 65,536 bytes", gzip.compress(padded(65_536).encode()), "Content-Encoding: gzip"),
    unknown("gzip of 65,537 bytes", gzip.compress(padded(65_537).encode()), "Content-Encoding: gzip"),
    unknown("gzip that is cut off", gzip.compress(GOOD.encode())[:-12], "Content-Encoding: gzip"),
    unknown("gzip that is none", GOOD, "Content-Encoding: gzip"),
    unknown("gzip that does not say so", gzip.compress(GOOD.encode())),
    unknown("an unknown encoding", zlib.compress(GOOD.encode()), "Content-Encoding: x-none"),
]

STATUSES = [
    answered("300", 300, HTML, ACCOUNT_REFUSED),
    answered("302 without a Location", 302, "", ACCOUNT_REFUSED),
    answered("302 with a Sid", 302, GOOD, ACCOUNT_REFUSED),
    answered("302 to nowhere", 302, "", ACCOUNT_REFUSED, "Location: http://[::bad"),
    answered("304", 304, "", ACCOUNT_REFUSED),
    answered("400 and HTML", 400, HTML, REJECTED),
    answered("400 with a Sid", 400, GOOD, REJECTED),
    answered("400 and 1 MB", 400, padded(1_000_000), REJECTED),
    answered("400 and nested arrays", 400, "[" * 30_000, REJECTED),
    answered("400 and a bare text as the error", 400, '{"RestException": "No"}', REJECTED),
    answered(
        "400 and terminal control", 400, json.dumps(refusal(400, message="\x1b[2J\x9b2J[/red]\u202e")), REJECTED
    ),
    answered("400 and half a surrogate pair", 400, json.dumps(refusal(400, message="\udc00")), REJECTED),
    answered("400 and a message that is an object", 400, json.dumps(refusal(400, message={"a": 1})), REJECTED),  # type: ignore[arg-type]  # that is the misbehaviour
    answered("400 with the code of a used up trial", 400, json.dumps(refusal(400, 40404)), REJECTED, code=40404),
    answered(
        "400 whose text says that it was throttled",
        400,
        json.dumps(refusal(429, message="Too Many Requests")),
        REJECTED,
    ),
    answered("401 and nothing", 401, "", MISCONFIGURED),
    answered("401 asking for Basic", 401, "", MISCONFIGURED, 'WWW-Authenticate: Basic realm="exotel"'),
    answered(
        "401 asking for Digest", 401, "", MISCONFIGURED, 'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth"'
    ),
    answered("401 asking for Negotiate", 401, "", MISCONFIGURED, "WWW-Authenticate: Negotiate"),
    answered("401 asking for nonsense", 401, HTML, MISCONFIGURED, 'WWW-Authenticate: ,,="', "WWW-Authenticate:"),
    answered("401 with a recipient's code", 401, json.dumps(refusal(401, 40003)), MISCONFIGURED, code=40003),
    answered("402", 402, HTML, ACCOUNT_REFUSED),
    answered("403 and HTML", 403, HTML, ACCOUNT_REFUSED, code=None),
    answered("403 with entities", 403, nested_entities(), ACCOUNT_REFUSED, code=None),
    answered(
        "403 whose text blames the recipient",
        403,
        json.dumps(refusal(403, message="Invalid Recipient")),
        ACCOUNT_REFUSED,
    ),
    answered("403 whose code is nonsense", 403, json.dumps(refusal(403, "4000३")), ACCOUNT_REFUSED),
    answered(
        "403 whose code is an object", 403, json.dumps(refusal(403, {"Code": 40003})), ACCOUNT_REFUSED, code=None
    ),
    answered(
        "403 in gzip",
        403,
        gzip.compress(json.dumps(refusal(403, 40003)).encode()),
        REJECTED,
        "Content-Encoding: gzip",
        code=40003,
    ),
    answered("407 although there is no proxy", 407, "", MISCONFIGURED, "Proxy-Authenticate: Basic"),
    answered("408", 408, "", UNKNOWN),
    answered("409", 409, json.dumps(refusal(409)), UNKNOWN),
    answered("411", 411, HTML, REJECTED),
    answered("413", 413, HTML, REJECTED),
    answered("451", 451, HTML, REJECTED),
    answered("499", 499, HTML, REJECTED),
    answered("429 and nothing", 429, "", RATE_LIMITED),
    answered("429 in JSON", 429, json.dumps(refusal(429, 40402)), RATE_LIMITED, code=40402),
    answered("429 in XML", 429, xml_refusal(429), RATE_LIMITED),
    answered("429, at once", 429, "", RATE_LIMITED, "Retry-After: 0"),
    answered("429, in a second", 429, "", RATE_LIMITED, "Retry-After: 1"),
    answered("429, in nonsense", 429, "", RATE_LIMITED, "Retry-After: soon"),
    answered("429, in the past", 429, "", RATE_LIMITED, "Retry-After: -5"),
    answered("429, in 1970", 429, "", RATE_LIMITED, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
    answered("429, in an hour", 429, "", RATE_LIMITED, "Retry-After: 3600", heals=False),
    answered("429, in 400 digits", 429, "", RATE_LIMITED, "Retry-After: " + "9" * 400, heals=False),
    answered(
        "429, two minutes after its own clock",
        429,
        "",
        RATE_LIMITED,
        "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        "Retry-After: Thu, 01 Jan 1970 00:02:00 GMT",
        heals=False,
    ),
    answered("500", 500, json.dumps(refusal(500, 35000)), UNKNOWN, code=35000),
    answered("500 that calls itself throttled", 500, json.dumps(refusal(429, 40405, "Too Many Requests")), UNKNOWN),
    answered("500 with a Sid", 500, GOOD, UNKNOWN),
    answered("502", 502, HTML, UNKNOWN),
    answered("503 in JSON", 503, json.dumps(refusal(503, 40405)), UNAVAILABLE, code=40405),
    answered("503 in JSON, without a code", 503, json.dumps(refusal(503)), UNAVAILABLE),
    answered("503 in XML", 503, xml_refusal(503), UNAVAILABLE),
    answered("503, at once", 503, json.dumps(refusal(503)), UNAVAILABLE, "Retry-After: 0"),
    answered("503, in an hour", 503, json.dumps(refusal(503)), UNAVAILABLE, "Retry-After: 3600", heals=False),
    answered("503 of a gateway", 503, HTML, UNKNOWN, "Retry-After: 0"),
    answered("503 of a gateway, in its JSON", 503, json.dumps({"message": NEITHER}), UNKNOWN, "Retry-After: 0"),
    answered("503 and nothing", 503, "", UNKNOWN, "Retry-After: 0"),
    answered("503 with a Sid", 503, GOOD, UNKNOWN),
    answered("504", 504, "", UNKNOWN),
] + [
    answered(f"{status} with code {code} in {spelling}", status, spell(status, code), verdict, code=number)
    for status, number, verdict in [
        (403, 40000, ACCOUNT_REFUSED),
        (403, 40001, ACCOUNT_REFUSED),
        (403, 40002, ACCOUNT_REFUSED),
        (403, 34009, ACCOUNT_REFUSED),
        (403, 40003, REJECTED),
        (403, 340030, REJECTED),
        (429, 40404, ACCOUNT_REFUSED),
    ]
    for spelling, code, spell in [
        ("JSON", number, json_refusal),
        ("JSON, as text,", str(number), json_refusal),
        ("XML", number, xml_refusal),
    ]
]

PROXIES = [
    proxied("works", ACCEPTED, opens_tunnel, handshakes(genuine), answers(200, GOOD), status=200),
    proxied("resets", UNAVAILABLE, resets),
    proxied("reads CONNECT and resets", UNAVAILABLE, reads_head, resets),
    proxied("reads CONNECT and closes", UNAVAILABLE, reads_head),
    proxied("hangs", UNAVAILABLE, reads_head, hangs, timeout="1"),
    proxied("drips", UNAVAILABLE, reads_head, drips(answer(200) * 9, every=0.1), timeout="1"),
    proxied("speaks no HTTP", UNAVAILABLE, reads_head, says(b"\x05\xff" * 99)),
    proxied("wants a password", MISCONFIGURED, reads_head, says(answer(407)), status=ANY),
    proxied("wants Negotiate", MISCONFIGURED, reads_head, says(answer(407, HTML, NEGOTIATE)), status=ANY),
    proxied("answers 302", UNAVAILABLE, reads_head, says(answer(302, "", "Location: http://127.0.0.1/")), status=ANY),
    proxied("answers 403", UNAVAILABLE, reads_head, says(answer(403, HTML)), status=ANY),
    proxied("answers 429", UNAVAILABLE, reads_head, says(answer(429)), status=ANY),
    proxied("answers 500", UNAVAILABLE, reads_head, says(answer(500, HTML)), status=ANY),
    proxied("answers 502", UNAVAILABLE, reads_head, says(answer(502, HTML)), status=ANY),
    proxied("answers 503", UNAVAILABLE, reads_head, says(answer(503, json.dumps(refusal(503)))), status=ANY),
    proxied("answers 504", UNAVAILABLE, reads_head, says(answer(504)), status=ANY),
    proxied("opens a tunnel and resets", UNAVAILABLE, opens_tunnel, reads(1), resets),
    proxied("opens a tunnel and closes", UNAVAILABLE, opens_tunnel, reads(1)),
    proxied("opens a tunnel and hangs", UNAVAILABLE, opens_tunnel, hangs, timeout="1"),
    proxied("opens a tunnel to plain HTTP", UNAVAILABLE, opens_tunnel, says(answer(200, GOOD))),
    proxied("listens in", MISCONFIGURED, opens_tunnel, handshakes(unknown_authority), reads_all),
    proxied("cuts the tunnel after the request", UNKNOWN, opens_tunnel, handshakes(genuine), reads_all, resets),
    proxied("hangs after the request", UNKNOWN, opens_tunnel, handshakes(genuine), reads_all, hangs, timeout="1"),
    proxied("passes on a 502", UNKNOWN, opens_tunnel, handshakes(genuine), answers(502, HTML), status=502),
    proxied("passes on a 407", MISCONFIGURED, opens_tunnel, handshakes(genuine), answers(407), status=407),
]

TLS = [
    encrypted("works", ACCEPTED, handshakes(genuine), answers(200, GOOD), status=200),
    encrypted("says goodbye", ACCEPTED, handshakes(genuine), answers(200, GOOD), says_goodbye, status=200),
    encrypted(
        "says goodbye after a body of unknown length",
        ACCEPTED,
        handshakes(genuine),
        says_whole(head(200), GOOD.encode()),
        says_goodbye,
        status=200,
    ),
    encrypted(
        "resets after a complete answer", ACCEPTED, handshakes(genuine), answers(200, GOOD), resets, status=200
    ),
    encrypted("unknown authority", MISCONFIGURED, handshakes(unknown_authority), reads_all),
    encrypted("another host's name", MISCONFIGURED, handshakes(other_name), reads_all),
    encrypted("expired", MISCONFIGURED, handshakes(expired), reads_all),
    encrypted("not valid yet", MISCONFIGURED, handshakes(not_valid_yet), reads_all),
    encrypted("wants a certificate of ours", UNAVAILABLE, handshakes(wants_ours), reads_all),
    encrypted("plain HTTP", UNAVAILABLE, says(answer(400, HTML))),
    encrypted("zeros", UNAVAILABLE, says(bytes(4096))),
    encrypted("an alert", UNAVAILABLE, says(b"\x15\x03\x03\x00\x02\x02\x28")),
    encrypted("an alert about the version", UNAVAILABLE, says(b"\x15\x03\x01\x00\x02\x02\x46")),
    encrypted("resets instead of a handshake", UNAVAILABLE, reads(1), resets),
    encrypted("closes instead of a handshake", UNAVAILABLE, reads(1)),
    encrypted("resets within the handshake", UNAVAILABLE, reads(100), resets),
    encrypted("hangs instead of a handshake", UNAVAILABLE, hangs, timeout="1"),
    encrypted("drips a handshake", UNAVAILABLE, drips(b"\x16\x03\x03\x0f\xff" + bytes(99), every=0.1), timeout="1"),
    encrypted("closes after the request", UNKNOWN, handshakes(genuine), reads_all),
    encrypted("says goodbye after the request", UNKNOWN, handshakes(genuine), reads_all, says_goodbye),
    encrypted("resets after the request", UNKNOWN, handshakes(genuine), reads_all, resets),
    encrypted("hangs after the request", UNKNOWN, handshakes(genuine), reads_all, hangs, timeout="1"),
    encrypted("cuts off its answer", UNKNOWN, handshakes(genuine), says_whole(answer(200, GOOD)[:-9]), status=200),
    encrypted(
        "breaks the encryption instead of an answer",
        UNKNOWN,
        handshakes(genuine),
        reads_all,
        says_outside_tls(answer(200, GOOD)),
    ),
    encrypted(
        "breaks the encryption within its answer",
        UNKNOWN,
        handshakes(genuine),
        says_whole(answer(200, GOOD)[:-9]),
        says_outside_tls(GOOD.encode()),
        status=200,
    ),
    encrypted("401", MISCONFIGURED, handshakes(genuine), answers(401), status=401),
    encrypted("resets before the request could be written", UNAVAILABLE, handshakes(genuine), resets, tight=True),
    encrypted("never reads", UNAVAILABLE, handshakes(genuine), hangs, tight=True, timeout="2"),
]

CASES = [*WRITING, *EARLY_ANSWERS, *SILENCE, *FRAMING, *BODIES, *STATUSES, *PROXIES, *TLS]
MENDING = [case for case in CASES if case.verdict.again and case.heals]
MENDED = Case("mended", answers(200, GOOD), ACCEPTED, 200, sid=SID)


def name(case: Case) -> str:
    """What a case is called in pytest's output."""
    return f"{case.at}: {case.name}"


@pytest.fixture(scope="session")
def authority_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the authority that signed the genuine one."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    return file


def send(
    exosms: Shell, url: str, *options: str, body: str = "Your code is 4711", env: Mapping[str, str] | None = None
) -> Result:
    """Send one message, and hold what every command owes: one JSON document, no secret, no terminal control."""
    argv = (
        "send",
        "--to",
        TO,
        "--from",
        "ACMEIN",
        "--body",
        body,
        "--base-url",
        url,
        "--rate",
        "off",
        "--json",
        "-v",
    )
    result = exosms(*argv, *options, env=ACCOUNT | dict(env or {}))
    assert not [canary for canary in CANARIES if canary in result.stdout + result.stderr]
    assert not [control for control in "\x1b\x9b\u202e\0" if control in result.stdout + result.stderr]
    return result


def send_to(exosms: Shell, server: Misbehaving, case: Case, authority_file: Path, *, retry_for: str) -> Result:
    """Send the message of a case to where its server stands."""
    url = {"http": server.url, "tls": f"https://127.0.0.1:{server.port}", "proxy": "https://sms.example.test"}[
        case.at
    ]
    env = {"SSL_CERT_FILE": str(authority_file)} if case.at != "http" else {}
    if case.at == "proxy":
        env["HTTPS_PROXY"] = f"http://walter:canaryproxypassword@127.0.0.1:{server.port}"
    body = LONG_BODY if case.tight else "Your code is 4711"
    return send(exosms, url, "--timeout", case.timeout, "--retry-for", retry_for, body=body, env=env)


def told(result: Result) -> dict[str, Any]:
    """What a command said about its one message."""
    document = result.json
    [message] = document["messages"]
    error = message["error"] or {"kind": "accepted", "http_status": message["http_status"], "retry": None}
    return {
        "exit code": (result.exit_code, document["exit_code"]),
        "outcome": (document["outcome"], message["outcome"], error["kind"]),
        "http_status": (message["http_status"], error["http_status"]),
        "retry": error["retry"],
        "code": error.get("code"),
        "sid": message["sid"],
    }


def truth(case: Case) -> dict[str, Any]:
    """What a command has to say about the message of a case."""
    verdict = case.verdict
    return {
        "exit code": (verdict.exit_code, verdict.exit_code),
        "outcome": (verdict.outcome,) * 3,
        "http_status": (case.status, case.status),
        "retry": verdict.retry,
        "code": case.code,
        "sid": case.sid,
    }


def shrink_send_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel take as little as it can of what is written before somebody reads it."""
    connect = socket.socket.connect

    def connect_with_small_buffer(self: socket.socket, address: Any) -> None:
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_with_small_buffer)


def meet(
    case: Case, exosms: Shell, authority_file: Path, monkeypatch: pytest.MonkeyPatch, *, mends: bool = False
) -> tuple[Result, Misbehaving]:
    """Send one message to the server of a case, which may mend its ways when it is asked again."""
    if case.tight:
        shrink_send_buffers(monkeypatch)
    way = {"http": does(), "tls": handshakes(genuine), "proxy": does(opens_tunnel, handshakes(genuine))}[case.at]
    behaviours = (case.behaviour, does(way, answers(200, GOOD))) if mends else (case.behaviour,)
    retry_for = "60s" if mends else "0" if case.verdict.again and case.heals else "30s"
    with Misbehaving(*behaviours, tight=case.tight) as server:
        return send_to(exosms, server, case, authority_file, retry_for=retry_for), server


def test_at_least_ninety_misbehaviours_have_names_of_their_own() -> None:
    assert len({name(case) for case in CASES}) == len(CASES) >= 90


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_misbehaviour_is_told_truthfully_and_costs_one_request(
    case: Case, exosms: Shell, authority_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, server = meet(case, exosms, authority_file, monkeypatch)
    assert told(result) == truth(case)
    assert (len(server.connections), server.complete_requests) == (1, case.complete)


@pytest.mark.parametrize("case", MENDING, ids=name)
def test_what_was_certainly_not_sent_is_tried_again_and_accepted_once(
    case: Case, exosms: Shell, authority_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, server = meet(case, exosms, authority_file, monkeypatch, mends=True)
    assert told(result) == truth(MENDED)
    assert len(server.connections) == 2
    assert server.connections[-1].form["To"] == TO


REASONS = {
    "http: reads the head and resets": "the connection broke before the request was written",
    "http: reads and resets": "no usable answer came",
    "http: reads and hangs": "the time limit was reached",
    "proxy: wants a password": "the proxy asks for authentication",
    "proxy: answers 502": "the proxy refused",
    "tls: zeros": "the TLS handshake failed",
    "tls: expired": "the certificate did not verify",
}


@pytest.mark.parametrize("case", [case for case in CASES if name(case) in REASONS], ids=name)
def test_the_reason_of_a_silence_is_told(
    case: Case, exosms: Shell, authority_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = meet(case, exosms, authority_file, monkeypatch)
    assert result.json["messages"][0]["error"]["message"].startswith(REASONS[name(case)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int, exosms: Shell) -> None:
    with Misbehaving(answers(200, GOOD)) as elsewhere:
        case = Case("redirects", answers(status, "", f"Location: {elsewhere.url}/"), ACCOUNT_REFUSED, status)
        with Misbehaving(case.behaviour) as server:
            result = send(exosms, server.url, "--retry-for", "30s")
    assert told(result) == truth(case)
    assert (len(server.connections), len(elsewhere.connections)) == (1, 0)


def test_an_entity_is_never_fetched(exosms: Shell) -> None:
    with Misbehaving(answers(200, SID)) as elsewhere:
        document = f'<!DOCTYPE r [<!ENTITY e SYSTEM "{elsewhere.url}/">]>' + XML_SMS.replace(SID, "&e;")
        case = unknown("an entity elsewhere", document)
        with Misbehaving(case.behaviour) as server:
            result = send(exosms, server.url)
    assert told(result) == truth(case)
    assert not elsewhere.connections


def test_a_gzip_bomb_is_not_unpacked(exosms: Shell) -> None:
    bomb = gzip.compress(bytes(32 << 20))
    assert len(bomb) < 65_536
    case = unknown("a gzip bomb", bomb, "Content-Encoding: gzip")
    with Misbehaving(answers(200, GOOD), case.behaviour) as server:
        send(exosms, server.url)  # so that the imports are not weighed
        tracemalloc.start()
        try:
            result = send(exosms, server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert told(result) == truth(case)
    assert peak < 8 << 20


def test_cookies_are_neither_read_nor_kept(exosms: Shell) -> None:
    """What a cookie may say is a riddle of its own, and ever more of them would make a request too large."""
    cookies = [f"Set-Cookie: a{n}={'v' * 200}; Max-Age={'9' * 400}" for n in range(9)]
    with Misbehaving(answers(429, "", "Retry-After: 0", *cookies), answers(200, GOOD, *cookies)) as server:
        result = send(exosms, server.url, "--retry-for", "30s", "--rate", "off")
        second = server.connections[1].arrived
    assert (result.exit_code, len(server.connections)) == (0, 2)
    assert "ookie" not in result.stderr
    assert b"ookie" not in second


def test_an_answer_of_many_equal_elements_is_read_in_time() -> None:
    """A batch's reply may have two megabytes; lists that are copied for each element took it minutes."""
    began = time.thread_time()  # whatever else runs
    assert read(b"<r>" + b"<a/>" * 300_000 + b"</r>") == []
    assert time.thread_time() - began < 20


def test_a_sid_that_is_no_text_is_survived(exosms: Shell) -> None:
    with Misbehaving(answers(200, json.dumps(sms(Sid="\ud83d")))) as server:
        result = send(exosms, server.url, "--retry-for", "30s")
    assert (result.json["outcome"], result.exit_code) in {("accepted", 0), ("unknown", 9)}
    assert len(server.connections) == 1


@pytest.mark.parametrize("secret", [TOKEN, BASIC])
@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_server_that_repeats_a_secret_does_not_get_it_shown(status: int, secret: str, exosms: Shell) -> None:
    body = json.dumps(refusal(status, message=f"No such user: {secret}"))
    with Misbehaving(
        answers(status, body, f"X-Odd: {secret}", f'WWW-Authenticate: Basic realm="{secret}"')
    ) as server:
        send(exosms, server.url)  # looks for the canaries itself


def test_a_refused_connection_was_not_sent(exosms: Shell) -> None:
    server = Misbehaving(answers(200, GOOD))  # it never listens
    try:
        result = send(exosms, server.url, "--retry-for", "0")
    finally:
        server.__exit__()
    assert told(result) == truth(Case("refused", does(), UNAVAILABLE))


def test_a_refused_connection_is_tried_again(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Misbehaving(answers(200, GOOD))
    connect = socket.socket.connect

    def connect_and_repent(self: socket.socket, address: Any) -> None:
        try:
            connect(self, address)
        except ConnectionRefusedError:
            server.open()
            raise

    monkeypatch.setattr(socket.socket, "connect", connect_and_repent)
    try:
        result = send(exosms, server.url, "--retry-for", "60s")
    finally:
        server.__exit__()
    assert told(result) == truth(Case("repents", does(), ACCEPTED, 200, sid=SID))
    assert server.complete_requests == 1


def test_a_connection_that_never_opens_was_not_sent(exosms: Shell) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with full_backlog(listener):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            result = send(exosms, url, "--timeout", "1", "--retry-for", "0")
    assert told(result) == truth(Case("never opens", does(), UNAVAILABLE))


@pytest.mark.parametrize("error", [OSError(101, "Network is unreachable"), OSError(113, "No route to host")])
def test_an_unreachable_network_was_not_sent(error: OSError, exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "connect", fail)
    result = send(exosms, "http://127.0.0.1:1", "--retry-for", "0")
    assert told(result) == truth(Case("unreachable", does(), UNAVAILABLE))


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL])
def test_a_name_that_does_not_resolve_was_not_sent(code: int, exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    result = send(exosms, "https://sms.example.test", "--retry-for", "0")
    assert told(result) == truth(Case("does not resolve", does(), UNAVAILABLE))


@pytest.mark.parametrize("proxy", [False, True])
def test_a_name_that_is_too_long_for_dns_was_not_sent(exosms: Shell, proxy: bool) -> None:
    long = f"{'x' * 64}.example.test"
    env = {"HTTPS_PROXY": f"http://walter:canaryproxypassword@{long}:3128"} if proxy else {}
    url = "https://sms.example.test" if proxy else f"https://{long}"
    result = send(exosms, url, "--retry-for", "0", env=env)
    assert told(result) == truth(Case("a long name", does(), UNAVAILABLE))
    assert ": the host's name cannot be one" in result.stdout
    assert all(canary not in result.stdout + result.stderr for canary in CANARIES)


def test_a_name_that_takes_for_ever_to_resolve_was_not_sent(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()

    def hang(*_: object, **__: object) -> None:
        enough.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        result = send(exosms, "https://sms.example.test", "--timeout", "1", "--retry-for", "0")
    finally:
        enough.set()
    assert told(result) == truth(Case("takes for ever", does(), UNAVAILABLE))


UNUSABLE = "socks5://127.0.0.1:9"


@pytest.mark.parametrize("others", [{}, {"ALL_PROXY": UNUSABLE}, {"HTTP_PROXY": UNUSABLE}, {"NO_PROXY": "::1/128"}])
def test_a_refusing_proxy_was_not_sent(exosms: Shell, others: Mapping[str, str]) -> None:
    proxy = Misbehaving(does())  # it never listens
    try:
        env = {"HTTPS_PROXY": proxy.url, **others}
        result = send(exosms, "https://sms.example.test", "--retry-for", "0", env=env)
    finally:
        proxy.__exit__()
    assert told(result) == truth(Case("refuses", does(), UNAVAILABLE))


def test_a_proxy_learns_the_host_and_nothing_else(exosms: Shell, authority_file: Path) -> None:
    case = next(case for case in PROXIES if case.verdict is ACCEPTED)
    with Misbehaving(case.behaviour) as proxy:
        send_to(exosms, proxy, case, authority_file, retry_for="0")
    [connection] = proxy.connections
    assert connection.tunnel.startswith(b"CONNECT sms.example.test:443 HTTP/1.1\r\n")
    assert BASIC.encode() not in connection.tunnel
    assert b"\r\nAuthorization: Basic " + BASIC.encode() in connection.read
    assert b"Proxy-Authorization" not in connection.read


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_plain_http_never_goes_through_a_proxy(variable: str, exosms: Shell) -> None:
    with Misbehaving(does()) as proxy, Misbehaving(answers(200, GOOD)) as server:
        result = send(exosms, server.url, env={variable: proxy.url})
    assert told(result) == truth(Case("direct", does(), ACCEPTED, 200, sid=SID))
    assert (len(proxy.connections), server.complete_requests) == (0, 1)


@pytest.mark.parametrize("unusable", [{}, {"HTTPS_PROXY": UNUSABLE}])
def test_no_proxy_names_hosts_that_are_reached_directly(
    exosms: Shell, authority_file: Path, unusable: Mapping[str, str]
) -> None:
    way = does(handshakes(genuine), answers(200, GOOD))
    with Misbehaving(does()) as proxy, Misbehaving(way) as server:
        env = {"HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.1", "SSL_CERT_FILE": str(authority_file), **unusable}
        result = send(exosms, f"https://127.0.0.1:{server.port}", env=env)
    assert told(result) == truth(Case("direct", does(), ACCEPTED, 200, sid=SID))
    assert (len(proxy.connections), server.complete_requests) == (0, 1)


def test_a_service_that_stays_away_is_not_asked_for_ever(exosms: Shell) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 0")) as server:
        result = send(exosms, server.url, "--retry-for", "1h")
    assert told(result) == truth(Case("429 for ever", does(), RATE_LIMITED, 429))
    assert 2 <= len(server.connections) <= 6


def test_no_attempt_begins_that_would_pass_the_time_for_retries(exosms: Shell) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 5")) as server:
        result = send(exosms, server.url, "--retry-for", "4s")
    assert told(result) == truth(Case("429 too late", does(), RATE_LIMITED, 429))
    assert len(server.connections) == 1


def test_no_turn_is_waited_for_that_comes_after_the_time_for_retries(exosms: Shell) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 0")) as server:
        result = send(exosms, server.url, "--retry-for", "3s", "--rate", "6/min")
    assert told(result) == truth(Case("429 and no turn", does(), RATE_LIMITED, 429))
    assert "not tried again: this account's rate (6/min)" in result.stderr
    assert len(server.connections) == 1


def test_the_request_is_what_exotel_documents(exosms: Shell) -> None:
    with Misbehaving(answers(200, GOOD)) as server:
        send(exosms, server.url, body="100% & +91 = ₹ न\n😀")
    [connection] = server.connections
    assert connection.arrived.startswith(b"POST /v1/Accounts/acme1/Sms/send.json HTTP/1.1\r\n")
    assert connection.form == {
        "From": "ACMEIN",
        "To": TO,
        "Body": "100% & +91 = ₹ न\n😀",
        "EncodingType": "unicode",
    }


def test_a_tight_connection_does_not_hold_the_long_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every row about half a request rests on."""
    shrink_send_buffers(monkeypatch)
    with Misbehaving(hangs, tight=True) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setblocking(False)
        assert client.send(b"x" * len(LONG_BODY) * 9) < 9000
