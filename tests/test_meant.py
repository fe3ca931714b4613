"""A command that makes no sense as it stands names the command that was meant, ready to be pasted."""

import shlex
import subprocess

import pytest
from conftest import Shell

NUMBER = "9876543210"


OTHER = "9876543211"
TO = f"exosms send --to {NUMBER}"

SENDS = [
    (f"{NUMBER} Hello", f"{TO} --body Hello"),
    (f"{NUMBER} 'It is done' --json", f"{TO} --body 'It is done' --json"),
    (f"{NUMBER} It is done", f"{TO} --body 'It is done'"),
    (f"{NUMBER} It\\'s $HOME", f"""{TO} --body 'It'"'"'s $HOME'"""),
    ("+919876543210 Hello", "exosms send --to +919876543210 --body Hello"),
    ("98765 43210 Hello", "exosms send --to '98765 43210' --body Hello"),
    ("--to +91 98765 43210 --body Hello", "exosms send --to '+91 98765 43210' --body Hello"),
    ("Hello " + NUMBER, f"{TO} --body Hello"),
    (f"Hello --to {NUMBER}", f"{TO} --body Hello"),
    (f"--to {NUMBER} It is done", f"{TO} --body 'It is done'"),
    (f"--to {NUMBER} --body It is done -q", f"{TO} --body 'It is done' -q"),
    (f"--to {NUMBER} -qbIt is done", f"{TO} -q -b 'It is done'"),
    (f"-b=Hello {NUMBER}", f"{TO} -b Hello"),
    (f"--to {NUMBER} -qb=It is = done", f"{TO} -q -b 'It is = done'"),
    (f"--to {NUMBER} -b= It", f"{TO} -b ' It'"),
    (f"--to {NUMBER} -- -3 degrees", f"{TO} --body '-3 degrees'"),
    (f"--to {NUMBER} -b Call {OTHER}", f"{TO} -b 'Call {OTHER}'"),
    (f"{NUMBER} {OTHER} Hello", f"{TO} --to {OTHER} --body Hello"),
    (f"{NUMBER},{OTHER} Hello", f"{TO},{OTHER} --body Hello"),
    (f"{NUMBER} --body Hello", f"{TO} --body Hello"),
    (f"--body Hello {NUMBER}", f"{TO} --body Hello"),
    (f"{NUMBER} -F alert.txt", f"{TO} -F alert.txt"),
    ("@oncall x", "exosms send --to @oncall --body x"),
    ("--to-file list.txt x", "exosms send --to-file list.txt --body x"),
    (f"-t otp {NUMBER} --var code=4711 app=login", f"{TO} -t otp --var code=4711 --var app=login"),
    (f"-t otp --to {NUMBER} --var name=Asha Rao", f"exosms send -t otp --to {NUMBER} --var 'name=Asha Rao'"),
    (
        f"-t otp --to {NUMBER} code=4711 'app=log in'",
        f"exosms send -t otp --to {NUMBER} --var code=4711 --var 'app=log in'",
    ),
    (f"-t otp {NUMBER} code=4711", f"{TO} -t otp --var code=4711"),
    (f"--phone {NUMBER} -m Hello --sender=ACMEIN", f"{TO} --body Hello --from ACMEIN"),
    (f"--to {NUMBER} --body -", f"{TO} -F -"),
    (f"--to {NUMBER} -b-", f"{TO} -F -"),
    (f"--to {NUMBER} -b=-", f"{TO} -F -"),
    (f"--to {NUMBER} --body=-", f"{TO} -F -"),
    (f"--to {NUMBER} -", f"{TO} -F -"),
    (f"{NUMBER} --body -", f"{TO} -F -"),
]


@pytest.mark.parametrize(("words", "meant"), SENDS)
def test_the_command_that_was_meant_can_be_pasted(exosms: Shell, words: str, meant: str) -> None:
    refused = exosms("send", *shlex.split(words))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.endswith(f" Did you mean: {meant}\n")
    again = exosms(*shlex.split(meant)[1:], "--dry-run", stdin="Hello")
    assert again.exit_code != 2, again.stderr


def test_it_stands_below_what_is_wrong(exosms: Shell) -> None:
    refused = exosms("send", NUMBER, "Hello")
    assert refused.stderr == (
        "Usage: exosms send [OPTIONS]\nTry 'exosms send -h' for help.\n\n"
        f"Error: Got unexpected extra argument(s) ({NUMBER} Hello)\n"
        f"exosms: Did you mean: {TO} --body Hello\n"
    )
    dash = exosms("send", "--to", NUMBER, "--body", "-", "--json")
    assert dash.stderr == (
        f"exosms: error: --body takes the text itself, not - for standard input\n  Did you mean: {TO} -F - --json\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Hello", "Give a recipient: exosms send --to NUMBER --body Hello"),
        (f"{NUMBER} -q", f"Give the text: {TO} --body TEXT -q"),
        ("-m Hello", "Give a recipient: exosms send --to NUMBER --body Hello"),
    ],
)
def test_what_is_missing_is_told_where_it_belongs(exosms: Shell, words: str, told: str) -> None:
    process = exosms.start("send", *shlex.split(words))
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (2, b"")
    assert stderr.decode().endswith(f"\nexosms: {told}\n")


