"""``exosms job``: a command is run, and people are texted about how it ended.

Its exit code is ours, whatever becomes of the text: nothing that fails here may stand in its way.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from exosms.cli import option_values
from exosms.cli import options as o
from exosms.cli.commands import tell_unforeseen
from exosms.cli.output.out import Out
from exosms.errors import ExitCode, ExosmsError, Interrupted, KeptBackError, UsageError, in_our_words
from exosms.job.ending import DEFAULT_TEXT, Ending, On, name_of, sample
from exosms.job.request import JobRequest
from exosms.sms.message import Outcome
from exosms.system.signals import Interrupts
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.cli.job_plan import JobPlan
    from exosms.config.settings import Settings
    from exosms.sms.message import Receipt

    _Planner = Callable[[Ending], JobPlan]

PARSING = {"allow_interspersed_args": False}
"""As of `env` and `nice`: what stands behind the command is the command's."""

_NEEDED = (
    "exosms.cli.send",
    "exosms.cli.ledgers",
    "exosms.cli.context",
    "exosms.cli.output.messages",
    "exosms.send.one",
    "exosms.codes.lookup",
    "exosms.codes.http",
    "exosms.codes.exotel",
    "exosms.sandbox.emulator",
    "exosms.ledger.postgres.messages",
    "encodings.idna",
    "httpx",
    "httpcore",
    "shlex",
    "stringprep",
    "subprocess",
)
"""What a text needs besides what has planned it, and what it needs where it goes wrong."""

_AGAIN = re.compile(
    r"(?:^|[,;:] (?:then |or )?|[.] (?:Then )?)(?:run (?:it|this)|send|send the message) again\b[^.]*[.]$",
    re.IGNORECASE,
)
"""The last part of a remedy: ``Check the network, then run it again.``"""
_NUMBER = re.compile(r"\+[0-9]+")

_PLACEHOLDERS = "{job}, {host}, {status}, {code} and {duration} are replaced"

_OPTIONS = {
    "to_file": o.Repeated(
        o.option(
            "--to-file",
            metavar="FILE",
            help="A file with a number or a group on each line. Lines that begin with # are passed over.",
        ),
        read=list,
    ),
    "on": o.choice(On, "--on", group="Sending", about="Which endings to text about."),
    "longer_than": o.option(
        "--longer-than",
        metavar="DURATION",
        parser=option_values.duration,
        group="Sending",
        help="Text only if the command ran at least so long, such as 15m.",
    ),
    "name": o.option(
        "--name", metavar="NAME", group="Text", help="What {job} stands for.  [default: the command's file name]"
    ),
    "body": o.option("-b", "--body", metavar="TEXT", help=f"The text; {_PLACEHOLDERS}.  [default: {DEFAULT_TEXT}]"),
    "variables": o.Repeated(
        o.option(
            "--var", metavar="NAME=TEXT", help=f"A variable's value; {_PLACEHOLDERS} in it, and it is cut to fit."
        ),
        read=option_values.variables,
    ),
    "dry_run": o.option(
        "-n", "--dry-run", help="Do not run the command; show the text as it would be after exit code 1."
    ),
}

Words = Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", help="The command to run and its arguments.")]


def command(
    *,
    argv: Words,
    request: Annotated[JobRequest, _OPTIONS],
    account: o.AccountFlags,
    out: Annotated[Out, "verbose"],
) -> int:
    """Run a command and text people about how it ended; its exit code is passed on, whatever becomes of the text.

    Standard input, output, error and the terminal are the command's. What is wrong with account, numbers or text is
    told before it starts, and it runs all the same.

    exosms job --to @oncall --once backup --within 1h -- ./backup.sh --full

    exosms job --to 9876543210 --on always --longer-than 15m -- ./report.sh

    exosms job -n --to @oncall -b "{job} on {host}: {status}" -- ./backup.sh
    """
    _check(request)
    job = request.name if request.name is not None else name_of(argv[0])
    if request.dry_run:
        return _show(request, account, job, out)
    out.quiet = not out.verbose
    out.goes_on = True
    from exosms.job import child

    plan = _planner(request, account, job, out.warn)
    told = _tell_what_is_wrong(plan, sample(request.on), out)
    # One signal more than the command got stops nothing, since it was most likely meant for that.
    interrupts = Interrupts(spare=1)
    with child.signals_held() as mask:
        ending = child.run(argv, mask, meanwhile=_load_what_sends)
        with interrupts.installed(), child.signals_released():  # or what nobody reads could not be left by any
            if not ending.has_started:
                out.fail(f"{argv[0]} {ending.status}", remedy=_meant(argv, out))
            if ending.is_wanted(request.on, longer_than=request.longer_than):
                _text_about(job, plan, ending, told, interrupts, out)
    return ending.code


