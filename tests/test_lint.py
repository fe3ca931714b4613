"""What ``template lint`` says, by which rule, and what is wrong rather than a note."""

import re
from pathlib import Path

import pytest
from conftest import Shell

WRONG = {"invalid", "marker_invalid", "id_invalid", "id_conflict", "header_invalid"}

ID = "1107160000000012345"
OTHER = "1107160000000054321"
GOOD = f"""\
text = "Dear customer, {{#num#}} is your OTP. - Acme"
variables = ["code"]
dlt_template_id = "{ID}"
dlt_entity_id = "1101160000000012345"
from = "ACMEIN"
type = "transactional"
"""


def lint(exosms: Shell, tmp_path: Path, *tables: str, head: str = "") -> tuple[int, list[tuple[str | None, str]]]:
    path = tmp_path / "t.toml"
    path.write_text(head + "".join(f"[templates.t{number + 1}]\n{table}" for number, table in enumerate(tables)))
    result = exosms("template", "lint", "--templates", str(path), "--json")
    assert result.json["exit_code"] == result.exit_code
    assert result.json["templates"] == len(tables)
    return result.exit_code, [(note["template"], note["kind"]) for note in result.json["notes"]]


def changed(key: str, value: str | None) -> str:
    """The good template with one line changed or taken out."""
    lines = [line for line in GOOD.splitlines(keepends=True) if not line.startswith(f"{key} =")]
    return "".join(lines) + (f"{key} = {value}\n" if value is not None else "")


def text(value: str, *, variables: str = '["code"]') -> str:
    return changed("text", value).replace('["code"]', variables)


CASES = {
    "nothing": (GOOD, []),
    "is not valid": (changed("dlt_template_id", None), ["missing_id"]),
    "neither a header": (changed("from", None), ["missing_from"]),
    "no type": (changed("type", None), ["missing_type"]),
    "no names": (changed("variables", None), ["unnamed_variables"]),
    "swapped template id": (changed("dlt_template_id", '"1101160000000012345"'), ["id_unusual"]),
    "swapped entity id": (changed("dlt_entity_id", f'"{ID}"'), ["id_unusual"]),
    "18 digits": (changed("dlt_template_id", f'"{ID[:-1]}"'), ["id_invalid"]),
    "2 digits": (changed("dlt_template_id", '"12"'), ["id_invalid"]),
    "20 digits": (changed("dlt_template_id", f'"{ID}0"'), ["id_invalid"]),
    "an entity id of 18 digits": (changed("dlt_entity_id", '"110116000000001234"'), ["id_invalid"]),
    "no digits": (changed("dlt_template_id", '"1.1E+18"'), ["id_invalid"]),
    "an entity id of words": (changed("dlt_entity_id", '"Acme"'), ["id_invalid"]),
    "an odd header": (changed("from", '"ACMEINDIA"'), ["header_unusual"]),
    "a displayed header": (changed("from", '"VM-ACMEIN-S"'), ["header_invalid"]),
    "untyped": (text('"Your OTP is {#var#}, keep it. - Acme"'), ["untyped_variable"]),
    "an unknown marker": (text('"Your OTP is {#otp#}, keep it. - Acme"'), ["marker", "untyped_variable"]),
    "nearly a marker": (text('"OTP {#num#} or { #var# }. - Acme"'), ["marker_invalid"]),
    "a marker of another program": (text('"Dear ##name##, {#num#} is your OTP. - Acme"'), ["marker_invalid"]),
    "a marker of exosms": (text('"Dear {name}, {#num#} is your OTP. - Acme"'), ["marker_invalid"]),
    "a word of crosses": (text('"Dear XXXX, {#num#} is your OTP. - Acme"'), ["marker_invalid"]),
    "a masked number": (text('"Dear customer, A/c XXXX1234 has Rs.{#num#}. - Acme"'), []),
    "a marker without braces": (text('"Dear customer, #numeric# is your OTP. - Acme"'), ["marker"]),
    "prices and numbers": (text('"#1 in India: {#num#} for $5 or 50% off. - Acme"'), []),
    "side by side": (text('"Your OTP is {#num#}{#num#}. - Acme"'), ["unnamed_variables", "adjacent_variables"]),
    "side by side of two types": (
        text('"Your OTP is {#num#}{#url#}, dear. - Acme"', variables='["a", "b"]'),
        ["adjacent_variables"],
    ),
    "a variable first": (text('"{#num#} is your OTP. - Acme"'), ["variable_at_end"]),
    "a variable last": (text('"Acme: your OTP is {#num#}"'), ["variable_at_end"]),
    "29 % fixed": (text('"OK {#alphanumeric#}."'), ["little_fixed_text"]),
    "30 % fixed": (text('"abc {#num#}"'), ["variable_at_end"]),
    "smaller": (text('"Code <{#num#}, keep it. - Acme"'), ["forbidden_character"]),
    "greater": (text('"Code >{#num#}, keep it. - Acme"'), ["forbidden_character"]),
    "two spaces": (text('"Your OTP is  {#num#}. - Acme"'), ["double_space"]),
    "a space at the end": (text('"Your OTP is {#num#}. - Acme "'), ["space_at_end"]),
    "a key of nobody": (GOOD + 'owner = "me"\n', ["unknown_key"]),
    "a type of nobody": (changed("type", '"otp"'), ["invalid"]),
    "too long": (text('"{#num#}' + "a" * 2000 + '"'), ["invalid"]),
}


