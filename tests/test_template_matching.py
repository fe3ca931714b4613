"""A body matches its registered template exactly, within the limits of its variables, and gives its values back."""

import string
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exosms.templates.explain.explain import explain, mend
from exosms.templates.match import Match, Mismatch, match
from exosms.templates.syntax import parse, render
from exosms.templates.variables import VariableType

VALUES = [
    # marker, value, whether it passes, words of the warnings
    ("{#var#}", "x" * 29, True, []),
    ("{#var#}", "x" * 30, True, ["30 characters"]),
    ("{#var#}", "x" * 31, False, []),
    ("{#var#}", "", True, ["is empty"]),
    ("{#var#}", "a\nb", True, ["line break"]),
    ("{#var#}", "https://acme.in", True, ["a link"]),
    ("{#var#}", "😀" * 29, True, []),
    ("{#var#}{#var#}", "x" * 59, True, []),
    ("{#var#}{#var#}", "x" * 60, True, ["60 characters"]),
    ("{#var#}{#var#}", "x" * 61, False, []),
    ("{#numeric#}", "1" * 30, True, []),
    ("{#numeric#}", "1" * 31, True, ["31 characters"]),
    ("{#numeric#}", "1" * 40, True, ["40 characters"]),
    ("{#numeric#}", "1" * 41, False, []),
    ("{#numeric#}", "1,000", False, []),
    ("{#numeric#}", "-1", False, []),
    ("{#numeric#}", "१२३", False, []),
    ("{#alphanumeric#}", "Flat 12", True, []),
    ("{#alphanumeric#}", "रवि कुमार", True, []),
    ("{#alphanumeric#}", "12/3-A", True, ["/ -"]),
    ("{#alphanumeric#}", "x" * 31, True, ["31 characters"]),
    ("{#alphanumeric#}", "x" * 41, False, []),
    ("{#url#}", "http://a", True, []),
    ("{#url#}", "https://acme.in/" + "x" * 300, True, []),
    ("{#url#}", "www.acme.in", True, []),
    ("{#url#}", "acme.in", False, []),
    ("{#url#}", "https://", False, []),
    ("{#url#}", "https://a b", False, []),
    ("{#urlott#}", "https://acme.app", True, []),
    ("{#urlott#}", "acme://open", False, []),
    ("{#cbn#}", "1800 123 4567", True, []),
    ("{#cbn#}", "+91 (0) 98765-43210", True, []),
    ("{#cbn#}", "help desk", False, []),
    ("{#cbn#}", "", False, []),
    ("{#email#}", "a.b@acme.co.in", True, []),
    ("{#email#}", "a@b", False, []),
    ("{#email#}", "a@@b.c", False, []),
    ("%s", "x" * 30, True, []),
    ("%s", "x" * 31, True, ["31 characters"]),
    ("%s", "", False, []),
    ("%d", "42", True, []),
    ("%d", "-1,234.50", True, ["a sign, a comma or a point"]),
    ("%d", "-", False, []),
    ("%d", "4a", False, []),
    ("%d", "", False, []),
]


@pytest.mark.parametrize(("marker", "value", "passes", "warnings"), VALUES)
def test_a_value_passes_within_the_limits_of_its_variable(
    marker: str, value: str, passes: bool, warnings: list[str]
) -> None:
    found = match(parse(f"<{marker}>"), f"<{value}>")
    assert isinstance(found, Match) is passes
    said = found.warnings if isinstance(found, Match) else ()
    assert len(said) == len(warnings)
    assert all(word in sentence for word, sentence in zip(warnings, said, strict=True))


MATCHES = [
    ("Hi {#var#}, bye", "Hi Ravi, bye", ("Ravi",), False),
    ("Hi {#var#}, bye", "Hi a, bye, bye", ("a, bye",), False),
    ("{#var#} {#var#}", "a b c", ("a", "b c"), True),
    ("{#var#} {#var#}", "a b", ("a", "b"), False),
    ("{#var#}{#var#}", "x" * 45, ("x" * 30, "x" * 15), True),
    ("{#var#}{#var#}", "x" * 60, ("x" * 30, "x" * 30), False),
    ("{#var#}{#num#}", "a1", ("a", "1"), True),
    ("{#num#}{#alp#}", "", ("", ""), False),
    ("a{#var#}{#var#}b", "ab", ("", ""), False),
    ("fixed", "fixed", (), False),
    ("a\r\nb {#var#}", "a\nb c", ("c",), False),
    ("a\nb {#var#}", "a\r\nb c\r\nd", ("c\r\nd",), False),
    ("%s%s", "ab", ("a", "b"), False),
    ("%s%s", "abc", ("a", "bc"), True),
]


