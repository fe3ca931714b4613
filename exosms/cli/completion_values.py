"""What a shell offers for a value: words, and the names of profiles, groups, templates and runs.

Nothing here touches the network, waits, writes or complains: what cannot be read offers nothing.
"""

import errno
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from exosms.errors import ExosmsError

_PLAIN = re.compile(r"[^\s!\"#$&'()*:;<=>?\[\\\]^`{|}~-][^\s!\"#$&'()*:;<=>?\[\\\]^`{|}~]*")
"""Names that no shell wants quoted: a file of templates may be a stranger's."""

Offer = Callable[[typer.Context], list[str]]


def words(*offered: str) -> Callable[[], list[str]]:
    """Return what offers these words."""
    return lambda: list(offered)


def _names(find: Callable[[typer.Context], Iterable[str]]) -> Offer:
    def names(ctx: typer.Context) -> list[str]:
        from exosms.system.escaping import printable

        try:
            return [name for name in find(ctx) if _PLAIN.fullmatch(name) and name == printable(name)]
        except (ExosmsError, OSError):
            return []

    return names


@_names
def profiles(ctx: typer.Context) -> Iterable[str]:
    """Offer the stored profiles, and the built-in one."""
    from exosms.config import config_file

    config = _config(ctx)
    return [*(config_file.read(config, home=os.environ.get("HOME")).names if config else ()), "sandbox"]


def profile_keys() -> list[str]:
    """Offer the keys of a profile, to be followed by a value."""
    from exosms.config.profile import KEYS

    return [f"{key}=" for key in KEYS]


@_names
def groups(ctx: typer.Context) -> Iterable[str]:
    """Offer the groups of recipients, as they stand in a list of them."""
    from exosms.config import groups

    found = groups.read(_config(ctx))
    return [f"@{name}" for name in found.names if "," not in name]


@_names
def templates(ctx: typer.Context) -> Iterable[str]:
    """Offer the templates of the settings as far as the line says them."""
    from exosms.config.settings import AccountOptions, resolve
    from exosms.templates import registry

    _config(ctx)  # not one that keeps its readers waiting
    said = ctx.params.get
    options = AccountOptions(
        profile=said("profile"), config=_path(said("config")), templates=_path(said("templates"))
    )
    path = _regular(resolve(options, os.environ, account_needed=False).templates)
    return registry.load(path).get("templates", {}) if path else ()


@_names
def runs(_ctx: typer.Context) -> Iterable[str]:
    """Offer the runs of this state directory, the newest first."""
    from exosms.config import paths
    from exosms.ledger import runs

    directory = paths.state_directory(os.environ)
    ledger = _regular(directory and directory / "ledger.db")
    return runs.names_of_runs(ledger) if ledger else ()


def _config(ctx: typer.Context) -> Path | None:
    from exosms.config import paths

    return _regular(paths.config_path(_path(ctx.params.get("config")), os.environ))


def _path(named: object) -> Path | None:
    """Return a path as it stands on a line that no shell has read yet."""
    from exosms.config import paths

    return paths.expanded_for_user(str(named)) if named else None


def _regular(path: Path | None) -> Path | None:
    """Return the path if a file is there; raises OSError for what keeps its readers waiting, such as a pipe."""
    if path is None or not path.exists():
        return None
    if not path.is_file():
        raise OSError(errno.EINVAL, "no file", str(path))
    return path
