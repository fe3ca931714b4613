"""The result of sending, message by message: as lines, as tables, as JSON."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from exosms.cli.output.out import Document, Format, Out, error_document, problem_document
from exosms.cli.output.refusals import Shortfall, draw_refusals, tell_refusals
from exosms.cli.output.tables import Cell, explanation, facts
from exosms.errors import BugError, EachError, ExitCode, ExosmsError, InputError, Interrupted
from exosms.send.one import not_attempted, refused_here
from exosms.sms.message import Delivery, Message, Outcome, Problem, Receipt, decisive, exit_code_of
from exosms.system.times import for_people
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.codes.entry import CodeEntry

_SENT = {
    Outcome.REJECTED: "no",
    Outcome.NOT_SENT: "no",
    Outcome.UNKNOWN: "maybe: exosms cannot know",
    Outcome.FAILED: "yes: Exotel accepted it, and it failed on its way",
}

_ALL_ACCEPTED = {ExitCode.OK, ExitCode.PENDING, ExitCode.FAILED}


class MessageResult(NamedTuple):
    """What became of the message to one recipient; ``message`` is None where none could be made."""

    to: str
    receipt: Receipt
    message: Message | None = None
    template: str | None = None
    """What was to be sent, where no message could be made of it."""


class SendReport:
    """Collects what became of each recipient's message, shows it as it comes, and ends with the exit code."""

    def __init__(self, out: Out, *, recipients: Sequence[str], is_dry: bool = False) -> None:
        self._out = out
        self._is_dry = is_dry
        self._expected: list[str | Message] = list(recipients)
        self._results: list[MessageResult] = []
        self._error: ExosmsError | None = None
        self._exit_code: int | None = None
        self._left_out = 0
        self._drawn_last: list[Shortfall] = []
        self.profile: str | None = None
        self.template: str | None = None

    def expect(self, messages: Sequence[str | Message]) -> None:
        """Take the recipients, or the messages, now that they are known: checked, and one for each recipient."""
        self._expected = list(messages)

    def leave_out(self, refused: Mapping[str, InputError]) -> None:
        """Take the recipients that are left out, before there is a result of any other."""
        self._left_out = len(refused)
        self._expected[:0] = refused
        is_drawn = self._is_drawn_last
        for error in () if is_drawn else refused.values():
            self._out.fail(error.message, remedy=error.remedy)
        results = (MessageResult(to, refused_here(error), template=self.template) for to, error in refused.items())
        self._add_left(list(results), is_told=not is_drawn)

    def add(self, result: MessageResult) -> None:
        """Take one result and show it at once; JSON waits for the whole."""
        self._show(result)
        if refusal := refusal_of(result):
            tell_refusals(self._out, [refusal])

    def fail(self, error: ExosmsError) -> None:
        """Take the error that ended the command: whoever has no result yet gets it as theirs."""
        self._error = error
        is_partial = any(result.receipt.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN} for result in self._results)
        self._exit_code = None if is_partial and not isinstance(error, BugError) else error.exit_code
        is_drawn = self._is_drawn_last and isinstance(error, EachError)
        if not is_drawn:
            self._out.fail(error.message, remedy=error.remedy)
        self._add_left(self._left(lambda to: refused_here(error.about(to))), is_told=not is_drawn)

    def interrupt(self, interrupted: Interrupted) -> None:
        """Take the signal that ended the command; an unknown message outranks it, as 130 invites to run again."""
        left = self._left(lambda _: not_attempted("interrupted"))
        known = all(result.receipt.outcome is not Outcome.UNKNOWN for result in self._results)
        self._exit_code = interrupted.exit_code if known else ExitCode.UNKNOWN
        not_attempted_yet = f"; not attempted: {', '.join(result.to for result in left)}" if left else ""
        self._out.fail(f"interrupted by {interrupted.name}{not_attempted_yet}", remedy=interrupted.remedy)
        self._add_left(left)

    def conclude(self) -> int:
        """Print the one JSON document, if that is the format, and return the exit code."""
        exit_code, outcome = self._verdict()
        if self._drawn_last:
            draw_refusals(self._out, self._drawn_last)
        if self._is_dry and self._out.is_human:
            self._show_texts()
        if self._out.format is Format.JSON:
            self._out.result(
                profile=self.profile,
                **self._out.sandbox_mark,
                exit_code=exit_code,
                outcome=outcome,
                messages=[message_document(result, with_text=self._is_dry) for result in self._results],
                error=error_document(self._error) if self._error else None,
            )
        return exit_code

    def _show_texts(self) -> None:
        """Print each text once, line by line as a phone shows it; most dry runs have a single one."""
        for text in dict.fromkeys(result.message.body for result in self._results if result.message):
            self._out.line("")
            for line in re.split(r"\r\n|\r|\n", text):
                self._out.line(line)

    def _verdict(self) -> tuple[int, Outcome | None]:
        """Return the exit code and the outcome that decided it: what was left out, only if all else went well."""
        others = [result.receipt for result in self._results[self._left_out :]]
        receipt = decisive(others)
        exit_code = exit_code_of(others) if self._exit_code is None else self._exit_code
        if self._left_out and receipt and receipt.outcome is not Outcome.PLANNED and exit_code in _ALL_ACCEPTED:
            return int(ExitCode.PARTIAL), Outcome.REJECTED
        return int(exit_code), receipt.outcome if receipt else None

    def _left(self, receipt_of: Callable[[str], Receipt]) -> list[MessageResult]:
        """Return a result for everybody who has none yet; the message is there where it was made."""
        return [
            MessageResult(to=one, receipt=receipt_of(one), template=self.template)
            if isinstance(one, str)
            else MessageResult(to=one.to, receipt=receipt_of(one.to), message=one)
            for one in self._expected[len(self._results) :]
        ]

    def _add_left(self, results: Sequence[MessageResult], *, is_told: bool = True) -> None:
        for result in results:
            self._show(result, is_told=is_told and self._out.is_seen_at_once)

    @property
    def _is_drawn_last(self) -> bool:
        """Whether a person sees why messages were refused in one table, when all have been shown."""
        return self._out.is_seen_at_once and not self._out.quiet and len(self._expected) > 1

    def _show(self, result: MessageResult, *, is_told: bool = False) -> None:
        """Show one result; why it is none that was wanted, once for all of them, unless the screen has told it."""
        self._results.append(result)
        out, receipt = self._out, result.receipt
        match out.format:
            case Format.JSON:
                pass
            case Format.JSONL:
                out.item(message_document(result, with_text=self._is_dry))
            case _ if out.quiet:
                if receipt.sid:
                    out.line(receipt.sid)
            case Format.HUMAN:
                _draw(out, result)
                refusal = None if is_told else refusal_of(result)
                if refusal and len(self._expected) > 1:
                    self._drawn_last.append(refusal)
                elif refusal:
                    out.draw(facts(_rows(receipt, refusal.problem)))
            case _:
                out.line(receipt.outcome, result.to, receipt.sid or "", detail(result))


