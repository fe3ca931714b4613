"""What a run was begun with, and how the ledger keeps it."""

import json
from typing import Any, NamedTuple

from exosms.sms.message import MessageFields

_STORED_FIELDS = "letterhead"
"""The key of a run's fields in the ledger, whose keys never change."""


class RunTerms(NamedTuple):
    """What a run was begun with and keeps when it is resumed."""

    message_fields: MessageFields
    any_hour: bool = False
    timeout: float = 90.0
    """Seconds that one request may take."""
    batch: int = 0
    """Texts a request; 0 chooses by the number of rows."""
    resend: bool = False
    """Whether rows that other runs sent are sent again."""
    within: float = 12 * 3600.0
    """Seconds before its beginning in which other runs' rows count as sent before."""
    region: str | None = None
    base_url: str | None = None
    """Where the command line said that the account lives, so that the run is gone on with by its name alone."""
    content: str | None = None
    """What tells the file's cells from others, a keyed hash; None of runs of older versions."""
    delimiter: str | None = None
    csv_encoding: str | None = None
    sheet: str | None = None
    """How the file was asked to be read, so that it can be read again."""
    rate: str | None = None
    """The pace that the command line asked for; None: the profile's, or the default."""

    @classmethod
    def load(cls, text: str) -> "RunTerms":
        """Read what ``dump`` wrote."""
        values: dict[str, Any] = json.loads(text)
        message_fields = MessageFields(sender="").with_stored(values.pop(_STORED_FIELDS))
        return cls(message_fields=message_fields, **values)

    def dump(self) -> str:
        """Write the terms as JSON."""
        stored = self._asdict()
        return json.dumps({_STORED_FIELDS: stored.pop("message_fields")._asdict(), **stored})
