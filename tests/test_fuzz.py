"""The fuzzer notices what it is there to notice; ``test_proof`` lets it look."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz_targets import TARGETS
from fuzzing import fuzz

from exosms.bulk import table
from exosms.exotel import wire
from exosms.sms import rate
from exosms.system import toml
from exosms.tables import records
from exosms.templates import match

BY_NAME = {target.name: target for target in TARGETS}


def test_there_are_a_million() -> None:
    assert sum(target.share for target in TARGETS) == 1_000_000


def sids_are_shouted(monkeypatch: pytest.MonkeyPatch) -> None:
    text = wire._text
    monkeypatch.setattr(wire, "_text", lambda value: (text(value) or "").upper() or None)


def numbers_are_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    def number(value: object) -> int | None:
        text = wire._text(value)
        return int(text) if text and text.isdigit() else None

    monkeypatch.setattr(wire, "_number", number)


def nesting_is_not_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "RecursionError", KeyError, raising=False)


def secrets_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_hidden", lambda item, _hide: item)


def pauses_are_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "LONGEST_PAUSE", 1e9)


def years_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "OverflowError", KeyError, raising=False)
    monkeypatch.setattr(rate, "ValueError", KeyError, raising=False)


def stray_quotes_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records.CsvRecords, "_stray_quote", lambda _self: None)


def files_are_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml, "ValueError", KeyError, raising=False)


def markers_are_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "is_one", lambda _text: False)
    monkeypatch.setattr(match, "_smear", lambda reach, _width: reach)


@pytest.mark.parametrize(
    ("target", "weaken"),
    [
        ("answers", sids_are_shouted),
        ("answers", numbers_are_endless),
        ("answers", nesting_is_not_expected),
        ("answers", secrets_are_told),
        ("Retry-After", pauses_are_endless),
        ("Retry-After", years_are_small),
        ("CSV", stray_quotes_are_text),
        ("templates.toml", files_are_toml),
        ("templates", markers_are_anything),
    ],
)
def test_a_weakness_is_noticed(
    target: str, weaken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    weaken(monkeypatch)
    assert fuzz(BY_NAME[target], executions=8000, seed=1, enough=1).crashes


def test_an_input_that_costs_more_than_its_size_allows_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = table.open_table

    def squared(*args: object, **options: object) -> object:
        for _ in range(10_000):
            len(args)
        return parse(*args, **options)  # type: ignore[arg-type]  # whatever they are

    monkeypatch.setattr(table, "open_table", squared)
    found = fuzz(BY_NAME["CSV"], executions=200, seed=1)
    assert found.crashes
    assert "SlowError" in found.complaints[0]


def test_everything_follows_from_the_seed() -> None:
    def shapes(seed: int) -> int:
        return fuzz(BY_NAME["CSV"], executions=1000, seed=seed).shapes

    assert shapes(1) == shapes(1)
    assert len({shapes(seed) for seed in range(4)}) > 1


REGRESSIONS = [
    ("numbers", b"+46 00 946 0018"),
    ("numbers", b"+81 (000 98765 4321043210"),
    ("answers", b"[" * 16_000),
    ("answers", b'{"SMSMessage": {"Sid": "\\ud83d", "To": "09876543210"}}'),
    ("Retry-After", b"120\x1d"),
    ("config.toml", b"version = 0x" + b"9" * 5000),
    ("config.toml", b"[profiles.a]\nprice_per_part = 0x" + b"9" * 5000),
    ("templates.toml", b"version = 0x" + b"9" * 5000),
    ("templates.toml", b'a.text = "Hi {#name#}"\n[templates]\na.variables = ["name"]\na.text = "Hi {#name#}"\n'),
    ("CSV", b"\tdy\n9876543210\n9876543210,Hello\n"),
    ("numbers", b"098765432,0"),
    ("cells", b"1.1e9"),
    ("CSV", b'to,body\n9876543210,"caf\xe9'),
    ("templates", b"Hi {#VAR{#x#}#} {\0Hi {#VARAsha#} {"),
]
"""What was found, and what was near it."""


@pytest.mark.parametrize(("target", "data"), REGRESSIONS)
def test_what_was_found_once_is_not_found_again(target: str, data: bytes, tmp_path: Path) -> None:
    BY_NAME[target].run(data, tmp_path)
