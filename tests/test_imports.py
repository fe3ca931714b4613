"""Start-up time, held by what is imported instead of by a clock."""

import json
import subprocess
import sys

from conftest import Shell

LIST = """
import sys, json
from exosms.cli.app import main
code = main(sys.argv[1:])
print(json.dumps([code, *sys.modules]))
"""


def modules(exosms: Shell, *argv: str, env: dict[str, str] | None = None, listing: str = LIST) -> set[str]:
    clean = {name: value for name, value in exosms.full_env(env).items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", listing, *argv], env=clean, capture_output=True, text=True, check=True
    )
    code, *names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return {".".join(parts[:size]) for parts in (name.split(".") for name in names) for size in (1, 2, 3)}


def test_version_imports_next_to_nothing(exosms: Shell) -> None:
    assert set() == modules(exosms, "--version") & {"typer", "httpx", "rich", "sqlite3"}


def test_help_knows_nothing_of_the_network_and_of_drawing(exosms: Shell) -> None:
    for argv in (["--help"], ["send", "--help"], ["help", "exit-codes"]):
        assert set() == modules(exosms, *argv) & {
            "httpx",
            "rich",
            "asyncio",
            "importlib.metadata",
            "phonenumbers",
        }


def test_a_piped_send_imports_only_what_it_needs(exosms: Shell) -> None:
    from misbehaving import Misbehaving, answers

    env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
    send = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hello")
    with Misbehaving(answers(200, '{"SMSMessage": {"Sid": "5"}}')) as server:
        loaded = modules(exosms, *send, "--base-url", server.url, env=env)
    heavy = {
        "rich", "pygments", "asyncio", "pydantic", "click", "importlib.metadata", "phonenumbers", "platformdirs",
        "tomllib", "tomlkit", "csv", "concurrent.futures", "multiprocessing", "exosms.codes", "exosms.sandbox",
        "exosms.templates", "exosms.exotel.delivery_report", "exosms.send.track",
    }  # fmt: skip
    assert set() == loaded & heavy


def test_a_job_runs_before_anything_that_only_a_text_needs_is_imported(exosms: Shell) -> None:
    env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token", "EXOTEL_FROM": "A"}
    loaded = modules(exosms, "job", "--to", "9876543210", "--region", "mumbai", "--", "true", env=env)
    heavy = {
        "httpx", "httpcore", "ssl", "socket", "sqlite3", "rich", "asyncio", "csv", "tomllib", "phonenumbers",
        "importlib.metadata", "exosms.exotel", "exosms.ledger", "exosms.templates", "exosms.codes", "exosms.sandbox",
        "exosms.cli.context", "exosms.cli.ledgers", "exosms.cli.output.messages", "exosms.send.one",
    }  # fmt: skip
    assert set() == loaded & heavy
    assert "exosms.job.child" in loaded


def test_a_text_that_matches_loads_nothing_that_explains(exosms: Shell) -> None:
    loaded = modules(exosms, "check-template", "--text", "Hi {#var#}", "--body", "Hi Asha")
    assert "exosms.templates.explain" not in loaded
    assert "exosms.templates.match" in loaded


def test_values_on_the_way_of_a_send_are_named_tuples(exosms: Shell) -> None:
    """A frozen dataclass takes half a millisecond to define, a named tuple a tenth of that."""
    listed = LIST.replace("*sys.modules", "*sorted(c.__name__ for c in object.__subclasses__() if is_ours(c))")
    ours = "is_ours = lambda c: c.__module__.startswith('exosms') and hasattr(c, '__dataclass_fields__')\n"
    argv = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hello", "--region", "sandbox")
    assert modules(exosms, *argv, listing=ours + listed) == {"Out"}
