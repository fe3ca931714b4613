"""Every mismatch is explained as a person would explain it, and mended by the change that is suggested."""

from itertools import accumulate
from typing import Any

import pytest

from exosms.templates.explain import account, alignment, costs
from exosms.templates.explain.explain import Explanation, explain, mend
from exosms.templates.explain.scene import Difference
from exosms.templates.fold import Cause
from exosms.templates.match import Match, is_marker, match
from exosms.templates.syntax import parse, render

OTP = "Dear {#var#}, your OTP is {#var#}. Do not share it with anyone. - Acme"
BILL = "Rs. {#numeric#} is due on {#alphanumeric#}. Pay at {#url#} - Acme"
CALL = "Call {#cbn#} or write to {#email#} for order {#var#}."
QUOTE = 'Your code is "{#var#}". Don\'t share it – Acme'
LINES = "Hi {#var#},\nyour order has shipped.\n- Acme"
RUPEE = "₹{#numeric#} was debited. - Acme"
NOTE = "A & B Stores: {#var#} is ready."
CAFE = "Café Mélange: table for {#var#}."
HINDI = "प्रिय {#var#}, आपका ओटीपी {#var#} है।"
EXOTEL = "Hi %s, your OTP is %d."

# Registered text; the body with ¦ where the difference begins; the cause; words of the explanation.
MISMATCHES = [
    # spaces
    (
        OTP,
        "Dear Ravi, your ¦ OTP is 1234. Do not share it with anyone. - Acme",
        "space",
        ("space", "extra", "your"),
    ),
    (
        OTP,
        "Dear Ravi,¦your OTP is 1234. Do not share it with anyone. - Acme",
        "space",
        ("A space is missing", "Ravi,"),
    ),
    (OTP, "Dear Ravi, your OTP is 1234. Do not share it with anyone.¦- Acme", "space", ("missing", "anyone.")),
    (OTP, "¦ Dear Ravi, your OTP is 1234. Do not share it with anyone. - Acme", "space", ("at the beginning",)),
    (OTP, "Dear Ravi, your OTP is 1234. Do not share it with anyone. - Acme¦ ", "space", ("at the end",)),
    (
        OTP,
        "Dear Ravi, your¦\u00a0OTP is 1234. Do not share it with anyone. - Acme",
        "space",
        ("U+00A0 NO-BREAK SPACE", "U+0020 SPACE"),
    ),
    (OTP, "Dear Ravi, your¦\tOTP is 1234. Do not share it with anyone. - Acme", "space", ("U+0009", "TABULATION")),
    (BILL, "Rs. ¦ 500 is due on 1 May. Pay at https://acme.in/p - Acme", "space", ("extra", "Rs.")),
    (NOTE, "A & B Stores¦ : Lamp is ready.", "space", ("extra", "Stores")),
    # line breaks
    (LINES, "Hi Ravi,¦ your order has shipped.\n- Acme", "newline", ("a space instead of a line break",)),
    (LINES, "Hi Ravi,\n¦\nyour order has shipped.\n- Acme", "newline", ("extra", "line break")),
    (LINES, "Hi Ravi,\nyour order has shipped.¦- Acme", "newline", ("line break is missing", "shipped.")),
    (LINES, "Hi Ravi,\nyour order has shipped.\n- Acme¦\n", "newline", ("line break", "at the end")),
    (
        OTP,
        "Dear Ravi,¦\nyour OTP is 1234. Do not share it with anyone. - Acme",
        "newline",
        ("line break instead of a space",),
    ),
    (LINES, "Hi Ravi,¦\\nyour order has shipped.\\n- Acme", "escape", ("backslash", "line break")),
    # quotes, dashes, ellipsis
    (
        QUOTE,
        "Your code is ¦“1234”. Don't share it – Acme",
        "quotes",
        ("“ (U+201C LEFT DOUBLE QUOTATION MARK)", '" (U+0022 QUOTATION MARK)'),
    ),
    (QUOTE, 'Your code is "1234". Don¦’t share it – Acme', "quotes", ("U+2019", "APOSTROPHE")),
    (
        QUOTE,
        'Your code is "1234". Don\'t share it ¦- Acme',
        "dash",
        ("- (U+002D HYPHEN-MINUS)", "– (U+2013 EN DASH)"),
    ),
    (OTP, "Dear Ravi, your OTP is 1234. Do not share it with anyone. ¦— Acme", "dash", ("U+2014 EM DASH",)),
    ("Wait... {#var#}", "Wait¦… 5 min", "ellipsis", ("U+2026 HORIZONTAL ELLIPSIS",)),
    # letter case
    (
        OTP,
        "¦dear Ravi, your OTP is 1234. Do not share it with anyone. - Acme",
        "case",
        ("case", '"dear" should be "Dear"'),
    ),
    (
        OTP,
        "Dear Ravi, your ¦Otp is 1234. Do not share it with anyone. - Acme",
        "case",
        ('"Otp" should be "OTP"', "case"),
    ),
    (OTP, "Dear Ravi, your OTP is 1234. Do not share it with anyone. - ¦ACME", "case", ('"ACME" should be "Acme"',)),
    # tails and punctuation
    (
        OTP,
        "Dear Ravi, your OTP is 1234. Do not share it with anyone.¦",
        "missing_tail",
        ('"- Acme" is missing at the end',),
    ),
    (
        OTP,
        "Dear Ravi, your OTP is 1234. Do not share it with anyone. - Acme¦ Ltd",
        "extra_tail",
        ('"Ltd" is too much at the end, in "Acme Ltd"',),
    ),
    (OTP, "Dear Ravi, your OTP is 1234. Do not share it with anyone. - Acme¦!", "extra_tail", ("!", "at the end")),
    (EXOTEL, "Hi Ravi, your OTP is 123456¦", "missing_tail", ('"." is missing at the end',)),
    (
        OTP,
        "¦Hello! Dear Ravi, your OTP is 1234. Do not share it with anyone. - Acme",
        "extra_head",
        ('"Hello!" is too much at the beginning, in "Hello! Dear"',),
    ),
    (CAFE, "¦table for 4.", "missing_head", ('"Café Mélange:" is missing at the beginning, before "table"',)),
    (
        OTP,
        "Dear Ravi, your OTP is 1234. Do not share it with anyone¦ - Acme",
        "punctuation",
        ('"." is missing after "anyone"',),
    ),
    (
        OTP,
        "Dear Ravi¦ your OTP is 1234. Do not share it with anyone. - Acme",
        "punctuation",
        ('"," is missing after "Ravi"',),
    ),
    # wording
    (OTP, "Dear Ravi, your ¦OPT is 1234. Do not share it with anyone. - Acme", "wording", ('"OPT" should be "OTP"',)),
    (
        OTP,
        "Dear Ravi, your OTP is 1234. ¦Don't share it with anyone. - Acme",
        "wording",
        ('"Don\'t" should be "Do not"',),
    ),
    (OTP, "¦Hi Ravi, your OTP is 1234. Do not share it with anyone. - Acme", "wording", ('"Hi" should be "Dear"',)),
    (
        OTP,
        "Dear Ravi, your ¦login OTP is 1234. Do not share it with anyone. - Acme",
        "wording",
        ('"login" is too much in "your login OTP"',),
    ),
    (
        OTP,
        "Dear Ravi, your OTP is 1234. Do not share ¦with anyone. - Acme",
        "wording",
        ('"it" is missing between "share" and "with"',),
    ),
    (HINDI, "प्रिय रवि, आपका ¦पिन 1234 है।", "wording", ('"पिन" should be "ओटीपी"',)),
    # values
    (
        OTP,
        "Dear ¦Venkatanarasimharajuvaripeta Rao, your OTP is 1234. Do not share it with anyone. - Acme",
        "value_too_long",
        ("variable 1", "32 characters", "30 fit"),
    ),
    (
        BILL,
        "Rs. ¦1,000 is due on 1 May. Pay at https://acme.in/p - Acme",
        "wrong_type",
        ("variable 1", "digits", ", (U+002C COMMA)"),
    ),
    (BILL, "Rs. 500 is due on 1 May. Pay at ¦acme.in/p - Acme", "wrong_type", ("variable 3", "http://", "www.")),
    (CALL, "Call ¦us or write to help@acme.in for order 7.", "wrong_type", ("variable 1", "phone number")),
    (
        CALL,
        "Call 1800 123 456 or write to ¦help at acme for order 7.",
        "wrong_type",
        ("variable 2", "e-mail address"),
    ),
    (
        BILL,
        "Rs. 500 is due on 1 May. Pay at ¦https://a.in/my bill - Acme",
        "wrong_type",
        ("variable 3", "U+0020 SPACE"),
    ),
    (BILL, "Rs. 500 is due on 1 May. Pay at ¦HTTPS://acme.in/p - Acme", "wrong_type", ("variable 3", "https://")),
    (BILL, "Rs. 500 is due on 1 May. Pay at ¦ftp://acme.in/p - Acme", "wrong_type", ("variable 3", "https://")),
    (EXOTEL, "Hi Ravi, your OTP is ¦ABC.", "wrong_type", ("variable 2", "digits")),
    (EXOTEL, "Hi ¦, your OTP is 1234.", "missing_value", ("variable 1 (%s) has no value",)),
    # markers left in the body
    (
        OTP,
        "Dear ¦{#var#}, your OTP is 1234. Do not share it with anyone. - Acme",
        "unfilled_marker",
        ("not filled in", "{#var#}"),
    ),
    (
        OTP,
        "Dear ¦{{name}}, your OTP is 1234. Do not share it with anyone. - Acme",
        "unfilled_marker",
        ("not filled in", "{{name}}"),
    ),
    (OTP, "Dear ¦{name}, your OTP is 1234. Do not share it with anyone. - Acme", "unfilled_marker", ("{name}",)),
    (EXOTEL, "Hi Ravi, your OTP is ¦%d.", "unfilled_marker", ("not filled in", "%d")),
    (BILL, "Rs. ¦{#numeric#} is due on 1 May. Pay at https://acme.in/p - Acme", "unfilled_marker", ("{#numeric#}",)),
    # encodings
    (RUPEE, "¦Rs. 500 was debited. - Acme", "rupee", ("rupee", "Rs.", "₹")),
    (BILL, "¦₹500 is due on 1 May. Pay at https://acme.in/p - Acme", "rupee", ('"₹"', '"Rs. "')),
    (BILL, "¦INR 500 is due on 1 May. Pay at https://acme.in/p - Acme", "rupee", ("INR", "Rs.")),
    (NOTE, "A ¦&amp; B Stores: Lamp is ready.", "html_entity", ("HTML", "&amp;")),
    (LINES, "Hi Ravi,¦<br>your order has shipped.<br/>- Acme", "html_entity", ("<br>", "line break")),
    (
        OTP,
        "Dear Ravi, your OTP is 1234.¦<br>Do not share it with anyone. - Acme",
        "html_entity",
        ("HTML", "<br>", "where a space is registered"),
    ),
    (
        OTP,
        "Dear¦+Ravi,+your+OTP+is+1234.+Do+not+share+it+with+anyone.+-+Acme",
        "double_encoding",
        ("URL-encoded", "+", "space"),
    ),
    (NOTE, "A¦%20&%20B%20Stores:%20Lamp%20is%20ready.", "double_encoding", ("URL-encoded", "%20")),
    (
        CAFE,
        "Caf¦e\u0301 Me\u0301lange: table for 4.",
        "decomposed",
        ("NFD", "U+0301 COMBINING ACUTE ACCENT", "U+00E9"),
    ),
    (
        OTP,
        "Dear Ravi, your ¦\u200bOTP is 1234. Do not share it with anyone. - Acme",
        "zero_width",
        ("invisible", "U+200B ZERO WIDTH SPACE"),
    ),
    (
        OTP,
        "¦\ufeffDear Ravi, your OTP is 1234. Do not share it with anyone. - Acme",
        "zero_width",
        ("U+FEFF", "at the beginning"),
    ),
    (HINDI, "प्रिय रवि, आपका ओटीपी 1234 ह¦\u200dै।", "zero_width", ("U+200D ZERO WIDTH JOINER", "Indic")),
    (
        OTP,
        "Dear Ravi, your OTP is 1234. Do not share it with anyone. - ¦Аcme",
        "look_alike",
        ("CYRILLIC CAPITAL LETTER A", "LATIN CAPITAL LETTER A"),
    ),
]