@pytest.mark.parametrize("words", [NUMBER, f"{NUMBER} -", f"- --to {NUMBER}", f"--phone {NUMBER}"])
def test_what_is_piped_in_is_the_text(exosms: Shell, words: str) -> None:
    process = exosms.start("send", *shlex.split(words), stdin=subprocess.PIPE)
    stdout, stderr = process.communicate(b"Hello", timeout=60)
    assert (process.returncode, stdout) == (2, b"")
    assert stderr.decode().endswith(f"Did you mean: {TO} -F -\n")


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        ((NUMBER, "Hello"), f"{TO} --body Hello"),
        (("bulk", NUMBER, "--body", "Hello", "-q"), f"{TO} --body Hello -q"),
        (("bulk", "@oncall", "-b", "It is"), "exosms send --to @oncall -b 'It is'"),
        (("bulk", NUMBER, "It", "is"), f"{TO} --body 'It is'"),
        (("bulk", "p.csv", "Dear {name}", "-y"), "exosms bulk p.csv --body 'Dear {name}' -y"),
        (("bulk", "p.csv", "--body", "Dear", "{name}"), "exosms bulk p.csv --body 'Dear {name}'"),
        (("bulk", "p.csv", "--body", "-", "-n"), "exosms bulk p.csv -F - -n"),
        (("check-template", "-b", "-", "--text", "Hi"), "exosms check-template -F - --text Hi"),
    ],
)
def test_a_number_needs_send_and_a_file_needs_bulk(exosms: Shell, argv: tuple[str, ...], meant: str) -> None:
    refused = exosms(*argv)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.endswith(f" Did you mean: {meant}\n")


@pytest.mark.parametrize("name", ["2026-11-26", "20261126123000", "@", "customers.csv"])
def test_a_file_that_is_missing_is_missing(exosms: Shell, name: str) -> None:
    refused = exosms("bulk", name, "--region", "sandbox", "--yes")
    assert (refused.exit_code, f"{name} cannot be read: " in refused.stderr) == (3, True)


def test_a_file_that_is_called_like_a_number_is_a_file(exosms: Shell) -> None:
    file = exosms.home / NUMBER
    file.write_text("to,body\n9876543210,Hello\n")
    process = exosms.start("bulk", NUMBER, "-n", cwd=exosms.home)
    assert process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (f"{NUMBER} ./lost --full", f"exosms job --to {NUMBER} -- ./lost --full"),
        (f"@oncall {NUMBER} -- ./lost", f"exosms job --to @oncall --to {NUMBER} -- ./lost"),
        (f"-v {NUMBER} '{{job}} failed' -- ./lost", f"exosms job --to {NUMBER} --body '{{job}} failed' -v -- ./lost"),
        (f"--to {NUMBER} -b It is -- ./lost -x", f"exosms job --to {NUMBER} -b 'It is' -- ./lost -x"),
        (f"--to {NUMBER} -- 'cd /x && ./y'", f"exosms job --to {NUMBER} -- sh -c 'cd /x && ./y'"),
        (f"{NUMBER} ./lost 'it\udcffs\n'", rf"exosms job --to {NUMBER} -- ./lost $'it\xffs\x0a'"),
        (f"--to {NUMBER} -- ./lost -- x", ""),
        (f"--to {NUMBER} ./lost x", ""),
    ],
)
def test_a_job_that_cannot_be_started_may_have_been_meant_otherwise(exosms: Shell, words: str, meant: str) -> None:
    refused = exosms("job", *shlex.split(words))
    told = refused.stderr.splitlines()
    assert (refused.exit_code, refused.stdout) == (127, "")
    assert f"  Did you mean: {meant}" in told if meant else "Did you mean" not in refused.stderr


def test_a_text_on_standard_input_is_read_only_where_that_is_said(exosms: Shell) -> None:
    process = exosms.start("send", "--to", NUMBER, stdin=subprocess.PIPE)
    stdout, stderr = process.communicate(b"Hello", timeout=60)
    assert (process.returncode, stdout) == (2, b"")
    assert stderr.decode().endswith(f"  Did you mean: exosms send --to {NUMBER} -F -\n")
    sent = exosms("send", "--to", NUMBER, "-F", "-", "--region", "sandbox", "--from", "ACMEIN", stdin="Hello")
    assert sent.exit_code == 0


