"""``exosms job``: what is texted and when, how its command line reads, and what the command is left."""

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Result, Shell, children_of, until
from jobs import PATIENCE, SPIN, TO, Sandbox, Step, on_terminal, sandbox

from exosms.cli.job import _without_again
from exosms.job import child
from exosms.job.ending import Ending, On, ended, filled, name_of
from exosms.sms.message import Outcome


@pytest.fixture
def served(exosms: Shell) -> Iterator[Sandbox]:
    with sandbox(exosms) as served:
        yield served


def job(exosms: Shell, *argv: str, env: dict[str, str] | None = None) -> Result:
    """Run it to somebody, as a process of its own."""
    with exosms.start("job", "--to", TO, "--rate", "off", "--retry-for", "0", *argv, env=env) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return Result(process.returncode, out.decode(errors="surrogateescape"), err.decode())


# How it ended, in words.


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (0, 0, "succeeded"),
        (3 << 8, 3, "exit code 3"),
        (255 << 8, 255, "exit code 255"),
        (signal.SIGKILL, 137, "killed by SIGKILL"),
        (signal.SIGSEGV | 0x80, 139, "killed by SIGSEGV"),
        (signal.SIGRTMIN + 3, 128 + signal.SIGRTMIN + 3, f"killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_an_ending_is_told_as_a_shell_has_it(status: int, code: int, said: str) -> None:
    assert ended(status, 1.0) == Ending(code, said, 1.0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (0.99, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (3900, "1 h 5 min"),
        (86399, "23 h 59 min"),
        (86400 * 2 + 3600 * 3 + 59, "2 d 3 h"),
        (86400 * 400, "400 d"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, said: str) -> None:
    assert Ending(0, "", seconds).words("x")["duration"] == said


@pytest.mark.parametrize(
    ("on", "code", "seconds", "longer_than", "is_wanted"),
    [
        (On.FAILURE, 0, 1, 0, False),
        (On.FAILURE, 1, 1, 0, True),
        (On.FAILURE, 137, 1, 0, True),
        (On.SUCCESS, 0, 1, 0, True),
        (On.SUCCESS, 1, 1, 0, False),
        (On.ALWAYS, 0, 1, 0, True),
        (On.ALWAYS, 1, 1, 0, True),
        (On.ALWAYS, 1, 899.9, 900, False),
        (On.ALWAYS, 1, 900, 900, True),
    ],
)
def test_which_endings_are_texted_about(
    on: On, code: int, seconds: float, longer_than: float, is_wanted: bool
) -> None:
    assert Ending(code, "", seconds).is_wanted(on, longer_than=longer_than) is is_wanted


def test_placeholders_are_replaced_once_and_nothing_else_is() -> None:
    words = Ending(3, "exit code 3", 65).words("{code} of {host}")
    assert filled("{job}: {status}, {code}, {duration}", words) == "{code} of {host}: exit code 3, 3, 1 min 5 s"
    assert filled("{{job}} {jobs} { job } {Job} {} {", words) == "{{job}} {jobs} { job } {Job} {} {"
    assert filled("{host}", words) == os.uname().nodename


@pytest.mark.parametrize(
    ("program", "name"),
    [("./backup.sh", "backup.sh"), ("/usr/bin/true", "true"), ("true", "true"), ("/", "/"), ("\udcffx", "\ufffdx")],
)
def test_a_job_is_called_as_its_file(program: str, name: str) -> None:
    assert name_of(program) == name


# What is texted.


HOST = os.uname().nodename
LONG = "long " * 20
CUT = "long long long long long long"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), f"sh on {HOST}: exit code 3 after 0 s"),
        (("--name", "backup"), f"backup on {HOST}: exit code 3 after 0 s"),
        (("-b", "{job} {code}: {status}"), "sh 3: exit code 3"),
        (("--name", "{status}", "-b", "{job}!"), "{status}!"),
        (("-b", "{jbo} failed"), "{jbo} failed"),
        (("-t", "ops", "--var", "what={job}", "--var", "why={status}"), "Job sh: exit code 3. - Acme"),
        (("-t", "ops", "--var", f"what={LONG}", "--var", "why=a\nb {code}"), f"Job {CUT}: a b 3. - Acme"),
        (("-t", "ops", "-b", "Job x: {code}. - Acme"), "Job x: 3. - Acme"),
    ],
)  # fmt: skip
def test_the_text_says_how_it_ended(
    exosms: Shell, served: Sandbox, options: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    templates = tmp_path / "templates.toml"
    templates.write_text('[templates.ops]\ntext = "Job {#var#}: {#var#}. - Acme"\nvariables = ["what", "why"]\n')
    result = job(exosms, *options, "--templates", str(templates), "--", "sh", "-c", "exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", "")
    [sent] = served.texts
    assert re.sub(r"after \d+ s", "after 0 s", sent) == text


def test_what_could_not_be_started_is_texted_about(exosms: Shell, served: Sandbox) -> None:
    assert job(exosms, "-b", "{job}: {status}, {code}", "--", "no-such").exit_code == 127
    assert job(exosms, "-b", "{job}: {status}, {code}", "--", "/etc").exit_code == 126
    assert job(exosms, "-b", "{status}, {code}", "--", "sh", "-c", "kill -9 $$").exit_code == 137
    assert served.texts == [
        "no-such: could not be started: No such file or directory, 127",
        "etc: could not be started: Permission denied, 126",
        "killed by SIGKILL, 137",
    ]


def test_only_what_took_long_is_texted_about(exosms: Shell, served: Sandbox) -> None:
    for limit, texts in (("1h", 0), ("0", 1)):
        assert job(exosms, "--longer-than", limit, "--", "false").exit_code == 1
        assert len(served.texts) == texts


def test_a_job_that_fails_every_minute_is_texted_about_once_an_hour(exosms: Shell, served: Sandbox) -> None:
    once = ("--once", "backup", "--within", "1h")
    for _ in range(3):
        assert job(exosms, *once, "--", "sh", "-c", "exit 3") == Result(3, "", "")
    assert served.requests == 1
    told = job(exosms, *once, "-v", "--", "sh", "-c", "exit 3")
    assert (told.exit_code, f"{Outcome.SKIPPED} {TO}" in told.stderr, served.requests) == (3, True, 1)


def test_what_was_accepted_is_told_to_whoever_asks(exosms: Shell, served: Sandbox) -> None:
    assert job(exosms, "--", "false").stderr == ""
    told = job(exosms, "-v", "--", "false")
    assert (told.exit_code, told.stdout) == (1, "")
    assert f"exosms: {Outcome.ACCEPTED} {TO} " in told.stderr
    assert len(served.texts) == 2


def test_one_line_names_everybody_whom_it_did_not_reach(exosms: Shell, served: Sandbox) -> None:
    bad = ("+919000000400", "+919000000404", "+919000000500")
    told = job(exosms, *(word for to in bad for word in ("--to", to)), "--name", "a\x1b[2Jb", "--", "false")
    assert (told.exit_code, len(told.stderr.splitlines()), len(served.texts)) == (1, 1, 1)
    assert told.stderr.startswith("exosms: error: the text about a\\x1b[2Jb did not reach +919000000400 (HTTP 400: ")
    assert all(f"{to} (" in told.stderr for to in bad)
    assert f"{TO} (" not in told.stderr


def test_those_who_were_kept_back_for_the_same_reason_are_named_together(exosms: Shell, served: Sandbox) -> None:
    told = job(exosms, "--to", "9876543211", "--base-url", "http://127.0.0.1:1", "--", "false")
    assert (told.exit_code, len(told.stderr.splitlines()), served.requests) == (1, 1, 0)
    assert TO in told.stderr
    assert "+919876543211" in told.stderr


OTHER = "+919876543211"


@pytest.mark.parametrize(
    ("given", "before", "after"),
    [
        (("12",), "'12' is not an Indian mobile number: ", "'12'"),
        (
            ("@oncal",),
            (
                "There is no group 'oncal' in {config}; did you mean 'oncall'?\n"
                "  `exosms profile groups` shows them with their numbers.\n"
            ),
            "'@oncal'",
        ),
        (("98765 43210, +91 98765 43211", "-t", "none"), "There is no template 'none' in ", f"{TO}, {OTHER} ("),
        (("+91 98765 43211,12", "-t", "none"), "There is no template 'none' in ", f"{OTHER} ("),
    ],
    ids=["a bad number", "no such group", "nobody", "nobody, and one bad"],
)
def test_what_was_told_before_is_not_told_after_and_numbers_are_alike(
    exosms: Shell, tmp_path: Path, given: tuple[str, ...], before: str, after: str
) -> None:
    config, templates = exosms.home / "config.toml", tmp_path / "templates.toml"
    config.write_text(f'[groups]\noncall = ["{TO}"]\n')
    config.chmod(0o600)
    templates.write_text('[templates.ops]\ntext = "Failed."\n')
    where = ("--config", str(config), "--templates", str(templates), "--region", "sandbox", "--from", "ACMEIN")
    argv = ("job", *where, "--to", *given, "--", "sh", "-c", "echo here >&2; exit 3")
    with exosms.start(*argv) as process:
        first, last = process.communicate(timeout=PATIENCE)[1].decode().split("here\n")
    assert before.format(config=config) in first
    assert last.startswith(f"exosms: error: the text about sh did not reach {after}")
    assert last == last.splitlines()[0] + "\n"
    assert after.endswith("(") or last.endswith(f"{after}\n")


def test_what_could_not_be_sent_is_no_reason_to_run_the_job_again(exosms: Shell, served: Sandbox) -> None:
    told = job(exosms, "--base-url", "http://127.0.0.1:1", "--", "false")
    assert (told.exit_code, told.stderr) == (
        1,
        (
            f"exosms: error: the text about false did not reach {TO} (the text was not sent: no connection:"
            " 127.0.0.1:1: [Errno 111] Connection refused. Check the network, DNS and HTTPS_PROXY.)\n"
        ),
    )


@pytest.mark.parametrize(
    ("remedy", "left"),
    [
        ("Check DNS, then run it again.", "Check DNS."),
        ("Run it again, with a longer --timeout where the network is slow.", ""),
        ("Wait for it. Then run this again.", "Wait for it."),
        ("Check the key; then send again.", "Check the key."),
        ("Raise the limit, or run it again later.", "Raise the limit."),
        ("Another process is using it: run it again later.", "Another process is using it."),
        ("Export the templates again from the portal.", "Export the templates again from the portal."),
        ("", ""),
    ],
)
def test_a_remedy_without_running_it_again(remedy: str, left: str) -> None:
    assert _without_again(remedy) == left


# A dry run.


def test_a_dry_run_shows_the_text_and_runs_nothing(exosms: Shell, tmp_path: Path) -> None:
    touch = ("touch", str(tmp_path / "ran"))
    shown = exosms("job", "-n", "--to", TO, "--to", "12", "--", *touch)
    assert (shown.exit_code, shown.stdout) == (0, f"touch on {HOST}: exit code 1 after 0 s\n")
    assert f"to {TO}: 1 part, plain" in shown.stderr
    assert "'12' is not an Indian mobile number" in shown.stderr
    assert "no account yet" in shown.stderr
    assert exosms("job", "-n", "-b", "two\nlines", "--", *touch).stdout == "two\nlines\n"
    assert "Nobody is to be texted" in exosms("job", "-n", "-b", "two\nlines", "--", *touch).stderr
    assert list(exosms.home.iterdir()) == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (("--var", "why={status}"), 0),
        (("--var", "why={code}"), 0),
        (("-b", "Failed with {code}."), 0),
        (("-b", "It failed with {code}"), 3),
        ((), 3),
    ],
)
def test_a_dry_run_tells_whether_the_text_matches(
    exosms: Shell, options: tuple[str, ...], exit_code: int, tmp_path: Path
) -> None:
    templates = tmp_path / "templates.toml"
    templates.write_text('[templates.ops]\ntext = "Failed with {#var#}."\nvariables = ["why"]\n')
    shown = exosms("job", "-n", "--to", TO, "-t", "ops", "--templates", str(templates), *options, "--", "true")
    assert (shown.exit_code, bool(shown.stdout)) == (exit_code, exit_code == 0), shown.stderr


