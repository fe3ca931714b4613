"""``config.toml``: the stored profiles. What is wrong with one of them harms no other; no error quotes the file."""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from exosms.config.paths import flag_for
from exosms.config.profile import (
    ACCOUNT_KEYS,
    BUILT_IN,
    KEYS,
    TOKEN_KEYS,
    Key,
    Profile,
    Source,
    WrongValueError,
    read_profile,
    table_of,
    wrong,
)
from exosms.errors import ConfigError, ExosmsError, GuardError, InputError, UsageError
from exosms.system import toml
from exosms.system.escaping import for_shell
from exosms.system.files import SmallFile
from exosms.system.suggest import did_you_mean, nearest

_UNREADABLE = "The configuration {path} cannot be read: {why}"
_REWRITE = "Fix it there; write text in double quotes."
_FIX = "Fix it in {path}."

_FORMAT = toml.TomlFormat(
    variable="EXOSMS_CONFIG",
    tables="profiles",
    version=1,
    largest=1024 * 1024,  # a file of a thousand profiles has a quarter of that
    is_private=True,
    shows_invisible=False,
    error=ConfigError,
    unreadable=(_UNREADABLE, ""),
    too_large=(_UNREADABLE, ""),
    not_utf8=("The configuration {path} cannot be read: line {line} is not UTF-8", _REWRITE),
    not_toml=(_UNREADABLE, _REWRITE),
    no_version=("{path}: version must be the whole number 1", _FIX),
    newer=("The configuration {path} has version {version}, and this exosms knows only 1", "Upgrade exosms."),
    no_tables=("{path}: profiles must be tables such as [profiles.prod]", _FIX),
    unwritable=(
        "The configuration {path} cannot be written: {why}",
        "Nothing was changed. Fix the permissions, free some disk space or use another --config.",
    ),
    unchangeable=(
        "The configuration {path} has a layout that exosms cannot change safely",
        "Nothing was changed. Give each profile its own table, [profiles.NAME], or edit the file by hand.",
    ),
)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)


class NoSuchProfileError(ConfigError):
    """There is no profile of that name."""


class Config(NamedTuple):
    """What ``config.toml`` says; a profile is checked when it is taken."""

    path: Path
    tables: Mapping[str, object]
    default: str | None = None
    """The profile used where none is named: ``default_profile``, or the only one there is."""
    warnings: tuple[str, ...] = ()
    home: str | None = None
    groups: object = {}
    """What the file says of groups, checked when one is used."""

    def __repr__(self) -> str:
        """Name the file; its tables may hold tokens."""
        return f"Config({str(self.path)!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """The stored profiles, in the file's order."""
        return tuple(name for name in self.tables if name != BUILT_IN.name)

    def profile(self, name: str) -> Profile:
        """Return that profile, checked; raises ConfigError naming the key, or the nearest name there is."""
        if name == BUILT_IN.name:
            return BUILT_IN
        if name not in self.tables:
            raise _no_such_profile(name, self)
        table = self.tables[name]
        if not isinstance(table, dict):
            raise wrong(self.path, f"profile {name!r}", f"must be a table: [profiles.{name}]")
        return read_profile(name, table, path=self.path, home=self.home)

    @property
    def flawed(self) -> Mapping[str, ConfigError]:
        """What is wrong with each profile that cannot be used, by its name."""
        found: dict[str, ConfigError] = {}
        for name in self.names:
            try:
                self.profile(name)
            except ConfigError as error:
                found[name] = error
        return found

    @property
    def is_ledger_named(self) -> bool:
        """Whether any profile names a ledger, be it flawed or not."""
        return any(isinstance(table, dict) and "ledger" in table for table in self.tables.values())

    def holds_token(self, name: str) -> bool:
        """Whether a token stands in that profile itself, so that it goes with it."""
        table = self.tables.get(name)
        return isinstance(table, dict) and "api_token" in table

    def unknown_keys(self, name: str) -> tuple[str, ...]:
        """Return a clause about each key of that profile that means nothing, with the nearest that does."""
        table = self.tables.get(name)
        unknown = (key for key in table if key not in KEYS) if isinstance(table, dict) else ()
        return tuple(_about_unknown(key, KEYS) for key in unknown)


class Removed(NamedTuple):
    """What a profile that was removed leaves behind."""

    was_default: bool
    default: str | None
    """The one that is the default now."""


