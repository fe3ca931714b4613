"""The catalogue knows every documented code, agrees with itself, and tells a person what to do."""

import re
import subprocess
import sys

import pytest

from exosms.codes import lookup
from exosms.codes.entry import Charged, CodeEntry, Family, Who
from exosms.sms.message import Outcome, Retry

ACCEPTED, REJECTED, NOT_SENT, UNKNOWN = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.NOT_SENT, Outcome.UNKNOWN
PENDING, DELIVERED, FAILED = Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED

HTTP = {
    200: ("OK", ACCEPTED),
    400: ("Bad Request", REJECTED),
    401: ("Unauthorized", NOT_SENT),
    402: ("Payment Required", NOT_SENT),
    403: ("Forbidden", NOT_SENT),
    404: ("Not Found", REJECTED),
    405: ("Method Not Allowed", REJECTED),
    407: ("Proxy Authentication Required", NOT_SENT),
    408: ("Request Timeout", UNKNOWN),
    409: ("Conflict", UNKNOWN),
    413: ("Content Too Large", REJECTED),
    414: ("URI Too Long", REJECTED),
    422: ("Unprocessable Content", REJECTED),
    429: ("Too Many Requests", NOT_SENT),
    500: ("Internal Server Error", UNKNOWN),
    502: ("Bad Gateway", UNKNOWN),
    503: ("Service Unavailable", UNKNOWN),
    504: ("Gateway Timeout", UNKNOWN),
}

HTTP_RANGES = [
    (100, "1xx", UNKNOWN),
    (199, "1xx", UNKNOWN),
    (201, "2xx", ACCEPTED),
    (202, "2xx", ACCEPTED),
    (207, "2xx", ACCEPTED),
    (299, "2xx", ACCEPTED),
    (300, "3xx", NOT_SENT),
    (307, "3xx", NOT_SENT),
    (399, "3xx", NOT_SENT),
    (406, "4xx", REJECTED),
    (418, "4xx", REJECTED),
    (499, "4xx", REJECTED),
    (501, "5xx", UNKNOWN),
    (599, "5xx", UNKNOWN),
    (600, "5xx", UNKNOWN),
    (999, "5xx", UNKNOWN),
    (0, "5xx", UNKNOWN),
]

EXOTEL = {
    34001: (400, REJECTED),
    34009: (403, NOT_SENT),
    34010: (401, NOT_SENT),
    35000: (500, UNKNOWN),
    40000: (403, NOT_SENT),
    40001: (403, NOT_SENT),
    40002: (403, NOT_SENT),
    40003: (403, REJECTED),
    40100: (500, UNKNOWN),
    40200: (400, REJECTED),
    40201: (400, REJECTED),
    40202: (400, REJECTED),
    40203: (400, REJECTED),
    40204: (400, REJECTED),
    40205: (400, REJECTED),
    40206: (400, REJECTED),
    40207: (400, REJECTED),
    40208: (400, REJECTED),
    40209: (400, REJECTED),
    40210: (400, REJECTED),
    40300: (400, REJECTED),
    40301: (400, REJECTED),
    40400: (400, REJECTED),
    40402: (429, NOT_SENT),
    40403: (429, NOT_SENT),
    40404: (429, NOT_SENT),
    40405: (503, NOT_SENT),
    40406: (400, REJECTED),
    40500: (400, REJECTED),
    40501: (400, REJECTED),
    40502: (405, REJECTED),
    340030: (403, REJECTED),
}

