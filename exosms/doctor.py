"""What may keep messages from going out, subject by subject: each ok, a warning or a failure, with its remedy.

Nothing secret is said and no recipient's number, so that a page of these can be pasted into a support ticket.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from exosms import __version__
from exosms.config import config_file
from exosms.config.paths import is_file, is_there
from exosms.config.settings import Account, Settings, describe
from exosms.errors import ConfigError, ExitCode, ExosmsError
from exosms.exotel.exchange import ANSWER_LIMIT, Answer, Fault, NoAnswer
from exosms.exotel.proxy import proxy_of
from exosms.exotel.transport import Transport
from exosms.ledger.database import DATABASE, MEND, require_none_lost
from exosms.sms import dlt
from exosms.sms.guards import is_promotional_hour
from exosms.sms.message import Receipt
from exosms.system.escaping import for_shell
from exosms.system.files import FULL, is_full, why_unwritten
from exosms.system.mounts import shared_file_system
from exosms.system.times import in_india

if TYPE_CHECKING:
    from exosms.config.ledger_address import LedgerAddress
    from exosms.ledger.messages import Ledger

_RESOLVING = 10.0
"""Seconds that name resolution may take."""

_SKEW = 60.0
"""Seconds that our clock may be off before it matters to pace, once keys and quiet hours."""

_LOCAL = "Name a directory on a local disk in EXOSMS_STATE_DIR."
_ELSEWHERE = "Name a writable directory in EXOSMS_STATE_DIR."
_LET_IN = "Have the tables' owner run:"


class Grade(StrEnum):
    """How a subject stands."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Check(NamedTuple):
    """One subject, and how it stands."""

    subject: str
    grade: Grade
    said: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK
    """With which a command that needs this would end."""
    statements: Sequence[str] = ()
    """SQL that belongs to the remedy, to be pasted as it stands."""

    @property
    def next_step(self) -> str:
        """The remedy with its statements, in one line."""
        return " ".join(filter(None, (self.remedy, *self.statements)))


def ok(subject: str, said: str, remedy: str = "") -> Check:
    """Return a check that found nothing wrong."""
    return Check(subject, Grade.OK, said, remedy)


def warning(subject: str, said: str, remedy: str = "") -> Check:
    """Return a check that found what may matter."""
    return Check(subject, Grade.WARNING, said, remedy)


def failure(subject: str, error: ExosmsError) -> Check:
    """Return the check that one of our own errors makes."""
    return Check(subject, Grade.FAILURE, error.message, error.remedy, error.exit_code)


def _misconfigured(subject: str, said: str, remedy: str) -> Check:
    return Check(subject, Grade.FAILURE, said, remedy, ExitCode.CONFIG)


