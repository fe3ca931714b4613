"""An Exotel account: where it lives, who it is, and how it is told from others."""

import re
from contextlib import suppress
from typing import NamedTuple

from exosms.config.credentials import InlineToken, Secret, TokenSource
from exosms.config.region import Region
from exosms.errors import ConfigError

_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.ASCII)
_FOUR_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+){3}", re.ASCII)
_SID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


class Account(NamedTuple):
    """An account that requests can be made with."""

    sid: str
    key: Secret
    """The user name of HTTP Basic."""
    token: TokenSource
    base_url: str
    """Without a final slash; empty for the sandbox."""
    region: Region | None
    """None where an address was given instead."""
    source: str
    """Where the account was found, such as ``profile prod``."""
    address_source: str
    """Where its address was found: the same place, or a flag."""

    @property
    def is_sandbox(self) -> bool:
        """Whether the emulator in this process answers, so that nothing is sent."""
        return self.region is Region.SANDBOX

    @property
    def region_of_host(self) -> Region | None:
        """The region at whose address it is, also where that was given as an address; None at another one."""
        return next((region for region in Region if region.host and self.base_url == region.base_url), None)

    @property
    def other_regions(self) -> tuple[Region, ...]:
        """The regions of Exotel's in which the account may be instead."""
        return tuple(region for region in Region if region.host and region is not self.region_of_host)

    @property
    def identity(self) -> str:
        """Host and account SID: what once keys, pace and earlier runs belong to.

        The sandbox is a host of its own; a host that is not Exotel's is named with its port.
        """
        if self.is_sandbox:
            return f"{Region.SANDBOX}/{self.sid}"
        from urllib.parse import urlsplit

        address = urlsplit(self.base_url)
        exotel = address.netloc in {region.host for region in Region}
        host = address.netloc if exotel or address.port else f"{address.netloc}:{_DEFAULT_PORTS[address.scheme]}"
        return f"{host}/{self.sid}"


def sandbox_account(*, source: str) -> Account:
    """The one account of the emulator in this process, which takes any credentials."""
    return Account(
        sid=Region.SANDBOX,
        key=Secret("sandbox"),
        token=InlineToken(Secret("sandbox")),
        base_url="",
        region=Region.SANDBOX,
        source=source,
        address_source=source,
    )


SANDBOX_IDENTITY = f"{Region.SANDBOX}/{Region.SANDBOX}"
"""The identity of the sandbox's account, which sends nothing."""


def is_of_sandbox(identity: str) -> bool:
    """Whether an account's identity is that of the sandbox."""
    return identity == SANDBOX_IDENTITY


def sid_problem(text: str) -> str | None:
    """What makes a text useless as an account SID, which becomes a part of each path; None if nothing does."""
    return None if _SID.fullmatch(text) else "contains something other than letters, digits, '-', '_' and '.'"


def parse_base_url(text: str) -> str:
    """Read an address of the API and return it without a final slash and without its scheme's own port.

    ``http`` is accepted for a loopback address only, since key and token travel with every request. Raises
    ConfigError; user info, queries and whatever may be a password in the place of a port are never repeated.
    """
    return _parse_url(text, "base URL", "would send key and token unencrypted")


def parse_callback_url(text: str) -> str:
    """Read the address that Exotel posts callbacks below, as ``parse_base_url`` does; their tokens are secret."""
    return _parse_url(text, "callback URL", "would have callbacks come unencrypted")


def _parse_url(text: str, name: str, danger: str) -> str:
    from urllib.parse import urlsplit

    text = text.strip()
    if "@" in text:
        raise _unusable(f"The {name} contains an @, so it may contain a key and a token")
    if "?" in text or "#" in text:
        raise _unusable(f"The {name} contains a query or a fragment")
    if any(not "!" <= character <= "~" for character in text):
        raise _unusable(f"The {name} contains a space or a character that is not printable ASCII")
    quoted = f" {text!r}" if ":" not in text.replace("://", "") else ""
    host, port = _host_and_port(text)
    scheme, _, path = urlsplit(text)[:3] if host else ("", "", "")
    if scheme not in _DEFAULT_PORTS or not _is_host(host) or port == 0:
        raise _unusable(f"{quoted.lstrip() or 'The given text'} is not a valid {name}")
    if scheme == "http" and not is_loopback(host):
        raise _unusable(f"The {name}{quoted} {danger}")
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}"
    return f"{scheme}://{shown_host}{shown_port}{path.rstrip('/')}"


def _host_and_port(url: str) -> tuple[str, int | None]:
    """Return the host in lower case, and the port if there is one; an empty host where they are malformed."""
    from urllib.parse import urlsplit

    with suppress(ValueError):
        address = urlsplit(url)
        return address.hostname or "", address.port
    return "", None


def _unusable(message: str) -> ConfigError:
    return ConfigError(
        message,
        remedy="Write https://HOST, or http:// with a loopback address such as http://127.0.0.1:8080, without"
        " credentials.",
    )


def _is_host(host: str) -> bool:
    from ipaddress import IPv4Address, IPv6Address

    try:
        if ":" in host:
            return IPv6Address(host).scope_id is None
        if _FOUR_NUMBERS.fullmatch(host):
            IPv4Address(host)
    except ValueError:
        return False
    return _HOST.fullmatch(host) is not None and ".." not in host


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, and nothing leaves it."""
    from ipaddress import ip_address

    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
