"""completions/ holds what the program prints; bash, zsh and fish load it, and what TAB adds is right."""

import fcntl
import os
import pty
import select
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pyte
import pytest
from conftest import Result, Shell

FILES = {"bash": "exosms.bash", "zsh": "_exosms", "fish": "exosms.fish"}
COMPLETIONS = Path(__file__).parent.parent / "completions"
CONFIG = """
default_profile = "prod"
[profiles.prod]
region = "mumbai"
account_sid = "acme1"
api_key = "key"
token_command = ["false"]
templates = "sms.toml"
[profiles.staging]
region = "singapore"
[groups]
oncall = ["+919876543210"]
managers = 5
"two words" = []
"a,b" = []
"""
TEMPLATES = """
[templates.otp]
text = "{#var#} is your OTP. - Acme"
[templates.order-sent]
text = "Order {#var#} has left. - Acme"
[templates.default]
text = "Hello"
[templates."x; touch owned"]
text = "Hello"
[templates."$(touch owned)"]
text = "Hello"
[templates.'\\"); touch owned; x=(#']
text = "Hello"
"""


@pytest.fixture
def stocked(exosms: Shell) -> Shell:
    """Exosms with profiles, templates and runs."""
    config = exosms.home / "config.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    (exosms.home / "sms.toml").write_text(TEMPLATES)
    exosms.env["EXOSMS_CONFIG"] = str(config)
    rows = exosms.home / "rows.csv"
    for name in ("june", "july"):
        rows.write_text(f"to,body\n9876543210,{name}\n")
        bulk = ("bulk", str(rows), "--region", "sandbox", "--run", name, "--yes")
        assert exosms(*bulk, "--sent-before", "send").exit_code == 0
    return exosms