def first_problem(registered: str, marked: str) -> tuple[Explanation, str]:
    body = marked.replace("¦", "")
    problems = explain(parse(registered), body)
    assert problems
    return problems[0], body


@pytest.mark.parametrize(("registered", "marked", "cause", "words"), MISMATCHES)
def test_a_mismatch_is_explained_as_a_person_would(
    registered: str, marked: str, cause: str, words: tuple[str, ...]
) -> None:
    problem, body = first_problem(registered, marked)
    assert (problem.cause, problem.offset) == (cause, marked.index("¦"))
    assert [word for word in words if word.lower() not in problem.explanation.lower()] == [], problem.explanation
    assert body[problem.offset : problem.end] == problem.found
    assert registered[problem.template_offset : problem.template_end] == problem.expected


SEVERAL = [
    (OTP, "Dear Ravi, ¦ur OTP is 1234. ¦Dont share it with anyone. - Acme", ["wording", "wording"]),
    (
        OTP,
        "Dear Ravi¦ your OTP is 1234. ¦Don’t share it with anyone¦ - Acme",
        ["punctuation", "wording", "punctuation"],
    ),
    (OTP, "¦¦Your OTP is 1234. Do not share it with anyone. - Acme", ["missing_head", "case"]),
    (OTP, "Dear Ravi, your OTP is 1234. ¦ Do ¦ not share it with anyone. - Acme", ["space", "space"]),
    (OTP, "¦completely different", ["wording"]),
    (OTP, "¦", ["missing_tail"]),
    (
        OTP,
        "Dear ¦{#var#}, your OTP is ¦{#var#}. ¦Dont share it with anyone. - Acme",
        [*["unfilled_marker"] * 2, "wording"],
    ),
    (OTP, "Dear ¦{#var#}, ¦the quick brown fox jumps over it.", ["unfilled_marker", "wording"]),
    (OTP, "¦The quick brown fox jumps over {#name#}", ["wording"]),
    (BILL, "Rs.¦¦1,000 is due on 1 May. Pay at ¦acme.in/p - Acme", ["space", "wrong_type", "wrong_type"]),
    (LINES, "Hi Ravi,¦ your order has shipped.¦ - Acme", ["newline", "newline"]),
    (LINES, "Hi Ravi,\r\nyour order has ¦been shipped.\r\n- Acme", ["wording"]),
    (CALL, "Call 1800 123 456 or write to a@b.in for order¦", ["missing_value"]),
    ("Hi {#var#}{#var#}, ok", "Hi ¦" + "x" * 61 + ", ok", ["value_too_long"]),
    (QUOTE, "Your code is ¦“1234¦”. Don¦’t share it ¦- Acme", ["quotes", "quotes", "quotes", "dash"]),
    ("Hi {#var#}, ok", "Hi  Ravi,¦ok", ["space"]),
    (OTP, "Dear Ravi, your ¦new OTP is 1234. Do not ¦ever share it with anyone. - Acme", ["wording", "wording"]),
    ("Pay {#num#} by {#var#}", "Pay 12¦!by noon", ["punctuation"]),
    (RUPEE, "₹¦1x ¦ was ¦ debited. ¦ - ¦ Acme", ["wrong_type", "space", "space", "space", "space"]),
    ("Hi {#var#}.", "Hi ¦{#var#}¦", ["unfilled_marker", "missing_tail"]),
]


