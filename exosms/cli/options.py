"""Every option that commands share, declared once, with its parser."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from exosms.bulk.policies import MostFailures
from exosms.bulk.request import BulkRequest
from exosms.cli import completion_values
from exosms.cli.output.out import Format, Out
from exosms.errors import InputError, UsageError
from exosms.send.request import SendRequest
from exosms.sms.message import Encoding, MessageType, Priority
from exosms.sms.rate import Rate

_REGIONS = ("singapore", "mumbai", "sandbox")
_ENCODINGS = ("auto", *Encoding)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str | float) -> float:
    """Read ``90s``, ``15m``, ``24h`` or ``7d`` as seconds; ``0`` needs no unit."""
    if isinstance(text, float):
        return text
    match = re.fullmatch(r"(\d{1,9})([smhd])|0", text, re.ASCII)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a valid duration: write 90s, 15m, 24h or 7d")
    return float(match[1]) * _UNITS[match[2]] if match[1] else 0.0


def short_duration(text: str | float) -> float:
    """Read a duration that may also be in milliseconds, such as ``250ms``."""
    if isinstance(text, str) and (match := re.fullmatch(r"(\d{1,6})ms", text, re.ASCII)):
        return float(match[1]) / 1000
    return duration(text)


def seconds(text: str | float) -> float:
    """Read a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise typer.BadParameter(f"{text!r} is not a valid time limit: write seconds, more than 0 and at most 3600")
    return value


def rate(text: str | Rate) -> Rate:
    """Read ``200/min`` or ``off``."""
    if isinstance(text, Rate):
        return text
    try:
        return Rate.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def choice(
    words: type[StrEnum],
    *names: str,
    about: str,
    show_default: bool = True,
    callback: Callable[..., None] | None = None,
) -> Any:
    """Declare an option that takes one of these words; of another one the nearest is told.

    One with a callback is for that alone, before any command.
    """

    def read(text: str) -> StrEnum:
        if text not in list(words):
            listed = ", ".join(map(repr, map(str, words)))
            raise typer.BadParameter(f"{text!r} is not one of {listed}{_nearest(text, words)}")
        return words(text)

    return typer.Option(
        *names,
        metavar="|".join(words),
        parser=read,
        autocompletion=completion_values.words(*words),
        help=about,
        show_default=show_default,
        callback=callback,
        is_eager=callback is not None,
    )


def _nearest(text: str, words: Iterable[str]) -> str:
    """Return a question that names the word which is nearest, if one is near."""
    from difflib import get_close_matches

    near = get_close_matches(text.lower(), list(words), n=1)
    return f"; did you mean {str(near[0])!r}?" if near else ""


def region(text: str) -> str:
    """Read a region, or the host that Exotel's pages print for it."""
    from exosms.config.account import parse_region
    from exosms.errors import ConfigError

    try:
        return parse_region(text).value
    except ConfigError as error:
        raise typer.BadParameter(error.message + _nearest(text, _REGIONS)) from error


def web_address(text: str) -> str:
    """Read an address that Exotel can post to."""
    if not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise typer.BadParameter(f"{text!r} is not a valid URL: write http://… or https://…")
    return text


def refuse_empty(*given: tuple[str, str | None]) -> None:
    """Raise UsageError for an option whose value is empty: a variable in a script was not set, most likely."""
    for name, value in given:
        if value == "":
            raise UsageError(f"{name} is empty", remedy="Give it a value, or leave it out.")


def refuse_empty_of(request: SendRequest | BulkRequest) -> None:
    """Raise UsageError for an empty value that would mean something else than none."""
    of_message = request.message_options
    refuse_empty(
        ("-t", request.template),
        ("--from", of_message.sender),
        ("--dlt-entity-id", of_message.dlt_entity_id),
        ("--dlt-template-id", of_message.dlt_template_id),
    )


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
        if not equals or not name or name in values:
            raise UsageError(
                f"--var {item!r} does not give a new variable a value",
                remedy="Write --var NAME=VALUE, once for each variable.",
            )
        values[name] = value
    return values


def recipients(items: list[str]) -> list[str]:
    """Read numbers, several of which may stand in one item."""
    return [number.strip() for item in items for number in item.split(",")]


def encoding(text: str | Encoding) -> Encoding | None:
    """Read ``--encoding``; None is auto."""
    if text == "auto":
        return None
    try:
        return Encoding(text)
    except ValueError:
        near = _nearest(text, _ENCODINGS)
        raise typer.BadParameter(f"{text!r} is not a valid encoding: write auto, plain or unicode{near}") from None


