"""How the help of a command is laid out: plain text, its options under headings, the most used first.

The heading of an option is Typer's ``rich_help_panel``; Rich itself would take longer to import than all of this.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup

from exosms.cli import topics
from exosms.cli.options import HEADINGS
from exosms.cli.output import pages
from exosms.errors import UsageError

_FEW = 14
"""Options that need no headings."""

_MOST_USED = {
    "send": ("to", "body", "template", "once", "dry_run"),
    "job": ("to", "on", "body", "once", "within"),
    "bulk": ("template", "body", "dry_run", "run", "yes"),
}
"""The options of a command that most people need, by the names of its parameters."""

_ERROR = "Error: "
"""What Typer begins such a line with."""

# Compiled where it is needed, which a plain start is not.
_CREDENTIALS = r"(?i)(\bpostgres(?:ql)?://)\S+?(?=['.)]*(?:\s|$))|(://)\S+(?=@)"
"""What may have a password in it, of an address that stands where none belongs."""

_Section = tuple[str, list[tuple[str, str]]]

_MORE = "More: `exosms help exit-codes`, outcomes, environment; all: `exosms help`"


class _Laid:
    """What commands and groups of them have in common."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands in the usage line, what must be given as itself: ``FILE`` instead of ``{FILE}``."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.strip("{}") for piece in pieces]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what it does, and examples."""
        _write(formatter, pages.paragraphs(inspect.cleandoc(ctx.command.help or ""), formatter.width))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write its commands, arguments and options."""
        _write(formatter, pages.sections([*_commands(ctx), *_parameters(ctx)], formatter.width))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write examples, and where more is: for the program itself the topics stand above."""
        more = _MORE if ctx.parent else ""
        _write(formatter, pages.paragraphs(f"{ctx.command.epilog or ''}\n\n{more}", formatter.width))


class CommandPage(_Laid, TyperCommand):
    """A command with such a help."""

    def make_parser(self, ctx: Any) -> Any:
        """Return what reads its options; ``-b=Hello`` is the text Hello, as people know it from ``gh`` and Python.

        Typer's own would send ``=Hello``.
        """
        parser = super().make_parser(ctx)
        parser._long_opt.update(parser._short_opt)  # noqa: SLF001  # there an equals sign ends the name
        match = parser._match_short_opt  # noqa: SLF001
        vars(parser)["_match_short_opt"] = partial(_match_short, match, parser._short_opt)  # noqa: SLF001
        if not ctx.resilient_parsing:  # as for completion
            vars(parser)["_process_opts"] = partial(_process, parser._process_opts, parser._long_opt)  # noqa: SLF001
        return parser


def _process(process: Callable[[str, Any], None], options: Mapping[str, Any], word: str, state: Any) -> None:
    """Read an option, the value of which is not the option behind it: of ``-b $TEXT --json`` that would be sent."""
    many = len(state.rargs)
    behind = "".join(state.rargs[:1]).partition("=")[0]
    process(word, state)
    if len(state.rargs) < many and (behind == "--" or _is_option(behind, options)):
        option = word if word.startswith("--") else f"-{word[-1]}"
        raise UsageError(
            f"{option} needs a value, and behind it stands {behind}",
            remedy="A variable without quotes that is not set leaves nothing there. A value that is like an option is"
            f" written behind an equals sign: {option}={behind}",
        )


def _is_option(word: str, options: Mapping[str, Any]) -> bool:
    """Whether a word is an option, or several behind one dash, the last perhaps with a word of its own: ``-ojson``.

    Whatever else stands behind a letter may be the rest of a text.
    """
    if word in options or not word.startswith("-") or word.startswith("--"):
        return word in options
    for at, letter in enumerate(word[1:], 2):
        option = options.get(f"-{letter}")
        if option is None or option.takes_value:
            return option is not None and word[at:] in {"", *(option.obj.metavar or "").split("|")}
    return word != "-"


def _match_short(match: Callable[[str, Any], None], options: Mapping[str, Any], word: str, state: Any) -> None:
    """Read several letters behind one dash, as in ``-yb=Hello``, where an equals sign ends the last of the names."""
    letters, equals, value = word.partition("=")
    takes = [name in options and options[name].takes_value for name in (f"-{letter}" for letter in letters[1:])]
    if equals and takes.count(True) == 1 and takes[-1]:
        state.rargs.insert(0, value)
        word = letters
    match(word, state)


class GroupPage(_Laid, TyperGroup):
    """A command that has commands, with such a help."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Read the command line."""
        with _broken_at_words():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named, having read its own arguments."""
        with _broken_at_words():
            return super().invoke(ctx)


@contextmanager
def _broken_at_words() -> Iterator[None]:
    """Let an error that Typer shows break at words where a person reads it, and repeat no credentials."""
    try:
        yield
    except Exception as error:
        say = getattr(error, "format_message", None)
        is_said = "format_message" in vars(error)  # by a group within this one
        if say and not is_said:
            said = re.sub(_CREDENTIALS, r"\1\2…", say())
            if sys.stderr.isatty():
                from exosms.cli.output.sentences import broken

                said = broken(f"{_ERROR}{said}", sys.stderr, indent="  ").removeprefix(_ERROR)
            vars(error)["format_message"] = lambda: said
        raise


def _commands(ctx: Any) -> Iterator[_Section]:
    if isinstance(ctx.command, GroupPage):
        yield "Commands", [(name, command.get_short_help_str()) for name, command in ctx.command.commands.items()]
        if ctx.parent is None:
            yield "Topics of exosms help", list(topics.titles().items())


def _parameters(ctx: Any) -> Iterator[_Section]:
    records = [(each, each.get_help_record(ctx)) for each in ctx.command.get_params(ctx)]
    yield "Arguments", [row for each, row in records if each.param_type_name == "argument"]
    options = {each: row for each, row in records if each.param_type_name == "option"}
    if len(options) <= _FEW:
        yield "Options", list(options.values())
        return
    by_name = {each.name: each for each in options}
    most_used = [by_name[name] for name in _MOST_USED.get(ctx.command.name, ())]
    yield "Most used", [options[each] for each in most_used]
    for heading in ("Options", *HEADINGS):
        others = [row for each, row in options.items() if each not in most_used and _heading_of(each) == heading]
        yield heading, others


def _heading_of(option: Any) -> str:
    return option.rich_help_panel or ("Output" if option.name == "help" else "Options")


def _write(formatter: Any, text: str) -> None:
    formatter.write_paragraph()
    formatter.write(text)
