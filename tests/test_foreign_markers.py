"""Which texts hold a marker of another notation, and which only look as if they did."""

import re
import time

import pytest
from conftest import Shell

from exosms.sms.foreign_markers import Notation, find, shaped, unfilled
from exosms.templates import marker_flaws
from exosms.templates.marker_flaws import MarkerError

MARKERS = {
    Notation.HASHES: [
        "Dear ¦##name##¦ your otp is ¦##otp##¦ - ACME",
        "¦##var1##¦ is due",
        "Hi ¦##Customer Name##¦,",
        "Pay Rs.¦##AMT##¦ by ¦##due_date##¦",
        "नमस्ते ¦##नाम##¦",
        "¦##1##¦ is your code",
        "[Order ¦##order_id##¦] is here",
    ],
    Notation.BRACES: [
        "Hi ¦{{name}}¦,",
        "Hi ¦{{ name }}¦,",
        "¦{{1}}¦ is your code for ¦{{2}}¦",
        "Hi ¦{{contact.first_name}}¦",
        "¦{{ $labels.instance }}¦ is down",
        "Hi ¦{{name|default: 'you'}}¦",
    ],
    Notation.PERCENTS: [
        'Your OTP is ¦%%|OTP^{"inputtype" : "text", "maxlength" : "8"}%%¦.',
        "Hi ¦%%name%%¦,",
        "Rs.¦%%|amount%%¦ is due",
        "Hi ¦%%First Name%%¦",
        "¦%%|a^{}%%¦ and ¦%%|b^{}%%¦",
        "Hallo ¦%%vor-name%%¦",
    ],
    Notation.PARENTHESES: [
        "Hi ¦((name))¦,",
        "On ¦((appointment date))¦ at ¦((time))¦",
        "¦((Name))¦, hello",
        "Hi ¦(( name ))¦",
        "See you¦((late??, and be on time))¦",
        "¦((नाम))¦ जी",
    ],
    Notation.BRACKETS: [
        "Dear ¦[name]¦, your otp is ¦[otp]¦",
        "Dear ¦[First Name]¦,",
        "¦[OTP]¦ is your code",
        "Hi ¦[ customer_name ]¦",
        "Your ¦[city]¦ store",
        "Order ¦[ORDER_ID]¦ leaves on ¦[Date]¦",
        "नमस्ते ¦[नाम]¦",
    ],
    Notation.DOLLAR: [
        "Hi ¦$name¦,",
        "Hi ¦${name}¦",
        "¦$otp¦ is your code for ¦$app¦.",
        "Rs.¦$AMOUNT¦ is due",
        "Dear ¦$first_name¦",
        "Hi ¦${user.name}¦",
        "[Order ¦$order_id¦ of ¦$date¦] is here",
        "Hi <<¦$name¦>>, ##¦$otp¦##",
    ],
    Notation.PERCENT: [
        "Hi ¦%name%¦,",
        "¦%OTP%¦ is your code",
        "Rs¦%amount%¦ is due on ¦%due_date%¦",
        "Hi ¦%first-name%¦",
        "Hi ¦%user.name%¦!",
        "Hi ¦%(name)s¦, you are ¦%(number)d¦",
        "((Order ¦%order_id%¦)) is here",
    ],
    Notation.ANGLES: [
        "Dear ¦<name>¦, your otp is ¦<otp>¦",
        "Dear ¦<<Name>>¦,",
        "Dear ¦«Vorname»¦,",
        "Dear ¦<First Name>¦,",
        "Order ¦<order_id>¦ is here",
        "¦< amount >¦ is due",
        "Dear ¦&lt;name&gt;¦, ¦<%= amount %>¦ is due",
    ],
    Notation.STARS: ["Hi ¦*|FNAME|*¦,", "¦*| otp |*¦ is your code"],
    Notation.UNDERSCORES: ["Hi ¦__first_name__¦,", "¦__OTP__¦ is your code for ¦__order id__¦"],
    Notation.HASH: [
        "Dear ¦#VAR1#¦,",
        "Dear ¦#NAME#¦, your code is ¦#otp#¦",
        "Rs¦#AMT#¦ is due",
        "Dear ¦#Customer Name#¦,",
        "¦#var#¦ is your code",
        "Dear ¦#NUMERIC#¦",
        "Dear <¦#var#¦>",
    ],
    Notation.BRACE: [
        "Hi ¦{name}¦,",
        "¦{0}¦ is your code for ¦{1}¦",
        "Hi ¦{ name }¦",
        "eth0(¦{#IFALIAS}¦): down",
        "Hi ¦{ first name }¦",
        "Hi ¦{user.name}¦",
        "Hi ¦{नाम}¦",
        "[Order ¦{order_id}¦] is here, [¦{date}¦]",
        "<< <Order ¦{order_id}¦> >> is here",
    ],
    Notation.CROSSES: [
        "Dear ¦XXXX¦,",
        "Your OTP is ¦XXXX¦.",
        "Rs. ¦XXXXX¦ is due",
        "¦xxxx¦ is your code",
        "Call me, ¦XXXX¦!",
        "A/c ¦XXXX¦ was credited",
    ],
}

