"""One ``[profiles.NAME]`` table of ``config.toml``: its keys and their types, read and written."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from exosms.config.account import Region, parse_base_url, parse_region, sid_problem
from exosms.config.credentials import (
    InlineToken,
    Secret,
    TokenCommand,
    TokenFile,
    TokenSource,
    key_problem,
    token_problem,
)
from exosms.errors import ConfigError, InputError
from exosms.sms.rate import Rate

T = TypeVar("T")

TOKEN_KEYS = ("api_token", "token_command", "token_file")
ACCOUNT_KEYS = ("region", "base_url", "account_sid", "api_key", *TOKEN_KEYS)
KEYS = (
    *ACCOUNT_KEYS,
    "from",
    "dlt_entity_id",
    "country",
    "rate",
    "allow",
    "max_parts_per_day",
    "price_per_part",
    "templates",
)
_TYPE_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list"}


class Profile(NamedTuple):
    """One stored account, with what goes with it; None is what it does not say."""

    name: str
    region: Region | None = None
    base_url: str | None = None
    account_sid: str | None = None
    api_key: Secret | None = None
    token: TokenSource | None = None
    sender: str | None = None
    dlt_entity_id: str | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2, such as ``IN``: how numbers without ``+`` are read."""
    rate: Rate | None = None
    allow: frozenset[str] | None = None
    """E.164; nobody else can be texted."""
    max_parts_per_day: int | None = None
    price_per_part: float | None = None
    templates: Path | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys without which no request can be made; the sandbox needs none."""
        if self.region is Region.SANDBOX:
            return ()
        needed = {
            "region": self.region or self.base_url,
            "account_sid": self.account_sid,
            "api_key": self.api_key,
            "api_token": self.token,
        }
        return tuple(key for key, value in needed.items() if value is None)


BUILT_IN = Profile(name="sandbox", region=Region.SANDBOX)
"""The profile that every installation has; none can be stored under its name."""


def wrong(path: Path, what: str, must: str) -> ConfigError:
    """The error about one key of the file, which says what its value must be and never what it is."""
    return ConfigError(f"{path}: {what} {must}", remedy=f"Fix it in {path}.")


class WrongValueError(Exception):
    """What a key's value must be, in words that fit behind its name; the value itself may be secret."""


def read_profile(name: str, table: Mapping[str, object], *, path: Path, home: str | None) -> Profile:
    """Check a profile's table, type by type."""

    def take(key: str, reader: Callable[[object], T]) -> T | None:
        if key not in table:
            return None
        flaw = ""
        try:
            return reader(table[key])
        except WrongValueError as error:
            flaw = str(error)
        raise wrong(path, f"profile {name!r}: {key}", flaw)

    def a_path(value: object) -> Path:
        return expand(_text(value), home=home, beside=path.parent)

    tokens: Mapping[str, Callable[[object], TokenSource]] = {
        "api_token": lambda value: InlineToken(_token(value), f"api_token of profile {name!r}"),
        "token_command": lambda value: TokenCommand(_words(value)),
        "token_file": lambda value: TokenFile(a_path(value)),
    }
    country = take("country", _country)
    given = [key for key in TOKEN_KEYS if key in table]
    if len(given) > 1:
        raise wrong(path, f"profile {name!r}", f"has {' and '.join(given)}: keep one of them")
    return Profile(
        name=name,
        region=take("region", _by(parse_region)),
        base_url=take("base_url", _by(parse_base_url)),
        account_sid=take("account_sid", _sid),
        api_key=take("api_key", _key),
        token=take(given[0], tokens[given[0]]) if given else None,
        sender=take("from", _text),
        dlt_entity_id=take("dlt_entity_id", _text),
        country=country,
        rate=take("rate", _rate),
        allow=take("allow", lambda value: parse_allow(_texts(value), country=country or "IN")),
        max_parts_per_day=take("max_parts_per_day", _count),
        price_per_part=take("price_per_part", _price),
        templates=take("templates", a_path),
    )


