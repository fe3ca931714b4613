"""Several messages in one request: which answer is whose, and what is unknown when that cannot be told."""

import json
import random
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exosms.exotel.client import Batch, Client
from exosms.exotel.exchange import Answer, Fault, NoAnswer
from exosms.exotel.transport import InProcessTransport
from exosms.sandbox.emulator import Emulator
from exosms.sandbox.store import MessageStore
from exosms.sms.message import Encoding, Message, MessageFields, Outcome, Retry

A, U, R, N = Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.REJECTED, Outcome.NOT_SENT

NUMBERS = ("+919876543210", "+919876543211", "+14155550123")
SIDS = {number: f"{place:032x}" for place, number in enumerate(NUMBERS, start=1)}


def message(to: str, body: str = "Hello", *, sender: str = "ACMEIN", **more: Any) -> Message:
    return Message(to, body, Encoding.PLAIN, segments=1, fields=MessageFields(sender, **more))


MESSAGES = [message(to, f"Hello {place}") for place, to in enumerate(NUMBERS)]


class Recorded:
    """A line that gives one answer and remembers what was asked."""

    def __init__(self, answer: Answer | NoAnswer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, bytes, int]] = []

    def exchange(self, method: str, path: str, body: bytes, *, limit: int = 0) -> Answer | NoAnswer:
        assert method == "POST"
        self.asked.append((path, body, limit))
        return self.answer

    def hide(self, text: str, *, is_name: bool = False) -> str:  # noqa: ARG002
        return text


def batch(answer: Answer | NoAnswer, messages: list[Message] = MESSAGES) -> Batch:
    line = Recorded(answer)
    sent = Client(line, account_sid="acme1").send_batch(messages)
    assert len(line.asked) == 1
    assert len(sent.receipts) == len(messages)
    return sent


def outcomes(sent: Batch) -> list[Outcome]:
    return [receipt.outcome for receipt in sent.receipts]


def taken(to: str, *, sid: Any = "", number: Any = "", **more: Any) -> dict[str, Any]:
    """Return what Exotel says of an accepted message."""
    return {"SMSMessage": {"Sid": SIDS[to] if sid == "" else sid, "To": to if number == "" else number, **more}}


def refused(status: Any = 400, **more: Any) -> dict[str, Any]:
    """Return what stands in the place of a message that was not accepted."""
    return {"RestException": {"Status": status, "Message": "Bad Request", **more}}


ONE, TWO, THREE = NUMBERS
ALL = [taken(ONE), taken(TWO), taken(THREE)]
STRANGER = {"SMSMessage": {"Sid": "f" * 32, "To": "+919999999999"}}

