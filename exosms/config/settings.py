"""Which settings a command works with: flag, environment, profile, default; and the source of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from exosms.config import config_file
from exosms.config.account import Account
from exosms.config.account_source import AccountChoice, AccountOptions, account_of, check_exists, choose
from exosms.config.credentials import TokenFile
from exosms.config.ledger_address import LedgerAddress
from exosms.config.paths import config_path, expanded, is_file, is_there, state_directory
from exosms.config.profile import ACCOUNT_KEYS, BUILT_IN, KEYS, Key, Source, read_value
from exosms.config.region import Region
from exosms.errors import ConfigError, InputError
from exosms.sms.rate import Rate

__all__ = ["Account", "AccountOptions", "Region", "SettingRow", "Settings", "describe", "resolve", "templates_path"]

DEFAULT_COUNTRY = "IN"
DEFAULT_RATE = Rate(200)
"""Exotel's limit for an account, unless another was arranged (Exotel's API documentation)."""
SANDBOX_SENDER = "EXOTEL"


class Settings(NamedTuple):
    """What a command works with."""

    profile: str | None
    """The profile's name; None if the account comes from the environment, or if there is none."""
    account: Account | None
    """None only where a dry run has none."""
    no_account: str
    """What a dry run is to tell of an account that was begun and is not whole; else empty."""
    sender: str | None
    dlt_entity_id: str | None
    country: str
    rate: Rate
    allow: frozenset[str] | None
    max_parts_per_day: int | None
    price_per_part: float | None
    callback_url: str | None
    """Where delivery callbacks go, without a final slash; a token follows it."""
    ledger: LedgerAddress | None
    """Of a ledger that other machines share; None is that of the state directory."""
    ledger_numbers: str
    """``hashed`` or ``full``: what a shared ledger keeps of recipients' numbers."""
    templates: Path | None
    """None where no configuration directory can be found."""
    state_dir: Path | None
    """None where no home can be found."""
    config: Path | None
    """The configuration file, whether it exists or not."""
    sources: Mapping[str, str]
    """Where each setting came from, by the names of ``describe``."""
    warnings: tuple[str, ...] = ()

    @property
    def own_account(self) -> Account:
        """The account, for whoever asked for settings that have one."""
        if self.account is None:
            raise AssertionError("resolve was not told that an account is needed")
        return self.account

    @property
    def is_sandbox(self) -> bool:
        """Whether the emulator in this process answers, so that nothing is sent."""
        return self.account is not None and self.account.is_sandbox


class SettingRow(NamedTuple):
    """One setting as ``profile show`` prints it; None is not set."""

    name: str
    value: str | None
    source: str


def resolve(options: AccountOptions, environ: Mapping[str, str], *, account_needed: bool = True) -> Settings:
    """Decide account and settings.

    Raises ConfigError if there is no complete account and one is needed, and, needed or not, if the profile that was
    named does not exist or what was configured is malformed or too open; UsageError if an option is malformed. No
    token is fetched, and a file that the account does not come from is not read.
    """
    env = {name: value for name, value in environ.items() if value}
    choice = choose(options, env)
    account, warnings, lack = account_of(options, env, choice, needed=account_needed)
    return _settings(options, env, choice, account=account, no_account=lack, warnings=warnings)


def ledger_of(options: AccountOptions, environ: Mapping[str, str]) -> LedgerAddress | None:
    """Return the address of the shared ledger, for whoever needs no account; a profile that is gone names none.

    Raises ConfigError for what cannot be read, and for any flaw where a profile names a ledger: it may be this one.
    """
    key, address = KEYS["ledger"], environ.get(KEYS["ledger"].variable)
    if address:
        found: LedgerAddress = read_value(key, address, Source(home=environ.get("HOME")))
        return found
    try:
        return resolve(options, environ, account_needed=False).ledger
    except config_file.NoSuchProfileError:
        return None
    except ConfigError:
        if _is_ledger_named(options.config, environ):
            raise
        return None


def _is_ledger_named(config: Path | None, environ: Mapping[str, str]) -> bool:
    """Whether a stored profile names a ledger, however flawed it is; raises ConfigError for what cannot be read."""
    if config is not None:
        check_exists(config)
    path = config_path(config, environ)
    return path is not None and config_file.read(path).is_ledger_named


def shared_ledgers(
    config: Path | None, environ: Mapping[str, str], warn: Callable[[str], None]
) -> Sequence[LedgerAddress]:
    """Return every shared ledger that the environment or a profile names.

    ``warn`` is told of profiles that are flawed. Raises ConfigError for a malformed variable, and for a file that
    cannot be read or was named and is not there.
    """
    if config is not None:
        check_exists(config)
    path = config_path(config, environ)
    stored = config_file.read(path, home=environ.get("HOME")) if path else None
    flawed = stored.flawed if stored else {}
    for name, error in flawed.items():
        warn(f"the profile {name} is left out: {error.message}")
    given = [stored.profile(name).ledger for name in stored.names if name not in flawed] if stored else []
    if environ.get("EXOSMS_LEDGER"):
        given.append(ledger_of(AccountOptions(), environ))
    return [*{address.url: address for address in given if address is not None}.values()]


