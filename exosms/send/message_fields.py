"""What the messages of one command have in common: from the command line, the template, the profile."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from exosms.config.config_file import is_name
from exosms.config.paths import flag_for
from exosms.config.settings import Settings, templates_path
from exosms.errors import ConfigError
from exosms.send.request import MessageOptions, PartLimits
from exosms.sms import dlt
from exosms.sms.guards import Guards
from exosms.sms.message import Encoding, MessageFields, Priority

if TYPE_CHECKING:
    from exosms.templates.registry import Registered

_NO_ACCOUNT = "no account yet: a real send needs a profile, EXOTEL_* variables or --region sandbox"


def find_template(name: str | None, settings: Settings) -> "Registered | None":
    """Return the registered template of this name or id, if one is asked for.

    Raises InputError where there is none, and ConfigError for a file of templates that cannot be used.
    """
    if name is None:
        return None
    from exosms.templates import registry

    return registry.read(templates_path(settings)).get(name)


def fields_for(
    asked: MessageOptions,
    settings: Settings,
    registered: "Registered | None",
    *,
    warn: Callable[[str], None],
    sender_needed: bool = True,
) -> MessageFields:
    """Return what goes out beside the text; what is registered with a template outranks profile and environment.

    Without ``sender_needed`` the sender may be empty: whoever asks still has to look for one in a file.
    """
    own = registered.sender if registered else None
    entity = registered.dlt_entity_id if registered else None
    template_id = registered.dlt_template_id if registered else None
    sms_type = registered.type if registered else None
    sender = asked.sender or own or settings.sender
    if settings.account is None:
        warn(settings.no_account or _NO_ACCOUNT)
    if sender_needed and not sender:
        miss_sender(settings, warn=warn)
    if own and sender and sender != own:
        warn(f"the template is registered for the header {own}, not {sender}; the operator may drop the text")
    if template_id and asked.dlt_template_id and asked.dlt_template_id != template_id:
        warn(f"the template is registered as {template_id}, not {asked.dlt_template_id}")
    if sms_type and asked.type and asked.type != sms_type:
        warn(f"the template is registered as {sms_type}, not {asked.type}")
    decided = {
        "sender": sender or "",
        "dlt_entity_id": asked.dlt_entity_id or entity or settings.dlt_entity_id,
        "dlt_template_id": asked.dlt_template_id or template_id,
        "type": asked.type or sms_type,
        "priority": asked.priority or Priority.NORMAL,
        "encoding": None if asked.encoding in {None, "auto"} else Encoding(asked.encoding),
        "template": registered.name if registered else None,
    }
    message_fields = MessageFields(**{**asked._asdict(), **decided})
    shape = dlt.check_sender(sender) if sender else ()
    for warning in (*shape, *dlt.check_ids(message_fields.dlt_entity_id, message_fields.dlt_template_id)):
        warn(warning)
    return message_fields


def miss_sender(settings: Settings, *, warn: Callable[[str], None]) -> None:
    """Raise ConfigError where there is an account to send from and no sender; only a dry run can do without both."""
    if settings.account is not None:
        raise ConfigError(
            "No sender: Exotel needs the header or ExoPhone that sends the text",
            remedy=f"Add --from SENDER, or {_how_to_store_a_sender(settings)}set EXOTEL_FROM.",
        )
    warn("no sender yet: a real send needs --from, EXOTEL_FROM or a profile")


def _how_to_store_a_sender(settings: Settings) -> str:
    """Return the command that stores one, as a part of a sentence; without a profile there is no place for it."""
    if settings.profile is None or not is_name(settings.profile):
        return ""
    there = flag_for(settings.config, os.environ)
    return f"store one with `exosms profile set {settings.profile} from=SENDER{there}`, or "


def guards_for(limits: PartLimits, settings: Settings, *, any_hour: bool) -> Guards:
    """Return the limits of one command and its profile."""
    return Guards(
        any_hour=any_hour,
        max_segments=limits.max_segments,
        max_parts=limits.max_parts,
        max_parts_per_day=settings.max_parts_per_day,
        allow=settings.allow,
    )
