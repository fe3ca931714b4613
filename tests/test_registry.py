"""``templates.toml`` is read strictly, and changed without harm."""

import errno
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import Shell
from tomlkit.exceptions import ParseError

from exosms.errors import ConfigError, InputError
from exosms.templates import edit_file, registry

ID = "1107160000000012345"

WRONG = {
    "no TOML": (b"[templates.otp\n", "is not valid TOML"),
    "not UTF-8": (b'version = 1\n[templates.otp]\ntext = "\xa0"\n', "is not UTF-8 in line 3"),
    "too large": (b"#" * (registry.FORMAT.largest + 1), "is larger than 16 MiB"),
    "a number too long": (b"version = 0x" + b"9" * 5000, "TOML: it contains an integer of more than 64 bits"),
    "nested too deep": (b"a = " + b"[" * 5000, "is not valid TOML"),
    "a later version": (b"version = 2\n", "has version 2; this exosms knows 1"),
    "no version at all": (b'version = "1"\n', "has version '1', which is not valid"),
    "a version below the first": (b"version = 0\n", "has version 0, which is not valid"),
    "templates is a text": (b'templates = "otp"\n', "templates is not a table"),
    "a template is a text": (b'[templates]\notp = "x"\n', "template 'otp' is not a table"),
    "no text": (b"[templates.otp]\n", "template 'otp' has no text"),
    "an empty text": (b'[templates.otp]\ntext = ""\n', "template 'otp' has no text"),
    "a text too long": (b'[templates.otp]\ntext = "%s"\n' % (b"a" * 2001), "has 2001 characters"),
    "an id as a number": (b'[templates.otp]\ntext = "a"\ndlt_template_id = 11\n', "dlt_template_id must be a text"),
    "variables as a text": (b'[templates.otp]\ntext = "a"\nvariables = "a"\n', "variables must be a list"),
    "more names than markers": (b'[templates.otp]\ntext = "a{#var#}"\nvariables = ["a", "b"]\n', "names 2 variables"),
    "a name twice": (b'[templates.otp]\ntext = "{#var#}a{#var#}"\nvariables = ["a", "a"]\n', "the same name"),
    "a name that counts": (b'[templates.otp]\ntext = "{#var#}a{#var#}"\nvariables = ["2"]\n', "the same name"),
    "no name": (b'[templates.otp]\ntext = "a{#var#}"\nvariables = [""]\n', "'' is not a valid variable name"),
    "a name beyond --var": (b'[templates.otp]\ntext = "a{#var#}"\nvariables = ["a=b"]\n', "'a=b' is not a valid"),
    "an unknown type": (b'[templates.otp]\ntext = "a"\ntype = "otp"\n', "'otp' is not a valid type"),
    "types for no markers": (b'[templates.otp]\ntext = "a"\ntypes = ["num"]\n', "1 types are given"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        registry.read(path).get("otp")
    assert said in raised.value.message
    assert str(path) in raised.value.message


def test_an_empty_value_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[templates.otp]\ntext = "a"\nfrom = ""\ntype = ""\ndlt_template_id = ""\ndlt_entity_id = ""\n')
    found = registry.read(path).get("otp")
    assert (found.sender, found.type, found.dlt_template_id, found.dlt_entity_id) == (None, None, None, None)


@pytest.mark.parametrize(
    ("asked", "near"), [("otq", "'otp'"), ("OTP", "'otp'"), ("offer_diwali", "'Offer-Diwali'"), ("zzzz", None)]
)
def test_an_unknown_name_suggests_the_nearest(tmp_path: Path, asked: str, near: str | None) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[templates.otp]\ntext = "a"\n[templates.Offer-Diwali]\ntext = "b"\n')
    with pytest.raises(InputError) as raised:
        registry.read(path).get(asked)
    assert raised.value.message.endswith(f"did you mean {near}?" if near else str(path))


VALUES = {
    "by name and by number": ({"code": "1", "2": "x"}, ("1", "x")),
    "a misspelt one": ({"cod": "1", "2": "x"}, "has no variable 'cod'; did you mean 'code'?"),
    "one too few": ({"2": "x"}, "needs a value for code"),
    "none": ({}, "needs a value for code, 2"),
    "the number of a named one": ({"code": "1", "2": "x", "1": "1"}, "has no variable '1'"),
}


@pytest.mark.parametrize(("given", "answer"), VALUES.values(), ids=VALUES)
def test_every_variable_takes_its_own_value(given: dict[str, str], answer: str | tuple[str, ...]) -> None:
    otp = registry.Registered(name="otp", text="{#var#} is your OTP for {#var#}.", variables=("code",))
    if isinstance(answer, tuple):
        assert otp.values(given) == answer
    else:
        with pytest.raises(InputError) as raised:
            otp.values(given)
        assert answer in raised.value.message


def test_an_id_finds_its_template_and_an_empty_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    with pytest.raises(InputError, match=r"There is no template 'otp': .* has none"):
        registry.read(path).get("otp")
    path.write_text(f'[templates.otp]\ntext = "a"\ndlt_template_id = "{ID}"\n')
    assert registry.read(path).get(ID).name == "otp"


FLAWED = {
    "no table": "[templates]\nbad = 1\n",
    "a name twice": '[templates.bad]\ntext = "{#var#}a{#var#}"\nvariables = ["a", "a"]\n',
    "an id as a number": '[templates.bad]\ntext = "a"\ndlt_template_id = 11\n',
    "no text": f'[templates.bad]\ndlt_template_id = "{ID}"\n',
}
OTP = '[templates.otp]\ntext = "Hi {#var#}"\n'


@pytest.mark.parametrize("flawed", FLAWED.values(), ids=FLAWED)
def test_a_flawed_template_is_told_and_harms_no_other(exosms: Shell, tmp_path: Path, flawed: str) -> None:
    path = written(tmp_path, flawed + OTP)
    said = f"{path}: template 'bad'"
    send = ("send", "--region", "sandbox", "--to", "9876543210", "--templates", str(path), "--var", "1=you")
    sent = exosms(*send, "-t", "otp")
    assert (sent.exit_code, "bad" in sent.stderr) == (0, False)
    refused = exosms(*send, "-t", "bad")
    assert (refused.exit_code, said in refused.stderr) == (3, True)

    templates = ("--templates", str(path))
    assert (exosms("template", "show", "otp", *templates).exit_code, exosms("log").stdout.count("\n")) == (0, 1)
    listed = exosms("template", "list", *templates)
    assert (listed.exit_code, listed.stdout) == (0, "otp\t\t\t\tHi {#var#}\n")
    assert listed.stderr.startswith(f"exosms: warning: {said}")
    shown = exosms("template", "show", "bad", *templates)
    assert (shown.exit_code, said in shown.stderr) == (3, True)
    checked = exosms("check-template", "-b", "Hi you", *templates)
    assert (checked.exit_code, said in checked.stderr) == (0, True)
    checked = exosms("check-template", "-t", "otp", "-b", "Hi you", *templates)
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert exosms("template", "add", "new", "--text", "a", *templates).exit_code == 0
    assert exosms("template", "lint", *templates).exit_code == 3
    assert exosms("template", "remove", "bad", *templates).stdout == "removed\tbad\n"
    assert [*registry.read(path).templates] == ["otp", "new"]
    assert registry.read(path).flawed == {}


def test_an_id_that_a_flawed_template_claims_is_not_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, f'{OTP}dlt_template_id = "{ID}"\n{FLAWED["no text"]}')
    with pytest.raises(InputError, match="template 'bad' has no text"):
        registry.read(path).get(ID)
    assert registry.read(path).get("otp").dlt_template_id == ID


def test_a_text_that_matches_none_of_the_sound_templates_may_match_a_flawed_one(
    exosms: Shell, tmp_path: Path
) -> None:
    path = written(tmp_path, FLAWED["no text"] + OTP)
    send = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Bye", "--dry-run", "--templates", str(path))
    env = {"EXOTEL_ACCOUNT_SID": "a", "EXOTEL_API_KEY": "k", "EXOTEL_API_TOKEN": "t", "EXOTEL_REGION": "mumbai"}
    assert "matches no template that can be read in" in exosms(*send, env=env).stderr
    path.write_text(FLAWED["no text"])
    checked = exosms("check-template", "-b", "Hi you", "--templates", str(path))
    assert (checked.exit_code, "template 'bad' has no text" in checked.stderr) == (3, True)


@pytest.mark.parametrize("flawed", FLAWED.values(), ids=FLAWED)
def test_a_flawed_template_is_repaired_by_what_replaces_the_flaw(exosms: Shell, tmp_path: Path, flawed: str) -> None:
    path = written(tmp_path, flawed + OTP)
    again = ("--text", "Hello {#var#}", "--variables", "name", "--dlt-template-id", ID, "--yes")
    repaired = exosms("template", "add", "bad", *again, "--templates", str(path))
    assert repaired.exit_code == 0, repaired.stderr
    assert registry.read(path).get("bad").names == ("name",)
    assert registry.read(path).get("otp").text == "Hi {#var#}"


def test_an_id_that_two_different_templates_have_means_neither(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("".join(f'[templates.{n}]\ntext = "Hi"\ndlt_template_id = "{ID}"\n' for n in ("one", "two")))
    assert registry.read(path).get(ID).name == "one"
    path.write_text(path.read_text().replace('"Hi"', '"Ho"', 1))
    argv = (
        "send",
        "--region",
        "sandbox",
        "--to",
        "9876543210",
        "--from",
        "ACMEIN",
        "-t",
        ID,
        "--templates",
        str(path),
    )
    result = exosms(*argv)
    assert (result.exit_code, f"The id {ID} belongs to several templates in {path}: one, two" in result.stderr) == (
        3,
        True,
    )
    assert exosms("log").stdout == ""


HAND_MADE = """\
# The texts of Acme. Reviewed in every pull request.
version = 1   # of the format

# one-time passwords
[templates.otp]   # do not rename: the apps know it
from = "ACMEIN"   # header
text = "{#var#} is your OTP. - Acme"   # as of 2026
variables = [
  "code",   # six digits
]
dlt_template_id = "1107160000000012345"
owner = 'security'

# thanks
[templates.thanks]
text = "Thank you. - Acme"
# the end
"""

ADDED = """
[templates.offer]
text = "Sale! - Acme"
"""


def written(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "t.toml"
    path.write_bytes(content.encode())
    return path


def test_adding_changes_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, HAND_MADE)
    edit_file.add(path, "offer", {"text": "Sale! - Acme"})
    assert path.read_text() == HAND_MADE + ADDED


def test_replacing_changes_the_lines_that_differ(tmp_path: Path) -> None:
    path = written(tmp_path, HAND_MADE)
    said = {"text": "{#num#} is your OTP. - Acme", "variables": ["code"], "dlt_template_id": ""}
    edit_file.add(path, "otp", said, replace=True)
    expected = HAND_MADE.replace("{#var#}", "{#num#}").replace(f'dlt_template_id = "{ID}"\n', "")
    assert path.read_text() == expected


def test_removing_takes_its_own_lines_only(tmp_path: Path) -> None:
    path = written(tmp_path, HAND_MADE)
    edit_file.remove(path, "otp")
    start, end = HAND_MADE.index("[templates.otp]"), HAND_MADE.index("[templates.thanks]")
    kept = path.read_text()
    assert HAND_MADE[:start] in kept
    assert kept.endswith("\n# thanks\n" + HAND_MADE[end:])
    assert "security" not in kept


TEXTS = [
    "plain",
    'with "quotes" and \\ and \\n',
    "two\nlines",
    "\nbegins with a line",
    "ends with a line\n",
    'line\nthen """three""" quotes"',
    "line \nends with a space ",
    "tab\tand\x1bescape\x07\x7f",
    "no-break\xa0space, zero\u200bwidth and \u202eright to left",
    "नमस्ते क्\u200dष 😀 ₹",
    "'''",
    "#{%s}",
    "a\n\n\nb",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("before", ["", HAND_MADE, HAND_MADE.replace("\n", "\r\n"), "\ufeff" + HAND_MADE, "# no end"])
def test_any_text_comes_back_as_it_was(tmp_path: Path, text: str, before: str) -> None:
    path = written(tmp_path, before)
    for _ in range(2):  # as a new template, then in the place of another
        edit_file.add(path, "offer", {"text": text, "dlt_template_id": ID}, replace=True)
        assert registry.read(path).get("offer").text == text
        assert registry.read(path).get("offer").dlt_template_id == ID
        edit_file.add(path, "offer", {"text": "other"}, replace=True)
    content = path.read_bytes().decode()
    assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(content)
    assert ("\r\n" in before) == ("\r\n" in content)
    assert content.count("\n") == content.count("\r\n") or "\r\n" not in before
    assert content.startswith("\ufeff") == before.startswith("\ufeff")


@pytest.mark.parametrize(
    "before",
    [
        'templates = {otp = {text = "a"}}\n',
        '[templates]\notp.text = "a"\n',
        'templates.otp.text = "a"\n',
        '[templates.otp]\ntext = "a"\n[other]\nk = 1\n[templates.b]\ntext = "b"\n',
        '[templates]\notp = {text = "a"}\n',
    ],
)
def test_other_layouts_are_changed_rightly_or_not_at_all(tmp_path: Path, before: str) -> None:
    path = written(tmp_path, before)
    meant = tomllib.loads(before)
    for name, text in (("new", "n"), ("otp", "o")):
        try:
            edit_file.add(path, name, {"text": text}, replace=True)
        except InputError as error:
            assert "cannot change safely" in error.message  # noqa: PT017  # either outcome is right, a third is not
        else:
            meant["templates"][name] = {"text": text}
        assert tomllib.loads(path.read_text()) == meant


@pytest.mark.parametrize("name", ["", ".otp", "-x", "a b", "a\tb", "a/b", "a'b", "x" * 65, ID, "\u202eotp"])
def test_a_name_that_nobody_can_type_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.toml"
    with pytest.raises(InputError, match="is not a valid template name"):
        edit_file.add(path, name, {"text": "a"})
    assert not path.exists()


@pytest.mark.parametrize("name", ["otp", "OTP_2", "v1.otp", "ओटीपी", "a-b", "x" * 64])
def test_other_names_are_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.toml"
    edit_file.add(path, name, {"text": "a"})
    assert list(registry.read(path).templates) == [name]


def test_the_mode_stays_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    path = tmp_path / "repository" / "t.toml"
    path.write_text(HAND_MADE)
    path.chmod(0o664)
    link = tmp_path / "t.toml"
    link.symlink_to(path)
    edit_file.add(link, "offer", {"text": "Sale! - Acme"})
    assert link.is_symlink()
    assert path.read_text() == HAND_MADE + ADDED
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_can_be_read_by_the_team(tmp_path: Path) -> None:
    path = tmp_path / "sms" / "t.toml"
    edit_file.add(path, "offer", {"text": "Sale! - Acme"})
    assert path.read_text() == "version = 1\n" + ADDED
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_nothing_to_change_writes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, HAND_MADE)
    before = path.stat()
    saved = edit_file.add(path, "thanks", {"text": "Thank you. - Acme"})
    assert (saved.added, saved.updated, saved.unchanged) == ([], [], ["thanks"])
    assert path.stat().st_ino == before.st_ino


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, HAND_MADE)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: the disk is full"):
        edit_file.add(path, "offer", {"text": "Sale! - Acme"})
    assert path.read_text() == HAND_MADE
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_neighbour_stops_no_change(tmp_path: Path) -> None:
    path = written(tmp_path, "[templates]\notp = 1\n")
    edit_file.add(path, "offer", {"text": "Sale! - Acme"})
    assert path.read_text() == "[templates]\notp = 1\n" + ADDED
    edit_file.add(path, "otp", {"text": "{#var#}"}, replace=True)
    assert [*registry.read(path).templates] == ["offer", "otp"]


def test_removing_what_is_gone_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, HAND_MADE)
    with pytest.raises(InputError, match="no template 'offer'"):
        edit_file.remove(path, "offer")
    assert path.read_text() == HAND_MADE


