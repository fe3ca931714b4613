"""The emulator: what Exotel documents, asked without the project's own client."""

import base64
import csv
import http.client
import json
import os
import socket
import stat
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

import pytest
from conftest import Shell
from misbehaving import Misbehaving, does, reads_all, says

from exosms.sandbox.emulator import Emulator, SandboxAnswer
from exosms.sandbox.server import Behaviour, Handler, Server
from exosms.sandbox.store import MessageStore, StoredMessage

SEND = "/v1/Accounts/acme1/Sms/send"
BULK = "/v1/Accounts/acme1/Sms/bulksend"
GOOD = {"From": "ACMEIN", "To": "+919876543210", "Body": "Hello"}


def basic(token: str = "token") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"key:{token}".encode()).decode()}


def post(
    emulator: Emulator, path: str, form: dict[str, str], *, headers: dict[str, str] | None = None
) -> SandboxAnswer:
    return emulator.answer("POST", path, basic() if headers is None else headers, urlencode(form).encode())


def numbered(numbers: list[str]) -> dict[str, str]:
    return {"From": "ACMEIN", "Body": "Hello"} | {f"To[{i}]": number for i, number in enumerate(numbers)}


def different(messages: list[tuple[str, str]]) -> dict[str, str]:
    form = {"From": "ACMEIN"}
    for index, (to, body) in enumerate(messages):
        form |= {f"Messages[{index}][To]": to, f"Messages[{index}][Body]": body}
    return form


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(MessageStore())


def test_a_message_is_queued_in_exotels_shape(emulator: Emulator) -> None:
    answer = post(emulator, SEND + ".json", GOOD)
    message = json.loads(answer.body)["SMSMessage"]
    assert answer.status == 200
    assert len(message["Sid"]) == 32
    assert (message["To"], message["From"], message["Status"]) == ("09876543210", "/ACMEIN", "queued")
    assert (message["DetailedStatusCode"], message["DetailedStatus"]) == (21010, "PENDING_TO_OPERATOR")
    assert (message["DateSent"], message["Price"], message["SmsUnits"], message["AccountSid"]) == (
        None,
        None,
        None,
        "acme1",
    )
    assert post(emulator, SEND + ".json", {**GOOD, "To": "+16502530000"}).body.find(b'"To": "0016502530000"') > 0


@pytest.mark.parametrize(
    ("body", "units"),
    [("x" * 160, 1), ("x" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("₹" * 70, 1), ("₹" * 71, 2), ("😀" * 67, 3)],
)
def test_the_parts_are_counted_as_an_operator_counts_them(emulator: Emulator, body: str, units: int) -> None:
    sid = json.loads(post(emulator, SEND + ".json", {**GOOD, "Body": body}).body)["SMSMessage"]["Sid"]
    details = emulator.answer("GET", f"/v1/Accounts/acme1/SMS/Messages/{sid}.json", basic(), b"")
    assert json.loads(details.body)["SMSMessage"]["SmsUnits"] == units


def test_without_json_the_answer_is_xml(emulator: Emulator) -> None:
    root = ET.fromstring(post(emulator, SEND, {**GOOD, "Body": "<&>"}).body)
    assert (root.tag, root.findtext("SMSMessage/Body")) == ("TwilioResponse", "<&>")
    refused = post(emulator, SEND, {**GOOD, "To": "+919000000403"})
    assert (refused.status, ET.fromstring(refused.body).findtext("RestException/Status")) == (403, "403")


@pytest.mark.parametrize(
    ("path", "form", "status", "code"),
    [
        (SEND, {**GOOD, "Body": ""}, 400, 40200),
        (SEND, {"From": "A", "To": "1"}, 400, 40200),
        (SEND, {**GOOD, "Body": "x" * 2001}, 400, 40202),
        (SEND, {**GOOD, "From": ""}, 400, 40205),
        (SEND, {"To": "+919876543210", "Body": "x"}, 400, 40210),
        (SEND, {**GOOD, "SmsType": "spam"}, 400, 40204),
        (SEND, {**GOOD, "EncodingType": "utf8"}, 400, 40209),
        (SEND, {**GOOD, "Body[0]": "x"}, 400, 40207),
        (SEND, {**GOOD, "To": "12345"}, 400, 40203),
        (SEND, {"From": "A", "Body": "x"}, 400, 40203),
        (SEND, numbered([f"+9198765{i:05d}" for i in range(101)]), 400, 40406),
        (BULK, {"From": "A"}, 400, 40201),
        (BULK, {"From": "A", "Messages": "x"}, 400, 40208),
        (BULK, different([(f"+9198765{i:05d}", "x") for i in range(101)]), 400, 40400),
        (SEND, {**GOOD, "To": "+919000000400"}, 400, 40203),
        (SEND, {**GOOD, "To": "09000000401"}, 401, 34010),
        (SEND, {**GOOD, "To": "+919000000403"}, 403, 40001),
        (SEND, {**GOOD, "To": "+919000000429"}, 429, 40402),
        (SEND, {**GOOD, "To": "+919000000500"}, 500, 35000),
        (SEND, {**GOOD, "To": "+919000000503"}, 503, 40405),
        (SEND, {**GOOD, "To": "+919000000418"}, 418, None),
        ("/v1/nothing", GOOD, 404, None),
    ],
)
def test_refusals(emulator: Emulator, path: str, form: dict[str, str], status: int, code: int | None) -> None:
    answer = post(emulator, path + ".json", form)
    error = json.loads(answer.body)["RestException"]
    assert (answer.status, error["Status"], error.get("Code")) == (status, status, code)
    assert emulator.store.received() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic " + "YQ=="},
        basic("wrong1"),
    ],
)
def test_credentials(emulator: Emulator, headers: dict[str, str]) -> None:
    assert post(emulator, SEND + ".json", GOOD, headers=headers).status == 401
    assert post(emulator, SEND + ".json", GOOD, headers={"authorization": basic()["Authorization"]}).status == 200


