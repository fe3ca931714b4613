"""Every command prints in every format: one document, an object a line, or lines without any JSON."""

import json
from pathlib import Path

import pytest
from conftest import Shell

SANDBOX = ("--region", "sandbox")
SEND = ("send", *SANDBOX, "--to", "9876543210")

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
    (("template", "import", "export.csv"), "template import"),
    (("template", "lint"), "template lint"),
    (("template", "remove", "otp"), "template remove"),
    (("runs", "list"), "runs"),
    (("runs", "show", "june"), "bulk"),
    (("runs", "resume", "june", "--yes"), "bulk"),
    (("runs", "retry", "june", "--yes"), "bulk"),
    (("runs", "resolve", "june", "--as", "accepted"), "runs"),
    (("runs", "purge", "--older-than", "90d"), "runs"),
    (("status", "--run", "june"), "status"),
    (("log",), "log"),
    (("codes",), "codes"),
    (("codes", "403"), "codes"),
    (("profile", "add", "staging", *SANDBOX), "profile add"),
    (("profile", "list"), "profile list"),
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
    Path("config.toml").write_text('default_profile = "prod"\n[profiles.prod]\nregion = "sandbox"\n')
    Path("config.toml").chmod(0o600)
    Path("templates.toml").write_text('[templates.otp]\ntext = "{#var#} is your OTP. - Acme"\n')
    Path("people.csv").write_text("to,body\n9876543210,4711 is your OTP. - Acme\n9876543211,Hi\n")
    Path("export.csv").write_text(
        "DLT CT ID,Name,SMS,Header,Type,Status\n1107160000000054321,offer,Hello,ACMEIN,Promotional,Approved\n"
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
