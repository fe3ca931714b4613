"""Secrets that do not show themselves, and the places an API token comes from."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol, cast

from exosms.errors import ConfigError
from exosms.system.escaping import for_shell
from exosms.system.files import read_small
from exosms.system.signals import LOOK, noting

if TYPE_CHECKING:
    import subprocess

TOKEN_COMMAND_TIMEOUT = 30.0
"""Seconds that a token command may take."""

TOKEN_COMMAND_GRACE = 0.2
"""Seconds that what a token command started gets to finish its output, once the command itself has ended."""

LONGEST_TOKEN = 64 * 1024
"""Bytes of a token file or of a token command's output; a real token has a few dozen."""

Warn = Callable[[str], None]
"""Takes one sentence for the user that stops nothing."""


class Secret:
    """A text that only ``reveal`` shows; printing, formatting and tracebacks show a mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that sends or stores it."""
        return self._value

    def mask(self, *, ends: int = 0) -> str:
        """A mask of constant length; of a text longer than 8 it may keep up to 2 characters at either end."""
        kept = min(ends, 2) if len(self._value) > 8 else 0
        return f"{self._value[:kept]}********{self._value[-kept:] if kept else ''}"

    def __repr__(self) -> str:
        return "Secret(********)"

    def __str__(self) -> str:
        return self.mask()


def token_problem(text: str) -> str | None:
    """What makes a text useless as an API token, in words that fit behind its name; None if nothing does."""
    if not text:
        return "is empty"
    if len(text) > LONGEST_TOKEN:
        return "has more than 64 KiB"
    if any(not "!" <= character <= "~" for character in text):
        return "contains a space, a line break or another character that is not printable ASCII"
    return None


def key_problem(text: str) -> str | None:
    """What makes a text useless as an API key: also a colon, which ends the user name (RFC 7617 §2)."""
    return token_problem(text) or ("contains a colon; give only the key, without the token" if ":" in text else None)


class TokenSource(Protocol):
    """A place that holds an API token, which is fetched only when a request needs it."""

    @property
    def label(self) -> str:
        """What the place is called, without anything secret."""

    def fetch(self, *, environ: Mapping[str, str], warn: Warn) -> Secret:
        """Return the token; raises ConfigError with a sentence that quotes nothing of it."""


class InlineToken(NamedTuple):
    """A token that stands in the configuration file or in a variable, whose name is the label."""

    token: Secret
    label: str = "api_token"

    def fetch(self, *, environ: Mapping[str, str], warn: Warn) -> Secret:  # noqa: ARG002 - a source among others
        """Return the token, checked."""
        return _checked(self.token.reveal(), place=self.label)


