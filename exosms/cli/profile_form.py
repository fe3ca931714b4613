"""The form behind ``profile add``: what was given is checked first; what is missing is asked, or listed."""

import sys
from collections.abc import Callable
from typing import NamedTuple

from exosms.cli.output.out import Out
from exosms.cli.prompts import answered
from exosms.config.account import parse_base_url, sid_problem
from exosms.config.account_source import from_flag
from exosms.config.credentials import (
    LONGEST_TOKEN,
    InlineToken,
    Secret,
    TokenCommand,
    TokenFile,
    TokenSource,
    key_problem,
    split_command,
    token_problem,
)
from exosms.config.paths import expanded_for_user
from exosms.config.profile import Profile
from exosms.config.region import Region, parse_region
from exosms.errors import ConfigError, ExosmsError
from exosms.sms.dlt import check_ids, check_sender


class GivenProfile(NamedTuple):
    """What the command line says of a profile; None is what it does not say."""

    region: str | None = None
    base_url: str | None = None
    account_sid: str | None = None
    api_key: str | None = None
    token_stdin: bool = False
    token_file: str | None = None
    token_command: str | None = None
    sender: str | None = None
    dlt_entity_id: str | None = None

    def __repr__(self) -> str:
        """Return nothing of a token command, in which a token may stand."""
        return f"<{type(self).__name__} of the account {self.account_sid}>"

    @property
    def of_account(self) -> tuple[str, ...]:
        """The options given that say something of the account."""
        fields = self._replace(sender=None, dlt_entity_id=None)._asdict()
        return tuple(f"--{name.replace('_', '-')}" for name, value in fields.items() if value not in {None, False})

    @property
    def leaves_account(self) -> bool:
        """Whether something is given, and nothing of the account."""
        return not self.of_account and (self.sender is not None or self.dlt_entity_id is not None)


class _Question(NamedTuple):
    option: str
    prompt: str
    check: Callable[[str], tuple[str, ...]]
    """Returns warnings; raises ExosmsError for an answer of a wrong shape."""
    hidden: bool = False


def _check_region(text: str) -> tuple[str, ...]:
    parse_region(text)
    return ()


def _check_sid(text: str) -> tuple[str, ...]:
    if not text:
        return _refuse("The account SID", "is empty")
    return _refuse(f"The account SID {text!r}", sid_problem(text))


def _check_key(text: str) -> tuple[str, ...]:
    return _refuse("The API key", key_problem(text))


def _check_token(text: str) -> tuple[str, ...]:
    return _refuse("The API token", token_problem(text))


def _check_entity(text: str) -> tuple[str, ...]:
    return check_ids(text, None)


def _refuse(what: str, problem: str | None) -> tuple[()]:
    if problem:
        raise ConfigError(f"{what} {problem}", remedy="Copy it again from the API settings in Exotel's dashboard.")
    return ()


_REGION = _Question("--region", "Region (mumbai, singapore, sandbox)", _check_region)
_SID = _Question("--account-sid", "Account SID", _check_sid)
_KEY = _Question("--api-key", "API key (user name)", _check_key)
_TOKEN = _Question(
    "--token-stdin (or --token-file, --token-command)", "API token (not shown)", _check_token, hidden=True
)


class ProfileForm:
    """Fills in a profile from what was given and, where somebody can answer, from questions."""

    def __init__(self, name: str, given: GivenProfile, out: Out, *, can_ask: bool) -> None:
        """Check what was given; raises ExosmsError for what has a wrong shape, before anything is asked."""
        self._name = name
        self._given = given
        self._out = out
        self._can_ask = can_ask
        self._missing: list[str] = []
        address = given.base_url
        self._base_url = None if address is None else from_flag(parse_base_url, address, "--base-url")
        for check, value in (
            (_check_sid, given.account_sid),
            (_check_key, given.api_key),
            (check_sender, given.sender),
            (_check_entity, given.dlt_entity_id),
        ):
            if value:
                self._warn(check(value))

    def fill_in(self, before: Profile | None) -> Profile:
        """Return the profile; without an account if the one of ``before`` is to stay.

        Raises ConfigError if something is missing and nobody can be asked.
        """
        given = self._given
        profile = Profile(name=self._name, sender=given.sender, dlt_entity_id=given.dlt_entity_id)
        if before and given.leaves_account:
            return profile
        region = self._region()
        if region is Region.SANDBOX:  # which has no account: what was given of one is not kept
            for option in given.of_account:
                if option != "--region":
                    self._out.warn(f"{option} is ignored, because the region is the sandbox, which has no account")
            return profile._replace(region=region)
        return profile._replace(
            region=region,
            base_url=self._base_url,
            account_sid=self._need(_SID, given.account_sid),
            api_key=Secret(self._need(_KEY, given.api_key)),
            token=self._token(is_replaced=before is not None),
        )

    def _region(self) -> Region | None:
        """Return the region; None where an address was given instead, or where it is missing."""
        if self._base_url and self._given.region != Region.SANDBOX:
            return None
        text = self._need(_REGION, self._given.region)
        return parse_region(text) if text else None

    def _token(self, *, is_replaced: bool) -> TokenSource:
        """Return where the token is; raises ConfigError if that, or anything before it, is missing."""
        given = self._given
        source: TokenSource | None = None
        if given.token_file is not None:
            source = TokenFile(expanded_for_user(given.token_file).absolute())
            self._warn(source.problems())
        elif given.token_command is not None:
            source = TokenCommand(split_command(given.token_command))
        elif not given.token_stdin or self._can_ask:  # a terminal would show what is read from it as input
            source = InlineToken(Secret(self._need(_TOKEN, None)))
        self._refuse_missing(is_replaced=is_replaced)
        return source or InlineToken(Secret(token_from_stdin("--token-stdin")))

    def _refuse_missing(self, *, is_replaced: bool) -> None:
        if self._missing:
            whole = "An account is replaced completely, never in part: give" if is_replaced else "Give"
            raise ConfigError(
                f"Missing for the profile {self._name!r}: {', '.join(self._missing)}",
                remedy=f"{whole} these options, or run it on a terminal, where it asks.",
            )

    def _need(self, question: _Question, value: str | None) -> str:
        """Return the value that was given or is answered; without either it counts as missing."""
        answer = value or self._ask(question)
        if not answer:
            self._missing.append(question.option)
        return answer or ""

    def _ask(self, question: _Question) -> str | None:
        """Ask until an answer will do; None if nobody answers, after which nothing more is asked."""
        while self._can_ask:
            answer = answered(question.prompt, hidden=question.hidden)
            if answer is None:
                self._can_ask = False
                return None
            try:
                self._warn(question.check(answer))
            except ExosmsError as error:
                self._out.tell(f"{error.message}. {error.remedy}")
            else:
                return answer
        return None

    def _warn(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            self._out.warn(warning)


def token_from_stdin(asked_by: str) -> str:
    """Return the first line of standard input; raises ConfigError if it is no token."""
    line = sys.stdin.buffer.readline(LONGEST_TOKEN + 1)
    if not line.strip():
        what = "Standard input was empty" if not line else "The first line of standard input was empty"
        raise ConfigError(
            f"{what}, and {asked_by} takes the API token from there",
            remedy=f"Pipe it in: pass show exotel | exosms profile … {asked_by}",
        )
    token = line.decode("latin-1").strip()
    _check_token(token)
    return token