def _meant(argv: Sequence[str], out: Out) -> str:
    """Return what was meant by a command that could not be started."""
    try:
        from exosms.cli.meant import no_command

        return no_command(out.arguments, argv)
    except Exception as error:  # noqa: BLE001  # the text is still due
        tell_unforeseen(error, out)
        return ""


def _check(request: JobRequest) -> None:
    """Raise UsageError for options that make no sense together."""
    o.refuse_empty_of(request)
    o.refuse_empty(("--name", request.name))
    if "-" in request.to_file:
        raise UsageError("Standard input is the command's", remedy="Name a file that holds the recipients.")
    if request.body == "-":
        raise UsageError(
            "--body takes the text itself, and standard input is the command's",
            remedy="Write the text behind --body.",
        )
    if request.variables and (request.template is None or request.body is not None):
        raise UsageError(
            "--var is for the template of -t, when no text is given",
            remedy="Name a template with -t and leave --body out, or leave --var out.",
        )
    o.refuse_within_alone(request)


def _planner(request: JobRequest, account: o.AccountFlags, job: str, warn: Callable[[str], None]) -> "_Planner":
    """Return what plans the text about an ending; the files of recipients are read now."""
    from exosms.cli.job_plan import plan, read_listed

    listed = read_listed(request.to_file)

    def plan_about(ending: Ending) -> "JobPlan":
        about = request.about(ending, job)
        return plan(about, listed, account.options_of(about), warn=warn)

    return plan_about


def _show(request: JobRequest, account: o.AccountFlags, job: str, out: Out) -> int:
    """Show the text, and tell who would get it and what is wrong."""
    from exosms.send.prepare import review

    warnings: list[str] = []
    found = _planner(request, account, job, warnings.append)(sample(On.FAILURE))
    if found.settings is not None:
        review(found.request.body, found.messages, found.settings, warn=warnings.append)
    for warning in dict.fromkeys(warnings):
        out.warn(warning)
    for error in found.all_problems:
        out.fail(error.message, remedy=error.remedy)
    if found.text is None:
        return next((error.exit_code for error in found.problems[-1:]), ExitCode.INPUT)
    for message in found.messages[:1]:
        to = ", ".join(each.to for each in found.messages)
        out.tell(f"to {to}: {counted(message.segments, 'part')}, {message.encoding}")
    out.lines([line] for line in found.text.split("\n"))
    return ExitCode.OK


def _tell_what_is_wrong(plan: "_Planner", ending: Ending, out: Out) -> AbstractSet[str]:
    """Tell, while something can still be done, why somebody would not be texted; return what was told.

    Raises UsageError only.
    """
    told: set[str] = set()
    try:
        for error in plan(ending).all_problems:
            out.fail(error.message, remedy=error.remedy)
            told.add(error.message)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # the command has to run
        tell_unforeseen(error, out)
    return told


def _load_what_sends() -> None:
    """Load what sending needs: before a long command ends, this program may have been replaced by another version."""
    import importlib

    for name in _NEEDED:
        with suppress(Exception):  # it is tried again when it is needed
            importlib.import_module(name)


