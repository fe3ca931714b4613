"""What people did to registered texts is told as they would, and no text is offered that is wrong at sight."""

import pytest
from conftest import Shell

SHIP = "Dear {#var#}, your order {#var#} has been shipped and will arrive by {#var#}. Track it at {#var#}. - ACME"
PAY = (
    "Dear {#var#}, your payment of Rs. {#var#} towards your ACME loan account {#var#} on {#var#}."
    " If not done, call us. - ACME"
)
HINDI = "प्रिय {#var#}, आपका ऑर्डर {#var#} भेज दिया गया है। - ACME"
SHIPPED = "Dear Asha, your order A1 has been shipped and will arrive by 1 Dec. Track it at https://a.in/x. - ACME\n"
PAID = (
    "Dear Asha, your payment of Rs. 500 towards your ACME loan account 1234 on 1 Dec. If not done, call us. - ACME\n"
)
SENT = "प्रिय आशा, आपका ऑर्डर A1 भेज दिया गया है। - ACME\n"

# What was done; the registered text; the body; every line of the answer; what --fix offers.
TOLD: dict[str, tuple[str, str, list[str], str]] = {
    "a value takes in what is missing before it": (
        "Fees of Rs. {#var#} for {#var#} have been received with thanks. Acme Academy",
        "Fees of received Rs. 500 Asha have been received with thanks. Acme Academy",
        [
            ('mismatch\t\t8\tliteral\t"Rs." is missing between "of" and "received". Write "Rs. " as registered.'),
            ('mismatch\t\t17\tliteral\t"for" is missing between "received" and "Rs.". Write "for " as registered.'),
        ],
        "",
    ),
    "a sentence with a value is missing": (
        SHIP,
        "Dear Asha, your order A1 has been shipped and will arrive by 1 Dec. - ACME",
        [
            (
                'mismatch\t\t68\tliteral\tThe sentence "Track it at {#var#}." is missing after "Dec.". Write "Track'
                ' it at {#var#}. " as registered.'
            ),
        ],
        "",
    ),
    "two words are too much before a value": (
        SHIP,
        (
            "Dear Asha, your order A1 has been shipped and will arrive on"
            " or by 1 Dec. Track it at https://a.in/x. - ACME"
        ),
        [
            ('mismatch\t\t58\tliteral\t"on or" is too much in "arrive on or by". Remove "on or " at offset 58.'),
        ],
        SHIPPED,
    ),
    "two halves are swapped": (
        SHIP,
        ("Dear Asha, your order A1 will arrive by 1 Dec and has been shipped. Track it at https://a.in/x. - ACME"),
        [
            (
                'mismatch\t\t0\tliteral\t"will arrive by 1 Dec" and "has been shipped" are swapped. Replace "Dear'
                ' Asha, your order A1 will arrive by  … as been shipped" with "Dear Asha, your order A1 has'
                ' been shippe … arrive by 1 Dec" at offset 0.'
            ),
        ],
        SHIPPED,
    ),
    "a value stands before its word": (
        HINDI,
        "प्रिय आशा, आपका A1 ऑर्डर भेज दिया गया है। - ACME",
        [
            (
                'mismatch\t\t16\tliteral\t"A1" and "ऑर्डर" are swapped. Replace "A1 ऑर्डर " with "ऑर्डर A1 " at'
                " offset 16."
            ),
        ],
        SENT,
    ),
    "an abbreviation with a slash": (
        PAY,
        ("Dear Asha, your payment of Rs. 500 towards your ACME loan a/c 1234 on 1 Dec. If not done, call us. - ACME"),
        [
            (
                'mismatch\t\t58\tliteral\t"a/c" should be "account" in "loan a/c 1234". Replace "a/c" with'
                ' "account" at offset 58.'
            ),
        ],
        PAID,
    ),
    "a part stands too early": (
        PAY,
        (
            "Dear Asha, your payment of Rs. 500 on 1 Dec towards your ACM"
            "E loan account 1234. If not done, call us. - ACME"
        ),
        [
            (
                'mismatch\t\t0\tliteral\t"on 1 Dec" stands too early: it belongs behind "1234". Replace "Dear Asha,'
                ' your payment of Rs. 500 on 1  … an account 1234" with "Dear Asha, your payment of Rs. 500'
                ' towar … t 1234 on 1 Dec" at offset 0.'
            ),
        ],
        PAID,
    ),
    "other words, and more": (
        SHIP,
        "Dear Asha, your order A1 is shipped and will arrive by 1 Dec. Track it at https://a.in/x. - ACME",
        [
            (
                'mismatch\t\t25\tliteral\t"is" should be "has been" in "A1 is shipped". Replace "is" with "has'
                ' been" at offset 25.'
            ),
        ],
        SHIPPED,
    ),
    "one word for two inside": (
        "Dear {#var#}, Thank you for shopping at {#var#}. - ACME",
        "Dear Asha, Thanks for shopping at Pune. - ACME",
        [
            (
                'mismatch\t\t11\tliteral\t"Thanks" should be "Thank you" in "Asha, Thanks for". Replace "Thanks"'
                ' with "Thank you" at offset 11.'
            ),
        ],
        "Dear Asha, Thank you for shopping at Pune. - ACME\n",
    ),
    "one word for two at the beginning": (
        "Thank you for your order {#var#}. - ACME",
        "Thanks for your order 12. - ACME",
        [
            (
                'mismatch\t\t0\tliteral\t"Thanks" should be "Thank you" at the beginning, in "Thanks for". Replace'
                ' "Thanks" with "Thank you" at offset 0.'
            ),
        ],
        "Thank you for your order 12. - ACME\n",
    ),
    "two words written as one": (
        "{#var#} is your OTP to log in to ACME.",
        "1234 is your OTP to login to ACME.",
        [
            ('mismatch\t\t23\tliteral\t"login" should be "log in". Insert a space at offset 23.'),
        ],
        "1234 is your OTP to log in to ACME.\n",
    ),
    "the dash before the name is missing": (
        SHIP,
        ("Dear Asha, your order A1 has been shipped and will arrive by 1 Dec. Track it at https://a.in/x. ACME"),
        [
            ('mismatch\t\t96\tliteral\t"- " is missing before "ACME". Insert "- " at offset 96.'),
        ],
        SHIPPED,
    ),
    "exclamation marks and a space too many": (
        PAY,
        (
            "Dear Asha, your payment of Rs. 500 towards your ACME loan ac"
            "count 1234 on 1 Dec. If not done, call us!!  - ACME"
        ),
        [
            (
                'mismatch\t\t101\tliteral\t"!!" should be "." after "us", and one space too many. Replace "!! "'
                ' with "." at offset 101.'
            ),
        ],
        PAID,
    ),
    "another vowel sign": (
        HINDI,
        "प्रिय आशा, आपका ऑर्डर A1 भेज दिया गया हैं। - ACME",
        [
            ('mismatch\t\t38\tliteral\t"हैं" should be "है" in "गया हैं। -". Replace "हैं" with "है" at offset 38.'),
        ],
        SENT,
    ),
    "a value is too long, with a space where it is cut": (
        PAY,
        (
            "Dear Venkata Narasimha Rajuvarip  tai, your payment of Rs. 5"
            "00 towards your ACME loan account 1234 on 1 Dec. If not done, call us. - ACME"
        ),
        [
            (
                'mismatch\t\t5\tlength\tVariable 1 ({#var#}) is too long: "Venkata Narasimha Rajuvarip  tai" has 32'
                ' characters, but only 30 fit: 2 too many. Cut the value to "Venkata Narasimha Rajuvarip  t";'
                " `--fit` of send and bulk does that."
            ),
        ],
        (
            "Dear Venkata Narasimha Rajuvarip  t, your payment of Rs. 500"
            " towards your ACME loan account 1234 on 1 Dec. If not done, call us. - ACME\n"
        ),
    ),
    "in capitals": (
        PAY,
        (
            "DEAR ASHA, YOUR PAYMENT OF RS. 500 TOWARDS YOUR ACME LOAN AC"
            "COUNT 1234 ON 1 DEC. IF NOT DONE, CALL US. - ACME"
        ),
        [
            (
                "mismatch\t\t0\tliteral\tThe text is in capitals; the registered one is not. Write its fixed words"
                " in the letters of the registered text."
            ),
        ],
        (
            "Dear ASHA, your payment of Rs. 500 towards your ACME loan ac"
            "count 1234 on 1 DEC. If not done, call us. - ACME\n"
        ),
    ),
    "a whole clause in other words": (
        SHIP,
        "Dear Asha, your order A1 has shipped, arriving 1 Dec. Track it at https://a.in/x. - ACME",
        [
            ('mismatch\t\t29\tliteral\t"been" is missing between "has" and "shipped,". Insert "been " at offset 29.'),
            (
                'mismatch\t\t36\tliteral\t", arriving" should be "and will arrive by" in "has shipped, arriving 1".'
                ' Replace ", arriving" with " and will arrive by" at offset 36.'
            ),
        ],
        SHIPPED,
    ),
}


@pytest.mark.parametrize(("registered", "body", "told", "fixed"), TOLD.values(), ids=TOLD)
def test_it_is_told_as_a_person_would(exosms: Shell, registered: str, body: str, told: list[str], fixed: str) -> None:
    result = exosms("check-template", "--text", registered, "--body", body)
    assert (result.exit_code, result.stdout.splitlines(), result.stderr) == (3, told, "")
    offered = exosms("check-template", "--fix", "--text", registered, "--body", body)
    assert (offered.exit_code, offered.stdout) == (3, fixed)
