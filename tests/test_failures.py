"""Every command that fails says so in its own format: one document with JSON, and one sentence on standard error."""

import errno
import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ACCOUNT, Shell
from misbehaving import Misbehaving, accepts, answers

SANDBOX = ("--region", "sandbox")
SEND = ("send", *SANDBOX, "--to", "9876543210", "--body", "Hi")
NO_TEXT = b"x\xff".decode("utf-8", "surrogateescape")

FAILING = [
    # argv, exit code, the document's command, what the sentence names
    (("send", "--to", "12", "--body", "Hi", *SANDBOX), 3, "send", "12"),
    (("send", "--to", "9876543210", "--body", "Hi"), 4, "send", "account"),
    (("bulk", "missing.csv", *SANDBOX), 3, "bulk", "missing.csv"),
    (("status", "+919876543210", *SANDBOX), 3, "status", "+919876543210"),
    (("log", "--to", "12"), 3, "log", "12"),
    (("log", "--run", "none"), 3, "log", "none"),
    (("codes", "999"), 3, "codes", "999"),
    (("check-template", "-t", "none", "--body", "Hi"), 3, "check-template", "none"),
    (("template", "show", "none"), 3, "template show", "none"),
    (("template", "remove", "none"), 3, "template remove", "none"),
    (("template", "import", "missing.csv"), 3, "template import", "missing.csv"),
    (("runs", "show", "none"), 3, "runs", "none"),
    (("runs", "resume", "none"), 3, "bulk", "none"),
    (("runs", "resolve", "none", "--as", "accepted"), 3, "runs", "none"),
    (("runs", "resolve", "--once", "none", "--as", "accepted"), 3, "runs", "none"),
    (("profile", "add", "prod"), 4, "profile add", "prod"),
    (("profile", "show", "none"), 4, "profile show", "none"),
    (("profile", "use", "none"), 4, "profile use", "none"),
    (("profile", "remove", "none"), 4, "profile remove", "none"),
    (("profile", "test"), 4, "profile test", "account"),
]