def read(path: Path, *, home: str | None = None) -> Config:
    """Read the file; one that is not there holds no profiles; raises ConfigError.

    ``home`` is what ``~`` stands for in it.
    """
    document = toml.read(path, _FORMAT, check=_check_access)
    tables = document.get("profiles", {})
    default = _default_of(path, document)
    known = ("version", "default_profile", "profiles", "groups")
    warnings = [f"{path}: {_about_unknown(key, known)}" for key in document if key not in known]
    if BUILT_IN.name in tables:
        warnings.append(f"{path}: the profile 'sandbox' is built in; what the file says about it is ignored")
    groups = document.get("groups", {})
    return Config(path=path, default=default, warnings=tuple(warnings), home=home, tables=tables, groups=groups)


def save_profile(path: Path, profile: Profile, *, replace: bool = False) -> bool:
    """Store a profile and return whether it is now the default one, as the first one is.

    Replacing takes the account whole from the new profile, if that says anything of one, and keeps whatever else the
    stored one says (its allow list, its limits, keys of other programs) unless the new one says it too. Raises
    GuardError if the name is in use and ``replace`` is not set, and ConfigError.
    """
    check_name(profile.name)
    table = table_of(profile)
    try:
        read_profile(profile.name, table, path=path, home=None)
    except ConfigError as error:
        raise ConfigError(error.message.removeprefix(f"{path}: "), remedy="Nothing was stored.") from error
    with _edited(path) as document:
        tables = document.setdefault("profiles", {})
        before = tables.get(profile.name)
        if before is not None and not replace:
            raise already_there(profile.name)
        default = _default_of(path, document)
        if profile.name not in tables and (default or not tables):  # the only one is no longer the only one
            document.setdefault("default_profile", default or profile.name)
        replaced = ACCOUNT_KEYS if table.keys() & set(ACCOUNT_KEYS) else ()
        kept = before if isinstance(before, dict) else {}
        tables[profile.name] = {key: value for key, value in kept.items() if key not in replaced} | table
        return _default_of(path, document) == profile.name


def change_profile(path: Path, name: str, texts: Mapping[str, str], *, home: str | None) -> tuple[str, ...]:
    """Set keys of a stored profile; an empty text removes its key. Return the tokens that another one replaced.

    Each value is checked by itself, so that a profile with two flaws can be mended one by one. Raises UsageError,
    InputError for an allow list with a number that is none, and ConfigError for a profile that is not there.
    """
    with _edited(path) as document:
        tables = document.get("profiles", {})
        if name == BUILT_IN.name:
            raise ConfigError("The profile 'sandbox' is built in and cannot be changed")
        if name not in tables:
            raise _no_such_profile(name, Config(path=path, tables=tables))
        table = tables[name]
        if not isinstance(table, dict):
            raise wrong(path, f"profile {name!r}", f"must be a table: [profiles.{name}]")
        if unknown := [key for key in texts if key not in KEYS and (texts[key] or key not in table)]:
            keys = "" if nearest(unknown[0], KEYS) else f"; the keys are {', '.join(KEYS)}"
            told = _about_unknown(unknown[0], KEYS).replace("unknown", "Unknown", 1)
            raise UsageError(told + keys, remedy="Nothing was changed.")
        values = _values(path, name, {key: text for key, text in texts.items() if text}, table=table, home=home)
        tokens = [key for key in values if key in TOKEN_KEYS]
        replaced = tuple(key for key in TOKEN_KEYS if tokens and key in table and key not in texts)
        for key in (*texts, *replaced):
            if key not in values:
                table.pop(key, None)
        table.update(values)
        if len([key for key in TOKEN_KEYS if key in table]) > 1:
            raise UsageError(f"{' and '.join(tokens)} exclude each other", remedy="Nothing was changed. Give one.")
        return replaced


def _values(
    path: Path, name: str, texts: Mapping[str, str], *, table: Mapping[str, object], home: str | None
) -> dict[str, object]:
    """Return what would stand in the file for these texts, checked."""
    source = Source(path, name, home)
    if isinstance(country := (dict(table) | dict(texts)).get("country"), str):
        source = source._replace(country=country.upper())
    return {key: _value_of(KEYS[key], text, source) for key, text in texts.items()}


def _value_of(key: Key, text: str, source: Source) -> object:
    refusal: type[ExosmsError] = UsageError
    try:
        value = key.from_text(text)
        key.read(value, source)
    except WrongValueError as error:
        if isinstance(error.__cause__, InputError):  # about a number
            refusal = InputError
        said, remedy = f"profile {source.profile!r}: {key.name} {error}", error.remedy
    except ConfigError as error:
        said, remedy = error.message, error.remedy
    else:
        return value
    raise refusal(said, remedy=f"Nothing was changed. {remedy}".rstrip())


