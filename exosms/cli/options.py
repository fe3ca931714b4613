"""Every option that commands share, declared once, with its parser."""

import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from exosms.bulk.request import BulkRequest
from exosms.cli import completion_values, option_values
from exosms.cli.output.out import Format, Out
from exosms.config.region import Region
from exosms.errors import UsageError
from exosms.send.request import SendRequest
from exosms.sms.message import MessageType, Priority
from exosms.system.suggest import did_you_mean

if TYPE_CHECKING:
    from exosms.config.account_source import AccountOptions
    from exosms.job.request import JobRequest


def option(*names: str, group: str | None = None, show_default: bool = False, **more: Any) -> Any:
    """Declare an option; a parser is given what was typed, never the default.

    ``group`` is the heading below which a long help lists it; that of a shared option stands in ``OPTIONS``.
    """
    if parser := more.get("parser"):
        more["parser"] = lambda given: parser(given) if isinstance(given, str) else given
    return typer.Option(*names, show_default=show_default, rich_help_panel=group, **more)


def choice(
    words: type[StrEnum],
    *names: str,
    about: str,
    metavar: str | None = None,
    group: str | None = None,
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
        metavar=metavar or "|".join(words),
        parser=read,
        autocompletion=completion_values.words(*words),
        help=about,
        group=group,
        show_default=show_default,
        callback=callback,
        is_eager=callback is not None,
    )


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


def refuse_within_alone(request: "SendRequest | JobRequest") -> None:
    """Raise UsageError for how long a once key is valid where none is given."""
    if request.within is not None and request.once is None:
        raise UsageError("--within says how long a once key is valid, so it needs --once KEY")


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

    @property
    def words(self) -> Sequence[str]:
        """As they stand in a command line, for another one about the same file."""
        given = {"--templates": self.templates, "--profile": self.profile, "--config": self.config}
        return [word for name, value in given.items() if value is not None for word in (name, str(value))]


PATTERNS = Repeated(
    option(
        "--var",
        metavar="NAME=TEXT",
        group="Text",
        help="The value of one of the template's variables; {Column} is replaced by the cell. Can be repeated.",
    ),
    read=option_values.variables,
)
"""Values of variables for the rows of a file."""

