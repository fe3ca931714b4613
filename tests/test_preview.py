"""What a dry run shows before anything is paid: the texts that would go out, in every format."""

import json

import pytest
from conftest import Shell

SANDBOX = ("--region", "sandbox", "--from", "ACMEIN")
TEMPLATES = '[templates.otp]\ntext = "{#var#} is your OTP. - Acme"\nvariables = ["code"]\n'


def dry_send(exosms: Shell, *argv: str) -> tuple[str, ...]:
    templates = exosms.home / "templates.toml"
    templates.write_text(TEMPLATES)
    return ("send", *SANDBOX, "--templates", str(templates), "--to", "9876543210,9876543211", "--dry-run", *argv)


TEXTS = [
    # options, the text, the last cell of its plain line
    (("--body", "Hello"), "Hello", "1 part, plain: Hello"),
    (("--body", "Two\nlines\t!"), "Two\nlines\t!", "1 part, unicode: Two\\x0alines\\x09!"),
    (("--body", "[bold]\x1b[2J"), "[bold]\x1b[2J", "1 part, unicode: [bold]\\x1b[2J"),
    (("-t", "otp", "--var", "code=4711"), "4711 is your OTP. - Acme", "1 part, plain: 4711 is your OTP. - Acme"),
]


@pytest.mark.parametrize(("argv", "text", "detail"), TEXTS)
def test_a_dry_send_shows_the_text_of_every_message(
    exosms: Shell, argv: tuple[str, ...], text: str, detail: str
) -> None:
    command = dry_send(exosms, *argv)
    document = exosms(*command, "--json").json
    assert [message["text"] for message in document["messages"]] == [text, text]
    lines = exosms(*command, "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines] == [text, text]
    plain = exosms(*command)
    numbers = "+919876543210", "+919876543211"
    assert plain.stdout == "".join(f"planned\t{number}\t\t{detail}\n" for number in numbers)
    assert plain.exit_code == 0


def test_a_dry_send_shows_the_text_on_a_terminal_as_it_stands(exosms: Shell) -> None:
    shown = exosms.on_terminal(*dry_send(exosms, "--body", "Dear Asha,\n\n  [b]it left\x1b[2J"))
    assert shown.exit_code == 0
    assert shown.stdout.endswith(
        "planned  +919876543210\n  1 part, unicode\nplanned  +919876543211\n  1 part, unicode\n"
        "\nDear Asha,\n\n  [b]it left\\x1b[2J\n"
    )


def test_what_is_sent_has_no_text_in_its_document(exosms: Shell) -> None:
    sent = exosms("send", *SANDBOX, "--to", "9876543210", "--body", "Hello", "--json")
    assert "text" not in sent.json["messages"][0]


def test_a_skipped_message_shows_its_text_too(exosms: Shell) -> None:
    argv = ("send", *SANDBOX, "--to", "9876543210", "--body", "Hello", "--once", "k")
    assert exosms(*argv).exit_code == 0
    (message,) = exosms(*argv, "--dry-run", "--json").json["messages"]
    assert (message["outcome"], message["text"]) == ("skipped", "Hello")
