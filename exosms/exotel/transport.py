"""What carries a request: the network, or an emulator in this process."""

import base64
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from exosms import __version__
from exosms.errors import ConfigError, ExosmsError, in_our_words
from exosms.exotel.exchange import (
    ANSWER_LIMIT,
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    Answer,
    Exchange,
    Fault,
    NoAnswer,
    RequestProgress,
)
from exosms.exotel.proxy import proxy_address, proxy_of
from exosms.exotel.redaction import Redactor, of_user
from exosms.starvation import lacking
from exosms.system.signals import never

if TYPE_CHECKING:
    import ssl
    from http.cookiejar import CookieJar

    import httpx

_FORM = "application/x-www-form-urlencoded"

Observe = Callable[[str], None]
"""Takes one line about one exchange: method, host, path, status, time; never a body or a credential."""


class Transport(Protocol):
    """What carries a request to Exotel, or to what stands in for it."""

    def exchange(self, method: str, path: str, body: bytes, *, limit: int = ANSWER_LIMIT) -> Answer | NoAnswer:
        """Exchange one request for what came back, of at most ``limit`` bytes; never more than one request."""

    def hide(self, text: str, *, is_name: bool = False) -> str:
        """Return a text that came back without the credentials, which a server may repeat; see ``wire.Hide``."""


class Answered(Protocol):
    """What an emulator answers."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body(self) -> bytes:
        """The body, undecoded."""


class InProcessTransport:
    """An emulator in this process: no network, no pace, and an answer every time."""

    def __init__(
        self, answer: Callable[[str, str, Mapping[str, str], bytes], "Answered"], *, observe: Observe
    ) -> None:
        self._answer = answer
        self._observe = observe

    def exchange(self, method: str, path: str, body: bytes, *, limit: int = ANSWER_LIMIT) -> Answer:  # noqa: ARG002  # the emulator is no stranger
        """Ask the emulator, as anybody who has a key and a token."""
        basic = base64.b64encode(b"sandbox:sandbox").decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": _FORM}
        started = time.monotonic()
        answer = self._answer(method, path, headers, body)
        self._observe(f"{method} sandbox {path} {answer.status} in {time.monotonic() - started:.3f} s")
        return Answer(status=answer.status, body=answer.body)

    def hide(self, text: str, *, is_name: bool = False) -> str:  # noqa: ARG002  # there is nothing to hide
        """Return the text as it is: nothing is secret between us and the emulator."""
        return text


class HttpsTransport:
    """The network: a fresh connection for every request, and one deadline for all of it.

    A reused connection that the server has just closed turns messages into unknowns, and 200 requests a minute
    leave time for a handshake each.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str,
        token: str,
        timeout: float,
        observe: Observe,
        must_leave: Callable[[], bool] = never,
    ) -> None:
        import httpx

        host = urlsplit(base_url)
        self._redactor = Redactor([*of_user(key, token), *_secrets_of_proxies()])
        self._base_url = base_url
        self._host = host.netloc
        self._url = lru_cache(4)(lambda path: httpx.URL(base_url + path))  # for it is parsed slowly
        self._timeout = timeout
        self._observe = observe
        self._must_leave = must_leave
        loopback = host.scheme == "http"
        try:
            connect = partial(
                httpx.Client,
                auth=(key, token),
                verify=_no_certificates() if loopback else _certificates(),
                limits=httpx.Limits(max_keepalive_connections=0),
                # Not cut to a shorter timeout: that is the deadline's to tell, and the two would race.
                timeout=httpx.Timeout(max(READ_TIMEOUT, timeout - 30), connect=min(timeout, CONNECT_TIMEOUT)),
                headers={"Accept-Encoding": "identity", "User-Agent": f"exosms/{__version__}"},
                cookies=_no_cookies(),
            )
            try:
                self._client = connect(trust_env=not loopback)
            except (ImportError, ValueError, httpx.InvalidURL):  # it may be a proxy that we do not need
                self._client = connect(
                    trust_env=False, proxy=None if loopback else proxy_address(host.hostname or "")
                )
        except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
            raise _unprepared(error) from error

    def exchange(self, method: str, path: str, body: bytes, *, limit: int = ANSWER_LIMIT) -> Answer | NoAnswer:
        """Exchange one request within the timeout, following how far it gets."""

        def exchange(progress: RequestProgress) -> Answer:
            with self._client.stream(
                method,
                self._url(path),
                content=body or None,
                headers={"Content-Type": _FORM} if body else None,
                extensions={"trace": progress},
            ) as response:
                return Answer(
                    status=response.status_code,
                    body=_read(response, limit),
                    retry_after=response.headers.get("Retry-After"),
                    date=response.headers.get("Date"),
                )

        started = time.monotonic()
        reply = Exchange(exchange).result(timeout=self._timeout, must_leave=self._must_leave)
        took = time.monotonic() - started
        # The path of a next page is Exotel's; in ours the account stands, which may be called like a short key.
        self._observe(f"{method} {self._host} {self.hide(path, is_name=True)} {_outcome(reply)} in {took:.3f} s")
        if isinstance(reply, NoAnswer):
            return reply._replace(detail=self.hide(self._place_of(reply)))
        return reply

    def _place_of(self, silence: NoAnswer) -> str:
        """Return what the network said, with where it was to lead."""
        if silence.fault in {Fault.THREAD, Fault.INTERRUPTED}:
            return silence.detail
        host = urlsplit(self._base_url)
        proxy = proxy_of(host.hostname or "") if host.scheme == "https" else None
        port = host.port or {"https": 443, "http": 80}[host.scheme]
        name = f"[{host.hostname}]" if ":" in (host.hostname or "") else host.hostname
        return ": ".join(
            filter(None, (f"{name}:{port}" + (f" by the proxy {proxy}" if proxy else ""), silence.detail))
        )

    def hide(self, text: str, *, is_name: bool = False) -> str:
        """Take key, token and what is secret of proxies out of a text, however they are spelled in it."""
        return self._redactor.redact(text, is_name=is_name)


