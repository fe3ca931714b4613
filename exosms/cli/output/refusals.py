"""Why a command did not do all that was asked: on standard error, in every format and when quiet.

A job whose output is thrown away still mails what it complains about, so whatever ends with another exit code than 0
has said there why.
"""

from collections.abc import Sequence
from typing import NamedTuple

from exosms.cli.output.out import Out
from exosms.sms.message import Problem

_FEW = 3
"""Messages that are named where many have the same problem."""


class Refusal(NamedTuple):
    """Why one message is not where it was to go."""

    who: str
    """Its recipient, or its Sid."""
    said: str
    """Its outcome, with the HTTP status and Exotel's words."""
    problem: Problem
    is_kept_back: bool = False
    """Whether nothing is wrong with it: another one stopped the command."""


def tell_refusals(out: Out, refusals: Sequence[Refusal]) -> None:
    """Say why messages were not accepted, or failed; what is true of many of them is said once."""
    if out.is_seen_at_once:
        return
    alike: dict[tuple[str, str], list[str]] = {}
    for refusal in refusals:
        alike.setdefault((refusal.said, _next_step(refusal)), []).append(refusal.who)
    for (said, remedy), names in alike.items():
        more = f" and {len(names) - _FEW} more" * (len(names) > _FEW)
        out.fail(f"{', '.join(names[:_FEW])}{more}: {said}", remedy=remedy)


def _next_step(refusal: Refusal) -> str:
    """Return what its line has no room for: what that means and what to do."""
    if refusal.is_kept_back:
        return ""
    problem = refusal.problem
    meaning = "" if problem.meaning and problem.meaning in refusal.said else problem.meaning
    return f"{meaning} {problem.remedy}".strip()


def command_again(arguments: Sequence[str], options: Sequence[str]) -> str:
    """Return a command line with more options, as it can be copied into a shell."""
    words = [*arguments]
    end = words.index("--") if "--" in words else len(words)
    return " ".join(["exosms", *map(_quoted, [*words[:end], *options, *words[end:]])])


def _quoted(word: str) -> str:
    """Return a word for a POSIX shell; with a line break or a control in it for those that know ``$'…'``."""
    import shlex

    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(each if each.isprintable() else _escape(each) for each in escaped) + "'"


def _escape(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="replace"))
