"""The command that was meant by one that makes no sense as it stands."""

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from exosms.cli import topics
from exosms.cli.commands import OptionName, below, options_of
from exosms.cli.option_values import recipients
from exosms.cli.output.refusals import command_again
from exosms.config.paths import is_file
from exosms.errors import UsageError
from exosms.sms.phone import is_number
from exosms.system.suggest import begun

_TO, _BODY, _VARIABLE = "--to", "--body", "--var"
_RECIPIENTS = {_TO, "--to-file"}
_TEXTS = {_BODY, "--body-file", "--template"}
_ELSEWHERE = {
    "-m": _BODY,
    "--message": _BODY,
    "--msg": _BODY,
    "--text": _BODY,
    "--number": _TO,
    "--phone": _TO,
    "--recipient": _TO,
    "--sender": "--from",
}
"""What other programs call our options."""

_RECIPIENT = re.compile(r"@[^\s@]+|\+[0-9 ().-]{8,}|[0-9](?:[ ().-]*[0-9]){9,}")
"""A group or what was to be a number, be it a wrong one; a date has fewer digits."""
_PIECE = re.compile(r"[+(]?[0-9][0-9()-]*")
"""What a number falls into that nobody quoted: ``+91 98765 43210``."""


class _Word(NamedTuple):
    """An option with its value, as they were written, or a word that belongs to none."""

    value: str | None
    option: str = ""
    name: str = ""
    """The option's longest name."""


def text_is_a_dash(arguments: Sequence[str]) -> UsageError:
    """Return the error for ``--body -``, which would send a dash, or to everybody in a list."""
    message = "--body takes the text itself, not - for standard input"
    return UsageError(message, remedy=_sorted_out(arguments[0], arguments[1:]))


def no_text(arguments: Sequence[str]) -> UsageError:
    """Return the error for a message without a text; what waits on standard input was meant, most likely."""
    message = "Give the text with --body or --body-file, or a template with -t"
    if not _is_fed():
        return UsageError(message)
    return UsageError(
        f"{message}; standard input is read only for -F -", remedy=_meant(command_again(arguments, ["-F", "-"]))
    )


def no_file(path: Path, arguments: Sequence[str]) -> UsageError | None:
    """Return the error for a recipient in the place of ``bulk``'s file; None for what may be a file."""
    if not (_is_recipient(str(path)) and (str(path).startswith("@") or is_number(str(path)))):
        return None
    message = f"{path} is a recipient, and bulk takes a file of them"
    return UsageError(message, remedy=_sorted_out("send", arguments[1:]))


def no_command(arguments: Sequence[str], argv: Sequence[str]) -> str:
    """Return what was meant by a ``job`` whose command ``argv`` cannot be started; nothing for a misspelled one."""
    before = [*arguments[1 : len(arguments) - len(argv)]]
    if before[-1:] == ["--"]:
        is_line = len(argv) == 1 and len(argv[0].split()) > 1
        return _meant(command_again(["job", *before, "sh", "-c", *argv], ())) if is_line else ""
    loose = next((at for at, word in enumerate(argv) if not _is_recipient(word)), len(argv))
    if "--" in argv:
        loose = argv.index("--")
    rest = [word for at, word in enumerate(argv[loose:]) if at or word != "--"]
    return _sorted_out("job", [*before, *argv[:loose]], ["--", *rest]) if rest else ""


def of_usage(arguments: Sequence[str]) -> str:
    """Return what was meant by a command line that cannot be parsed; nothing where that is anybody's guess."""
    match [*arguments]:
        case ["runs"] | ["runs", "show" | "resume" | "retry" | "export"]:
            return "To see the runs: exosms runs list"
        case ["template", "show" | "remove"]:
            return "To see the templates: exosms template list"
        case ["template", "lint", *words] if _are_plain(words) and words:
            return "It checks every template of the file; another file is named with --templates FILE"
    if meant := _rearranged(arguments):
        return _meant(command_again(meant, ()))
    return _of_texts(arguments) or _of_commands(arguments)


def _rearranged(arguments: Sequence[str]) -> Sequence[str]:
    """Return the words as the command takes them, where they can mean one thing only."""
    match [*arguments]:
        case ["check-template", *words] if _are_plain(words) and len(words) in {1, 2}:
            return ["check-template", *(["-t", words[0], "-b", words[1]] if words[1:] else ["-b", words[0]])]
        case ["template", "add", name, text] if _are_plain([name, text]):
            return ["template", "add", name, "--text", text]
        case ["bulk", "send", file, *words] if _are_plain([file]) and not _is_recipient(file):
            return ["bulk", file, *words]
        case ["version"]:
            return ["--version"]
        case [topic] if topic in topics.names():
            return ["help", topic]
    return ()


def _of_commands(arguments: Sequence[str]) -> str:
    """Return the commands that begin with the first word, or that are called so below another."""
    commands = below(())
    word, *rest = arguments or ["-"]
    if word.startswith("-") or word in commands:
        return ""
    found = [[name] for name in begun(word, commands)]
    found = found or [[name, word] for name in commands if word in below((name,))]
    perhaps = "profile" if any(words[0] == "profile" for words in found) else None
    meant = [command_again([*words, *rest], (), perhaps=perhaps) for words in found]
    return f"Did you mean one of: {', '.join(meant)}" if meant[1:] else _meant(meant[0]) if meant else ""


def _of_texts(arguments: Sequence[str]) -> str:
    match [*arguments]:
        case ["bulk", first, *words] if not _is_recipient(first):
            return _sorted_out("bulk", [first, *words])
        case ["send" | "bulk", *words]:
            return _sorted_out("send", words)
        case [first, *_] as words if _is_recipient(first):
            return _sorted_out("send", words)
    return ""