NO_MARKERS = [
    "It costs $5, or $5.99, $ 20, $1k and $1,000",
    "US$5, US$amount, 20$, $$$ and A$AP",
    "Pay $USD 50",
    "#1 in India, #2 in Asia, #100",
    "Use #sale #offer and #win",
    "#sale#offer#win",
    "#sale#offer#",
    "C# and F# and C#",
    "Dial *121# or *#06#",
    "##########",
    "## SALE ##",
    "### a ###",
    "Save 50% on tea and 20% on coffee",
    "Save 50%off and 20%off",
    "100%%",
    "100% cotton, 50%discount%",
    "%s and %d, %s%s, %d% off",
    "https://acme.in/?q=%E0%A4%A8%E0%A4%BE&b=caf%C3%A9",
    "[1] and [2/3], [12.5], [PROD] disk full",
    "[OK] all is well",
    "[Acme] your parcel is here",
    "[nginx] is down",
    "he said [sic]",
    "[ALERT] disk full",
    "(see (1)) and ((1+2))",
    ":)) and ((:",
    "(name) (otp)",
    "a < b > c, <b>bold</b>, <br>, <3, ->, <-",
    "{#var#} is {#numeric#} and {#alphanumeric#}, {#otp#}",
    "#numeric# #alphanumeric# #url# #urlott# #cbn# #email#",
    'a {"name": 1} and {a: 1}',
    "{} and {, a} and }{ and {{, a}}",
    '{"a":{"b":{"c":1}}}',
    "*|*, |*name*| and *bold*",
    "if __name__ == '__main__', __init__.py, my__name__, __name__x, ____ name ____",
    "a &lt; b &gt; c &amp; d &lt;b&gt;",
    "<<50%>> and <50%>",
    "A/c XXXX1234, XXXX 1234, XXXX-1234, 1234XXXX",
    "Card 4321 XXXX is blocked",
    "Card XXXX XXXX XXXX 1234 and 4321 XXXX XXXX 9876",
    "A/c XXXX{#var#} and XX1234 and *XXXX",
    "from account XXXX{#var#} for loan {#var#}, order #{#var#}, Rs.{#var#}/-, ({#var#}), card{#var#}",
    "[GSI-LEWS ALERT] {#var#}. {#var#} Call 1077.",
    "Track at https://acme.in/T/{#var#}?a=1&b=%20 #Acme @acme",
    "You've won 50% off! T&C* apply <3 & more [*T&C]",
    "A/c XXXX {#numeric#} was debited",
    "size XXXL, XXL, XXX and XX",
    "xxxx@acme.in and www.xxxx.in, 1800-XXXX",
    "Dear customer, Rs.500/- is due. Call 1800-123-456. T&C apply* - Acme",
    "",
]


@pytest.mark.parametrize("marked", [text for texts in MARKERS.values() for text in texts])
def test_a_marker_is_found_where_it_stands(marked: str) -> None:
    pieces = marked.split("¦")
    text = "".join(pieces)
    notation = next(notation for notation, texts in MARKERS.items() if marked in texts)
    found = find(text)
    assert [marker.text for marker in found] == pieces[1::2]
    assert [marker.notation for marker in found] == [notation] * len(found)
    assert [text[marker.start : marker.end] for marker in found] == pieces[1::2]
    assert [*shaped(text, found.__contains__)] == list(found)


@pytest.mark.parametrize("text", NO_MARKERS)
def test_what_only_looks_like_a_marker_is_none(text: str) -> None:
    assert list(find(text)) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{ Name }}", "Name"),
        ("[Acme]", "Acme"),
        ("((Mobile No.))", "Mobile No."),
        ("##Mobile No.##", "Mobile No."),
        ("#Mobile No.#", "Mobile No."),
        ("%city%", "city"),
        ("%(city)s", "city"),
        ("%%|city^{}%%", "city"),
        ("$city", "city"),
        ("${city}", "city"),
        ("<Name (EN)>", "Name (EN)"),
        ("{name}", "name"),
        ("{{name|default: 'you'}}", "name"),
        ("<%= name %>", "name"),
        ("&lt;Name (EN)&gt;", "Name (EN)"),
        ("*|FNAME|*", "FNAME"),
        ("__NAME__", "NAME"),
        ("[1]", "1"),
        ("XXXX", ""),
    ],
)
def test_the_name_inside_is_given_whatever_it_is(text: str, name: str) -> None:
    assert [marker.name for marker in shaped(text)] == [name]