def test_nothing_on_standard_input_is_no_hint(exosms: Shell) -> None:
    process = exosms.start("send", "--to", NUMBER)
    _, stderr = process.communicate(timeout=60)
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
        (("runs", "show"), "To see the runs: exosms runs list"),
        (("template", "remove"), "To see the templates: exosms template list"),
        (("template", "add", "otp", "Hi {#var#}"), "Did you mean: exosms template add otp --text 'Hi {#var#}'"),
        (("bulk", "send", "list.csv"), "Did you mean: exosms bulk list.csv"),
        (("version",), "Did you mean: exosms --version"),
        (("check", "-b", "x"), "Did you mean: exosms check-template -b x"),
        (("resume", "june"), "Did you mean: exosms runs resume june"),
        (("list",), "Did you mean one of: exosms template list, exosms runs list, exosms profile list"),
        (("exit-codes",), "Did you mean: exosms help exit-codes"),
    ],
)
def test_a_guess_is_answered_with_what_was_meant(exosms: Shell, argv: tuple[str, ...], meant: str) -> None:
    refused = exosms(*argv)
    assert (refused.exit_code, (refused.stdout + refused.stderr).splitlines()[-1]) == (2, f"exosms: {meant}")


@pytest.mark.parametrize(
    "argv",
    [
        ("check-template", "a", "b", "c"),
        ("check-template", "--nope", "b"),
        ("template",),
        ("send", "--nope", NUMBER, "Hello"),
        ("send", "--to", NUMBER, "--body", "Hello", "--json", "there"),
        ("send", "-t", "otp", "--to", NUMBER, "4711"),
        ("send", "--to", NUMBER, "--rate", "x", "--body", "Hello"),
        ("bulk", NUMBER, "Hello", "--run", "june"),
        ("bulk", "people.csv", NUMBER),
        ("bulk", "--batch", "x"),
        ("nope", NUMBER),
    ],
)
def test_what_is_anybodys_guess_is_not_guessed(exosms: Shell, argv: tuple[str, ...]) -> None:
    refused = exosms(*argv)
    assert refused.exit_code == 2
    assert "Did you mean: " not in refused.stderr
    assert "exosms: " not in refused.stderr


@pytest.mark.parametrize("words", [("bulk",), ("send", NUMBER)])
def test_the_names_of_files_are_no_text(exosms: Shell, words: tuple[str, ...]) -> None:
    files = [exosms.home / name for name in ("jan.csv", "feb.csv", "mar.csv")]
    for file in files:
        file.write_text("to\n9876543210\n")
    refused = exosms(*words, *map(str, files), "--yes")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "exosms: " not in refused.stderr
    assert exosms("bulk", str(files[0]), "Hello", "--yes").stderr.endswith(
        f"exosms bulk {files[0]} --body Hello --yes\n"
    )


@pytest.mark.parametrize(
    ("words", "told", "written"),
    [
        (f"send --to {NUMBER} -b --any-hour", "-b needs a value, and behind it stands --any-hour", "-b=--any-hour"),
        (f"send --to {NUMBER} -nb -q", "-b needs a value, and behind it stands -q", "-b=-q"),
        (f"send -b --to {NUMBER}", "-b needs a value, and behind it stands --to", "-b=--to"),
        (f"send -b x --to --once={NUMBER}", "--to needs a value, and behind it stands --once", "--to=--once"),
        (f"send --to {NUMBER} -b two --once -q", "--once needs a value, and behind it stands -q", "--once=-q"),
        (f"job --to {NUMBER} -b -- touch ran", "-b needs a value, and behind it stands --", "-b=--"),
        ("bulk p.csv --run --yes", "--run needs a value, and behind it stands --yes", "--run=--yes"),
        ("template add otp --text -y", "--text needs a value, and behind it stands -y", "--text=-y"),
        (f"send --to {NUMBER} -b -qn", "-b needs a value, and behind it stands -qn", "-b=-qn"),
        (f"send --to {NUMBER} -b -qp sandbox", "-b needs a value, and behind it stands -qp", "-b=-qp"),
        (f"send --to {NUMBER} -b -ojson", "-b needs a value, and behind it stands -ojson", "-b=-ojson"),
        (f"send --to {NUMBER} --once -qo=json", "--once needs a value, and behind it stands -qo", "--once=-qo"),
    ],
)
def test_the_option_behind_one_without_a_value_is_not_its_value(
    exosms: Shell, words: str, told: str, written: str
) -> None:
    refused = exosms(*words.split())
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"exosms: error: {told}\n")
    assert refused.stderr.endswith(f": {written}\n")


@pytest.mark.parametrize("words", ["-b=--any-hour", "--body=--any-hour", "-nb--any-hour"])
def test_a_text_like_an_option_is_sent_as_it_is_written(exosms: Shell, words: str) -> None:
    planned = exosms("send", "--region", "sandbox", "--to", NUMBER, *words.split(), "-n", "-o", "plain")
    assert (planned.exit_code, planned.stdout) == (0, f"planned\t+91{NUMBER}\t\t1 part, plain: --any-hour\n")


@pytest.mark.parametrize("text", ["-5", "- Acme", "-qn is not", "-quiet", "-ox", "-no-", "-"])
def test_a_value_that_begins_with_a_dash_and_is_no_option_is_one(exosms: Shell, text: str) -> None:
    planned = exosms("send", "--region", "sandbox", "--to", NUMBER, "-b", "Hi", "--once", text, "-n", "-o", "plain")
    assert (planned.exit_code, planned.stdout) == (0, f"planned\t+91{NUMBER}\t\t1 part, plain: Hi\n")
