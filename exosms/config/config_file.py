"""``config.toml``: read and checked, or changed in one step that no crash and no other process can halve."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from exosms.config.credentials import read_small
from exosms.config.profile import ACCOUNT_KEYS, BUILT_IN, KEYS, Profile, read_profile, table_of, wrong
from exosms.errors import ConfigError, GuardError
from exosms.system.files import alone, replace
from exosms.system.toml import loads

VERSION = 1
"""The format's version; a file of a later one is refused."""

_LARGEST = 1024 * 1024
"""Bytes; a file of a thousand profiles has a quarter of that."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")


class Config(NamedTuple):
    """What ``config.toml`` says.

    Each profile is checked when it is taken, so that one in use is never stopped by a slip in another.
    """

    path: Path
    tables: Mapping[str, Mapping[str, object]]
    default: str | None = None
    """The profile used where none is named: ``default_profile``, or the only one there is."""
    warnings: tuple[str, ...] = ()
    home: str | None = None

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
        return read_profile(name, self.tables[name], path=self.path, home=self.home)

    def unknown_keys(self, name: str) -> tuple[str, ...]:
        """Return a clause about each key of that profile that means nothing, with the nearest that does."""
        return tuple(_about_unknown(key, KEYS) for key in self.tables.get(name, ()) if key not in KEYS)


def read(path: Path, *, home: str | None = None, euid: int | None = None) -> Config:
    """Read the file; one that is not there holds no profiles.

    ``home`` is what ``~`` stands for in it, ``euid`` whose file counts as ours (by default this process's user).
    Raises ConfigError, which never quotes the file.
    """
    document = _load(path, euid=os.geteuid() if euid is None else euid)
    tables = document.get("profiles", {})
    default = document.get("default_profile")
    if default is None and len(tables) == 1:
        default = next(iter(tables))
    known = ("version", "default_profile", "profiles")
    warnings = [f"{path}: {_about_unknown(key, known)}" for key in document if key not in known]
    if BUILT_IN.name in tables:
        warnings.append(f"{path}: the profile 'sandbox' is built in; what the file says about it is ignored")
    return Config(path=path, default=default, warnings=tuple(warnings), home=home, tables=tables)


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
        if not tables:
            document.setdefault("default_profile", profile.name)
        replaced = ACCOUNT_KEYS if table.keys() & set(ACCOUNT_KEYS) else ()
        kept = {key: value for key, value in (before or {}).items() if key not in replaced}
        tables[profile.name] = kept | table
        return document.get("default_profile") == profile.name


def already_there(name: str) -> GuardError:
    """The error for a name that is in use and must not be replaced."""
    return GuardError(
        f"The profile {name!r} already exists",
        remedy="Nothing was changed. Choose another name, or add --yes to replace it: settings that you do not"
        " give stay, but an account is replaced completely or not at all.",
    )


def remove_profile(path: Path, name: str) -> None:
    """Forget a profile. If it was the default, no other takes its place, unless only one is left.

    Raises ConfigError if there is none of that name.
    """
    with _edited(path) as document:
        tables = document.get("profiles", {})
        if name == BUILT_IN.name and name not in tables:
            raise ConfigError("The profile 'sandbox' is built in and cannot be removed")
        if name not in tables:
            raise _nothing_to_remove(name, Config(path=path, tables=tables))
        del tables[name]
        if document.get("default_profile") == name:
            del document["default_profile"]


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


def _load(path: Path, *, euid: int) -> dict[str, Any]:
    try:
        file = read_small(path, limit=_LARGEST)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error.strerror}") from error
    _check_access(path, owner=file.owner, mode=file.mode, euid=euid)
    document = _parse(path, file.content)
    _check_document(path, document)
    return document


def _check_access(path: Path, *, owner: int, mode: int, euid: int) -> None:
    """Raise ConfigError if others can read our file, or change somebody else's (a mounted secret, say).

    Whoever can change the file chooses the address that key and token go to, and a program that we run.
    """
    from shlex import quote

    if owner == euid and mode & 0o066:
        raise ConfigError(
            f"The configuration {path} contains secrets, and others can read or change it (mode {mode:04o})",
            remedy=f"Run: chmod 600 {quote(str(path))}",
        )
    if owner != euid and mode & 0o022:
        raise ConfigError(
            f"The configuration {path} can be changed by others (mode {mode:04o})",
            remedy=f"As its owner, run: chmod go-w {quote(str(path))}",
        )


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    """Return the TOML document. The parser's own words may quote the file, so they are neither shown nor chained."""
    import tomllib

    flaw = "it is not TOML"
    try:
        return loads(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        flaw = f"line {line} is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        position = _POSITION.search(str(error))
        end = f"the end, line {len(content.splitlines())}"
        flaw = f"it is not TOML at {f'line {position[1]}, column {position[2]}' if position else end}"
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets a thousand deep
        flaw = "it contains a number that is too long or a value nested too deep"
    raise ConfigError(
        f"The configuration {path} cannot be read: {flaw}", remedy="Fix it there; write text in double quotes."
    )


def _check_document(path: Path, document: Mapping[str, object]) -> None:
    version = document.get("version", VERSION)
    if type(version) is not int or version < 1:
        raise wrong(path, "version", "must be the whole number 1")
    if version > VERSION:
        raise ConfigError(
            f"The configuration {path} has version {version}, and this exosms knows only {VERSION}",
            remedy="Upgrade exosms.",
        )
    if not isinstance(document.get("default_profile", ""), str):
        raise wrong(path, "default_profile", "must be the name of a profile in quotes")
    tables = document.get("profiles", {})
    if not isinstance(tables, dict):
        raise wrong(path, "profiles", "must be tables such as [profiles.prod]")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise wrong(path, f"profile {name!r}", f"must be a table: [profiles.{name}]")


def _no_such_profile(name: str, config: Config) -> ConfigError:
    nearest = _nearest(name, (*config.names, BUILT_IN.name))
    return ConfigError(
        _not_there(name, config),
        remedy=f"Did you mean {nearest!r}?" if nearest else f"Add it: exosms profile add {_addable(name)}",
    )


def _nothing_to_remove(name: str, config: Config) -> ConfigError:
    nearest = _nearest(name, config.names)
    return ConfigError(
        _not_there(name, config),
        remedy=f"Nothing was removed. Did you mean {nearest!r}?" if nearest else "Nothing was removed.",
    )


def _not_there(name: str, config: Config) -> str:
    there_are = f"the profiles are {', '.join(config.names)}" if config.names else "no profile is stored there"
    return f"There is no profile {name!r} in {config.path}; {there_are}"


def _addable(name: str) -> str:
    return name if is_name(name) else "NAME"


def _about_unknown(key: str, known: Iterable[str]) -> str:
    nearest = _nearest(key, known)
    return f"unknown key {key!r}" + (f"; did you mean {nearest!r}?" if nearest else "")


def _nearest(word: str, words: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(words), n=1)), None)


# Writing.


@contextmanager
def _edited(path: Path) -> Iterator[dict[str, Any]]:
    """Lend the document to be changed in place, then write it; nobody else changes it meanwhile.

    A symbolic link stays one: what it points to is replaced.
    """
    target = Path(os.path.realpath(path))
    try:
        _make_private(target.parent)
        with alone(target):
            document = _load(target, euid=os.geteuid()) or {"version": VERSION}
            yield document
            import tomli_w

            replace(target, tomli_w.dumps(document).encode(), mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"The configuration {path} cannot be written: {error.strerror}",
            remedy="Nothing was changed. Fix the permissions, free some disk space or use another --config.",
        ) from error


def _make_private(directory: Path) -> None:
    """Create the directory and those above it for us alone, whatever the umask; one that exists stays as it is."""
    if directory.is_dir() or directory == directory.parent:
        return
    _make_private(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)
