"""What a person sees on a real terminal, and that nobody else can paint on it."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pyte
import pytest
from conftest import Shell, wait_until_it_sleeps
from faulty import FaultyExotel
from misbehaving import Misbehaving, answer, answers, awaits_all, does, says

from exosms.system.escaping import _UNSAFE

ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
HOSTILE = "[bold]\x1b[2J\x1b]0;owned\x07\x9b31m\u202e[/foo] \x08\r\n\tend\U000e0041"


def send(url: str, *options: str) -> tuple[str, ...]:
    fixed = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hi", "--retry-for", "0", "--rate", "off")
    return (*fixed, "--base-url", url, *options)


def screen(text: str, columns: int) -> list[str]:
    """What a terminal of that width shows in the end."""
    display = pyte.Screen(columns, 60)
    pyte.Stream(display).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in display.display]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_refusal_is_a_table_led_by_the_status(exosms: Shell, columns: int) -> None:
    body = json.dumps({"RestException": {"Status": 403, "Code": 40001, "Message": "Insufficient balance"}})
    with Misbehaving(answers(403, body)) as server:
        result = exosms.on_terminal(*send(server.url), columns=columns, env=ACCOUNT)
    shown = screen(result.stdout, columns)
    assert result.exit_code == 6
    assert "not_sent  +919876543210" in shown
    first = shown.index("not_sent  +919876543210") + 1
    assert shown[first].split() == ["HTTP", "status", "403", "Forbidden"]
    assert "Exotel said Insufficient balance" in " ".join(" ".join(shown[first + 2 :]).split())
    assert all(len(line) <= columns for line in shown)


@pytest.mark.parametrize("columns", [18, 19, 20, 21])
def test_a_list_needs_no_room_to_be_indented(exosms: Shell, columns: int) -> None:
    """Where a narrow terminal leaves a cell one to four columns wide."""
    with Misbehaving(answers(400, "")) as server:
        result = exosms.on_terminal(*send(server.url), columns=columns, env={**ACCOUNT, "NO_COLOR": "1"})
    assert (result.exit_code, "bug" in result.stdout) == (6, False)
    assert "acceptasamobilenumber" in "".join(result.stdout.split())


def test_numbers_and_sids_are_never_cut(exosms: Shell) -> None:
    result = exosms.on_terminal("send", "--region", "sandbox", "--to", "9876543210", "--body", "नमस्ते 😀", columns=40)
    shown = screen(result.stdout, 40)
    assert any("+919876543210" in line for line in shown)
    assert any(len(line.strip()) == 32 for line in shown)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_turned_off(exosms: Shell, env: dict[str, str]) -> None:
    with Misbehaving(answers(400, "")) as server:
        result = exosms.on_terminal(*send(server.url), env={**ACCOUNT, **env})
    assert "\x1b" not in result.stdout
    assert "400 Bad Request" in result.stdout


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_a_dumb_terminal_is_as_wide_as_it_says(exosms: Shell, columns: int) -> None:
    result = exosms.on_terminal("codes", "23185", columns=columns, env={"TERM": "dumb"})
    assert max(map(len, result.stdout.splitlines())) == columns


@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_page_is_as_wide_as_its_terminal(exosms: Shell, env: dict[str, str]) -> None:
    """Also where our own buffer replaced the stream: in a container it does."""
    shown = exosms.on_terminal("help", "outcomes", columns=60, env=env)
    assert max(map(len, shown.stdout.splitlines())) == 58


@pytest.mark.parametrize("columns", ["0", "-1", "00", "", "²", "wide"])
@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_width_that_is_none_counts_as_unset(exosms: Shell, term: str, columns: str) -> None:
    sizes = {"COLUMNS": columns, "LINES": columns, "TERM": term, "NO_COLOR": "1"}
    assert exosms("codes", "23185", "-o", "human", env=sizes) == exosms("codes", "23185", "-o", "human")
    shown = exosms.on_terminal("codes", "23185", columns=60, env=sizes)
    assert max(map(len, shown.stdout.splitlines())) == 60


@pytest.mark.parametrize(
    "argv",
    [
        ("send", "--to", "9876543210", "-b", "Hi", "--once", "k", "--within", "soon"),
        ("runs", "purge", "--older-tan", "1d"),
        ("status", "--region", "sandbox", "0" * 32, "-v"),
    ],
    ids=" ".join,
)
def test_what_typer_says_and_what_is_traced_breaks_at_words(exosms: Shell, argv: tuple[str, ...]) -> None:
    shown = exosms.on_terminal(*argv, columns=50, env={"NO_COLOR": "1"}).stdout
    whole = exosms(*argv).stderr
    if "-v" not in argv:
        assert shown.split() == whole.split()
    assert all(len(line) <= 50 or len(line.split()) == 1 for line in shown.splitlines()), shown


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("form", ["human", "plain", "json", "jsonl"])
def test_a_hostile_answer_cannot_steer_a_terminal(exosms: Shell, status: int, form: str) -> None:
    """Neither markup, nor escapes, nor direction marks; and a plain line stays one line."""
    said = {"SMSMessage": {"Sid": HOSTILE, "Status": HOSTILE, "DetailedStatus": HOSTILE}}
    refused = {"RestException": {"Status": 400, "Message": HOSTILE}}
    with Misbehaving(answers(status, json.dumps(said if status == 200 else refused))) as server:
        result = exosms(*send(server.url, "-o", form, "-v"), env=ACCOUNT)
    assert result.exit_code == (0 if status == 200 else 6)
    for character in "\x1b\x07\x9b\u202e\x08\r\U000e0041":
        assert character not in result.stdout + result.stderr
    if form == "plain":
        assert result.stdout.count("\n") == 1
        assert result.stdout.count("\t") == 3
        assert "[bold]" in result.stdout


def test_no_home_no_terminal_type_and_an_ascii_locale(exosms: Shell) -> None:
    env = {
        **ACCOUNT,
        "HOME": "",
        "XDG_STATE_HOME": str(exosms.home / "xdg-state"),
        "XDG_CONFIG_HOME": str(exosms.home / "xdg-config"),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "EXOSMS_STATE_DIR": "",
    }
    body = json.dumps({"RestException": {"Status": 400, "Message": "रुको 😀"}})
    with Misbehaving(answers(400, body), answers(400, body)) as server:
        for form in ("plain", "human"):
            process = exosms.start(*send(server.url, "-o", form), env=env)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 6, err
            assert out.isascii()


def test_a_full_disk_behind_standard_output_is_told_and_changes_nothing(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all, says(answer(200, '{"SMSMessage": {"Sid": "5"}}')))) as server:
        with Path("/dev/full").open("wb") as full:
            process = exosms.start(*send(server.url), env=ACCOUNT, stdout=full)
            _, err = process.communicate(timeout=60)
        assert server.requests == 1
    assert process.returncode == 0
    assert b"could not be written" in err


def test_the_name_of_a_variable_cannot_paint(exosms: Shell) -> None:
    file = exosms.home / "templates.toml"
    name = json.dumps(HOSTILE, ensure_ascii=False)
    file.write_text(f'[templates.otp]\ntext = "OTP {{#var#}}"\nvariables = [{name}]\n')
    argv = ("check-template", "--templates", str(file), "--body", "OTP 4711")
    result = exosms.on_terminal(*argv, columns=200, env={"NO_COLOR": "1"})
    assert result.exit_code == 0
    assert r"[bold]\x1b[2J\x1b]0;owned\x07\x9b31m" in result.stdout
    assert not any(_UNSAFE.match(each) for each in result.stdout if each not in "\r\n")


@pytest.mark.parametrize("is_heard", [False, True], ids=["disowned", "heard"])
def test_a_terminal_that_is_closed_costs_a_run_no_answer(exosms: Shell, is_heard: bool) -> None:
    """A connection by ssh that drops, with a shell that hangs up on its jobs or does not."""
    rows = 400
    file = exosms.home / "rows.csv"
    file.write_text("to,body\n" + "".join(f"+91987{number:07},Hello\n" for number in range(rows)))
    with FaultyExotel(faults=0, seed=1, latency=0.02) as server:
        ours, theirs = pty.openpty()
        argv = (
            "bulk",
            str(file),
            "--run",
            "june",
            "--yes",
            "--rate",
            "off",
            "--batch",
            "1",
            "--base-url",
            server.url,
        )
        process = exosms.start(
            *argv,
            "--from",
            "ACMEIN",
            env={**ACCOUNT, "TERM": "xterm"},
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: (
                fcntl.ioctl(2, termios.TIOCSCTTY, 0) if is_heard else signal.signal(signal.SIGHUP, signal.SIG_IGN)
            ),
        )
        os.close(theirs)
        seen = b""
        while b" accepted, " not in seen:
            seen += os.read(ours, 4096)
        os.close(ours)
        exit_code = process.wait(timeout=60)
        server.settle()
    counts = json.loads(exosms("runs", "show", "june", "--json").stdout)["counts"]
    assert (exit_code, counts["unknown"]) == (129 if counts["remaining"] else 0, 0)
    assert counts["accepted"] == len(server.deeds) == rows - counts["remaining"]
    assert is_heard or not counts["remaining"]


def test_no_character_that_could_steer_a_terminal_counts_as_printable() -> None:
    """Texts of printable characters are passed on unread."""
    steering = [chr(point) for point in range(sys.maxunicode + 1) if _UNSAFE.match(chr(point))]
    assert len(steering) > 2000
    assert not any(map(str.isprintable, steering))


@pytest.mark.parametrize(("key", "exit_code"), [("\x04", 5), ("\x03", 130)])
def test_what_follows_a_question_without_an_answer_begins_a_line(exosms: Shell, key: str, exit_code: int) -> None:
    (exosms.home / "rows.csv").write_text("to,body\n9876543210,Hi\n")
    argv = ("bulk", str(exosms.home / "rows.csv"), "--region", "sandbox")
    result = exosms.on_terminal(*argv, typed=[("[y/N]: ", key)])
    assert result.exit_code == exit_code
    assert "\nexosms: error: " in result.stdout


@pytest.mark.parametrize("key", ["\x04", "\x03"])
def test_so_does_what_follows_one_of_profile_add(exosms: Shell, key: str) -> None:
    result = exosms.on_terminal("profile", "add", "prod", typed=[("): ", key)])
    assert "\nexosms: error: " in result.stdout


def test_two_signals_at_once_end_a_question_as_one_does(exosms: Shell) -> None:
    """As systemd sends them to what has a terminal; Python's own code made a SystemError of the second."""
    file = exosms.home / "rows.csv"
    file.write_text("to,body\n9876543210,Hello\n")
    ours, theirs = pty.openpty()
    argv = ("bulk", str(file), "--region", "sandbox")
    process = exosms.start(*argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    seen = b""
    while not seen.endswith(b"[y/N]: "):
        seen += os.read(ours, 4096)
    wait_until_it_sleeps(process)
    for signum in (signal.SIGSTOP, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
        process.send_signal(signum)
    exit_code = process.wait(timeout=60)
    said = b""
    with suppress(OSError):  # Linux: the other side is closed
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    name = signal.Signals(exit_code - 128).name
    assert name in {"SIGTERM", "SIGHUP"}
    assert said.decode() == f"\r\nexosms: error: interrupted by {name}\r\n"