def test_methods_and_garbage(emulator: Emulator) -> None:
    assert emulator.answer("GET", SEND + ".json", basic(), b"").status == 405
    assert emulator.answer("POST", SEND + ".json", basic(), b"\xff\xfe").status == 400
    assert emulator.answer("POST", SEND + ".json", basic(), b"Body=%ff&From=A&To=1").status == 400
    assert emulator.answer("POST", SEND + ".json", basic(), b"x" * 5_000_000).status == 413


def test_several_recipients_and_several_texts(emulator: Emulator) -> None:
    one_text = json.loads(post(emulator, SEND + ".json", numbered(["+919876543210", "+919000000400", "bad"])).body)
    assert ["SMSMessage" in item for item in one_text] == [True, False, False]
    texts = json.loads(
        post(emulator, BULK + ".json", different([("+919876543211", "a"), ("+919876543212", "b")])).body
    )
    assert [item["SMSMessage"]["Body"] for item in texts] == ["a", "b"]
    assert [message.recipient[-1] for message in emulator.store.received()] == ["0", "1", "2"]
    assert post(emulator, SEND + ".json", numbered(["+919000000400"])).status == 400
    whole = post(emulator, BULK + ".json", different([("+919876543213", "a"), ("+919000000503", "b")]))
    assert (whole.status, len(emulator.store.received())) == (503, 3)
    alone = post(emulator, SEND + ".json", numbered(["+919876543210"]))
    assert isinstance(json.loads(alone.body), list)


def test_every_recipient_of_an_array_is_taken(emulator: Emulator) -> None:
    """PHP and Rails send ``To[]`` for each; of the same name twice the last one counts, as in PHP."""
    fields = [("From", "ACMEIN"), ("Body", "x"), ("To[1]", "09876543211"), ("To[]", "09876543212")]
    fields += [("To[]", "09876543213"), ("To[0]", "1"), ("To[0]", "09876543210")]
    answer = emulator.answer("POST", SEND + ".json", basic(), urlencode(fields).encode())
    assert [item["SMSMessage"]["To"][-1] for item in json.loads(answer.body)] == ["0", "1", "2", "3"]
    assert len(emulator.store.received()) == 4
    many = [("From", "ACMEIN"), ("Body", "x"), *(("To[]", f"98765{place:05d}") for place in range(101))]
    refused = emulator.answer("POST", SEND + ".json", basic(), urlencode(many).encode())
    assert (refused.status, json.loads(refused.body)["RestException"]["Code"]) == (400, 40406)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0016502530000", "+16502530000"),
        ("16502530000", "+16502530000"),
        (" 16502530000", "+16502530000"),  # a plus that nobody encoded
        ("00442079460000", "+442079460000"),
        ("0091 98765 43210", "+919876543210"),
        ("00912212345678", "+912212345678"),
        ("9876543210", "+919876543210"),
        ("6502530000", "+916502530000"),
        ("2212345678", None),
        ("02212345678", None),
        ("000016502530000", None),
        ("12345", None),
        ("1234567890123456", None),
    ],
)
def test_numbers_as_people_write_them(emulator: Emulator, written: str, number: str | None) -> None:
    answer = post(emulator, SEND + ".json", {**GOOD, "To": written})
    assert answer.status == (200 if number else 400)
    assert [message.recipient for message in emulator.store.received()] == [number] * bool(number)


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/json", ""])
def test_what_is_no_form_is_refused_for_that(emulator: Emulator, content_type: str) -> None:
    headers = {**basic(), "Content-Type": content_type}
    answer = post(emulator, SEND + ".json", GOOD, headers=headers)
    said = "Invalid Parameters: the body must be application/x-www-form-urlencoded, not "
    message = json.loads(answer.body)["RestException"]["Message"]
    assert (answer.status, message) == (400, said + content_type.partition(";")[0])
    form = {**basic(), "Content-Type": "Application/X-WWW-Form-URLEncoded; charset=utf-8"}
    assert post(emulator, SEND + ".json", GOOD, headers=form).status == 200