@pytest.mark.parametrize(("text", "body", "values", "ambiguous"), MATCHES)
def test_values_are_recovered(text: str, body: str, values: tuple[str, ...], ambiguous: bool) -> None:
    found = match(parse(text), body)
    assert isinstance(found, Match)
    assert (found.values, found.ambiguous) == (values, ambiguous)
    assert tuple(body[start:end] for start, end in found.spans) == values


def test_values_have_their_names_or_numbers() -> None:
    found = match(parse("{#var#}-{#var#}-{#var#}"), "a-b-c")
    assert isinstance(found, Match)
    assert found.named() == {"1": "a", "2": "b", "3": "c"}
    assert found.named(["code", "app"]) == {"code": "a", "app": "b", "3": "c"}


@pytest.mark.parametrize(
    "body", ["Hi Ravi, bye ", "hi Ravi, bye", "Hi Ravi,  bye", "Hi Ravi, by", "", "Hi Ravi, bye\n"]
)
def test_every_difference_is_a_mismatch(body: str) -> None:
    assert isinstance(match(parse("Hi {#var#}, bye"), body), Mismatch)


UNFILLED = [
    "{#var#}", "see {#num#} here", "{{name}}", "{ name }", "{name}", "${name}", "%s", "##name##", "Mr ##name##",
    "#url#", "#VAR1#", "[name]", "((name))", "$name", "%name%", "<name>", "%%|otp^{}%%", " [OTP] ", "(see {{x}})",
]  # fmt: skip


@pytest.mark.parametrize("value", UNFILLED)
def test_a_marker_left_in_the_body_never_matches(value: str) -> None:
    assert isinstance(match(parse("Hi {#var#}, bye"), f"Hi {value}, bye"), Mismatch)


def test_a_marker_of_which_each_value_has_a_part_never_matches() -> None:
    assert isinstance(match(parse("{#var#}x{#var#}"), "{#axb#}"), Mismatch)


@pytest.mark.parametrize("value", ["XXXX", "XX1234", "$5", "#1", "50%", "[1]", "(a)", "a < b", "Mr [name]", "$$"])
def test_what_only_looks_like_a_marker_is_a_value(value: str) -> None:
    assert isinstance(match(parse("Hi {#var#}, bye"), f"Hi {value}, bye"), Match)


def test_braces_inside_a_value_are_text() -> None:
    assert isinstance(match(parse("Hi {#var#}"), "Hi a {b} c"), Match)


SMALL = st.text(st.sampled_from("ab1 .,\n"), max_size=8)
LEGAL_VALUES = {
    "{#var#}": st.text(st.characters(exclude_characters="\r{}%#$[(<«", exclude_categories=["Cs"]), max_size=30),
    "{#num#}": st.text(string.digits, max_size=40),
    "{#alp#}": st.text(string.ascii_letters + " ", max_size=40),
    "{#url#}": st.builds("https://{}".format, st.text(string.ascii_letters + "/.", min_size=1)),
    "{#cbn#}": st.text(string.digits, min_size=3, max_size=15),
    "{#email#}": st.builds("{}@{}.in".format, *[st.text(string.ascii_letters, min_size=1)] * 2),
}


@st.composite
def rendered(draw: st.DrawFn) -> tuple[str, list[str]]:
    pieces = draw(st.lists(st.one_of(SMALL, st.sampled_from(sorted(LEGAL_VALUES))), min_size=1, max_size=8))
    text = "".join(pieces) or "a"
    return text, [draw(LEGAL_VALUES[piece]) for piece in pieces if piece in LEGAL_VALUES]


@settings(max_examples=400)
@given(rendered())
def test_a_rendered_body_matches_and_gives_its_values_back_or_is_ambiguous(case: tuple[str, list[str]]) -> None:
    text, values = case
    template = parse(text)
    body = render(template, values)
    found = match(template, body)
    assert isinstance(found, Match)
    assert found.ambiguous or list(found.values) == values
    assert render(template, found.values) == body
    assert explain(template, body) == ()