DELIVERY = {
    20005: ("DELIVERED_TO_HANDSET", DELIVERED, Retry.NO),
    20006: ("DELIVERED_TO_OPERATOR", DELIVERED, Retry.NO),
    21010: ("PENDING_TO_OPERATOR", PENDING, Retry.NO),
    21015: ("SENDING_TO_OPERATOR", PENDING, Retry.NO),
    21020: ("PENDING_ON_OPERATOR", PENDING, Retry.NO),
    23005: ("FAILED_REJECTED_DND", FAILED, Retry.NO),
    23010: ("FAILED_INVALID_DESTINATION_NUMBER", FAILED, Retry.NO),
    23015: ("FAILED_SPAM_DETECTED", FAILED, Retry.NO),
    23020: ("FAILED_REJECTED_BLACKLIST", FAILED, Retry.NO),
    23030: ("FAILED_UNAVAILABLE_ROUTE", FAILED, Retry.DECIDE),
    23035: ("FAILED_SUBSCRIBER_UNAVAILABLE", FAILED, Retry.DECIDE),
    23040: ("FAILED_SUBSCRIBER_UNKNOWN", FAILED, Retry.NO),
    23050: ("FAILED_EXPIRED", FAILED, Retry.DECIDE),
    23060: ("FAILED_REJECTED", FAILED, Retry.DECIDE),
    23070: ("FAILED_INVALID_MESSAGE", FAILED, Retry.NO),
    23072: ("FAILED_INVALID_SENDER_ID", FAILED, Retry.NO),
    23080: ("SENDER_BLOCKED_BY_DLT", FAILED, Retry.NO),
    23081: ("ENTITY_BLOCKED_BY_DLT", FAILED, Retry.NO),
    23082: ("TEMPLATE_BLOCKED_BY_DLT", FAILED, Retry.NO),
    23083: ("FAILED_DLT_SCRUBBING_ERROR", FAILED, Retry.NO),
    23084: ("FAILED_DLT_CONSENT_ERROR", FAILED, Retry.NO),
    23181: ("DLT_TEMPLATE_ID_INVALID", FAILED, Retry.NO),
    23182: ("DLT_TEMPLATE_NOT_FOUND", FAILED, Retry.NO),
    23183: ("DLT_TEMPLATE_ID_INACTIVE", FAILED, Retry.NO),
    23184: ("DLT_TEMPLATE_ID_BLACKLISTED", FAILED, Retry.NO),
    23185: ("DLT_TEMPLATE_DOES_NOT_MATCH", FAILED, Retry.NO),
    23186: ("DLT_LENGTH_EXCEEDED", FAILED, Retry.NO),
    23281: ("DLT_ENTITY_NOT_FOUND", FAILED, Retry.NO),
    24010: ("FAILED_SYSTEM_ERROR", FAILED, Retry.DECIDE),
    24105: ("FAILED_HANDSET_ERROR", FAILED, Retry.DECIDE),
    24110: ("FAILED_OPERATOR_ERROR", FAILED, Retry.DECIDE),
    24120: ("FAILED_SUBSCRIBER_ERROR", FAILED, Retry.DECIDE),
    24990: ("FAILED_UNKNOWN_ERROR", FAILED, Retry.DECIDE),
}

DELIVERY_RANGES = [
    (20000, "20xxx", DELIVERED, Retry.NO),
    (20999, "20xxx", DELIVERED, Retry.NO),
    (21000, "21xxx", PENDING, Retry.NO),
    (21999, "21xxx", PENDING, Retry.NO),
    (22500, "2xxxx", PENDING, Retry.NO),
    (23000, "23xxx", FAILED, Retry.DECIDE),
    (23999, "23xxx", FAILED, Retry.DECIDE),
    (24000, "24xxx", FAILED, Retry.DECIDE),
    (24999, "24xxx", FAILED, Retry.DECIDE),
    (25000, "2xxxx", PENDING, Retry.NO),
    (0, "2xxxx", PENDING, Retry.NO),
]

OPERATOR = [
    *((code, "600–604", "Entity") for code in range(600, 605)),
    (605, "605", "Entity not with this telemarketer"),
    *((code, "610–613", "Telemarketer") for code in range(610, 614)),
    *((code, "614–618", "Telemarketer chain") for code in range(614, 619)),
    *((code, "620–625", "Header") for code in range(620, 626)),
    *((code, "630–637", "Template (any other)") for code in (630, 631, 632, 634, 636, 637)),
    (633, "633", "Template not matched"),
    (635, "635", "Variable too long"),
    (642, "642", "Address not whitelisted"),
    (650, "650", "Preference"),
    (651, "651", "Outside hours"),
    (660, "660", "Consent"),
    (670, "670", "Scrubbing"),
]