@pytest.mark.parametrize(("argv", "exit_code", "command", "named"), FAILING, ids=lambda value: str(value)[:40])
def test_a_failing_command_prints_one_document(
    exosms: Shell, argv: tuple[str, ...], exit_code: int, command: str, named: str
) -> None:
    result = exosms(*argv, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"], document["command"]) == (exit_code, exit_code, command)
    assert document["schema"] == 1
    assert set(document["error"]) == {"kind", "http_status", "code", "message", "meaning", "remedy", "retry"}
    assert named in document["error"]["message"]
    assert named in result.stderr
    plain = exosms(*argv)
    assert plain.exit_code == exit_code
    assert plain.stderr.startswith("exosms: ")
    assert named in plain.stderr


@pytest.mark.parametrize("argv", [("send", "--nothing"), ("log", "--since", "x"), ("profile",), ("runs", "resolve")])
def test_an_error_of_usage_leaves_standard_output_empty(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms(*argv, *(["--json"] if len(argv) > 1 else []))
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("option", "exit_code"),
    [
        ("--once", 3),
        ("--custom-field", 3),
        ("--from", 3),
        ("--var", 3),
        ("--to", 3),
        ("--body", 3),
        ("--body-file", 3),
        ("--templates", 3),
        ("--profile", 3),
        ("--dlt-template-id", 3),
        ("--status-callback", 2),
    ],
)
def test_bytes_that_are_no_text_are_refused_by_name(exosms: Shell, option: str, exit_code: int) -> None:
    result = exosms(*SEND, option, NO_TEXT)
    assert result.exit_code == exit_code
    assert option in result.stderr
    assert "bug" not in result.stderr
    assert exosms("log").stdout == ""


@pytest.mark.parametrize("argv", [("log", "--run", NO_TEXT), ("runs", "show", NO_TEXT), ("bulk", NO_TEXT, *SANDBOX)])
def test_arguments_that_are_no_text_are_refused(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms(*argv)
    assert result.exit_code == 3
    assert "is not UTF-8: x\\udcff" in result.stderr


@pytest.mark.parametrize(
    "argv",
    [
        (*SEND, "--base-url", "https://key:CANARY\udcff@api.exotel.com"),
        ("profile", "add", "p", "--token-command", "echo CANARY\udcff"),
        ("profile", "add", "p", "--api-key", "CANARY\udcff"),
        ("profile", "set", "p", "CANARY\udcff"),
    ],
)
def test_what_may_be_a_secret_and_is_no_text_is_not_repeated(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms(*argv)
    assert (result.exit_code, "is not UTF-8\n" in result.stderr) == (3, True), result
    assert "CANARY" not in result.stdout + result.stderr


def test_quiet_is_silent_about_success_only(exosms: Shell) -> None:
    refused = exosms(*SEND[:3], "--to", "+919000000403", "--body", "Hi", "-q")
    assert (refused.exit_code, refused.stdout) == (6, "")
    first, remedy = refused.stderr.splitlines()
    assert first.startswith("exosms: error: +919000000403: not_sent: HTTP 403")
    assert remedy.strip()
    taken = exosms(*SEND, "-q")
    assert (taken.exit_code, taken.stderr, len(taken.stdout.split())) == (0, "", 1)


QUESTIONS = [
    ("profile", "add", "prod"),
    ("runs", "purge", "--older-than", "1d"),
]


@pytest.mark.parametrize("argv", QUESTIONS, ids=" ".join)
def test_a_question_that_is_interrupted_ends_the_command(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms.on_terminal(*argv, typed=[(": ", "\x03")])
    assert result.exit_code == 130
    assert "interrupted by SIGINT" in result.stdout
    assert "bug" not in result.stdout


@pytest.mark.parametrize("argv", QUESTIONS, ids=" ".join)
def test_what_is_interrupted_prints_its_one_document(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms.on_terminal(*argv, "--json", typed=[(": ", "\x03")])
    (document,) = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert (result.exit_code, document["exit_code"], document["schema"]) == (130, 130, 1)
    assert document["command"] == (argv[0] if argv[0] == "runs" else " ".join(argv[:2]))
    error = {
        "kind": "interrupted",
        "message": "interrupted by SIGINT",
        "meaning": "Nothing was sent.",
        "retry": "safe",
    }
    assert document["error"].items() >= error.items()


@pytest.mark.parametrize("argv", [SEND, ("bulk", "people.csv", *SANDBOX)], ids=["send", "bulk"])
def test_what_a_guard_refused_is_for_a_person_to_decide(
    exosms: Shell, argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exosms.home)
    (exosms.home / "people.csv").write_text("to,body\n9876543210,x\n")
    refused = exosms(*argv, "--json", env={"EXOSMS_ALLOW": "+919000000001"})
    assert refused.exit_code == 5
    errors = [refused.json["error"], *(message["error"] for message in refused.json.get("messages", ()))]
    assert {error["retry"] for error in errors} == {"decide"}


def test_runs_are_listed_as_an_object_a_line(exosms: Shell) -> None:
    file = exosms.home / "people.csv"
    for name in ("june", "july"):
        file.write_text(f"to,body\n9876543210,{name}\n")
        argv = ("bulk", str(file), *SANDBOX, "--run", name, "--yes", "--sent-before", "send")
        assert exosms(*argv).exit_code == 0
    listed = exosms("runs", "list", "-o", "jsonl")
    runs = [json.loads(line) for line in listed.stdout.splitlines()]
    assert runs == exosms("runs", "list", "--json").json["runs"]
    assert {run["run"] for run in runs} == {"june", "july"}


@pytest.mark.parametrize(("argv", "exit_code"), [*zip(QUESTIONS, (4, 5), strict=True)], ids=str)
def test_a_question_that_gets_no_answer_is_no_bug(exosms: Shell, argv: tuple[str, ...], exit_code: int) -> None:
    result = exosms.on_terminal(*argv, typed=[(": ", "\x04")] * 5)
    assert result.exit_code == exit_code
    assert "bug" not in result.stdout


@pytest.mark.parametrize("files", range(5, 12))  # with four Python itself does not start
def test_a_process_without_file_descriptors_says_so(exosms: Shell, files: int) -> None:
    """However few there are, a message is either accepted or known not to be sent, and nothing is called a bug."""
    env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
    with Misbehaving(answers(200, '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e"}}')) as server:
        argv = ("send", "--base-url", server.url, "--from", "ACMEIN", "--to", "9876543210", "--body", "Hi")
        process = exosms.start(
            *argv,
            "--retry-for",
            "0",
            env=env,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
        )
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert process.returncode in {0, 4, 7}
    assert out.startswith("accepted" if process.returncode == 0 else "not_sent")
    assert "bug" not in err


TWO = ("send", "--to", "9876543210,9876543211", "--body", "Hi", "--rate", "off", "--json")
NO_MEMORY = (MemoryError(), 4, "this process gets no more memory")
NO_FILES = OSError(errno.EMFILE, "Too many open files", "x.py")
NO_FILE = FileNotFoundError(errno.ENOENT, "gone", "/x/codes/http.pyc")
UNFORESEEN = [
    ("before", NO_FILES, 4, "this process may open no more files"),
    ("before", NO_FILE, 4, "exosms cannot go on: its part http.pyc is gone"),
    ("before", ModuleNotFoundError("CANARY", name="codes"), 4, "its part codes is gone"),
    ("before", KeyError("CANARY"), 1, "a bug in exosms: KeyError in "),
    *((when, *NO_MEMORY) for when in ("before", "first", "second", "waiting")),
]


def raising(error: Exception) -> Callable[..., Any]:
    def raises(*_: object, **__: object) -> None:
        raise error

    return raises


@pytest.mark.parametrize(("when", "error", "exit_code", "told"), UNFORESEEN)
def test_what_nobody_foresaw_hides_nothing_of_what_was_sent(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, when: str, error: Exception, exit_code: int, told: str
) -> None:
    places = {"before": "exosms.send.session.AccountSession.take_turn", "waiting": "exosms.cli.wait.follow"}
    monkeypatch.setattr(places.get(when, "exosms.exotel.client.refused"), raising(error))
    taken, refused = accepts, answers(400, "no")
    with Misbehaving(*{"first": [refused], "second": [taken, refused]}.get(when, [taken])) as server:
        wait = ("--wait", "1s", "-q") if when == "waiting" else ()
        result = exosms(*TWO, *wait, "--base-url", server.url, env=ACCOUNT)
        assert server.requests == {"before": 0, "first": 1, "second": 2, "waiting": 2}[when]
    expected = {
        "before": (exit_code, ["not_sent", "not_sent"]),
        "first": (9, ["unknown", "not_sent"]),
        "second": (9, ["accepted", "unknown"]),
        "waiting": (8, ["accepted", "accepted"]),
    }[when]
    assert (result.exit_code, [message["outcome"] for message in result.json["messages"]]) == expected
    assert told in result.stderr
    assert ("Continue with: exosms status" in result.stderr) == (when == "waiting")
    assert "run it again" not in result.stderr.lower()  # which would send to both once more
    assert "CANARY" not in result.stderr + result.stdout
    kept = [entry["outcome"] for entry in exosms("log", "--json").json["messages"]]
    assert kept == [outcome for outcome in expected[1] if outcome != "not_sent"]


@pytest.mark.parametrize("has_sent", [False, True])
@pytest.mark.parametrize(
    ("error", "exit_code", "kind", "said"),
    [
        (KeyError("CANARY"), 1, "bug", "a bug in exosms: KeyError in "),
        (MemoryError(), 4, "config", "this process gets no more memory"),
    ],
)
def test_what_nobody_foresaw_ends_with_the_document_of_any_command(
    exosms: Shell,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    exit_code: int,
    kind: str,
    said: str,
    *,
    has_sent: bool,
) -> None:
    monkeypatch.setattr("exosms.ledger.runs.Journal.runs", raising(error))
    monkeypatch.setattr("exosms.starvation.has_sent", has_sent)
    for argv in (("runs", "list"), ("runs", "show", "june")):
        failed = exosms(*argv, "--json")
        document = failed.json
        told = document["error"]
        assert failed.exit_code == document["exit_code"] == (9 if has_sent and exit_code == 4 else exit_code)
        assert (document["command"], told["kind"], told["message"].startswith(said)) == ("runs", kind, True)
        assert (told["retry"] == "decide", "may have been sent" in told["meaning"]) == (has_sent, has_sent)
        assert failed.stderr.startswith(f"exosms: error: {said}")
        assert "CANARY" not in failed.stdout + failed.stderr
        assert exosms(*argv).stdout == ""


def test_results_that_cannot_be_written_change_nothing_about_what_was_sent(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,x\n")
    monkeypatch.setattr("exosms.bulk.results_csv.write", raising(MemoryError()))
    done = exosms("bulk", str(file), *SANDBOX, "--yes", "--json", "--results", str(exosms.home / "r.csv"))
    assert (done.exit_code, done.json["exit_code"]) == (0, 0)
    assert "exosms: error: this process gets no more memory\n" in done.stderr


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (("bulk", "people.csv", "--limit", "many"), "of at least 1"),
        ((*SEND, "--max-segments", "0"), "of at least 1"),
        ((*SEND, "--max-parts", "1.5"), "of at least 1"),
        ((*SEND, "--max-parts", "٣"), "of at least 1"),
        ((*SEND, "--max-parts", "1_000"), "of at least 1"),
        (("sandbox", "--port", "65536"), "from 0 to 65535"),
        (("callbacks", "--port", "-1"), "from 0 to 65535"),
    ],
    ids=str,
)
def test_a_number_that_is_none_is_told_in_words(exosms: Shell, argv: tuple[str, ...], meant: str) -> None:
    result = exosms(*argv)
    assert (result.exit_code, result.stdout) == (2, "")
    said = f"Error: Invalid value for '{argv[-2]}': '{argv[-1]}' is not valid: write a whole number {meant}"
    assert said in result.stderr.splitlines()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "gets no more memory"),
        (OSError(errno.ENOMEM, "no memory"), "gets no more memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "gets no more memory"),
        (OSError(errno.EMFILE, "too many"), "may open no more files"),
        (RuntimeError("can't start new thread"), "may start no more threads"),
        (RuntimeError("another"), "a bug in exosms"),
        (ImportError("cannot import name"), "a bug in exosms"),
    ],
    ids=str,
)
@pytest.mark.parametrize("has_sent", [False, True])
def test_what_the_system_refuses_is_named_and_no_bug(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str, *, has_sent: bool
) -> None:
    from exosms.cli import command_line

    def refused(_: object) -> None:
        raise ValueError from error

    monkeypatch.setattr(command_line, "perform", refused)
    monkeypatch.setattr("exosms.starvation.has_sent", has_sent)
    result = exosms("log")
    assert said in result.stderr
    assert result.exit_code == (1 if "bug" in said else 9 if has_sent else 4)
    assert ("may have been sent" in result.stderr) == (result.exit_code == 9)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("libssl.so: failed to map segment"), "this process gets no more memory"),
        (OSError(errno.EMFILE, "Too many open files"), "this process may open no more files"),
        (OSError(errno.EACCES, "Permission denied"), "No connection can be prepared: Permission denied"),
        (ImportError("socksio"), "The proxy in HTTPS_PROXY or ALL_PROXY cannot be used"),
    ],
    ids=str,
)
def test_what_keeps_a_connection_from_being_prepared_is_named(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr("exosms.exotel.transport._certificates", raising(error))
    result = exosms(*TWO, "--base-url", "https://127.0.0.1:1", env=ACCOUNT)
    assert result.exit_code == 4
    assert f"exosms: error: {said}\n" in result.stderr


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        (("bulk", "people.csv", *SANDBOX), {}),
        (("profile", "add", "p", "--account-sid", "a", "--token-file", "t"), {}),
        (("profile", "set", "p", "rate=5/min"), {"EXOSMS_CONFIG": "config.toml"}),
        (("doctor", *SANDBOX), {"EXOSMS_STATE_DIR": "state"}),
    ],
)
def test_a_directory_that_is_gone_is_no_bug(
    exosms: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], env: dict[str, str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr("exosms.starvation.has_sent", False)
    result = exosms(*argv, env=env)
    assert (result.exit_code, "error: the current directory is gone\n" in result.stderr) == (4, True)


def test_a_process_that_may_open_no_more_once_it_has_its_ledger_says_so(exosms: Shell) -> None:
    assert exosms(*SEND).exit_code == 0
    process = exosms.start(*SEND, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6)))
    out, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert (process.returncode, out.split("\t")[0]) == (4, "not_sent")
    assert "this process may open no more files\n  Raise its limit (ulimit -n" in err


