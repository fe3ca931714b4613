"""A registered text is read with every marker in every spelling, and rendered back."""

import sys

import pytest

from exosms.errors import InputError
from exosms.templates.marker_flaws import MarkerError, check
from exosms.templates.syntax import Literal, Variable, fit, parse, render

SPELLINGS = [
    ("{#var#}", "var"),
    ("{#numeric#}", "numeric"),
    ("{#number#}", "numeric"),
    ("{#num#}", "numeric"),
    ("{#alphanumeric#}", "alphanumeric"),
    ("{#alp#}", "alphanumeric"),
    ("{#url#}", "url"),
    ("{#urg#}", "url"),
    ("{#urlott#}", "urlott"),
    ("{#uro#}", "urlott"),
    ("{#cbn#}", "cbn"),
    ("{#email#}", "email"),
    ("%s", "%s"),
    ("%d", "%d"),
]


@pytest.mark.parametrize(("marker", "kind"), SPELLINGS)
def test_every_spelling_is_read(marker: str, kind: str) -> None:
    template = parse(f"Hi {marker}!")
    assert template.tokens == (
        Literal("Hi ", 0, 3),
        Variable(template.variables[0].kind, marker, 0, 1, 3, 3 + len(marker)),
        Literal("!", 3 + len(marker), 4 + len(marker)),
    )
    assert (template.variables[0].kind, template.warnings, template.literal_length) == (kind, (), 4)


@pytest.mark.parametrize("marker", ["{#VAR#}", "{#Var#}", "{#name#}", "{#var1#}", "{#ओटीपी#}", "{#otp-code#}"])
def test_an_unknown_marker_is_untyped_and_named_in_a_warning(marker: str) -> None:
    template = parse(f"Hi {marker}")
    assert [variable.kind for variable in template.variables] == ["var"]
    assert [marker in warning for warning in template.warnings] == [True]


BARE = [
    ("#numeric#", "numeric"),
    ("#alphanumeric#", "alphanumeric"),
    ("#url#", "url"),
    ("#urlott#", "urlott"),
    ("#cbn#", "cbn"),
    ("#email#", "email"),
]


@pytest.mark.parametrize(("marker", "kind"), BARE)
def test_a_marker_without_braces_is_one_with_a_warning(marker: str, kind: str) -> None:
    template = parse(f"Hi {marker}, {{#var#}} Rs.{marker}")
    assert [(variable.kind, variable.marker) for variable in template.variables] == [
        (kind, marker),
        ("var", "{#var#}"),
        (kind, marker),
    ]
    said = f"{marker} is read as {{{marker}}}; compare it with the DLT portal, which writes braces"
    assert set(template.warnings) == {said}
    assert render(template, ["1", "2", "3"]) == "Hi 1, 2 Rs.3"


@pytest.mark.parametrize(
    "text", ["{#numeric#", "#numeric#}", "##numeric##", "#NUMERIC#", "#num#", "#numeric #", "#1"]
)
def test_what_is_no_marker_is_fixed_text(text: str) -> None:
    assert parse(f"Hi {text}").variables == ()


POOLS = [
    ("{#var#}{#var#}", [("var", 2, 60)]),
    ("{#var#}{#name#}{#var#}", [("var", 3, 90)]),
    ("{#num#}{#numeric#}", [("numeric", 2, 80)]),
    ("{#var#} {#var#}", [("var", 1, 30), ("var", 1, 30)]),
    ("{#var#}{#num#}", [("var", 1, 30), ("numeric", 1, 40)]),
    ("{#url#}{#url#}", [("url", 1, None), ("url", 1, None)]),
    ("%s%s", [("%s", 1, None), ("%s", 1, None)]),
]


@pytest.mark.parametrize(("text", "pools"), POOLS)
def test_markers_side_by_side_share_their_room(text: str, pools: list[tuple[str, int, int | None]]) -> None:
    variables = parse(text).variables
    assert [(variable.kind.value, variable.count, variable.room) for variable in variables] == pools
    assert [variable.index for variable in variables] == [
        sum(count for _, count, _ in pools[:i]) for i in range(len(pools))
    ]


