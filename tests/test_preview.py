"""What a dry run shows before anything is paid: the texts that would go out, in every format."""

import json
import re

import pyte
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


# --- a file ---

LONG = "Dear Asha, " + "your order has left and will be with you soon, " * 30 + "- Acme"
ROWS = (
    f"to,body,from\n9876543210,Hello,ACMEIN\n9876543211,{LONG.replace(',', ';')},ACMEOK\n9876543212,Namaste,ACMEIN\n"
)


def written(exosms: Shell, content: str, name: str = "people.csv") -> str:
    file = exosms.home / name
    file.write_text(content)
    return str(file)


def screen(text: str, columns: int = 80, lines: int = 24) -> list[str]:
    """What a terminal of that size shows in the end, and what has left it at the top."""
    display = pyte.HistoryScreen(columns, lines, history=1000)
    pyte.Stream(display).feed(text.replace("\n", "\r\n"))
    assert not display.history.top, "the first lines are gone"
    return [line.rstrip() for line in display.display]


def test_a_dry_bulk_shows_the_first_and_the_longest_text_in_every_format(exosms: Shell) -> None:
    argv = ("bulk", written(exosms, ROWS), "--region", "sandbox", "--dry-run")
    long = LONG.replace(",", ";")
    plain = exosms(*argv).stdout
    assert plain.endswith(f"first\t+919876543210\tHello\nlongest\t+919876543211\t{long}\n")
    plan = exosms(*argv, "--json").json["plan"]
    assert (plan["first"]["row"], plan["first"]["line"], plan["first"]["text"]) == (1, 2, "Hello")
    assert (plan["longest"]["to"], plan["longest"]["text"]) == ("+919876543211", long)
    assert plan["senders"] == 2
    *rows, document = map(json.loads, exosms(*argv, "-o", "jsonl").stdout.splitlines())
    assert [(row["row"], row["line"], row["to"], row["outcome"], row["text"]) for row in rows] == [
        (1, 2, "+919876543210", "planned", "Hello"),
        (2, 3, "+919876543211", "planned", long),
        (3, 4, "+919876543212", "planned", "Namaste"),
    ]
    assert document["plan"] == plan


def test_every_row_has_an_object_those_too_that_are_left_out(exosms: Shell) -> None:
    content = "to,body\n9876543210,a\n12,b\n9876543210,a\n9876543211,c\n"
    argv = (
        "bulk",
        written(exosms, content),
        *SANDBOX,
        "-n",
        "-o",
        "jsonl",
        "--skip-invalid",
        "--duplicates",
        "first",
    )
    result = exosms(*argv)
    assert result.exit_code == 0
    *rows, document = map(json.loads, result.stdout.splitlines())
    assert [(row["line"], row["to"], row["outcome"], row["text"]) for row in rows] == [
        (2, "+919876543210", "planned", "a"),
        (3, "12", "rejected", None),
        (4, "+919876543210", "skipped", None),
        (5, "+919876543211", "planned", "c"),
    ]
    assert rows[1]["error"]["message"].startswith("to: '12' is not an Indian mobile number")
    assert document["counts"]["rejected"] == 1


def test_memory_does_not_grow_with_the_rows(exosms: Shell) -> None:
    """The peak of a dry run of 60,000 rows is that of 6,000, but for a few pages."""
    peaks = []
    for rows in (6_000, 60_000):
        content = "to,body\n" + "".join(f"98765{n:05d},{'Hello ' * 20}{n}\n" for n in range(rows))
        argv = ("bulk", written(exosms, content), *SANDBOX, "-n", "-o", "jsonl", "-q")
        with (exosms.home / "out").open("wb") as out:
            peaks.append(exosms.peak(*argv, stdout=out))
        assert len((exosms.home / "out").read_text().splitlines()) == rows + 1
    assert peaks[1] - peaks[0] < 25_000  # KiB; the output is 20 MB, and its objects would be 100


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("is_asked", [False, True])
def test_the_plan_fits_one_screen(exosms: Shell, columns: int, *, is_asked: bool) -> None:
    config = exosms.home / "config.toml"
    config.write_text(
        '[profiles.prod]\nregion = "mumbai"\naccount_sid = "acme1"\napi_key = "k"\napi_token = "t"\n'
        'from = "ACMEIN"\nprice_per_part = 0.18\n'
    )
    config.chmod(0o600)
    rows = "".join(f"98765{n:05d},{LONG.replace(',', ';')} {n % 7} ₹,ACME{n % 3:02d}\n" for n in range(300))
    file = written(exosms, f"to,body,from\n12,x,\n9876543210,Short,ACMEIN\n{rows}9876500001,{LONG[:11]}\x07,\n")
    argv = ("bulk", file, "--skip-invalid", "--duplicates", "all", *([] if is_asked else ["--dry-run"]))
    env = {"EXOSMS_CONFIG": str(config)}
    typed = [("[y/N]: ", "n")] if is_asked else []
    result = exosms.on_terminal(*argv, columns=columns, env=env, typed=typed)
    assert result.exit_code == (5 if is_asked else 0)
    start = re.sub("\x1b.*?m", "", result.stdout).index("plan for")
    plan = re.sub("\x1b.*?m", "", result.stdout)[start:]
    shown = " ".join(" ".join(screen(plan, columns)).split())
    assert "api.in.exotel.com/acme1" in shown
    assert "from a column, 4 different" in shown
    assert re.search(r"first:? \+919876543210: Short", shown)
    assert re.search(r"longest:? \+919876500000: Dear Asha; your order", shown)
    assert re.search(r"… \(14\d\d character ?s\)", shown)
    assert "301 of 303 rows (2 rejected)" in shown


