"""Every command prints in every format: one document, an object a line, or lines without any JSON."""

import json
import resource
from pathlib import Path

import pytest
from conftest import Shell

SANDBOX = ("--region", "sandbox")
SEND = ("send", *SANDBOX, "--to", "9876543210")

IMPORT = ("template", "import", "export.csv", "--column", "id=DLT CT ID", "--column", "text=SMS")

COMMANDS = [
    # argv, the document's command
    ((*SEND, "--body", "Hi"), "send"),
    ((*SEND, "--body", "Hi", "--dry-run"), "send"),
    ((*SEND, "-t", "otp", "--var", "1=4711"), "send"),
    (("bulk", "people.csv", *SANDBOX, "--yes", "--sent-before", "send"), "bulk"),
    (("bulk", "people.csv", *SANDBOX, "--dry-run", "--sent-before", "send"), "bulk"),
    (("bulk", "people.csv", *SANDBOX, "--sample-to", "9876543219", "--yes"), "bulk"),
    (("check-template", "-t", "otp", "--body", "4711 is your OTP. - Acme"), "check-template"),
    (("check-template", "-t", "otp", "--body", "No"), "check-template"),
    (("check-template", "-t", "otp", "--csv", "people.csv"), "check-template"),
    (("template", "list"), "template list"),
    (("template", "show", "otp"), "template show"),
    (("template", "add", "hello", "--text", "Hello"), "template add"),
    (IMPORT, "template import"),
    (("template", "lint"), "template lint"),
    (("template", "remove", "otp"), "template remove"),
    (("runs", "list"), "runs"),
    (("runs", "show", "june"), "bulk"),
    (("runs", "resume", "june", "--yes"), "bulk"),
    (("runs", "retry", "june", "--yes"), "bulk"),
    (("runs", "resolve", "june", "--as", "accepted"), "runs"),
    (("runs", "resolve", "june", "--as", "accepted", "--row", "1"), "runs"),
    (("runs", "export", "june"), "runs"),
    (("runs", "export", "june", "june.csv"), "runs"),
    (("runs", "export", "june", "june.csv", "--with", "people.csv"), "runs"),
    (("runs", "reconcile", "--search", *SANDBOX), "runs reconcile"),
    (("runs", "purge", "--older-than", "90d"), "runs"),
    (("status", "--run", "june"), "status"),
    (("log",), "log"),
    (("codes",), "codes"),
    (("codes", "403"), "codes"),
    (("codes", "balance", "low"), "codes"),
    (("profile", "add", "staging", *SANDBOX), "profile add"),
    (("profile", "list"), "profile list"),
    (("profile", "groups"), "profile groups"),
    (("profile", "set", "prod", "from=ACMEIN"), "profile set"),
    (("profile", "show"), "profile show"),
    (("profile", "use", "prod"), "profile use"),
    (("profile", "remove", "prod", "-y"), "profile remove"),
    (("profile", "test", "prod"), "profile test"),
    (("profile", "path"), "profile path"),
    (("doctor", *SANDBOX), "doctor"),
]