@pytest.mark.parametrize(("registered", "marked", "causes"), SEVERAL)
def test_several_differences_are_told_apart(registered: str, marked: str, causes: list[str]) -> None:
    problems = explain(parse(registered), marked.replace("¦", ""))
    assert [problem.cause.value for problem in problems] == causes
    places = [len(before) for before in accumulate(marked.split("¦")[:-1])]
    assert [problem.offset for problem in problems] == places


KINDS = [
    ("Hi {#var#}, bye", "Hi Ravi bye", "literal"),
    ("Hi {#var#}, bye", "Hi Ravi, bye now", "leftover"),
    ("Hi {#var#}, bye", "Oh, Hi Ravi, bye", "leftover"),
    ("Hi {#var#}, bye", "Hi Ravi", "missing"),
    ("Hi {#var#}, bye", "Hi " + "x" * 31 + ", bye", "length"),
    ("Hi {#num#}, bye", "Hi Ravi, bye", "type"),
    ("Hi {#var#}, bye", "Hi {#var#}, bye", "unfilled"),
]


@pytest.mark.parametrize(("registered", "body", "kind"), KINDS)
def test_problems_have_a_stable_kind(registered: str, body: str, kind: str) -> None:
    assert [problem.kind for problem in explain(parse(registered), body)] == [kind]


def test_only_spaces_and_punctuation_may_be_tolerated() -> None:
    noted = {bool(explain(parse("Hi {#var#}, bye"), body)[0].note): body for body in ("Hi Ravi,  bye", "Hi Ravi, by")}
    assert noted == {True: "Hi Ravi,  bye", False: "Hi Ravi, by"}


@pytest.mark.parametrize(
    ("registered", "body", "tolerable"),
    [
        ("ओटीपी {#var#} है।", "ओटीपी 1 है", True),
        ("ओटीपी {#var#} है।", "ओटीपी 1 हे।", False),
        ("{#var#} 😀", "1 😁", False),
    ],
)
def test_a_vowel_sign_is_no_punctuation(registered: str, body: str, tolerable: bool) -> None:
    (problem,) = explain(parse(registered), body)
    assert bool(problem.note) is tolerable


def test_offsets_count_in_the_texts_as_given() -> None:
    registered, body = "a\r\nb\r\nHi {#var#}!", "a\r\nb\r\nHi Ravi"
    (problem,) = explain(parse(registered), body)
    assert (problem.offset, problem.template_offset, problem.expected) == (len(body), registered.index("!"), "!")


LINK = "https://acme.in/pay/123456789012"
CHANGES = [
    # registered text, value, words of the explanation, change
    (
        "Pay at {#url#}",
        "HTTPS://Acme.in",
        "begins with",
        'Replace "HTTPS://Acme.in" with "https://Acme.in" at offset 7.',
    ),
    ("Pay at {#url#}", "WWW.acme.in", "begins with", 'Replace "WWW.acme.in" with "www.acme.in" at offset 7.'),
    (
        "Pay at {#url#}",
        "ftp://acme.in",
        "begins with",
        "Give it an address that begins with http://, https:// or www.",
    ),
    ("Pay at {#var#}", LINK, "32 characters", "Shorten the link, or register its variable as {#url#}."),
    ("Pay at {#num#}{#num#}", "1" * 81, "81 characters, but only 80 fit", "Give it digits 0-9 only, up to 80."),
]