def _unprepared(error: Exception) -> ExosmsError:
    """Return what keeps us from any request."""
    if lacking(error):
        return in_our_words(error)
    if isinstance(error, OSError):
        return ConfigError(
            f"No connection can be prepared: {error.strerror or 'SSL_CERT_FILE contains no certificates'}",
            remedy="See what SSL_CERT_FILE names.",
        )
    return ConfigError(
        "The proxy in HTTPS_PROXY or ALL_PROXY cannot be used",
        remedy="Set it to http://HOST:PORT, or name the host in NO_PROXY.",
    )


def _secrets_of_proxies() -> Iterator[str]:
    """Yield user, password and both from the addresses of all proxies, as they stand there and decoded."""
    from urllib.parse import unquote
    from urllib.request import getproxies  # httpx has it loaded

    for address in getproxies().values():
        user_info = address.split("://", 1)[-1].rpartition("@")[0]
        name, _, password = user_info.partition(":")
        yield from of_user(name, password)
        yield from of_user(unquote(name), unquote(password))


def _outcome(reply: Answer | NoAnswer) -> str:
    return reply.fault.value if isinstance(reply, NoAnswer) else str(reply.status)


def _read(response: "httpx.Response", limit: int) -> bytes | None:
    """Return the decoded body; None if it is cut off, too large or undecodable. The status stands all the same."""
    import httpx

    raw = bytearray()
    try:
        for chunk in response.iter_raw():
            raw += chunk
            if len(raw) > limit:
                return None
    except httpx.TransportError:
        return None
    return _decoded(bytes(raw), response.headers.get("Content-Encoding", "identity").strip().lower(), limit)


def _decoded(raw: bytes, encoding: str, limit: int) -> bytes | None:
    """Decode what we did not ask for but may get, never beyond the limit: a few bytes can hold gigabytes."""
    if encoding in {"", "identity"}:
        return raw
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return None
    import zlib

    decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = decoder.decompress(raw, limit)
    except zlib.error:
        return None
    return body if decoder.eof else None


def _certificates() -> "ssl.SSLContext":
    """Return a context with the system's certificates, which SSL_CERT_FILE and SSL_CERT_DIR replace.

    A hashed directory costs 0.1 ms where parsing a bundle of 117 certificates costs 17; certifi's bundle serves
    where the system has none.
    """
    import ssl

    paths = ssl.get_default_verify_paths()
    named = os.environ.get(paths.openssl_cafile_env)
    if named and not Path(named).is_file():
        raise ConfigError(f"SSL_CERT_FILE names {named!r}, which is not a file", remedy="Correct it, or unset it.")
    context = ssl.create_default_context()
    if not (paths.cafile or (paths.capath and any(Path(paths.capath).iterdir()))):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _no_cookies() -> "CookieJar":
    """Return a jar that stays empty, and looks at no answer: no request tells of another."""
    from http.cookiejar import CookieJar

    class Closed(CookieJar):
        def extract_cookies(self, response: object, request: object) -> None:
            """Leave them."""

    return Closed()


def _no_certificates() -> "ssl.SSLContext":
    """Return a context that verifies against nothing: http:// needs none, and loading them takes time."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
