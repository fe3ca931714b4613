"""What is asked for by whoever sends one text; each field is an option of the command line, in its order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from exosms.sms.message import MessageType, Priority
from exosms.sms.rate import Rate


class MessageOptions(NamedTuple):
    """What is said once of all messages, beside their texts; None is what is left to template and profile."""

    sender: str | None = None
    dlt_entity_id: str | None = None
    dlt_template_id: str | None = None
    type: MessageType | None = None
    priority: Priority | None = None
    encoding: str | None = None
    """``auto``, or an ``Encoding``."""
    status_callback: str | None = None
    custom_field: str | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        """Those of which something is said, be it the default."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class PartLimits(NamedTuple):
    """The most parts of one text, and of all that one command sends."""

    max_segments: int | None = None
    max_parts: int | None = None


class SendRequest(NamedTuple):
    """One text to one or several recipients, before any of it is checked."""

    to: Sequence[str] = ()
    to_file: Sequence[str] = ()
    skip_invalid: bool = False
    body: str | None = None
    body_file: str | None = None
    template: str | None = None
    variables: Mapping[str, str] = {}
    fit: bool = False
    templates: Path | None = None
    message_options: MessageOptions = MessageOptions()
    once: str | None = None
    within: float | None = None
    limits: PartLimits = PartLimits()
    any_hour: bool = False
    timeout: float = 90
    rate: Rate | None = None
    retry_for: float = 120.0
    wait: float | None = None
    dry_run: bool = False