def own_files(options: AccountOptions, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Yield what is read beside messages, whichever profile names it, with its path.

    Of a configuration that cannot be read only itself is known; a pipe is not read, since that would empty it.
    """
    if options.templates:
        yield "templates", options.templates
    for what, key in (("templates", "templates"), ("token", "token_file")):
        if named := environ.get(KEYS[key].variable):
            yield what, expanded(named, environ.get("HOME"))
    path = config_path(options.config, environ)
    if path is None:
        return
    yield "configuration", path
    yield "templates", path.parent / "templates.toml"
    if not is_file(path):
        return
    with suppress(ConfigError):
        stored = config_file.read(path, home=environ.get("HOME"))
        flawed = stored.flawed
        for profile in [stored.profile(name) for name in stored.names if name not in flawed]:
            if profile.templates:
                yield "templates", profile.templates
            if isinstance(profile.token, TokenFile):
                yield "token", profile.token.path


def describe(settings: Settings) -> tuple[SettingRow, ...]:
    """Return every setting with its source, for people: no token, and of a key at most its ends."""
    account = settings.account
    values: dict[str, object] = {"config": settings.config, "profile": settings.profile}
    if account is not None:
        values |= {
            "region": account.region,
            "base_url": account.base_url or None,
            "account_sid": account.sid,
            "api_key": None if account.is_sandbox else account.key.mask(ends=2),
            "api_token": None if account.is_sandbox else _masked_token(account.token.label, settings),
        }
    values |= {key.name: getattr(settings, key.field) for key in _KEYS}
    return tuple(
        SettingRow(name, None if value is None else _shown(value), settings.sources.get(name, ""))
        for name, value in values.items()
    )


def templates_path(settings: Settings, *, must_exist: bool = True) -> Path:
    """Return where the templates are; raises ConfigError for nowhere, and InputError for a wrong option."""
    path = settings.templates
    if path is None:
        raise ConfigError(
            "There is no home directory to look for templates in",
            remedy="Name a file with --templates or EXOSMS_TEMPLATES.",
        )
    if must_exist and settings.sources.get("templates") == "--templates" and not is_there(path):
        raise InputError(f"The templates {path} do not exist", remedy="Check --templates.")
    return path


def _shown(value: object) -> str:
    return (", ".join(sorted(value)) or "nobody") if isinstance(value, frozenset) else str(value)


def _as_given(value: object, _source: Source) -> Path:
    return Path(str(value))


_KEYS = (
    *(key for key in KEYS.values() if key.name not in ACCOUNT_KEYS),
    Key("state_dir", "state_dir", _as_given, variable="EXOSMS_STATE_DIR"),
    Key("config", "config", _as_given, variable="EXOSMS_CONFIG"),
)
"""The settings beside the account. A flag sets those that ``AccountOptions`` has a field for."""


def _settings(
    options: AccountOptions,
    env: Mapping[str, str],
    choice: AccountChoice,
    *,
    account: Account | None,
    no_account: str,
    warnings: tuple[str, ...],
) -> Settings:
    sandbox = account is not None and account.is_sandbox
    defaults = {
        "from": SANDBOX_SENDER if sandbox else None,
        "country": DEFAULT_COUNTRY,
        "rate": DEFAULT_RATE,
        "ledger_numbers": "hashed",
        "templates": None if choice.config is None else choice.config.parent / "templates.toml",
        "state_dir": state_directory(env),
        "config": choice.config,
    }
    country = (choice.profile and choice.profile.country) or DEFAULT_COUNTRY
    texts = Source(home=env.get("HOME"), country=country)
    found: dict[str, tuple[Any, str]] = {}
    for key in _KEYS:
        value, source = _of_command(key, options, env, texts)
        if value is None and sandbox and key.name == "rate":
            value, source = Rate(0), "sandbox"
        if value is None:
            value, source = getattr(choice.profile, key.field, None), choice.source
        found[key.name] = (value, source) if value is not None else (defaults.get(key.name), "default")
    profile, named_by = (choice.profile.name, choice.named_by or "default") if choice.profile else (None, "")
    if account and sandbox and profile is None:
        profile, named_by = BUILT_IN.name, account.source
    sources = {name: source for name, (value, source) in found.items() if value is not None}
    return Settings(
        profile=profile,
        account=account,
        no_account=no_account,
        **{key.field: found[key.name][0] for key in _KEYS},
        warnings=warnings,
        sources={**sources, **_sources_of(account), **({"profile": named_by} if profile else {})},
    )


def _of_command(key: Key, options: AccountOptions, env: Mapping[str, str], texts: Source) -> tuple[Any, str]:
    """Return what a flag or a variable says, and its name."""
    flag = getattr(options, key.field, None)
    if flag is not None:
        return flag, f"--{key.name.replace('_', '-')}"
    return (read_value(key, env[key.variable], texts) if key.variable in env else None), key.variable


def _masked_token(label: str, settings: Settings) -> str:
    """Return a mask, with the token's place where that is not its source anyway."""
    return "********" if label == settings.sources.get("api_token") else f"******** ({label})"


def _sources_of(account: Account | None) -> dict[str, str]:
    """Where each part of the account came from: one place, but for an address that a flag set."""
    if account is None:
        return {}
    names = {"account_sid": "EXOTEL_ACCOUNT_SID", "api_key": "EXOTEL_API_KEY", "api_token": account.token.label}
    address = {"region": account.address_source, "base_url": account.address_source}
    return address | (names if account.source == "environment" else dict.fromkeys(names, account.source))
