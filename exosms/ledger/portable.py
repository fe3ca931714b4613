"""Statements that every engine understands, so that what holds of both is said once."""

from collections.abc import Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """What a statement found."""

    def fetchone(self) -> Any: ...  # noqa: D102  # DB-API 2.0


class Statements(Protocol):
    """Runs statements, which have a question mark for each value, in a transaction that is under way."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor: ...  # noqa: D102  # DB-API 2.0
