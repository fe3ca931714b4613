"""What would be texted to whom, and what is wrong with that: before a command starts, in a dry run, at its end."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from exosms.cli.commands import is_text, no_text
from exosms.config.account_source import AccountOptions
from exosms.config.credentials import TokenCommand
from exosms.config.settings import Settings, resolve
from exosms.errors import ConfigError, ExosmsError, GuardError, InputError, RecipientsError
from exosms.send.message_fields import find_template, guards_for
from exosms.send.prepare import Warn, prepare, text_of
from exosms.send.recipients import Recipients, find_recipients
from exosms.send.request import SendRequest
from exosms.sms.compose import check_text
from exosms.sms.message import Message

if TYPE_CHECKING:
    from exosms.templates.registry import Registered


class ListedRecipients(NamedTuple):
    """What stands in the files of recipients: they are read once, since a pipe is empty then."""

    recipients: Sequence[str]
    unread: Mapping[str, InputError]
    """What keeps the others from being read."""


def read_listed(names: Sequence[str]) -> ListedRecipients:
    """Read them, waiting for nobody; one that cannot be read keeps nobody in the others from being texted."""
    from exosms.cli.body_text import read_recipients

    recipients: list[str] = []
    unread: dict[str, InputError] = {}
    for name in names:
        try:
            recipients += read_recipients(name, promptly=True)
        except InputError as error:
            unread[name] = error
    return ListedRecipients(recipients, unread)


class JobPlan(NamedTuple):
    """What would be texted to whom."""

    request: SendRequest
    options: AccountOptions
    recipients: Sequence[str]
    """E.164 where that is known, else as they were given; for a group its numbers, where they are known."""
    problems: Sequence[ExosmsError]
    """What keeps everybody from being texted."""
    left_out: Mapping[str, ExosmsError] = {}
    """Who cannot be texted, whatever becomes of the others."""
    text: str | None = None
    """None for one that cannot be sent."""
    messages: Sequence[Message] = ()
    settings: Settings | None = None
    """None where there are none that can be used."""

    @property
    def all_problems(self) -> Sequence[ExosmsError]:
        """Everything that is wrong."""
        return (*self.problems, *self.left_out.values())


def plan(request: SendRequest, listed: ListedRecipients, options: AccountOptions, *, warn: Warn) -> JobPlan:
    """Return what would be sent and what is wrong; raises UsageError only, for an option that makes no sense."""
    settings, problems = _settings(options, warn, is_account_needed=not request.dry_run)
    problems += _no_text(request)
    found = JobPlan(request, options, request.to, problems)
    if settings is None:
        return found
    recipients = Recipients((), (), (), {})
    registered: Registered | None = None
    try:
        recipients = _recipients(request, listed, settings)
    except (InputError, ConfigError) as error:
        problems.append(error)
    everybody = [*recipients.numbers, *recipients.refused]
    left_out = {**listed.unread, **recipients.refused}
    found = found._replace(recipients=everybody or found.recipients, left_out=left_out)
    try:
        registered = find_template(request.template, settings)
        text = text_of(request, request.body, registered, warn=warn)
        check_text(text)
        found = found._replace(text=text, settings=settings)
        messages = prepare(request, text, recipients, settings, registered, warn=warn)
    except RecipientsError:  # of which each has been noted
        return found
    except (InputError, ConfigError) as error:
        problems.append(error)
        return found
    kept_back = _kept_back(messages, request, settings)
    return found._replace(
        messages=[message for message in messages if message.to not in kept_back],
        left_out={**left_out, **kept_back},
    )


def _settings(
    options: AccountOptions, warn: Warn, *, is_account_needed: bool
) -> tuple[Settings | None, list[ExosmsError]]:
    """Return the settings as far as they can be used, and what is wrong with them."""
    problems: list[ExosmsError] = []
    try:
        settings = resolve(options, os.environ, account_needed=is_account_needed)
        account = settings.account
        if is_account_needed and account and not isinstance(account.token, TokenCommand):
            account.token.fetch(environ=os.environ, warn=warn)
    except ConfigError as error:
        problems.append(error)
        try:
            settings = resolve(options, os.environ, account_needed=False)
        except ConfigError:  # as before
            return None, problems
    for warning in settings.warnings:
        warn(warning)
    return settings, problems


def _no_text(request: SendRequest) -> Iterator[InputError]:
    """Yield what is wrong with the options that may say anything; the others are checked for what they say."""
    for option, value in (("--once", request.once), ("--custom-field", request.message_options.custom_field)):
        if value is not None and not is_text(value):
            yield no_text(option, value)


def _recipients(request: SendRequest, listed: ListedRecipients, settings: Settings) -> Recipients:
    """Return who is to be texted; raises InputError where nobody was named."""
    found = find_recipients([*request.to, *listed.recipients], settings)
    if not (found.as_given or listed.unread):
        raise InputError("Nobody is to be texted", remedy="Name recipients with --to or --to-file.")
    return found


def _kept_back(messages: Sequence[Message], request: SendRequest, settings: Settings) -> Mapping[str, GuardError]:
    """Return who is kept back by a guard that concerns nobody else."""
    guards = guards_for(request.limits, settings, any_hour=request.any_hour)
    kept_back: dict[str, GuardError] = {}
    for message in messages:
        try:
            guards.check_message(message)
        except GuardError as error:
            kept_back[message.to] = error
    return kept_back