EXOTEL = [
    ("{#var#} pays %s", ["{#var#}"]),
    ("%s pays %d", ["%s", "%d"]),
    ("100%% of %s", ["%s"]),
    ("%%s and %%d", []),
    ("50% discount, 5%x, %S", []),
    ("%%%s", ["%s"]),
    ("Flat 50%discount, 20%sale", []),
    ("Up to 50%discount for %s", ["%s"]),
    ("Call +91%d in %dmins", ["%d", "%d"]),
]


@pytest.mark.parametrize(("text", "markers"), EXOTEL)
def test_exotels_placeholders_count_only_without_dlt_markers(text: str, markers: list[str]) -> None:
    template = parse(text)
    assert [variable.marker for variable in template.variables] == markers
    assert template.literal_length == len(text) - len("".join(markers))


def test_a_placeholder_that_may_be_a_percentage_is_warned_about() -> None:
    assert parse("Flat 50%d off").warnings == ("%d in 'Flat 50%d off' is read as Exotel's placeholder",)
    assert parse("Wait %dmins").warnings == ("%d in 'Wait %dmins' is read as Exotel's placeholder",)
    assert parse("Hi %s").warnings == parse("Flat 50%discount").warnings == ()


def test_types_beside_the_text_decide() -> None:
    template = parse("{#var#} {#var#} {#num#}", types=["{#url#}", "number", "alp"])
    assert [variable.kind for variable in template.variables] == ["url", "numeric", "alphanumeric"]
    assert template.warnings == ("{#num#} is read as alphanumeric, the type given beside the text",)