@pytest.mark.parametrize("columns", [40, 80])
def test_the_characters_that_make_texts_unicode_stand_on_any_screen(exosms: Shell, columns: int) -> None:
    rows = "".join(f"98765{n:05d},Dear “Asha” ’\n" for n in range(100))
    argv = ("bulk", written(exosms, f"to,body\n{rows}"), *SANDBOX, "-n")
    shown = " ".join(exosms.on_terminal(*argv, columns=columns).stdout.split())
    assert "in Unicode: ’" in shown
    assert "QUOTATION" not in shown


def test_the_sender_is_named(exosms: Shell) -> None:
    result = exosms.on_terminal("bulk", written(exosms, "to,body\n9876543210,Hi\n"), *SANDBOX, "-n")
    shown = screen(result.stdout)
    assert "sender    ACMEIN" in shown
    assert "longest" not in shown


# --- what people were sent before ---


def test_people_who_just_got_another_text_are_counted(exosms: Shell) -> None:
    first = written(exosms, "to,body\n9876543210,Sale tomorow\n9876543211,Sale tomorow\n+919000000400,Sale tomorow\n")
    assert exosms("bulk", first, *SANDBOX, "--yes").exit_code == 10
    corrected = written(
        exosms, "to,body\n9876543210,Sale tomorrow\n9876543211,Sale tomorrow\n+919000000400,Sale tomorrow\n"
        "9876543213,Sale tomorrow\n"
    )  # fmt: skip
    argv = ("bulk", corrected, *SANDBOX, "--dry-run")
    plain = exosms(*argv)
    assert plain.exit_code == 0
    assert "people who got another text\t2\n" in plain.stdout
    sentence = "2 people got, or may have got, another text from an earlier run within 12 h"
    assert f"exosms: warning: {sentence}\n" in plain.stderr
    assert exosms(*argv, "--json").json["plan"]["texted_otherwise"] == 2
    on_terminal = exosms.on_terminal(*argv, env={"COLUMNS": "120"}, columns=120).stdout
    assert on_terminal.count(sentence) == 1
    sent = exosms("bulk", corrected, *SANDBOX, "--yes")
    assert f"exosms: warning: {sentence}\n" in sent.stderr


OTHERS = [
    # the first file, the second one, its options, the people who got another text
    ("9876543210,a\n", "9876543210,a\n9876543211,b\n", ("--sent-before", "skip"), 0),
    ("9876543210,a\n", "9876543210,a\n9876543210,b\n", ("--sent-before", "skip"), 0),
    ("9876543210,a\n", "9876543211,a\n", (), 0),
    ("9876543210,a\n", "9876543210,b\n9876543210,c\n", (), 1),
    ("9876543210,a\n9876543210,b\n", "9876543210,b\n", ("--sent-before", "send"), 1),
    ("+919000000500,a\n", "+919000000500,b\n", (), 1),
    ("+919000000400,a\n", "+919000000400,b\n", (), 0),
    ("9876543210,a\n", "9876543210,b\n", ("--within", "0"), 0),
]


@pytest.mark.parametrize(("before", "now", "options", "people"), OTHERS)
def test_who_counts_as_having_got_another_text(
    exosms: Shell, before: str, now: str, options: tuple[str, ...], people: int
) -> None:
    exosms("bulk", written(exosms, f"to,body\n{before}"), *SANDBOX, "--yes", "--batch", "1")
    result = exosms("bulk", written(exosms, f"to,body\n{now}", "b.csv"), *SANDBOX, "-n", "--json", *options)
    assert result.json["plan"]["texted_otherwise"] == people


def test_another_account_is_no_earlier_run(exosms: Shell) -> None:
    exosms("bulk", written(exosms, "to,body\n9876543210,a\n"), *SANDBOX, "--yes")
    account = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_REGION": "mumbai"}
    file = written(exosms, "to,body\n9876543210,b\n")
    result = exosms("bulk", file, "--from", "ACMEIN", "-n", "--json", env={**account, "EXOTEL_API_TOKEN": "t"})
    assert (result.json["plan"]["account"], result.json["plan"]["texted_otherwise"]) == ("api.in.exotel.com/acme1", 0)


