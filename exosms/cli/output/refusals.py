"""Why a command did not do all that was asked: on standard error, in every format and when quiet.

A job whose output is thrown away still mails what it complains about, so whatever ends with another exit code than 0
has said there why. A person who sees both outputs on one screen gets one table, led by the status.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exosms.cli.output.out import Out
from exosms.cli.output.tables import Cell, draw_table
from exosms.config.account import parse_base_url
from exosms.config.profile import KEYS
from exosms.errors import ConfigError
from exosms.sms.message import Problem
from exosms.system.escaping import for_shell
from exosms.system.wording import some

_FEW = 3
"""Messages that are named where many have the same problem."""


_SECRETIVE = {"--api-key", "--base-url", "--token-command"}
"""Options whose value may hold a secret: an address may have key and token in it, a command the token."""
_FLAGS = ("config", "json", "no_input", "output", "profile", "quiet", "timeout", "token_stdin", "verbose", "yes")
_PLAIN = {*KEYS, *_FLAGS} - {"api_key", "api_token", "base_url", "ledger", "token_command"}
"""Keys and options of `profile` that are not of that kind."""
# Compiled where it is needed, which a plain start is not.
_ADDRESS = r"(?is)postgres(?:ql)?://.+|[a-z][a-z0-9+.-]*://[^/@]*:.+@.+"
"""One with a password, where it stands in the place of something else."""


class Shortfall(NamedTuple):
    """Why one message is not where it was to go."""

    who: str
    """Its recipient, or its Sid."""
    outcome: str
    """Its outcome, or in its place why there is none."""
    reason: str
    """Exotel's words, or ours."""
    problem: Problem

    @property
    def said(self) -> str:
        """Its outcome with the HTTP status and the words; what says the outcome itself is not said twice."""
        if f"{self.reason} ".startswith(f"{self.outcome} ".replace("_", " ")):
            return self.reason
        return ": ".join(filter(None, (self.outcome, self.problem.status_text, self.reason)))


class ErrorRow(NamedTuple):
    """What one status or code came to, for as many messages as ended with it."""

    http_status: int | None
    code: int | None
    outcome: str
    messages: int
    first: str
    """The recipient of the first of them, or where that is."""
    said: str
    meaning: str
    remedy: str


def draw_refusals(out: Out, refusals: Iterable[Shortfall]) -> None:
    """Draw why messages were not accepted, or failed, what is true of many of them in one row."""
    rows: dict[object, ErrorRow] = {}
    for refusal in refusals:
        problem = refusal.problem
        kind = problem.http_status, problem.code, refusal.outcome, refusal.reason
        known = rows.get(kind)
        rows[kind] = ErrorRow(
            *kind[:3],
            known.messages + 1 if known else 1,
            known.first if known else refusal.who,
            refusal.reason,
            problem.meaning,
            "" if problem.is_kept_back else problem.remedy,
        )
    draw_errors(out, [*rows.values()])


def draw_errors(out: Out, rows: Sequence[ErrorRow]) -> None:
    """Draw a table that is led by the status: how many messages, whose, what that means and what to do."""
    columns = "Status", "Messages", "First", "What it means", "What to do"
    kept = len(columns) if any(row.remedy for row in rows) else len(columns) - 1
    out.draw("")
    draw_table(out, columns[:kept], [_error_cells(row)[:kept] for row in rows], folding=kept - 3)


def _error_cells(row: ErrorRow) -> Sequence[Cell]:
    status = {"HTTP": row.http_status, "code": row.code}
    means = (row.said, row.meaning) if row.meaning not in row.said else (row.said,)
    return (
        tuple(f"{name} {number}" for name, number in status.items() if number is not None) or "none",
        f"{row.messages} {row.outcome}",
        row.first,
        tuple(filter(None, means)),
        row.remedy,
    )


def tell_refusals(out: Out, refusals: Sequence[Shortfall]) -> None:
    """Say why messages were not accepted, or failed; what is true of many of them is said once."""
    if out.is_seen_at_once and not out.quiet:
        return
    alike: dict[tuple[str, str], list[str]] = {}
    for refusal in refusals:
        alike.setdefault((refusal.said, _next_step(refusal)), []).append(refusal.who)
    for (said, remedy), names in alike.items():
        out.fail(f"{some(names, _FEW)}: {said}", remedy=remedy)


def _next_step(refusal: Shortfall) -> str:
    """Return what its line has no room for: what that means and what to do."""
    problem = refusal.problem
    if problem.is_kept_back:
        return ""
    meaning = "" if problem.meaning and problem.meaning in refusal.said else problem.meaning
    return f"{meaning} {problem.remedy}".strip()


def command_again(arguments: Sequence[str], options: Sequence[str], *, perhaps: str | None = None) -> str:
    """Return a command line with more options, as it can be copied into a shell.

    ``perhaps`` is the command that was meant instead, whose secrets then may be in it.
    """
    words = [*arguments]
    end = words.index("--") if "--" in words else len(words)
    command = perhaps or words[0]
    ours = [_shown(word, behind, command) for behind, word in zip(["", *words], words[:end], strict=False)]
    return for_shell("exosms", *ours, *options, *words[end:])


def _shown(word: str, behind: str, command: str) -> str:
    """Return a word of a command line as it may be repeated: not what may hold a secret."""
    name, equals, value = word.partition("=")
    if behind.startswith("--") and "=" not in behind and _is_secretive(behind, command):
        return word if behind == "--base-url" and _is_usable(word) else "…"
    if equals and _is_secretive(name, command):
        return word if name == "--base-url" and _is_usable(value) else f"{name}=…"
    if equals and re.fullmatch(_ADDRESS, value):
        return f"{name}=…"
    return "…" if re.fullmatch(_ADDRESS, word) else word


def _is_secretive(name: str, command: str) -> bool:
    """Whether an option, or a key of a profile, may hold a secret; one that there is not may be misspelled."""
    return name in _SECRETIVE if command != "profile" else name.lstrip("-").replace("-", "_") not in _PLAIN


def _is_usable(base_url: str) -> bool:
    try:
        parse_base_url(base_url)
    except ConfigError:
        return False
    return True
