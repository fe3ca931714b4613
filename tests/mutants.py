"""Exosms with one thing wrong, and the tests that have to notice.

A mutant is a copy of the package in which one piece of text is another. It is caught if one of its tests fails; an
import that fails, or a test that is not there, catches nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "exosms"
_FAILED = 1
"""pytest's exit code where tests ran and one failed."""


@dataclass(frozen=True)
class Mutant:
    """One thing wrong, in one file."""

    name: str
    file: str
    old: str
    """It occurs once in the file."""
    new: str
    tests: tuple[str, ...]

    @property
    def source(self) -> str:
        """The file as it should be."""
        return (PACKAGE / self.file).read_text()


def is_caught(mutant: Mutant) -> bool:
    """Run the tests that have to notice; raises RuntimeError if they cannot run."""
    source = mutant.source
    if source.count(mutant.old) != 1:
        raise RuntimeError(f"{mutant.name}: {mutant.file} holds {mutant.old!r} {source.count(mutant.old)} times")
    return bool(_failure(mutant.tests, {mutant.file: source.replace(mutant.old, mutant.new)}))


def noticed_without(mutants: Iterable[Mutant]) -> str:
    """Return what the tests of all these mutants notice with nothing wrong, which has to be nothing."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    return _failure(tests, {}) and _failure(tests, {})  # twice: what a busy machine made fail once is no flaw


def _failure(tests: Sequence[str], changed: dict[str, str]) -> str:
    """Run tests against a copy of the package, which stands first where Python looks; return the end of a failure."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / PACKAGE.name
        shutil.copytree(PACKAGE, copy)
        for file, source in changed.items():
            (copy / file).write_text(source)
        argv = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-c",
            str(TESTS.parent / "pyproject.toml"),
        ]
        # Neither measured nor compiled: what is written for a file of one moment and size serves the next. Without
        # plugins, which no such test needs, it takes two thirds of the time.
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_", "PYTEST_"))
        }
        ran = subprocess.run(
            [*argv, *(str(TESTS / test) for test in tests)],
            cwd=directory,
            env={**kept, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = ran.stdout.decode()[-2000:]
    if ran.returncode not in {0, _FAILED}:
        raise RuntimeError(f"pytest ended with {ran.returncode}: {said}")
    return said if ran.returncode else ""


def _classifier(file: str, name: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, file, old, new, tests or (_MEANT,))


_kind = partial(_classifier, "codes/http.py")
_lookup = partial(_classifier, "codes/lookup.py")
_outcome = partial(_classifier, "exotel/outcome.py")
_exchange = partial(_classifier, "exotel/exchange.py")


def _matcher(name: str, old: str, new: str, *tests: str, file: str = "templates/match.py") -> Mutant:
    usual = ("test_a_value_passes_within_the_limits_of_its_variable", "test_values_are_recovered")
    return Mutant(name, file, old, new, tuple(f"test_template_matching.py::{test}" for test in tests or usual))


_MEANT = "test_outcome.py::test_every_status_with_every_code_means_what_is_documented"
_SILENCE = "test_outcome.py::test_silence_is_unknown_exactly_if_the_request_was_written"
_MENDED = "test_misbehaviour.py::test_what_was_certainly_not_sent_is_tried_again_and_accepted_once"
_REASON = "test_misbehaviour.py::test_the_reason_of_a_silence_is_told"
_LATELY = "test_ledger_runs.py::test_a_run_that_ended_long_ago_holds_what_became_of_it_lately"
_AGREES = "test_reconcile.py::test_what_does_not_agree_changes_nothing"
_COUNTED = "test_reconcile.py::test_equal_texts_to_one_person_are_counted"
_WHOLE = "test_reconcile.py::test_equal_messages_are_counted_in_the_whole_ledger"
_TOLD = "test_told_mismatches.py::test_it_is_told_as_a_person_would"
_BY_HAND = "test_reconcile.py::test_what_a_person_said_of_an_equal_message_does_not_take_it_out"
_FLYING = "test_reconcile.py::test_an_equal_message_that_is_on_its_way_is_waited_for"
_UNASKED = "test_reconcile.py::test_what_was_not_asked_about_settles_nothing"
_SILENT = (
    "test_reconcile.py::test_silence_proves_nothing_unless_a_person_says_so_and_messages_around_it_are_listed",
    "test_reconcile.py::test_a_list_that_lacks_what_was_accepted_proves_no_absence",
)
_MISBEHAVIOUR = "test_misbehaviour.py::test_a_misbehaviour_is_told_truthfully_and_costs_one_request"


_SAID = "test_it_is_said_as_a_person_would_say_it"
_APART = "test_several_differences_are_told_apart"
_CONFIRMED = "test_what_the_matcher_does_not_confirm_is_not_claimed"
_BOUNDED = "test_hostile_texts_cost_a_bounded_number_of_states"


def _met(*cases: str) -> tuple[str, ...]:
    return tuple(f"{_MISBEHAVIOUR}[{case}]" for case in cases)


def _rows(file: str, others: dict[str, str]) -> Iterator[Mutant]:
    """Take every row of a table of statuses or codes for one of another kind."""
    for found in re.finditer(r" +(\d+|\(\d+, \d+\)): (\w+)\(\n", (PACKAGE / file).read_text()):
        code, kind = found.groups()
        if other := others.get(kind):
            name = f"{code} is no {kind} but {other.partition('(')[0]}"
            yield _classifier(file, name, found[0], f"{code}: {other}\n")


ROWS = (
    *_rows(
        "codes/http.py",
        {
            "rejected": "account_refused(",
            "misconfigured": "account_refused(",
            "account_refused": "rejected(",
            "rate_limited": "throttled(",
            "unknown": "account_refused(remedy='',",
        },
    ),
    *_rows(
        "codes/exotel.py",
        {
            "_rejected": "_account_refused(",
            "_bad_request": "_account_refused(http_status=400,",
            "_misconfigured": "_account_refused(",
            "_account_refused": "_rejected(",
            "_rate_limited": "_throttled(http_status=429,",
            "_throttled": "_rate_limited(http_status=503,",
            "_unknown": "_account_refused(http_status=500, remedy='',",
        },
    ),
)

CLASSIFIER = (
    *ROWS,
    _kind("429 pauses nobody", "RATE_LIMITED, then=Then.PAUSE", "RATE_LIMITED, then=Then.RETRY"),
    _kind("Exotel's 503 pauses nobody", "UNAVAILABLE, then=Then.PAUSE", "UNAVAILABLE, then=Then.RETRY"),
    _kind("a refused account goes on", "ExitCode.REFUSED, then=Then.STOP", "ExitCode.REFUSED"),
    _kind("a wrong key goes on", "ExitCode.CONFIG, then=Then.STOP", "ExitCode.CONFIG"),
    _kind("a refused message stops all", "REFUSED, who=Who.YOU)", "REFUSED, then=Then.STOP, who=Who.YOU)"),
    _kind("a refused message was not sent", "outcome=Outcome.REJECTED", "outcome=Outcome.NOT_SENT"),
    _kind("what was not sent is unknown", "outcome=Outcome.NOT_SENT", "outcome=Outcome.UNKNOWN"),
    _kind("unknown is tried again", "ExitCode.UNKNOWN, who", "ExitCode.UNKNOWN, then=Then.RETRY, who"),
    _kind("unknown was not sent", "outcome=Outcome.UNKNOWN", "outcome=Outcome.NOT_SENT"),
    _lookup("a code speaks whatever the status", "if known and known.http_status == status:", "if known:"),
    _lookup("no code speaks", "if known and known.http_status == status:", "if False:"),
    _lookup("a gateway's 503 is Exotel's", "status == 503 and from_exotel and", "status == 503 and"),
    _lookup("Exotel's 503 is a gateway's", "status == 503 and from_exotel and", "status == 0 and from_exotel and"),
    _outcome(
        "silence may be tried again",
        "        exit_code=ExitCode.UNKNOWN,\n        http_status=http_status,\n",
        "        exit_code=ExitCode.UNKNOWN,\n        then=Then.RETRY,\n        http_status=http_status,\n",
        _SILENCE,
    ),
    _outcome("silence was not sent", "if silence.written:", "if False:", _SILENCE),
    _outcome("silence is unknown", "if silence.written:", "if True:", _SILENCE),
    _outcome(
        "what was not sent is final",
        "else Then.RETRY",
        "else Then.GO_ON",
        f"{_MENDED}[http: reads the head and resets]",
    ),
    _outcome(
        "a wrong certificate is tried again", "{Fault.CERTIFICATE, Fault", "{Fault", *_met("tls: unknown authority")
    ),
    _outcome("a proxy's 407 is tried again", ", Fault.PROXY_AUTHENTICATION}", "}", *_met("proxy: wants a password")),
    _exchange(
        "a fault after the request is one before it",
        "    if progress.written:\n        return Fault.READ\n",
        "",
        _REASON,
    ),
    _exchange("407 is any refusal", "tunnel_status == 407", "tunnel_status == 0", _REASON),
    _exchange("any refusal is 407", "tunnel_status == 407", "tunnel_status", _REASON),
    _exchange("no certificate is wrong", "return Fault.CERTIFICATE", "return Fault.TLS", _REASON),
    _exchange("every handshake is a wrong certificate", "return Fault.TLS", "return Fault.CERTIFICATE", _REASON),
    _exchange(
        "no connection is a wrong certificate",
        "return Fault.RESOLVE_OR_CONNECT",
        "return Fault.CERTIFICATE",
        "test_misbehaviour.py::test_a_refused_connection_was_not_sent",
    ),
    _exchange(
        "a broken request is a wrong certificate",
        "return Fault.WRITE",
        "return Fault.READ",
        _REASON,
    ),
    _exchange(
        "a tunnel is the request",
        "self.written = not self._tunnelling",
        "self.written = True",
        *_met("proxy: hangs"),
    ),
    _exchange(
        "a request is written once it begins",
        "self.begun = not self._tunnelling",
        "self.begun = self.written = not self._tunnelling",
        *_met("http: reads the head and resets"),
    ),
    _exchange(
        "a request is never written",
        "self.written = not self._tunnelling",
        "self.written = False",
        *_met("http: reads and resets"),
    ),
    _exchange(
        "a status whose body is missing is silence",
        "if self.progress.status is not None:",
        "if False:",
        "test_exchange.py::test_a_status_stands_though_its_exchange_never_ends",
    ),
    _exchange(
        "what was given up leaves late",
        "            if self.abandoned:\n                raise AbandonedError\n            self.begun",
        "            self.begun",
        "test_exchange.py::test_a_request_that_was_given_up_during_the_handshake_never_leaves",
    ),
)

_KILLED = "test_never_twice.py::test_a_key_whose_owner_was_killed_waits_for_a_person"
_DEAD = "test_ledger_messages.py::test_what_a_dead_process_had_in_flight_is_unknown"
_UNDER_FIRE = "test_campaign.py::test_nothing_is_duplicated_or_lost_under_fire"
_HELD = "test_ledger_messages.py::test_what_is_on_its_way_holds_its_once_key_without_an_end"
_UNKNOWN = "test_ledger_messages.py::test_what_may_have_been_sent_holds_its_once_key_from_its_last_attempt_on"
_ANSWERED = "test_ledger_messages.py::test_an_answer_that_took_longer_than_the_within_of_its_key_holds_it"
_WRONG = "test_wrong_clocks.py::test_a_once_key_holds_for_as_long_as_it_was_given"

LEDGER = (
    Mutant(
        "a claim is no claim",
        "ledger/messages.py",
        "?, ?, ?, ?, ?, ?, ?, 'in_flight'",
        "?, ?, ?, ?, ?, ?, ?, 'waiting'",
        (_KILLED,),
    ),
    Mutant(
        "the dead sent nothing",
        "ledger/dead_processes.py",
        "iif(state = 'in_flight', 'unknown', 'not_sent')",
        "'not_sent'",
        (_DEAD,),
    ),
    Mutant(
        "the dead sent everything",
        "ledger/dead_processes.py",
        "iif(state = 'in_flight', 'unknown', 'not_sent')",
        "'unknown'",
        (_DEAD,),
    ),
    Mutant(
        "the dead are alive",
        "ledger/process_locks.py",
        "path.unlink(missing_ok=True)\n            return False",
        "return True",
        (_DEAD,),
    ),
    Mutant(
        "the living are dead",
        "ledger/process_locks.py",
        "except BlockingIOError:\n            return True",
        "except BlockingIOError:\n            return False",
        ("test_never_twice.py::test_of_racing_processes_one_sends_and_the_others_wait_for_its_result",),
    ),
    Mutant(
        "a key is free while it is used",
        "ledger/rules.py",
        "('unknown', 'in_flight', 'waiting')",
        "('unknown')",
        (_HELD,),
    ),
    Mutant(
        "an unknown message frees its key",
        "ledger/rules.py",
        "('unknown', 'in_flight', 'waiting')",
        "('in_flight', 'waiting')",
        (_UNKNOWN,),
    ),
    Mutant(
        "an unknown message holds its key without an end",
        "ledger/rules.py",
        'not in {"accepted", "unknown"}',
        '!= "accepted"',
        (_UNKNOWN,),
    ),
    Mutant(
        "an unknown message holds its key from when it was found to be unknown",
        "ledger/entry.py",
        "is_answered = self.sid is not None and self.http_status is not None",
        "is_answered = True",
        ("test_never_twice.py::test_a_key_whose_owner_was_killed_is_free_at_the_end_of_its_within",),
    ),
    Mutant(
        "a message holds its key from when somebody found its Sid",
        "ledger/entry.py",
        "self.sid is not None and self.http_status is not None",
        "self.sid is not None",
        ("test_ledger_messages.py::test_what_is_found_to_be_accepted_holds_its_once_key_from_its_last_attempt_on",),
    ),
    Mutant(
        "a message that was accepted holds its key from its attempt on",
        "ledger/entry.py",
        "self.sid is not None and self.http_status is not None",
        "False",
        (_ANSWERED,),
    ),
    Mutant(
        "a key that was used in the future stays used until then",
        "ledger/rules.py",
        "if self.rewrite and corrects(self.now) else",
        "if not self.rewrite else",
        (f"{_WRONG}[sent under 2031]",),
    ),
    Mutant(
        "a key that was used under an earlier clock is free",
        "ledger/rules.py",
        "if written >= since or entry.id >= first_since(",
        "if written >= since or entry.id >= 1e9 + first_since(",
        (f"{_WRONG}[under 1970, after another]",),
    ),
    Mutant(
        "a clock that is certainly wrong corrects others",
        "ledger/wrong_clocks.py",
        "return now >= EARLIEST",
        "return True",
        (f"{_WRONG}[asked for again under 1970]",),
    ),
    Mutant(
        "parts of an earlier clock are forgotten",
        "ledger/day_parts.py",
        'first_since(statements, "messages", midnight, now), EARLIEST, midnight)',
        "1e9, 0.0, midnight)",
        ("test_wrong_clocks.py::test_parts_of_a_wrong_day_count_for_one",),
    ),
    Mutant(
        "a lease that ended keeps nobody from trying again",
        "ledger/postgres/messages.py",
        "\"(state = 'waiting' OR state = 'in_flight' AND attempts = %(attempts)s)\",",
        '"true",',
        ("test_ledger_engines.py::test_who_waits_for_a_retry_and_is_given_up_does_not_try_again",),
    ),
    Mutant(
        "a commit in doubt is not looked up",
        "ledger/postgres/messages.py",
        "if ours:  # the commit",
        "if not values:  # the commit",
        ("test_ledger_engines.py::test_a_commit_in_doubt_is_looked_up",),
    ),
    Mutant(
        "commits are lost with the power",
        "ledger/database.py",
        "synchronous = FULL",
        "synchronous = NORMAL",
        ("test_ledger_messages.py::test_every_commit_is_synchronous_and_deleted_text_is_overwritten",),
    ),
    Mutant(
        "transactions overlap",
        "ledger/database.py",
        "BEGIN IMMEDIATE",
        "BEGIN",
        ("test_ledger_messages.py::test_a_transaction_keeps_others_out_from_its_beginning",),
    ),
    Mutant(
        "a limit is checked after the claim",
        "ledger/messages.py",
        "                return used\n            if within_limit is not None:",
        "                return used\n            if within_limit is None:",
        ("test_ledger_messages.py::test_the_limit_is_checked_within_the_claim",),
    ),
    Mutant(
        "a key is waited for without an end",
        "send/one.py",
        "            if left <= 0:\n",
        "            if left <= -1e9:\n",
        ("test_never_twice.py::test_a_key_whose_owner_is_stopped_is_not_waited_for_without_an_end",),
    ),
    Mutant(
        "a second attempt is not claimed",
        "send/one.py",
        "                session.ledger.claim_again(entry_id)\n",
        "",
        ("test_never_twice.py::test_a_second_attempt_is_claimed_before_it_leaves",),
    ),
    Mutant(
        "a wait is an attempt",
        "send/one.py",
        "                session.ledger.wait_for_retry(entry_id)\n",
        "",
        ("test_never_twice.py::test_what_waits_to_retry_is_not_called_sent",),
    ),
    Mutant(
        "a key holds without a ledger",
        "send/one.py",
        "if self.is_ledger_needed or ledger",
        "if ledger",
        ("test_without_ledger.py::test_a_ledger_that_somebody_keeps_locked_holds_nothing_back",),
    ),
    Mutant(
        "a result is not settled",
        "send/one.py",
        "            ledger.settle(entry_id, believed)\n",
        "            pass\n",
        ("test_never_twice.py::test_a_key_is_free_again_when_nothing_was_sent",),
    ),
    Mutant(
        "what is recorded together is not",
        "ledger/runs.py",
        """        return self._parts.one_commit()

    def claim(""",
        """        return closing(self._connection.cursor())

    def claim(""",
        ("test_ledger_runs.py::test_what_is_recorded_together_is_one_commit",),
    ),
    Mutant(
        "a transaction that was left open is ours",
        "ledger/database.py",
        "        if self._in_transaction:\n",
        "        if self._in_transaction or self.connection.in_transaction:\n",
        ("test_ledger_messages.py::test_a_transaction_that_was_left_open_is_not_taken_for_ours",),
    ),
    Mutant(
        "a bug in what comes next loses what is on its way",
        "bulk/run.py",
        "        self.stop = stop_for(in_our_words(error))\n",
        "        raise error\n",
        ("test_bulk.py::test_a_bug_in_what_comes_next_loses_nothing_of_what_is_on_its_way",),
    ),
    Mutant(
        "looking at another run's rows takes turns",
        "bulk/run.py",
        "            self._slot = self._setup.now()  # our",
        "            self._slot = None  # our",
        ("test_bulk.py::test_rows_that_another_run_is_sending_come_last_and_take_no_turn",),
    ),
    Mutant(
        "another process's rows are given up",
        "ledger/runs.py",
        "        return bool(owner == run.owner)",
        "        return bool(owner)",
        ("test_ledger_runs.py::test_the_rows_of_whoever_took_a_run_over_are_left_to_it",),
    ),
    Mutant(
        "what was found is given up with a claim",
        "bulk/run.py",
        "                return self._record(results, None)\n",
        "                return (), ()\n",
        ("test_bulk.py::test_where_no_claim_can_be_committed_what_was_found_is",),
    ),
    Mutant(
        "a copy that is behind goes on with a run",
        "ledger/postgres/runs.py",
        'f"{passed} WHERE {_OURS} AND {_HELD}"',
        'f"{passed} WHERE {_OURS}"',
        ("test_shared_ledger.py::test_a_run_that_a_copy_takes_over_while_it_is_sent_stops_there",),
    ),
    Mutant(
        "a run that begins on the same machine is taken for left behind",
        "bulk/lifecycle.py",
        "        journal.require_free(name, digest=staging.digest)\n",
        "",
        ("test_shared_ledger.py::test_a_run_that_begins_beside_another_one_does_not_take_that_for_left_behind",),
    ),
    Mutant(
        "a run is begun anew of which rows were claimed",
        "ledger/postgres/runs.py",
        '    " WHERE NOT runs.has_claimed AND runs.installation = excluded.installation"\n',
        "",
        ("test_ledger_engines.py::test_a_run_of_which_a_copy_claims_rows_meanwhile_is_not_begun",),
    ),
    Mutant(
        "whose a run is is said while that changes",
        "ledger/postgres/runs.py",
        " FOR SHARE",
        "",
        ("test_ledger_engines.py::test_whose_a_run_is_nobody_says_before_an_earlier_claim_is_certain",),
    ),
    Mutant(
        "rows of which nobody could be told are lost",
        "bulk/run.py",
        "            self._record([(item, _PUT_BACK, State.WAITING) for item in claim.ours], None)\n",
        "",
        ("test_shared_ledger.py::test_rows_that_nobody_may_be_told_of_stay_to_be_sent",),
    ),
    Mutant(
        "unfinished runs of long ago send nothing",
        "ledger/twins.py",
        "(exit_code IS NULL OR {is_since})",
        "{is_since}",
        ("test_ledger_runs.py::test_what_an_older_exosms_writes_meanwhile_holds",),
    ),
    Mutant(
        "finished runs hold nothing",
        "ledger/twins.py",
        "(exit_code IS NULL OR {is_since})",
        "exit_code IS NULL AND ({is_since} OR 1)",
        ("test_runs.py::test_what_another_run_sent_meanwhile_or_may_have_sent_is_left_out",),
    ),
    Mutant(
        "a run is as old as its end",
        "ledger/dead_processes.py",
        "SET updated_at = max(updated_at, ?) WHERE",
        "SET updated_at = ? WHERE",
        ("test_ledger_runs.py::test_a_run_holds_what_it_sent_wherever_the_clock_is_set_then",),
    ),
    Mutant(
        "a finished run is not touched by what is found",
        "ledger/runs.py",
        "            now = touch(self._database, run.id)\n            for found, rows",
        "            now = self._clock()\n            for found, rows",
        (_LATELY,),
    ),
    Mutant(
        "a finished run is not touched by a decision",
        "ledger/unknown.py",
        "outcome is Outcome.ACCEPTED, touch(ledger.database, run.id),",
        "outcome is Outcome.ACCEPTED, ledger.database.clock(),",
        (_LATELY,),
    ),
    Mutant(
        "rows that are not there are settled",
        "ledger/runs.py",
        ".rowcount != len(some)",
        ".rowcount > len(some)",
        ("test_ledger_runs.py::test_results_that_are_not_one_for_each_row_are_not_recorded",),
    ),
    Mutant(
        "what could not be recorded remains",
        "ledger/run_rows.py",
        "    if run not in abandoned:",
        "    if run > 0:",
        ("test_bulk.py::test_what_cannot_be_recorded_is_unknown_in_every_account_of_the_run",),
    ),
    Mutant(
        "what could not be recorded is let go as it is",
        "ledger/runs.py",
        "            if run.id in self.ledger.abandoned and ",
        "            if run.id < 0 and ",
        ("test_bulk.py::test_what_cannot_be_recorded_is_unknown_in_every_account_of_the_run",),
    ),
    Mutant(
        "rows are claimed as waiting",
        "ledger/runs.py",
        "UPDATE rows SET state = 'in_flight', attempts",
        "UPDATE rows SET state = 'waiting', attempts",
        (_UNDER_FIRE,),
    ),
    Mutant(
        "the dead's rows go out again",
        "ledger/dead_processes.py",
        "UPDATE rows SET state = 'unknown', exit_code = ?, http_status",
        "UPDATE rows SET state = 'waiting', exit_code = ?, http_status",
        (_UNDER_FIRE,),
    ),
    Mutant(
        "unknown rows go out again",
        "ledger/twins.py",
        "r.state IN ('accepted', 'unknown', 'in_flight') GROUP",
        "r.state IN ('accepted', 'in_flight') GROUP",
        ("test_runs.py::test_what_another_run_sent_meanwhile_or_may_have_sent_is_left_out",),
    ),
    Mutant(
        "what another run is sending counts as sent",
        "ledger/twins.py",
        "ELSE 'in_flight' END FROM rows s",
        "ELSE 'accepted' END FROM rows s",
        ("test_ledger_runs.py::test_what_another_run_is_sending_waits_for_what_comes_of_it",),
    ),
    Mutant(
        "what may have been sent is called sent",
        "ledger/earlier_runs.py",
        "max(iif(r.state = 'accepted', u.name, NULL)) AS sent",
        "max(u.name) AS sent",
        ("test_bulk.py::test_unknown_ones_are_never_sent_by_skip",),
    ),
    Mutant(
        "a text from another sender was not sent before",
        "ledger/staging.py",
        "AND r.sender <> d.sender",
        "AND r.sender < ''",
        ("test_preview.py::test_the_same_text_from_another_sender_was_sent_before",),
    ),
    Mutant(
        "a row goes out again that another run sent from another sender",
        "ledger/twins.py",
        "r.sender <> s.sender AND",
        "r.sender < '' AND",
        ("test_runs.py::test_what_another_run_sent_meanwhile_or_may_have_sent_is_left_out",),
    ),
    Mutant(
        "people of other accounts got another text",
        "ledger/earlier_runs.py",
        "u.account = ? AND",
        "? <> '' AND",
        ("test_preview.py::test_another_account_is_no_earlier_run",),
    ),
    Mutant(
        "any file is the run's",
        "bulk/original_rows.py",
        "if seal(journal.ledger.database, run.account, table.digest) != run.terms.content:",
        "if not table.digest:",
        ("test_original_rows.py::test_another_file_than_the_runs_is_refused",),
    ),
    Mutant(
        "two processes have one run",
        "ledger/runs.py",
        "if found[0].owner not in {None, owner}:",
        "if found[0].owner is owner:",
        ("test_bulk.py::test_one_process_at_a_time_sends_a_run",),
    ),
    Mutant(
        "a 2xx without a Sid was accepted",
        "exotel/outcome.py",
        "    if reply is None:\n",
        "    if reply is None and answer.body is None:\n",
        _met("http: an empty object"),
    ),
    Mutant(
        "every answer may accept",
        "exotel/client.py",
        "        if reply.is_success:\n            return accepted(",
        "        if reply.status < 600:\n            return accepted(",
        _met("http: 500 with a Sid"),
    ),
    Mutant(
        "refusals stand in their messages' order",
        "exotel/reply_matching.py",
        " for refusal in refusals}) != 1:",
        " for refusal in refusals}) < 1:",
        ("test_batches.py", "test_bulk.py::test_refusals_in_any_order_make_nothing_be_sent_again"),
    ),
    Mutant(
        "what is left over is refused, too",
        "exotel/reply_matching.py",
        "len(items) == len(messages) and ",
        "",
        ("test_batches.py",),
    ),
    Mutant(
        "a number that stands twice is the last one's",
        "exotel/reply_matching.py",
        "times[number] == 1 and ",
        "",
        ("test_batches.py",),
    ),
    Mutant(
        "a Sid may be two messages'",
        "exotel/reply_matching.py",
        " or sids[item.sid] == 1",
        " or sids[item.sid]",
        ("test_batches.py",),
    ),
    Mutant(
        "a Sid of an earlier message is anybody's",
        "ledger/rules.py",
        "if first.setdefault(sid.lower(), place) != place}",
        "if first == place}",
        ("test_bulk.py::test_a_sid_that_another_message_has_is_not_believed",),
    ),
    Mutant(
        "a request that was refused sent nothing, whatever the answer holds",
        "exotel/client.py",
        "if some_taken else",
        "if not items else",
        ("test_batches.py",),
    ),
    Mutant(
        "what Exotel has too much of is sent again, whatever the answer holds",
        "exotel/client.py",
        "if taken and receipt",
        "if not items and taken and receipt",
        ("test_http_statuses.py",),
    ),
    Mutant(
        "a lone answer is ours, whatever its number",
        "exotel/wire.py",
        "if number.endswith(digits) else",
        "if digits or number else",
        _met("http: another number"),
    ),
)

MATCHER = (
    _matcher(
        "an untyped variable holds 31",
        "Step(anything, 0, 30),),), most=30",
        "Step(anything, 0, 31),),), most=31",
        file="templates/variables.py",
    ),
    _matcher(
        "an untyped variable holds 29",
        "Step(anything, 0, 30),),), most=30",
        "Step(anything, 0, 29),),), most=29",
        file="templates/variables.py",
    ),
    _matcher(
        "a number holds 41",
        "Step(is_digit, 0, 40),),), most=40",
        "Step(is_digit, 0, 41),),), most=41",
        file="templates/variables.py",
    ),
    _matcher(
        "a text holds 41",
        "Step(anything, 0, 40),),), most=40",
        "Step(anything, 0, 41),),), most=41",
        file="templates/variables.py",
    ),
    _matcher(
        "any script's digits",
        'return "0" <= character <= "9"',
        "return character.isdigit()",
        file="templates/variables.py",
    ),
    _matcher(
        "a link holds spaces",
        "Step(is_visible, 1, None)) for start",
        "Step(anything, 1, None)) for start",
        file="templates/variables.py",
    ),
    _matcher(
        "a link may be empty",
        "Step(is_visible, 1, None)) for start",
        "Step(is_visible, 0, None)) for start",
        file="templates/variables.py",
    ),
    _matcher(
        "an address without a point", ', Word("."), Step(is_mail, 1, None))', ")", file="templates/variables.py"
    ),
    _matcher(
        "an address with two @",
        'return character != "@" and is_visible(character)',
        "return is_visible(character)",
        file="templates/variables.py",
    ),
    _matcher("a phone number may be empty", "_PHONE = (\n", "_PHONE = () and (\n", file="templates/variables.py"),
    _matcher(
        "%s may be empty",
        'Step(anything, 1, None),),), most=None, words="one',
        'Step(anything, 0, None),),), most=None, words="one',
        file="templates/variables.py",
    ),
    _matcher(
        "%d needs no digit", "Step(is_numberlike, 0, None), Step(is_digit, 1, 1), ", "", file="templates/variables.py"
    ),
    _matcher(
        "nothing is pooled",
        "POOLED = frozenset({VariableType.UNTYPED, VariableType.NUMERIC, VariableType.ALPHANUMERIC})",
        "POOLED = frozenset({VariableType.NUMERIC})",
        file="templates/variables.py",
    ),
    _matcher(
        "limits are one too wide",
        "_smear(reach, step.most - step.least)",
        "_smear(reach, step.most - step.least + 1)",
    ),
    _matcher(
        "limits are not kept",
        "whole_runs if step.most is None else whole_runs & _smear(reach, step.most - step.least)",
        "whole_runs",
    ),
    _matcher("runs need no beginning", "^ legal) | reach", "^ legal)"),
    _matcher("the least is nothing", "    for _ in range(step.least):\n        reach = (reach & legal) << 1\n", ""),
    _matcher(
        "case is the same",
        "reach & text.at(character)) << 1",
        "reach & (text.at(character.lower()) | text.at(character.upper()))) << 1",
        "test_every_difference_is_a_mismatch",
    ),
    _matcher(
        "what follows is left aside",
        "final = 1 << text.end",
        "final = swept[-1] & -swept[-1]",
        "test_every_difference_is_a_mismatch",
    ),
    _matcher(
        "literals need not be whole",
        "        if not reach:\n            break\n    return reach\n\n\ndef _run",
        "        if not reach:\n            return 1\n    return reach\n\n\ndef _run",
        "test_every_difference_is_a_mismatch",
    ),
    _matcher(
        "markers are values",
        "    if marker := unfilled(text.text):\n        return marker.start, marker.end\n",
        "",
        "test_a_marker_of_which_each_value_has_a_part_never_matches",
    ),
    _matcher(
        "other markers are values",
        "    return is_one(bare) and",
        "    return not bare and",
        "test_a_marker_left_in_the_body_never_matches",
    ),
    _matcher(
        "braces are markers",
        "first.text == text and",
        "first.text in text and",
        "test_braces_inside_a_value_are_text",
        file="sms/foreign_markers.py",
    ),
    _matcher("nothing is ambiguous", "ambiguous=not found.unique or any(", "ambiguous=any("),
    _matcher(
        "pools are never ambiguous", " or any(_divisible(token, end - start) for token, (start, end) in placed)", ""
    ),
    _matcher("a full pool is ambiguous", "length not in {0, variable.room}", "length != 0"),
    _matcher("an empty pool is ambiguous", "length not in {0, variable.room}", "length != variable.room"),
    _matcher(
        "the last variables are the shortest",
        "            high = middle\n        else:\n            low = middle + 1",
        "            high = middle\n        else:\n            low = high",
    ),
    _matcher(
        "a pool is its first marker's", "    each = variable.room // variable.count\n", "    each = variable.room\n"
    ),
    _matcher(
        "values are of the folded text", "values=tuple(text.body[start:end]", "values=tuple(text.text[start:end]"
    ),
    _matcher(
        "line ends differ",
        '_LINE_END.sub("\\n", text) if "\\r" in text else text',
        "text",
        file="templates/syntax.py",
    ),
    *(
        Mutant(
            f"explanations: {name}",
            f"templates/explain/{file}",
            old,
            new,
            (f"test_template_explanations.py::{test}",),
        )
        for name, file, old, new, test in (
            ("a name is as good as a word", "costs.py", "STRANGE = 8", "STRANGE = 0", _SAID),
            (
                "a word exchanged costs two",
                "costs.py",
                "EXCHANGED = {Sort.WORD: 10",
                "EXCHANGED = {Sort.WORD: 30",
                _SAID,
            ),
            ("an empty value is free", "costs.py", "EMPTY = 10", "EMPTY = 0", _SAID),
            ("case costs a word", "costs.py", "OVERLOOKED = 2", "OVERLOOKED = 30", _SAID),
            ("another order is never told", "account.py", "ORDER = 12", "ORDER = 1200", _SAID),
            (
                "what is not needed is told",
                "account.py",
                "            needed = fewer\n",
                "            pass\n",
                _APART,
            ),
            (
                "the matcher is not asked",
                "account.py",
                "if claim and scene.matches_with(claim):",
                "if claim:",
                _BOUNDED,
            ),
            ("no end of states", "alignment.py", "len(done) < most", "len(done) < 2 * most", _BOUNDED),
            ("the dearest first", "alignment.py", "(cost + self.ahead[state[0]],", "(-cost,", _SAID),
        )
    ),
    *(
        Mutant(f"explanations: {name}", f"templates/explain/{file}", old, new, (_TOLD,))
        for name, file, old, new in (
            ("values take in the next word", "costs.py", "NEXT_WORD = 11", "NEXT_WORD = 0"),
            ("a sentence is missing word by word", "costs.py", "NO_SENTENCE = 36", "NO_SENTENCE = 400"),
            ("what a value says is said again", "scene.py", "bool(said & new)", "False"),
        )
    ),
)

EVIDENCE = (
    Mutant(
        "the text may be another",
        "send/evidence.py",
        "    elif owner.fingerprint not in _numbers(owner, content, fingerprints):\n",
        "    elif not content.body:\n",
        ("test_reconcile.py::test_a_sid_that_a_person_names_must_be_that_message",),
    ),
    Mutant(
        "the sender may be another",
        "send/evidence.py",
        "    if not content.is_from(owner.sender):\n",
        "    if False:\n",
        (_AGREES,),
    ),
    Mutant(
        "any time will do",
        "send/evidence.py",
        "            if content.is_near(owners[number].since, owners[number].until)\n",
        "",
        (_AGREES,),
    ),
    Mutant(
        "more or fewer Sids will do",
        "send/evidence.py",
        "if len(self.owners) != len(self.contents):",
        "if not self.contents:",
        (_COUNTED,),
    ),
    Mutant(
        "what is being sent is not counted",
        "ledger/unsettled.py",
        "(state IN ('unknown', 'in_flight', 'accepted')",
        "(state IN ('unknown', 'accepted')",
        (_FLYING,),
    ),
    Mutant(
        "what a person said is believed",
        "ledger/unsettled.py",
        " OR error IN ('{BY_HAND}', '{ABSENT}'))",
        ")",
        (_BY_HAND,),
    ),
    Mutant(
        "former attempts are not counted",
        "ledger/unknown.py",
        "            *self._find(_FORMERLY, theirs, values),\n",
        "",
        ("test_reconcile.py::test_the_first_attempt_at_a_row_that_was_tried_again_may_have_the_sid",),
    ),
    Mutant(
        "single messages are not counted",
        "ledger/unknown.py",
        '            *self._find(_SINGLY, f"{theirs} AND {MAY_HAVE_A_SID}", values),\n',
        "",
        (_WHOLE,),
    ),
    Mutant(
        "a Sid that is known is used again",
        "ledger/candidates.py",
        "return {sid: KnownSid(sid, attempted_at) for sid, attempted_at in known.items()}",
        "return {}",
        (_COUNTED,),
    ),
    Mutant(
        "what is known is asked about again",
        "send/reconcile.py",
        "if sid in new and sid not in known)",
        "if sid in new)",
        (_COUNTED,),
    ),
    Mutant(
        "what was not asked about is passed over",
        "send/reconcile.py",
        "        if self._unasked & {_ANYBODY, tail_of(recipient)}:\n            return\n",
        "",
        (_UNASKED,),
    ),
    Mutant(
        "silence at the edge of a list proves something",
        "send/reconcile.py",
        "if since < one.since and one.until < until]",
        "]",
        _SILENT,
    ),
    Mutant(
        "what another command tries again meanwhile is absent",
        "send/reconcile.py",
        "if self.found[one.key].detail == _NOT_FOUND:",
        "if one.key in self.found:",
        ("test_reconcile.py::test_what_another_command_tries_again_meanwhile_is_not_absent",),
    ),
    Mutant(
        "a list that lacks something is complete",
        "send/reconcile.py",
        "if missing := self._listed.missing_between(since, until):",
        "if not (missing := self._listed.missing_between(since, until)):",
        _SILENT,
    ),
    Mutant(
        "a Sid of which Exotel says nothing is nobody's",
        "send/reconcile.py",
        "            self._unread.append(sid)\n",
        "            pass\n",
        ("test_reconcile.py::test_no_answer_about_a_listed_sid_proves_no_absence",),
    ),
    Mutant(
        "a message that the ledger does not know is somebody else's",
        "send/reconcile.py",
        "            self._to[tail].append(content.sid)\n",
        "            pass\n",
        ("test_reconcile.py::test_an_answer_that_leaves_a_doubt_proves_no_absence",),
    ),
    Mutant(
        "what is beside a Sid proves whose it is not",
        "send/reconcile.py",
        "        elif self._asks_all and self._targets:\n            self._unlikely.append(listed.sid)\n",
        "",
        ("test_reconcile.py::test_what_a_report_says_beside_a_sid_proves_no_absence",),
    ),
    Mutant(
        "a record without a Sid is passed over",
        "exotel/report_file.py",
        "            left_out(record.line)\n",
        "            pass\n",
        ("test_reconcile.py::test_a_report_with_a_sid_that_cannot_be_read_proves_no_absence",),
    ),
)


def _of(name: str, *, file: str, old: str, new: str, test: str, within: str) -> Mutant:
    return Mutant(name, file, old, new, (f"{within}.py::test_{test}",))


_marker = partial(_of, file="sms/foreign_markers.py", within="test_foreign_markers")
_clock = partial(_of, file="ledger/wrong_clocks.py", within="test_wrong_clocks")
_ending = partial(_of, file="job/ending.py", within="test_job")
_original = partial(_of, file="bulk/original_rows.py", within="test_original_rows")
_cell = partial(_of, file="tables/damaged_cells.py", within="test_list_texts")

_LEAVES = "what_no_text_has_on_purpose_never_leaves"
_FOUND = "a_marker_is_found_where_it_stands"
_NONE = "what_only_looks_like_a_marker_is_none"
_HOLDS = "a_once_key_holds_for_as_long_as_it_was_given"
_IS_BAD = "a_damaged_cell_is_a_bad_row_unless_it_is_allowed"
_GOES_OUT = "what_only_looks_like_damage_goes_out"
_DOUBTED = "a_doubtful_cell_is_told_with_line_and_column_and_goes_out"

LISTS = (
    _marker("braces leave", old="{_BRACES}|(?<!#)", new="(?<!#)", test=_LEAVES),
    _marker("hashes leave", old="|(?<!#)##{_NAME_OR_NUMBER}##(?!#)|", new="|", test=_LEAVES),
    _marker("a bare marker leaves", old="##(?!#)|{BARE_MARKER}", new="##(?!#)", test=_LEAVES),
    _marker("a sign is none: per cent", old=' or "%" in text', new="", test=_FOUND),
    _marker("a sign is none: brackets", old=' or "[" in text', new="", test=_FOUND),
    _marker("a sign is none: crosses", old=' or "xxxx" in text', new="", test=_FOUND),
    _marker("a masked number is a marker", old="not before and not behind", new="not behind", test=_NONE),
    _marker("an amount is a marker", old="marker.name not in _CURRENCIES", new="True", test=_NONE),
    _marker("a name at the beginning is a marker", old="(is_word and not begins)", new="is_word", test=_NONE),
    _marker("any word is data", old="words[-1] in _DATA", new="words[-1]", test=_NONE),
    _cell("an exponent is a number", old="_EXPONENT.fullmatch,", new="_NARROW.fullmatch,", test=_IS_BAD),
    _cell(
        "an exponent in a text is a number", old="_EXPONENT_INSIDE.search,", new="_EXPONENT.fullmatch,", test=_IS_BAD
    ),
    _cell("an error is a text", old="_ERROR.search,", new="_ERROR.fullmatch,", test=_IS_BAD),
    _cell("a narrow column is a text", old="_NARROW.fullmatch,", new="_ERROR.fullmatch,", test=_IS_BAD),
    _cell("a day that is none is a text", old='_NO_DAY.search, "', new='_ERROR.fullmatch, "', test=_IS_BAD),
    _cell("lost letters are a text", old='_QUESTIONS.search, "', new='_ERROR.fullmatch, "', test=_IS_BAD),
    _cell("a line break in code is a text", old='_BREAK.search, "', new='_ERROR.fullmatch, "', test=_IS_BAD),
    _cell("a quick look passes over an exponent", old=r'r"\dE[+-]?\d|', new='r"', test=_IS_BAD),
    _cell("a quick look passes over small letters", old='and "e+" not in together', new="", test=_IS_BAD),
    _cell("nothing is a text", old="if text in _NOTHING or", new="if", test=_DOUBTED),
    _cell("nothing beside a name is a text", old=" or _NOTHING_BESIDE.fullmatch(text):", new=":", test=_DOUBTED),
    _cell(
        "encoded twice on a Mac is a text", old="if _TWICE_ON_A_MAC.search(text) or any", new="if any", test=_DOUBTED
    ),
    _cell("a date of none is a text", old="if _FOR_NONE.fullmatch(text):", new="if False:", test=_DOUBTED),
    _cell("a formula is a text", old='if text.startswith("="):', new="if False:", test=_DOUBTED),
    _cell(
        "encoded twice is a text",
        old="        return False\n    return True",
        new="        return False\n    return False",
        test=_DOUBTED,
    ),
    _original(
        "any file is the run's",
        old="if seal(journal.ledger.database, run.account, table.digest) != run.terms.content:",
        new="if False:",
        test="another_file_than_the_runs_is_refused",
    ),
    _original(
        "a name is taken twice",
        old="[*table.header, *_free_names(table.header)]",
        new="[*table.header, *_ADDED]",
        test="corrected_they_are_sent_as_they_are",
    ),
    _original(
        "rows are told by their place", old="if row.row == number:", new="if True:", test="what_is_purged_is_left_out"
    ),
    _original(
        "every row is wanted",
        old="if is_wanted(row):",
        new="if True:",
        test="the_rows_that_failed_come_back_verbatim",
    ),
    _original(
        "any delimiter is a comma",
        old='table.delimiter if table.delimiter in DELIMITERS and not table.sheets else ","',
        new='","',
        test="a_file_is_read_as_it_was_sent",
    ),
    _original(
        "a header misleads",
        old="(quoted if is_misleading else writer)",
        new="writer",
        test="a_file_is_read_as_it_was_sent",
    ),
    _original(
        "a file is read in any encoding",
        old="encoding=terms.csv_encoding",
        new="encoding=None",
        test="a_file_is_read_as_it_was_sent",
    ),
)

_ENDING_TOLD = "an_ending_is_told_as_a_shell_has_it"
_child = partial(_of, file="job/child.py", within="test_job")
_about = partial(_of, file="job/request.py", within="test_job")

JOBS = (
    _ending("a signal is its own exit code", old="Ending(128 - code,", new="Ending(-code,", test=_ENDING_TOLD),
    _ending("a real-time signal is a bug", old="except ValueError:", new="except KeyError:", test=_ENDING_TOLD),
    _ending(
        "every ending is a failure",
        old="on is On.ALWAYS or (on is On.SUCCESS) == (self.code == 0)",
        new="on is On.ALWAYS or on is On.FAILURE or self.code == 0",
        test="which_endings_are_texted_about",
    ),
    _ending(
        "what was short is long",
        old="matches and self.seconds >= longer_than",
        new="matches",
        test="which_endings_are_texted_about",
    ),
    _ending(
        "another notation is a placeholder",
        old=r"(?<!\{)\{(job|host|status|code|duration)\}(?!\})",
        new=r"\{(job|host|status|code|duration)\}",
        test="placeholders_are_replaced_once_and_nothing_else_is",
    ),
    _ending(
        "a duration has all its units",
        old="units[place : place + 2]",
        new="units[place:]",
        test="a_duration_has_its_two_largest_units",
    ),
    _child(
        "what is not there cannot be run",
        old="127 if error.errno == errno.ENOENT else 126",
        new="126",
        test="what_could_not_be_started_is_texted_about",
    ),
    _child(
        "a caller's children are ignored",
        old="on_end = signal.signal(signal.SIGCHLD, lambda *_: None)",
        new="on_end = signal.getsignal(signal.SIGCHLD)",
        test="a_caller_who_ignores_its_children_loses_no_exit_code",
    ),
    _child(
        "the command has our locale",
        old='if environ.get(b"LC_CTYPE") in _COERCED:',
        new="if False:",
        test="the_environment_is_the_commands",
    ),
    _child(
        "a terminal tells only its own group",
        old="is_the_terminals and os.getpgid(pid) == os.getpgrp()",
        new="is_the_terminals",
        test="ctrl_c_reaches_a_command_that_has_left_our_group",
    ),
    _about(
        "a long name keeps the text back",
        old="fit=True",
        new="fit=False",
        test="the_text_says_how_it_ended",
    ),
)

CLOCKS = (
    _clock(
        "no clock was ahead",
        old="return written > now + SET_BACK",
        new="return False",
        test=f"{_HOLDS}[sent under 2031]",
    ),
    _clock(
        "a correction is a wrong clock", old="SET_BACK = 1.0", new="SET_BACK = 0.0", test=f"{_HOLDS}[a second ahead]"
    ),
    _clock(
        "an impossible time is one",
        old="return written < EARLIEST <= now and",
        new="return False and",
        test=f"{_HOLDS}[the very first under 1970]",
    ),
    _clock(
        "what a file sent is as old as it says",
        old="({time} >= ? OR {number} >= ? OR",
        new="({time} >= ? OR {number} < 0 * ? OR",
        test="what_a_file_sent_under_an_earlier_clock_was_sent_after_the_run_before_it",
    ),
    _clock(
        "no time is impossible in a window",
        old="if is_any_impossible else 0",
        new="if False else 0",
        test="what_a_file_sent_holds_for_as_long_as_was_asked_for",
    ),
)


def _receiver(name: str, file: str, old: str, new: str, test: str) -> Mutant:
    return Mutant(f"callbacks: {name}", file, old, new, (f"test_callbacks.py::test_{test}",))


_ANYTHING = "anything_else_is_not_found_and_stores_nothing"
_FULL = "a_full_disk_is_told_to_exotel_until_there_is_room_again"

RECEIVER = (
    _receiver(
        "what is nobody's is taken",
        "receiver/application.py",
        "            if taken is not Taken.NOBODYS:\n                break\n",
        "            if not is_any_away:\n                break\n",
        _ANYTHING,
    ),
    _receiver(
        "any method will do",
        "receiver/application.py",
        'environ["REQUEST_METHOD"] != "POST" or',
        "",
        _ANYTHING,
    ),
    _receiver(
        "any recipient will do",
        "ledger/callback_rows.py",
        "r.token_hash = ? AND m.recipient = ?",
        "r.token_hash = ? AND m.recipient <> coalesce(?, '')",
        _ANYTHING,
    ),
    Mutant(
        "callbacks: any recipient will do in a shared ledger",
        "ledger/postgres/callbacks.py",
        "callback_token = %s AND m.recipient_hash = %s",
        "callback_token = %s AND m.recipient_hash <> %s::bytea || ''::bytea",
        ("test_ledger_engines.py::test_a_callback_of_a_message_with_that_sid_is_its_delivery[postgresql]",),
    ),
    Mutant(
        "callbacks: of what is away nobody hears again",
        "receiver/application.py",
        "return _NOT_NOW if is_any_away else _ANYTHING_ELSE",
        "return _ANYTHING_ELSE",
        ("test_shared_callbacks.py::test_what_may_be_of_a_ledger_that_is_away_is_to_come_again",),
    ),
    _receiver(
        "a field may have two values",
        "exotel/callback.py",
        "if fields.setdefault(name, value) != value:",
        "fields[name] = value\n        if False:",
        _ANYTHING,
    ),
    _receiver(
        "a message may have a second Sid",
        "ledger/callbacks.py",
        'if known != "":',
        "if known is None:",
        "a_sid_that_a_message_has_is_never_anothers",
    ),
    _receiver(
        "a Sid may be another message's",
        "ledger/callbacks.py",
        'if known == "" and store.are_known(whose.account, [sid]):',
        "if False:",
        "a_sid_that_a_message_has_is_never_anothers",
    ),
    _receiver(
        "a purged message is one without a Sid",
        "ledger/callbacks.py",
        'if known != "":',
        "if known:",
        "a_message_that_is_gone_while_its_token_is_not_has_no_callbacks",
    ),
    _receiver(
        "any number of Sids is asked about",
        "ledger/callbacks.py",
        "store.others(whose, sid) >= _MOST_SIDS",
        "False",
        "one_message_has_but_a_few_sids_to_be_asked_about",
    ),
    _receiver(
        "a final state is replaced",
        "ledger/messages.py",
        """ ON CONFLICT DO UPDATE SET {new} WHERE outcome = 'pending'\"""",
        """ ON CONFLICT DO UPDATE SET {new}\"""",
        "a_final_state_stays_whatever_comes_after_it",
    ),
    _receiver(
        "the ledger has tokens",
        "ledger/callback_tokens.py",
        "return hashlib.sha256(token.encode()).digest()",
        "return token.encode()",
        "a_single_message_names_an_address_that_the_ledger_knows_as_its_own",
    ),
    _receiver(
        "what could not be kept is taken",
        "receiver/intake.py",
        "or item.taken is None:\n            raise NotKeptError",
        "or item.taken is None:\n            return Taken.KEPT",
        _FULL,
    ),
    _receiver(
        "it is answered before it is kept",
        "receiver/intake.py",
        "            try:\n                answers",
        "            for item in items:\n                item.taken = Taken.KEPT\n"
        "                item.is_done.set()\n            try:\n                answers",
        _FULL,
    ),
    _receiver(
        "its word is evidence",
        "receiver/confirm.py",
        "if any(differences(message, content, messages.fingerprints)):",
        "if not content:",
        "a_sid_that_is_not_the_messages_settles_nothing",
    ),
    _receiver(
        "a Sid is used twice",
        "receiver/confirm.py",
        "if is_known:",
        "if False:",
        "a_sid_that_two_callbacks_name_is_one_messages",
    ),
    _receiver(
        "what is on its way is asked about",
        "receiver/confirm.py",
        "if not message.is_unknown:\n            store.look_again(",
        "if False:\n            store.look_again(",
        "a_callback_may_come_before_the_answer_to_the_send",
    ),
    _receiver(
        "another account may be asked",
        "receiver/confirm.py",
        "if settings.own_account.identity == one.account:",
        "if settings.own_account:",
        "nobody_is_asked_with_the_credentials_of_another_account",
    ),
    _receiver(
        "no answer is an answer",
        "receiver/confirm.py",
        "            store.look_again(one, seconds=seconds, asked=True)\n",
        "            store.look_again(one, seconds=seconds, asked=True)\n            store.forget(one)\n",
        "it_is_asked_again_until_it_is_answered_also_after_a_restart",
    ),
    _receiver(
        "whoever came first stays",
        "receiver/server.py",
        "                if idle:\n",
        "                if False:\n",
        "more_connections_than_it_takes_are_no_hindrance",
    ),
    _receiver(
        "a request may end in two places",
        "receiver/server.py",
        'if self.chunked and "CONTENT_LENGTH" in self.headers:',
        "if False:",
        "a_request_that_another_may_read_otherwise_is_refused_and_nothing_after_it_is_read",
    ),
    _receiver(
        "a request may take for ever",
        "receiver/server.py",
        "elif time.monotonic() - self.began > _LONGEST_REQUEST:",
        "elif time.monotonic() < self.began:",
        "a_request_that_comes_byte_by_byte_is_cut_off",
    ),
    _receiver(
        "what is not proven is delivered",
        "receiver/application.py",
        'if taken is Taken.KEPT else "to be confirmed"',
        "",
        "it_says_what_is_proven_and_what_is_yet_to_be_confirmed",
    ),
)

RECONCILED = (
    Mutant(
        "a Sid is looked up before it is recorded",
        "send/one.py",
        "            ledger.in_one_step(settle)\n",
        "            settle()\n",
        ("test_bulk.py::test_nobody_else_can_get_a_sid_between_the_look_at_others_and_the_record[True]",),
    ),
    Mutant(
        "parts are given back before that is certain",
        "ledger/run_parts.py",
        "over = True, self._taken",
        "over = True, self._unused",
        ("test_ledger_engines.py::test_a_claim_that_fails_beside_a_result_counts_each_part_once[postgresql]",),
    ),
    Mutant(
        "parts are given back again when that is in doubt",
        "ledger/postgres/messages.py",
        "repeats=parts > 0",
        "repeats=True",
        ("test_ledger_engines.py::test_parts_are_not_given_back_twice_although_no_answer_to_that_came",),
    ),
    Mutant(
        "what was known of a message is purged, and that it was known is not",
        "ledger/postgres/statements.py",
        "SET has_delivery = false WHERE account",
        "SET has_delivery = has_delivery WHERE account",
        ("test_ledger_engines.py::test_what_was_merely_accepted_is_found_among_very_many",),
    ),
    Mutant(
        "a connection takes whole seconds",
        "ledger/postgres/connection.py",
        "        _TO_CONNECT.set(seconds)",
        "        _TO_CONNECT.set(99)",
        ("test_ledger_engines.py::test_a_server_that_says_nothing_keeps_nobody_for_longer_than_may_be",),
    ),
    Mutant(
        "two machines look up a Sid before either records it",
        "ledger/postgres/statements.py",
        "    lock_sids(transaction, account, sids)\n",
        "",
        ("test_ledger_engines.py::test_two_who_are_given_one_sid_at_once_do_not_both_get_it[postgresql]",),
    ),
    Mutant(
        "a row's Sid is looked up before it is recorded",
        "bulk/run.py",
        "                    doubt_sids_of_others(results, self._run, self._setup.ledger)\n",
        "",
        ("test_bulk.py::test_a_row_that_was_given_the_sid_of_another_meanwhile_is_unknown",),
    ),
    Mutant(
        "what a person lists is all",
        "cli/reconcile.py",
        'return "" if self.sids is None else _NO_WHOLE_LIST',
        'return ""',
        ("test_reconcile.py::test_sids_that_a_person_lists_prove_no_absence",),
    ),
    Mutant(
        "a purged message had no Sid",
        "ledger/candidates.py",
        "{**purged(ledger.database, wanted), **dict(found)}",
        "dict(found)",
        ("test_reconcile.py::test_the_sid_of_a_message_that_was_purged_is_no_other_messages",),
    ),
    Mutant(
        "an ambiguous message is absent",
        "send/reconcile.py",
        "if one.detail == _NOT_FOUND and not one.is_ambiguous]",
        "]",
        ("test_reconcile.py::test_what_is_ambiguous_is_not_absent",),
    ),
    Mutant(
        "a named Sid is believed",
        "cli/resolve.py",
        '        wrong = "; ".join(differences(messages.named(one, content.to), content, messages.fingerprints))\n',
        '        wrong = ""\n',
        ("test_reconcile.py::test_a_sid_that_a_person_names_must_be_that_message",),
    ),
    Mutant(
        "advice forgets the configuration",
        "send/advice.py",
        "place = dict(flags or {})",
        "place = dict[str, str]()",
        ("test_reconcile.py::test_the_advised_commands_work_as_they_are_printed",),
    ),
)

MUTANTS = (*CLASSIFIER, *LEDGER, *CLOCKS, *EVIDENCE, *RECEIVER, *RECONCILED, *MATCHER, *LISTS, *JOBS)