@pytest.mark.parametrize(("registered", "value", "words", "change"), CHANGES)
def test_no_change_is_suggested_that_spoils_a_value(registered: str, value: str, words: str, change: str) -> None:
    (problem,) = explain(parse(registered), f"Pay at {value}")
    assert (problem.change, problem.found, words in problem.explanation) == (change, value, True)


OF_THE_TYPE = {
    "12,345": "12345",
    "1,00,000": "100000",
    "3, 4": None,
    "3 4": None,
    "1,5": None,
    "1,2,3": None,
    "9876 5432": None,
    "1" * 40 + "a": None,
}


@pytest.mark.parametrize(("value", "mended"), OF_THE_TYPE.items())
def test_two_numbers_are_never_made_one(value: str, mended: str | None) -> None:
    (problem,) = explain(parse("Your seats are {#num#}. - Acme"), f"Your seats are {value}. - Acme")
    assert (problem.found, problem.replacement) == (value, mended)


@pytest.mark.parametrize(
    ("value", "mended"), [("acme.in/p", "https://acme.in/p"), ("acme.in", "https://acme.in"), ("12.50", None)]
)
def test_an_amount_is_never_made_an_address(value: str, mended: str | None) -> None:
    (problem,) = explain(parse("Pay {#url#} now. - Acme"), f"Pay {value} now. - Acme")
    assert (problem.found, problem.replacement) == (value, mended)


TORN = [
    ("Your bill is Rs {#var#}.", "Your bill is Rs 12.50", "Your bill is Rs 12.50."),
    ("Rs {#var#}. Pay now. - A", "Rs 1,250.75 Pay now. - A", "Rs 1,250.75. Pay now. - A"),
    ("Bal {#var#}, due {#var#}. - A", "Bal 1,250 due 5 May. - A", "Bal 1,250, due 5 May. - A"),
    ("Meet at {#var#}: be there. - A", "Meet at 5:30 be there. - A", "Meet at 5:30: be there. - A"),
    ("Visit {#var#}. Bye", "Visit acme.co.in Bye", "Visit acme.co.in. Bye"),
    ("See {#var#}. Bye. - A", "See Dr. Rao Bye. - A", "See Dr. Rao. Bye. - A"),
    ("Come to {#var#}.\nReply 1. - A", "Come to Dr. Rao.\n 1. - A", "Come to Dr. Rao.\nReply 1. - A"),
    ("Contact {#var#} at {#var#}. - A", "Contact A. K. Rao\nat 1800. - A", "Contact A. K. Rao at 1800. - A"),
    ("Shop at {#var#}, {#var#}. - A", "Shop at S. Chand & Co.,Pune. - A", "Shop at S. Chand & Co., Pune. - A"),
    ("Due on {#var#}. Pay now: {#var#} - A", "Due on Nov. 5 Pay now: x.in - A", "Due on Nov. 5. Pay now: x.in - A"),
    (
        "Due {#var#}. Pay at {#var#} now. - A",
        "Due 5 May. Pai at x.in/pay now. - A",
        "Due 5 May. Pay at x.in/pay now. - A",
    ),
    ("Dear {#var#}, pay Rs {#var#}. - A", "Mrs. Rao, pay Rs 5. - A", "Dear Mrs. Rao, pay Rs 5. - A"),
    ("Hi {#var#}. Call {#var#}. - A", "Hi Asha. +919876543210. - A", "Hi Asha. Call +919876543210. - A"),
    ("Ph: {#var#}. Bye. - A", "Ph:+919876543210. Bye. - A", "Ph: +919876543210. Bye. - A"),
    ("Dear Mr {#var#}, hi. - A", "Dear Ms Rao, hi. - A", "Dear Mr Rao, hi. - A"),
    ("Shop: {#var#} T&C apply - Acme", "Shop: acme.in/x T&C apply - cme", "Shop: acme.in/x T&C apply - Acme"),
    (
        "Your ticket no. {#var#} is shut. - A",
        "Your ticket NO. XX12 is shut. - A",
        "Your ticket no. XX12 is shut. - A",
    ),
    ("Rs {#numeric#}. Bye", "Rs 12.50 Bye", "Rs 12.50. Bye"),
    ("Your OTP is {#var#}.", "Your OTP is 4711.Thanks", "Your OTP is 4711."),
    ("Hi {#var#}, it is ready. - A", "Hi Asha, it is Rs. 1,250.75 ready. - A", "Hi Asha, it is ready. - A"),
    ("Hi {#var#}, it is ready. - A", "Hi Asha, it is ready. See acme.in/x.html - A", "Hi Asha, it is ready. - A"),
]


@pytest.mark.parametrize(("registered", "body", "mended"), TORN)
def test_no_part_is_torn_from_an_amount_a_time_an_address_or_a_name(registered: str, body: str, mended: str) -> None:
    assert mend(body, explain(parse(registered), body)) == mended


@pytest.mark.parametrize(
    ("registered", "body"),
    [
        ("Meet on {#var#} at {#var#}: {#var#}. - A", "Meet on 5 May at 10:30 Annual Review. - A"),
        ("Meet on {#var#} at {#var#}. - A", "Meet on 05/01/2026 today 10.15 am. - A"),
        ("Rs {#var#} credited to your wallet {#var#}. - A", "Rs 5 credited to your walletasha@upi. - A"),
    ],
)
def test_what_would_tear_a_part_of_a_value_a_person_says(registered: str, body: str) -> None:
    problems = explain(parse(registered), body)
    assert any(problem.replacement is None for problem in problems)


def test_two_values_are_told_apart_where_one_way_alone_is_legal() -> None:
    registered, body = "Pay {#numeric#} to {#var#} now. - A", "Pay 500 Asha Rao now. - A"
    assert mend(body, explain(parse(registered), body)) == "Pay 500 to Asha Rao now. - A"