def asking(exosms: Shell, line: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the program as the scripts do."""
    asked = {
        "_EXOSMS_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": line,
    }
    return exosms.start(env={**asked, **(env or {})}, cwd=exosms.home)


def offered(exosms: Shell, line: str, env: Mapping[str, str] | None = None) -> list[str]:
    """What is offered for the last word of a line; nothing else may be printed."""
    out, err = asking(exosms, line, env).communicate(timeout=60)
    assert err == b""
    return [candidate.split("\t")[0] for candidate in out.decode().splitlines() if candidate]


@pytest.mark.parametrize("shell", FILES)
def test_the_files_are_what_the_program_prints(exosms: Shell, shell: str) -> None:
    printed = exosms.start(env={"_EXOSMS_COMPLETE": f"source_{shell}"}).communicate()[0].decode()
    assert printed == (COMPLETIONS / FILES[shell]).read_text()
    assert exosms("--show-completion", shell) == Result(0, printed, "")


@pytest.mark.parametrize(
    ("line", "offered"),
    [("exosms pro", "profile"), ("exosms send --reg", "--region"), ("exosms profile rem", "remove")],
)
def test_bash_completes_commands_and_options(exosms: Shell, line: str, offered: str) -> None:
    env = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
        "_EXOSMS_COMPLETE": "complete_bash",
    }
    out, _ = exosms.start(env=env).communicate()
    assert out.decode().split() == [offered]


OFFERED = {
    "exosms re": [],
    "exosms r": ["runs"],
    "exosms runs re": ["resume", "retry", "reconcile", "resolve"],
    "exosms send --region ": ["singapore", "mumbai", "sandbox"],
    "exosms send --region=mu": ["mumbai"],
    "exosms send -o j": ["json", "jsonl"],
    "exosms bulk x.csv --duplicates f": ["first"],
    "exosms log --outcome no": ["not_sent"],
    "exosms runs resolve june --as ": ["accepted", "not_sent"],
    "exosms send --priority h": ["high"],
    "exosms send --encoding u": ["unicode"],
    "exosms send --type promo": ["promotional"],
    "exosms --show-completion z": ["zsh"],
    "exosms send -p ": ["prod", "staging", "sandbox"],
    "exosms log -p ": ["prod", "staging", "sandbox"],
    "exosms profile use s": ["staging", "sandbox"],
    "exosms profile add s": [],
    "exosms send --to ": ["@oncall", "@managers"],
    "exosms send --to @on": ["@oncall"],
    "exosms send --to=@m": ["@managers"],
    "exosms send --to 9876543210 -t o": ["otp", "order-sent"],
    "exosms send -t ": ["otp", "order-sent", "default"],
    "exosms send -p prod -t o": ["otp", "order-sent"],
    "exosms send -p staging -t ": ["other"],
    "exosms send --templates sms.toml -p staging --template d": ["default"],
    "exosms check-template --templates ~/sms.toml -t d": ["default"],
    "exosms template show o": ["otp", "order-sent"],
    "exosms bulk x.csv -p staging -t o": ["other"],
    "exosms runs show ju": ["july", "june"],
    "exosms status --run june -p prod --run jul": ["july"],
    "exosms job --on s": ["success"],
    "exosms job --to @o": ["@oncall"],
    "exosms job -p staging -t o": ["other"],
    "exosms job -n -- ls --re": [],
    "exosms help e": ["environment", "exit-codes"],
    "exosms help s": ["send", "status", "sandbox"],
    "exosms help runs re": ["resume", "retry", "reconcile", "resolve"],
    "exosms help send ": [],
    "exosms help outcomes ": [],
    "exosms send --body 'it": [],
    'exosms send --body "two words" -p st': ["staging"],
}


def test_names_and_choices_are_offered(stocked: Shell) -> None:
    (stocked.home / "templates.toml").write_text('[templates.other]\ntext = "Hello"\n')
    assert {line: offered(stocked, line) for line in OFFERED} == OFFERED


def test_every_option_is_offered_with_one_line_about_it(exosms: Shell) -> None:
    """A description that is broken into lines would be offered line by line."""
    out, _ = asking(exosms, "exosms send --").communicate()
    listed = exosms("send", "--help").stdout
    candidates = dict(line.split("\t") for line in out.decode().splitlines())
    assert all(name in listed for name in candidates)
    assert candidates["--once"].endswith("a fresh CI machine has none.")


NAMES = ["exosms send -p ", "exosms send -t ", "exosms send -p prod -t ", "exosms runs show ", "exosms send --to "]


@pytest.mark.parametrize("broken", ["[", "version = 99", "profiles = 1", "\x00", "pipe", "directory", "loop", "open"])
def test_what_cannot_be_read_offers_nothing_and_says_nothing(exosms: Shell, broken: str) -> None:
    config, state = exosms.home / "config.toml", exosms.home / "state"
    state.mkdir(mode=0o700)
    for path in (config, exosms.home / "templates.toml", state / "ledger.db"):
        match broken:
            case "pipe":
                os.mkfifo(path, 0o600)
            case "directory":
                path.mkdir()
            case "loop":
                path.symlink_to(path.name)
            case _:
                path.write_text(broken)
                path.chmod(0o644 if broken == "open" else 0o600)
    asked = [asking(exosms, line, {"EXOSMS_CONFIG": str(config)}) for line in NAMES]
    answers = [process.communicate(timeout=60) for process in asked]
    assert {word for out, _ in answers for word in out.decode().split()} <= {"sandbox"}
    assert {err for _, err in answers} == {b""}


def test_the_home_of_a_user_who_is_not_there_offers_nothing_and_says_nothing(exosms: Shell) -> None:
    assert offered(exosms, "exosms send --config ~nobody-of-that-name/config.toml -p ") == ["sandbox"]
    assert offered(exosms, "exosms send --templates ~nobody-of-that-name/templates.toml -t ") == []


def test_asking_needs_no_network_no_token_and_leaves_nothing_behind(exosms: Shell) -> None:
    env = dict.fromkeys(("HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    for line in [*NAMES, "exosms log --run "]:
        assert offered(exosms, line, env) == (["sandbox"] if line.endswith("-p ") else [])
    assert list(exosms.home.iterdir()) == []


def test_a_ledger_in_use_is_not_waited_for(stocked: Shell) -> None:
    import sqlite3

    with closing(sqlite3.connect(stocked.home / "state" / "ledger.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert offered(stocked, "exosms runs show j") == ["july", "june"]


def test_names_cost_little(stocked: Shell) -> None:
    """Held by what is imported instead of by a clock."""
    script = (
        "import atexit, sys; from exosms.cli.app import main;"
        " atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main([])"
    )
    for line in ("exosms send -t ", "exosms runs show ", "exosms send -p ", "exosms send --to ", "exosms send --"):
        env = {
            "_EXOSMS_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TYPER_COMPLETE_ARGS": line,
        }
        clean = {name: value for name, value in stocked.full_env(env).items() if not name.startswith("COVERAGE_")}
        done = subprocess.run([sys.executable, "-c", script], env=clean, capture_output=True, text=True, check=False)
        assert done.stdout, line
        heavy = {"httpx", "httpcore", "ssl", "rich.console", "asyncio", "phonenumbers", "tomlkit", "platformdirs"}
        assert set() == heavy & {*done.stderr.split()}, line


# Real shells, on a terminal, and a TAB.

FISH_PROMPT = "function fish_prompt; echo -n '> '; end; set -g fish_autosuggestion_enabled 0"
START = {
    "bash": ("bash --norc --noprofile -i", f"source {shlex.quote(str(COMPLETIONS / 'exosms.bash'))}"),
    "zsh": (
        "zsh -d -i",
        f"fpath=({shlex.quote(str(COMPLETIONS))} $fpath); autoload -Uz compinit; compinit -D -u",
    ),
    "zsh, sourced": (
        "zsh -d -i",
        f"autoload -Uz compinit; compinit -D -u; source {shlex.quote(str(COMPLETIONS / '_exosms'))}",
    ),
    "fish": (
        "fish --no-config -i -C 'source {rc}'",
        f"source {shlex.quote(str(COMPLETIONS / 'exosms.fish'))}\n{FISH_PROMPT}",
    ),
}
"""How each is started, and what it reads before it first asks: who types before that may not be heard."""


class Terminal:
    """A shell on a terminal."""

    def __init__(self, argv: list[str], env: Mapping[str, str], cwd: Path) -> None:
        self._screen = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._process = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # A shell wants to control its terminal, and no thread runs here.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def shows(self, text: str) -> bool:
        """Wait until a line of the screen is this, but for blanks at its ends."""
        return self._becomes(lambda: text in (line.strip() for line in self.lines()))

    def asks(self) -> bool:
        """Wait until the shell reads: the cursor stands behind an empty prompt, which it writes when it is ready."""
        return self._becomes(lambda: self._screen.display[self._screen.cursor.y].strip() == ">")

    def _becomes(self, is_there: Callable[[], bool]) -> bool:
        until = time.monotonic() + 60
        while not is_there():
            if time.monotonic() > until:
                return False
            if select.select([self._ours], [], [], 0.5)[0]:
                self._stream.feed(os.read(self._ours, 65536))
        return True

    def lines(self) -> list[str]:
        return [line for line in self._screen.display if line.strip()]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.fixture(params=START)
def terminal(request: pytest.FixtureRequest, stocked: Shell) -> Iterator[Terminal]:
    """A shell that has loaded the completions, in a home with an exosms on its PATH."""
    command, load = START[request.param]
    rc = stocked.home / ".zshrc"
    rc.write_text(f"{load}\n")
    argv = shlex.split(command.format(rc=rc))
    if shutil.which(argv[0]) is None and not os.environ.get("CI"):
        pytest.skip(f"{argv[0]} is not installed")
    directory = stocked.home / "bin"
    directory.mkdir()
    (directory / "exosms").write_text(f'#!/bin/sh\nexec {shlex.join(stocked.command())} "$@"\n')
    (directory / "exosms").chmod(0o700)
    path = f"{directory}:{os.environ['PATH']}"
    env = {
        **stocked.full_env(),
        "PATH": path,
        "TERM": "xterm",
        "PS1": "> ",
        "LC_ALL": "C.UTF-8",
        "ZDOTDIR": str(stocked.home),
        "PROMPT_COMMAND": f"source {rc}; unset PROMPT_COMMAND",
    }
    shell = Terminal(argv, env, stocked.home)
    assert shell.asks(), shell.lines()
    yield shell
    shell.close()


def test_tab_completes(terminal: Terminal, stocked: Shell) -> None:
    for typed, becomes in [
        ("exosms pro", "exosms profile"),
        ("exosms send --reg", "exosms send --region"),
        ("exosms send --region mum", "exosms send --region mumbai"),
        ("exosms send --region=mum", "exosms send --region=mumbai"),
        ("exosms send -p sta", "exosms send -p staging"),
        ("exosms send -p prod --to 9876543210 -t ot", "exosms send -p prod --to 9876543210 -t otp"),
        ("exosms send --to @on", "exosms send --to @oncall"),
        ("exosms send --to=@on", "exosms send --to=@oncall"),
        ("exosms runs resume jun", "exosms runs resume june"),
        ("exosms bulk row", "exosms bulk rows.csv"),
        ("exosms send -F row", "exosms send -F rows.csv"),
        ("echo x; bin/exosms send -p sta", "echo x; bin/exosms send -p staging"),
        ("exosms send -t \t\t\x15exosms send -t def", "exosms send -t default"),  # after all names were offered
    ]:
        terminal.type(f"{typed}\t")
        assert terminal.shows(f"> {becomes}"), terminal.lines()
        terminal.type("\x15")
        assert terminal.asks(), terminal.lines()
    assert not (stocked.home / "owned").exists()