@pytest.fixture
def furnished(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A home that has what the commands name."""
    monkeypatch.chdir(exosms.home)
    exosms.env |= {"EXOSMS_CONFIG": str(exosms.home / "config.toml"), "EXOTEL_FROM": "ACMEIN"}
    Path("config.toml").write_text(
        'default_profile = "prod"\n[profiles.prod]\nregion = "sandbox"\n[groups]\nnone = []\n'
    )
    Path("config.toml").chmod(0o600)
    Path("templates.toml").write_text('[templates.otp]\ntext = "{#var#} is your OTP. - Acme"\n')
    Path("people.csv").write_text("to,body\n9876543210,4711 is your OTP. - Acme\n9876543211,Hi\n")
    Path("export.csv").write_text(
        "DLT CT ID,Name,SMS,Header,Type,Status,Note\n1107160000000054321,offer,Hello,ACMEIN,Promotional,Approved,x\n"
    )
    assert exosms("bulk", "people.csv", *SANDBOX, "--run", "june", "--yes").exit_code == 0
    return exosms


@pytest.mark.parametrize(("argv", "command"), COMMANDS, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("output", ["json", "jsonl", "plain"])
def test_a_command_prints_what_its_format_is(
    furnished: Shell, argv: tuple[str, ...], command: str, output: str
) -> None:
    result = furnished(*argv, "-o", output)
    assert result.exit_code in {0, 3}, result
    lines = result.stdout.splitlines()
    if output == "plain":
        assert [line for line in lines if line.startswith(("{", "["))] == []
        return
    documents = [json.loads(line) for line in lines]
    assert documents
    assert all(isinstance(document, dict) for document in documents)
    if output == "json":
        (document,) = documents
        assert list(document)[:2] == ["schema", "command"]
        assert (document["schema"], document["command"]) == (1, command)
        assert document["exit_code"] == result.exit_code
        assert "error" in document


def test_an_export_is_in_its_format_as_well(furnished: Shell) -> None:
    printed = furnished("runs", "export", "june", "--json").json
    first = printed["rows"][0]
    assert (printed["exit_code"], printed["run"], printed["error"]) == (0, "june", None)
    assert (first["row"], first["line"], first["to"], first["outcome"]) == (1, 2, "+919876543210", "accepted")
    assert (first["http_status"], first["code"], first["error"]) == (200, None, None)
    lines = furnished("runs", "export", "june", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == printed["rows"]
    beside = furnished("runs", "export", "june", "--with", "people.csv", "--json").json["rows"]
    assert [(row["to"], row["body"], row["outcome"]) for row in beside][1] == ("9876543211", "Hi", "accepted")
    assert furnished("runs", "export", "june", "--outcome", "unknown", "--json").json["rows"] == []
    written = furnished("runs", "export", "june", "june.csv", "--json").json
    assert (written["run"], written["file"], written["written"]) == ("june", "june.csv", 2)


HINTS = [
    ("template", "add", "otp", "--text", "{#var#} is your OTP. - Acme"),
    IMPORT,
    ("template", "list", "--templates", "flawed.toml"),
    ("template", "lint"),
    ("profile", "add", "staging", *SANDBOX),
    ("profile", "set", "prod", "from=ODD.NAME"),
    ("profile", "list", "--config", "flawed.toml"),
    ("profile", "groups"),
    ("profile", "use", "second"),
    ("profile", "remove", "prod"),
    ("profile", "test", "prod"),
    ("runs", "resolve", "june", "--as", "accepted"),
    ("runs", "export", "june", "june.csv"),
]


@pytest.mark.parametrize("argv", HINTS, ids=" ".join)
def test_whatever_gives_hints_can_be_quiet(furnished: Shell, argv: tuple[str, ...]) -> None:
    Path("flawed.toml").write_text('[templates.a]\n[profiles.a]\nrate = "x"\n')
    Path("flawed.toml").chmod(0o600)
    with Path("config.toml").open("a") as config:
        config.write('[profiles.second]\nrate = "x"\n')
    before = {file: file.read_bytes() for file in (Path("config.toml"), Path("templates.toml"))}
    told = furnished(*argv)
    for file, content in before.items():
        file.write_bytes(content)
    quiet = furnished(*argv, "-q")
    assert told.stderr != ""
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (told.exit_code, told.stdout, "")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_an_output_that_is_cut_short_is_told(exosms: Shell, unbuffered: str) -> None:
    """As by a disk that becomes full: unbuffered, as in most containers, Python takes a part for the whole."""
    most = 4096
    with (exosms.home / "out").open("wb") as out:
        process = exosms.start(
            "codes",
            "-o",
            "json",
            env={"PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        )
        _, err = process.communicate(timeout=60)
    assert (exosms.home / "out").stat().st_size <= most
    assert process.returncode == 4
    assert "error: the result could not be written: File too large\n" in err.decode()