def test_a_process_without_memory_says_so(exosms: Shell) -> None:
    """It has 2 MiB more than what Python and the first of our modules take."""
    measure = "import exosms.cli.app; print(open('/proc/self/status').read().split('VmPeak:')[1].split()[0])"
    peak = int(subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True).stdout)
    most = peak * 1024 + 2 * 2**20
    process = exosms.start(*SEND, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))
    out, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert (process.returncode, out) == (4, "")
    assert "this process gets no more memory\n  Raise its limit (ulimit -v" in err


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (("--help",), 4),
        (("--version",), 4),
        (("send", "--help"), 4),
        (("help",), 4),
        (("help", "runs"), 4),
        (("help", "outcomes"), 4),
        (("codes",), 4),
        (("codes", "-o", "human"), 4),
        (("codes", "--json"), 4),
        (("log",), 4),
        (("log", "--json"), 4),
        (("runs", "export", "june"), 4),
        (("runs", "show", "june"), 4),
        (("profile", "path"), 4),
        (SEND, 0),
        ((*SEND, "-n"), 4),
        ((*SEND, "-n", "--json"), 4),
        ((*SEND, "-n", "--to", "12"), 3),
        (("bulk", *SANDBOX, "people.csv", "--sent-before", "send", "-n"), 4),
        (("bulk", *SANDBOX, "people.csv", "--sent-before", "send", "-n", "--json"), 4),
        (("bulk", *SANDBOX, "people.csv", "--sent-before", "send", "-n", "-o", "jsonl"), 4),
        (("bulk", *SANDBOX, "people.csv", "--sent-before", "send", "-n", "--sample-to", "9876543210"), 4),
        (("runs", "retry", "refused", "-n"), 4),
        (("runs", "retry", "refused", "-n", "--json"), 4),
    ],
    ids=str,
)
def test_a_full_disk_behind_standard_output_is_told(exosms: Shell, argv: tuple[str, ...], exit_code: int) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,x\n")
    exosms("bulk", *SANDBOX, str(file), "--run", "june", "--yes")
    refused = exosms.home / "refused.csv"
    refused.write_text("to,body\n+919000000500,x\n")
    exosms("bulk", *SANDBOX, str(refused), "--run", "refused", "--yes")
    exosms("runs", "resolve", "refused", "--as", "not_sent")
    argv = tuple(str(file) if word == "people.csv" else word for word in argv)
    with Path("/dev/full").open("wb") as full:
        process = exosms.start(*argv, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == exit_code
    assert err.count(b"could not be written: the disk is full") == 1
    assert b"bug" not in err


@pytest.mark.parametrize("is_deaf", [False, True])
@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("--version",),
        ("--version", "--version"),
        ("send", "--help"),
        ("runs", "--help"),
        ("help",),
        ("help", "runs"),
        ("help", "outcomes"),
        ("--show-completion", "bash"),
        ("codes",),
        ("codes", "--json"),
        ("profile", "path"),
    ],
    ids=str,
)
def test_a_reader_that_has_read_enough_ends_a_command_quietly(
    exosms: Shell, argv: tuple[str, ...], is_deaf: bool
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        process = exosms.start(*argv, stdout=gone, stderr=gone if is_deaf else subprocess.PIPE)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err or b"") == (0, b"")