def test_a_person_sees_each_row_that_is_left_out_once(exosms: Shell) -> None:
    exosms("bulk", written(exosms, "to,body\n9876543210,a\n9876543211,a\n"), *SANDBOX, "--yes")
    file = written(exosms, "to,body\n9876543210,a\n9876543211,a\n9876543212,a\n9876543212,a\n9876543213,\n", "b.csv")
    argv = ("bulk", file, *SANDBOX, "-n", "--skip-invalid", "--duplicates", "first", "-o", "human")
    skipping = exosms(*argv, "--sent-before", "skip").stdout
    assert "messages  1 of 5 rows (1 rejected, 1 skipped, 2 sent before)\n" in skipping
    sending = exosms(*argv, "--sent-before", "send").stdout
    assert "messages  3 of 5 rows (1 rejected, 1 skipped, 2 sent before)\n" in sending


def test_what_makes_texts_unicode_is_counted_in_those_that_are_sent(exosms: Shell) -> None:
    first, second = exosms.home / "first.csv", exosms.home / "second.csv"
    first.write_text("to,body\n9876543210,₹1\n9876543211,₹2\n")
    second.write_text(f"{first.read_text()}9876543212,₹3\n")
    assert exosms("bulk", str(first), *SANDBOX, "--yes").exit_code == 0
    plan = exosms("bulk", str(second), *SANDBOX, "-n", "--sent-before", "skip").stdout
    assert "unicode messages\t1; because of ₹ (U+20B9 INDIAN RUPEE SIGN) in 1\n" in plan


# --- the same text from another sender ---

OTHER_SENDERS = [
    # the options of the first time, those of the second one, how many of its rows had another sender
    (("--ignore-column", "From"), (), 2),
    ((), ("--ignore-column", "From"), 2),
    (("--ignore-column", "From"), ("--from", "NEWSND", "--ignore-column", "From"), 3),
    (("--ignore-column", "From"), ("--ignore-column", "From"), 0),
]


@pytest.mark.parametrize(("before", "now", "others"), OTHER_SENDERS)
def test_the_same_text_from_another_sender_was_sent_before(
    exosms: Shell, before: tuple[str, ...], now: tuple[str, ...], others: int
) -> None:
    box = ("--region", "sandbox")
    exosms.env["EXOTEL_FROM"] = "ACMEIN"
    file = written(exosms, "to,body,From\n9876543210,a,DELHII\n9876543211,a,KOCHII\n9876543212,a,\n")
    assert exosms("bulk", file, *box, "--yes", "--run", "one", *before).exit_code == 0
    refused = exosms("bulk", file, *box, "--yes", *now)
    said = f" ({others} with the same text from another sender)" if others else ""
    assert refused.exit_code == 5
    assert f"exosms: error: Sent before, for example in the run one: 3 messages{said}\n" in refused.stderr
    assert "another text" not in refused.stderr
    foreseen = exosms("bulk", file, *box, "-n", "-o", "jsonl", "--sent-before", "skip", *now).stdout
    assert foreseen.count("sent before from another sender, by the run one") == others
    assert foreseen.count("sent before, by the run one") == 3 - others
    skipped = exosms("bulk", file, *box, "--yes", "--json", "--sent-before", "skip", *now)
    assert skipped.json["counts"]["skipped"] == 3
    again = exosms("bulk", file, *box, "--yes", "--json", "--sent-before", "send", *now)
    assert (again.exit_code, again.json["counts"]["accepted"]) == (0, 3)


def test_another_text_from_another_sender_is_another_text(exosms: Shell) -> None:
    first = written(exosms, "to,body\n9876543210,a\n9876543211,a\n")
    assert exosms("bulk", first, *SANDBOX, "--yes").exit_code == 0
    second = written(exosms, "to,body\n9876543210,b\n9876543211,a\n")
    plan = exosms("bulk", second, *SANDBOX, "-n", "--json", "--from", "NEWSND", "--sent-before", "skip").json["plan"]
    assert (plan["messages"], plan["sent_before"], plan["texted_otherwise"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3661, "1 h 1 min"), (43_200, "12 h")],
)
def test_a_duration_is_as_people_say_it(seconds: float, said: str) -> None:
    from exosms.cli.output.progress import duration

    assert duration(seconds) == said


def test_what_looks_wrong_in_one_row_and_which_field_a_column_sets_are_plain_sentences(exosms: Shell) -> None:
    rows = written(exosms, "to,from,name\n9876543210,ACMEIN,nan\n9876543211,ACMEIN,Asha\n")
    told = exosms("bulk", rows, *SANDBOX, "--body", "Dear {name}", "--dry-run").stderr
    assert "looks like what a program writes for nothing\n" in told
    assert "the column 'from' sets the sender in 2 rows; --ignore-column passes over it\n" in told


def test_one_duplicate_is_one(exosms: Shell) -> None:
    rows = written(exosms, "to,body\n9876543210,Hi\n9876543210,Hi\n")
    argv = ("bulk", rows, *SANDBOX, "--dry-run", "--duplicates", "all")
    assert "duplicate rows\t1\n" in exosms(*argv).stdout
    assert "2 of 2 rows (1 duplicate)" in exosms(*argv, "-o", "human").stdout