COMMANDS = {
    "send": {"--dry-run"},
    "bulk": {"--batch"},
    "runs list": set(),
    "runs show": set(),
    "runs resume": set(),
    "runs retry": set(),
    "runs resolve": {"--as", "--once"},
    "runs reconcile": {"--report"},
    "runs export": set(),
    "runs purge": set(),
    "log": set(),
    "check-template": {"-t", "-b"},
    "template list": set(),
    "template show": set(),
    "template import": set(),
    "template lint": set(),
    "status": {"--wait"},
    "codes": set(),
    "profile add": set(),
    "profile show": set(),
    "profile test": set(),
    "sandbox": set(),
    "doctor": {"--try-regions"},
}
BARE_OPTIONS = {
    "--rate",
    "--type",
    "--from",
    "--encoding",
    "--dlt-entity-id",
    "--fit",
    "--batch",
    "--once",
    "--as",
}

EVERYTHING = lookup.everything()
every_entry = pytest.mark.parametrize("entry", EVERYTHING, ids=lambda entry: f"{entry.family}-{entry.label}")


def texts(entry: CodeEntry) -> tuple[str, ...]:
    return entry.name, entry.meaning, *entry.causes, entry.remedy


@pytest.mark.parametrize(("status", "name", "outcome"), [(s, *rest) for s, rest in HTTP.items()])
def test_every_documented_http_status_has_its_own_entry(status: int, name: str, outcome: Outcome) -> None:
    entry = lookup.http(status)
    assert (entry.family, entry.label, entry.name) == (Family.HTTP, str(status), name)
    assert entry.outcome is outcome


@pytest.mark.parametrize(("status", "label", "outcome"), HTTP_RANGES)
def test_any_other_http_status_is_classed_by_its_range(status: int, label: str, outcome: Outcome) -> None:
    entry = lookup.http(status)
    assert (entry.label, entry.outcome) == (label, outcome)


def test_http_is_total_and_only_2xx_counts_as_accepted() -> None:
    accepted = [status for status in range(100, 600) if lookup.http(status).outcome is ACCEPTED]
    assert accepted == list(range(200, 300))


@pytest.mark.parametrize(("code", "status", "outcome"), [(c, *rest) for c, rest in EXOTEL.items()])
def test_every_documented_exotel_code_is_known(code: int, status: int, outcome: Outcome) -> None:
    entry = lookup.exotel(code)
    assert entry is not None
    assert (entry.family, entry.label, entry.http_status) == (Family.EXOTEL, str(code), status)
    assert entry.outcome is outcome


@pytest.mark.parametrize("code", [0, 400, 40004, 20005, 340031])
def test_an_unknown_exotel_code_is_not_guessed(code: int) -> None:
    assert lookup.exotel(code) is None


@pytest.mark.parametrize(("code", "name", "outcome", "retry"), [(c, *rest) for c, rest in DELIVERY.items()])
def test_every_documented_delivery_code_is_known(code: int, name: str, outcome: Outcome, retry: Retry) -> None:
    entry = lookup.delivery(code)
    assert (entry.family, entry.label, entry.name) == (Family.DELIVERY, str(code), name)
    assert (entry.outcome, entry.retry) == (outcome, retry)


@pytest.mark.parametrize(("code", "label", "outcome", "retry"), DELIVERY_RANGES)
def test_a_new_delivery_code_is_classed_by_its_range_and_says_that_it_is_new(
    code: int, label: str, outcome: Outcome, retry: Retry
) -> None:
    entry = lookup.delivery(code)
    assert (entry.label, entry.outcome, entry.retry) == (label, outcome, retry)
    assert "version of exosms does not know" in entry.meaning


def test_delivery_is_total_and_never_answers_outside_pending_delivered_failed() -> None:
    outcomes = {code // 1000: set[Outcome | None]() for code in range(20000, 25000, 1000)}
    for code in range(20000, 25000):
        outcomes[code // 1000].add(lookup.delivery(code).outcome)
    assert outcomes == {20: {DELIVERED}, 21: {PENDING}, 22: {PENDING}, 23: {FAILED}, 24: {FAILED}}


@pytest.mark.parametrize(("code", "label", "name"), OPERATOR)
def test_every_operator_code_is_found_by_its_closest_entry(code: int, label: str, name: str) -> None:
    (entry,) = lookup.find(code)
    assert (entry.family, entry.label, entry.name) == (Family.OPERATOR, label, name)
    assert entry.outcome is None


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (403, ["http 403"]),
        (418, ["http 4xx"]),
        (207, ["http 2xx"]),
        (40001, ["exotel 40001"]),
        (340030, ["exotel 340030"]),
        (23005, ["delivery 23005"]),
        (23999, ["delivery 23xxx"]),
        (22222, ["delivery 2xxxx"]),
        (99, []),
        (605, ["operator 605"]),
        (999, []),
        (19999, []),
        (30000, []),
        (40999, []),
        (-1, []),
    ],
)
def test_find_looks_through_every_family_and_invents_nothing(code: int, found: list[str]) -> None:
    assert [f"{entry.family} {entry.label}" for entry in lookup.find(code)] == found


