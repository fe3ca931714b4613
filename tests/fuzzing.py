"""Parsers under fire: real answers and files, broken in every way, and what must hold of whatever comes out.

A target reads bytes and raises if one of its properties does not hold; what it returns is the shape of what came out.
An input that brought a shape never seen before is broken further. Everything follows from the seed, and what a target
does with an input follows from the input alone, so that its bytes are all that a regression test needs.
"""

import re
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from conftest import in_memory

_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[\w.+-]+|\s+|.', re.DOTALL)
_NUMBER = re.compile(rb"[0-9]+")
_CPU = 5.0
"""Seconds that one input may take of a processor; most take less than a thousandth of one."""
_MOST_KEPT = 400
_MOST_TOLD = 10

_COUNTED = 50
"""Of so many inputs the calls of one are counted."""
_GROWN = 200
"""Of so many inputs one is as large as can be."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One parser, or several that belong together."""

    name: str
    share: int
    """Executions of a million."""
    seeds: Sequence[bytes]
    """What it reads in life."""
    words: Sequence[bytes]
    """What may stand in the place of anything."""
    run: Callable[[bytes, Path], Hashable]
    """Is given an input and an empty directory, or one with files of its own."""
    calls: tuple[int, int]
    """Calls of functions that are allowed: for any input, and for each of its bytes; the same on every machine."""
    largest: int = 4096
    """Bytes of an input."""


@dataclass(kw_only=True)
class Found:
    """What a target came to."""

    executions: int = 0
    crashes: int = 0
    shapes: int = 0
    seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)


class SlowError(Exception):
    """An input cost more than its size allows."""


def hold(condition: object, promise: str, *seen: object) -> None:
    """Raise unless a property holds."""
    if not condition:
        raise AssertionError(f"{promise}: {', '.join(map(repr, seen))}")


def chance_of(data: bytes) -> Random:
    """Return what decides about options that the bytes do not hold."""
    return Random(zlib.crc32(data))


def fuzz(target: Target, *, executions: int, seed: int, enough: int | None = None) -> Found:
    """Break the target's inputs that many times, or until there were enough crashes."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as home:
        return _fuzz(target, executions, seed, Path(home), enough)


def _fuzz(target: Target, executions: int, seed: int, home: Path, enough: int | None) -> Found:
    started = time.monotonic()
    chance = Random(f"{seed} {target.name}")
    kept = list(target.seeds)
    shapes: set[Hashable] = set()
    found = Found()
    told: set[str] = set()
    for number in range(executions):
        found.executions += 1
        is_seed = number < len(target.seeds)  # and may import what it needs
        data = target.seeds[number] if is_seed else _broken(target, kept, chance, number)
        try:
            shape = (
                _counted(target, data, home) if number % _COUNTED == 0 and not is_seed else _timed(target, data, home)
            )
        except Exception as error:  # noqa: BLE001  # whatever comes out is what we look for
            found.crashes += 1
            complaint = f"{target.name}: {_place(error)}"
            if complaint not in told and len(told) < _MOST_TOLD:
                told.add(complaint)
                found.complaints.append(f"{complaint}: {error}: {data!r}")
            if found.crashes == enough:
                break
            continue
        if shape not in shapes:
            shapes.add(shape)
            if len(kept) < _MOST_KEPT and len(data) < target.largest // 4:
                kept.append(data)
    found.shapes = len(shapes)
    found.seconds = time.monotonic() - started
    return found


def _place(error: Exception) -> str:
    """Return what tells one flaw from another: where it came up, and as what."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name != hold.__name__]
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _timed(target: Target, data: bytes, home: Path) -> Hashable:
    started = time.thread_time()
    shape = target.run(data, home)
    seconds = time.thread_time() - started
    if seconds > _CPU:
        raise SlowError(f"{len(data)} bytes took {seconds:.1f} s")
    return shape


