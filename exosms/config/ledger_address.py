"""The address of a ledger that several machines share: a PostgreSQL database, in libpq's notation.

A password in it is never shown. Whatever goes to another machine goes encrypted (``sslmode=require``), unless the
address, or ``PGSSLMODE``, asks for more; for less it cannot ask.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exosms.config.account import is_loopback
from exosms.errors import ConfigError

_SCHEMES = ("postgresql://", "postgres://")
_STRICT = ("require", "verify-ca", "verify-full")
"""The values of ``sslmode`` with which nothing goes out unencrypted, weakest first (PostgreSQL's manual, 34.19)."""
_MODES = ("disable", "allow", "prefer", *_STRICT)
HARMLESS = frozenset(
    [
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "options",
        "passfile",
        "port",
        "require_auth",
        "requirepeer",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    ]
)
"""Parameters of libpq without a secret (PostgreSQL's manual, 34.1.2); another may be a misspelled password."""
_REMEDY = "Write postgresql://USER@HOST/DATABASE; a password may stand in PGPASSWORD or ~/.pgpass."


class LedgerAddress(NamedTuple):
    """Where a shared ledger is."""

    url: str
    """As it was given, which may hold a password."""
    shown: str
    """The same, for people."""
    sslmode: str | None
    hosts: Sequence[str] = ()
    """Names, addresses and directories of sockets; none is libpq's default."""

    def __repr__(self) -> str:
        return f"LedgerAddress({self.shown!r})"

    def __str__(self) -> str:
        return self.shown

    @property
    def holds_password(self) -> bool:
        """Whether whoever sees the address sees a password."""
        return self.url != self.shown

    def is_here(self, environ: Mapping[str, str]) -> bool:
        """Whether no connection leaves this machine.

        ``PGHOST`` and ``PGHOSTADDR`` say where the host is if the address does not, as libpq has it.
        """
        hosts = [*(self.hosts or environ.get("PGHOST", "").split(",")), *environ.get("PGHOSTADDR", "").split(",")]
        return all(map(_is_here, hosts))

    def tls(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Return what is to be said of encryption beside the address; raises ConfigError if it asks for less.

        A service of ``PGSERVICE`` can name a host beside this machine's, and outranks ``PGSSLMODE``.
        """
        service = environ.get("PGSERVICE")
        if self.sslmode in _STRICT or (self.is_here(environ) and not service):
            return {}
        if self.is_here(environ):
            raise ConfigError(
                f"PGSERVICE names a service, so host and encryption of the ledger {self.shown} cannot be seen",
                remedy="Unset PGSERVICE, and name the host itself in the address.",
            )
        if self.sslmode is not None:
            raise ConfigError(
                f"The ledger {self.shown} is on another machine, and sslmode={self.sslmode} may send it unencrypted",
                remedy="Write sslmode=require, verify-ca or verify-full, or leave sslmode out.",
            )
        mode = environ.get("PGSSLMODE", "")
        return {"sslmode": mode if mode in _STRICT else "require"}


def parse_ledger_address(text: str) -> LedgerAddress:
    """Read an address; raises ConfigError, which repeats none of it: it may hold a password."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        raise ConfigError("It must begin with postgresql://", remedy=_REMEDY)
    if any(not "!" <= character <= "~" for character in text):
        raise ConfigError("It contains a space or a character that is not printable ASCII", remedy=_REMEDY)
    try:
        # Hosts may be several, with a port each, which is more than urlsplit reads out of them.
        parts = urlsplit(text)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
    except ValueError:
        raise ConfigError("It is not a valid address", remedy=_REMEDY) from None
    user, _, hosts = parts.netloc.rpartition("@")
    is_odd = "#" in text or "%00" in text or any(mark in parts.path for mark in "@=&;")  # a password behind no ?
    if is_odd or "@" in user or not all(map(_is_host, hosts.split(","))):
        raise ConfigError(
            "It is not a valid address", remedy=f"{_REMEDY} Write %40 for an @ in it, %2F for a / and %23 for a #."
        )
    options = dict(query)
    if len(options) < len(query):
        raise ConfigError("It says something twice behind the question mark", remedy="Say it once.")
    if "service" in options:
        raise ConfigError(
            "It names a service, whose host and encryption cannot be seen from it", remedy="Name the host itself."
        )
    mode = options.get("sslmode")
    if mode is not None and mode not in _MODES:
        raise ConfigError(f"sslmode must be one of {', '.join(_MODES)}", remedy="Correct it, or leave it out.")
    return LedgerAddress(
        text,
        f"{scheme}{_without_password(user)}{hosts}{parts.path}{_shown_query(parts.query)}",
        mode,
        [
            *(_host_of(unquote(host)) for host in hosts.split(",") if host),
            *(host for name in ("host", "hostaddr") for host in options.get(name, "").split(",") if host),
        ],
    )


def _without_password(user: str) -> str:
    name, colon, _ = user.partition(":")
    return f"{name}:********@" if colon else f"{name}@" if user else ""


def _shown_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    shown = [f"{name}={value if name in HARMLESS else '********'}" for name, _, value in pairs]
    return f"?{'&'.join(shown)}" if shown else ""


def _is_host(host: str) -> bool:
    """Whether it may be a host with or without a port: what cannot be one may be a password."""
    import re

    return re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(:[0-9]{1,5})?", host) is not None


def _host_of(host: str) -> str:
    """Return a host without its port: a number behind a name, or behind the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.startswith("/") else host.partition(":")[0]


def _is_here(host: str) -> bool:
    """Whether a connection to it never leaves this machine; an empty one is a socket."""
    return not host or host.startswith(("/", "@")) or is_loopback(host)
