"""The commands by name, each imported only when it is asked for."""

import errno
import functools
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import PurePath
from typing import Annotated, Any, NamedTuple, NoReturn

import typer

from exosms import __version__, starvation
from exosms.cli import completion
from exosms.cli import options as o
from exosms.cli.help_page import CommandPage, GroupPage
from exosms.cli.output.out import Out, lose, problem_document
from exosms.cli.output.pages import WIDEST
from exosms.cli.parameters import unfolded
from exosms.errors import ExitCode, ExosmsError, InputError, Interrupted, UsageError, in_our_words
from exosms.sms.message import Retry, problem_of

_HELP = {
    "send": "Send one text to one or several recipients.",
    "job": "Run a command and text people about how it ended.",
    "bulk": "Send the rows of a CSV or a sheet, each row once.",
    "check-template": "Check offline whether a text matches its registered template.",
    "template": "Keep the texts registered on the DLT portal.",
    "runs": "Show, resume and retry bulk runs; decide about unknown messages.",
    "callbacks": "Receive delivery callbacks, and settle unknown messages by them.",
    "status": "Show whether messages were delivered.",
    "log": "Show what this machine sent.",
    "codes": "Explain HTTP statuses, Exotel's codes and delivery codes, offline.",
    "profile": "Store accounts: region, credentials, sender.",
    "doctor": "Check configuration, network and credentials, on one page without secrets.",
    "sandbox": "Serve an emulator of Exotel's SMS API on this machine.",
    "help": "Explain a command, or a topic that concerns all of them.",
}

_EPILOG = """\
exosms send --region sandbox --to 9876543210 --body "Hello"

exosms bulk customers.csv --template otp --dry-run

The first one needs no account: the sandbox answers in the program.

DURATION is 90s, 15m, 24h or 7d. Once keys and pace work within one state directory: where every command starts
on a fresh machine, as in CI, keep EXOSMS_STATE_DIR between them."""

_arguments: ContextVar[Sequence[str]] = ContextVar("arguments", default=())
"""The words of the command line that is run."""

_UNWRITABLE = {errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EFBIG, errno.EDQUOT}

_MAY_HOLD_SECRETS = {"--base-url", "--token-command", "--api-key"}
"""Options whose value is not repeated: an address may have key and token in it, a command the token."""

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}


def perform(arguments: Sequence[str]) -> None:
    """Perform one command line; ends as typer does, by SystemExit, or by the error of one that cannot be read."""
    _arguments.set(arguments)
    if completion.is_wanted():
        completion.prepare()
    _app(_wanted(arguments))(args=list(arguments), prog_name="exosms")


def _tell_failure(out: Out, error: ExosmsError, _values: Mapping[str, Any]) -> None:
    out.failure(error)


def command(
    function: Callable[..., int],
    name: str,
    *,
    tell_failure: Callable[[Out, ExosmsError, Mapping[str, Any]], None] = _tell_failure,
    refuses_bytes: bool = True,
) -> Callable[..., NoReturn]:
    """Turn a function that returns an exit code into a command; what it raises is told in its own format.

    ``tell_failure`` is given the options too, for a command whose document lists what they name; ``refuses_bytes``
    is unset for one whose arguments are another program's.
    """
    options, call = unfolded(function)

    @functools.wraps(function)
    def exiting(**values: Any) -> NoReturn:
        out = o.Printing(**{name: values[name] for name in o.Printing._fields if name in values}).out()
        out.command = name
        out.arguments = _arguments.get()
        try:
            _refuse_what_is_no_text(options if refuses_bytes else (), values)
            exit_code = call({**values, "out": out})
        except UsageError:
            raise  # standard output stays empty
        except ExosmsError as error:
            out.goes_on = True
            tell_failure(out, error, values)
            exit_code = error.exit_code
        except (Interrupted, KeyboardInterrupt) as signalled:  # in a command that sends nothing
            interrupted = signalled if isinstance(signalled, Interrupted) else Interrupted(signal.SIGINT)
            out.goes_on = True
            out.failure(interrupted)
            exit_code = interrupted.exit_code
        except BrokenPipeError:  # not of our output, which `Out` takes care of: what was done is not known
            exit_code = ExitCode.BUG
        except Exception as error:  # noqa: BLE001  # in its own format, too
            out.goes_on = True
            exit_code = end_unforeseen(error, out)
        raise typer.Exit(exit_code)

    vars(exiting)["__signature__"] = inspect.Signature(options)  # which is what typer reads
    return exiting


def end_unforeseen(error: Exception, out: Out | None = None) -> int:
    """Tell that typer could not print what it had to, or else what ``tell_unforeseen`` does; return the exit code.

    Without ``out`` no command is known that would have a document.
    """
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
        lose(error, sys.stdout, sys.stderr)
        is_closed = isinstance(error, BrokenPipeError)  # by its reader, who has read enough
        return getattr(error.__context__, "exit_code", ExitCode.OK if is_closed else ExitCode.CONFIG)  # usage stays 2
    return tell_unforeseen(error, out or Out(sys.stdout, sys.stderr, goes_on=True))  # which flushes what it is given


