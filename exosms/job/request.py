"""What is asked for by whoever wants to hear how a command ended; each field is an option, in its order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from exosms.job.ending import DEFAULT_TEXT, Ending, On, filled
from exosms.send.request import MessageOptions, PartLimits, SendRequest
from exosms.sms.rate import Rate


class JobRequest(NamedTuple):
    """Who is to hear of which endings, and what."""

    to: Sequence[str] = ()
    to_file: Sequence[str] = ()
    on: On = On.FAILURE
    longer_than: float = 0.0
    name: str | None = None
    body: str | None = None
    template: str | None = None
    variables: Mapping[str, str] = {}
    templates: Path | None = None
    message_options: MessageOptions = MessageOptions()
    once: str | None = None
    within: float | None = None
    limits: PartLimits = PartLimits()
    any_hour: bool = False
    timeout: float = 90
    rate: Rate | None = None
    retry_for: float = 120.0
    dry_run: bool = False

    def about(self, ending: Ending, job: str) -> SendRequest:
        """Return what is to be sent about an ending; who cannot be reached keeps nobody else from hearing of it."""
        words = ending.words(job)
        body = self.body if self.body is not None or self.template is not None else DEFAULT_TEXT
        shared = {name: value for name, value in self._asdict().items() if name in SendRequest._fields}
        return SendRequest(**shared)._replace(
            skip_invalid=True,
            body=None if body is None else filled(body, words),
            variables={name: filled(text, words) for name, text in self.variables.items()},
            fit=True,
        )
