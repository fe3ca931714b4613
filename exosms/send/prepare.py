"""From what was asked for to messages that may go out: the text, the recipients, and what may be a mistake."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exosms.config import paths
from exosms.config.settings import Settings
from exosms.errors import ExosmsError
from exosms.send.message_fields import fields_for
from exosms.send.recipients import Recipients
from exosms.send.request import SendRequest
from exosms.sms import dlt, phone, segments
from exosms.sms.compose import compose
from exosms.sms.message import Message, MessageType
from exosms.system.escaping import for_shell
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.templates.registry import Registered

_MANY_PARTS = 7

Warn = Callable[[str], None]
"""Is told what may be a mistake, as it is found: an error may follow."""


def prepare(
    request: SendRequest,
    given: str | None,
    recipients: Recipients,
    settings: Settings,
    registered: "Registered | None",
    *,
    warn: Warn,
) -> Sequence[Message]:
    """Return a message for every recipient who can get one; ``given`` is the text, if one was given.

    Raises InputError for a text or a recipient that cannot be sent, and ConfigError where no sender is known.
    """
    body = text_of(request, given, registered, warn=warn)
    message_fields = fields_for(request.message_options, settings, registered, warn=warn)
    for number in dict.fromkeys(recipients.repeated):
        warn(f"{number} was given more than once and gets one message")
    numbers = recipients.sendable(skip_invalid=request.skip_invalid)
    return [compose(to, body, message_fields) for to in numbers]


def review(given: str | None, messages: Sequence[Message], settings: Settings, *, warn: Warn) -> None:
    """Tell what may be a mistake about messages that can go out."""
    for message in messages[:1]:  # they are alike
        if given is not None:
            review_what_was_given(message.body, warn=warn)
        _review_size(message, warn)
        if any(phone.is_indian(each.to) for each in messages) and not settings.is_sandbox:
            for warning in dlt.missing_ids(message.fields.dlt_entity_id, message.fields.dlt_template_id):
                warn(warning)
            compare_with_templates("the text", message, settings.templates, warn=warn)


def text_of(request: SendRequest, given: str | None, registered: "Registered | None", *, warn: Warn) -> str:
    """Return the text that goes out, given or rendered; raises MismatchError unless it is as its template has it."""
    if registered is None:
        return given or ""
    from exosms.templates.check import MismatchError, against, rendered

    body, values, warnings = (
        (given, None, ()) if given is not None else rendered(registered, request.variables, fit=request.fit)
    )
    for warning in warnings:
        warn(warning)
    check = against(body, registered, values=values)
    if not check.matches:
        raise MismatchError(check)
    for warning in check.warnings:
        warn(warning)
    return body


def review_what_was_given(body: str, *, warn: Warn) -> None:
    """Tell what goes out as it stands in a text, and may have been meant for something else."""
    if "\\n" in body:
        warn(r"the text contains a literal \n, which is sent as it is; for a new line use $'…\n…' or a file")
    _review_markers(body, warn)
    if body.startswith("@") and paths.is_file(Path(body[1:])):
        warn(f"the text is {body!r} itself, not the content of that file; to send that, use --body-file {body[1:]}")


def _review_markers(body: str, warn: Warn) -> None:
    from exosms.sms.foreign_markers import Notation, find

    markers = [marker.text for marker in find(body) if marker.notation is not Notation.CROSSES]  # a masked number
    for marker in dict.fromkeys((*markers, *re.findall(r"%[sd]\b", body))):
        warn(f"the text contains {marker}, which is sent as it is")


def _review_size(message: Message, warn: Warn) -> None:
    measure = segments.measure(message.body, message.encoding)
    few = len({forcing.character for forcing in measure.forcing}) <= segments.FEW_FORCING
    if measure.forcing and (few or measure.segments_if_plain != measure.segments):
        parts, plain = measure.segments, measure.segments_if_plain
        cost = f", still of {counted(parts, 'part')}" if parts == plain else f": {parts} parts instead of {plain}"
        verb = "makes" if len(measure.forcing) == 1 else "make"
        warn(f"{segments.named(measure.forcing)} {verb} the text Unicode{cost}")
    if message.segments > _MANY_PARTS:
        warn(f"the text takes {message.segments} parts, and each part is charged")


def compare_with_templates(called: str, message: Message, templates: Path | None, *, warn: Warn) -> None:
    """Say of a text, by what it is called, where it is not as the templates that are kept here have it."""
    of = message.fields
    if templates is None or of.template or not paths.is_there(templates):  # what -t names is checked
        return
    if of.dlt_template_id:
        _compare_with_its_own(called, message.body, of.dlt_template_id, templates, warn)
    elif of.type is not MessageType.PROMOTIONAL:
        _compare_with_all(called, message.body, templates, warn)


def _compare_with_its_own(called: str, body: str, template_id: str, templates: Path, warn: Warn) -> None:
    """Say whether a text differs from the template that is kept here under the id that goes out with it."""
    from exosms.templates import registry
    from exosms.templates.check import against

    try:
        registered = registry.read(templates).get(template_id)
        check = against(body, registered)
    except ExosmsError:  # an id that is not kept here, or a file that was not asked for
        return
    if not check.matches:
        name = registered.name
        warn(
            f"{called} differs from the template {name!r}, whose id it goes out with: operators may drop it;"
            f" `exosms check-template -t {for_shell(name)}` shows where"
        )


def _compare_with_all(called: str, body: str, templates: Path, warn: Warn) -> None:
    """Say whether a text that names no template is one of those that are kept here, if any are."""
    from exosms.templates import registry
    from exosms.templates.check import against_all

    try:
        known = registry.read(templates)
        check = against_all(body, known)
    except ExosmsError:  # a file that was not asked for, or is empty
        return
    if check.matches and check.template:
        name = check.template.name
        warn(f"{called} matches the template {name!r}; give -t {name}, so that its ids and type are sent with it")
    else:
        none = "no template that can be read" if known.flawed else "no template"
        warn(
            f"{called} matches {none} in {templates}: operators may drop it, or send it as"
            " promotional; `exosms check-template` shows where it differs"
        )