class RecordingTransport:
    """A transport that remembers what came back, for what a receipt does not tell."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.reply: Answer | NoAnswer | None = None

    def exchange(self, method: str, path: str, body: bytes, *, limit: int = ANSWER_LIMIT) -> Answer | NoAnswer:
        """Pass the request on."""
        self.reply = self._transport.exchange(method, path, body, limit=limit)
        return self.reply

    def hide(self, text: str, *, is_name: bool = False) -> str:
        """Hide what the other hides."""
        return self._transport.hide(text, is_name=is_name)


def of_program() -> Iterator[Check]:
    """Say what runs, which a support ticket needs."""
    import platform
    import sqlite3
    import ssl
    from importlib.metadata import version

    parts = (f"httpx {version('httpx')}", ssl.OPENSSL_VERSION, f"SQLite {sqlite3.sqlite_version}")
    system = f"{platform.system()} {platform.machine()}"
    yield ok("program", ", ".join((f"exosms {__version__}", f"Python {platform.python_version()}", system, *parts)))


def of_configuration(path: Path | None, environ: Mapping[str, str]) -> Iterator[Check]:
    """Check config.toml and who can read it."""
    if path is None:
        yield warning("configuration", "there is no home directory for one", "Set HOME, or EXOSMS_CONFIG.")
        return
    if not is_there(path):
        yield ok("configuration", f"{path} does not exist; `exosms profile add NAME` writes it")
        return
    try:
        config = config_file.read(path, home=environ.get("HOME"))
    except ConfigError as error:
        yield failure("configuration", error)
        return
    names = ", ".join(config.names) or "none"
    yield ok("configuration", f"{path} (mode {path.stat().st_mode & 0o777:04o}); profiles: {names}")
    for name, wrong in config.flawed.items():
        yield warning("configuration", f"profile {name!r} cannot be used: {wrong.message}", wrong.remedy)
    yield from _of_directory("configuration", path.parent, writable_by_others=0o022)


def _of_directory(subject: str, directory: Path, *, writable_by_others: int) -> Iterator[Check]:
    status = directory.stat()
    if status.st_uid == os.geteuid() and status.st_mode & writable_by_others:
        said = f"others can use the directory {directory} (mode {status.st_mode & 0o777:04o})"
        yield warning(subject, said, f"Run: chmod 700 {for_shell(str(directory))}")


def of_settings(settings: Settings) -> Iterator[Check]:
    """Say every setting that is set and where it came from; the numbers of the allow list are only counted."""
    for row in describe(settings):
        if row.value is None or row.name == "config":
            continue
        value = f"{len(settings.allow or ())} numbers" if row.name == "allow" else row.value
        yield ok(f"setting {row.name}", f"{value} ({row.source})")
    yield from (warning("settings", said) for said in settings.warnings)


def of_sender(settings: Settings) -> Iterator[Check]:
    """Check sender and DLT entity by their shape."""
    sender, entity = settings.sender, settings.dlt_entity_id
    if sender is None:
        yield warning("sender", "none is set", "Set from in the profile, or EXOTEL_FROM, or use --from.")
    if entity is None and not settings.is_sandbox:
        said = "no DLT entity id is set; Indian operators may drop texts without one"
        yield warning("DLT entity", said, "Set dlt_entity_id in the profile, or EXOTEL_DLT_ENTITY_ID.")
    try:
        doubts = [*(dlt.check_sender(sender) if sender else ()), *dlt.check_ids(entity, None)]
    except ExosmsError as error:
        yield failure("sender", error)
        return
    yield from (warning("sender", doubt, "Compare it with the DLT portal.") for doubt in doubts)
    if sender and not doubts:
        yield ok("sender", f"{sender} looks like a valid sender")


def of_templates(settings: Settings) -> Iterator[Check]:
    """Check templates.toml by what `template lint` says of it."""
    path = settings.templates
    if path is None or not is_there(path):
        said = f"{path or 'templates.toml'} does not exist, so no text can be checked with a template name"
        yield ok("templates", said)
        return
    from exosms.templates.lint import lint
    from exosms.templates.registry import read

    try:
        registry = read(path)
        notes = lint(registry)
    except ExosmsError as error:
        yield failure("templates", error)
        return
    wrong = [note for note in notes if note.kind.is_wrong]
    for note in wrong:
        said = f"{note.template}: {note.message}" if note.template else note.message
        yield Check("templates", Grade.FAILURE, said, "See: exosms template lint", ExitCode.INPUT)
    if not wrong:
        notes_told = f"; notes: {len(notes)}, see `exosms template lint`" if notes else ""
        yield ok("templates", f"{len(registry.templates)} in {path}{notes_told}")


def of_state(directory: Path | None, open_ledger: "type[Ledger]", account: Account | None) -> Iterator[Check]:
    """Check the state directory and the ledger in it; looking creates neither."""
    if directory is None:
        yield _misconfigured("ledger", "no home directory", "Set EXOSMS_STATE_DIR.")
        return
    file = directory / DATABASE
    if shared := shared_file_system(file):
        said = f"{directory} is on a file system of other machines ({shared}), where the locks that keep a message"
        yield warning("ledger", f"{said} from being sent twice may not hold", _LOCAL)
    try:
        if not file.exists():
            require_none_lost(directory)
            yield _of_place(directory)
            return
        _try_to_write(directory)
    except ConfigError as error:
        yield failure("ledger", error)
        return
    except OSError as error:
        why = why_unwritten(error)
        yield _misconfigured("ledger", f"{directory} cannot be used: {why}", MEND if FULL in why else _ELSEWHERE)
        return
    yield from _of_directory("ledger", directory, writable_by_others=0o077)
    yield from _of_link(file)
    try:
        with closing(open_ledger.open(directory)) as ledger:
            messages, rows, unknown = ledger.examine()
            paused = ledger.blocked_for(account.identity) if account else 0.0
    except ConfigError as error:
        yield failure("ledger", error)
        return
    yield ok("ledger", f"{file} is sound; single messages: {messages}; rows of runs: {rows}")
    yield from _of_messages("ledger", unknown, paused)


def of_shared_ledger(address: "LedgerAddress | None", account: Account | None, *, is_wanted: bool) -> Iterator[Check]:
    """Check the ledger that other machines share, and how long it takes to answer; nothing is written there.

    ``is_wanted``: say also which privileges another role needs.
    """
    subject = "shared ledger"
    if address is None:
        yield _misconfigured(subject, "none is named", "Set EXOSMS_LEDGER, or ledger in the profile.")
        return
    try:
        from exosms.ledger.postgres.examination import OTHER_ROLE, examine

        found = examine(address, account.identity if account else None)
    except ConfigError as error:
        yield failure(subject, error)
        return
    way = "over TLS" if found.is_encrypted else "not encrypted"
    said = f"{address} answers in {found.round_trip * 1000:.1f} ms: PostgreSQL {found.server}, as {found.role}, {way}"
    if found.lacks:
        check = _misconfigured(subject, f"{said}; {found.role} lacks {', '.join(found.lacks)}", _LET_IN)
        yield check._replace(statements=found.grants)
        return
    if not found.is_ready and not found.may_create:
        remedy = (
            f"Name it once as {found.owner}, whose they are."
            if found.owner
            else f"Name it once as a user who may, or have the database's owner run: {found.grant_to_begin}"
        )
        yield _misconfigured(
            subject, f"{said}; its tables are missing or old, and {found.role} may not make them", remedy
        )
    elif not found.is_ready:
        yield ok(subject, f"{said}; the first command that sends makes its tables")
    else:
        yield ok(subject, f"{said}; single messages: {found.messages}")
        yield from _of_messages(subject, found.unknown, found.paused)
    if is_wanted:
        named = f"; put its name in place of {OTHER_ROLE}" if found.lets_in == OTHER_ROLE else ""
        said = f"what the role {found.lets_in} needs once the tables are there{named}"
        yield ok("shared ledger, for others", said, _LET_IN)._replace(statements=found.grants)


def _of_messages(subject: str, unknown: int, paused: float) -> Iterator[Check]:
    """Warn of what keeps messages of a ledger, or of an account, from going on."""
    if unknown:
        said = f"{unknown} of its messages may have been sent: their outcome is unknown"
        yield warning(subject, said, "Find out with Exotel's report: exosms runs reconcile --report FILE")
    if paused:
        said = f"Exotel asked this account to pause; {paused:.0f} s left"
        yield warning("pace", said, "Wait until then, or send with a lower --rate.")


def _of_link(path: Path) -> Iterator[Check]:
    """Warn of a ledger elsewhere that others can read: the mode of what a link points to is never changed."""
    target = path.resolve()
    mode = target.stat().st_mode & 0o777
    if path.is_symlink() and mode & 0o077:
        yield warning(
            "ledger", f"others can read {target} (mode {mode:04o})", f"Run: chmod 600 {for_shell(str(target))}"
        )


def _of_place(directory: Path) -> Check:
    there = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if is_full(there):
        return _misconfigured("ledger", f"{directory} cannot be used: {FULL}", MEND)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return ok("ledger", f"nothing was sent from this machine yet; the ledger will be in {directory}")
    return _misconfigured("ledger", f"{directory} cannot be created in {there}", _ELSEWHERE)


def _try_to_write(directory: Path) -> None:
    """Raise OSError if no file can be made there: what permissions promise, a full or read-only disk may not keep."""
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(b"exosms")


def of_clock(now: float, reply: Answer | NoAnswer | None) -> Iterator[Check]:
    """Say the time here and in India, and compare it with the server's, where it told."""
    from email.utils import parsedate_to_datetime

    india = in_india(now)
    may = "may" if is_promotional_hour(india) else "may not"
    here = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(now))
    said = f"{here}; {time.strftime('%H:%M', india)} in India, where promotional texts {may} go out now"
    date = reply.date if isinstance(reply, Answer) else None
    try:
        skew = now - parsedate_to_datetime(date).timestamp() if date else 0.0
    except (ValueError, OverflowError):  # what the server calls a date
        skew = 0.0
    if abs(skew) > _SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        said = f"{said}; {abs(skew):.0f} s {direction} the server's"
        yield warning("clock", said, "Set the clock, for example: timedatectl set-ntp true.")
        return
    yield ok("clock", said)


