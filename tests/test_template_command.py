"""``exosms template``: what each command prints, changes and answers."""

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Shell

from exosms.templates import edit_file

ID = "1107160000000012345"
FILE = f"""\
version = 1

[templates.otp]
text = "{{#var#}} is your OTP for {{#var#}}. - Acme"
variables = ["code"]
dlt_template_id = "{ID}"
from = "ACMEIN"
type = "transactional"

[templates.offer]
text = \"\"\"
Sale!
- Acme\"\"\"
"""
OTP = {
    "name": "otp",
    "text": "{#var#} is your OTP for {#var#}. - Acme",
    "variables": ["code", "2"],
    "types": [],
    "dlt_template_id": ID,
    "dlt_entity_id": None,
    "from": "ACMEIN",
    "type": "transactional",
}
OFFER: dict[str, object] = {
    "name": "offer",
    "text": "Sale!\n- Acme",
    "variables": [],
    "types": [],
    "dlt_template_id": None,
    "dlt_entity_id": None,
    "from": None,
    "type": None,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "t.toml"
    path.write_text(FILE)
    return path


def template(exosms: Shell, path: Path, verb: str, *argv: str) -> Result:
    return exosms("template", verb, *argv, "--templates", str(path))


def test_list_is_one_line_each_in_a_pipe(exosms: Shell, path: Path) -> None:
    assert template(exosms, path, "list") == Result(
        0,
        f"otp\t{ID}\tACMEIN\ttransactional\t{{#var#}} is your OTP for {{#var#}}. - Acme\n"
        "offer\t\t\t\tSale!\\x0a- Acme\n",
        "",
    )


def test_list_as_json_is_one_document(exosms: Shell, path: Path) -> None:
    assert template(exosms, path, "list", "--json").json == {
        "schema": 1,
        "command": "template list",
        "exit_code": 0,
        "templates": [OTP, OFFER],
        "error": None,
    }


def test_list_on_a_terminal_cuts_nothing(exosms: Shell, path: Path) -> None:
    for columns in (40, 60, 79, 80, 85, 90, 95, 99, 200):
        argv = ("template", "list", "--templates", str(path), "-o", "human")
        shown = exosms(*argv, env={"COLUMNS": str(columns)}).stdout
        for text in (OTP["text"], OFFER["text"]):
            assert all(word in shown for word in str(text).split() if len(word) < 12), columns
        assert all(len(line) <= columns for line in shown.splitlines())
        assert ID in shown  # it is copied from here
        assert "OTP" in shown
        assert "\\x0a" not in shown


def test_no_templates_yet_is_no_error(exosms: Shell) -> None:
    result = exosms("template", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"exosms: no templates in {exosms.home}/.config/exosms/templates.toml\n"


@pytest.mark.parametrize("name", ["otp", ID])
def test_show_takes_a_name_or_an_id(exosms: Shell, path: Path, name: str) -> None:
    assert template(exosms, path, "show", name) == Result(
        0,
        "name\totp\ntext\t{#var#} is your OTP for {#var#}. - Acme\nvariables\tcode, 2\ntypes\t\n"
        f"dlt_template_id\t{ID}\ndlt_entity_id\t\nfrom\tACMEIN\ntype\ttransactional\n",
        "",
    )
    assert template(exosms, path, "show", name, "--json").json == {
        "schema": 1,
        "command": "template show",
        "exit_code": 0,
        "template": OTP,
        "error": None,
    }


def test_show_for_a_person_has_the_lines_of_the_text(exosms: Shell, path: Path) -> None:
    shown = template(exosms, path, "show", "offer", "-o", "human").stdout
    assert shown == "name  offer\n────────────\ntext  Sale!\n      - Acme\n"


@pytest.mark.parametrize("columns", [40, 80])
def test_an_id_is_never_broken_on_a_terminal(exosms: Shell, path: Path, columns: int) -> None:
    for verb in (("list",), ("show", "otp")):
        argv = ("template", *verb, "--templates", str(path), "-o", "human")
        seen = exosms(*argv, env={"COLUMNS": str(columns)}).stdout
        assert ID in seen.split()
        assert max(map(len, seen.splitlines())) <= columns


@pytest.mark.parametrize("verb", ["show", "remove"])
def test_an_unknown_name_is_3_with_the_nearest(exosms: Shell, path: Path, verb: str) -> None:
    result = template(exosms, path, verb, "ofer", "--json")
    assert result.exit_code == 3
    assert result.stderr == (
        f"exosms: error: There is no template 'ofer' in {path}; did you mean 'offer'?\n"
        "  `exosms template list` shows them.\n"
    )
    assert (result.json["command"], result.json["exit_code"]) == (f"template {verb}", 3)
    assert path.read_text() == FILE


ADD = ("add", "thanks", "--text", "Thank you, {#var#}{#var#}. - Acme", "--variables", "first, last")
BESIDE = (
    "--dlt-template-id",
    ID,
    "--dlt-entity-id",
    "1101160000000012345",
    "--from",
    "ACMEIN",
    "--type",
    "promotional",
)


def test_add_writes_what_was_given(exosms: Shell, path: Path) -> None:
    result = template(exosms, path, *ADD, *BESIDE, "--types", "alp,num")
    assert (result.exit_code, result.stdout) == (0, "added\tthanks\n")
    assert result.stderr == f"exosms: warning: the template 'otp' has the id {ID} too\n"
    assert path.read_text() == (
        f"""{FILE}
[templates.thanks]
text = "Thank you, {{#var#}}{{#var#}}. - Acme"
variables = ["first", "last"]
types = ["alp", "num"]
dlt_template_id = "{ID}"
dlt_entity_id = "1101160000000012345"
from = "ACMEIN"
type = "promotional"
"""
    )


def test_add_makes_the_first_file_beside_the_configuration(exosms: Shell) -> None:
    result = exosms("template", "add", "otp", "--text", "Hello", "--json")
    path = exosms.home / ".config/exosms/templates.toml"
    assert result.json == {
        "schema": 1,
        "command": "template add",
        "exit_code": 0,
        "file": str(path),
        "added": ["otp"],
        "updated": [],
        "unchanged": [],
        "error": None,
    }
    assert path.read_text() == 'version = 1\n\n[templates.otp]\ntext = "Hello"\n'
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_text_file_loses_one_final_newline(exosms: Shell, path: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes("Dear café,\r\nbye \r\n\r\n".encode())
    for source, stdin in ((str(text), b""), ("-", text.read_bytes())):
        assert exosms("template", "add", "x", "--text-file", source, "-y", stdin=stdin).exit_code == 0
        assert exosms("template", "show", "x", "--json").json["template"]["text"] == "Dear café,\nbye \n"


def test_a_name_in_use_needs_yes(exosms: Shell, path: Path) -> None:
    refused = template(exosms, path, "add", "offer", "--text", "Sale today! - Acme", "--json")
    assert (refused.exit_code, refused.json["exit_code"], refused.json["error"]["kind"]) == (5, 5, "guard")
    assert refused.stderr == (
        f"exosms: error: The template 'offer' already exists in {path} and is different\n"
        "  Nothing was changed. Add --yes to replace it, or choose another name.\n"
    )
    assert path.read_text() == FILE
    done = template(exosms, path, "add", "offer", "--text", "Sale today! - Acme", "-y")
    assert (done.exit_code, done.stdout) == (0, "updated\toffer\n")
    assert path.read_text() == FILE.replace('"""\nSale!\n- Acme"""', '"Sale today! - Acme"')


def test_replacing_keeps_what_is_not_given(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    add = ("add", "otp", "-y", "--text")
    first = ("--variables", "code", "--from", "ACMEIN", "--dlt-template-id", ID)
    assert template(exosms, path, *add, "{#var#} is your OTP. - Acme", *first).exit_code == 0
    assert template(exosms, path, *add, "{#var#} is your code. - Acme", "--from", "ACMEXX").exit_code == 0
    kept = template(exosms, path, "show", "otp", "--json").json["template"]
    assert (kept["text"], kept["variables"]) == ("{#var#} is your code. - Acme", ["code"])
    assert (kept["from"], kept["dlt_template_id"]) == ("ACMEXX", ID)
    assert template(exosms, path, "add", "otp", "-y", "--variables", "otp").stdout == "updated\totp\n"
    named = template(exosms, path, "show", "otp", "--json").json["template"]
    assert named == {**kept, "variables": ["otp"]}
    assert template(exosms, path, *add, "None. - Acme", "--variables", "", "--from", "").exit_code == 0
    kept = template(exosms, path, "show", "otp", "--json").json["template"]
    assert (kept["variables"], kept["from"], kept["dlt_template_id"]) == ([], None, ID)


def test_names_that_stay_in_another_text_are_told(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    add = ("add", "otp", "--yes")
    names = ("--variables", "code,app")
    first, other = ("--text", "{#var#} is your OTP for {#var#}"), ("--text", "Your {#var#} OTP is {#var#}")
    told = "exosms: warning: otp: the text has changed; see that its variables still are, in this order, code, app\n"
    assert template(exosms, path, *add, *first, *names).stderr == ""
    assert template(exosms, path, *add, *first, "--from", "ACMEIN").stderr == ""
    assert template(exosms, path, *add, *other) == Result(0, "updated\totp\n", told)
    assert template(exosms, path, *add, *first, *names).stderr == ""
    export = tmp_path / "export.csv"
    export.write_text(f"TEMPLATE_ID,TEMPLATE_NAME,BODY\n{ID},OTP,{other[1]}\n")
    assert template(exosms, path, "import", str(export), "--yes") == Result(0, "updated\totp\n", told)
    assert template(exosms, path, "import", str(export), "--yes").stderr == "exosms: 1 unchanged\n"


def test_types_that_stay_beside_another_text_are_told(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    add = ("add", "pay", "--yes", "--dlt-template-id", ID)
    first = ("--text", "Rs.{#var#} paid. - Acme", "--types", "numeric")
    told = "exosms: warning: pay: the text has changed; see that its types still are, in this order, numeric\n"
    assert template(exosms, path, *add, *first).stderr == ""
    assert template(exosms, path, *add, "--text", "Paid by {#var#}. - Acme") == Result(0, "updated\tpay\n", told)
    assert template(exosms, path, *add, *first).stderr == ""
    export = tmp_path / "export.csv"
    export.write_text(f"TEMPLATE_ID,BODY\n{ID},Paid by {{#var#}}. - Acme\n")
    assert template(exosms, path, "import", str(export), "--yes") == Result(0, "updated\tpay\n", told)


def test_replacing_keeps_what_another_process_says_meanwhile(
    exosms: Shell, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = edit_file.add

    def after_another(*args: Any, **options: Any) -> edit_file.Saved:
        add(path, "otp", {"text": "{#var#} is your code for {#var#}. - Acme", "from": ""}, replace=True)
        return add(*args, **options)

    monkeypatch.setattr(edit_file, "add", after_another)
    assert template(exosms, path, "add", "otp", "-y", "--variables", "code,app").stdout == "updated\totp\n"
    said = FILE.replace("OTP", "code").replace('from = "ACMEIN"\n', "")
    assert path.read_text() == said.replace('["code"]', '["code", "app"]')


REFUSED = {
    "a name that cannot be typed": (("a b", "--text", "x"), 3, "'a b' is not a valid template name"),
    "an id as a name": ((ID, "--text", "x"), 3, "is not a valid template name"),
    "an empty text": (("x", "--text", ""), 3, "has no text"),
    "a text too long": (("x", "--text", "a" * 2001), 3, "has 2001 characters, more than 2000"),
    "too many names": (("x", "--text", "a", "--variables", "b"), 3, "names 1 variables, and its text has 0"),
    "an empty name": (("x", "--text", "{#var#}a{#var#}", "--variables", "b,"), 3, "'' is not a valid variable name"),
    "an unknown type": (("x", "--text", "a{#var#}", "--types", "otp"), 3, "'otp' is not the type"),
    "an id that is none": (("x", "--text", "a", "--dlt-template-id", "1.1E+18"), 3, "'1.1E+18' is not valid"),
    "an id of two digits": (("x", "--text", "a", "--dlt-template-id", "12"), 3, "'12' is not valid: it must have 19"),
    "an entity id of two digits": (("x", "--text", "a", "--dlt-entity-id", "12"), 3, "'12' is not valid"),
    "a marker of MSG91": (("x", "--text", "Hi ##name##"), 3, "##name## at offset 3 is a marker of another notation"),
    "one of ours": (("x", "--text", "Hi {name}"), 3, "{name} at offset 3 is a marker of another notation"),
    "a broken marker": (("x", "--text", "Hi {#var}"), 3, "{#var} at offset 3 is not spelled as a marker"),
    "a word of crosses": (("x", "--text", "Hi XXXX"), 3, "XXXX at offset 3 is a marker of another notation"),
    "a displayed header": (("x", "--text", "a", "--from", "VM-ACMEIN"), 3, "is the form that phones show"),
    "no such text file": (("x", "--text-file", "/nonexistent"), 3, "/nonexistent cannot be read"),
    "no text": (("x",), 2, "Give one of --text and --text-file"),
    "no text to be kept": (("x", "--yes", "--from", "ACMEXX"), 2, "Give one of --text and --text-file"),
    "two texts": (("x", "--text", "a", "--text-file", "-"), 2, "Give one of --text and --text-file"),
    "no type of Exotel's": (("x", "--text", "a", "--type", "otp"), 2, "otp"),
}


@pytest.mark.parametrize(("argv", "exit_code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    exosms: Shell, path: Path, argv: tuple[str, ...], exit_code: int, said: str
) -> None:
    result = template(exosms, path, "add", *argv, "--json")
    assert result.exit_code == exit_code
    assert said in result.stderr
    assert (result.stdout == "") == (exit_code == 2)
    assert path.read_text() == FILE


def test_add_warns_of_what_looks_odd(exosms: Shell, path: Path) -> None:
    odd = ("--text", "{#otp#}", "--dlt-template-id", "1101160000000012345", "--from", "ACMEINDIA")
    result = template(exosms, path, "add", "x", *odd)
    assert result.exit_code == 0
    assert [line[:32] for line in result.stderr.splitlines()] == [
        "exosms: warning: the sender 'ACM",
        "exosms: warning: the DLT templat",
        "exosms: warning: {#otp#} is not ",
    ]


def test_a_line_break_that_toml_puts_at_the_end_is_told_wherever_the_text_is_used(
    exosms: Shell, tmp_path: Path
) -> None:
    path = tmp_path / "t.toml"
    head = '[templates.x]\nfrom = "ACMEIN"\ntext = """\nHi {#num#},\nbye. - Acme'
    path.write_text(f'{head}\n"""\n')
    ending = (
        "the registered text ends with a line break, which is sent as it is; if the DLT portal has none there,"
        ' remove it: in templates.toml """ stands right behind the last word'
    )
    warning = f"exosms: warning: {ending}\n"
    rows = tmp_path / "rows.csv"
    rows.write_text("to,1\n9876543210,7\n")
    of = ("-t", "x", "--templates", str(path))
    dry = ("-n", "--region", "sandbox", *of)
    planned = "planned\t+919876543210\t\t1 part, plain: Hi 7,\\x0abye. - Acme"
    assert exosms("send", "--to", "9876543210", "--var", "1=7", *dry) == Result(0, f"{planned}\\x0a\n", warning)
    assert warning in exosms("bulk", str(rows), *dry).stderr
    assert exosms("check-template", *of, "--csv", str(rows)) == Result(0, "", f"{warning}exosms: 1 of 1 rows match\n")
    assert ending in [note["message"] for note in template(exosms, path, "lint", "--json").json["notes"]]
    path.write_text(f'{head}"""\n')
    assert exosms("send", "--to", "9876543210", "--var", "1=7", *dry) == Result(0, f"{planned}\n", "")


def test_a_line_break_that_the_shell_left_as_it_was_is_told_wherever_the_text_is_used(
    exosms: Shell, path: Path, tmp_path: Path
) -> None:
    literal = (
        r"the registered text contains a literal \n, which is sent as it is; if the DLT portal has a line break"
        r" there, give the text as $'…\n…' or in a file"
    )
    warning = f"exosms: warning: {literal}\n"
    assert template(exosms, path, "add", "x", "--text", r"Hi {#num#},\nbye. - Acme", "--from", "ACMEIN") == Result(
        0, "added\tx\n", warning
    )
    rows = tmp_path / "rows.csv"
    rows.write_text("to,1\n9876543210,7\n")
    of = ("-t", "x", "--templates", str(path))
    assert warning in exosms("send", "-n", "--region", "sandbox", "--to", "9876543210", *of, "--var", "1=7").stderr
    assert warning in exosms("bulk", str(rows), "-n", "--region", "sandbox", *of).stderr
    assert exosms("check-template", *of, "--csv", str(rows)) == Result(0, "", f"{warning}exosms: 1 of 1 rows match\n")
    assert literal in [note["message"] for note in template(exosms, path, "lint", "--json").json["notes"]]
    assert exosms("check-template", *of, "--body", "Hi 7,\nbye. - Acme") == Result(
        3,
        'mismatch\tx\t5\tliteral\tThe registered text has a backslash and a letter, "\\n", where the body has a line'
        " break. Compare the registered text with the DLT portal, which may have a line break there.\n",
        warning,
    )


@pytest.mark.parametrize("name", ["otp", ID])
def test_remove_takes_it_out(exosms: Shell, path: Path, name: str) -> None:
    result = template(exosms, path, "remove", name)
    assert result == Result(0, "removed\totp\n", "")
    assert path.read_text() == FILE[: FILE.index("[templates.otp]")] + FILE[FILE.index("[templates.offer]") :]


def test_remove_as_json(exosms: Shell, path: Path) -> None:
    assert template(exosms, path, "remove", "offer", "--json").json == {
        "schema": 1,
        "command": "template remove",
        "exit_code": 0,
        "file": str(path),
        "removed": ["offer"],
        "error": None,
    }


@pytest.mark.parametrize("verb", [("list",), ("show", "otp"), ("remove", "otp"), ("lint",)])
def test_a_file_that_was_named_must_be_there(exosms: Shell, tmp_path: Path, verb: tuple[str, ...]) -> None:
    result = template(exosms, tmp_path / "nothing.toml", *verb, "--json")
    assert (result.exit_code, result.json["exit_code"]) == (3, 3)
    assert result.stderr == (
        f"exosms: error: The templates {tmp_path}/nothing.toml do not exist\n  Check --templates.\n"
    )


@pytest.mark.parametrize("verb", [("list",), ("show", "otp"), ("lint",), ("add", "x", "--text", "a")])
def test_a_file_that_cannot_be_read_is_3(exosms: Shell, tmp_path: Path, verb: tuple[str, ...]) -> None:
    result = template(exosms, tmp_path, *verb)  # a directory
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"The templates {tmp_path} cannot be read: Is a directory" in result.stderr


def test_a_place_that_cannot_be_written_is_4(exosms: Shell, path: Path) -> None:
    result = template(exosms, path / "t.toml", "add", "x", "--text", "a")  # below a file
    assert (result.exit_code, result.stdout) == (4, "")
    assert f"The templates {path}/t.toml cannot be written: " in result.stderr


def test_without_a_home_a_file_has_to_be_named(exosms: Shell, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # a container's user that has no entry
    for verb in (("list",), ("add", "x", "--text", "a")):
        result = exosms("template", *verb, env={"HOME": ""})
        assert result.exit_code == 4
        assert "Name a file with --templates or EXOSMS_TEMPLATES." in result.stderr
    assert exosms("template", "show", "otp", env={"HOME": "", "EXOSMS_TEMPLATES": str(path)}).exit_code == 0


def test_a_profile_names_its_own_file(exosms: Shell, path: Path) -> None:
    config = exosms.home / "config.toml"
    config.write_text(f'[profiles.prod]\nregion = "mumbai"\ntemplates = "{path}"\n')
    config.chmod(0o600)
    result = exosms("template", "show", "otp", "-p", "prod", "--config", str(config))
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("4711 is your  OTP.", "13. The body has an extra space"),
        ("4711 is yor  OTP", '8 and in 2 more places. "yor" '),
    ],
)
def test_why_a_text_does_not_match_is_a_sentence_of_its_own(exosms: Shell, body: str, said: str) -> None:
    (exosms.home / "templates.toml").write_text('version = 1\n[templates.otp]\ntext = "{#var#} is your OTP."\n')
    argv = ("--templates", str(exosms.home / "templates.toml"), "-t", "otp", "--region", "sandbox")
    refused = exosms("send", "--to", "9876543210", *argv, "--body", body)
    assert (refused.exit_code, f"match the template 'otp' at offset {said}" in refused.stderr) == (3, True), (
        refused.stderr
    )


def test_what_is_no_file_is_not_replaced_by_one(exosms: Shell) -> None:
    """As root, with --templates /dev/null, that broke the whole system."""
    pipe = exosms.home / "pipe"
    os.mkfifo(pipe)
    holding = os.open(pipe, os.O_RDWR)
    os.write(holding, b"version = 1\n")
    done = exosms("template", "add", "otp", "--text", "Hi {#var#}", "--templates", str(pipe))
    os.close(holding)
    assert (done.exit_code, done.stdout, pipe.is_fifo()) == (4, "", True)
    assert "cannot be written: it is a device or a pipe" in done.stderr
