"""``exosms profile set``: keys of a stored profile, each checked before it is written."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.profile_form import token_from_stdin
from exosms.cli.prompts import answered
from exosms.config import config_file, paths
from exosms.config.credentials import TokenFile
from exosms.config.ledger_address import parse_ledger_address
from exosms.config.region import Region
from exosms.errors import ConfigError, ExitCode, UsageError
from exosms.sms.dlt import check_ids, check_sender
from exosms.system.signals import Interrupts

Name = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=completion_values.profiles, help="The profile's name.")
]


def set_keys(
    *,
    name: Name,
    pairs: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            autocompletion=completion_values.profile_keys,
            help="A key of config.toml and its value; KEY= removes it.",
        ),
    ],
    config: Path | None = None,
    out: o.QuietPrinter,
) -> int:
    """Set keys of a stored profile, or remove them; the rest of the file stays as it is.

    `exosms help configuration` has the keys. allow is a list with commas, token_command a command line; api_token=-
    reads the token from standard input. Paths are relative to config.toml.

    exosms profile set prod rate=100/min max_parts_per_day=5000

    exosms profile set staging allow=+919876543210,+919876543211 from=
    """
    texts = _texts(pairs)
    _check_country(texts.get("country"))
    doubts = [
        *(check_sender(texts["from"]) if texts.get("from") else ()),
        *check_ids(texts.get("dlt_entity_id") or None, None),
    ]
    if texts.get("api_token") == "-":
        texts["api_token"] = _asked() if sys.stdin.isatty() else token_from_stdin("api_token=-")
    file = paths.config_path_to_write(config, os.environ)
    replaced = config_file.change_profile(file, name, texts, home=os.environ.get("HOME"))
    given = [f"{key} {'set' if value else 'removed'}" for key, value in texts.items()]
    given += [f"{key} removed" for key in replaced]
    out.done(name, f"{', '.join(given)} in {file}", profile=name)
    for doubt in (*doubts, *_doubts(file, name, texts)):
        out.warn(doubt)
    return ExitCode.OK


def _texts(pairs: Sequence[str]) -> dict[str, str]:
    """Return the values by their keys; raises UsageError, which repeats no value: it may be secret."""
    texts: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(
                f"Argument {1 + pairs.index(pair)} behind the name is not KEY=VALUE",
                remedy="Write it as in rate=100/min; `exosms help configuration` has the keys.",
            )
        if key in texts:
            raise UsageError(f"{key} is given twice", remedy="Give it once.")
        texts[key] = value
    if texts.get("api_token", "-") not in {"", "-"}:
        raise UsageError(
            "A token is not taken from the command line, where others can see it",
            remedy="Pipe it in: pass show exotel | exosms profile set NAME api_token=-, or name its place with"
            " token_file= or token_command=.",
        )
    with suppress(ConfigError):  # which is told with the other keys
        if parse_ledger_address(texts.get("ledger", "")).holds_password:
            raise UsageError(
                "A password is not taken from the command line, where others can see it",
                remedy="Leave it out of ledger=, and put it into PGPASSWORD or ~/.pgpass; or edit config.toml.",
            )
    return texts


def _check_country(text: str | None) -> None:
    """Raise UsageError for one that there is not: no number could be read."""
    from exosms.sms.phone import is_country

    if text and len(text) == 2 and not is_country(text.upper()):  # another length is told with the other keys
        raise UsageError(f"country: there is no country {text!r}", remedy='Nothing was changed. Write it as in "IN".')


def _asked() -> str:
    """Return the token that a person types, which a terminal must not show."""
    interrupts = Interrupts()
    with interrupts.installed(), interrupts.at_once():
        while (token := answered("API token (not shown)", hidden=True)) == "":  # which would remove the one there is
            pass
    if token is None:
        raise ConfigError("No API token was given", remedy="Nothing was changed.")
    return token


def _doubts(file: Path, name: str, texts: dict[str, str]) -> list[str]:
    """Return what is wrong with the profile as it is now, and what was set without any effect."""
    config = config_file.read(file, home=os.environ.get("HOME"))
    if flaw := config.flawed.get(name):
        return [f"the profile cannot be used yet: {flaw.message}"]
    profile = config.profile(name)
    doubts: list[str] = []
    if texts.get("region") and profile.base_url and profile.region is not Region.SANDBOX:
        doubts.append(
            f"the profile has a base_url, which counts; to use the region: exosms profile set {name} base_url="
        )
    if texts.get("base_url") and profile.region is Region.SANDBOX:
        doubts.append("the profile's region is the sandbox, which stays the sandbox; set region= to use the base_url")
    if texts.get("token_file") and isinstance(profile.token, TokenFile):
        doubts += profile.token.problems()
    if profile.missing and profile.region is not Region.SANDBOX:
        doubts.append(f"the profile cannot be used yet: it lacks {', '.join(profile.missing)}")
    return doubts
