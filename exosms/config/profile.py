"""One ``[profiles.NAME]`` table of ``config.toml``: its keys and their types, read and written."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from exosms.config.account import parse_base_url, parse_callback_url, sid_problem
from exosms.config.credentials import (
    InlineToken,
    Secret,
    TokenCommand,
    TokenFile,
    TokenSource,
    key_problem,
    split_command,
    token_problem,
)
from exosms.config.ledger_address import LedgerAddress, parse_ledger_address
from exosms.config.paths import expanded
from exosms.config.region import Region, parse_region
from exosms.errors import ConfigError, InputError
from exosms.sms.rate import Rate

T = TypeVar("T")

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
    callback_url: str | None = None
    ledger: LedgerAddress | None = None
    """Of a ledger that other machines share; None is that of this machine."""
    ledger_numbers: str | None = None
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


class Source(NamedTuple):
    """Where values stand: in a profile's table or, as texts, in the environment."""

    path: Path | None = None
    """The file; None for the environment."""
    profile: str = ""
    home: str | None = None
    country: str = "IN"

    def wrong(self, key: "Key", error: "WrongValueError") -> ConfigError:
        """Return the error about a key, which says what its value must be and never what it is."""
        if self.path:
            return wrong(self.path, f"profile {self.profile!r}: {key.name}", str(error), how=error.remedy)
        return ConfigError(f"{key.variable} {error}", remedy=error.remedy or "Correct it, or unset it.")


class WrongValueError(Exception):
    """What a key's value must be, in words that fit behind its name; the value itself may be secret."""

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem)
        self.remedy = remedy
        """How it is written instead, wherever it stands."""


def wrong(path: Path, what: str, must: str, *, how: str = "") -> ConfigError:
    """The error about one part of the file, which says what it must be and never what it is."""
    return ConfigError(f"{path}: {what} {must}", remedy=f"Fix it in {path}. {how}".rstrip())


# Reading values.


def _filled(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"must be text in quotes, not {_TYPE_NAMES.get(type(value), 'a table or a date')}")
    if not value:
        raise WrongValueError("is empty: fill it in or leave the key out")
    return value


def _text(value: object, _source: Source) -> str:
    value = _filled(value)
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise WrongValueError("contains a control character or a byte that is not UTF-8")
    return value


def _texts(value: object, source: Source) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise WrongValueError(f"must be a list of texts in quotes, not {_TYPE_NAMES.get(type(value), 'a table')}")
    return tuple(_text(item, source) for item in value)


def _words(value: object, source: Source) -> tuple[str, ...]:
    """A command: its arguments may be empty and hold line breaks, the program may not."""
    if not isinstance(value, list) or not value or not all(_is_word(word) for word in value):
        raise WrongValueError('must be a list of texts in quotes, such as ["pass", "show", "exotel"]')
    return (_text(value[0], source), *value[1:])


def _is_word(value: object) -> bool:
    return isinstance(value, str) and not any(c == "\0" or 0xD800 <= ord(c) < 0xE000 for c in value)


def _without_problem(problem_of: Callable[[str], str | None]) -> "Reader":
    """A reader from a function that says what is wrong with a text."""

    def reader(value: object, _source: Source) -> str:
        text = _filled(value)
        problem = problem_of(text)
        if problem:
            raise WrongValueError(problem, remedy="Copy it again from Exotel's dashboard.")
        return text

    return reader


_token = _without_problem(token_problem)


def _inline(value: object, source: Source) -> InlineToken:
    if source.path is None:  # checked when it is fetched, as one in a file or from a command is
        return InlineToken(Secret(str(value)), "EXOTEL_API_TOKEN")
    return InlineToken(Secret(_token(value, source)), f"api_token of profile {source.profile!r}")


def _token_file(value: object, source: Source) -> TokenFile:
    return TokenFile(_path(value, source), "token_file" if source.path else "EXOTEL_API_TOKEN_FILE")


def _country(value: object, source: Source) -> str:
    text = _text(value, source).upper()
    if not re.fullmatch(r"[A-Z]{2}", text, re.ASCII):
        raise WrongValueError('must be the two letters of a country, such as "IN"')
    return text


def _rate(value: object, source: Source) -> Rate:
    text = _text(value, source)
    with suppress(ValueError):
        return Rate.parse(text)
    raise WrongValueError(f"must be off or a rate such as 200/min, not {text!r}")


def _one_of(*words: str) -> "Reader":
    def reader(value: object, source: Source) -> str:
        text = _text(value, source)
        if text not in words:
            raise WrongValueError(f"must be {' or '.join(words)}, not {text!r}")
        return text

    return reader


def _count(value: object, _source: Source) -> int:
    if type(value) is not int or value < 0:
        raise WrongValueError("must be a whole number, 0 or more")
    return value


def _price(value: object, _source: Source) -> float:
    if type(value) not in {int, float} or not 0 <= float(str(value)) < 1e9:  # what a run costs stays finite
        raise WrongValueError("must be a number, 0 or more, and less than 1e9")
    return float(str(value))


def _allow(value: object, source: Source) -> frozenset[str]:
    """The numbers of an allow list in E.164, read as ``--to`` reads them."""
    from exosms.sms.phone import parse

    try:
        return frozenset(parse(number, country=source.country) for number in _texts(value, source))
    except InputError as error:
        raise WrongValueError(
            f"contains something that is not a phone number: {error.message}", remedy=error.remedy
        ) from error