def test_lost_lines_of_many_rows_are_told_once(exosms: Shell) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n" + "".join(f"987654321{row},x\n" for row in range(5)))
    with Path("/dev/full").open("wb") as full:
        process = exosms.start("bulk", *SANDBOX, str(file), "--yes", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err.count(b"could not be written: the disk is full") == 1
    assert b"5 rows: 5 accepted" in err


def test_an_error_of_usage_stays_one_without_standard_error(exosms: Shell) -> None:
    with Path("/dev/full").open("wb") as full:
        assert exosms.start("send", "--nothing", stdout=full, stderr=full).wait(60) == 2


def grow_when_read(monkeypatch: pytest.MonkeyPatch, path: Path, more: bytes) -> None:
    """Let somebody append to the file, once, when its first bytes were read."""
    opened = Path.open

    class Growing(io.FileIO):
        has_grown = False

        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size) or b""
            if not self.has_grown:
                self.has_grown = True
                with opened(path, "ab") as file:
                    file.write(more)
            return content

    def opening(self: Path, *mode: Any, **options: Any) -> Any:
        return Growing(path) if self == path else opened(self, *mode, **options)

    monkeypatch.setattr(Path, "open", opening)


@pytest.mark.parametrize(
    ("argv", "content"),
    [
        (("send", *SANDBOX, "--to", "9876543210", "--body-file"), b"Your order"),
        (("bulk", *SANDBOX, "--yes"), b"to,body\n9876543210,Your order"),
        (("check-template", "--text", "Your order", "--csv"), b"to,body\n9876543210,Your order"),
        (("template", "import"), b"Template ID,Template Content\n1107160000000000001,Your order"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_file_that_is_written_while_it_is_read_is_refused(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], content: bytes
) -> None:
    path = exosms.home / "file"
    path.write_bytes(content)
    grow_when_read(monkeypatch, path, b" has left\n")
    result = exosms(*argv, str(path))
    assert result.exit_code == 3, result
    assert "written to while it was read" in result.stderr
    assert exosms("log").stdout == ""


def test_a_last_row_of_standard_input_without_a_line_end_is_told(exosms: Shell) -> None:
    cut_off = exosms("bulk", "-", *SANDBOX, "--yes", stdin="to,body\n9876543210,Your ord")
    assert (cut_off.exit_code, "ends without a line end" in cut_off.stderr) == (0, True)
    whole = exosms("bulk", "-", *SANDBOX, "--yes", stdin="to,body\n9876543210,Your order\n")
    assert (whole.exit_code, "line end" in whole.stderr) == (0, False)
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543211,Your order")
    edited = exosms("bulk", str(file), *SANDBOX, "--yes")
    assert (edited.exit_code, "line end" in edited.stderr) == (0, False)