def test_every_entry_of_the_tables_can_be_found_by_its_own_code() -> None:
    lost = [entry for entry in EVERYTHING if entry.last is None and entry not in lookup.find(entry.code)]
    assert lost == []


def test_the_tables_hold_what_is_documented_and_nothing_else() -> None:
    single = {family: {e.code for e in EVERYTHING if e.family is family and e.last is None} for family in Family}
    assert single == {
        Family.HTTP: set(HTTP),
        Family.EXOTEL: set(EXOTEL),
        Family.DELIVERY: set(DELIVERY),
        Family.OPERATOR: {605, 633, 635, 642, 650, 651, 660, 670},
    }
    assert len(EVERYTHING) == len({(entry.family, entry.label) for entry in EVERYTHING})


@every_entry
def test_only_what_was_certainly_not_taken_is_safe_to_send_again(entry: CodeEntry) -> None:
    expected = {
        ACCEPTED: {Retry.NO},
        REJECTED: {Retry.NO},
        NOT_SENT: {Retry.SAFE},
        UNKNOWN: {Retry.DECIDE},
        PENDING: {Retry.NO},
        DELIVERED: {Retry.NO},
        FAILED: {Retry.NO, Retry.DECIDE},
        None: {Retry.NO, Retry.DECIDE},
    }
    assert entry.retry in expected[entry.outcome]


@every_entry
def test_free_of_charge_is_promised_only_where_no_message_came_into_being(entry: CodeEntry) -> None:
    assert (entry.charged is Charged.NO) == (entry.outcome in {REJECTED, NOT_SENT})
    assert ("nothing to charge" in entry.charged.reason) == (entry.charged is Charged.NO)


@every_entry
def test_who_must_act_is_nobody_only_if_nothing_went_wrong(entry: CodeEntry) -> None:
    assert (entry.who is Who.NOBODY) == (entry.outcome in {ACCEPTED, PENDING, DELIVERED})


@every_entry
def test_accepted_and_pending_are_never_called_sent_or_delivered(entry: CodeEntry) -> None:
    if entry.outcome in {ACCEPTED, PENDING}:
        assert not re.search(r"\b(sent|delivered)\b", " ".join(texts(entry)), re.IGNORECASE)


@every_entry
def test_the_remedy_suits_the_outcome(entry: CodeEntry) -> None:
    if entry.outcome is UNKNOWN:
        assert entry.remedy.startswith("Do not send again yet")
    if entry.outcome is PENDING:
        assert "Do not send it a second time" in entry.remedy
    if entry.outcome is NOT_SENT:
        assert re.search(r"\b(send|ask) again\b", entry.remedy)
    if entry.outcome in {REJECTED, ACCEPTED, DELIVERED}:
        assert not re.search(r"\bsend (it )?again\b|\bwait\b", entry.remedy, re.IGNORECASE)


@pytest.mark.parametrize("entry", [lookup.http(401), lookup.exotel(34010)])
def test_every_explanation_of_a_401_mentions_the_region(entry: CodeEntry) -> None:
    assert "region" in entry.meaning
    assert any("region" in cause for cause in entry.causes)
    assert "region" in entry.remedy


def test_a_403_names_several_possible_causes_and_claims_none() -> None:
    entry = lookup.http(403)
    for word in ("balance", "not active", "validity", "trial", "country", "SID"):
        assert any(word in cause for cause in entry.causes)
        assert word not in entry.meaning


def test_the_trial_limit_does_not_advise_to_wait() -> None:
    entry = lookup.exotel(40404)
    assert entry is not None
    assert not entry.remedy.startswith("Wait")