def batch(text: str | int) -> int:
    """Read ``auto``, which is 0, or the texts a request."""
    if isinstance(text, int):
        return text
    if text == "auto":
        return 0
    if not re.fullmatch(r"[1-9]\d?|100", text, re.ASCII):
        raise typer.BadParameter(f"{text!r} is not a valid number of texts per request: write auto, or 1 to 100")
    return int(text)


def failures(text: str | MostFailures) -> MostFailures:
    """Read ``N`` or ``N%``."""
    if isinstance(text, MostFailures):
        return text
    match = re.fullmatch(r"(\d{1,9})(%?)", text, re.ASCII)
    if not match or (match[2] and int(match[1]) > 100):
        raise typer.BadParameter(f"{text!r} is not a valid number of failures: write N or N%")
    return MostFailures(int(match[1]), bool(match[2]))


def delimiter(text: str) -> str:
    """Read what separates the cells, a tab also as people write it."""
    from exosms.tables.csv_rows import check_delimiter

    return _checked("\t" if text == r"\t" else text, check_delimiter)


def csv_encoding(text: str) -> str:
    """Read the name of an encoding."""
    from exosms.tables.csv_rows import check_encoding

    return _checked(text, check_encoding)


def _checked(text: str, check: Callable[[str], None]) -> str:
    try:
        check(text)
    except InputError as error:
        raise typer.BadParameter(f"{error.message}. {error.remedy}") from error
    return text


class Repeated(NamedTuple):
    """An option that can be given several times, and what reads all that was given."""

    declaration: Any
    read: Callable[[list[str]], Any]


class Printing(NamedTuple):
    """How to print; a command has only those of these options that act there."""

    output: Format = Format.AUTO
    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def out(self) -> Out:
        """Return the output streams as the options want them."""
        wanted = Format.JSON if self.json else self.output
        return Out(sys.stdout, sys.stderr, format=wanted, quiet=self.quiet, verbose=self.verbose)


Printer = Annotated[Out, "output", "json"]
QuietPrinter = Annotated[Out, "output", "json", "quiet"]
VerbosePrinter = Annotated[Out, "output", "json", "verbose"]
FullPrinter = Annotated[Out, "output", "json", "quiet", "verbose"]


class AccountFlags(NamedTuple):
    """Which account; these are the first of ``AccountOptions``."""

    profile: str | None = None
    region: str | None = None
    base_url: str | None = None
    config: Path | None = None


class TemplateFile(NamedTuple):
    """Where the templates are."""

    templates: Path | None = None
    profile: str | None = None
    config: Path | None = None