@pytest.mark.parametrize(
    ("registered", "body", "mended"),
    [
        ("OTP for {#var#} is {#num#}. - A", "OTP forcard payment is 5. - A", None),
        ("Dear {#var#}, hi. - A", "Dearasha, hi. - A", None),
        (
            "{#var#} of class {#var#} was late. - A",
            "Asha of class 5 Bwas late. - A",
            "Asha of class 5 B was late. - A",
        ),
        ("{#var#} of class {#var#} was late. - A", "Md. Aliof class 5 was late. - A", None),
        ("Sale at {#var#} till {#var#}. - A", "Sale at Block Atill 8 May. - A", None),
        ("Sale at {#var#} till {#var#}. - A", "Sale at Block Btill 8 May. - A", "Sale at Block B till 8 May. - A"),
        ("Water off in {#var#} will be back. - A", "Water off in Block Awill be back. - A", None),
        (
            "Water off in {#var#} will be back. - A",
            "Water off in Pune awill be back. - A",
            "Water off in Pune will be back. - A",
        ),
        ("Order {#var#} left. - A", "Orders 17 left. - A", "Order 17 left. - A"),
        ("Order {#var#} left {#var#}. - A", "Order 17 xleft Pune. - A", "Order 17 left Pune. - A"),
        ("Meet at {#var#} on {#var#}. - A", "Meet Attari on 5 May. - A", "Meet at Attari on 5 May. - A"),
        ("Come by {#var#} on {#var#}. - A", "Come by London Monday. - A", None),
        ("Sent by {#var#} on {#var#}. - A", "Sent by ashaon Monday. - A", None),
        ("Sent by {#var#} on {#var#}. - A", "Sent by ASHAon Monday. - A", "Sent by ASHA on Monday. - A"),
        ("Meet at {#var#} on {#var#}. - A", "Meet at noon on31 May. - A", "Meet at noon on 31 May. - A"),
        ("Meet at {#var#} on {#var#}. - A", "Meet at 10.15 amon 5 May. - A", None),
        ("Come to {#var#} before {#var#}. - A", "Come to the shop beforetoday. - A", None),
    ],
)
def test_no_part_of_a_value_is_lost_where_a_space_is_missing(registered: str, body: str, mended: str | None) -> None:
    problems = explain(parse(registered), body)
    is_known = all(problem.replacement is not None for problem in problems)
    assert (mend(body, problems) if is_known else None) == mended


@pytest.mark.parametrize(
    ("registered", "body", "mended"),
    [
        ("Power off in {#var#} today. - A", "Power off New Delhi today. - A", None),
        ("Power off in {#var#} today. - A", "Power off Block A today. - A", None),
        ("Power off in {#var#} today. - A", "Power off Anna Nagar today. - A", "Power off in Anna Nagar today. - A"),
        ("Power off in {#var#} today. - A", "Power off at New Delhi today. - A", "Power off in New Delhi today. - A"),
        ("Collect it at {#var#} today. - A", "Collect it Shop 12, MG Road today. - A", None),
        ("Dear {#var#}, hi. - A", "Mohd. Irfan, hi. - A", None),
        ("Dear {#var#}, hi. - A", "Hello Mohd. Irfan, hi. - A", "Dear Mohd. Irfan, hi. - A"),
        ("{#var#} of class {#var#} left. - A", "Mohd. Irfan class 5 left. - A", None),
        ("{#var#} of class {#var#} left. - A", "Asha Rao if class 5 left. - A", "Asha Rao of class 5 left. - A"),
        ("Order #{#var#} left. - A", "Order no. OD-17 left. - A", None),
        ("Order #{#var#} left. - A", "Order No OD-17 left. - A", None),
        ("Order #{#var#} left. - A", "Order OD-17 left. - A", "Order #OD-17 left. - A"),
        ("Thanks for visiting {#var#}. - A", "Thanks for shopping at Big Bazaar. - A", None),
        ("Your OTP is {#var#} for it. - A", "Your OTP has been 47 11 for it. - A", None),
        ("Write to {#email#} today. - A", "Write help@acme.in today. - A", "Write to help@acme.in today. - A"),
        ("Up to Rs.{#var#} is due. - A", "Up to Rupees500/- is due. - A", None),
    ],
)
def test_no_part_of_a_value_is_taken_for_the_word_that_is_missing_beside_it(
    registered: str, body: str, mended: str | None
) -> None:
    problems = explain(parse(registered), body)
    is_known = all(problem.replacement is not None for problem in problems)
    assert (mend(body, problems) if is_known else None) == mended


@pytest.mark.parametrize(
    ("registered", "body", "mended"),
    [
        ("Valid at {#var#} before {#var#}. - A", "Valid at Big Bazaar 31st May. - A", None),
        ("Exam on {#var#} at {#var#}. - A", "Exam on 5 May 10:30 AM. - A", None),
        ("Exam on {#var#} at {#var#}. - A", "Exam on Monday 10:30 AM. - A", "Exam on Monday at 10:30 AM. - A"),
        ("Rs {#numeric#} for {#var#}. - A", "Rs 50 Gold plan. - A", "Rs 50 for Gold plan. - A"),
        ("No. {#var#} dated {#var#}. - A", "No. OD-17 Monday 3 Aug. - A", "No. OD-17 dated Monday 3 Aug. - A"),
        ("Your bill of Rs. {#var#} is due. - A", "Your bill of ls. 99.50 is due. - A", None),
        ("Your bill of Rs. {#var#} is due. - A", "Your bill of R 500 is due. - A", None),
        ("Your bill of Rs. {#var#} is due. - A", "Your bill of Rss. 500 is due. - A", None),
        ("Your bill of Rs. {#var#} is due. - A", "Your bill of Rupees 500 is due. - A", None),
        ("Your bill of Rs. {#var#} is due. - A", "Your bill of 500 is due. - A", "Your bill of Rs. 500 is due. - A"),
    ],
)
def test_no_text_is_proposed_where_nothing_says_where_a_value_begins_or_ends(
    registered: str, body: str, mended: str | None
) -> None:
    problems = explain(parse(registered), body)
    is_known = all(problem.replacement is not None for problem in problems)
    assert (mend(body, problems) if is_known else None) == mended


@pytest.mark.parametrize(
    ("registered", "body"),
    [
        ("Your bill of Rs. {#var#} is due. - A", "Your bill of Rs. is due. - A"),
        ("Rs {#var#} due on {#var#}. - A", "Rs due on 5 May. - A"),
        ("Dear {#var#}, your order {#var#} left. - A", "Dear , your ordr 17 left. - A"),
    ],
)
def test_a_value_that_is_not_there_is_asked_for_beside_whatever_else_is_wrong(registered: str, body: str) -> None:
    problems = [problem for problem in explain(parse(registered), body) if problem.replacement is None]
    assert [(problem.cause, problem.variable) for problem in problems] == [("missing_value", 0)]


