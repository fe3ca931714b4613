"""A ``send`` that makes no sense as it stands names the command that was meant."""

import subprocess

import pytest
from conftest import Shell

NUMBER = "9876543210"


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (("--to", NUMBER, "--body", "-"), f"exosms send --to {NUMBER} -F -"),
        (("--to", NUMBER, "-b-"), f"exosms send --to {NUMBER} -F-"),
        (("--to", NUMBER, "--body=-"), f"exosms send --to {NUMBER} -F-"),
    ],
)
def test_the_command_that_was_meant_is_told(exosms: Shell, argv: tuple[str, ...], meant: str) -> None:
    refused = exosms("send", *argv)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.endswith(f"\n  Did you mean: {meant}\n")


def test_a_text_on_standard_input_is_read_only_where_that_is_said(exosms: Shell) -> None:
    process = exosms.start("send", "--to", NUMBER, stdin=subprocess.PIPE)
    stdout, stderr = process.communicate(b"Hello", timeout=30)
    assert (process.returncode, stdout) == (2, b"")
    assert stderr.decode().endswith(f"  Did you mean: exosms send --to {NUMBER} -F -\n")
    sent = exosms("send", "--to", NUMBER, "-F", "-", "--region", "sandbox", "--from", "ACMEIN", stdin="Hello")
    assert sent.exit_code == 0


def test_nothing_on_standard_input_is_no_hint(exosms: Shell) -> None:
    process = exosms.start("send", "--to", NUMBER)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"Did you mean" not in stderr


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (
            ("check-template", "otp", "12 is your OTP"),
            "Did you mean: exosms check-template -t otp -b '12 is your OTP'",
        ),
        (("check-template", "12 is your OTP"), "Did you mean: exosms check-template -b '12 is your OTP'"),
        (
            ("template", "lint", "ship"),
            "It checks every template of the file; another file is named with --templates FILE",
        ),
        (("runs",), "To see the runs: exosms runs list"),
    ],
)
def test_a_guess_is_answered_with_what_was_meant(exosms: Shell, argv: tuple[str, ...], meant: str) -> None:
    refused = exosms(*argv)
    assert (refused.exit_code, (refused.stdout + refused.stderr).splitlines()[-1]) == (2, f"exosms: {meant}")


@pytest.mark.parametrize(
    "argv", [("check-template", "a", "b", "c"), ("check-template", "--nope", "b"), ("template",)]
)
def test_what_is_anybodys_guess_is_not_guessed(exosms: Shell, argv: tuple[str, ...]) -> None:
    refused = exosms(*argv)
    assert refused.exit_code == 2
    assert "Did you mean: " not in refused.stderr
    assert "exosms: " not in refused.stderr
