"""Every option that commands share, declared once, with its parser."""

import re
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from exosms.bulk.request import BulkRequest, MostFailures
from exosms.cli import completion_values
from exosms.cli.output.out import Format, Out
from exosms.errors import InputError, UsageError
from exosms.send.request import SendRequest
from exosms.sms.field import is_url
from exosms.sms.message import Encoding, MessageType, Priority
from exosms.sms.rate import Rate
from exosms.system.suggest import did_you_mean

if TYPE_CHECKING:
    from exosms.config.account_source import AccountOptions
    from exosms.job.request import JobRequest

_REGIONS = ("singapore", "mumbai", "sandbox")
_ENCODINGS = ("auto", *Encoding)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def option(*names: str, show_default: bool = False, **more: Any) -> Any:
    """Declare an option; a parser is given what was typed, never the default."""
    if parser := more.get("parser"):
        more["parser"] = lambda given: parser(given) if isinstance(given, str) else given
    return typer.Option(*names, show_default=show_default, **more)


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
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise typer.BadParameter(f"{text!r} is not a valid time limit: write seconds, more than 0 and at most 3600")
    return value


def rate(text: str) -> Rate:
    """Read ``200/min`` or ``off``."""
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
            raise typer.BadParameter(f"{text!r} is not one of {listed}{did_you_mean(text, words)}")
        return words(text)

    return option(
        *names,
        metavar="|".join(words),
        parser=read,
        autocompletion=completion_values.words(*words),
        help=about,
        show_default=show_default,
        callback=callback,
        is_eager=callback is not None,
    )


def region(text: str) -> str:
    """Read a region, or the host that Exotel's pages print for it."""
    from exosms.config.account import parse_region
    from exosms.errors import ConfigError

    try:
        return parse_region(text).value
    except ConfigError as error:
        raise typer.BadParameter(error.message + did_you_mean(text, _REGIONS)) from error


def web_address(text: str) -> str:
    """Read an address that Exotel can post to."""
    if not is_url(text):
        raise typer.BadParameter(f"{text!r} is not a valid URL: write http://… or https://…")
    return text


def refuse_empty(*given: tuple[str, str | None]) -> None:
    """Raise UsageError for an option whose value is empty: a variable in a script was not set, most likely."""
    for name, value in given:
        if value == "":
            raise UsageError(f"{name} is empty", remedy="Give it a value, or leave it out.")


