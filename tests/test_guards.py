"""What keeps a correct message back; senders, ids and rates by their shape."""

from datetime import datetime

import pytest

from exosms.errors import GuardError, InputError
from exosms.sms.dlt import check_ids, check_sender, missing_ids
from exosms.sms.guards import Guards
from exosms.sms.message import Encoding, Message, MessageFields, MessageType
from exosms.sms.rate import Rate, back_off, retry_after

PROMOTIONAL = MessageType.PROMOTIONAL


def message(to: str = "+919876543210", segments: int = 1, kind: MessageType | None = None) -> Message:
    return Message(to, "x", Encoding.PLAIN, segments, MessageFields(sender="ACMEIN", type=kind))


def at(clock: str) -> float:
    return datetime.fromisoformat(f"2026-11-23T{clock}+05:30").timestamp()


@pytest.mark.parametrize(
    ("clock", "to", "kind", "any_hour", "refused"),
    [
        ("09:59:59", "+919876543210", PROMOTIONAL, False, True),
        ("10:00:00", "+919876543210", PROMOTIONAL, False, False),
        ("20:59:59", "+919876543210", PROMOTIONAL, False, False),
        ("21:00:00", "+919876543210", PROMOTIONAL, False, True),
        ("00:00:00", "+919876543210", PROMOTIONAL, True, False),
        ("00:00:00", "+16502530000", PROMOTIONAL, False, False),
        ("00:00:00", "+919876543210", MessageType.TRANSACTIONAL, False, False),
        ("00:00:00", "+919876543210", None, False, False),
    ],
)
def test_promotional_texts_keep_to_indian_hours(
    clock: str, to: str, kind: MessageType | None, any_hour: bool, refused: bool
) -> None:
    guards = Guards(any_hour=any_hour)
    if refused:
        with pytest.raises(GuardError, match=clock[:5]):
            guards.check_all([message(to, kind=kind)], now=at(clock), parts_today=0)
    else:
        guards.check_all([message(to, kind=kind)], now=at(clock), parts_today=0)


@pytest.mark.parametrize(
    ("guards", "segments", "parts_today", "words"),
    [
        (Guards(max_segments=1), [2], 0, "--max-segments 1"),
        (Guards(max_segments=2), [2, 2], 0, None),
        (Guards(max_parts=3), [2, 2], 0, "--max-parts 3"),
        (Guards(max_parts=4), [2, 2], 0, None),
        (Guards(max_parts_per_day=5), [2, 2], 2, "max_parts_per_day 5"),
        (Guards(max_parts_per_day=6), [2, 2], 2, None),
        (Guards(allow=frozenset({"+919876543210"})), [1], 0, None),
        (Guards(allow=frozenset({"+919876543211"})), [1], 0, "+919876543210 is not on the allow list"),
        (Guards(allow=frozenset()), [1], 0, "allow list"),
    ],
)
def test_limits(guards: Guards, segments: list[int], parts_today: int, words: str | None) -> None:
    messages = [message(segments=count) for count in segments]
    if words is None:
        guards.check_all(messages, now=at("12:00:00"), parts_today=parts_today)
    else:
        with pytest.raises(GuardError) as caught:
            guards.check_all(messages, now=at("12:00:00"), parts_today=parts_today)
        assert words in caught.value.message


@pytest.mark.parametrize(
    ("sender", "warned"), [("ACMEIN", 0), ("ACM", 0), ("600123", 0), ("08012345678", 0), ("ACME1", 1)]
)
def test_senders(sender: str, warned: int) -> None:
    assert len(check_sender(sender)) == warned


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        ("VM-ACMEIN-S", "ACMEIN"),
        ("VM-ACMEIN", "ACMEIN"),
        ("AC ME", "AC ME"),
        ("", "neither a header"),
        ("A\x1b", r"\x1b"),
    ],
)
def test_senders_that_cannot_be_meant(sender: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_sender(sender)
    assert words in caught.value.message + caught.value.remedy


ENTITY, TEMPLATE = "1101234567890123456", "1107234567890123456"


def test_ids() -> None:
    assert check_ids(ENTITY, TEMPLATE) == ()
    assert check_ids(None, None) == ()
    assert ["swapped" in warning for warning in check_ids(TEMPLATE, ENTITY)] == [True, True]
    assert "18 digits" in check_ids(ENTITY[:-1], None)[0]
    for wrong in ("1.10723E+18", "11072345678901234AB", "१२३"):
        with pytest.raises(InputError, match="is not valid"):
            check_ids(None, wrong)
    assert missing_ids(ENTITY, TEMPLATE) == ()
    assert "no DLT entity and no template id" in missing_ids(None, None)[0]
    assert "no DLT template id" in missing_ids(ENTITY, None)[0]


def test_a_numeric_header_without_a_type_is_promotional() -> None:
    assert MessageFields("600123").is_promotional
    assert not MessageFields("600123", type=MessageType.TRANSACTIONAL).is_promotional
    assert not MessageFields("ACMEIN").is_promotional


@pytest.mark.parametrize(("text", "per_minute"), [("200/min", 200), ("1/min", 1), (" 60 / MIN ", 60), ("off", 0)])
def test_rates(text: str, per_minute: int) -> None:
    assert Rate.parse(text).per_minute == per_minute
    assert (Rate.parse(text).interval == 0) == (per_minute == 0)


@pytest.mark.parametrize("text", ["", "0/min", "-1/min", "200", "200/s", "1e3/min", "२००/min"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid rate"):
        Rate.parse(text)


NOON = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (None, None, None),
        ("0", None, 0.0),
        ("30", None, 30.0),
        ("301", None, 300.0),
        ("9" * 5000, None, 300.0),
        ("-1", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("३०", None, None),
        ("Mon, 23 Nov 2026 12:01:00 GMT", NOON, 60.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", NOON, 0.0),
        ("Mon, 23 Nov 2026 13:00:00 GMT", NOON, 300.0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", None, None),
        ("Mon, 23 Nov 2026 12:01:00 GMT", "garbage", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", NOON, None),
    ],
)
def test_retry_after(value: str | None, date: str | None, seconds: float | None) -> None:
    assert retry_after(value, date=date) == seconds


def test_back_off_grows_to_a_minute_and_is_all_jitter() -> None:
    assert [back_off(retry, chance=1) for retry in (0, 1, 5, 6, 50)] == [1, 2, 32, 60, 60]
    assert back_off(3, chance=0) == 0
