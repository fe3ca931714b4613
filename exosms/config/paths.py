"""Where the program keeps what is the user's: the configuration and the state."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from exosms.errors import ConfigError
from exosms.system.escaping import for_shell

_LINUX = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state"}
"""The defaults of the XDG Base Directory Specification."""


def config_path(flag: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return where the configuration is or would be: ``--config``, EXOSMS_CONFIG or the user's directory.

    None if nothing tells where that directory is.
    """
    if flag is not None:
        return flag
    if environ.get("EXOSMS_CONFIG"):
        return Path(environ["EXOSMS_CONFIG"])
    directory = _user_directory(environ, "XDG_CONFIG_HOME")
    return directory and directory / "config.toml"


def config_path_to_write(flag: Path | None, environ: Mapping[str, str]) -> Path:
    """Return ``config_path``; raises ConfigError if there is no place for it."""
    path = config_path(flag, environ)
    if path is None:
        raise ConfigError(
            "There is no home directory to keep the configuration in",
            remedy="Set HOME, or name a file with --config or EXOSMS_CONFIG.",
        )
    return path


def flag_for(path: Path | None, environ: Mapping[str, str]) -> str:
    """Return what a command says to use this configuration, with a blank before it; nothing for the usual one."""
    return "" if path in {None, config_path(None, environ)} else f" --config {for_shell(str(path))}"


def state_directory(environ: Mapping[str, str]) -> Path | None:
    """Return where the ledger lives: EXOSMS_STATE_DIR or the user's directory; None if nothing tells where."""
    if named := environ.get("EXOSMS_STATE_DIR"):
        # What cron and systemd set is expanded by no shell; each working directory would have once keys of its own.
        return expanded(named, environ.get("HOME"))
    return _user_directory(environ, "XDG_STATE_HOME")


def expanded(path: str, home: str | None) -> Path:
    """Return a path in which ``~`` at the beginning stands for the home, if there is one."""
    return Path(home, path[2:]) if home and (path == "~" or path.startswith("~/")) else Path(path)


def expanded_for_user(path: str) -> Path:
    """Return a path with the home that a shell would read in its ``~`` or ``~NAME``; as it is where there is none."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of Path raises RuntimeError for a user who is not there


def is_there(path: Path) -> bool:
    """Whether something is at a path; what cannot be looked at counts as there, so that opening it tells why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # no permission, a name that is too long
        return True
    return True


def is_file(path: Path) -> bool:
    """Whether a file is at a path, as far as we can see."""
    try:
        return path.is_file()
    except OSError:  # as above; any other text after an @ may be a path, too
        return False


def _user_directory(environ: Mapping[str, str], variable: str) -> Path | None:
    """Our directory of that kind, below a home that is there: none is made, as for `env -i` or a user without one.

    A relative XDG path is invalid (XDG Base Directory Specification).
    """
    named = environ.get(variable, "")
    if named.startswith("/"):
        return Path(named, "exosms")
    home = environ.get("HOME", "")
    if home.startswith("/") and not is_there(Path(home)):
        return None
    if sys.platform == "linux" and home.startswith("/"):  # what platformdirs would say, 3 ms of its import earlier
        return Path(home, _LINUX[variable], "exosms")
    from platformdirs import user_config_dir, user_state_dir

    find = user_config_dir if variable == "XDG_CONFIG_HOME" else user_state_dir
    try:
        path, is_home_there = Path(find("exosms", appauthor=False)), is_there(Path.home())
    except RuntimeError:  # how platformdirs 4.14 says that there is no home
        return None
    return path if path.is_absolute() and is_home_there else None  # older ones said so by a path that begins with ~
