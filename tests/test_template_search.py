"""Of many templates the most specific one that matches wins; without a match the nearest is named."""

import random

import pytest

from exosms.templates.match import Match, match
from exosms.templates.search import Index
from exosms.templates.syntax import Template, parse

KNOWN = {
    "anything": parse("{#var#}{#var#}{#var#}"),
    "loose": parse("{#var#} is your OTP for {#var#}"),
    "otp": parse("{#var#} is your OTP for {#var#}. - Acme"),
    "login": parse("{#num#} is your OTP for login. - Acme"),
    "bill": parse("Dear {#var#}, Rs. {#num#} is due on {#alp#}. - Acme"),
    "fixed": parse("We are closed today."),
}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("123 is your OTP for login. - Acme", "login"),
        ("123 is your OTP for payment. - Acme", "otp"),
        ("123 is your OTP for payment. - Acm", "loose"),
        ("Dear Ravi, Rs. 5 is due on 1 May. - Acme", "bill"),
        ("We are closed today.", "fixed"),
        ("We are closed today!", "anything"),
    ],
)
def test_the_most_specific_match_wins_in_whatever_order(body: str, name: str) -> None:
    for templates in (KNOWN, dict(reversed(KNOWN.items()))):
        found = Index(templates).best(body)
        assert (found.name, found.match) == (name, match(KNOWN[name], body))
        assert found.others == ()


def test_templates_with_the_same_text_are_all_named() -> None:
    found = Index({"a": parse("Hi {#var#}"), "b": parse("Hi {#alp#}"), "c": parse("H{#var#}")}).best("Hi Ravi")
    assert (found.name, found.others) == ("a", ("b",))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("123 is YOUR otp for login - Acme", "login"),
        ("Dear Ravi, Rs. five is due on 1 May. - Acme", "bill"),
        ("We're closed today.", "fixed"),
        ("xyz", None),
    ],
)
def test_without_a_match_the_nearest_is_named(body: str, name: str | None) -> None:
    specific = {key: template for key, template in KNOWN.items() if key not in {"anything", "loose"}}
    found = Index(specific).best(body)
    assert (found.name, found.match) == (name, None)


def test_no_templates_no_answer() -> None:
    assert (Index({}).best("Hi").name, Index({}).best("Hi").match) == (None, None)


def test_the_index_finds_what_trying_them_all_finds() -> None:
    rng = random.Random(5)
    pieces = ["a", "b", "ab", "a b", "{#var#}", "{#num#}", " "]
    texts = {"".join(rng.choices(pieces, k=rng.randint(1, 5))) for _ in range(300)}
    templates = {text: parse(text) for text in texts}
    index = Index(templates)
    for _ in range(300):
        body = "".join(rng.choices("ab1 ", k=rng.randint(0, 7)))
        matching = [text for text in texts if isinstance(match(templates[text], body), Match)]
        found = index.best(body)
        assert (found.match is not None) == bool(matching)
        if found.match is not None and found.name is not None:
            most = max(templates[text].literal_length for text in matching)
            assert templates[found.name].literal_length == most
            winners = {text for text in matching if templates[text].literal_length == most}
            assert {found.name, *found.others} == winners


def test_of_a_thousand_templates_only_the_likely_ones_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Template] = []

    def counted(template: Template, body: str) -> bool:
        compared.append(template)
        return bool(body)

    monkeypatch.setattr("exosms.templates.search._possible", counted)
    templates = {f"t{n}": parse(f"Dear {{#var#}}, your order {n:04} has {{#var#}}. - Acme") for n in range(1000)}
    assert Index(templates).best("Dear Ravi, your order 0500 has shipped. - Acme").name == "t500"
    assert compared == [templates["t500"]]