REPLIES: list[tuple[str, Any, list[Outcome], bool]] = [
    # what, the answer's JSON, outcomes, whether it fits what was asked
    ("an array", ALL, [A, A, A], True),
    ("in a TwilioResponse", {"TwilioResponse": ALL}, [A, A, A], True),
    ("messages inside", {"SMSMessage": [one["SMSMessage"] for one in ALL]}, [A, A, A], True),
    ("SMSMessages", {"TwilioResponse": {"SMSMessages": ALL}}, [A, A, A], True),
    ("lists in lists", [[[ALL[0]], ALL[1]], [[[ALL[2]]]]], [A, A, A], True),
    ("any order", ALL[::-1], [A, A, A], True),
    ("0 and 00", [taken(ONE, number="09876543210"), ALL[1], taken(THREE, number="0014155550123")], [A, A, A], True),
    ("numbers", [taken(ONE, number=919876543210), ALL[1], taken(THREE, number=14155550123)], [A, A, A], True),
    ("a refusal in place", [ALL[0], refused(), ALL[2]], [A, R, A], True),
    ("a refusal elsewhere", [refused(), ALL[0], ALL[2]], [A, R, A], True),
    ("refused by balance", [ALL[0], ALL[1], refused(403)], [A, A, N], True),
    ("refused alike", [refused(), ALL[1], refused()], [R, A, R], True),
    ("all refused in place", [refused(), refused(), refused()], [R, R, R], True),
    ("refused unlike", [refused(400), refused(403), ALL[2]], [U, U, A], False),
    ("refused unlike, out of place", [refused(400), ALL[0], refused(403)], [A, U, U], False),
    ("refused unlike, all", [refused(400), refused(500), refused(400)], [U, U, U], False),
    ("refused with unlike codes", [refused(Code=40203), refused(Code=40301), ALL[2]], [U, U, A], False),
    ("refused alike in other words", [refused(Message="a"), ALL[1], refused(Message="b")], [R, A, R], True),
    ("refusals with numbers", [refused(403, To=TWO), refused(400, To=ONE), ALL[2]], [R, N, A], True),
    ("numbers beside refusals", [refused(403) | {"To": TWO}, refused(400) | {"To": ONE}, ALL[2]], [R, N, A], True),
    ("one refusal with a number", [refused(403, To=TWO), ALL[2], refused(400)], [R, N, A], True),
    ("a refusal of a stranger", [refused(To="+919999999999"), ALL[0], ALL[2]], [A, U, A], False),
    ("refused and taken", [refused(To=ONE), *ALL], [U, A, A], False),
    ("too few refusals", [refused(), ALL[1]], [U, A, U], False),
    ("too many refusals", [refused(), refused(), ALL[1], ALL[2]], [U, A, A], False),
    ("a refusal without status", [ALL[0], refused(None), ALL[2]], [A, U, A], True),
    ("a refusal that is none", [ALL[0], refused(200), ALL[2]], [A, U, A], True),
    ("a refusal that may have sent", [ALL[0], refused(500), ALL[2]], [A, U, A], True),
    ("a refusal with a Sid", [ALL[0], refused(429) | {"Sid": SIDS[TWO], "To": TWO}, ALL[2]], [A, U, A], True),
    ("a refusal with a Sid within", [ALL[0], refused(Sid=SIDS[TWO]), ALL[2]], [A, U, A], True),
    ("a refusal with a message", [ALL[0], refused(429, SMSMessage={"Sid": SIDS[TWO]}), ALL[2]], [A, U, A], True),
    ("a refusal beside a message", [ALL[0], refused(429) | {"Message": {"Sid": "x"}}, ALL[2]], [A, U, A], True),
    ("refusals with Sids", [refused(Sid=SIDS[ONE]), refused(Sid=SIDS[TWO]), ALL[2]], [U, U, A], False),
    ("refusals, one with a Sid", [refused(Sid=SIDS[ONE]), refused(), ALL[2]], [U, U, A], False),
    ("a subset", ALL[:2], [A, A, U], False),
    ("only the last", ALL[2:], [U, U, A], False),
    ("nothing", [], [U, U, U], False),
    ("null", None, [U, U, U], False),
    ("a superset", [*ALL, STRANGER], [A, A, A], False),
    ("a stranger for one", [ALL[0], STRANGER, ALL[2]], [A, U, A], False),
    ("a stranger and a refusal", [ALL[0], STRANGER, refused()], [A, U, U], False),
    ("one twice", [ALL[0], ALL[0], ALL[1], ALL[2]], [U, A, A], False),
    ("one number with two Sids", [ALL[0], taken(ONE, sid="e" * 32), ALL[2]], [U, U, A], False),
    ("one Sid for two", [ALL[0], taken(TWO, sid=SIDS[ONE]), ALL[2]], [U, U, A], False),
    ("Sid null", [ALL[0], taken(TWO, sid=None), ALL[2]], [A, U, A], False),
    ("Sid empty", [ALL[0], {"SMSMessage": {"Sid": "", "To": TWO}}, ALL[2]], [A, U, A], False),
    ("To null", [ALL[0], taken(TWO, number=None), ALL[2]], [A, U, A], False),
    ("To a list", [ALL[0], taken(TWO, number=[TWO]), ALL[2]], [A, U, A], False),
    ("To huge", [ALL[0], taken(TWO, number=10**400), ALL[2]], [A, U, A], False),
    ("unreadable beside a refusal", [{"x": 1}, ALL[0], refused()], [A, U, U], False),
    ("one unreadable too many", [ALL[0], ALL[1], {"x": 1}, refused()], [A, A, U], False),
    ("null for one", [ALL[0], None, ALL[2]], [A, U, A], False),
    ("a text for one", [ALL[0], "queued", ALL[2]], [A, U, A], False),
    ("one refusal for all", refused(), [U, U, U], False),
    ("other digits", [taken(ONE, number="+९१9876543210"), ALL[1], ALL[2]], [U, A, A], False),
    ("ten thousand", [STRANGER] * 10_000, [U, U, U], False),
]