def already_there(name: str) -> GuardError:
    """The error for a name that is in use and must not be replaced."""
    return GuardError(
        f"The profile {name!r} already exists",
        remedy="Nothing was changed. Choose another name, or add --yes to replace it: settings that you do not"
        " give stay, but an account is replaced completely or not at all.",
    )


def remove_profile(path: Path, name: str) -> Removed:
    """Forget a profile. If it was the default, no other takes its place, unless only one is left.

    Raises ConfigError if there is none of that name.
    """
    with _edited(path) as document:
        tables = document.get("profiles", {})
        if name == BUILT_IN.name and name not in tables:
            raise ConfigError("The profile 'sandbox' is built in and cannot be removed")
        if name not in tables:
            raise _no_such_profile(name, Config(path=path, tables=tables), removing=True)
        was_default = _default_of(path, document) == name
        del tables[name]
        if document.get("default_profile") == name:
            del document["default_profile"]
        return Removed(was_default=was_default, default=_default_of(path, document))


def use_profile(path: Path, name: str) -> None:
    """Make a profile the default one; raises ConfigError if there is none of that name."""
    with _edited(path) as document:
        tables = document.get("profiles", {})
        if name != BUILT_IN.name and name not in tables:
            raise _no_such_profile(name, Config(path=path, tables=tables))
        document["default_profile"] = name


def is_name(name: str) -> bool:
    """Whether a profile can be stored under that name."""
    return name != BUILT_IN.name and _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raise ConfigError if no profile can be stored under that name."""
    if name == BUILT_IN.name:
        raise ConfigError("The name 'sandbox' is taken by the built-in profile", remedy="Choose another name.")
    if not is_name(name):
        raise ConfigError(
            f"{name!r} is not a valid profile name",
            remedy="Use at most 64 letters (a to z), digits, '-', '_' and '.'; do not begin with '-' or '.'.",
        )


# Reading.


def _default_of(path: Path, document: Mapping[str, Any]) -> str | None:
    """Return the profile used where none is named: ``default_profile``, or the only one there is."""
    tables = document.get("profiles", {})
    names = [name for name in tables if name != BUILT_IN.name] or list(tables)
    default = document.get("default_profile", names[0] if len(names) == 1 else None)
    if not isinstance(default, str | None):
        raise wrong(path, "default_profile", "must be the name of a profile in quotes")
    return default


def _edited(path: Path) -> AbstractContextManager[dict[str, Any]]:
    from exosms.system import toml_edit

    return toml_edit.edited(path, _FORMAT, check=_check_access)


def _check_access(path: Path, file: SmallFile) -> None:
    """Raise ConfigError if others can read our file, or change somebody else's (a mounted secret, say).

    Whoever can change the file chooses the address that key and token go to, and a program that we run.
    """
    if not file.content:  # nobody wrote a secret or an address there: /dev/null, which a chmod would break for all
        return
    is_ours = file.owner == os.geteuid()
    if is_ours and file.mode & 0o066:
        raise ConfigError(
            f"The configuration {path} contains secrets, and others can read or change it (mode {file.mode:04o})",
            remedy=f"Run: chmod 600 {for_shell(str(path))}",
        )
    if not is_ours and file.mode & 0o022:
        raise ConfigError(
            f"The configuration {path} can be changed by others (mode {file.mode:04o})",
            remedy=f"As its owner, run: chmod go-w {for_shell(str(path))}",
        )


def _no_such_profile(name: str, config: Config, *, removing: bool = False) -> NoSuchProfileError:
    there_are = f"the profiles are {', '.join(config.names)}" if config.names else "no profile is stored there"
    near = nearest(name, config.names if removing else (*config.names, BUILT_IN.name))
    add = f"Add it: exosms profile add {name if is_name(name) else 'NAME'}{flag_for(config.path, os.environ)}"
    remedy = f"Did you mean {near!r}?" if near else "" if removing else add
    return NoSuchProfileError(
        f"There is no profile {name!r} in {config.path}; {there_are}",
        remedy=f"Nothing was removed. {remedy}".strip() if removing else remedy,
    )


def _about_unknown(key: str, known: Iterable[str]) -> str:
    return f"unknown key {key!r}{did_you_mean(key, known)}"