def parse_allow(numbers: Iterable[str], *, country: str = "IN") -> frozenset[str]:
    """Return the numbers of an allow list in E.164, read as ``--to`` reads them.

    Raises WrongValueError naming one that is none.
    """
    from exosms.sms.phone import parse

    try:
        return frozenset(parse(number, country=country) for number in numbers)
    except InputError as error:
        raise WrongValueError(f"contains something that is not a phone number: {error.message}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"must be text in quotes, not {_TYPE_NAMES.get(type(value), 'a table or a date')}")
    if not value:
        raise WrongValueError("is empty: fill it in or leave the key out")
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise WrongValueError("contains a control character or a byte that is not UTF-8")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise WrongValueError(f"must be a list of texts in quotes, not {_TYPE_NAMES.get(type(value), 'a table')}")
    return tuple(_text(item) for item in value)


def _words(value: object) -> tuple[str, ...]:
    """A command: its arguments may be empty and hold line breaks, the program may not."""
    if not isinstance(value, list) or not value or not all(_is_word(word) for word in value):
        raise WrongValueError('must be a list of texts in quotes, such as ["pass", "show", "exotel"]')
    return (_text(value[0]), *value[1:])


def _is_word(value: object) -> bool:
    return isinstance(value, str) and not any(c == "\0" or 0xD800 <= ord(c) < 0xE000 for c in value)


def _sid(value: object) -> str:
    return _without_problem(_text(value), sid_problem)


def _key(value: object) -> Secret:
    return Secret(_without_problem(_text(value), key_problem))


def _token(value: object) -> Secret:
    return Secret(_without_problem(_text(value), token_problem))


def _without_problem(text: str, flaw_of: Callable[[str], str | None]) -> str:
    flaw = flaw_of(text)
    if flaw:
        raise WrongValueError(flaw)
    return text


def _country(value: object) -> str:
    text = _text(value).upper()
    if not re.fullmatch(r"[A-Z]{2}", text, re.ASCII):
        raise WrongValueError('must be the two letters of a country, such as "IN"')
    return text


def _rate(value: object) -> Rate:
    text = _text(value)
    with suppress(ValueError):
        return Rate.parse(text)
    raise WrongValueError(f"must be off or a rate such as 200/min, not {text!r}")


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise WrongValueError("must be a whole number, 0 or more")
    return value


def _price(value: object) -> float:
    if type(value) not in {int, float} or not 0 <= float(str(value)) < float("inf"):
        raise WrongValueError("must be a number, 0 or more")
    return float(str(value))


def _by(parse: Callable[[str], T]) -> Callable[[object], T]:
    """A reader from a parser whose ConfigError is a whole sentence, which goes behind the key's name."""

    def reader(value: object) -> T:
        text, flaw = _text(value), ""
        try:
            return parse(text)
        except ConfigError as error:
            flaw = error.message
        raise WrongValueError(f"cannot be used. {flaw}")

    return reader


def expand(path: str, *, home: str | None, beside: Path) -> Path:
    """Return the path that a setting means: ``~/`` is the home, and a relative one lies ``beside`` the file."""
    if home and (path == "~" or path.startswith("~/")):
        return Path(home, path[2:])
    return beside / path


def table_of(profile: Profile) -> dict[str, Any]:
    """Return the profile as it stands in the file; paths become absolute, since it may lie elsewhere."""
    token: dict[str, Any] = {}
    match profile.token:
        case InlineToken(token=secret):
            token = {"api_token": secret.reveal()}
        case TokenFile(path=path):
            token = {"token_file": str(path.absolute())}
        case TokenCommand(argv=argv):
            token = {"token_command": list(argv)}
        case _:
            pass
    table = {
        "region": profile.region and profile.region.value,
        "base_url": profile.base_url,
        "account_sid": profile.account_sid,
        "api_key": profile.api_key and profile.api_key.reveal(),
        **token,
        "from": profile.sender,
        "dlt_entity_id": profile.dlt_entity_id,
        "country": profile.country,
        "rate": profile.rate and (f"{profile.rate.per_minute}/min" if profile.rate.per_minute else "off"),
        "allow": None if profile.allow is None else sorted(profile.allow),
        "max_parts_per_day": profile.max_parts_per_day,
        "price_per_part": profile.price_per_part,
        "templates": profile.templates and str(profile.templates.absolute()),
    }
    return {key: value for key, value in table.items() if value is not None}