@pytest.mark.parametrize(
    ("types", "word"), [([], "0 types"), (["var", "var"], "2 types"), (["digits"], "'digits'"), (["Var"], "'Var'")]
)
def test_wrong_types_beside_the_text_are_refused(types: list[str], word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse("Hi {#var#}", types=types)
    assert word in caught.value.message
    assert caught.value.remedy


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        parse("")


def test_line_endings_are_equal_and_the_text_stays_as_given() -> None:
    texts = ["a\r\nb{#var#}\r\n", "a\rb{#var#}\r", "a\nb{#var#}\n"]
    templates = [parse(text) for text in texts]
    assert [template.tokens for template in templates] == [templates[2].tokens] * 3
    assert [template.text for template in templates] == texts
    assert render(templates[0], ["x"]) == "a\nbx\n"


def test_rendering_takes_one_value_for_each_marker() -> None:
    template = parse("{#var#}{#var#}, {#num#}%s")
    assert template.marker_count == 3
    assert render(template, ["ab", "c", "1"]) == "abc, 1%s"


@pytest.mark.parametrize("values", [[], ["a"], ["a", "b", "c"]])
def test_another_number_of_values_is_refused(values: list[str]) -> None:
    for function in (render, fit):
        with pytest.raises(InputError, match=f"has 2 variables, but {len(values)} values"):
            function(parse("{#var#} {#var#}"), values)


FITS = [
    ("{#var#}", ["x" * 30], ["x" * 30], []),
    ("{#var#}", ["x" * 31], ["x" * 30], ["cut from 31 to 30"]),
    ("{#alp#}", ["x" * 41], ["x" * 40], ["cut from 41 to 40"]),
    ("{#var#}", ["a\r\nb\nc\rd\u2028e"], ["a b c d e"], ["Line breaks"]),
    ("{#var#}", ["x\n" * 20], ["x " * 14 + "x"], ["Line breaks", "cut from 40 to 29"]),
    ("{#var#}{#var#}", ["x" * 45, "yy"], ["x" * 45, "yy"], []),
    ("{#var#}{#var#}", ["x" * 100, "yy"], ["x" * 58, "yy"], ["variable 1 was cut"]),
    ("{#var#}{#var#}", ["x" * 100, "y" * 40], ["x" * 30, "y" * 30], ["variable 1", "variable 2"]),
    ("{#num#}", ["1" * 41], ["1" * 41], []),
    ("{#url#}", ["https://acme.in/" + "x" * 99], ["https://acme.in/" + "x" * 99], []),
    ("%s", ["x" * 99], ["x" * 99], []),
    ("{#var#}", ["x" * 29 + "e\u0301"], ["x" * 29], ["cut"]),
    ("{#var#}", ["x" * 29 + "👩\u200d👧"], ["x" * 29], ["cut"]),
]


def test_the_work_of_cutting_does_not_grow_with_the_value() -> None:
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    template = parse("{#var#}{#var#}")
    sys.setprofile(count)
    try:
        fitted, _ = fit(template, ["x" * 100_000, "y"])
    finally:
        sys.setprofile(None)
    assert fitted == ("x" * 59, "y")
    assert calls < 2000


@pytest.mark.parametrize(("text", "values", "fitted", "warnings"), FITS)
def test_values_are_cut_to_fit(text: str, values: list[str], fitted: list[str], warnings: list[str]) -> None:
    got, said = fit(parse(text), values)
    assert list(got) == fitted
    assert len(said) == len(warnings)
    assert all(word in sentence for word, sentence in zip(warnings, said, strict=True))


FOREIGN = " of another notation, which nothing fills in"
FLAWED = {
    "a space inside": ("Hi {# var #}", "{# var #} at offset 3 is not spelled as a marker"),
    "no hashes": ("Hi {var}", "{var} at offset 3 is not spelled as a marker"),
    "no second hash": ("Hi {#var}", "{#var} at offset 3 is not spelled as a marker"),
    "no first hash": ("Hi {var#}", "{var#} at offset 3 is not spelled as a marker"),
    "no end": ("Hi {#var#, bye", "{#var# at offset 3 is not spelled as a marker"),
    "no end at all": ("Hi {#var is", "{#var at offset 3 is not spelled as a marker"),
    "no beginning": ("Hi #var#}, bye", "#var#} at offset 3 is not spelled as a marker"),
    "nothing inside": ("Hi {##}", "{##} at offset 3 is not spelled as a marker"),
    "empty braces": ("Hi {}, bye", "{} at offset 3 is not spelled as a marker"),
    "two words": ("Hi {#first name#}", "{#first name#} at offset 3 is not spelled as a marker"),
    "two braces": ("Hi {{#var#}}", "{{#var#}} at offset 3 is not spelled as a marker"),
    "a brace too many": ("Hi {#var#}}", "{#var#}} at offset 3 is not spelled as a marker"),
    "two": ("{#var#} {#var} {#num#", "{#var} at offset 8 and {#num# at offset 15 are not spelled as markers"),
    "of MSG91": ("##a## ##b##", f"##a## at offset 0 and ##b## at offset 6 are markers{FOREIGN}"),
    "of exosms": ("Hi {name}", f"{{name}} at offset 3 is a marker{FOREIGN}"),
    "in brackets": ("[Order {id}] {#var#}", f"{{id}} at offset 7 is a marker{FOREIGN}"),
    "both": (
        "Hi {#var} [name]",
        f"{{#var}} at offset 3 is not spelled as a marker; [name] at offset 10 is a marker{FOREIGN}",
    ),
    "many": (
        "{a} {b} {c} {d} {e} {f} {g}",
        ", ".join(f"{{{name}}} at offset {4 * at}" for at, name in enumerate("abcde"))
        + f" and 2 more are markers{FOREIGN}",
    ),
}


@pytest.mark.parametrize(("text", "said"), FLAWED.values(), ids=FLAWED)
def test_a_marker_that_is_broken_or_of_another_notation_is_named(text: str, said: str) -> None:
    with pytest.raises(MarkerError) as caught:
        check(text)
    assert caught.value.message == said
    assert caught.value.remedy.startswith("Write {#var#}, or a typed marker such as {#numeric#}")


@pytest.mark.parametrize("text", ["Hello {#var#} {#num#}", "{#VAR#}{#x#}", "Hi #url#", "a } b", "{", "#1 $5 50%", ""])
def test_good_markers_are_no_flaw(text: str) -> None:
    check(text)