_BY_GROUP: Mapping[str, Mapping[str, Any]] = {
    "Recipients": {
        "to": Repeated(
            option(
                "--to",
                metavar="NUMBER|@GROUP",
                autocompletion=completion_values.groups,
                help="A number, or a group of config.toml; can be repeated, or a comma-separated list.",
            ),
            read=option_values.recipients,
        ),
        "to_file": Repeated(
            option(
                "--to-file",
                metavar="FILE",
                help="A file with a number or a group on each line; - is standard input. Lines that begin with #"
                " are passed over.",
            ),
            read=list,
        ),
        "skip_invalid": option(
            "--skip-invalid", help="Send to the others if a number is bad; bad ones count as rejected."
        ),
    },
    "Text": {
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
            option(
                "--var", metavar="NAME=VALUE", help="The value of one of the template's variables; can be repeated."
            ),
            read=option_values.variables,
        ),
        "fit": option(
            "--fit", help="Cut values to the length their variable allows, and change line breaks in them to spaces."
        ),
        "templates": option("--templates", metavar="FILE", help="Another templates.toml."),
        "encoding": option(
            "--encoding",
            metavar="|".join(option_values.ENCODINGS),
            parser=option_values.encoding,
            autocompletion=completion_values.words(*option_values.ENCODINGS),
            help="auto uses unicode only if the text needs it.  [default: auto]",
        ),
    },
    "File": {
        "sheet": option(
            "--sheet", metavar="NAME", help="The sheet of a workbook.  [default: the first that is not hidden]"
        ),
        "delimiter": option(
            "--delimiter",
            metavar="CHARACTER",
            parser=option_values.delimiter,
            help="The character between cells.  [default: found in the header]",
        ),
        "csv_encoding": option(
            "--csv-encoding",
            metavar="NAME",
            parser=option_values.csv_encoding,
            help="The file's encoding.  [default: UTF-8, or by its byte order mark]",
        ),
    },
    "DLT": {
        "sender": option("--from", metavar="SENDER", help="Sender ID (header) or ExoPhone."),
        "dlt_entity_id": option("--dlt-entity-id", metavar="ID", help="Your entity's 19-digit DLT id."),
        "dlt_template_id": option("--dlt-template-id", metavar="ID", help="The template's 19-digit DLT id."),
        "type": choice(
            MessageType,
            "--type",
            about="The kind of message (SmsType); without it Exotel decides.",
            show_default=False,
        ),
    },
    "Safety": {
        "once": option(
            "--once",
            metavar="KEY",
            parser=option_values.key,
            help="At most one accepted message for this key, recipient and account. Keys are kept in this machine's"
            " state directory: a fresh CI machine has none.",
        ),
        "within": option(
            "--within",
            metavar="DURATION",
            parser=option_values.duration,
            help="How long a once key is valid, such as 24h; if not given, forever.",
        ),
        "max_segments": option(
            "--max-segments", metavar="N", parser=option_values.whole(1), help="Refuse a text of more than N parts."
        ),
        "max_parts": option(
            "--max-parts",
            metavar="N",
            parser=option_values.whole(1),
            help="Refuse to send more than N parts in total.",
        ),
        "any_hour": option("--any-hour", help="Send promotional SMS to India also outside 10:00-21:00 Indian time."),
        "dry_run": option("-n", "--dry-run", help="Check everything; send and write nothing."),
        "yes": option("-y", "--yes", help="Answer yes to questions; it overrides no guard."),
        "no_input": option("--no-input", help="Never ask; EXOSMS_NO_INPUT says the same."),
    },
    "Sending": {
        "rate": option(
            "--rate",
            metavar="N/min|off",
            parser=option_values.rate,
            help="Requests per minute, shared by all commands with this state directory.  [default: 200/min]",
        ),
        "batch": option(
            "--batch",
            metavar="auto|N",
            parser=option_values.batch,
            help="Texts per request, 1 to 100; auto is 1 for files of up to 200 rows, else 100.  [default: auto]",
        ),
        "timeout": option(
            "--timeout",
            metavar="SECONDS",
            parser=option_values.seconds,
            help="The most seconds that one attempt may take.",
            show_default=True,
        ),
        "retry_for": option(
            "--retry-for",
            metavar="DURATION",
            parser=option_values.duration,
            help="When to give up a message that was certainly not sent, after five retries at most; 0 means one"
            " attempt.  [default: 2m]",
        ),
        "limit": option(
            "--limit",
            metavar="N",
            parser=option_values.messages,
            help="Send at most N messages now; `runs resume` continues.",
        ),
        "max_failures": option(
            "--max-failures",
            metavar="N|N%",
            parser=option_values.failures,
            help="Stop when so many rows, such as 50 or 10%, were rejected, not sent or unknown.",
        ),
        "wait": option(
            "--wait",
            metavar="DURATION",
            parser=option_values.duration,
            help="Wait until each message is delivered or failed, at most this long, such as 90s or 15m.",
        ),
        "priority": choice(Priority, "--priority", about="high is only for one-time passwords.  [default: normal]"),
        "status_callback": option(
            "--status-callback",
            metavar="URL",
            parser=option_values.web_address,
            help="The URL to which Exotel posts how each message ended.",
        ),
        "custom_field": option(
            "--custom-field", metavar="TEXT", help="Any text, which Exotel returns in the callback."
        ),
    },
    "Account": {
        "profile": option(
            "-p",
            "--profile",
            metavar="NAME",
            autocompletion=completion_values.profiles,
            help="The stored account to use; `exosms profile list` shows them.",
        ),
        "region": option(
            metavar="|".join(Region),
            parser=option_values.region,
            autocompletion=completion_values.words(*Region),
            help="Where the account is hosted; sandbox needs no account and sends nothing.",
        ),
        "base_url": option("--base-url", metavar="URL", help="Another address of the API, such as a test server's."),
        "config": option("--config", metavar="FILE", help="Another file than your config.toml."),
    },
    "Output": {
        "results": option("--results", metavar="FILE", help="Write the outcome of every row, as CSV."),
        "output": choice(
            Format, "-o", "--output", about="How to print results; auto is human on a terminal, else plain."
        ),
        "json": option("--json", help="The same as -o json."),
        "quiet": option("-q", "--quiet", help="No warnings or hints; `send` and `bulk` print only Sids."),
        "verbose": option("-v", "--verbose", help="Show each request: method, host, path, status and time."),
    },
}
"""The options that commands share, by the heading under which a long help lists them, in its order."""

HEADINGS = tuple(_BY_GROUP)
OPTIONS = {name: declaration for declared in _BY_GROUP.values() for name, declaration in declared.items()}
GROUP_OF = {name: group for group, declared in _BY_GROUP.items() for name in declared}

SINCE = option(
    "--since",
    metavar="DURATION",
    parser=option_values.duration,
    help="Only messages sent within this time, such as 24h.",
)
"""Of whatever looks at messages that were sent."""

PORT = option(
    "--port",
    metavar="N",
    parser=option_values.whole(0, 65535),
    help="The port; 0 is any free one.",
    show_default=True,
)
"""Of whatever listens."""