# The command line.


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (("--", "echo", "-v", "--on", "always"), "-v --on always\n"),
        (("echo", "--on", "-n", "--help"), "--on -n --help\n"),
        (("echo", "a", "--", "b"), "a -- b\n"),
        (("--", "echo", "--", "a"), "-- a\n"),
        (("--on", "always", "--", "echo", "send", "status", "job"), "send status job\n"),
        (("--name=x", "printf", "%s,", "", " a  b ", "*"), ", a  b ,*,"),
    ],
)
def test_what_follows_is_the_commands(exosms: Shell, served: Sandbox, argv: tuple[str, ...], out: str) -> None:
    assert job(exosms, *argv) == Result(0, out, "")
    assert len(served.texts) == (argv[0] == "--on")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "COMMAND"),
        (("--",), "COMMAND"),
        (("--onn", "always", "--", "touch", "ran"), "--on"),
        (("--on", "failur", "--", "touch", "ran"), "failure"),
        (("--within", "1h", "--", "touch", "ran"), "--once"),
        (("--to-file", "-", "--", "touch", "ran"), "Standard input is the command's"),
        (("--to", "9876543210", "-b", "-", "--", "touch", "ran"), "standard input is the command's"),
        (("--var", "a=b", "--", "touch", "ran"), "-t"),
        (("-t", "x", "-b", "y", "--var", "a=b", "--", "touch", "ran"), "-t"),
        (("--name", "", "--", "touch", "ran"), "--name is empty"),
        (("--longer-than", "5", "--", "touch", "ran"), "duration"),
        (("--base-url", "http://example.com", "--", "touch", "ran"), "http"),
        (("-F", "x", "--", "touch", "ran"), "-F"),
        (("--wait", "5s", "--", "touch", "ran"), "--wait"),
    ],
)
def test_only_a_usage_error_keeps_the_command_from_running(
    exosms: Shell, served: Sandbox, argv: tuple[str, ...], said: str
) -> None:
    with exosms.start("job", *argv, cwd=exosms.home) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, served.requests) == (2, b"", 0), err
    assert said in err.decode()
    assert not (exosms.home / "ran").exists()


