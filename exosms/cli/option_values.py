"""What stands behind an option, read; what cannot be read is a usage error that says how it is written."""

import re
import sys
from collections.abc import Callable

import typer

from exosms.bulk.request import MostFailures
from exosms.config.region import Region, parse_region
from exosms.errors import ConfigError, InputError, UsageError
from exosms.sms.field import is_url
from exosms.sms.message import Encoding
from exosms.sms.rate import Rate
from exosms.system.escaping import for_shell
from exosms.system.suggest import did_you_mean

ENCODINGS = ("auto", *Encoding)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """Read ``90s``, ``15m``, ``24h`` or ``7d`` as seconds; ``0`` needs no unit."""
    match = re.fullmatch(r"(\d{1,9})([smhd])|0", text, re.ASCII)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a valid duration: write 90s, 15m, 24h or 7d")
    return float(match[1]) * _UNITS[match[2]] if match[1] else 0.0


def short_duration(text: str) -> float:
    """Read a duration that may also be in milliseconds, such as ``250ms``."""
    if match := re.fullmatch(r"(\d{1,6})ms", text, re.ASCII):
        return float(match[1]) / 1000
    return duration(text)


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    try:
        value = float(_in_digits(text))
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise typer.BadParameter(f"{text!r} is not a valid time limit: write seconds, more than 0 and at most 3600")
    return value


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number that is no smaller, and no larger."""

    def read(text: str) -> int:
        try:
            value = int(_in_digits(text))
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            meant = f"from {least} to {most}" if most is not None else f"of at least {least}"
            raise typer.BadParameter(f"{text!r} is not valid: write a whole number {meant}")
        return value

    return read


def messages(text: str) -> int:
    """Read a number of messages; one that is larger than any count is as good as the largest."""
    return min(whole(1)(text), sys.maxsize)


def _in_digits(text: str) -> str:
    """Return a number as it is written; raises ValueError for digits of other scripts, blanks and underscores."""
    if not re.fullmatch(r"[\d.+-]+", text, re.ASCII):
        raise ValueError(text)
    return text


def rate(text: str) -> Rate:
    """Read ``200/min`` or ``off``."""
    try:
        return Rate.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def region(text: str) -> str:
    """Read a region, or the host that Exotel's pages print for it."""
    try:
        return parse_region(text).value
    except ConfigError as error:
        raise typer.BadParameter(error.message + did_you_mean(text, Region)) from error


def web_address(text: str) -> str:
    """Read an address that Exotel can post to."""
    if not is_url(text):
        raise typer.BadParameter(f"{text!r} is not a valid URL: write http://… or https://…")
    return text


def key(text: str) -> str:
    """Read a once key: anything that is not empty."""
    if not text.strip():
        raise typer.BadParameter("--once needs a key that is not empty")
    return text


def variables(items: list[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` items."""
    values: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals and item:
            raise UsageError(
                f"--var {item!r} does not say which variable has that value",
                remedy=f"Write --var NAME=VALUE; where the template gives no names they are 1, 2, …: --var"
                f" {for_shell(f'1={item}')}. `exosms template show NAME` lists them.",
            )
        if not equals or not name or name in values:
            raise UsageError(
                f"--var {item!r} does not give a new variable a value",
                remedy="Write --var NAME=VALUE, once for each variable.",
            )
        values[name] = value
    return values


def recipients(items: list[str]) -> list[str]:
    """Read numbers and groups, several of which may stand in one item, with commas, semicolons or line ends.

    Between commas nothing is a recipient that was forgotten, most likely a variable that was not set.
    """
    return [number for item in items for number in re.split(r"[ \t]*(?:[,;]\s*|[\r\n]\s*)", item.strip())]


def encoding(text: str) -> str:
    """Read ``--encoding``."""
    if text not in ENCODINGS:
        near = did_you_mean(text, ENCODINGS)
        raise typer.BadParameter(f"{text!r} is not a valid encoding: write auto, plain or unicode{near}")
    return text


def batch(text: str) -> int:
    """Read ``auto``, which is 0, or the texts a request."""
    if text == "auto":
        return 0
    if not re.fullmatch(r"[1-9]\d?|100", text, re.ASCII):
        raise typer.BadParameter(f"{text!r} is not a valid number of texts per request: write auto, or 1 to 100")
    return int(text)


def failures(text: str) -> MostFailures:
    """Read ``N`` or ``N%``."""
    match = re.fullmatch(r"(\d{1,9})(%?)", text, re.ASCII)
    if not match or (match[2] and int(match[1]) > 100):
        raise typer.BadParameter(f"{text!r} is not a valid number of failures: write N or N%")
    return MostFailures(int(match[1]), bool(match[2]))


def delimiter(text: str) -> str:
    """Read what separates the cells, a tab also as people write it."""
    from exosms.tables.csv_file import check_delimiter

    return _checked("\t" if text == r"\t" else text, check_delimiter)


def csv_encoding(text: str) -> str:
    """Read the name of an encoding."""
    from exosms.tables.csv_file import check_encoding

    return _checked(text, check_encoding)


def _checked(text: str, check: Callable[[str], None]) -> str:
    try:
        check(text)
    except InputError as error:
        raise typer.BadParameter(f"{error.message}. {error.remedy}") from error
    return text