def _sorted_out(command: str, given: Sequence[str], rest: Sequence[str] = ()) -> str:
    """Return a command with every word at the option that it was meant for; nothing where there is none to move."""
    try:
        words = [*_split(given, command)]
    except KeyError:  # an option that there is not
        return ""
    has_recipient = command != "send" or any(word.name in _RECIPIENTS for word in words)
    options, loose = _continued(words, has_recipient=has_recipient)
    file = [loose.pop(0)] if command == "bulk" and loose else []
    to, text = _shared_out(_pieced_together(loose), has_recipient=has_recipient)
    options = [_in_our_words(word) for word in options]
    has_text = any(word.name in _TEXTS for word in options)
    if any(word.name == "--template" for word in options) and all("=" in word for word in text):
        options += [_Word(word, _VARIABLE, _VARIABLE) for word in text]
        text = []
    if not (to or text) and options == [word for word in words if word.option]:
        return ""
    if (text and has_text) or (command == "bulk" and (to or not file)):
        return ""
    if text and all(is_file(Path(word)) for word in text):  # as of `bulk *.csv`: their names are no text
        return ""
    missing = []
    if not (to or has_recipient):
        to, missing = ["NUMBER"], ["a recipient"]
    behind = 1 + max((at for at, word in enumerate(options) if word.name in _RECIPIENTS), default=-1)
    if text:
        options.insert(behind, _in_our_words(_Word(" ".join(text), _BODY, _BODY)))
    elif command == "send" and not has_text:
        missing += [] if _is_fed() else ["the text"]
        options.insert(behind, _Word("-", "-F") if _is_fed() else _Word("TEXT", _BODY))
    line = [*file, *(part for number in to for part in (_TO, number))]
    line += [part for word in options for part in (word.option, word.value) if part is not None]
    meant = command_again([command, *line, *rest], ())
    return f"Give {' and '.join(missing)}: {meant}" if missing else _meant(meant)


def _split(given: Sequence[str], command: str) -> Iterator[_Word]:
    """Yield the words of a command line; raises KeyError for an unknown option."""
    known = dict(options_of(command))
    known = {theirs: known[ours] for theirs, ours in _ELSEWHERE.items() if ours in known} | known
    words = iter(given)
    for word in words:
        if word == "--":
            yield from map(_Word, words)
        elif word == "-" or not word.startswith("-"):
            yield _Word(word)
        elif word.startswith("--"):
            option, equals, value = word.partition("=")
            name, takes_value = known[option]
            yield _Word(value if equals else next(words, "") if takes_value else None, option, name)
        else:
            yield from _split_letters(word, words, known)


def _split_letters(word: str, words: Iterator[str], known: Mapping[str, OptionName]) -> Iterator[_Word]:
    """Yield the options of a word such as ``-qb``, the last of which may take the rest or the next word.

    An equals sign before the rest is no part of it, as where the command is read.
    """
    for at, letter in enumerate(word[1:], 2):
        option = known[f"-{letter}"]
        if option.takes_value:
            value = word[at:].removeprefix("=") if word[at:] else next(words, "")
            yield _Word(value, f"-{letter}", option.name)
            return
        yield _Word(None, f"-{letter}", option.name)


def _continued(words: Sequence[_Word], *, has_recipient: bool) -> tuple[list[_Word], list[str]]:
    """Return the options, with what stands behind a value that should have been quoted, and the other words."""
    options: list[_Word] = []
    loose: list[str] = []
    is_behind = False
    for word in words:
        if word.option:
            options.append(word)
            is_behind = True
            continue
        said = word.value or ""
        option, value = (options[-1].name, options[-1].value or "") if is_behind else ("", "")
        both = f"{value} {said}"
        if option == _VARIABLE and "=" in said:
            options.append(options[-1]._replace(value=said))
        elif (
            option == _VARIABLE
            or (option == _BODY and (has_recipient or not _is_recipient(said)))
            or (option == _TO and _PIECE.fullmatch(said) and not is_number(value))
        ):
            options[-1] = options[-1]._replace(value=both)
        else:
            loose.append(said)
            is_behind = False
    return options, loose


def _pieced_together(loose: Sequence[str]) -> list[str]:
    """Return words with a number that stood in several as one."""
    for end in range(len(loose), 1, -1):
        number = " ".join(loose[:end])
        if all(map(_PIECE.fullmatch, loose[:end])) and not _is_recipient(loose[0]) and is_number(number):
            return [number, *loose[end:]]
    return [*loose]


def _shared_out(loose: Sequence[str], *, has_recipient: bool) -> tuple[Sequence[str], Sequence[str]]:
    """Return which words are recipients, and which are the text."""
    end = next((at for at, word in enumerate(loose) if not _is_recipient(word)), len(loose))
    if not (end or has_recipient) and any(map(_is_recipient, loose[-1:])):  # the text came first
        return loose[-1:], loose[:-1]
    return loose[:end], loose[end:]


def _in_our_words(word: _Word) -> _Word:
    """Return an option as it is called here; a text that is a dash stands for standard input."""
    if word.name == _BODY and word.value == "-":
        return _Word("-", "-F", "--body-file")
    return word._replace(option=word.name) if word.option in _ELSEWHERE else word


def _is_recipient(word: str) -> bool:
    return all(map(_RECIPIENT.fullmatch, recipients([word.rstrip(",;")])))


def _are_plain(words: Sequence[str]) -> bool:
    return not any(word.startswith("-") for word in words)


def _meant(command: str) -> str:
    return f"Did you mean: {command}"


def _is_fed() -> bool:
    """Whether somebody feeds standard input: a pipe or a file, and not a terminal or nothing."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