@pytest.mark.parametrize("option", ["--once", "--custom-field"])
def test_what_is_no_text_is_told_before_and_after(exosms: Shell, served: Sandbox, option: str) -> None:
    wrong = f"exosms: error: {option} is not UTF-8: a\\udcff\n  Write it in UTF-8.\n"
    argv = ("job", "--to", TO, "--rate", "off", option, "a\udcff", "--", "sh", "-c", "echo here >&2; exit 3")
    with exosms.start(*argv) as process:
        err = process.communicate(timeout=PATIENCE)[1].decode()
    not_reached = f"exosms: error: the text about sh did not reach {TO} ({option} is not UTF-8: a\\udcff."
    assert err == f"{wrong}here\n{not_reached} Write it in UTF-8.)\n"
    assert (process.returncode, served.requests) == (3, 0)


BROKEN = """
import sys
from exosms.cli import app, job_plan
def plan(*_, **__):
    raise {error}
job_plan.plan = plan
sys.exit(app.main())
"""


@pytest.mark.parametrize("error", ["KeyError", "BrokenPipeError(32, '')"])  # nobody has read enough of a text
def test_a_bug_of_ours_does_not_stand_in_its_way(exosms: Shell, error: str) -> None:
    argv = [sys.executable, "-c", BROKEN.format(error=error), "job", "--to", TO, "--", "sh", "-c", "echo out; exit 3"]
    done = subprocess.run(argv, env=exosms.full_env(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("a bug in exosms")) == (3, "out\n", 2)


WORDLESS = """
import sys
from exosms.job import child
child._BRIEF, sys.modules["exosms.cli.output.messages"] = 1000, None
from exosms.cli.app import main
sys.exit(main())
"""


def test_who_was_not_reached_is_named_also_where_no_file_of_ours_can_be_opened(
    exosms: Shell, served: Sandbox
) -> None:
    refused = "+919000000400"
    to = f"{refused},{TO}"
    argv = [sys.executable, "-c", WORDLESS, "job", "--to", to, "--rate", "off", "--", "sh", "-c", "exit 3"]
    done = subprocess.run(argv, env=exosms.full_env(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, len(served.texts)) == (3, 1)
    assert done.stderr == f"exosms: error: the text about sh did not reach {refused}\n"


REPLACED = """
import pathlib, sys
from exosms.cli import job
from exosms.job import child
child._BRIEF, load = 0, job._load_what_sends
def is_gone(event, args):
    if event == "open" and str(args[0]).endswith((".py", ".pyc")):
        raise FileNotFoundError(2, "gone", args[0])
def replaced():
    load()
    sys.addaudithook(is_gone)
    pathlib.Path(sys.argv[1]).touch()
job._load_what_sends = replaced
from exosms.cli.app import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("to", "why"),
    [(TO, ""), ("+919000000401", "HTTP 401"), ("+919000000500", "may not have reached +919000000500 (HTTP 500")],
)
def test_a_long_command_outlives_this_version_of_us(exosms: Shell, served: Sandbox, to: str, why: str) -> None:
    """What an upgrade removes in the meantime is loaded by then."""
    there = str(exosms.home / "there")
    waits = f"until [ -e {there} ]; do sleep 0.02; done; exit 3"
    argv = [sys.executable, "-c", REPLACED, there, "job", "--to", to, "--rate", "off", "--retry-for", "0"]
    command = [*argv, "--once", "k", "--", "sh", "-c", waits]
    done = subprocess.run(
        command, env=exosms.full_env(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, served.requests, bool(done.stderr)) == (3, 1, bool(why))
    assert why in done.stderr


# Files of recipients and tokens that are pipes.


def piped(content: str) -> int:
    """Return the reading end of a pipe with that in it."""
    reading, writing = os.pipe()
    os.write(writing, content.encode())
    os.close(writing)
    return reading


def job_with_pipe(exosms: Shell, *argv: str, pipe: int, env: dict[str, str] | None = None) -> Result:
    command = ["--rate", "off", "--retry-for", "0", *argv, "--", "sh", "-c", "exit 3"]
    with exosms.start("job", *command, env=env, pass_fds=[pipe]) as process:
        out, err = process.communicate(timeout=PATIENCE)
    os.close(pipe)
    return Result(process.returncode, out.decode(), err.decode())


def test_recipients_from_a_pipe_are_read_once(exosms: Shell, served: Sandbox) -> None:
    pipe = piped(f"# who\n{TO}\n")
    assert job_with_pipe(exosms, "--to-file", f"/dev/fd/{pipe}", pipe=pipe) == Result(3, "", "")
    assert len(served.texts) == 1


def test_a_token_from_a_pipe_is_read_once(exosms: Shell, served: Sandbox) -> None:
    pipe = piped("token\n")
    env = {"EXOTEL_API_TOKEN": "", "EXOTEL_API_TOKEN_FILE": f"/dev/fd/{pipe}"}
    assert job_with_pipe(exosms, "--to", TO, pipe=pipe, env=env) == Result(3, "", "")
    assert len(served.texts) == 1


def test_groups_and_templates_from_pipes_are_read_once(exosms: Shell, served: Sandbox) -> None:
    """They are looked at before the command, by the account and by each group, and at its end."""
    config = piped(f'version = 1\n[groups]\noncall = ["{TO}"]\n')
    templates = piped('version = 1\n[templates.ended]\ntext = "It ended: {#var#}"\n')
    argv = ["--to", "@oncall", "-t", "ended", "--var", "1={code}", "--rate", "off", "--", "sh", "-c", "exit 3"]
    pipes = ["--config", f"/dev/fd/{config}", "--templates", f"/dev/fd/{templates}"]
    with exosms.start("job", *pipes, *argv, pass_fds=[config, templates]) as process:
        out, err = process.communicate(timeout=PATIENCE)
    os.close(config)
    os.close(templates)
    assert (process.returncode, out, err, served.texts) == (3, b"", b"", ["It ended: 3"])


def test_an_account_from_a_pipe_is_read_once(exosms: Shell, served: Sandbox) -> None:
    account = 'account_sid = "acme1"\napi_key = "key"\napi_token = "token"\nfrom = "ACMEIN"\n'
    config = f'version = 1\n[profiles.prod]\nbase_url = "{exosms.env["EXOSMS_BASE_URL"]}"\n{account}'
    pipe = piped(f'{config}[groups]\noncall = ["{TO}"]\n')
    argv = ["-p", "prod", "--config", f"/dev/fd/{pipe}", "--to", "@oncall"]
    assert job_with_pipe(exosms, *argv, pipe=pipe, env={"EXOSMS_BASE_URL": ""}) == Result(3, "", "")
    assert len(served.texts) == 1


def test_recipients_from_a_named_pipe_that_is_written_are_read_once(exosms: Shell, served: Sandbox) -> None:
    pipe = exosms.home / "pipe"
    os.mkfifo(pipe)
    holding = os.open(pipe, os.O_RDWR)
    os.write(holding, f"{TO}\n".encode())
    argv = ["--to-file", str(pipe), "--rate", "off", "--", "sh", "-c", "exit 3"]
    with exosms.start("job", *argv) as process:
        until(lambda: not select.select([holding], [], [], 0)[0])
        os.close(holding)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err, len(served.texts)) == (3, b"", b"", 1)


@pytest.mark.parametrize("kind", ["recipients", "token"])
def test_nobody_is_waited_for_who_never_writes_into_a_named_pipe(exosms: Shell, served: Sandbox, kind: str) -> None:
    pipe = exosms.home / "pipe"
    os.mkfifo(pipe)
    argv = () if kind == "token" else ("--to-file", str(pipe))
    env = {"EXOTEL_API_TOKEN": "", "EXOTEL_API_TOKEN_FILE": str(pipe)} if kind == "token" else {}
    with exosms.start("job", "--to", TO, *argv, "--", "sh", "-c", "echo ran; exit 3", env=env) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, served.requests) == (3, b"ran\n", int(kind == "recipients"))  # who is in --to
    before, after = err.decode().splitlines()[0], err.decode().splitlines()[-1]
    assert f"{pipe} cannot be read: it is a pipe that nobody writes into" in before
    assert "did not reach" in after


# What the command is left.


def alone_and_under(exosms: Shell, argv: list[str], env: dict[str, str], **more: Any) -> list[bytes]:
    ours = [*exosms.command("job", "--region", "sandbox", "--to", TO), "--", *argv]
    return [
        subprocess.run(each, env=env, stdout=subprocess.PIPE, timeout=PATIENCE, check=True, **more).stdout
        for each in (argv, ours)
    ]


def test_the_environment_is_the_commands(exosms: Shell) -> None:
    """Python sets LC_CTYPE in its own where there is no locale, as under cron."""
    for locale in ({}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"LANG": "C"}, {"LC_ALL": "C"}):
        env = {"PATH": os.environ["PATH"], "HOME": str(exosms.home), "EMPTY": "", **locale}
        alone, under = alone_and_under(exosms, ["env", "-0"], env)
        assert sorted(under.split(b"\0")) == sorted(alone.split(b"\0")), locale


@pytest.mark.parametrize("ignored", ["", "INT HUP QUIT"])
def test_signals_files_and_directory_are_as_they_were(exosms: Shell, ignored: str) -> None:
    script = "grep -E '^(Sig(Blk|Ign|Cgt)|Threads)' /proc/self/status; ls /proc/self/fd; pwd; umask"
    first = ["sh", "-c", f"trap '' {ignored}; exec \"$@\"" if ignored else 'exec "$@"', "sh"]
    ours = exosms.command("job", "--region", "sandbox", "--to", TO, "--")
    reading, writing = os.pipe()
    try:
        alone, under = (
            subprocess.run(
                [*first, *command, "sh", "-c", script],
                env=exosms.full_env(),
                cwd=exosms.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=(reading, writing),
                timeout=PATIENCE,
                check=True,
            ).stdout
            for command in ([], ours)
        )
        own = rb"(?<=SigIgn:\t0000000)[01][08]"  # 33 and 32, which glibc has for itself and lets a command inherit
        assert re.sub(own, b"00", under) == re.sub(own, b"00", alone)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_signal_that_was_ignored_stays_so(exosms: Shell, served: Sandbox) -> None:
    argv = ["sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh", *exosms.command("job", "--to", TO, "--rate", "off")]
    script = "echo ready; read it; exit 3"
    pipe = subprocess.PIPE
    env = exosms.full_env()
    with subprocess.Popen([*argv, "--", "sh", "-c", script], env=env, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        for signum in (signal.SIGHUP, signal.SIGINT):
            process.send_signal(signum)
        process.communicate(b"go on\n", timeout=PATIENCE)
    assert (process.returncode, len(served.texts)) == (3, 1)


def test_a_caller_who_ignores_its_children_loses_no_exit_code(exosms: Shell, served: Sandbox) -> None:
    ignores = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    argv = [sys.executable, "-c", ignores, *exosms.command("job", "--to", TO, "--", "sh", "-c", "exit 3")]
    done = subprocess.run(argv, env=exosms.full_env(), timeout=PATIENCE, check=False, capture_output=True)
    assert (done.returncode, done.stderr, len(served.texts)) == (3, b"", 1)


ALWAYS_BRIEF = (
    "from exosms.job import child; child._BRIEF = 1000; from exosms.cli.app import entry_point; entry_point()"
)


def test_little_memory_is_taken_while_it_runs(exosms: Shell, served: Sandbox, tmp_path: Path) -> None:
    """Nothing that only a text needs is there yet; a command that takes a second would make use of that for it."""
    (tmp_path / "templates.toml").write_text('[templates.ops]\ntext = "Failed with {#var#}."\nvariables = ["why"]\n')
    (tmp_path / "config.toml").write_text(f'[groups]\nteam = ["{TO}"]\n')
    (tmp_path / "config.toml").chmod(0o600)
    files = ("--templates", str(tmp_path / "templates.toml"), "--config", str(tmp_path / "config.toml"))
    options = ("--to", "@team", *files, "-t", "ops", "--var", "why={status}")
    env = {name: value for name, value in exosms.full_env().items() if not name.startswith("COVERAGE_")}
    argv = [sys.executable, "-c", ALWAYS_BRIEF, "job", *options, "--", "sh", "-c", "echo ready; read it; exit 3"]
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        taken = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        process.communicate(b"\n", timeout=PATIENCE)
    assert taken
    assert int(taken[1]) < 25_000
    assert (process.returncode, served.texts) == (3, ["Failed with exit code 3."])


def test_one_that_is_stopped_while_its_command_is_new_makes_up_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython 3.11 hands out whatever the stack holds when a wait was stopped and goes on after its time."""

    def wait(_heard: object, seconds: float) -> object | None:
        return SimpleNamespace(si_signo=-1, si_code=0) if seconds > 0 else None

    monkeypatch.setattr(signal, "sigtimedwait", wait)
    assert child._next_signal({signal.SIGCHLD}, 0.001) == (0, False)


def test_nothing_of_the_job_is_left_while_the_text_is_on_its_way(exosms: Shell, served: Sandbox) -> None:
    served.may_answer.clear()
    with exosms.start("job", "--to", TO, "--rate", "off", "--", "sh", "-c", "exit 3") as process:
        assert served.asked.wait(PATIENCE)
        children = children_of(process)
        served.may_answer.set()
        assert children == []
    assert (process.returncode, len(served.texts)) == (3, 1)


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_what_comes_for_a_job_that_has_ended_does_not_take_the_text_away(
    exosms: Shell, served: Sandbox, signum: signal.Signals
) -> None:
    served.may_answer.clear()
    with exosms.start("job", "--to", TO, "--rate", "off", "--", "sh", "-c", "exit 3") as process:
        assert served.asked.wait(PATIENCE)
        process.send_signal(signum)
        served.may_answer.set()
    assert (process.returncode, len(served.texts)) == (3, 1)


def test_what_fetches_the_token_holds_no_signals_back(exosms: Shell, served: Sandbox, tmp_path: Path) -> None:
    config, seen = tmp_path / "config.toml", tmp_path / "seen"
    account = 'account_sid = "acme1"\napi_key = "key"\nfrom = "ACMEIN"\n'
    command = f'["sh", "-c", "grep SigBlk /proc/self/status >> {seen}; echo token"]'
    config.write_text(f'[profiles.p]\nbase_url = "{served.url}"\n{account}token_command = {command}\n')
    config.chmod(0o600)
    assert job(exosms, "--config", str(config), "-p", "p", "--", "false") == Result(1, "", "")
    assert (seen.read_text().split(), len(served.texts)) == (["SigBlk:", "0" * 16], 1)


# Terminals and shells.


def test_an_impatient_second_ctrl_c_does_not_take_the_text_away(exosms: Shell, served: Sandbox) -> None:
    """It comes while the text is on its way, and was meant for the job."""
    served.may_answer.clear()

    def press_again(process: subprocess.Popen[bytes]) -> None:
        assert served.asked.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGINT)
        served.may_answer.set()

    argv = exosms.command("job", "--to", TO, "--rate", "off", "--", "sh", "-c", "echo ready; exec sleep 1000")
    told = on_terminal(argv, exosms.full_env(), [(b"ready\r\n", b"\x03"), (b"^C", press_again)])
    assert (told.code, told.out, len(served.texts)) == (130, b"ready\r\n^C", 1)


def test_ctrl_c_reaches_a_command_that_has_left_our_group(exosms: Shell, served: Sandbox) -> None:
    """As `timeout` does, which the terminal then tells nothing.

    `timeout` itself is not asked: its child may be ready before it knows whose signals it passes on (coreutils 9.1).
    """
    leaves = "import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    script = "trap 'echo once; exit 7' INT; echo ready; while :; do sleep 0.02; done"
    argv = exosms.command("job", "--to", TO, "--rate", "off", "--", sys.executable, "-c", leaves, "sh", "-c", script)
    told = on_terminal(argv, exosms.full_env(), [(b"ready", b"\x03")])
    assert (told.code, told.out.count(b"once"), len(served.texts)) == (7, 1, 1), told.out


SHELLS = {
    "bash": (("--norc", "--noprofile", "--noediting", "-i"), b"launch"),
    "zsh": (("-f", "+Z", "-i"), b"continued"),
    "dash": (("-i",), b"launch"),
}
"""How each is started without an editor, which throws away what comes early, and what it says when a job goes on."""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_stops_it_and_lets_it_go_on(exosms: Shell, served: Sandbox, shell: str) -> None:
    """Ctrl-Z, `fg`, a question, and a job in the background that wants to read the terminal."""
    path = shutil.which(shell)
    options, goes_on = SHELLS[shell]
    if path is None and not os.environ.get("CI"):
        pytest.skip(f"{shell} is not installed")
    script = exosms.home / "job.sh"
    script.write_text("echo re''ady\nread it\necho got=$it\nexit 3\n")
    launcher = exosms.home / "launch"
    ours = exosms.command("job", "--to", TO, "--rate", "off", "--", "sh", str(script))
    launcher.write_text(f"#!/bin/sh\nexec {' '.join(ours)}\n")
    launcher.chmod(0o700)
    steps: list[Step] = [
        (b"$ ", f"{launcher}\n".encode()),
        (b"ready", b"\x1a"),
        (b"$ ", b"fg\n"),
        (goes_on, b"Asha\n"),
        (b"got=Asha", b""),
        (b"$ ", b"echo co''de=$?\n"),
        (b"code=3", b""),
        (b"$ ", f"{launcher} &\n".encode()),
        (b"ready", lambda _: until(lambda: states(script) == ["T", "T"])),
        (b"", b"\n"),
        (b"$ ", b"fg\n"),
        (goes_on, b"Ravi\n"),
        (b"got=Ravi", b""),
        (b"$ ", b"echo co''de=$?\n"),
        (b"code=3", b"exit\n"),
    ]
    env = {**exosms.full_env(), "PS1": "$ ", "TERM": "dumb"}
    told = on_terminal([path or shell, *options], env, steps)
    assert len(served.texts) == 2, told.out


def states(script: Path) -> list[str]:
    """Return the states of the processes that run a script, and of exosms, which stops after it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("cmdline").read_bytes().endswith(f"sh\0{script}\0".encode()):
                found.append(process.joinpath("stat").read_text().rpartition(") ")[2][0])
    return found


def launched(exosms: Shell, *job: str) -> Path:
    """Return a file that starts a job under exosms: a name that is short enough to be seen."""
    launcher = exosms.home / "launch"
    ours = exosms.command("job", "--on", "always", "--to", TO, "--rate", "off", "--", *job)
    launcher.write_text(f"#!/bin/sh\nexec {shlex.join(ours)}\n")
    launcher.chmod(0o700)
    return launcher


BASH = ("bash", "--norc", "--noprofile", "--noediting", "-i")


def test_an_editor_has_the_terminal(exosms: Shell, served: Sandbox) -> None:
    """Which takes Ctrl-Z for a key, and stops all of its process group itself."""
    vim = shutil.which("vim")
    if vim is None and not os.environ.get("CI"):
        pytest.skip("vim is not installed")
    file = exosms.home / "note.txt"
    file.write_text("one\n")
    steps: list[Step] = [
        (b"$ ", f"{launched(exosms, vim or 'vim', '-u', 'NONE', '-N', str(file))}\n".encode()),
        (b"one", b"\x1a"),
        (b"Stopped", b""),
        (b"$ ", b"fg\n"),
        (b"one", b"otwo\x1b:wq\r"),
        (b"$ ", b"echo co''de=$?\n"),
        (b"code=0", b"exit\n"),
    ]
    on_terminal(BASH, {**exosms.full_env(), "PS1": "$ ", "TERM": "xterm"}, steps)
    assert (file.read_text(), len(served.texts)) == ("one\ntwo\n", 1)


def test_what_ignores_ctrl_z_is_not_stopped_by_us(exosms: Shell, served: Sandbox) -> None:
    script = "trap '' TSTP; echo re''ady; read it; echo got=$it; exit 3"
    steps: list[Step] = [
        (b"$ ", f"{launched(exosms, 'sh', '-c', script)}\n".encode()),
        (b"ready", b"\x1a"),
        (b"^Z", b"Asha\n"),
        (b"got=Asha", b""),
        (b"$ ", b"echo co''de=$?\n"),
        (b"code=3", b"exit\n"),
    ]
    told = on_terminal(BASH, {**exosms.full_env(), "PS1": "$ ", "TERM": "dumb"}, steps)
    assert (b"Stopped" in told.out, len(served.texts)) == (False, 1)


def test_as_the_first_process_of_a_container_it_is_everybodys_parent(exosms: Shell, served: Sandbox) -> None:
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no new process namespace here")
    script = (
        "orphan=$(sh -c 'sleep 0.1 >&- & echo $!'); for i in $(seq 300);"
        " do [ -e /proc/$orphan ] || exit 3; sleep 0.1; done; grep State: /proc/$orphan/status"
    )
    ours = exosms.command("job", "--to", TO, "--rate", "off", "--", "sh", "-c", script)
    done = subprocess.run(
        [*unshare, *ours], env=exosms.full_env(), capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout, done.stderr, len(served.texts)) == (3, b"", b"", 1)


WITHOUT_SENDERS = (
    "import signal, sys\ndel signal.sigwaitinfo\nfrom exosms.cli.app import entry_point\nentry_point()\n"
)


def test_where_signals_do_not_tell_who_sent_them_each_comes_at_least_once(exosms: Shell, served: Sandbox) -> None:
    """As on macOS."""
    script = "trap 'echo once; exit 5' TERM; echo ready; while :; do sleep 0.02; done"
    argv = [sys.executable, "-c", WITHOUT_SENDERS, "job", "--to", TO, "--rate", "off", "--", "sh", "-c", script]
    with subprocess.Popen(argv, env=exosms.full_env(), stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=PATIENCE)[0] == b"once\n"
    assert (process.returncode, len(served.texts)) == (5, 1)


def test_where_they_do_not_tell_ctrl_c_still_comes_once(exosms: Shell, served: Sandbox) -> None:
    script = f"trap 'trap \"exit 9\" INT; echo again' INT; echo ready; {SPIN}"
    argv = [sys.executable, "-c", WITHOUT_SENDERS, "job", "--to", TO, "--rate", "off", "--", "sh", "-c", script]
    told = on_terminal(argv, exosms.full_env(), [(b"ready", b"\x03"), (b"again", b"\x03")])
    assert (told.code, told.out.count(b"again"), len(served.texts)) == (9, 1, 1)