FIXED = "ABCDEFGHJKLMNPQRSTUVWXYZ,.:;!?-()"
FOREIGN = "0aé \n"


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """A template none of whose fixed characters occurs twice, and a body with one edit in its fixed text."""
    shuffled = "".join(draw(st.permutations(FIXED)))
    cuts = sorted(draw(st.sets(st.integers(2, len(FIXED) - 2), max_size=4)))
    literals = [shuffled[i:j] for i, j in zip([0, *cuts], [*cuts, len(FIXED)], strict=True)]
    markers = draw(st.lists(st.sampled_from(["{#var#}", "{#num#}", "%s"]), min_size=len(cuts), max_size=len(cuts)))
    markers = [marker.replace("%s", "{#alp#}") for marker in markers]
    values = [draw(st.text("0123456789", min_size=1, max_size=20)) for _ in cuts]
    number = draw(st.integers(0, len(cuts)))
    literal = literals[number]
    at = draw(st.integers(0, len(literal) - 1))
    kind = draw(st.sampled_from(["delete", "replace", "insert", "case"]))
    foreign = draw(st.sampled_from(FOREIGN))
    changed = {
        "delete": literal[:at] + literal[at + 1 :],
        "replace": literal[:at] + foreign + literal[at + 1 :],
        "insert": literal[: max(at, 1)] + foreign + literal[max(at, 1) :] if len(literal) > 1 else foreign,
        "case": literal[:at] + (literal[at].lower() if literal[at].isalpha() else foreign) + literal[at + 1 :],
    }[kind]
    text = literals[0] + "".join(map("".join, zip(markers, literals[1:], strict=True)))
    edited_literals = [*literals[:number], changed, *literals[number + 1 :]]
    body = edited_literals[0] + "".join(map("".join, zip(values, edited_literals[1:], strict=True)))
    return text, body


@settings(max_examples=400)
@given(edited())
def test_a_single_edit_of_the_fixed_text_never_matches_and_is_mended(case: tuple[str, str]) -> None:
    text, body = case
    template = parse(text)
    assert isinstance(match(template, body), Mismatch)
    problems = explain(template, body)
    assert problems
    if all(problem.replacement is not None for problem in problems):
        assert isinstance(match(template, mend(body, problems)), Match)


@settings(max_examples=400)
@given(SMALL.filter(bool), SMALL, SMALL, st.sampled_from([kind.value for kind in VariableType]))
def test_every_mismatch_has_problems_that_point_into_both_texts(head: str, tail: str, body: str, kind: str) -> None:
    marker = kind if kind.startswith("%") else f"{{#{kind}#}}"
    template = parse(head + marker + tail)
    problems = explain(template, body)
    assert bool(problems) is isinstance(match(template, body), Mismatch)
    for problem in problems:
        assert body[problem.offset : problem.end] == problem.found
        assert template.text[problem.template_offset : problem.template_end] == problem.expected
        assert problem.explanation
        assert problem.change
    if problems and all(problem.replacement is not None for problem in problems):
        assert isinstance(match(template, mend(body, problems)), Match)


FOLDINGS = [
    ("space", lambda text: text.replace(", ", ",  ")),
    ("space", lambda text: text.replace(" is ", "\u00a0is ")),
    ("quotes", lambda text: text.replace("'", "’")),
    ("dash", lambda text: text.replace(" - ", " – ")),
    ("case", lambda text: text.replace("Acme", "ACME")),
    ("newline", lambda text: text.replace("\n", "")),
    ("zero_width", lambda text: text.replace("OTP", "O\u200bTP")),
    ("html_entity", lambda text: text.replace("&", "&amp;")),
    ("punctuation", lambda text: text.replace("share.", "share")),
]


@pytest.mark.parametrize(("cause", "spoil"), FOLDINGS)
@pytest.mark.parametrize("value", ["Ravi", "a - b", "x" * 29, "", "1, 2"])
def test_fold_and_explanation_agree(cause: str, spoil: Callable[[str], str], value: str) -> None:
    template = parse("Dear {#var#}, your OTP is {#num#}.\nDon't share. A & B - Acme")
    body = render(template, [value, "1234"])
    spoilt = value + spoil(body.removeprefix("Dear " + value))
    problems = explain(template, "Dear " + spoilt)
    if not value:  # what belongs there is asked for as well
        assert {problem.cause for problem in problems} == {cause, "missing_value"}
        return
    assert {problem.cause for problem in problems} == {cause}
    assert mend("Dear " + spoilt, problems) == body


def steps(text: str, body: str) -> int:
    """The calls that a match makes, the same on every machine; each costs no more than the text in machine words."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    template = parse(text)
    sys.setprofile(count)
    try:
        match(template, body)
    finally:
        sys.setprofile(None)
    return calls


ADVERSARIES = [
    (marker, between, filling)
    for marker in ["{#var#}", "{#num#}", "{#alp#}", "{#url#}", "{#cbn#}", "{#email#}"]
    for between, filling in [("", "a"), (" ", " "), ("a", "a"), ("1", "1"), ("www.", "www."), ("@", "a@a.")]
]


@pytest.mark.parametrize(("marker", "between", "filling"), ADVERSARIES)
def test_the_work_stays_linear_for_the_worst_of_texts(marker: str, between: str, filling: str) -> None:
    body = (filling * 2000)[:2000]
    for number in (30, 60, 100):
        assert steps(between.join([marker] * number), body) < 1000 * number