@every_entry
def test_texts_are_plain_short_sentences(entry: CodeEntry) -> None:
    for text in texts(entry):
        assert text == " ".join(text.split())
        assert not re.search(r"[\[\]<>{}*_]{2}|\[|\]|\\", text)
        assert text.count("`") % 2 == 0
    assert len(entry.name) <= 34
    assert re.fullmatch(r"[A-Z][^.]*\.", entry.meaning)
    assert len(entry.meaning) <= 140
    assert re.fullmatch(r"[A-Z].*\.", entry.remedy)
    assert len(entry.remedy) <= 320
    for cause in entry.causes:
        assert re.fullmatch(r"[a-z].*[^.]", cause)
        assert len(cause) <= 100
    assert len(set(entry.causes)) == len(entry.causes)


@every_entry
def test_causes_are_things_that_may_be_not_statements(entry: CodeEntry) -> None:
    for cause in entry.causes:
        assert re.match(r"(a|an|the|too|no|many|other|several|words|complaints|congestion|characters|if)\b", cause)


@every_entry
def test_the_remedy_does_not_repeat_the_meaning(entry: CodeEntry) -> None:
    meaning, remedy = (re.findall(r"[a-z]+", text.lower()) for text in (entry.meaning, entry.remedy))
    phrases = {tuple(meaning[at : at + 6]) for at in range(len(meaning) - 5)}
    assert not [at for at in range(len(remedy)) if tuple(remedy[at : at + 6]) in phrases]


@every_entry
def test_every_command_and_option_named_is_one_that_exists(entry: CodeEntry) -> None:
    for span in re.findall(r"`([^`]*)`", entry.remedy):
        words = span.split()
        options = {word for word in words if word.startswith("-")}
        if words[0] == "exosms":
            command = next(c for n in (2, 1) if (c := " ".join(words[1 : 1 + n])) in COMMANDS)
            assert options <= COMMANDS[command]
        elif options:
            assert options <= BARE_OPTIONS
    outside = re.sub(r"`[^`]*`", "", " ".join(texts(entry)))
    assert "--" not in outside
    assert not re.search(r"exosms (send|bulk|runs|log|check|template|status|codes|profile|doctor)\b", outside)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("queued", None, PENDING),
        ("sending", 21015, PENDING),
        ("submitted", 21020, PENDING),
        ("sent", None, DELIVERED),
        ("sent", 20005, DELIVERED),
        ("sent", 20006, DELIVERED),
        ("failed", None, FAILED),
        ("failed", 23035, FAILED),
        ("failed_dnd", 23005, FAILED),
        ("failed-dnd", None, FAILED),
        (" Failed-DND ", None, FAILED),
        ("SENT", None, DELIVERED),
        # the word lags behind the code, or the code behind the word: the final one counts
        ("queued", 20005, DELIVERED),
        ("submitted", 23185, FAILED),
        ("sent", 21010, DELIVERED),
        ("failed", 21020, FAILED),
        # both are final and contradict each other
        ("sent", 23005, FAILED),
        ("failed", 20005, FAILED),
        # only one of them is known
        ("sent", 22001, DELIVERED),
        ("failed", 633, FAILED),
        ("sent", 0, DELIVERED),
        ("teleported", 20005, DELIVERED),
        ("teleported", 24990, FAILED),
        (None, 20777, DELIVERED),
        (None, 23777, FAILED),
        ("", 21010, PENDING),
        # nothing is known, so nothing is settled
        ("teleported", None, PENDING),
        ("", 633, PENDING),
        (None, 22001, PENDING),
        (None, None, PENDING),
    ],
)
def test_word_and_code_together_tell_what_became_of_a_message(
    status: str | None, code: int | None, outcome: Outcome
) -> None:
    assert lookup.outcome_of_delivery(status, code) is outcome


def test_the_catalogue_loads_without_anything_heavy() -> None:
    heavy = "httpx httpcore rich typer sqlite3 csv json xml asyncio ssl phonenumbers platformdirs"
    probe = f"import sys, exosms.codes.lookup; print(*sorted(sys.modules.keys() & set({heavy.split()})))"
    ran = subprocess.run([sys.executable, "-c", probe], env={}, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