def _text_about(
    job: str, plan: "_Planner", ending: Ending, told: AbstractSet[str], interrupts: Interrupts, out: Out
) -> None:
    """Text about an ending, and tell in one line whom that did not reach; why, unless it was ``told`` already."""
    try:
        found = plan(ending)
        missed = {who: _Miss("" if error.message in told else _why(error)) for who, error in found.left_out.items()}
        if found.problems:
            missed = dict.fromkeys([*found.recipients, *missed], _Miss(_why(found.problems[0]))) | missed
        elif found.messages and found.settings:
            missed |= _send(found, found.settings, interrupts, out)
    except Exception as error:  # noqa: BLE001  # the exit code is the command's
        tell_unforeseen(error, out)
        return
    if missed:
        out.fail(f"the text about {job} {_told(missed)}")
    elif found.problems:
        out.fail(f"the text about {job} reached nobody: {_why(found.problems[0])}")


class _Miss(NamedTuple):
    """Why a text did not reach somebody; it is not certain where no usable answer came."""

    why: str
    is_certain: bool = True


def _send(found: "JobPlan", settings: "Settings", interrupts: Interrupts, out: Out) -> dict[str, _Miss]:
    """Send the text, and return whom it did not reach and why."""
    from exosms.cli.send import receipts_of

    missed: dict[str, _Miss] = {}
    left = [message.to for message in found.messages]
    try:
        receipts = receipts_of(found.messages, found.request, settings, found.options, out, interrupts)
        for receipt in receipts:
            to = left.pop(0)
            if receipt.outcome in {Outcome.ACCEPTED, Outcome.SKIPPED}:
                out.tell(" ".join(filter(None, (receipt.outcome, to, receipt.sid, receipt.note))))
            else:
                missed[to] = _Miss(_why_not(receipt), is_certain=receipt.outcome is not Outcome.UNKNOWN)
    except Exception as error:  # noqa: BLE001  # whom it keeps from being texted is to be told
        missed |= {to: _Miss(_why(in_our_words(error).about(to))) for to in left}
    except Interrupted as interrupted:
        missed |= dict.fromkeys(left, _Miss(interrupted.message))
    return missed


def _why_not(receipt: "Receipt") -> str:
    try:
        from exosms.cli.output.messages import reason
    except (ImportError, OSError, MemoryError):  # no more files or memory: the words are lost, but not who it is
        return ""

    problem = receipt.problem
    if problem is None:
        return receipt.outcome
    if problem.is_kept_back:
        return reason(problem)
    if receipt.outcome is Outcome.UNKNOWN:
        return _sentences(reason(problem), problem.remedy)
    not_sent = "" if problem.http_status else "the text was not sent: "
    return not_sent + _sentences(reason(problem), _without_again(problem.remedy))


def _why(error: ExosmsError) -> str:
    if isinstance(error, KeptBackError):
        return error.message
    return _sentences(error.message, _without_again(error.remedy))


def _without_again(remedy: str) -> str:
    """Return a remedy without the advice to run or send it again, which here would mean the command."""
    return _AGAIN.sub(".", remedy).removeprefix(".")


def _sentences(said: str, remedy: str) -> str:
    end = "" if said.endswith((".", "?")) else "."
    return f"{said}{end} {remedy}" if remedy else said


def _told(missed: Mapping[str, _Miss]) -> str:
    """Return whom it did not reach, and whom perhaps not."""
    told = []
    for is_certain, verb in ((True, "did not reach"), (False, "may not have reached")):
        if whys := {who: miss.why for who, miss in missed.items() if miss.is_certain is is_certain}:
            told.append(f"{verb} {_by_reason(whys)}")
    return "; it ".join(told)


def _by_reason(whys: Mapping[str, str]) -> str:
    """Return those with the same reason together, each with that reason."""
    by_reason: dict[str, list[str]] = {}
    for who, why in whys.items():
        by_reason.setdefault(why, []).append(who if _NUMBER.fullmatch(who) else repr(who))
    return "; ".join(", ".join(who) + (f" ({why})" if why else "") for why, who in by_reason.items())