@pytest.mark.parametrize(
    ("registered", "body", "mended"),
    [
        ("Shipped via {#var#}. - A", "Shipped vai BlueDart. - A", "Shipped via BlueDart. - A"),
        ("Dear {#var#}, hi. - A", "oear Asha Rao, hi. - A", "Dear Asha Rao, hi. - A"),
        ("{#var#} is the OTP. - A", "4711 ie the OTP. - A", "4711 is the OTP. - A"),
        ("{#var#} of class {#var#} left. - A", "Asha Rao pf class X left. - A", "Asha Rao of class X left. - A"),
        ("A/c {#var#} on {#var#}: Rs {#var#}", "A/c XX12on 5 May: Rs 5", "A/c XX12 on 5 May: Rs 5"),
        ("Contact {#var#} at {#var#}. - A", "Contact Mr. S. Iyer t 1800. - A", "Contact Mr. S. Iyer at 1800. - A"),
        ("Shipped via {#var#} is {#var#}. - A", "Shipped via BlueDart s 17. - A", "Shipped via BlueDart is 17. - A"),
        ("Meet on {#var#} at {#var#} in A.", "Meet on 5 May t 14:45 in A.", "Meet on 5 May at 14:45 in A."),
        ("Rs {#var#} credited to {#var#}. - A", "Rs 500/- to Asha. - A", "Rs 500/- credited to Asha. - A"),
        ("Dear {#var#}, hi. - A", "Dear Mr. Rao- hi. - A", "Dear Mr. Rao, hi. - A"),
        ("Gift to {#var#} sent. - A", "Gift Tom Rao sent. - A", "Gift to Tom Rao sent. - A"),
        ("Dear Mr {#var#}, hi. - A", "Dear M Rao, hi. - A", "Dear Mr M Rao, hi. - A"),
        ("Your A/c {#var#} is open. - A", "Your Acct XX1234 is open. - A", "Your A/c XX1234 is open. - A"),
        ("Due on {#var#}. - A", "Due dated 12-06-2026. - A", "Due on 12-06-2026. - A"),
        ("A/c {#var#} on {#var#}: Rs {#var#}", "A/c XX12 dt 5 May: Rs 5", "A/c XX12 on 5 May: Rs 5"),
        ("Order {#var#} dated {#var#} left.", "Order 17 dtd. 5 May left.", "Order 17 dated 5 May left."),
        ("Rates change from {#var#}. - A", "Rates change wef 5 May. - A", "Rates change from 5 May. - A"),
        ("Shipped via {#var#}. - A", "Shipped through Blue Dart. - A", "Shipped via Blue Dart. - A"),
        ("Visit with Dr. {#var#}. - A", "Visit with Doctor Meera Nair. - A", "Visit with Dr. Meera Nair. - A"),
        ("Complaint no. {#var#} left. - A", "Complaint num OD-17 left. - A", "Complaint no. OD-17 left. - A"),
    ],
)
def test_a_slip_in_the_word_beside_a_value_is_no_part_of_it(registered: str, body: str, mended: str) -> None:
    assert mend(body, explain(parse(registered), body)) == mended


@pytest.mark.parametrize(
    ("value", "more", "behind"),
    [
        ("OD-77812", "Kindly bring your ID card.", " Pay soon. - A"),
        ("OD-77812", "Please ignore this if it is already done.", " Pay soon. - A"),
        ("Lajpat Nagar", "Visit www.acme.in for details.", " Pay soon. - A"),
        ("12/01/27", "Have a nice day and a safe ride!", " Pay {#var#} soon. - A"),
    ],
)
def test_a_sentence_too_much_behind_a_value_is_no_part_of_it(value: str, more: str, behind: str) -> None:
    right = f"Your ref is {value}.{behind.replace('{#var#}', 'Rs 500')}"
    body = right.replace(f"{value}.", f"{value}. {more}")
    problems = explain(parse(f"Your ref is {{#var#}}.{behind}"), body)
    assert [problem.found.strip() for problem in problems] == [more]
    assert [problem.explanation.split(" is too much ")[0] for problem in problems] == [f'"{more}"']
    assert mend(body, problems) == right


@pytest.mark.parametrize("pair", ["()", "[]", "{}", "<>", '""', "''", "**", "\u201c\u201d"])
def test_no_sign_stays_behind_a_link_of_which_its_other_half_goes(pair: str) -> None:
    problems = explain(parse("Rate us: {#url#}. - A"), f"Rate us: {pair[0]}www.acme.in/x{pair[1]}. - A")
    assert None in [problem.replacement for problem in problems]


@pytest.mark.parametrize(
    ("registered", "body"),
    [
        ("{#var#} is your OTP. - A", '"4711 is your OTP. - A"'),
        ("Your OTP is 4711. - {#var#}", '"Your OTP is 4711. - Acme"'),
        ("Call {#cbn#} - A", "Call (1800 123 4567) - A"),
    ],
)
def test_no_sign_around_a_text_stays_of_which_the_other_half_goes(registered: str, body: str) -> None:
    assert None in [problem.replacement for problem in explain(parse(registered), body)]


@pytest.mark.parametrize(
    "pair",
    [("*", "*"), ("**", "**"), ("__", "__"), ("~", "~"), ("(", ")"), ("<b>", "</b>"), ("<strong>", "</strong>")],
)
@pytest.mark.parametrize("marked", ["Dear Ravi", "Rs.500", "for Dec", "Dec is due", "is due"])
def test_no_emphasis_stays_in_a_value_of_which_the_other_half_goes(pair: tuple[str, str], marked: str) -> None:
    right = "Dear Ravi, Rs.500 for Dec is due. - Acme"
    body = right.replace(marked, f"{pair[0]}{marked}{pair[1]}")
    problems = explain(parse("Dear {#var#}, Rs.{#var#} for {#var#} is due. - Acme"), body)
    assert None in [problem.replacement for problem in problems] or mend(body, problems) == right


def test_numbers_that_are_masked_by_stars_are_no_emphasis() -> None:
    right = "A/c **1234 was debited for card *5678. - Acme"
    body = right.replace("was debited", "was  debited")
    assert mend(body, explain(parse("A/c {#var#} was debited for card {#var#}. - Acme"), body)) == right