@pytest.mark.parametrize(("reply", "expected", "fits"), [case[1:] for case in REPLIES], ids=[c[0] for c in REPLIES])
@pytest.mark.parametrize("status", [200, 207])
def test_every_message_gets_its_own_answer(reply: Any, expected: list[Outcome], fits: bool, status: int) -> None:
    sent = batch(Answer(status=status, body=json.dumps(reply).encode()))
    assert outcomes(sent) == expected
    assert sent.matched == fits
    for receipt, to in zip(sent.receipts, NUMBERS, strict=True):
        assert receipt.sid in {None, SIDS[to]}


def test_what_is_not_believed_is_explained() -> None:
    """What is wrong with the answer is the sentence that the ledger keeps."""
    unlike = batch(Answer(200, json.dumps([refused(400), refused(500), ALL[2]]).encode()))
    shared = batch(Answer(200, json.dumps([ALL[0], taken(TWO, sid=SIDS[ONE]), ALL[2]]).encode()))
    for sent, place, said in (
        (unlike, 0, "messages of this request were refused, and the answer does not tell which"),
        (shared, 1, "the answer gives its number several Sids, or its Sid to several numbers"),
    ):
        problem = sent.receipts[place].problem
        assert problem is not None
        assert (problem.message, problem.retry, sent.receipts[place].cause) == (said, Retry.DECIDE, (None, said))


def test_texts_of_refusals_may_be_anybodys() -> None:
    several = [refused(Message=f"Invalid Recipient [{place}]") for place in range(4)]
    messages = [message(f"+91987654321{place}", f"Hello {place}") for place in range(4)]
    sent = batch(Answer(200, json.dumps(several).encode()), messages)
    assert outcomes(sent) == [R] * 4
    assert {receipt.problem and receipt.problem.message for receipt in sent.receipts} == {
        "Invalid Recipient [0] / Invalid Recipient [1] / Invalid Recipient [2] / …"
    }


def test_a_reply_in_xml_is_read_as_well() -> None:
    one, two, three = (f"<SMSMessage><Sid>{SIDS[to]}</Sid><To>{to}</To></SMSMessage>" for to in NUMBERS)
    for inner in (three + one + two, f"<SMSMessages>{one}{two}{three}</SMSMessages>"):
        assert (
            outcomes(batch(Answer(status=200, body=f"<TwilioResponse>{inner}</TwilioResponse>".encode()))) == [A] * 3
        )
    mixed = f"<TwilioResponse>{one}<RestException><Status>400</Status></RestException>{three}</TwilioResponse>"
    assert outcomes(batch(Answer(status=200, body=mixed.encode()))) == [A, U, A]  # the places are lost in XML


@pytest.mark.parametrize(
    ("answer", "outcome", "whole"),
    [
        (Answer(status=400, body=b'{"RestException": {"Status": 400, "Message": "no"}}'), R, True),
        (Answer(status=403, body=b""), N, True),
        (Answer(status=429, body=b"<html>"), N, True),
        (Answer(status=500, body=json.dumps(ALL).encode()), U, False),
        (Answer(status=400, body=json.dumps(ALL[:1]).encode()), U, False),
        (Answer(status=429, body=json.dumps([refused(429), ALL[1]]).encode()), U, False),
        (Answer(status=400, body=json.dumps(ALL).encode()[:-9]), U, False),
        (Answer(status=429, body=b"<b>Warning</b>: slow" + json.dumps(ALL).encode()), U, False),
        (Answer(status=400, body=b"<SMSMessage><Sid>5a</Sid>"), U, False),
        (Answer(status=400, body=b'{"Sid": null, "Sid": "", "Sid": '), R, True),
        (Answer(status=301, body=b""), N, True),
        (NoAnswer(written=True, fault=Fault.READ), U, True),
        (NoAnswer(written=False, fault=Fault.RESOLVE_OR_CONNECT), N, True),
        (Answer(status=200, body=b""), U, True),
        (Answer(status=200, body=b"<html>busy</html>"), U, True),
        (Answer(status=200, body=json.dumps(ALL).encode()[:-9]), U, True),
        (Answer(status=200, body=None), U, True),
    ],
    ids=str,
)
def test_an_answer_to_the_whole_request(answer: Answer | NoAnswer, outcome: Outcome, whole: bool) -> None:
    sent = batch(answer)
    assert outcomes(sent) == [outcome] * 3
    assert sent.whole is whole


