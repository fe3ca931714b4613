"""The receiver of callbacks for a WSGI server of one's own: ``gunicorn exosms.callbacks:application``."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exosms.receiver.application import Application


def __getattr__(name: str) -> "Application":
    """Make the application once a server asks for it: it has threads, which an import should not start."""
    if name != "application":
        raise AttributeError(name)
    return _application()


@cache
def _application() -> "Application":
    import os
    import sys

    from exosms.receiver.application import Application
    from exosms.system.escaping import printable

    def warn(text: str) -> None:
        sys.stderr.write(f"exosms: warning: {printable(text)}\n")

    application = Application(warn=warn)
    application.start()  # what was not confirmed before the last end is so without waiting for another callback
    os.register_at_fork(before=application.before_fork, after_in_child=application.start)
    return application