@pytest.mark.parametrize("invisible", ["\u200b", "\u200d", "\u200e", "\ufeff"])
def test_what_nobody_sees_behind_a_word_in_front_of_a_value_goes(invisible: str) -> None:
    body = f"प्रिय{invisible} राम, नमस्ते। - A"
    assert mend(body, explain(parse("प्रिय {#var#}, नमस्ते। - A"), body)) == "प्रिय राम, नमस्ते। - A"


@pytest.mark.parametrize("value", ["acme.in/t/77", "https://acme.in/x", "Acme Pay"])
@pytest.mark.parametrize("more", ["Have a nice day", "Reply STOP to opt out", "Get our app: https://acme.in/app"])
def test_what_follows_the_end_is_not_put_in_the_place_of_the_last_value(value: str, more: str) -> None:
    right = f"Dear Ravi, it comes on 12 Dec. Keep it safe. Track it at {value}. - Acme"
    problems = explain(
        parse("Dear {#var#}, it comes on {#var#}. Keep it safe. Track it at {#var#}. - Acme"), f"{right} {more}"
    )
    assert [problem.found.strip() for problem in problems] == [more]
    assert mend(f"{right} {more}", problems) == right


@pytest.mark.parametrize("amount", ["500 rupees", "1,500 Rs", "500 Rupees"])
def test_no_currency_is_put_before_an_amount_that_has_one_behind_it(amount: str) -> None:
    problems = explain(
        parse("Your bill of Rs.{#var#} for {#var#} is due. - Acme"), f"Your bill of {amount} for Dec is due. - Acme"
    )
    assert [problem.replacement for problem in problems] == [None]


def test_a_value_of_many_words_is_too_long_and_nothing_behind_the_end() -> None:
    body = "Collect it at Shop 4, Opp. Bus Stand, Near City Mall, M. G. Road, Gandhi Nagar, Pune, 411001 M H. - Acme"
    problems = explain(parse("Collect it at {#var#}. - Acme"), body)
    assert [problem.cause for problem in problems] == [Cause.VALUE_TOO_LONG]


@pytest.mark.parametrize("value", ["12 Dec", "Monday 5 pm", "Acme Pay", "your Acme account"])
@pytest.mark.parametrize("gone", ["Keep it safe.", "Do not share it with anyone."])
def test_a_sentence_that_was_left_out_takes_no_word_of_the_value_before_it(value: str, gone: str) -> None:
    body = f"Your order is for {value}. Track it at acme.in/x. - Acme"
    problems = explain(parse(f"Your order is for {{#var#}}. {gone} Track it at {{#var#}}. - Acme"), body)
    assert [problem.expected.strip() for problem in problems] == [gone]
    assert mend(body, problems) == body.replace(" Track", f" {gone} Track")


@pytest.mark.parametrize(("sign", "encoded"), [(" ", "%20"), (" ", "+"), ("&", "&amp;")])
def test_a_text_is_not_decoded_around_a_value_that_stays_encoded(sign: str, encoded: str) -> None:
    registered = "Hi {#var#}, T&C apply. - Acme"
    body = "Hi A & B, T&C apply. - Acme".replace(sign, encoded)
    problems = explain(parse(registered), body)
    assert {problem.replacement for problem in problems if problem.found == encoded} <= {None}
    assert not isinstance(match(parse(registered), mend(body, problems)), Match)
    alone = "Hi Asha, T&C apply. - Acme"
    assert mend(alone.replace(sign, encoded), explain(parse(registered), alone.replace(sign, encoded))) == alone


def test_no_sentence_is_cut_in_its_middle() -> None:
    body = "Due on Monday 3 Aug. Sorry for the inconvenience. - A"
    assert [each.replacement for each in explain(parse("Due on {#var#}. - A"), body)] == [None]


VALUES_FOR_A_PERSON = {"unfilled_marker", "wrong_type", "missing_value"}


@pytest.mark.parametrize(("registered", "marked", "cause", "words"), MISMATCHES)
def test_the_suggested_change_makes_it_match(
    registered: str, marked: str, cause: str, words: tuple[str, ...]
) -> None:
    body = marked.replace("¦", "")
    problems = explain(parse(registered), body)
    mechanical = all(problem.replacement is not None for problem in problems)
    assert mechanical or cause in VALUES_FOR_A_PERSON
    assert isinstance(match(parse(registered), mend(body, problems)), Match) is mechanical
    assert words is not None