def _counted(target: Target, data: bytes, home: Path) -> Hashable:
    """Run it and count the calls that it makes."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        shape = target.run(data, home)
    finally:
        sys.setprofile(before)
    fixed, each = target.calls
    if calls > fixed + each * len(data):
        raise SlowError(f"{len(data)} bytes took {calls} calls")
    return shape


# How inputs are broken.


def _broken(target: Target, kept: Sequence[bytes], chance: Random, number: int) -> bytes:
    data = chance.choice(kept if chance.random() < 0.5 else target.seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        data = chance.choice(_WAYS)(data, chance, target, kept)
    if number % _GROWN == _GROWN - 1:
        data = _grown(data, chance, target)
    return data[: target.largest]


def _span(size: int, chance: Random, most: int = 40) -> tuple[int, int]:
    start = chance.randint(0, size)
    return start, min(size, start + chance.randint(0, most))


def _grown(data: bytes, chance: Random, target: Target) -> bytes:
    """Repeat a span until the input is as large as can be."""
    start, end = _span(len(data), chance)
    piece = data[start:end] or b"a"
    return data[:end] + piece * (target.largest // len(piece)) + data[end:]


def _flip(data: bytes, chance: Random, *_: object) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _byte(data: bytes, chance: Random, *_: object) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + bytes([chance.choice((0, 9, 10, 13, 32, 34, 39, 44, 60, 92, 127, 128, 255))]) + data[at + 1 :]


def _cut(data: bytes, chance: Random, *_: object) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] if chance.random() < 0.7 else data[at:]


def _splice(data: bytes, chance: Random, target: Target, kept: Sequence[bytes]) -> bytes:
    other = chance.choice(kept if chance.random() < 0.5 else target.seeds)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def _number(data: bytes, chance: Random, *_: object) -> bytes:
    numbers = list(_NUMBER.finditer(data))
    if not numbers:
        return data
    found = chance.choice(numbers)
    return data[: found.start()] + chance.choice(_NUMBERS) + data[found.end() :]


_NUMBERS = (
    b"0", b"-1", b"00", b"1", b"2147483648", b"9223372036854775808", b"18446744073709551616", b"9" * 40, b"9" * 400,
    b"9" * 5000, b"1e999", b"1e-999", b"-0", b"0.1", b"1_000", b"0x10", b"+1", b"NaN", b"Infinity", b"1.0E+18",
    "१२".encode(), "²".encode(), "１２".encode(),
)  # fmt: skip


def _escaped(data: bytes, chance: Random, *_: object) -> bytes:
    """Write one character as somebody's entity or escape."""
    if not data:
        return data
    at = chance.randrange(len(data))
    way = chance.choice(("&#{};", "&#x{:x};", "\\u{:04x}", "%{:02X}", "\\x{:02x}", "_x{:04X}_", "&#{};&amp;"))
    return data[:at] + way.format(data[at]).encode() + data[at + 1 :]


def _nested(data: bytes, chance: Random, *_: object) -> bytes:
    start, end = _span(len(data), chance, 400)
    opening, closing = chance.choice(_BRACKETS)
    depth = chance.choice((1, 1, 1, 2, 2, 3, 20, 3000))
    return data[:start] + opening * depth + data[start:end] + closing * depth + data[end:]


_BRACKETS = (
    (b"[", b"]"), (b"{", b"}"), (b'{"a":', b"}"), (b"<a>", b"</a>"), (b'"', b'"'), (b'"""', b'"""'),
    (b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"{#", b"#}"), (b"(", b")"), (b"'", b"'"),
    (b"<SMSMessage>", b"</SMSMessage>"),
)  # fmt: skip


def _transcoded(data: bytes, chance: Random, *_: object) -> bytes:
    encoding = chance.choice(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp1252")
    )
    return data.decode(errors="replace").encode(encoding, "replace")


def _character(data: bytes, chance: Random, *_: object) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(_CHARACTERS).encode("utf-8", "surrogatepass") + data[at:]


_CHARACTERS = (
    "é", "e\u0301", "न", "नि", "😀", "👩\u200d👧", "\u200b", "\u200d", "\ufeff", "\u2028", "\x85", "\xa0", "\u202e",
    "\ufffd", "\ud83d", "\udc00", "\x00", "\x1b[2J", "\x7f", "\x0b", "\r", "\r\n", "İ", "ß", "ﬁ", "Ǆ", "“", "’", "—",
    "₹", "{#var#}", "%s", "%d", "%%", "&amp;", "\U0010ffff", "\ue000", "½", "०", "\u0345",
)  # fmt: skip


def _tokens(data: bytes, chance: Random, target: Target, _kept: object) -> bytes:
    """Take out, repeat, exchange or replace whole words, texts and signs."""
    tokens = _TOKEN.findall(data)
    if not tokens:
        return chance.choice(target.words)
    way = chance.randrange(6)
    start, end = _span(len(tokens), chance, 8)
    if way == 0:
        tokens[start:end] = ()
    elif way == 1:
        tokens[start:start] = tokens[start:end] * chance.choice((1, 1, 2, 5))
    elif way == 2:
        other = chance.randrange(len(tokens))
        at = min(start, len(tokens) - 1)
        tokens[at], tokens[other] = tokens[other], tokens[at]
    elif way == 3:
        tokens[start:start] = [chance.choice(target.words)]
    else:
        tokens[start : start + 1] = [chance.choice(target.words)]
    return b"".join(tokens)


def _lines(data: bytes, chance: Random, *_: object) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    way = chance.randrange(3)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(other, lines[at])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"".join(lines)


_WAYS: tuple[Callable[[bytes, Random, Target, Sequence[bytes]], bytes], ...] = (
    _flip, _byte, _cut, _splice, _number, _escaped, _nested, _transcoded, _character, _lines, _tokens, _tokens,
    _tokens, _tokens,
)  # fmt: skip
