"""``exosms doctor``: one page about what may keep messages from going out."""

import os
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from exosms import doctor
from exosms.cli import options as o
from exosms.cli.context import client_of, open_transport
from exosms.cli.output.out import Format, Out
from exosms.cli.prompts import can_ask, confirmed
from exosms.config import paths
from exosms.config.credentials import InlineToken
from exosms.config.region import Region
from exosms.config.settings import Account, AccountOptions, Settings, resolve
from exosms.doctor import Check, RecordingTransport
from exosms.errors import ConfigError
from exosms.exotel.exchange import Answer, NoAnswer
from exosms.ledger.messages import Ledger
from exosms.sms.message import Receipt, most_telling

_INDENT = " " * 9


def command(
    *,
    try_regions: Annotated[
        bool,
        o.option("--try-regions", help="After a 401, also try key and token with Exotel's other region."),
    ] = False,
    ledger: Annotated[
        bool,
        o.option("--ledger", help="Test the ledger that machines share, and print the privileges it needs."),
    ] = False,
    timeout: float = 30,
    sender: str | None = None,
    dlt_entity_id: str | None = None,
    templates: Path | None = None,
    account: o.AccountFlags,
    no_input: bool = False,
    out: o.VerbosePrinter,
) -> int:
    """Check configuration, permissions, ledger, clock, network and credentials; nothing is sent, nothing written.

    The page contains no secret, no recipient and no user name, so you can paste it into a support ticket. The exit
    code is that of the worst failure; warnings are 0.

    exosms doctor

    exosms doctor -p prod --try-regions --json

    exosms doctor --ledger
    """
    options = AccountOptions(*account, sender=sender, dlt_entity_id=dlt_entity_id, templates=templates)
    examination = _Examination(
        out, options, timeout=timeout, may_ask=not no_input, try_regions=try_regions, ledger=ledger
    )
    checks: list[Check] = []
    for check in map(_redacted, examination.checks()):
        if check.said in (other.said for other in checks):
            continue  # the same cause, met again by what needs it
        checks.append(check)
        _show(out, check)
    exit_code = most_telling(check.exit_code for check in checks)
    if out.format is Format.JSON:
        out.result(
            profile=examination.profile,
            exit_code=int(exit_code),
            checks=[_document(check) for check in checks],
            error=None,
        )
    return exit_code


class _Examination:
    """Goes from what is nearest to what is farthest; what one check finds, the next ones need."""

    def __init__(
        self,
        out: Out,
        options: AccountOptions,
        *,
        timeout: float,
        may_ask: bool,
        try_regions: bool,
        ledger: bool,
    ) -> None:
        self._out = out
        self._options = options
        self._timeout = timeout
        self._may_ask = may_ask
        self._try_regions = try_regions
        self._ledger = ledger
        self.profile: str | None = None

    def checks(self) -> Iterator[Check]:
        """Yield every check as it is made."""
        yield from doctor.of_program()
        yield from doctor.of_configuration(paths.config_path(self._options.config, os.environ), os.environ)
        settings = yield from self._settings()
        account = settings.account if settings else None
        yield from doctor.of_state(paths.state_directory(os.environ), Ledger, account)
        if settings and (settings.ledger or self._ledger):
            yield from doctor.of_shared_ledger(settings.ledger, account, is_wanted=self._ledger)
        if settings:
            yield from doctor.of_sender(settings)
            yield from doctor.of_templates(settings)
        reply = None
        if account and account.is_sandbox:
            yield doctor.ok("credentials", "the sandbox answers in this process and accepts any")
        elif account:
            yield from doctor.of_network(account, os.environ)
            reply = yield from self._credentials(account)
        yield from doctor.of_clock(time.time(), reply)

    def _settings(self) -> Generator[Check, None, Settings | None]:
        """Return the settings, if need be without an account."""
        try:
            settings = resolve(self._options, os.environ)
        except ConfigError as error:
            yield doctor.failure("account", error)
            try:
                settings = resolve(self._options, os.environ, account_needed=False)
            except ConfigError:  # the same once more: nothing can be said of settings
                return None
        self.profile = settings.profile
        yield from doctor.of_settings(settings)
        return settings

    def _credentials(self, account: Account) -> Generator[Check, None, Answer | NoAnswer | None]:
        """Ask the account's own region and, where that is wanted, the other one; return what the first answered."""
        warnings: list[str] = []
        try:
            token = account.token.fetch(environ=os.environ, warn=warnings.append)
            yield from (doctor.warning("token", warning) for warning in warnings)
            account = account._replace(token=InlineToken(token))
            receipt, reply = self._ask(account)
        except ConfigError as error:
            yield doctor.failure("credentials", error)
            return None
        yield from doctor.of_credentials(receipt, reply, where=f"by {account.base_url}")
        if receipt.http_status == 401:
            yield from self._other_regions(account)
        return reply

    def _other_regions(self, account: Account) -> Iterator[Check]:
        for other in account.other_regions:
            if not self._wants(other):
                yield doctor.ok("other region", f"{other} was not tried", "Try it: exosms doctor --try-regions")
                continue
            receipt, _ = self._ask(account._replace(base_url=other.base_url, region=other))
            if receipt.problem is None:
                remedy = f"Set region = {str(other)!r} in the profile, or EXOTEL_REGION, or use --region {other}."
                yield doctor.warning("other region", f"{other} accepts key and token", remedy)
            elif receipt.http_status == 401:
                yield doctor.ok("other region", f"{other} does not accept key and token either (401)")
            else:
                answered = receipt.problem.status_text or "no answer"
                said = f"{other} did not say whether it accepts key and token ({answered})"
                yield doctor.ok("other region", said, "Ask again later.")

    def _wants(self, other: Region) -> bool:
        """Whether key and token may be shown to another host."""
        if self._try_regions or not can_ask(self._out, no_input=not self._may_ask):
            return self._try_regions
        return confirmed(f"Also send key and token to {other} ({other.host})?")

    def _ask(self, account: Account) -> tuple[Receipt, Answer | NoAnswer | None]:
        transport = RecordingTransport(open_transport(self._out, account, timeout=self._timeout))
        receipt = client_of(account, transport).check_credentials()
        return receipt, transport.reply


def _redacted(check: Check) -> Check:
    said, remedy = (doctor.without_home(text, os.environ) for text in (check.said, check.remedy))
    return check._replace(said=said, remedy=remedy)


def _show(out: Out, check: Check) -> None:
    """Show a check; one that ends the command with another code than 0 also to whoever has only its errors."""
    if check.exit_code and not out.is_seen_at_once:
        out.fail(f"{check.subject}: {check.said}", remedy=check.next_step)
    match out.format:
        case Format.JSON:
            return
        case Format.JSONL:
            out.document(_document(check))
        case Format.HUMAN:
            out.sentence(f"{check.subject}: {check.said}", lead=f"{check.grade:<8} ", indent=_INDENT)
            if check.remedy:
                out.sentence(check.remedy, lead=f"{_INDENT}-> ", indent=f"{_INDENT}   ")
            for statement in check.statements:
                out.sentence(statement, indent=f"{_INDENT}   ")
        case _:
            out.line(check.grade, check.subject, check.said, check.next_step)


def _document(check: Check) -> Mapping[str, Any]:
    return {"subject": check.subject, "grade": check.grade, "said": check.said, "remedy": check.next_step or None}