def refuse_empty_of(request: "SendRequest | BulkRequest | JobRequest") -> None:
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
        if not equals and item:
            from shlex import quote

            raise UsageError(
                f"--var {item!r} does not say which variable has that value",
                remedy=f"Write --var NAME=VALUE; where the template gives no names they are 1, 2, …: --var"
                f" {quote(f'1={item}')}. exosms template show NAME lists them.",
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


def encoding(text: str) -> Encoding | None:
    """Read ``--encoding``; None is auto."""
    if text == "auto":
        return None
    try:
        return Encoding(text)
    except ValueError:
        near = did_you_mean(text, _ENCODINGS)
        raise typer.BadParameter(f"{text!r} is not a valid encoding: write auto, plain or unicode{near}") from None


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

    def options_of(self, request: "SendRequest | BulkRequest") -> "AccountOptions":
        """Return what a request and its command line say about account and settings."""
        from exosms.config.account_source import AccountOptions

        return AccountOptions(
            *self,
            sender=request.message_options.sender,
            dlt_entity_id=request.message_options.dlt_entity_id,
            rate=request.rate,
            templates=request.templates,
        )


class TemplateFile(NamedTuple):
    """Where the templates are."""

    templates: Path | None = None
    profile: str | None = None
    config: Path | None = None


PATTERNS = Repeated(
    option(
        "--var",
        metavar="NAME=TEXT",
        help="A variable's value; {Column} is replaced by the cell. Can be repeated.",
    ),
    read=variables,
)
"""Values of variables for the rows of a file."""

OPTIONS: Mapping[str, Any] = {
    "profile": option(
        "-p",
        "--profile",
        metavar="NAME",
        autocompletion=completion_values.profiles,
        help="The stored account to use.",
    ),
    "region": option(
        metavar="|".join(_REGIONS),
        parser=region,
        autocompletion=completion_values.words(*_REGIONS),
        help="Where the account is hosted; sandbox needs no account and sends nothing.",
    ),
    "base_url": option("--base-url", metavar="URL", help="Another address of the API, such as a test server's."),
    "config": option("--config", metavar="FILE", help="Another config.toml."),
    "output": choice(
        Format, "-o", "--output", about="How to print results; auto is human on a terminal, else plain."
    ),
    "json": option("--json", help="The same as -o json."),
    "quiet": option("-q", "--quiet", help="No warnings or hints; send prints only the SID."),
    "verbose": option("-v", "--verbose", help="Show requests: method, host, path, status, time."),
    "dry_run": option("-n", "--dry-run", help="Check everything, send and write nothing."),
    "yes": option("-y", "--yes", help="Answer yes to questions; it overrides no guard."),
    "no_input": option("--no-input", help="Never ask; also EXOSMS_NO_INPUT."),
    "to": Repeated(
        option(
            "--to",
            metavar="NUMBER|@GROUP",
            autocompletion=completion_values.groups,
            help="A recipient or a group of config.toml; can be repeated, or a comma-separated list.",
        ),
        read=recipients,
    ),
    "to_file": Repeated(
        option(
            "--to-file",
            metavar="FILE",
            help="A file with a recipient a line; - is standard input. Lines that begin with # are passed over.",
        ),
        read=list,
    ),
    "skip_invalid": option(
        "--skip-invalid", help="Send to the others if a number is bad; bad ones count as rejected."
    ),
    "body": option("-b", "--body", metavar="TEXT", help="The text, sent exactly as given."),
    "body_file": option(
        "-F",
        "--body-file",
        metavar="FILE",
        help="A file with the text; - is standard input. One final newline is dropped.",
    ),
    "template": option(
        "-t",
        "--template",
        metavar="NAME",
        autocompletion=completion_values.templates,
        help="A registered template, by name or 19-digit id.",
    ),
    "variables": Repeated(
        option("--var", metavar="NAME=VALUE", help="A variable's value; can be repeated."),
        read=variables,
    ),
    "delimiter": option(
        "--delimiter",
        metavar="CHARACTER",
        parser=delimiter,
        help="The character between cells.  [default: found in the header]",
    ),
    "sheet": option("--sheet", metavar="NAME", help="The sheet of a workbook.  [default: the first]"),
    "csv_encoding": option(
        "--csv-encoding",
        metavar="NAME",
        parser=csv_encoding,
        help="The file's encoding.  [default: UTF-8, or by its byte order mark]",
    ),
    "fit": option(
        "--fit", help="Cut values to the length their variable allows, and change line breaks in them to spaces."
    ),
    "templates": option("--templates", metavar="FILE", help="Another templates.toml."),
    "sender": option("--from", metavar="SENDER", help="Sender ID (header) or ExoPhone."),
    "dlt_entity_id": option("--dlt-entity-id", metavar="ID", help="Your entity's 19-digit DLT id."),
    "dlt_template_id": option("--dlt-template-id", metavar="ID", help="The template's 19-digit DLT id."),
    "type": choice(MessageType, "--type", about="Exotel's SmsType; without it Exotel decides.", show_default=False),
    "priority": choice(Priority, "--priority", about="high is only for one-time passwords."),
    "encoding": option(
        "--encoding",
        metavar="|".join(_ENCODINGS),
        parser=encoding,
        autocompletion=completion_values.words(*_ENCODINGS),
        help="auto uses unicode only if the text needs it.  [default: auto]",
    ),
    "status_callback": option(
        "--status-callback",
        metavar="URL",
        parser=web_address,
        help="The URL to which Exotel posts the delivery state.",
    ),
    "custom_field": option("--custom-field", metavar="TEXT", help="Free text, returned in the callback."),
    "once": option(
        "--once",
        metavar="KEY",
        parser=key,
        help="At most one accepted message for this key, recipient and account. Keys are kept in this machine's state"
        " directory: a fresh CI machine has none.",
    ),
    "within": option(
        "--within",
        metavar="DURATION",
        parser=duration,
        help="How long a once key is valid, such as 24h; if not given, forever.",
    ),
    "max_segments": option("--max-segments", metavar="N", min=1, help="Refuse a text that has more parts."),
    "max_parts": option("--max-parts", metavar="N", min=1, help="Refuse a command that sends more parts in total."),
    "any_hour": option("--any-hour", help="Send promotional SMS to India also outside 10:00-21:00 Indian time."),
    "timeout": option(
        "--timeout",
        metavar="SECONDS",
        parser=seconds,
        help="The longest time that one attempt may take.",
        show_default=True,
    ),
    "rate": option(
        "--rate",
        metavar="N/min|off",
        parser=rate,
        help="Requests per minute, shared by all commands with this state directory.  [default: 200/min]",
    ),
    "wait": option(
        "--wait",
        metavar="DURATION",
        parser=duration,
        help="Wait until each message is delivered or failed, at most this long, such as 90s or 15m.",
    ),
    "retry_for": option(
        "--retry-for",
        metavar="DURATION",
        parser=duration,
        help="How long to retry a message that was certainly not sent; 0 means one attempt.  [default: 2m]",
    ),
    "batch": option(
        "--batch",
        metavar="auto|N",
        parser=batch,
        help="Texts per request, 1 to 100; auto is 1 for files of up to 200 rows, else 100.  [default: auto]",
    ),
    "max_failures": option(
        "--max-failures",
        metavar="N|N%",
        parser=failures,
        help="Stop when this many rows, or this share of the rows, were rejected, not sent or unknown.",
    ),
    "limit": option("--limit", metavar="N", min=1, help="Send at most N messages now; `runs resume` continues."),
    "results": option("--results", metavar="FILE", help="Write the outcome of every row, as CSV."),
}
