"""Rows become messages by a mapper: exactly the text that was meant, or everything that is wrong with the row."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exosms.bulk.column_markers import ColumnMarkers
from exosms.bulk.row_message import RowMapper
from exosms.bulk.row_template import Proof
from exosms.bulk.row_text import FURTHER, MOST_WARNINGS, TextOptions
from exosms.bulk.table import Row, RowError, fold
from exosms.errors import InputError, UsageError
from exosms.sms.foreign_markers import undiscovered, unfilled
from exosms.sms.message import Encoding, Message, MessageFields, MessageType, Priority
from exosms.tables.damaged_cells import damage_of
from exosms.templates.check import against
from exosms.templates.registry import Registered
from exosms.templates.syntax import parse, render
from exosms.templates.variables import LINK_STARTS, holds_link

FIELDS = MessageFields(sender="ACMEIN", dlt_entity_id="1101161234567890123")
OTP = Registered(name="otp", text="{#numeric#} is your OTP for {#var#}. - Acme", variables=("code", "app"))


def mapper(*headers: str, **options: Any) -> RowMapper:
    texts = TextOptions(**{name: options.pop(name) for name in TextOptions._fields if name in options})
    return RowMapper.of(headers, texts=texts, **{"message_fields": FIELDS, "country": "IN", **options})


def row(**cells: str) -> Row:
    return Row(number=3, line=7, cells={fold(name): cell for name, cell in cells.items()})


def message(made: Message | tuple[RowError, ...]) -> Message:
    assert isinstance(made, Message), made
    return made


def row_errors(made: Message | tuple[RowError, ...]) -> list[tuple[str | None, str]]:
    """Return column and value of each flaw, all of which say where they are and what to do."""
    assert not isinstance(made, Message), made
    assert made
    for row_error in made:
        assert (row_error.number, row_error.line) == (3, 7)
        assert row_error.message
        assert row_error.remedy
    return [(row_error.column, row_error.value) for row_error in made]


@pytest.mark.parametrize(
    ("options", "cells", "text"),
    [
        ({}, {"body": "Hello"}, "Hello"),
        ({}, {"body": " Hello {name} 100% {x}} \n"}, " Hello {name} 100% {x}} \n"),
        ({"body": "Dear {name}, hi"}, {"name": "Ravi"}, "Dear Ravi, hi"),
        ({"body": "Dear {Na-me }, hi"}, {"name": " Ravi "}, "Dear  Ravi , hi"),
        ({"body": "{name}{name}"}, {"name": "{x}"}, "{x}{x}"),
        ({"body": "100% of {name}: %s %d %(x)s"}, {"name": "%s"}, "100% of %s: %s %d %(x)s"),
        ({"body": "{{x}} {{{name}}} ${name} }}"}, {"name": "x"}, "{x} {x} $x }"),
        ({"body": "the same for all"}, {"name": "x"}, "the same for all"),
        ({"body": "{name}"}, {"name": "x", "body": "not this"}, "x"),
        ({"template": OTP}, {"Code": "12", "APP": "login"}, "12 is your OTP for login. - Acme"),
        ({"template": OTP}, {"code": "12", "app": "{x}y"}, "12 is your OTP for {x}y. - Acme"),
        ({"template": OTP, "variables": {"app": "web"}}, {"code": "12"}, "12 is your OTP for web. - Acme"),
        (
            {"template": OTP, "variables": {"app": "{{{where}}} 5%"}},
            {"code": "12", "where": "web"},
            "12 is your OTP for {web} 5%. - Acme",
        ),
        (
            {"template": OTP, "variables": {"app": "{where}"}},
            {"code": "1", "where": "web", "app": "not this"},
            "1 is your OTP for web. - Acme",
        ),
        ({"template": OTP}, {"code": "1", "app": "x", "body": "not this"}, "1 is your OTP for x. - Acme"),
        (
            {"template": Registered(name="n", text="{#var#} 50% {#var#}")},
            {"1": "a", "2": "b"},
            "a 50% b",
        ),
        ({"template": Registered(name="n", text="No variables, 5%")}, {}, "No variables, 5%"),
        (
            {"template": Registered(name="n", text="{#var#}{#var#} - A")},
            {"1": "x" * 50, "2": "y"},
            "x" * 50 + "y - A",
        ),
        ({"template": OTP, "fit": True}, {"code": "1", "app": "a\r\nb" + "x" * 40}, None),
        ({"template": OTP, "fit": True}, {"code": "1", "app": "a\nb"}, "1 is your OTP for a b. - Acme"),
        ({"template": OTP}, {"code": "1", "app": "a\nb"}, "1 is your OTP for a\nb. - Acme"),
        ({"body": "{name}!", "allow_empty": True}, {"name": ""}, "!"),
        ({"template": OTP, "allow_empty": True}, {"code": "1", "app": ""}, "1 is your OTP for . - Acme"),
    ],
)
def test_the_text_comes_from_where_the_recipe_says(
    options: dict[str, Any], cells: dict[str, str], text: str | None
) -> None:
    made = message(mapper("To", *cells, **options).draft(row(to="98765 43210", **cells)))
    expected = "1 is your OTP for a b" + "x" * 27 + ". - Acme" if text is None else text
    assert (made.to, made.body, made.fields.sender) == ("+919876543210", expected, "ACMEIN")


@pytest.mark.parametrize(
    ("headers", "options", "words"),
    [
        (("cell", "body"), {}, ("to, phone, mobile", "cell, body", "--to-column")),
        (("cell", "body"), {"to_column": "cel"}, ("'cel'", "did you mean 'cell'")),
        (("to", "text"), {}, ("'body'", "to, text")),
        (("to", "First Name"), {"body": "Dear {frist name}"}, ("'frist name'", "did you mean 'First Name'")),
        (("to",), {"body": "Dear {name"}, ("offset 5", "{name")),
        (("to",), {"body": "Dear name}"}, ("offset 9",)),
        (("to",), {"body": "Dear {{name}"}, ("offset 11",)),
        (("to",), {"body": "Dear {}"}, ("offset 5",)),
        (("to",), {"body": "Dear {#var#}"}, ("'#var#'",)),
        (("to", "code"), {"template": OTP}, ("'otp'", "app", "--var app=")),
        (("to", "name"), {"template": OTP}, ("code, app", "to, name")),
        (("to", "code"), {"template": OTP, "variables": {"ap": "x"}}, ("'ap'", "did you mean 'app'")),
        (("to", "code"), {"template": OTP, "variables": {"app": "{x"}}, ("app", "offset 0")),
        (("to", "code"), {"template": OTP, "variables": {"app": "{coed}"}}, ("'coed'", "did you mean 'code'")),
    ],
)
def test_a_column_that_does_not_exist_is_named_with_its_nearest(
    headers: tuple[str, ...], options: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        mapper(*headers, **options)
    said = f"{caught.value.message} {caught.value.remedy}"
    assert all(word in said for word in words), said


def test_a_template_and_a_body_do_not_go_together() -> None:
    with pytest.raises(UsageError):
        mapper("to", "code", "app", template=OTP, body="Hello")


@pytest.mark.parametrize(
    ("headers", "to_column", "used"),
    [
        (("mobile", "phone", "to", "body"), None, "to"),
        (("mobile", "Phone", "body"), None, "Phone"),
        (("MOBILE", "body"), None, "MOBILE"),
        (("to", "Cell No.", "body"), "cell-no.", "Cell No."),
    ],
)
def test_the_recipients_column_is_found(headers: tuple[str, ...], to_column: str | None, used: str) -> None:
    cells = dict.fromkeys(headers, "1") | {"body": "x", used: "+919876543210"}
    made = mapper(*headers, to_column=to_column, first_rows=lambda _: [row(**cells)])
    assert message(made.draft(row(**cells))).to == "+919876543210"
    assert made.recipient_in(row(**cells)) == "+919876543210"
    assert set(made.unused) == set(headers) - {used, "body"}


def test_what_nothing_uses_is_named_as_written() -> None:
    headers = ("To", "Name", "Notes ", "DLT-Entity-ID", "body", "phone", "1")
    assert mapper(*headers, body="Dear {name}").unused == ("Notes ", "body", "phone", "1")


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        ("from", " OTHERS ", "sender", "OTHERS"),
        ("From", "", "sender", "ACMEIN"),
        ("from", "  ", "sender", "ACMEIN"),
        ("dlt_entity_id", " 1101161234567890124", "dlt_entity_id", "1101161234567890124"),
        ("DLT Template ID", "1107161234567890124 ", "dlt_template_id", "1107161234567890124"),
        ("type", "promotional", "type", MessageType.PROMOTIONAL),
        ("Type", " Transactional_Opt_In ", "type", MessageType.TRANSACTIONAL_OPT_IN),
        ("type", "", "type", None),
        ("priority", "high", "priority", Priority.HIGH),
        ("encoding", "unicode", "encoding", Encoding.UNICODE),
        ("encoding", "auto", "encoding", Encoding.PLAIN),
        ("status-callback", " https://acme.example/x?y ", "status_callback", "https://acme.example/x?y"),
        ("Custom Field", " as it is ", "custom_field", " as it is "),
        ("custom_field", "", "custom_field", None),
    ],
)
def test_a_column_of_a_fields_name_wins_where_it_says_something(
    column: str, cell: str, field: str, value: object
) -> None:
    made = mapper("to", "body", column)
    drafted = message(made.draft(row(to="9876543210", body="x", **{column: cell})))
    assert getattr(drafted if field == "encoding" else drafted.fields, field) == value
    assert made.unused == ()


def test_what_a_row_has_of_its_own_is_not_the_next_rows() -> None:
    made = mapper("to", "body", "from", "priority")
    first = message(made.draft(row(to="9876543210", body="x", **{"from": "OTHERS", "priority": "high"}))).fields
    second = message(made.draft(row(to="9876543210", body="x", **{"from": "", "priority": ""}))).fields
    assert (first.sender, first.priority) == ("OTHERS", Priority.HIGH)
    assert (second.sender, second.priority) == ("ACMEIN", Priority.NORMAL)


def test_a_recipients_column_is_no_field_of_the_message() -> None:
    made = mapper("from", "body", to_column="from")
    assert message(made.draft(row(**{"from": "9876543210", "body": "x"}))).fields.sender == "ACMEIN"


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("to", "", "empty"),
        ("to", "12345", "ten digits"),
        ("to", "9876543210x12", "not a phone number"),
        ("to", "9.19877E+11", "spreadsheet"),
        ("to", "9,19877E+11", "spreadsheet"),
        ("to", "9.19877e+011", "spreadsheet"),
        ("to", " +9.19877E11 ", "spreadsheet"),
        ("to", "987654321.0", "must have ten digits"),
        ("to", "98765\ufffd43210", "not a phone number"),
        ("from", "VM-ACMEIN-S", "phones show"),
        ("from", "AC ME", "neither a header"),
        ("dlt_entity_id", "1.10716E+18", "is not valid"),
        ("dlt_template_id", "x", "is not valid"),
        ("dlt_template_id", "1107161234567890000", "rounded to 15 digits"),
        ("dlt_entity_id", " 1101161234567890000", "give it with --dlt-entity-id instead"),
        ("type", "otp", "transactional_opt_in"),
        ("priority", "urgent", "high"),
        ("encoding", "gsm", "unicode"),
        ("status_callback", "acme.example", "http"),
        ("status_callback", "https://acme.example/a b", "http"),
        ("status_callback", "https://acme.example:x/", "http"),
        ("status_callback", "https://acme.example/\x01", "http"),
        ("status_callback", "https://acme\x9b.example/", "http"),
        ("body", "", "empty"),
        ("body", " \n", "empty"),
        ("body", "caf\ufffd", "U+FFFD"),
        ("custom_field", "\ufffd", "U+FFFD"),
        ("body", "x" * 2001, "2001"),
        ("body", "Dear {#var#}", "{#var#}"),
        ("body", "a\ud800", "U+D800"),
        ("body", "a\0", "U+0000"),
    ],
)
def test_a_bad_cell_is_a_flaw_with_column_value_and_remedy(column: str, cell: str, words: str) -> None:
    ids = ("dlt_entity_id", "dlt_template_id")
    headers = ("to", "body", "from", *ids, "type", "priority", "encoding", "status_callback", "custom_field")
    cells = dict.fromkeys(headers, "") | {"to": "9876543210", "body": "x", column: cell}
    made = mapper(*headers).draft(row(**cells))
    shown = cell if len(cell) <= 60 else cell[:60] + "…"
    assert set(row_errors(made)) == {(column, shown)}
    assert not isinstance(made, Message)
    assert any(words in f"{row_error.message} {row_error.remedy}" for row_error in made), made


def test_all_that_is_wrong_with_a_row_is_said_at_once() -> None:
    made = mapper("Phone", "Name", "TYPE", "Order", body="{name} {order}")
    found = row_errors(made.draft(row(phone="1", name="", type="spam", order="{#var#}")))
    assert sorted(found, key=str) == [("Name", ""), ("Order", "{#var#}"), ("Phone", "1"), ("TYPE", "spam")]


def test_an_empty_text_is_said_once() -> None:
    made = mapper("to", "body")
    assert row_errors(made.draft(row(to="9876543210", body=""))) == [("body", "")]
    assert sorted(row_errors(made.draft(row(to="1", body="")))) == [("body", ""), ("to", "1")]
    allowed = mapper("to", "body", allow_empty=True)
    assert sorted(row_errors(allowed.draft(row(to="1", body="")))) == [("body", ""), ("to", "1")]


def test_a_text_is_blamed_on_the_cell_that_spoils_it() -> None:
    plain = mapper("to", "a", "b", body="{a} {b}", message_fields=MessageFields(sender="X", encoding=Encoding.PLAIN))
    assert row_errors(plain.draft(row(to="9876543210", a="x", b="ñ – ü"))) == [("b", "ñ – ü")]
    long = mapper("to", "a", "b", body="{a} {b}")
    assert row_errors(long.draft(row(to="9876543210", a="x" * 1500, b="y" * 1500))) == [(None, "x" * 60 + "…")]
    alone = mapper("to", "a", body="{a}" + "x" * 1999)
    assert row_errors(alone.draft(row(to="9876543210", a="yy"))) == [("a", "yy")]


def test_a_column_that_nothing_uses_may_hold_anything() -> None:
    made = mapper("to", "body", "notes")
    assert isinstance(made.draft(row(to="9876543210", body="x", notes="\ufffd \0 {#var#}")), Message)


@pytest.mark.parametrize(
    ("template", "variables", "cells", "column", "words"),
    [
        (OTP, {}, {"code": "12a", "app": "x"}, "code", "digits"),
        (OTP, {}, {"code": "1", "app": "x" * 31}, "app", "31"),
        (OTP, {"app": "{where} login"}, {"code": "1", "where": "x" * 25}, "where", "31"),
        (OTP, {"app": "{where} {code}"}, {"code": "1", "where": "x" * 29}, None, "31"),
        (Registered(name="n", text="{#var#}{#var#} - A"), {}, {"1": "x" * 50, "2": "y" * 20}, None, "70"),
        (Registered(name="n", text="See {#url#} - A"), {}, {"1": "acme.example"}, "1", "http"),
    ],
)
def test_a_value_that_its_variable_does_not_hold_is_explained(
    template: Registered, variables: dict[str, str], cells: dict[str, str], column: str | None, words: str
) -> None:
    made = mapper("to", *cells, template=template, variables=variables).draft(row(to="9876543210", **cells))
    assert [name for name, _ in row_errors(made)] == [column]
    assert not isinstance(made, Message)
    assert repr(template.name) in made[0].message
    assert words in f"{made[0].message} {made[0].remedy}"


def test_warnings_about_many_rows_are_counted_and_few() -> None:
    made = mapper("to", "code", "app", template=OTP, fit=True)
    for number in range(1000):
        made.draft(row(to="9876543210", code="1", app=f"{number}\n" + "x" * 40))
    made.draft(row(to="9876543210", code="1", app="short"))
    assert made.warnings == {
        "line breaks in the value of app were changed to spaces": 1000,
        "the value of app was cut to the length its variable allows": 1000,
        "variable 2 ({#var#}) has 30 characters, the maximum": 1000,
    }
    typed = Registered(name="n", text="{#alp#} - A")
    disputed = mapper("to", "1", template=typed)
    for number in range(300):  # as many mathematical signs
        assert isinstance(disputed.draft(row(to="9876543210", **{"1": f"a{chr(0x2200 + number)}"})), Message)
    assert len(disputed.warnings) == MOST_WARNINGS + 1
    assert disputed.warnings[FURTHER] == 300 - MOST_WARNINGS


def test_a_row_that_is_left_out_counts_for_no_warning() -> None:
    made = mapper(
        "to", "code", "app", template=Registered(name="n", text="{#var#} {#var#}", variables=("code", "app"))
    )
    assert not isinstance(made.draft(row(to="9876543210", code="", app="x")), Message)
    assert not isinstance(made.draft(row(to="12", code="x" * 30, app="x")), Message)
    assert made.warnings == {}
    assert isinstance(made.draft(row(to="9876543210", code="x" * 30, app="x")), Message)
    assert list(made.warnings.values()) == [1]
    fitting = mapper("to", "code", "app", template=OTP, fit=True)
    assert not isinstance(fitting.draft(row(to="12", code="1", app="x\n" * 40)), Message)
    assert fitting.warnings == {}


def test_a_row_of_unusual_ids_warns_once() -> None:
    made = mapper("to", "body", "from", "dlt_entity_id")
    for _ in range(9):
        own = {"from": "TOOLONGHEADER", "dlt_entity_id": "123"}
        assert isinstance(made.draft(row(to="9876543210", body="x", **own)), Message)
    assert sorted(made.warnings.values()) == [9, 9]


def test_a_column_that_is_text_and_field_at_once_is_pointed_out() -> None:
    trip = Registered(name="trip", text="Bus from {#var#} to {#var#} - A", variables=("from", "to"))
    made = mapper("to", "from", template=trip)
    for _ in range(5):
        made.draft(row(to="9876543210", **{"from": "Pune"}))
    assert made.warnings == {
        "the column 'from' is a field of the message and also part of the text": 5,
        "the column 'to' is the recipient and also part of the text": 5,
    }
    other = mapper("to", "name", body="{name}")
    other.draft(row(to="9876543210", name="x"))
    assert other.warnings == {}


def test_a_number_that_a_spreadsheet_may_have_rounded_is_pointed_out() -> None:
    made = mapper("to", "body")
    assert message(made.draft(row(to="919877000000", body="x"))).to == "+919877000000"
    assert message(made.draft(row(to="919877000001", body="x"))).to == "+919877000001"
    assert made.warnings == {
        "the number ends in 000000, as one that a spreadsheet rounded, and may be a stranger's": 1
    }


def test_numbers_without_plus_belong_to_the_profiles_country() -> None:
    made = mapper("to", "body", country="DE")
    assert message(made.draft(row(to="0151 12345678", body="x"))).to == "+4915112345678"


TEMPLATES = (
    "{#var#} is your OTP for {#var#}. - Acme",
    "{#var#}{#var#}{#numeric#}{#numeric#}: {#alp#}!",
    "{#var#} {#var#}",
    "{#numeric#}{#var#}\n{#num#}",
    "{#url#} {#var#} {#email#}",
    "{#cbn#}{#alphanumeric#}",
    "%s and %d, 100%%",
    "%s%s %d%d",
    "%s\n%s\n",
    "{ {#var#} }",
    "{{#var#}}",
    "{#{#var#}#}",
    "{# {#var#} #} {#var#}",
    "No variables",
    "\n{#var#}\r\n{#var#}\r",
)
PIECES = st.sampled_from(
    [
        *(
            "",
            "1",
            "0" * 30,
            "9" * 40,
            "x",
            "x" * 29,
            "x" * 30,
            "x" * 31,
            "y" * 40,
            "z" * 60,
            " ",
            "\n",
            "\r",
            "\r\n",
        ),
        *("{", "}", "#", "{x}", "{{x}}", "%s", "%d", "${x}", "{#var#}", "#}", "{#a", "a@b.c", "98765 43210", "(0)1"),
        *LINK_STARTS,
        *("https://a.b/c", "é", "न", "\ufffd", "-", ",", "Acme", ". - Acme", "is your OTP for "),
    ]
)
VALUES = st.one_of(PIECES, st.lists(PIECES, max_size=4).map("".join), st.text(max_size=45))


@settings(max_examples=600)
@given(text=st.sampled_from(TEMPLATES), data=st.data())
def test_what_is_proved_from_the_values_is_what_a_comparison_finds(text: str, data: st.DataObject) -> None:
    template = parse(text)
    count = template.marker_count
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    if Proof(template).holds_for(values):
        assert against(render(template, values), Registered(name="t", text=text)).matches


def test_a_line_end_that_merges_with_the_fixed_text_is_not_proved() -> None:
    """The value is one carriage return, which becomes part of the fixed line feed behind it; nothing is left."""
    text = "%s\nAcme"
    assert not against("\r\nAcme", Registered(name="t", text=text)).matches
    assert not Proof(parse(text)).holds_for(("\r",))


@settings(max_examples=300)
@given(text=st.sampled_from(TEMPLATES), fit=st.booleans(), data=st.data())
def test_a_row_makes_a_message_exactly_if_its_text_matches(text: str, fit: bool, data: st.DataObject) -> None:
    from exosms.templates.check import rendered

    registered = Registered(name="t", text=text)
    count = registered.template.marker_count
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    given_values = dict(zip(registered.names, values, strict=True))
    body, _, _ = rendered(registered, given_values, fit=fit)
    made = mapper("to", *registered.names, template=registered, fit=fit, allow_empty=True).draft(
        row(to="9876543210", **given_values)
    )
    refused = "\ufffd" in "".join(values) or "\0" in body or not body.strip() or unfilled(body) is not None
    refused = (
        refused
        or undiscovered(body) is not None
        or any(map(damage_of, values))
        or ColumnMarkers(registered.names).first_in(body) is not None
        or (fit and any(map(holds_link, values)))  # it cuts none
    )
    if isinstance(made, Message):
        assert made.body == body
        assert against(body, registered).matches
    else:
        assert refused or not against(body, registered).matches


def test_most_rows_are_proved_and_never_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ordinary values of every kind; a comparison of whole texts would cost ten times as much."""
    monkeypatch.setattr("exosms.bulk.row_template.against", None)
    chance = random.Random(1)
    registered = Registered(name="t", text="{#var#} {#numeric#} {#alp#} {#url#} {#cbn#} {#email#}. - Acme")
    made = mapper("to", *"123456", template=registered)
    for _ in range(50):
        cells = {"1": "Ravi\n& Söhne", "2": str(chance.randrange(10**9)), "3": "नमस्ते", "4": "https://a.example/x?y=1"}
        cells |= {"5": "+91 98765-43210", "6": "ravi@a.example"}
        assert isinstance(made.draft(row(to="9876543210", **cells)), Message)