def of_network(account: Account, environ: Mapping[str, str]) -> Iterator[Check]:
    """Check proxy, name resolution and certificates on the way to the account's address."""
    address = urlsplit(account.base_url)
    host = address.hostname or ""
    proxy = None if address.scheme == "http" else proxy_of(host)
    yield ok("proxy", proxy or "none")
    yield ok("DNS", "the proxy resolves names") if proxy else _of_name(host)
    yield _of_certificates(environ) if address.scheme == "https" else ok("TLS", "none: loopback")


def _of_name(host: str) -> Check:
    import socket
    import threading

    found: list[str] = []

    def resolve() -> None:
        try:
            found.extend({str(info[4][0]) for info in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)})
        except (OSError, UnicodeError):  # nothing is found then; the latter for what cannot be a name
            return

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(_RESOLVING)
    if found:
        return ok("DNS", f"{host}: {', '.join(sorted(found))}")
    remedy = "Check the network and its DNS server, or set HTTPS_PROXY."
    return Check("DNS", Grade.FAILURE, f"{host} cannot be resolved", remedy, ExitCode.UNAVAILABLE)


def _of_certificates(environ: Mapping[str, str]) -> Check:
    import ssl

    paths = ssl.get_default_verify_paths()
    named = environ.get(paths.openssl_cafile_env)
    if named:
        if is_file(Path(named)):
            return ok("certificates", f"{named} (SSL_CERT_FILE)")
        said = f"SSL_CERT_FILE names {named!r}, which is not a file"
        return _misconfigured("certificates", said, "Correct it, or unset it.")
    return ok("certificates", paths.cafile or paths.capath or "certifi's, because the system has none")


def of_credentials(receipt: Receipt, reply: Answer | NoAnswer | None, *, where: str) -> Iterator[Check]:
    """Say what came of asking for a message that cannot exist."""
    if isinstance(reply, NoAnswer) and reply.fault in {Fault.CERTIFICATE, Fault.TLS}:
        subject = "TLS"
    else:
        subject = "credentials" if isinstance(reply, Answer) else "connection"
    problem = receipt.problem
    if problem is None:
        yield ok(subject, f"accepted {where}")
        return
    said = ": ".join(filter(None, (problem.status_text, problem.message)))
    exit_code = ExitCode.UNAVAILABLE if receipt.exit_code is ExitCode.UNKNOWN else receipt.exit_code
    yield Check(subject, Grade.FAILURE, f"{said}. {problem.meaning}", problem.remedy, exit_code)


def without_home(text: str, environ: Mapping[str, str]) -> str:
    """Return text with the home directory, and so the user's name, as ``~``."""
    home = environ.get("HOME", "").rstrip("/")
    return text.replace(home, "~") if home else text