GREETING = "Dear {#var#}, thanks for shopping at {#var#}. Your bill is Rs. {#var#}. Visit again!"
SAID = [
    # what a person says of it, in the body's order
    (
        "{#var#} is your OTP for {#var#}. Do not share it.",
        "Your OTP for login is 482910. Do not share it.",
        ['"Your OTP for login" and "482910" are swapped.'],
        "482910 is your OTP for login. Do not share it.",
    ),
    (
        GREETING,
        "Dear Asha, thanks for shopping with Big Bazaar. Your bill is Rs. 500. Please visit again!",
        [
            '"with" should be "at" in "shopping with Big".',
            '"Please" is too much in "500. Please visit".',
            '"visit" should be "Visit" in "Please visit again!": upper and lower case differ.',
        ],
        "Dear Asha, thanks for shopping at Big Bazaar. Your bill is Rs. 500. Visit again!",
    ),
    (
        "Hi {#var#}, appointment with Dr. {#var#} is on {#var#}.",
        "Hi Asha, your appointment with Dr. Rao is on 5 May.",
        ['"your" is too much in "Asha, your appointment".'],
        "Hi Asha, appointment with Dr. Rao is on 5 May.",
    ),
    (
        "Valid for {#var#} minutes",
        "Valid for 10 mins",
        ['"mins" should be "minutes" at the end, in "10 mins".'],
        "Valid for 10 minutes",
    ),
    (
        "Your order {#var#} has been shipped and will arrive on {#var#}.",
        "Your order 17 has been dispatched and will arrive on Friday.",
        ['"dispatched" should be "shipped" in "been dispatched and".'],
        "Your order 17 has been shipped and will arrive on Friday.",
    ),
    (
        "{#var#} was absent from school on {#var#}.",
        "Ravi was kindly absent from school on 5 May.",
        ['"kindly" is too much in "was kindly absent".'],
        "Ravi was absent from school on 5 May.",
    ),
    (
        "Dear {#var#}, your order {#var#} has been shipped. It will arrive on {#var#}. Thank you! - Acme",
        "Hello Asha, your order 17 been shipped. It will arrive by 5 May. Thank you! - Acme",
        [
            '"Hello" should be "Dear" at the beginning, in "Hello Asha,".',
            '"has" is missing between "17" and "been".',
            '"by" should be "on" in "arrive by 5".',
        ],
        "Dear Asha, your order 17 has been shipped. It will arrive on 5 May. Thank you! - Acme",
    ),
    (
        "Thanks for shopping at {#var#}.",
        "Thanks for shopping Big Bazaar.",
        ['"at" is missing between "shopping" and "Big".'],
        "Thanks for shopping at Big Bazaar.",
    ),
    (
        "Enter {#var#} to verify.",
        "Code to verify.",
        ['"Enter" is missing at the beginning, before "Code".'],
        "Enter Code to verify.",
    ),
    (
        "Hello {#var#} {#var#}.",
        "Hello Asha.",
        ['Variable 2 ({#var#}) has no value between "Asha" and ".".'],
        None,
    ),
    (
        "Valid for {#var#} minutes",
        "Valid for minutes",
        ['Variable 1 ({#var#}) has no value between "for" and "minutes".'],
        None,
    ),
    (
        "Dear {#var#}. We open at 10. Call {#cbn#} for help. - Acme",
        "Dear Asha. Call 1800 123 for help. We open at 10. - Acme",
        [
            (
                'The sentences stand in another order: "Call 1800 123 for help. We open at 10." against'
                ' "We open at 10. Call {#cbn#} for help.".'
            )
        ],
        "Dear Asha. We open at 10. Call 1800 123 for help. - Acme",
    ),
    (
        "Last date {#var#} here. Please pay the bill.",
        "Last date {name} is here. Kindly pay the bill.",
        [
            'Variable 1 ({#var#}) was not filled in: the body still has the marker "{name}".',
            '"Kindly" should be "Please" in "here. Kindly pay".',
        ],
        None,
    ),
    (
        "Dear {#var#}, your OTP is {#var#}.",
        "Dear Asha, OTP your is 1234.",
        ['"OTP" and "your" are swapped.'],
        "Dear Asha, your OTP is 1234.",
    ),
]


@pytest.mark.parametrize(("registered", "body", "said", "mended"), SAID)
def test_it_is_said_as_a_person_would_say_it(registered: str, body: str, said: list[str], mended: str | None) -> None:
    problems = explain(parse(registered), body)
    assert [problem.explanation for problem in problems] == said
    assert mended is None or mend(body, problems) == mended
    assert (mended is None) is any(problem.replacement is None for problem in problems)


def states(monkeypatch: pytest.MonkeyPatch, registered: str, body: str) -> int:
    """The states that an explanation looks at, over all alignments that it tries; the same on every machine."""
    looked_at = 0

    def counted(*texts: Any, **bounds: Any) -> alignment.Alignment:
        nonlocal looked_at
        found = alignment.align(*texts, **bounds)
        looked_at += found.states
        return found

    monkeypatch.setattr(account, "align", counted)
    template = parse(registered)
    problems = explain(template, body)
    assert problems
    if all(problem.replacement is not None for problem in problems):
        assert isinstance(match(template, mend(body, problems)), Match)
    return looked_at


@pytest.mark.parametrize("marker", ["{#var#}", "{#num#}", "{#url#}", "{#cbn#}", "{#email#}", "%s", "%d"])
@pytest.mark.parametrize(
    ("between", "filling"),
    [(" ", "a "), ("a1", "a@a."), (" ", "www.a "), (". ", ". a"), (" a ", "ab cd "), ("", "x\n")],
)
def test_hostile_texts_cost_a_bounded_number_of_states(
    monkeypatch: pytest.MonkeyPatch, marker: str, between: str, filling: str
) -> None:
    registered = between.join([marker] * 30) + "!"
    assert states(monkeypatch, registered, (filling * 2000)[:2000]) <= alignment.MOST_STATES


@pytest.mark.parametrize("filling", ["{", "#", "[", "{#", "<>", "%s", "$a"])
def test_no_long_value_is_looked_through_for_a_marker(monkeypatch: pytest.MonkeyPatch, filling: str) -> None:
    """Each one is a piece longer than the last: of 2,000 brackets they have two million characters."""
    characters = 0

    def counted(value: str) -> bool:
        nonlocal characters
        characters += len(value)
        return is_marker(value)

    monkeypatch.setattr(costs, "is_marker", counted)
    assert explain(parse("Dear {#email#}, ok"), (filling * 2000)[:2000])
    assert characters <= 40_000


def test_words_in_disorder_cost_no_more_for_the_orders_that_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = (
        "Dear Student, the exam for {#alphanumeric#} will be held on {#var#} at {#var#}. "
        "Carry your hall ticket and ID card. Controller of Exams"
    )
    body = (
        "hall Dear will 14:45. be for of Gold on "
        "Carry held the card. and Aug Exams your 3 ticket exam Student, received plan Controller Monday at ID"
    )
    assert states(monkeypatch, registered, body) <= alignment.MOST_STATES


PARAGRAPH = "Dear {#var#}, your parcel number %s has reached our office at {#var#}. It will be kept until {#var#}. "
LONG = "".join(PARAGRAPH.replace("%s", f"{number} of ten") for number in range(10)) + "- Acme"


def test_a_long_text_with_thirty_variables_costs_few_states(monkeypatch: pytest.MonkeyPatch) -> None:
    body = render(parse(LONG), ["Asha", "Pune Camp", "5 May"] * 10)
    slips = (
        body.replace("parcel number 3", "parcels number 3").replace("7 of ten has", "7 of ten").replace("- ", "– ")
    )
    assert 800 < len(body) < 2000
    assert states(monkeypatch, LONG, slips) < 4000


def test_what_the_matcher_does_not_confirm_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Difference(Cause.SPACE, wanted=(0, 0), seen=(0, 0), replacement=" ")
    monkeypatch.setattr(account, "differences", lambda *_: [claim])
    (problem,) = explain(parse("Hi {#var#}!"), "Hi Asha")
    assert (problem.cause, problem.found, problem.expected) == (Cause.WORDING, "Hi Asha", "Hi {#var#}!")
    assert problem.replacement is None