def tell_unforeseen(error: Exception, out: Out) -> int:
    """Tell what this process lacks, or where a bug showed, and return the exit code of that."""
    told = in_our_words(error)
    exit_code = starvation.told(error)
    if exit_code is None:
        exit_code = told.exit_code
        out.fail(told.message, remedy=told.remedy)
    if out.is_json and not out.has_document:
        problem = problem_of(told)
        if starvation.has_sent:
            problem = problem._replace(meaning=starvation.LOOK_FIRST, retry=Retry.DECIDE)
        out.result(exit_code=exit_code, error=problem_document(problem))
    return exit_code


def _refuse_what_is_no_text(options: Sequence[inspect.Parameter], values: Mapping[str, Any]) -> None:
    """Raise InputError for an argument whose bytes were no UTF-8: it could be neither sent, nor kept, nor shown."""
    for option in options:
        given = values[option.name]
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, str | PurePath) and not is_text(str(value)):
                name = _name_of(option)
                key, equals, _ = str(value).partition("=")
                shown = key * bool(equals) if name.endswith("KEY=VALUE") else str(value)
                raise no_text(name, "" if name in _MAY_HOLD_SECRETS else shown)


def no_text(name: str, shown: str) -> InputError:
    """Return the error for an argument whose bytes were no UTF-8; ``shown`` is what may be repeated of it."""
    return InputError(f"{name} is not UTF-8{': ' * bool(shown)}{shown}", remedy="Write it in UTF-8.")


def is_text(value: str) -> bool:
    """Whether the bytes of an argument were UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_of(option: inspect.Parameter) -> str:
    """Return what the user calls a parameter: its longest option, or that it is an argument."""
    (info,) = option.annotation.__metadata__
    declared = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    if declared:  # typer takes the first of them for a default, at first
        return max(declared, key=len)
    what = option.name.strip("_").replace("_", "-")
    if not isinstance(info, typer.models.ArgumentInfo):
        return f"--{what}"
    return f"The argument {(info.metavar or what).removesuffix('...')}"


def group(
    name: str,
    commands: Mapping[str, Callable[..., int]],
    *,
    examples: Sequence[str],
    document: str | None = None,
) -> typer.Typer:
    """Return a command that has commands of its own; ``document`` is the name in the JSON documents of them all."""
    app = _typer(help=_HELP[name], epilog="\n\n".join(examples))
    for command_name, function in commands.items():
        summary = (function.__doc__ or "").partition("\n")[0]  # typer would cut it
        app.command(command_name, short_help=summary, cls=CommandPage)(
            command(function, document or f"{name} {command_name}")
        )
    return app


def below(above: Sequence[str]) -> list[str]:
    """Return the names of the commands that may follow these."""
    if not above:
        return [*_HELP]
    if len(above) > 1 or above[0] not in _HELP:
        return []
    module = _module_of(above[0])
    own = module.command.registered_commands if isinstance(module.command, typer.Typer) else ()
    return [each.name for each in own if each.name]


def _module_of(name: str) -> Any:
    return importlib.import_module(f"exosms.cli.{name.replace('-', '_')}")


def _app(wanted: set[str]) -> typer.Typer:
    """Return the program, with only the wanted commands loaded: the others are names and help."""
    app = _typer(
        epilog=_EPILOG,
        help="SMS through Exotel, sent once and with a truthful exit code.",
    )
    app.callback()(_root)
    for name, summary in _HELP.items():
        if name not in wanted:
            app.command(name, help=summary, short_help=summary)(_not_loaded)
            continue
        module = _module_of(name)
        if isinstance(module.command, typer.Typer):
            app.add_typer(module.command, name=name)
        else:
            tell_failure = getattr(module, "tell_failure", _tell_failure)
            parsing = getattr(module, "PARSING", None)
            app.command(name, context_settings=parsing, cls=CommandPage)(
                command(module.command, name, tell_failure=tell_failure, refuses_bytes=parsing is None)
            )
    return app


class OptionName(NamedTuple):
    """An option as the command line knows it."""

    name: str
    """The longest."""
    takes_value: bool


def options_of(name: str) -> Mapping[str, OptionName]:
    """Return the options of a command by each of their names."""
    group: Any = typer.main.get_command(_app({name}))
    options = {each: option for option in group.commands[name].params for each in option.opts if each.startswith("-")}
    return {each: OptionName(max(option.opts, key=len), not option.is_flag) for each, option in options.items()}


def _typer(**options: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
        no_args_is_help=True,
        cls=GroupPage,
        **options,
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"exosms {__version__}\n")
        sys.stdout.flush()
        raise typer.Exit


def _show_completion(shell: completion.Shell | None) -> None:
    if shell:
        sys.stdout.write(completion.script(shell))
        sys.stdout.flush()
        raise typer.Exit


def _root(
    _version: Annotated[
        bool,
        typer.Option("-V", "--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
    _completion: Annotated[
        completion.Shell | None,
        o.choice(
            completion.Shell,
            "--show-completion",
            about="Print the completion script for that shell, and exit.",
            callback=_show_completion,
        ),
    ] = None,
) -> None:
    """Do nothing: the commands do."""


def _not_loaded() -> None:
    """Stand for a command that this command line does not name."""


def _wanted(arguments: Sequence[str]) -> set[str]:
    """Return the commands that this command line, or the one that a shell wants completed, may need."""
    words = [
        *arguments,
        *os.environ.get("COMP_WORDS", "").split(),
        *os.environ.get("_TYPER_COMPLETE_ARGS", "").split(),
    ]
    own = words[: words.index("job") + 1] if "job" in words else words  # what follows is another program's
    return {word for word in own if word in _HELP}