def test_what_the_editor_of_toml_cannot_read_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_source: str) -> None:
        raise ParseError(1, 1)

    monkeypatch.setattr("tomlkit.parse", fails)
    path = written(tmp_path, HAND_MADE)
    with pytest.raises(InputError, match="has a layout that exosms cannot change safely"):
        edit_file.remove(path, "otp")
    assert path.read_text() == HAND_MADE


def test_what_the_editor_of_toml_loses_its_way_in_stays(tmp_path: Path) -> None:
    dotted = 'a.text = "x"\n[templates]\na.variables = ["name"]\na.text = "Hi {#name#}"\n'
    path = written(tmp_path, dotted)
    with pytest.raises(InputError, match="has a layout that exosms cannot change safely"):
        edit_file.add(path, "a", {"text": "Hi {#var#}", "variables": [], "from": "ACMEIN"}, replace=True)
    assert path.read_text() == dotted


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    script = """
import sys
from pathlib import Path
from exosms.templates import edit_file
for number in range(15):
    edit_file.add(Path(sys.argv[1]), f"{sys.argv[2]}{number}", {"text": "a"})
"""
    writers = [subprocess.Popen([sys.executable, "-c", script, str(path), letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert set(registry.read(path).templates) == {f"{letter}{number}" for letter in "ab" for number in range(15)}


@pytest.mark.parametrize("others", [HAND_MADE.replace("OTP", "code"), HAND_MADE[:200], ""])
def test_what_another_program_writes_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    path = written(tmp_path, HAND_MADE)
    check = registry.check
    monkeypatch.setattr(registry, "check", lambda *args: (path.write_text(others), check(*args))[1])
    with pytest.raises(ConfigError, match="cannot be written: another program has changed it meanwhile"):
        edit_file.add(path, "offer", {"text": "Sale! - Acme"})
    assert path.read_text() == others
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_character_is_refused(exosms: Shell) -> None:
    result = exosms("template", "add", "otp", "--text", "a\udce9b")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "--text is not UTF-8" in result.stderr
