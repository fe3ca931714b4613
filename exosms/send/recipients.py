"""Who is to get a text: numbers and groups as they were given, to E.164, each once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from exosms.config.groups import Groups
from exosms.config.groups import read as read_groups
from exosms.config.settings import Settings
from exosms.errors import ExosmsError, InputError, RecipientsError
from exosms.sms import phone

GROUP = "@"
"""What a group's name begins with where a number may stand."""


class Recipients(NamedTuple):
    """Who can get a text, and who cannot."""

    as_given: Sequence[str]
    """Every number once, as it was first written, also in a group; a group that cannot be used by its name."""
    numbers: Sequence[str]
    """E.164, each once."""
    repeated: Sequence[str]
    """Those that were given again."""
    refused: Mapping[str, InputError]
    """What is wrong with the others, by what was given."""

    def sendable(self, *, skip_invalid: bool) -> Sequence[str]:
        """Return who gets a message; raises RecipientsError if nobody can, or not all and none may be left out."""
        if self.refused and not (skip_invalid and self.numbers):
            raise RecipientsError(self.refused)
        return self.numbers


def find_recipients(given: Sequence[str], settings: Settings) -> Recipients:
    """Read every recipient; groups stand in the configuration, wherever the account comes from.

    Raises ConfigError where there is a group, and a configuration that cannot be read.
    """
    has_groups = any(item.startswith(GROUP) for item in given)
    groups = read_groups(settings.config) if has_groups else Groups(None)
    as_given: list[str] = []
    numbers: dict[str, None] = {}
    repeated: list[str] = []
    refused: dict[str, InputError] = {}
    for text, read in _each(given, groups, settings.country):
        try:
            number = read()
        except InputError as error:
            is_new = text not in refused
            refused[text] = error
        else:
            is_new = number not in numbers
            numbers[number] = None
            if not is_new:
                repeated.append(number)
        if is_new:
            as_given.append(text)
    _name_groups(refused, settings.config)
    return Recipients(as_given, list(numbers), repeated, refused)


def _each(given: Sequence[str], groups: Groups, country: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield every number as it is written, and what reads it."""
    from functools import partial

    for item in given:
        if not item.startswith(GROUP):
            yield item, partial(phone.parse, item, country=country)
            continue
        name = item.removeprefix(GROUP)
        try:
            members = groups.members(name)
        except InputError as error:
            yield item, partial(_fail, error)
            continue
        for member in members:
            yield member, partial(groups.number, name, member, country=country)


def _name_groups(refused: dict[str, InputError], config: Path | None) -> None:
    """Say how a group is named where its name was given as a number; the configuration is read once for all."""
    words = [text for text in refused if not (text.startswith(GROUP) or any(map(str.isdigit, text)))]
    if not words:
        return
    with suppress(ExosmsError):
        for text in {*words} & {*read_groups(config).names}:
            remedy = f"For the group of that name write {GROUP}{text}."
            refused[text] = InputError(refused[text].message, remedy=remedy)


def _fail(error: InputError) -> str:
    raise error