@pytest.mark.parametrize(("table", "kinds"), CASES.values(), ids=CASES)
def test_each_rule_is_told_where_it_is_broken_and_only_there(
    exosms: Shell, tmp_path: Path, table: str, kinds: list[str]
) -> None:
    exit_code, notes = lint(exosms, tmp_path, table)
    assert [kind for _, kind in notes] == kinds
    assert exit_code == (3 if any(kind in WRONG for kind in kinds) else 0)


SHARED = {
    "one id with two texts": (changed("text", '"Other text for {#num#}. - Acme"'), [("t2", "id_conflict")], 3),
    "one id under two names": (GOOD, [("t2", "id_shared")], 0),
    "one text under two ids": (changed("dlt_template_id", f'"{OTHER}"'), [("t2", "text_shared")], 0),
    "nothing in common": (
        changed("dlt_template_id", f'"{OTHER}"').replace("Dear customer", "Hello"),
        [],
        0,
    ),
}


@pytest.mark.parametrize(("second", "notes", "exit_code"), SHARED.values(), ids=SHARED)
def test_templates_are_compared_with_each_other(
    exosms: Shell, tmp_path: Path, second: str, notes: list[tuple[str, str]], exit_code: int
) -> None:
    assert lint(exosms, tmp_path, GOOD, second) == (exit_code, notes)


def test_one_that_cannot_be_read_hides_no_other(exosms: Shell, tmp_path: Path) -> None:
    exit_code, notes = lint(exosms, tmp_path, changed("from", None), "text = 1\n", "", head="owner = 1\n")
    assert exit_code == 3
    assert notes == [("t2", "invalid"), ("t3", "invalid"), (None, "unknown_key"), ("t1", "missing_from")]


def test_a_line_says_the_rule_and_since_when(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    table = text('"Your OTP is {#var#}, keep it. - Acme"')
    path.write_text(f"[templates.otp]\n{table}")
    result = exosms("template", "lint", "--templates", str(path))
    assert result.exit_code == 0
    assert result.stdout == (
        "note\totp\tuntyped_variable\t1 variable has no type; a newly registered template needs {#numeric#},"
        " {#alphanumeric#} and the like\tTRAI direction of 2025-11-18: variables are registered with their type,"
        " since 2026-01\n"
    )
    assert result.stderr == "exosms: 1 template, nothing wrong; 1 note\n"


def test_a_person_sees_the_rules_in_a_table(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f"[templates.otp]\n{changed('type', None)}".replace('variables = ["code"]\n', ""))
    env = {"COLUMNS": "200", "EXOSMS_TEMPLATES": str(path)}
    result = exosms("template", "lint", "-o", "human", env=env)
    _, _, *rows = [re.split("  +", line.strip()) for line in result.stdout.splitlines()]
    assert rows == [
        [
            "note",
            "otp",
            "it has no type, so Exotel decides whether it is promotional",
            "without SmsType Exotel decides what a message is (Exotel support 38686)",
        ],
        [
            "note",
            "otp",
            (
                "variable 1 has no name, so --var takes the number;"
                " `exosms template add otp --yes --variables A` names it"
            ),
        ],
    ]


def test_no_name_is_proposed_that_another_variable_has(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[templates.otp]\ntext = "{#var#} is your {#var#}. - Acme"\nvariables = ["A"]\n')
    assert "--variables A,B`" in exosms("template", "lint", "--templates", str(path)).stdout


def test_the_names_that_are_proposed_can_be_pasted_into_a_shell(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[templates.otp]\ntext = "{#var#} is your {#var#}. - Acme"\nvariables = ["Order $(id)"]\n')
    said = exosms("template", "lint", "--templates", str(path)).stdout
    assert f"`exosms template add otp --templates {path} --yes --variables 'Order $(id),A'` names it" in said


def test_what_is_wrong_comes_first_and_is_told_on_standard_error(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    tables = changed("type", None), changed("type", '"x"')
    path.write_text("[templates.a]\n{}[templates.b]\n{}".format(*tables))
    result = exosms("template", "lint", "--templates", str(path))
    assert result.exit_code == 3
    assert [line.split("\t")[:3] for line in result.stdout.splitlines()] == [
        ["wrong", "b", "invalid"],
        ["note", "a", "missing_type"],
    ]
    assert result.stderr == (
        "exosms: error: 1 problem to fix in the templates\n  Compare them with the DLT portal.\n"
    )


def test_a_file_that_is_no_templates_file_is_one_error(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[templates\n")
    result = exosms("template", "lint", "--templates", str(path), "--json")
    assert (result.exit_code, result.json["exit_code"], result.json["error"]["kind"]) == (3, 3, "rejected")