class TokenFile(NamedTuple):
    """A file with nothing but the token and perhaps a line break after it."""

    path: Path
    name: str = "token_file"
    """The setting that names the file."""

    @property
    def label(self) -> str:
        """The setting and the path."""
        return f"{self.name} {self.path}"

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the file today; a pipe is not looked into, since that would empty it."""
        from stat import S_ISDIR, S_ISREG

        found: list[str] = []
        try:
            mode = self.path.stat().st_mode
            if S_ISREG(mode) or S_ISDIR(mode):
                self.fetch(environ={}, warn=found.append)
        except OSError as error:
            found.append(f"the {self.label} cannot be read: {error.strerror}")
        except ConfigError as error:
            found.append(f"{error.message[0].lower()}{error.message[1:]}")
        return tuple(found)

    def fetch(self, *, environ: Mapping[str, str], warn: Warn) -> Secret:  # noqa: ARG002 - a source among others
        """Read the token; a file that others can read is worth a warning."""
        try:
            file = read_small(self.path, limit=LONGEST_TOKEN)
        except OSError as error:
            raise ConfigError(
                f"The {self.label} cannot be read: {error.strerror}",
                remedy="Write the API token into that file, or give another file.",
            ) from error
        if file.mode & (0o044 if file.owner == os.geteuid() else 0o004):  # a group's, or an ACL, of somebody else
            warn(f"the {self.label} can be read by others; to make it private: chmod 600 {for_shell(str(self.path))}")
        text = file.content.decode("latin-1").removesuffix("\n").removesuffix("\r")
        return _checked(text, place=self.label)


class TokenCommand(NamedTuple):
    """A program that prints the token as its first line; it runs without a shell."""

    argv: tuple[str, ...]
    timeout: float = TOKEN_COMMAND_TIMEOUT
    """Seconds."""

    @property
    def label(self) -> str:
        """The program alone, since its arguments may be secret."""
        return f"token_command {self.argv[0]}"

    def __repr__(self) -> str:
        return f"TokenCommand({self.argv[0]!r}, …)"

    def fetch(self, *, environ: Mapping[str, str], warn: Warn) -> Secret:  # noqa: ARG002 - a source among others
        """Run the program; what it writes to standard error goes to ours, its arguments and output nowhere."""
        status, output = self._run(environ)
        flaw = {0: None, None: f"took longer than {self.timeout:g} s"}.get(status, f"ended with exit code {status}")
        if flaw is None and len(output) > LONGEST_TOKEN:
            flaw = "printed more than 64 KiB"
        if flaw:
            raise self._error(flaw)
        line = output.partition(b"\n")[0].removesuffix(b"\r")
        return _checked(line.decode("latin-1"), place=f"What the {self.label} prints as its first line")

    def _run(self, environ: Mapping[str, str]) -> tuple[int | None, bytes]:
        """Return the exit code, None after a time-out, and the output up to its limit."""
        import subprocess

        group = None if _has_terminal() else 0
        process: subprocess.Popen[bytes] | None = None
        try:
            with noting():  # it runs before Popen says so, and has to be known to be ended
                process = subprocess.Popen(  # noqa: S603 - the user's own program, without a shell
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    env=dict(environ),
                    process_group=group,
                )
            return _output_within(process, self.timeout)
        except FileNotFoundError as error:
            if "/" in self.argv[0]:
                raise self._error(f"cannot be started: {error.strerror}") from error
            raise ConfigError(
                f"The {self.label} was not found in PATH ({environ.get('PATH', 'not set')})",
                remedy="Write its whole path: cron and systemd have a shorter PATH than a terminal.",
            ) from error
        except OSError as error:
            raise self._error(f"cannot be started: {error.strerror}") from error
        finally:
            if process is not None:
                with process:
                    _end(process, whole_group=group is not None)

    def _error(self, flaw: str) -> ConfigError:
        return ConfigError(
            f"The {self.label} {flaw}",
            remedy="Run the command by hand: its first line must be the API token.",
        )


def split_command(text: str) -> tuple[str, ...]:
    """Split what ``--token-command`` was given as a shell would; raises ConfigError without quoting it."""
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError:
        words = ()
    if words and words[0]:
        return words
    raise ConfigError(
        "The token command is empty or has an unclosed quote",
        remedy='Write the program and its arguments in quotes, such as "pass show exotel".',
    )


def _checked(text: str, *, place: str) -> Secret:
    problem = token_problem(text)
    if problem:
        raise ConfigError(
            f"{place} {problem}, so it is not an API token",
            remedy="Copy the API token again from Exotel's dashboard, alone on its line.",
        )
    return Secret(text)


def _has_terminal() -> bool:
    """Whether a program that we start can ask somebody, which it could not from a process group of its own."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _end(process: "subprocess.Popen[bytes]", *, whole_group: bool) -> None:
    """Kill a program that still runs, and with its group what it waits for, which has our standard error open."""
    import signal

    if process.poll() is not None:
        return
    if whole_group:
        with suppress(ProcessLookupError, PermissionError):  # it ended just now; macOS has no permission then
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _output_within(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[int | None, bytes]:
    """Return exit code and output, without waiting for a child that outlives the program and holds its output.

    ``communicate`` would do that, keep any amount of output and name the arguments.
    """
    import selectors
    import subprocess
    import time

    deadline = time.monotonic() + seconds
    has_ended = False
    output = b""
    with selectors.DefaultSelector() as selector:
        stdout = cast("IO[bytes]", process.stdout)  # it is a pipe
        selector.register(stdout, selectors.EVENT_READ)
        while len(output) <= LONGEST_TOKEN:
            if not has_ended and process.poll() is not None:
                has_ended, deadline = True, min(deadline, time.monotonic() + TOKEN_COMMAND_GRACE)
            left = max(0.0, deadline - time.monotonic())
            if selector.select(left if has_ended else min(left, LOOK)):
                chunk = os.read(stdout.fileno(), 65536)
                if not chunk:
                    break
                output += chunk
            elif not left:
                return (process.returncode, output) if has_ended else (None, b"")
        else:
            return 0, output
    try:
        return process.wait(max(0.0, deadline - time.monotonic())), output
    except subprocess.TimeoutExpired:
        return None, b""