class Clock:
    now = 1_764_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("last", "word", "code"), [("20005", "sent", 20005), ("23005", "failed_dnd", 23005), ("23999", "failed", 23999)]
)
def test_delivery_advances_with_time(last: str, word: str, code: int) -> None:
    clock = Clock()
    emulator = Emulator(MessageStore(), clock=clock, delivery_after=30)
    sid = json.loads(post(emulator, SEND + ".json", {**GOOD, "To": f"+9190000{last}"}).body)["SMSMessage"]["Sid"]
    seen = []
    message: dict[str, Any] = {}
    for _ in range(4):
        details = emulator.answer("GET", f"/v1/Accounts/acme1/SMS/Messages/{sid}.json", basic(), b"")
        message = json.loads(details.body)["SMSMessage"]
        seen.append((message["Status"], message["DetailedStatusCode"]))
        clock.now += 10
    assert seen == [("queued", 21010), ("sending", 21015), ("submitted", 21020), (word, code)]
    assert (message["DateSent"], message["SmsUnits"]) == ("2025-11-24 21:30:30", 1)


def test_an_unknown_sid_is_answered_200(emulator: Emulator) -> None:
    answer = emulator.answer("GET", f"/v1/Accounts/acme1/SMS/Messages/{'0' * 32}.json", basic(), b"")
    assert (answer.status, json.loads(answer.body)) == (200, {"Message": "No matching results"})


def test_a_file_is_found_again_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "sandbox.db"
    before = os.umask(0)
    try:
        first = Emulator(MessageStore(path))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sid = json.loads(post(first, SEND + ".json", GOOD).body)["SMSMessage"]["Sid"]
    second = MessageStore(path)
    found = second.get("acme1", sid)
    assert found is not None
    assert found.recipient == "+919876543210"
    assert second.get("other", sid) is None
    assert [message.sid for message in second.received()] == [sid]


@contextmanager
def serving(**behaviour: Any) -> Iterator[Server]:
    with Server(0, Behaviour(**behaviour)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server: Server, form: dict[str, str], path: str = SEND + ".json") -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.request("POST", path, urlencode(form), basic())
        answer = connection.getresponse()
        answer.read()
    except (ConnectionError, http.client.HTTPException):
        return None
    else:
        return answer.status
    finally:
        connection.close()


def listed(server: Server) -> list[Any]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        server.url + "/sandbox/messages.json"
    ) as answer:
        return list(json.loads(answer.read()))


def test_it_is_served_over_http_and_lists_what_it_took() -> None:
    with serving() as server:
        assert ask(server, GOOD) == 200
        assert ask(server, {**GOOD, "To": "+919000000500"}) == 500
        assert [(item["To"], item["Body"]) for item in listed(server)] == [("+919876543210", "Hello")]


def test_faults_repeat_with_their_seed_and_a_refusal_takes_nothing() -> None:
    def campaign() -> tuple[list[int | None], int]:
        with serving(faults=0.5, seed=7) as server:
            statuses = [ask(server, {**GOOD, "To": f"+9198765{number:05d}"}) for number in range(60)]
            return statuses, len(listed(server))

    statuses, taken = campaign()
    assert campaign() == (statuses, taken)
    assert {200, 429, 502, 503, None} <= set(statuses)
    refused = sum(status in {429, 502, 503} for status in statuses)
    assert statuses.count(200) < taken <= 60 - refused


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff\x00",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET",
    ],
)
def test_garbage_does_not_end_it(raw: bytes) -> None:
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.server_port)) as sock:
            sock.sendall(raw)
        assert ask(server, GOOD) == 200