def refusal_of(result: MessageResult) -> Shortfall | None:
    """Return why a message is not where it was to go; None where it is, or may be."""
    receipt = result.receipt
    if receipt.problem is None:
        return None
    said = receipt.delivery.said if receipt.delivery else receipt.problem.said
    code = receipt.delivery.detailed_status_code if receipt.delivery else receipt.problem.code
    return Shortfall(result.to, receipt.outcome, said, receipt.problem._replace(code=code))


def message_document(result: MessageResult, *, with_text: bool = False) -> Document:
    """Return one message with the keys that scripts rely on; with its text where nothing is sent yet."""
    receipt, message = result.receipt, result.message
    return {
        "to": result.to,
        "outcome": receipt.outcome,
        "sid": receipt.sid,
        "status": receipt.status,
        "http_status": receipt.http_status,
        "detailed_status_code": receipt.detailed_status_code,
        "detailed_status": receipt.detailed_status,
        "encoding": message.encoding if message else None,
        "segments": message.segments if message else None,
        "template": message.fields.template if message else result.template,
        **({"text": message.body if message else None} if with_text else {}),
        **({"note": receipt.note} if receipt.note else {}),
        **(delivery_document(receipt.delivery) if receipt.delivery else {}),
        "error": problem_document(receipt.problem) if receipt.problem else None,
    }


