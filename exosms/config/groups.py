"""``[groups]`` of ``config.toml``: names for lists of numbers. A group is looked at only when somebody uses it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from exosms.config import config_file
from exosms.errors import InputError
from exosms.sms import phone
from exosms.system.suggest import did_you_mean

_WRITE = 'Write it as {} = ["+919876543210", "+919876543211"] below [groups] in {}.'
_SEE = "`exosms profile groups` shows them with their numbers."
_BARE_KEY = re.compile("[A-Za-z0-9_-]+")
"""What TOML takes for a key without quotes."""


class Groups(NamedTuple):
    """What the file says of groups; nothing of it is checked yet."""

    path: Path | None
    """None where there is no place for a configuration."""
    table: object = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The groups, in the file's order."""
        return tuple(self.table) if isinstance(self.table, Mapping) else ()

    def members(self, name: str) -> tuple[str, ...]:
        """Return the numbers of a group as they are written; raises InputError for one that is none."""
        if not isinstance(self.table, Mapping):
            raise self._wrong("NAME", f"{self.path}: groups must be a table")
        if name not in self.table:
            there_are = f"; the groups are {', '.join(self.names)}" if self.names else "; no group is stored"
            near = did_you_mean(name, self.names)
            message = f"There is no group {name!r} in {self.path or 'any configuration'}{near or there_are}"
            raise InputError(message, remedy=_SEE) if near else self._wrong(name, message)
        members = self.table[name]
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            # TOML takes +6581234567 for the number 6581234567, which is somebody else's in India.
            raise self._wrong(name, f"The group {name!r} must be a list of numbers in quotes")
        if not members:
            raise self._wrong(name, f"The group {name!r} is empty")
        return tuple(members)

    def number(self, name: str, member: str, *, country: str) -> str:
        """Return a member's number as E.164; raises InputError, naming it and the group."""
        try:
            return phone.parse(member, country=country)
        except InputError as error:
            raise InputError(
                f"The group {name!r} has a number that cannot be used: {error.message}",
                remedy=f"Correct it in {self.path}.",
            ) from error

    def _wrong(self, name: str, message: str) -> InputError:
        key = name if _BARE_KEY.fullmatch(name) else "NAME"
        return InputError(message, remedy=_WRITE.format(key, self.path or "config.toml"))


def read(path: Path | None) -> Groups:
    """Return the groups of a configuration; raises ConfigError where it cannot be read at all."""
    return Groups(path, config_file.read(path).groups if path else {})
