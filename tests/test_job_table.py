"""Jobs that end in every way, alone and under `exosms job`: the same exit code and bytes, and the right texts."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Shell, children_of, until
from jobs import PATIENCE, SPIN, TO, Ended, Sandbox, as_shell, on_terminal, sandbox

SAY = "echo out; echo err >&2; "
READY = "echo out; echo err >&2; echo ready; "
SLEEP = "while :; do sleep 0.02; done"
BARE = "stty -echo noflsh; "
"""Or the terminal writes a key beside what the job says, in no certain order, and loses what of that was not read."""
TEMPLATES = '[templates.done]\ntext = "Backup {#var#} is done. - Acme"\nvariables = ["name"]\n'
CONFIG = '[groups]\nbad = ["+919876543210", "12"]\n'

Process = subprocess.Popen[bytes]


class Job(NamedTuple):
    """A job, what is done to it, and what is to come of it."""

    about: str
    script: str = SAY + "exit 3"
    code: int = 3
    act: Callable[[Process], object] | None = None
    """Once it has said that it is ready."""
    to: str = TO
    options: tuple[str, ...] = ()
    env: dict[str, str] = {}  # noqa: RUF012
    before: str = ""
    """What is told before it starts."""
    missed: str = ""
    """What is told where the text was due."""
    texts: int = 1
    argv: tuple[str, ...] = ()
    """In the place of a script."""
    is_disk_full: bool = False


def sends(signum: int) -> Callable[[Process], object]:
    return lambda process: process.send_signal(signum)


def stops_and_goes_on(process: Process) -> None:
    """Stop the job itself, as a person would, and let it go on."""
    is_job = Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"sh\0")
    job = process.pid if is_job else children_of(process)[0]
    os.kill(job, signal.SIGSTOP)
    until(lambda: "T (stopped)" in Path(f"/proc/{job}/status").read_text())
    os.kill(job, signal.SIGCONT)
    os.kill(job, signal.SIGTERM)


OWN_SIGNALS = ["HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "PIPE", "ALRM", "TERM", "USR1", "RTMIN"]
HEARD = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
OTHER = "+919876543211"
BAD = "'12' is not an Indian mobile number"
JOBS = [
    Job("succeeds", SAY, 0),
    Job("fails"),
    Job("fails with 1", "exit 1", 1),
    Job("fails with 255", SAY + "exit 255", 255),
    Job("says itself 127", SAY + "exit 127", 127),
    Job("says itself 130", SAY + "exit 130", 130),
    Job("is not there", "", 127, argv=("no-such-program", "x")),
    Job("is not executable", "", 126, argv=("{home}/plain.txt",)),
    Job("is a directory", "", 126, argv=("{home}",)),
    Job("lies below a file", "", 126, argv=("{home}/plain.txt/x",)),
    Job("has no interpreter", "", 127, argv=("{home}/lost",)),
    Job("has no name", "", 127, argv=("",)),
    Job("names no interpreter", "sh runs it", 4, argv=("{home}/bare", "a b", "")),
    Job("has bytes for arguments", "sh", 3, argv=("sh", "-c", 'printf "%s" "$1"; exit 3', "sh", "\udcff\udcfe")),
    *(Job(f"dies of {name}", SAY + f"kill -{name} $$", 128 + getattr(signal, f"SIG{name}")) for name in OWN_SIGNALS),
    *(Job(f"dies of our {it.name}", READY + SLEEP, 128 + it, act=sends(it)) for it in HEARD),
    *(
        Job(f"handles our {it.name}", f"trap 'echo once; exit 5' {it}; {READY}{SLEEP}", 5, act=sends(it))
        for it in HEARD
    ),
    Job("is stopped and goes on", READY + SLEEP, 143, act=stops_and_goes_on),
    Job("reads its input", "cat; exit 3"),
    Job("closes its output", "exec >&- 2>&-; exit 3"),
    Job("has no account", env={"EXOTEL_API_KEY": ""}, before="No account: ", missed="No account: ", texts=0),
    Job("has a wrong token", env={"EXOTEL_API_TOKEN": "wrong"}, missed=f"not reach {TO} (HTTP 401", texts=0),
    Job("names nobody", to="", before="Nobody is to be texted", missed="reached nobody", texts=0),
    Job("has a bad number", to=f"12,{TO}", before=BAD, missed="not reach '12'"),
    Job("has only that", to="12", before=BAD, missed="not reach '12'", texts=0),
    Job("has a bad group", to="@bad", before=BAD, missed="not reach '12'"),
    Job("knows no such group", to=f"@none,{TO}", before="no group 'none'", missed="not reach '@none'"),
    Job("lacks its file", options=("--to-file", "/none"), before="/none cannot be read", missed="not reach '/none'"),
    Job("lacks its only file", to="", options=("--to-file", "/none"), before="/none", missed="'/none'", texts=0),
    Job("stops at a refusal", to=f"+919000000403,{TO}", missed=f"Exotel.); {TO} (not attempted)", texts=0),
    Job("may not text all", env={"EXOSMS_ALLOW": TO}, to=f"{TO},{OTHER}", before=OTHER, missed=f"not reach {OTHER}"),
    Job("finds the disk full", is_disk_full=True),
    Job("finds it full with a key", options=("--once", "k"), is_disk_full=True, missed="ledger", texts=0),
    Job("has no network", env={"EXOSMS_BASE_URL": "http://127.0.0.1:1"}, missed=f"not reach {TO} (", texts=0),
    Job("is slowed down", to=f"+919000000429,{TO}", missed="not reach +919000000429 (HTTP 429"),
    Job("is refused", to=f"+919000000400,{TO}", missed="not reach +919000000400 (HTTP 400"),
    Job("is not answered", to=f"+919000000500,{TO}", missed="may not have reached +919000000500 (HTTP 500"),
    Job("has another text", options=("-t", "done", "-b", "It is"), before="not match", missed="not match", texts=0),
    Job("lacks a variable", options=("-t", "done"), before="name", missed="name", texts=0),
    Job("has an empty text", options=("-b", ""), before="The text is empty", missed="text is empty", texts=0),
    Job("fills its template", options=("-t", "done", "--var", "name={job} {status} {host} {duration}")),
    Job("takes too long a text", options=("-b", "x" * 2001), before="2001", missed="2001 characters", texts=0),
]


@pytest.fixture
def served(exosms: Shell) -> Iterator[Sandbox]:
    """A sandbox, and a home with what the jobs name."""
    home = exosms.home
    (home / "plain.txt").write_text("no program\n")
    (home / "lost").write_text("#!/no/such/interpreter\n")
    (home / "bare").write_text(f'{SAY}printf "%s|" "$@"; exit 4\n')
    for name in ("lost", "bare"):
        (home / name).chmod(0o700)
    (home / "templates.toml").write_text(TEMPLATES)
    (home / "config.toml").write_text(CONFIG)
    (home / "config.toml").chmod(0o600)
    exosms.env |= {"EXOSMS_TEMPLATES": str(home / "templates.toml"), "EXOSMS_CONFIG": str(home / "config.toml")}
    with sandbox(exosms) as served:
        yield served


def run(argv: list[str], job: Job, env: dict[str, str], home: Path) -> Ended:
    """Run a command in pipes, and do to it what is to be done."""
    limits = "ulimit -c 0; ulimit -f 0" if job.is_disk_full else "ulimit -c 0"
    limited = ["/bin/sh", "-c", f'{limits}; exec "$@"', "sh", *argv]
    pipe = subprocess.PIPE
    if job.is_disk_full:  # and measuring writes a file of its own
        env = {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}
    process = subprocess.Popen(limited, env=env, cwd=home, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout
    begun = b""
    if job.act:
        begun = process.stdout.readline() + process.stdout.readline()
        job.act(process)
    out, err = process.communicate(b"a line\n\xff\0", timeout=PATIENCE)
    return Ended(as_shell(process.returncode), begun + out, err)


@pytest.mark.parametrize("on", ["failure", "success", "always"])
@pytest.mark.parametrize("job", JOBS, ids=[job.about for job in JOBS])
def test_a_job_is_as_it_is_without_us(exosms: Shell, served: Sandbox, job: Job, on: str) -> None:
    argv = [word.format(home=exosms.home) for word in job.argv] or ["sh", "-c", job.script]
    alone = run(["env", "--", *argv], job, exosms.full_env(job.env), exosms.home)
    to = ("--to", job.to) if job.to else ()
    ours = ("job", "--on", on, *to, "--rate", "off", "--retry-for", "0", *job.options, "--", *argv)
    told = run(exosms.command(*ours), job, exosms.full_env(job.env), exosms.home)

    assert (told.code, told.out) == (job.code, alone.out), told.err
    assert alone.code == job.code
    is_due = on == "always" or (on == "success") == (job.code == 0)
    assert len(served.texts) == (job.texts if is_due else 0), told.err
    assert all("out" not in text and "err" not in text for text in served.texts)

    if not job.script:  # and nobody else tells that it could not be started
        assert told.err.count(b"\n") == told.err.count(b" could not be started: ") == 1
        return
    before, after = told.err.split(alone.err) if alone.err else (b"", told.err)
    assert job.before in before.decode()
    assert bool(before) == bool(job.before)
    lines = after.decode().splitlines()
    assert len(lines) == bool(job.missed and is_due), lines
    assert all(line.startswith("exosms: error: the text about ") and job.missed in line for line in lines), lines


ONS = pytest.mark.parametrize(("on", "texts"), [("failure", 1), ("success", 0), ("always", 1)])


def compared(
    exosms: Shell,
    script: str,
    on: str,
    steps: list[tuple[bytes, bytes]],
    *,
    hangs_up: bool = False,
) -> tuple[Ended, Ended]:
    """Run a job on a terminal, under exosms and alone."""
    job = ["sh", "-c", script]
    ours = exosms.command("job", "--on", on, "--to", TO, "--rate", "off", "--", *job)
    told = on_terminal(ours, exosms.full_env(), steps, hangs_up=hangs_up)
    return told, on_terminal(job, exosms.full_env(), steps, hangs_up=hangs_up)


@ONS
@pytest.mark.parametrize(
    ("script", "steps", "code"),
    [
        (f"{BARE}echo ready; exec sleep 1000", [(b"ready", b"\x03")], 130),
        (f"{BARE}echo ready; exec sleep 1000", [(b"ready", b"\x1c")], 131),
        (f"{BARE}trap 'echo once; exit 7' INT; echo ready; {SPIN}", [(b"ready", b"\x03")], 7),
        (f"{BARE}trap 'echo once; exit 7' QUIT; echo ready; {SPIN}", [(b"ready", b"\x1c")], 7),
        (
            f"{BARE}trap 'trap \"exit 9\" INT; echo again' INT; echo ready; {SPIN}",
            [(b"ready", b"\x03"), (b"again", b"\x03")],
            9,
        ),
        ('printf "name? "; read name; echo "hello $name"; exit 3', [(b"name? ", b"Asha\n")], 3),
        ('stty -echo; printf "secret? "; read it; stty echo; echo "$it"; exit 3', [(b"secret? ", b"x\n")], 3),
        ("test -t 0 && test -t 1 && test -t 2 && tty -s && exit 3", [], 3),
    ],
    ids=["^C", "^\\\\", "^C, handled", "^\\\\, handled", "^C twice", "asks", "hides", "tty"],
)
def test_a_terminal_is_the_jobs(
    exosms: Shell, served: Sandbox, script: str, steps: list[tuple[bytes, bytes]], code: int, on: str, texts: int
) -> None:
    told, alone = compared(exosms, script, on, steps)
    assert told == alone._replace(code=code)
    assert (alone.code, len(served.texts)) == (code, texts)


@ONS
@pytest.mark.parametrize(
    ("script", "code"),
    [
        (f"echo ready; {SLEEP}", 129),
        (f"trap 'exit 6' HUP; echo ready; {SLEEP}", 6),
        ("trap '' HUP; echo ready; while true > /dev/tty; do sleep 0.02; done 2> /dev/null; exit 8", 8),
    ],
    ids=["it ends", "it hears of it", "it goes on"],
)
def test_a_terminal_is_closed(exosms: Shell, served: Sandbox, script: str, code: int, on: str, texts: int) -> None:
    told, alone = compared(exosms, script, on, [(b"ready", b"")], hangs_up=True)
    assert (told.code, alone.code, len(served.texts)) == (code, code, texts)


@ONS
def test_much_output_goes_through_a_pipe_unseen(exosms: Shell, served: Sandbox, on: str, texts: int) -> None:
    """It is written by the job itself: we have nothing to do with it, whatever it is."""
    script = "head -c 200000000 /dev/zero; exit 3"
    with exosms.start("job", "--on", on, "--to", TO, "--rate", "off", "--", "sh", "-c", script) as process:
        assert process.stdout
        assert process.stderr
        received = 0
        while chunk := process.stdout.read(1 << 20):
            assert chunk.count(0) == len(chunk)
            received += len(chunk)
        assert process.stderr.read() == b""
    assert (process.returncode, received, len(served.texts)) == (3, 200_000_000, texts)


@ONS
def test_a_daemon_that_stays_behind_keeps_nobody(exosms: Shell, served: Sandbox, on: str, texts: int) -> None:
    script = "sleep 1000 & echo $!; exit 3"
    with exosms.start("job", "--on", on, "--to", TO, "--rate", "off", "--", "sh", "-c", script) as process:
        assert process.stdout
        daemon = int(process.stdout.readline())
        try:
            assert process.wait(PATIENCE) == 3
            os.kill(daemon, 0)  # it still has our output
            assert len(served.texts) == texts
        finally:
            os.kill(daemon, signal.SIGKILL)