def delivery_document(delivery: Delivery) -> Document:
    """Return what only delivery brings."""
    return {"price": delivery.price, "sent_at": delivery.sent_at, "updated_at": delivery.updated_at}


def parts_price_time(delivery: Delivery) -> str:
    """Return the parts, price and time that Exotel told, as far as they are known."""
    parts = "" if delivery.segments is None else counted(delivery.segments, "part")
    price = "" if delivery.price is None else f"price {delivery.price:.12g}"
    return joined(parts, price, for_people(delivery.sent_at or delivery.updated_at))


def joined(*known: str | None) -> str:
    """Return what is known, in one line."""
    return "; ".join(filter(None, known))


def detail(result: MessageResult) -> str:
    """Return the last cell of a plain line: Exotel's status word, or what went wrong."""
    receipt = result.receipt
    if receipt.delivery:
        return receipt.delivery.said
    if receipt.outcome is Outcome.PLANNED and result.message:
        return f"{_size(result.message)}: {result.message.body}"
    if receipt.problem is None:
        return receipt.note or receipt.status or ""
    return reason(receipt.problem)


def reason(problem: Problem) -> str:
    """Return in a few words why a message was not accepted, or nothing is known of it."""
    return ": ".join(filter(None, (problem.status_text, problem.said)))


def _draw(out: Out, result: MessageResult) -> None:
    receipt, message = result.receipt, result.message
    out.line(f"{receipt.outcome}  {result.to}")
    if receipt.sid:
        out.line(f"  {receipt.sid}")
    if receipt.problem is None:
        delivery = receipt.delivery
        said = delivery.said if delivery else receipt.status
        more = parts_price_time(delivery) if delivery else _size(message)
        out.sentence(joined(receipt.note, f"Exotel says {said}" if said else "", more), indent="  ")


def _rows(receipt: Receipt, problem: Problem) -> Sequence[tuple[str, Cell]]:
    delivery = receipt.delivery
    if delivery:
        from exosms.exotel.delivery_report import entry_of

        entry = entry_of(delivery)
    else:
        entry = entry_for(receipt.outcome, problem.http_status, problem.code)
    said = "Exotel said" if receipt.http_status else "What happened"
    return [
        ("HTTP status", _status_line(receipt)),
        (said, delivery.said if delivery else problem.message),
        ("Exotel's code", "" if problem.code is None or delivery else str(problem.code)),
        ("Parts, price, time", parts_price_time(delivery) if delivery else ""),
        *explanation(entry, meaning=problem.meaning, remedy=problem.remedy, sent=_SENT.get(receipt.outcome, "no")),
    ]


def entry_for(outcome: str, http_status: int | None, code: int | None) -> "CodeEntry | None":
    """Return what the catalogue knows of an answer; None where none came, or where its words would not fit."""
    from exosms.codes import lookup

    if http_status is None:
        return None
    entry = lookup.refusal(http_status, code, from_exotel=outcome == Outcome.NOT_SENT)
    return entry if entry.outcome == outcome else None


def _size(message: Message | None) -> str:
    return f"{counted(message.segments, 'part')}, {message.encoding}" if message else ""


def _status_line(receipt: Receipt) -> str:
    if receipt.http_status is None:
        if receipt.outcome is Outcome.UNKNOWN:  # perhaps of an earlier attempt, whose once key is in use
            return "none: no answer is known"
        asked = receipt.problem is None or receipt.problem.kind == Outcome.NOT_SENT
        return "none: there was no answer" if asked else "none: nothing was requested"
    from http import HTTPStatus

    try:
        return f"{receipt.http_status} {HTTPStatus(receipt.http_status).phrase}"
    except ValueError:  # a number without a name
        return str(receipt.http_status)