def raw(server: Server, head: str, body: bytes = b"") -> tuple[int, str]:
    """Send exactly this and return the first answer's status and Exotel's message in it."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as sock:
        sock.sendall(head.replace("\n", "\r\n").encode() + body)
        sock.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        document = json.loads(answer.read())
    return answer.status, document.get("RestException", {}).get("Message", "")


FORM = urlencode(GOOD).encode()
AUTHORIZED = f"POST {SEND}.json HTTP/1.1\nAuthorization: {basic()['Authorization']}\nHost: localhost\n"


def chunked(*pieces: bytes, extension: bytes = b"") -> bytes:
    return b"".join(b"%X%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in (*pieces, b""))


@pytest.mark.parametrize(
    ("header", "body", "status", "said"),
    [
        ("Transfer-Encoding: chunked", chunked(FORM), 200, ""),
        ("Transfer-Encoding: Chunked", chunked(FORM[:5], FORM[5:], extension=b";a=b"), 200, ""),
        ("Transfer-Encoding: chunked", b"000" + chunked(FORM)[:-2] + b"Trailer: x\r\n\r\n", 200, ""),
        (f"Content-Length: 0000000000000{len(FORM)}", FORM, 200, ""),
        (f"Content-Length: {'0' * 12}5000000", b"", 413, "Request Entity Too Large"),
        (f"Content-Length: {'9' * 5000}", b"", 413, "Request Entity Too Large"),
        ("Content-Length: ²", b"", 400, "Invalid Parameters: malformed Content-Length"),
        ("Transfer-Encoding: chunked", b"4C4B40\r\n", 413, "Request Entity Too Large"),
        (
            "Transfer-Encoding: chunked",
            chunked(*[b"x" * 1_000_000] * 4)[:-5] + b"F4240\r\n",
            413,
            "Request Entity Too Large",
        ),
        ("Transfer-Encoding: chunked", b"-1\r\n", 400, "Invalid Parameters: malformed chunk"),
        ("Transfer-Encoding: chunked", b"1\r\nxy\r\n", 400, "Invalid Parameters: malformed chunk"),
        ("Transfer-Encoding: chunked", b"1" * 5000, 400, "Invalid Parameters: malformed chunk"),
        ("Transfer-Encoding: chunked", b"0\r\n" + b"a: b\r\n" * 200, 400, "Invalid Parameters: malformed trailer"),
        ("Transfer-Encoding: gzip", b"", 400, "Invalid Parameters: malformed Transfer-Encoding"),
    ],
)
def test_a_body_is_taken_as_http_carries_it(header: str, body: bytes, status: int, said: str) -> None:
    with serving() as server:
        assert raw(server, f"{AUTHORIZED}{header}\n\n", body) == (status, said)
        assert len(listed(server)) == (status == 200)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "127.9.9.9", "[::1]:{port}"])
@pytest.mark.parametrize("path", ["/sandbox/messages.json", "/v1/nothing.json"])
def test_it_answers_to_its_own_names(host: str, path: str) -> None:
    with serving() as server:
        named = host.format(port=server.server_port)
        request = f"GET {path} HTTP/1.1\nHost: {named}\n\n"
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as sock:
            sock.sendall(request.replace("\n", "\r\n").encode())
            assert sock.recv(13) == (b"HTTP/1.1 200 " if path.startswith("/s") else b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "host",
    ["evil.example:80", "127.0.0.1.evil.example", "localhost.example", "10.0.0.1", "localhost@a.b", "", "["],
)
def test_a_stranger_whose_name_leads_here_learns_and_sends_nothing(host: str) -> None:
    """A page of theirs in this machine's browser would else read what was sent (DNS rebinding)."""
    with serving() as server:
        assert ask(server, GOOD) == 200
        status, said = raw(server, f"GET /sandbox/messages.json HTTP/1.1\nHost: {host}\n\n")
        assert (status, said) == (421, f"The sandbox answers on {server.url} only, not as {host}")
        status, said = raw(
            server,
            f"{AUTHORIZED.replace('localhost', host)}Content-Length: {len(FORM)}\n\n",
            FORM,
        )
        assert status == 421
        assert len(listed(server)) == 1