OPTIONS: Mapping[str, Any] = {
    "profile": typer.Option(
        "-p",
        "--profile",
        metavar="NAME",
        autocompletion=completion_values.profiles,
        help="The stored account to use.",
        show_default=False,
    ),
    "region": typer.Option(
        metavar="|".join(_REGIONS),
        parser=region,
        autocompletion=completion_values.words(*_REGIONS),
        help="Where the account is hosted; sandbox needs no account and sends nothing.",
        show_default=False,
    ),
    "base_url": typer.Option(
        "--base-url", metavar="URL", help="Another address of the API, such as a test server's.", show_default=False
    ),
    "config": typer.Option("--config", metavar="FILE", help="Another config.toml.", show_default=False),
    "output": choice(
        Format, "-o", "--output", about="How to print results; auto is human on a terminal, else plain."
    ),
    "json": typer.Option("--json", help="The same as -o json."),
    "quiet": typer.Option("-q", "--quiet", help="No warnings or hints; send prints only the SID."),
    "verbose": typer.Option("-v", "--verbose", help="Show requests: method, host, path, status, time."),
    "dry_run": typer.Option("-n", "--dry-run", help="Check everything, send and write nothing."),
    "yes": typer.Option("-y", "--yes", help="Answer yes to questions; it overrides no guard."),
    "no_input": typer.Option("--no-input", help="Never ask; also EXOSMS_NO_INPUT."),
    "to": Repeated(
        typer.Option(
            "--to",
            metavar="NUMBER",
            help="A recipient; can be repeated, or a comma-separated list.",
            show_default=False,
        ),
        read=recipients,
    ),
    "body": typer.Option("-b", "--body", metavar="TEXT", help="The text, sent exactly as given.", show_default=False),
    "body_file": typer.Option(
        "-F",
        "--body-file",
        metavar="FILE",
        help="A file with the text; - is standard input. One final newline is dropped.",
        show_default=False,
    ),
    "template": typer.Option(
        "-t",
        "--template",
        metavar="NAME",
        autocompletion=completion_values.templates,
        help="A registered template, by name or 19-digit id.",
        show_default=False,
    ),
    "variables": Repeated(
        typer.Option("--var", metavar="NAME=VALUE", help="A variable's value; can be repeated.", show_default=False),
        read=variables,
    ),
    "delimiter": typer.Option(
        "--delimiter",
        metavar="CHARACTER",
        parser=delimiter,
        help="The character between cells.  [default: found in the header]",
        show_default=False,
    ),
    "csv_encoding": typer.Option(
        "--csv-encoding",
        metavar="NAME",
        parser=csv_encoding,
        help="The file's encoding.  [default: UTF-8, or by its byte order mark]",
        show_default=False,
    ),
    "fit": typer.Option(
        "--fit", help="Cut values to the length their variable allows, and change line breaks in them to spaces."
    ),
    "templates": typer.Option("--templates", metavar="FILE", help="Another templates.toml.", show_default=False),
    "sender": typer.Option("--from", metavar="SENDER", help="Sender ID (header) or ExoPhone.", show_default=False),
    "dlt_entity_id": typer.Option(
        "--dlt-entity-id", metavar="ID", help="Your entity's 19-digit DLT id.", show_default=False
    ),
    "dlt_template_id": typer.Option(
        "--dlt-template-id", metavar="ID", help="The template's 19-digit DLT id.", show_default=False
    ),
    "type": choice(MessageType, "--type", about="Exotel's SmsType; without it Exotel decides.", show_default=False),
    "priority": choice(Priority, "--priority", about="high is only for one-time passwords."),
    "encoding": typer.Option(
        "--encoding",
        metavar="|".join(_ENCODINGS),
        parser=encoding,
        autocompletion=completion_values.words(*_ENCODINGS),
        help="auto uses unicode only if the text needs it.  [default: auto]",
        show_default=False,
    ),
    "status_callback": typer.Option(
        "--status-callback",
        metavar="URL",
        parser=web_address,
        help="The URL to which Exotel posts the delivery state.",
        show_default=False,
    ),
    "custom_field": typer.Option(
        "--custom-field", metavar="TEXT", help="Free text, returned in the callback.", show_default=False
    ),
    "once": typer.Option(
        "--once",
        metavar="KEY",
        parser=key,
        help="At most one accepted message for this key, recipient and account. Keys are kept in this machine's state"
        " directory: a fresh CI machine has none.",
        show_default=False,
    ),
    "within": typer.Option(
        "--within",
        metavar="DURATION",
        parser=duration,
        help="How long a once key is valid, such as 24h; if not given, forever.",
        show_default=False,
    ),
    "max_segments": typer.Option(
        "--max-segments",
        metavar="N",
        min=1,
        help="Refuse a text that has more parts.",
        show_default=False,
    ),
    "max_parts": typer.Option(
        "--max-parts",
        metavar="N",
        min=1,
        help="Refuse a command that sends more parts in total.",
        show_default=False,
    ),
    "any_hour": typer.Option(
        "--any-hour", help="Send promotional SMS to India also outside 10:00-21:00 Indian time."
    ),
    "timeout": typer.Option(
        "--timeout",
        metavar="SECONDS",
        parser=seconds,
        help="The longest time that one attempt may take.",
    ),
    "rate": typer.Option(
        "--rate",
        metavar="N/min|off",
        parser=rate,
        help="Requests per minute, shared by all commands with this state directory.  [default: 200/min]",
        show_default=False,
    ),
    "wait": typer.Option(
        "--wait",
        metavar="DURATION",
        parser=duration,
        help="Wait until each message is delivered or failed, at most this long, such as 90s or 15m.",
        show_default=False,
    ),
    "retry_for": typer.Option(
        "--retry-for",
        metavar="DURATION",
        parser=duration,
        help="How long to retry a message that was certainly not sent; 0 means one attempt.  [default: 2m]",
        show_default=False,
    ),
    "batch": typer.Option(
        "--batch",
        metavar="auto|N",
        parser=batch,
        help="Texts per request, 1 to 100; auto is 1 for files of up to 200 rows, else 100.  [default: auto]",
        show_default=False,
    ),
    "max_failures": typer.Option(
        "--max-failures",
        metavar="N|N%",
        parser=failures,
        help="Stop when this many rows, or this share of the rows, were rejected, not sent or unknown.",
        show_default=False,
    ),
    "limit": typer.Option(
        "--limit",
        metavar="N",
        min=1,
        help="Send at most N messages now; `runs resume` continues.",
        show_default=False,
    ),
    "results": typer.Option(
        "--results", metavar="FILE", help="Write the outcome of every row, as CSV.", show_default=False
    ),
}
