"""Which settings a command works with: flag, environment, profile, default; and the source of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from exosms.config.account import Account, Region, parse_base_url, parse_region
from exosms.config.account_source import AccountChoice, AccountOptions, account_of, choose
from exosms.config.paths import state_directory
from exosms.config.profile import BUILT_IN, Profile, WrongValueError, parse_allow
from exosms.errors import ConfigError
from exosms.sms.rate import Rate

__all__ = [
    "Account",
    "AccountOptions",
    "Region",
    "SettingRow",
    "Settings",
    "describe",
    "parse_base_url",
    "parse_region",
    "resolve",
]

T = TypeVar("T")

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
            "api_token": None if account.is_sandbox else f"******** ({account.token.label})",
        }
    values |= {
        "from": settings.sender,
        "dlt_entity_id": settings.dlt_entity_id,
        "country": settings.country,
        "rate": f"{settings.rate.per_minute}/min" if settings.rate.per_minute else "off",
        "allow": None if settings.allow is None else ", ".join(sorted(settings.allow)) or "nobody",
        "max_parts_per_day": settings.max_parts_per_day,
        "price_per_part": settings.price_per_part,
        "templates": settings.templates,
        "state_dir": settings.state_dir,
    }
    return tuple(
        SettingRow(name, None if value is None else str(value), settings.sources.get(name, ""))
        for name, value in values.items()
    )


class _Origins:
    """Picks the first value that is there, and remembers where it was."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def pick(self, name: str, *offers: tuple[T | None, str]) -> T | None:
        for value, source in offers:
            if value is not None:
                self.sources[name] = source
                return value
        return None

    def pick_or(self, name: str, default: T, *offers: tuple[T | None, str]) -> T:
        value = self.pick(name, *offers)
        if value is not None:
            return value
        self.sources[name] = "default"
        return default


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
    profile, source = choice.profile or Profile(name=""), choice.source
    origins = _Origins()
    templates = None if choice.config is None else choice.config.parent / "templates.toml"
    return Settings(
        profile=origins.pick(
            "profile",
            (choice.profile.name if choice.profile else None, choice.named_by or "default"),
            (BUILT_IN.name if sandbox else None, account.source if account else ""),
        ),
        account=account,
        no_account=no_account,
        sender=origins.pick(
            "from",
            (options.sender, "--from"),
            (env.get("EXOTEL_FROM"), "EXOTEL_FROM"),
            (profile.sender, source),
            (SANDBOX_SENDER if sandbox else None, "default"),
        ),
        dlt_entity_id=origins.pick(
            "dlt_entity_id",
            (options.dlt_entity_id, "--dlt-entity-id"),
            (env.get("EXOTEL_DLT_ENTITY_ID"), "EXOTEL_DLT_ENTITY_ID"),
            (profile.dlt_entity_id, source),
        ),
        country=origins.pick_or("country", DEFAULT_COUNTRY, (profile.country, source)),
        rate=origins.pick_or(
            "rate",
            DEFAULT_RATE,
            (options.rate, "--rate"),
            (Rate(0) if sandbox else None, "sandbox"),
            (profile.rate, source),
        ),
        allow=origins.pick(
            "allow",
            (_allow_from(env, country=profile.country or DEFAULT_COUNTRY), "EXOSMS_ALLOW"),
            (profile.allow, source),
        ),
        max_parts_per_day=origins.pick("max_parts_per_day", (profile.max_parts_per_day, source)),
        price_per_part=origins.pick("price_per_part", (profile.price_per_part, source)),
        templates=origins.pick(
            "templates",
            (options.templates, "--templates"),
            (_path_from(env, "EXOSMS_TEMPLATES"), "EXOSMS_TEMPLATES"),
            (profile.templates, source),
            (templates, "default"),
        ),
        state_dir=origins.pick(
            "state_dir",
            (_path_from(env, "EXOSMS_STATE_DIR"), "EXOSMS_STATE_DIR"),
            (state_directory(env), "default"),
        ),
        config=origins.pick(
            "config",
            (options.config, "--config"),
            (_path_from(env, "EXOSMS_CONFIG"), "EXOSMS_CONFIG"),
            (choice.config, "default"),
        ),
        warnings=warnings,
        sources=origins.sources | _sources_of(account),
    )


def _sources_of(account: Account | None) -> dict[str, str]:
    """Where each part of the account came from: one place, but for an address that a flag set."""
    if account is None:
        return {}
    names = {"account_sid": "EXOTEL_ACCOUNT_SID", "api_key": "EXOTEL_API_KEY", "api_token": account.token.label}
    address = {"region": account.address_source, "base_url": account.address_source}
    return address | (names if account.source == "environment" else dict.fromkeys(names, account.source))


def _path_from(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]) if name in env else None


def _allow_from(env: Mapping[str, str], *, country: str) -> frozenset[str] | None:
    """The numbers in EXOSMS_ALLOW; one that names nobody is a slip, not a permission to text everybody."""
    if "EXOSMS_ALLOW" not in env:
        return None
    flaw = "contains no number"
    try:
        numbers = parse_allow((item for item in env["EXOSMS_ALLOW"].split(",") if item.strip()), country=country)
    except WrongValueError as error:
        flaw, numbers = str(error), frozenset()
    if not numbers:
        raise ConfigError(f"EXOSMS_ALLOW {flaw}", remedy="Write numbers separated by commas, or unset it.")
    return numbers