def test_the_answer_comes_before_the_callback() -> None:
    """Whoever looks a Sid up when its callback comes must have got it."""
    order: list[str] = []
    done = threading.Event()

    class Recorded(Server):
        def call_back(self, message: StoredMessage, fault: str = "") -> None:
            order.append(f"callback for {message.recipient}{fault}")
            done.set()

    class Recording(Handler):
        def _write(self, answer: SandboxAnswer, *, cut: bool = False) -> None:
            super()._write(answer, cut=cut)
            order.append(f"answer {answer.status}")

    with Recorded(0, Behaviour()) as server:
        server.RequestHandlerClass = Recording
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ask(server, {**GOOD, "StatusCallback": "http://127.0.0.1:1/"}) == 200
        assert done.wait(60)
        server.shutdown()
    assert order == ["answer 200", "callback for +919876543210"]


def test_the_final_state_is_posted_to_a_callback_on_this_machine_only() -> None:
    received: list[dict[str, str]] = []
    done = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))
            self.send_response(204)
            self.end_headers()
            done.set()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver, serving() as server:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        callback = f"http://127.0.0.1:{receiver.server_port}/dlr"
        ask(server, {**GOOD, "To": "+919000023185", "StatusCallback": callback, "CustomField": "o-1"})
        assert done.wait(60)
        receiver.shutdown()
        assert ask(server, {**GOOD, "StatusCallback": "http://192.0.2.1/"}) == 200
    [form] = received
    assert (form["Status"], form["DetailedStatusCode"], form["CustomField"]) == ("failed", "23185", "o-1")


@pytest.mark.parametrize("path", ["/dlr", "/a path"])
def test_a_callback_that_nobody_understands_is_let_go_of(path: str) -> None:
    """Such as one to a port that speaks TLS, whose alert is no HTTP."""
    with (
        Misbehaving(does(reads_all, says(b"\x15\x03\x01\x00\x02\x02\x46\r\n"))) as receiver,
        Server(0, Behaviour()) as server,
    ):
        url = receiver.url + path
        message = StoredMessage("5" * 32, "a", "ACMEIN", "+919876543210", "x", 20005, 0.0, url, "")
        server.call_back(message, "early")


def test_the_command_prints_its_address_first_and_how_to_use_it_and_ends_quietly(exosms: Shell) -> None:
    process = exosms.start("sandbox", "--port", "0", "--faults", "0%", "--latency", "10ms", "--seed", "1")
    assert process.stdout is not None
    assert process.stderr is not None
    url = process.stdout.readline().decode().strip()
    told = process.stderr.readline().decode()
    assert told == (
        "exosms: use it with EXOTEL_ACCOUNT_SID=acme1 EXOTEL_API_KEY=key EXOTEL_API_TOKEN=token and --base-url"
        f" {url}, or: exosms profile add local --base-url {url}\n"
    )
    env = dict(word.split("=") for word in told.split() if "=" in word)
    send = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "x")
    assert exosms(*send, "--base-url", url, env=env).exit_code == 0
    assert exosms(*send, env={**env, "EXOTEL_API_TOKEN": "wrong", "EXOSMS_BASE_URL": url}).exit_code == 4
    account = ("--account-sid", "acme1", "--api-key", "key", "--token-stdin")
    add = (*told.split("or: exosms ")[1].split(), *account)
    assert exosms(*add, stdin="token\n").exit_code == 0
    assert exosms(*send, "-p", "local").exit_code == 0
    busy = exosms("sandbox", "--port", url.rpartition(":")[2])
    assert (busy.exit_code, "port" in busy.stderr) == (4, True)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.parametrize("option", ["--region", "-p"])
def test_an_address_beside_the_sandbox_is_told_how_to_be_used(exosms: Shell, option: str) -> None:
    by = "--region" if option == "--region" else "profile sandbox"
    ignored = (
        f"exosms: warning: --base-url is ignored, because {by} says sandbox; to send there, store it and name it"
    )
    send = ("send", option, "sandbox", "--to", "9876543210", "--from", "ACMEIN", "--body", "x", "--base-url")
    with serving() as server:
        result = exosms(*send, server.url + "/")
        assert (result.exit_code, result.stderr.splitlines()[0]) == (
            0,
            f"{ignored} with -p: exosms profile add local --base-url {server.url}",
        )
    secret = exosms(*send, "https://key:hidden@sms.example")
    assert "with -p: exosms profile add local --base-url URL\n" in secret.stderr
    assert "hidden" not in secret.stderr


