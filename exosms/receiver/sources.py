"""The ledgers that know of callbacks: that of this machine, and those that the profiles share with others."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exosms.config.paths import state_directory
from exosms.config.settings import shared_ledgers
from exosms.errors import ConfigError
from exosms.ledger.callback_rows import LocalCallbacks
from exosms.ledger.callbacks import CallbackStore
from exosms.ledger.messages import Ledger

if TYPE_CHECKING:
    from exosms.config.ledger_address import LedgerAddress

_PATIENCE = 5.0
"""Seconds that a callback waits for a database; then Exotel is to send it again."""


def stores(config: Path | None, *, warn: Callable[[str], None]) -> Sequence[Callable[[], CallbackStore]]:
    """Return what opens each, that of this machine first; raises ConfigError for a configuration that is unreadable.

    What opens one raises ConfigError where it cannot be used, LedgerAwayError where it may be later.
    """
    directory = state_directory(os.environ)
    if directory is None:
        raise ConfigError("There is no home directory for the ledger", remedy="Set EXOSMS_STATE_DIR.")
    shared = shared_ledgers(config, os.environ, warn)
    return [partial(_local, directory), *(partial(_shared, address) for address in shared)]


def _local(directory: Path) -> CallbackStore:
    return LocalCallbacks(Ledger.open(directory))


def _shared(address: "LedgerAddress") -> CallbackStore:
    from exosms.ledger.postgres.callbacks import SharedCallbacks
    from exosms.ledger.postgres.messages import SharedLedger, Terms

    terms = Terms()  # numbers are left out: a profile may have promised that, and the message has its own
    return SharedCallbacks(SharedLedger.open(address, terms, patience=_PATIENCE, is_hasty=True))
