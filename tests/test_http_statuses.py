"""Every status from 400 to 599, also with every kind of body: what it means, and that it is asked once."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import Shell
from misbehaving import Connection, Misbehaving, answer, reads_all

STATUSES = range(400, 600)

BODIES = {
    "json": json.dumps({"RestException": {"Status": 0, "Message": "Refused"}}),
    "xml": "<?xml version='1.0' encoding='UTF-8'?><TwilioResponse><RestException><Status>0</Status>"
    "<Message>Refused</Message></RestException></TwilioResponse>",
    "html": "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Too Many Requests</h1></body></html>",
    "empty": "",
    "taken": json.dumps({"SMSMessage": {"Sid": "5a" * 16, "To": "+919876543210", "Status": "queued"}}),
    "beside": json.dumps({"RestException": {"Status": 0, "Message": "Refused"}, "Sid": "5a" * 16}),
    "within": json.dumps({"Answer": {"RestException": {"Status": 0, "Sid": "5a\ud800", "To": [1]}}}),
}
"""What ``Status`` and ``Message`` say decides nothing, so they say something else."""

MEANINGS = {
    # status: outcome, exit code, retry
    401: ("not_sent", 4, "safe"),
    402: ("not_sent", 6, "safe"),
    403: ("not_sent", 6, "safe"),
    407: ("not_sent", 4, "safe"),
    408: ("unknown", 9, "decide"),
    409: ("unknown", 9, "decide"),
    429: ("not_sent", 11, "safe"),
}
OF_4XX = ("rejected", 6, "no")
OF_5XX = ("unknown", 9, "decide")
THROTTLED = ("not_sent", 7, "safe")
"""503 with Exotel's own envelope: throttling is the only documented meaning of it."""

TRIED_AGAIN = [(429, "json"), (429, "xml"), (429, "html"), (429, "empty"), (503, "json"), (503, "xml")]

OF_THEIR_OWN = {400, 404, 405, 413, 414, 422, 499, 500, 502, 503, 504, 599, *MEANINGS}
CASES = [
    (status, kind)
    for status in STATUSES
    for place, kind in enumerate(BODIES)
    if status in OF_THEIR_OWN or place == status % len(BODIES)
]
"""What has a row of its own, and the ends of the ranges, with each body; of the rest a seventh with each."""


def meaning(status: int, kind: str) -> tuple[str, int, str]:
    if status in {429, 503} and kind in {"taken", "beside", "within"}:  # two in one: it is not sent again by itself
        return OF_5XX
    if status == 503 and kind in {"json", "xml"}:
        return THROTTLED
    return MEANINGS.get(status, OF_4XX if status < 500 else OF_5XX)


@dataclass
class Service:
    """One server for all cases: it answers as the message asks it to, such as ``404 json``."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)

    def behave(self, connection: Connection) -> None:
        reads_all(connection)
        body = connection.form["Body"]
        self.asked[body] += 1
        status, kind = body.split()
        connection.sock.sendall(answer(status, BODIES[kind]))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service()
    with Misbehaving(service.behave) as server:
        service.url = server.url
        yield service


@pytest.mark.parametrize(("status", "kind"), CASES)
def test_a_status_means_what_is_documented_and_is_asked_once(
    status: int, kind: str, exosms: Shell, service: Service
) -> None:
    retry_for = "0" if (status, kind) in TRIED_AGAIN else "30s"
    body = f"{status} {kind}"
    account = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "canarykey", "EXOTEL_API_TOKEN": "canarytoken"}
    options = ("--base-url", service.url, "--retry-for", retry_for, "--rate", "off", "--json")

    result = exosms("send", "--to", "+919876543210", "--from", "ACMEIN", "--body", body, *options, env=account)

    outcome, exit_code, retry = meaning(status, kind)
    document: dict[str, Any] = result.json
    [message] = document["messages"]
    error = message["error"]
    assert (result.exit_code, document["exit_code"], document["outcome"]) == (exit_code, exit_code, outcome)
    assert (message["outcome"], message["http_status"], message["sid"]) == (outcome, status, None)
    assert (error["kind"], error["http_status"], error["retry"]) == (outcome, status, retry)
    assert error["message"] == ("Refused" if kind in {"json", "xml"} else error["message"])
    assert error["meaning"]
    assert error["remedy"]
    assert service.asked[body] == 1