@pytest.mark.parametrize(
    ("marked", "others"),
    [
        ("Hi [Order ¦{order}¦ of ¦$total¦] of [Acme]", ["[Order {order} of $total]", "[Acme]"]),
        ("Hi <Mr. ¦[name]¦>", ["<Mr. [name]>"]),
        ("((No. ¦#ID#¦?))", ["((No. #ID#?))"]),
        ("[¦{name}¦]", ["[{name}]"]),
        ("<[(¦{name}¦)]>", ["<[({name})]>"]),
        ("##a ¦%name%¦##", ["##a %name%##"]),
    ],
)
def test_what_only_looks_like_a_marker_may_hold_one(marked: str, others: list[str]) -> None:
    pieces = marked.split("¦")
    text = "".join(pieces)
    assert [marker.text for marker in find(text)] == pieces[1::2]
    assert [text[marker.start : marker.end] for marker in find(text)] == pieces[1::2]
    assert [marker.text for marker in shaped(text)] == others


UNFILLED = ["{#var#}", "{##}", "#numeric#", "#url#", *("##name##", "##1##"), "{{name}}", "{{ x.y }}"]
BROKEN = [
    *("{# var #}", "{ #var# }", "{#var}", "{var#}", "{#var #}", "{# var}", "{  #  var  }", "{var  # }"),
    *("{#var#", "#var#}", "{#var", "var#}", "{#Name#", "#Name#}", "{#URL", "{#numeric}", "{alphanumeric#}"),
    *("{#VAR_1}", "{#alpha numeric#}", "{#First Name}", "{Order No.1#}", "{#नाम}", "{#\N{NO-BREAK SPACE}var#}"),
]


@pytest.mark.parametrize("marker", UNFILLED + BROKEN)
def test_what_no_text_has_on_purpose_never_leaves(exosms: Shell, marker: str) -> None:
    found = unfilled(f"Dear {marker}, bye")
    assert found is not None
    assert (found.text, found.start, found.end) == (marker, 5, 5 + len(marker))
    send = ("send", "--region", "sandbox", "--to", "9876543210", "--from", "ACMEIN")
    result = exosms(*send, "--body", f"Dear {marker}, bye")
    assert (result.exit_code, result.stdout[:9]) == (3, "rejected\t")
    assert result.stderr.endswith(
        f"exosms: error: The text still has the marker {marker} at offset 5\n"
        "  Replace it with its value before sending.\n"
    )


@pytest.mark.parametrize("marker", BROKEN)
def test_what_is_refused_in_a_text_is_refused_in_a_registered_one(marker: str) -> None:
    with pytest.raises(MarkerError):
        marker_flaws.check(f"Dear {marker}, bye")


SIGNS = [
    "${#name} and ${#NAME} are a shell's, #{name} a Ruby's",
    "eth0({#IFALIAS}), {#SNMP.INDEX_1}: down",
    "{C#} and {F#} and [C#]",
    "{#1} and {# 12}, {1#}, {#}, {#,",
    "f() {\n  # restart\n}",
    "a{color:#fff} {a: #b}",
    '{"#": 1, "a#": "#"}',
]


@pytest.mark.parametrize("text", [*NO_MARKERS, *SIGNS, *MARKERS[Notation.BRACKETS], *MARKERS[Notation.PERCENT]])
def test_what_may_be_meant_is_not_unfilled(text: str) -> None:
    own = re.search(r"\{?#[a-z]+#\}?", text)
    found = unfilled(text)
    assert found is None or (own and found.text == own[0])


@pytest.mark.parametrize(
    "unit",
    [
        "{{a",
        "[a ",
        "##a",
        "%a-",
        "((a",
        "X",
        "X ",
        "$a",
        "<a",
        "#a ",
        "a ",
        "%a",
        "%%a ",
        "((a??",
        "«a",
        "{ a",
        "$a.",
        "{#a ",
        "{#",
        "{a ",
        "#a#",
        "var",
        "*|a",
        "__a ",
        "&lt;a",
    ],
)
def test_the_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = "[" + unit * (size // len(unit))
        begun = time.process_time()
        assert len(find(text)) < size
        unfilled(text)
        return time.process_time() - begun

    seconds(100)
    assert min(seconds(64_000) for _ in range(3)) < 100 * max(min(seconds(4_000) for _ in range(3)), 0.0005)