def disturb(items: list[dict[str, Any]], chance: random.Random) -> None:
    """Do to a reply what a server may do that is not ours."""
    place = chance.randrange(len(items)) if items else 0
    match chance.randrange(5):
        case 0:
            chance.shuffle(items)
        case 1:
            items[place : place + 1] = []
        case 2:
            items[place:place] = items[-1:]
        case 3:
            items.insert(place, STRANGER)
        case 4:
            items.insert(place, {"x": 1})


@given(st.randoms(use_true_random=False), st.integers(2, 12))
def test_whatever_comes_back_nobody_gets_the_answer_of_another(chance: random.Random, size: int) -> None:
    """What is said for certain of a message is what an item of the answer says of this very message, or of all."""
    messages = [message(f"+9198765432{place:02}", f"Hello {place}") for place in range(size)]
    sids = {one.to: f"{place:032x}" for place, one in enumerate(messages)}
    kinds = chance.choice([[400], [400, 500]])
    truth: dict[str, int | None] = {one.to: chance.choice([None, None, None, *kinds]) for one in messages}
    items: list[dict[str, Any]] = [
        refused(status) if (status := truth[one.to]) else {"SMSMessage": {"Sid": sids[one.to], "To": one.to}}
        for one in messages
    ]
    for _ in range(chance.randint(0, 4)):
        disturb(items, chance)
    if len([item for item in items if "RestException" in item]) != sum(map(bool, truth.values())):
        return  # a refusal that is nobody's cannot be told from a real one
    sent = batch(Answer(status=200, body=json.dumps(items).encode()), messages)
    for one, receipt in zip(messages, sent.receipts, strict=True):
        match receipt.outcome:
            case Outcome.ACCEPTED:
                assert (truth[one.to], receipt.sid) == (None, sids[one.to])
            case Outcome.REJECTED:
                assert truth[one.to] == 400
            case other:
                assert other is Outcome.UNKNOWN


def test_the_form_says_what_differs() -> None:
    line = Recorded(Answer(status=200, body=b""))
    client = Client(line, account_sid="acme1")
    client.send_batch([message(to) for to in NUMBERS])
    client.send_batch(MESSAGES)
    client.send_batch([message(ONE, "नमस्ते & more", dlt_template_id="1" * 19), message(TWO, "a+b=c")])
    (one, same, _), (many, different, limit), (_, own, _) = line.asked
    assert (one, many) == ("/v1/Accounts/acme1/Sms/send.json", "/v1/Accounts/acme1/Sms/bulksend.json")
    assert parse_qs(same.decode()) == {
        "From": ["ACMEIN"],
        "Body": ["Hello"],
        "EncodingType": ["plain"],
        **{f"To[{place}]": [to] for place, to in enumerate(NUMBERS)},
    }
    texts = parse_qs(different.decode())
    assert {texts[f"Messages[{place}][To]"][0]: texts[f"Messages[{place}][Body]"][0] for place in range(3)} == {
        one.to: one.body for one in MESSAGES
    }
    assert limit > 64 * 1024
    assert parse_qs(own.decode())["Messages[0][Body]"] == ["नमस्ते & more"]
    assert parse_qs(own.decode())["Messages[0][DltTemplateId]"] == ["1" * 19]
    assert "Messages[1][DltTemplateId]" not in parse_qs(own.decode())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=2))
def test_every_text_arrives_as_it_is(bodies: list[str]) -> None:
    line = Recorded(Answer(status=200, body=b""))
    Client(line, account_sid="acme1").send_batch([message(ONE, bodies[0]), message(TWO, bodies[1], sender="OTHERS")])
    ((_, form, _),) = line.asked
    fields = parse_qs(form.decode("ascii"))
    assert [fields[f"Messages[{place}][Body]"] for place in range(2)] == [[body] for body in bodies]


@pytest.mark.parametrize("same", [True, False])
def test_the_sandbox_takes_both_forms(same: bool) -> None:
    line = InProcessTransport(Emulator(MessageStore()).answer, observe=lambda _: None)
    client = Client(line, account_sid="sandbox")
    numbers = [f"+9198765432{place:02}" for place in range(99)] + ["+919000000400"]
    sent = client.send_batch([message(to, "Hello" if same else f"Hello {to}") for to in numbers])
    assert outcomes(sent) == [A] * 99 + [R]
    assert len({receipt.sid for receipt in sent.receipts[:99]}) == 99
    many = client.send_batch([message(f"+919876543{place:03}", f"Hello {place}") for place in range(101)])
    assert outcomes(many) == [R] * 101