@pytest.mark.parametrize("argv", [("--faults", "2"), ("--faults", "x"), ("--latency", "soon"), ("--port", "70000")])
def test_options_that_make_no_sense(exosms: Shell, argv: tuple[str, ...]) -> None:
    assert exosms("sandbox", *argv).exit_code == 2


def test_a_recipient_may_ask_for_a_redirection(exosms: Shell) -> None:
    result = exosms("send", "--region", "sandbox", "--to", "+919000000302", "--body", "Hi")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (6, "not_sent")


LIST = "/v1/Accounts/acme1/SMS/Messages.json"


def list_of(emulator: Emulator, query: str = "") -> Any:
    return json.loads(emulator.answer("GET", LIST + query, basic(), b"").body)


def test_a_list_comes_in_pages_of_the_time_that_is_asked_for() -> None:
    clock = Clock()
    emulator = Emulator(MessageStore(), clock=clock)
    for number in range(5):
        post(emulator, SEND + ".json", {**GOOD, "Body": f"text {number}"})
        clock.now += 60
    post(emulator, SEND.replace("acme1", "other") + ".json", GOOD)
    whole = list_of(emulator)
    assert [item["Body"][-1] for item in whole["SMSMessages"]] == [*"01234"]
    assert whole["Metadata"] == {"Total": 5, "PageSize": 50, "NextPageUri": None}
    query = "?DateCreated=gte:2025-11-24%2021:31:00;lte:2025-11-24%2021:33:00&PageSize=2"
    first = list_of(emulator, query)
    assert ([item["Body"][-1] for item in first["SMSMessages"]], first["Metadata"]["Total"]) == ([*"12"], 3)
    next_page = first["Metadata"]["NextPageUri"]
    assert next_page.startswith(LIST + "?")
    assert [item["Body"][-1] for item in list_of(emulator, next_page.removeprefix(LIST))["SMSMessages"]] == ["3"]
    as_xml = ET.fromstring(emulator.answer("GET", LIST.removesuffix(".json"), basic(), b"").body)
    assert len(as_xml.findall("SMSMessages/SMSMessage")) == 5


@pytest.mark.parametrize("query", ["?PageSize=101", "?PageSize=x", "?DateCreated=lt:2025", "?After=-1"])
def test_a_list_that_cannot_be_is_refused(emulator: Emulator, query: str) -> None:
    assert emulator.answer("GET", LIST + query, basic(), b"").status == 400


def test_the_list_can_be_missing_while_single_messages_are_there() -> None:
    emulator = Emulator(MessageStore(), search=False)
    sid = json.loads(post(emulator, SEND + ".json", GOOD).body)["SMSMessage"]["Sid"]
    assert emulator.answer("GET", LIST, basic(), b"").status == 404
    assert emulator.answer("GET", LIST.replace(".json", f"/{sid}.json"), basic(), b"").status == 200
    assert Emulator(MessageStore()).answer("POST", LIST, basic(), b"").status == 405


def test_the_report_has_the_columns_and_the_quirks_of_the_dashboard() -> None:
    with serving() as server:
        ask(server, {**GOOD, "Body": "two\nlines, ₹ 5", "CustomField": "o-1"})
        ask(server, {**GOOD, "From": "08012345678"}, SEND.replace("acme1", "other") + ".json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(server.url + "/sandbox/report.csv?account=acme1") as answer:
            assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
            head, row = csv.reader(answer.read().decode().splitlines(keepends=True))
        with opener.open(server.url + "/sandbox/report.csv") as answer:
            both = list(csv.DictReader(answer.read().decode().splitlines(keepends=True)))
    assert ",".join(head) == (
        "Id,From,To,Body,Status,Time,Price,DetailedStatusCode,DetailedStatus,Date Sent,CustomField,NumberOfUnits,"
        "EncodingType,DltEntityId,DltTemplateId"
    )
    sid, sender, to, body, status, day, *_, custom, units, encoding, _, _ = row
    assert (sid[0], len(sid), sender, to, body) == ("'", 33, "LM-ACMEIN", "09876543210", "two\nlines, ₹ 5")
    assert (status, len(day), custom, units, encoding) == ("sent", 10, "o-1", "1", "unicode")
    assert [one["From"] for one in both] == ["LM-ACMEIN", "08012345678"]