def _split(text: str) -> list[str]:
    """Return the items of a variable; one that has none is a mistake, not a permission to text everybody."""
    items = [item for item in text.split(",") if item.strip()]
    if not items:
        raise WrongValueError("contains no number", remedy="Write numbers separated by commas, or unset it.")
    return items


def _whole(text: str) -> int | str:
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else text


def _decimal(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _parsed(parse: Callable[[str], object]) -> "Reader":
    """A reader from a parser whose ConfigError is a whole sentence, which goes behind the key's name."""

    def reader(value: object, source: Source) -> object:
        text = _text(value, source)
        try:
            return parse(text)
        except ConfigError as error:
            problem = WrongValueError(f"cannot be used. {error.message}", remedy=error.remedy)
        raise problem

    return reader


def _path(value: object, source: Source) -> Path:
    """A path: ``~/`` is the home; a relative one in a file lies beside it."""
    return (source.path.parent if source.path else Path()) / expanded(_text(value, source), source.home)


def _then(read: "Reader", make: Callable[[Any], object]) -> "Reader":
    return lambda value, source: make(read(value, source))


# Writing values.


def _absolute(path: Path) -> str:
    return str(path.absolute())


def _if_it_is(kind: type[T], write: Callable[[T], object]) -> Callable[[object], object]:
    return lambda value: write(value) if isinstance(value, kind) else None


# The keys.

Reader = Callable[[object, Source], Any]
"""Returns what a value means; raises WrongValueError."""


class Key(NamedTuple):
    """A key of a profile, and the variable that says the same."""

    name: str
    field: str
    """Of ``Profile``."""
    read: Reader
    write: Callable[[Any], object] = lambda value: value
    """Returns what stands in the file; None if another key of that field says it."""
    variable: str = ""
    from_text: Callable[[str], object] = str
    """Returns what would stand in the file, for the text of a variable or of an argument."""


KEYS = {
    key.name: key
    for key in (
        Key("region", "region", _parsed(parse_region), str, "EXOTEL_REGION"),
        Key("base_url", "base_url", _parsed(parse_base_url), str, "EXOSMS_BASE_URL"),
        Key("account_sid", "account_sid", _without_problem(sid_problem), str, "EXOTEL_ACCOUNT_SID"),
        Key("api_key", "api_key", _then(_without_problem(key_problem), Secret), Secret.reveal, "EXOTEL_API_KEY"),
        Key("api_token", "token", _inline, _if_it_is(InlineToken, lambda it: it.token.reveal()), "EXOTEL_API_TOKEN"),
        Key(
            "token_command",
            "token",
            _then(_words, TokenCommand),
            _if_it_is(TokenCommand, lambda it: list(it.argv)),
            from_text=lambda text: list(split_command(text)),
        ),
        Key(
            "token_file",
            "token",
            _token_file,
            _if_it_is(TokenFile, lambda it: _absolute(it.path)),
            "EXOTEL_API_TOKEN_FILE",
        ),
        Key("from", "sender", _text, str, "EXOTEL_FROM"),
        Key("dlt_entity_id", "dlt_entity_id", _text, str, "EXOTEL_DLT_ENTITY_ID"),
        Key("country", "country", _country),
        Key("rate", "rate", _rate, str),
        Key("allow", "allow", _allow, sorted, "EXOSMS_ALLOW", _split),
        Key("max_parts_per_day", "max_parts_per_day", _count, from_text=_whole),
        Key("price_per_part", "price_per_part", _price, from_text=_decimal),
        Key("callback_url", "callback_url", _parsed(parse_callback_url), str),
        Key("ledger", "ledger", _parsed(parse_ledger_address), lambda it: it.url, "EXOSMS_LEDGER"),
        Key("ledger_numbers", "ledger_numbers", _one_of("hashed", "full")),
        Key("templates", "templates", _path, _absolute, "EXOSMS_TEMPLATES"),
    )
}
TOKEN_KEYS = tuple(key.name for key in KEYS.values() if key.field == "token")
ACCOUNT_KEYS = ("region", "base_url", "account_sid", "api_key", *TOKEN_KEYS)


def read_profile(name: str, table: Mapping[str, object], *, path: Path, home: str | None) -> Profile:
    """Check a profile's table, key by key."""
    given = [key for key in TOKEN_KEYS if key in table]
    if len(given) > 1:
        raise wrong(path, f"profile {name!r}", f"has {' and '.join(given)}: keep one of them")
    return read_table(table, Source(path, name, home))


def read_table(table: Mapping[str, object], source: Source) -> Profile:
    """Return what a table says by the keys of a profile; others mean nothing."""
    profile = Profile(name=source.profile)
    for key in KEYS.values():
        if key.name in table:
            value = read_value(key, table[key.name], source._replace(country=profile.country or source.country))
            profile = profile._replace(**{key.field: value})
    return profile


def read_value(key: Key, value: object, source: Source) -> Any:
    """Return what one value means; raises ConfigError, which has nothing secret in its chain."""
    try:
        return key.read(value if source.path else key.from_text(str(value)), source)
    except WrongValueError as error:
        problem = source.wrong(key, error)
    raise problem


def table_of(profile: Profile) -> dict[str, Any]:
    """Return the profile as it stands in the file; paths become absolute, since it may lie elsewhere."""
    fields = ((key, getattr(profile, key.field)) for key in KEYS.values())
    table = {key.name: key.write(value) for key, value in fields if value is not None}
    return {name: value for name, value in table.items() if value is not None}
