"""The receiver of callbacks for a WSGI server of one's own: ``gunicorn exosms.callbacks:application``."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exosms.receiver.application import Application


def __getattr__(name: str) -> "Application":
    """Make the application once a server asks for it: it has threads, which an import should not start."""
    if name != "application":
        raise AttributeError(name)
    return _application()


@cache
def _application() -> "Application":
    import logging  # noqa: F401  # before our hook: a fork keeps its lock from our threads, and would wait for them
    import os
    import sys

    from exosms.receiver.application import Application
    from exosms.system.escaping import printable

    def warn(text: str) -> None:
        sys.stderr.write(f"exosms: warning: {printable(text)}\n")

    application = Application(warn=warn)
    # What was not confirmed before the last end is so without waiting for another callback.
    uwsgi = sys.modules.get("uwsgi")  # there within uWSGI alone, which forks without telling Python
    if uwsgi is None or uwsgi.worker_id():
        application.start()
    else:
        _have_started(application, uwsgi)
    os.register_at_fork(before=application.before_fork, after_in_child=application.start_again)
    return application


def _have_started(application: "Application", uwsgi: Any) -> None:
    """Start it in each worker, and not before: what was open in their parent they would have open as well."""
    earlier = getattr(uwsgi, "post_fork_hook", lambda: None)

    def start() -> None:
        earlier()
        application.start_again()

    uwsgi.post_fork_hook = start
