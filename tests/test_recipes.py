"""The README's recipes do what they say: their commands run as they stand there, against a server that counts."""

import configparser
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import Shell
from faulty import FaultyExotel

README = Path(__file__).parent.parent / "README.md"
RECIPES = dict(re.findall(r"<!-- recipe (\w+) -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL))
ACCOUNT = {
    "EXOTEL_ACCOUNT_SID": "acme1",
    "EXOTEL_API_KEY": "key",
    "EXOTEL_API_TOKEN": "token",
    "EXOTEL_FROM": "ACMEIN",
}


def run(
    exosms: Shell, script: str, *, url: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a recipe's shell commands with exosms on the PATH."""
    directory = exosms.home / "bin"
    directory.mkdir(exist_ok=True)
    program = directory / "exosms"
    program.write_text(f'#!/bin/sh\nexec {" ".join(exosms.command())} "$@"\n')
    program.chmod(0o700)
    everything = exosms.full_env({**ACCOUNT, "EXOSMS_BASE_URL": url, **(env or {})})
    everything["PATH"] = f"{directory}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", script], env=everything, cwd=exosms.home, capture_output=True, text=True, check=False, timeout=60
    )


def texts(exotel: FaultyExotel) -> list[str]:
    return [text for (_, text), deeds in exotel.deeds.items() for _ in deeds]


def test_cron_texts_once_a_day(exosms: Shell, exotel: FaultyExotel) -> None:
    line = RECIPES["cron"].strip().split(maxsplit=5)[5].replace(r"\%", "%")  # as cron reads it
    for _ in range(2):
        done = run(exosms, f"backup() {{ :; }}\n{line}", url=exotel.url)
        assert done.returncode == 0, done.stderr
    assert texts(exotel) == ["Backup finished"]


@pytest.mark.parametrize(("kind", "exit_code", "pauses", "requests"), [("429", 11, 3, 3), ("500", 9, 0, 1)])
def test_the_loop_goes_on_only_where_it_is_safe(
    exosms: Shell, kind: str, exit_code: int, pauses: int, requests: int
) -> None:
    script = RECIPES["loop"].replace("exosms send", "exosms send --retry-for 0")  # the loop's own patience is tested
    with FaultyExotel(faults=1, seed=1, latency=0, kinds=[kind]) as server:
        done = run(exosms, f"sleep() {{ echo paused $1; }}\n{script}", url=server.url)
    assert (done.returncode, done.stdout.count("paused")) == (exit_code, pauses), done.stderr
    assert server.requests >= requests


def test_the_loop_ends_when_it_was_accepted(exosms: Shell, exotel: FaultyExotel) -> None:
    done = run(exosms, RECIPES["loop"], url=exotel.url)
    assert (done.returncode, len(texts(exotel))) == (0, 1), done.stderr


def test_a_unit_that_failed_is_texted_about(exosms: Shell, exotel: FaultyExotel) -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read_string(re.sub(r"^Environment=(EXOTEL_REGION)", r"Other=\1", RECIPES["systemd"], flags=re.MULTILINE))
    token = exosms.home / "token"
    token.write_text("token\n")
    token.chmod(0o400)
    service = unit["Service"]
    assigned = f"{service['Environment']} {service['Other']}"
    told = {"%S": str(exosms.home), "%d": str(exosms.home), "%i": "backup.service", "%H": "host", "%b": "1f2e"}
    for specifier, value in told.items():
        assigned = assigned.replace(specifier, value)
        service["ExecStart"] = service["ExecStart"].replace(specifier, value)
    env = {**dict(pair.split("=", 1) for pair in assigned.split()), "EXOTEL_API_TOKEN": ""}
    done = run(exosms, service["ExecStart"], url=exotel.url, env=env)
    assert done.returncode == 0, done.stderr
    assert texts(exotel) == ["backup.service failed on host"]


def test_github_actions_texts_the_team(exosms: Shell, exotel: FaultyExotel) -> None:
    (step,) = yaml.safe_load(RECIPES["github"])
    assert set(step["env"]) >= set(ACCOUNT) | {"EXOTEL_REGION"}
    env = {"GITHUB_WORKFLOW": "Release $(id)", "GITHUB_REF_NAME": "main"}
    assert run(exosms, step["run"], url=exotel.url, env=env).returncode == 0
    assert texts(exotel) == ["Release $(id) failed on main"]


def test_gitlab_texts_the_team_once_for_each_pipeline(exosms: Shell, exotel: FaultyExotel) -> None:
    job = yaml.safe_load(RECIPES["gitlab"])["text-the-team"]
    env = {"CI_PIPELINE_ID": "42", "CI_COMMIT_REF_NAME": "main", "CI_PROJECT_DIR": str(exosms.home)}
    for name, value in job["variables"].items():
        env[name] = value.replace("$CI_PROJECT_DIR", str(exosms.home))
    for _ in range(2):
        assert run(exosms, "\n".join(job["script"]), url=exotel.url, env=env).returncode == 0
    assert texts(exotel) == ["Pipeline 42 failed on main"]
    assert (exosms.home / job["cache"]["paths"][0] / "ledger.db").exists()


def test_a_container_needs_no_home(exosms: Shell, exotel: FaultyExotel) -> None:
    options, command = re.split(r"IMAGE \\\n", RECIPES["container"])
    assert "--env EXOSMS_STATE_DIR=/state" in options
    state = exosms.home / "volume"
    state.mkdir()
    for _ in range(2):
        done = run(exosms, command, url=exotel.url, env={"HOME": "", "EXOSMS_STATE_DIR": str(state)})
        assert done.returncode == 0, done.stderr
    assert texts(exotel) == ["Deployed"]


def test_the_hook_lets_through_only_what_is_registered(exosms: Shell) -> None:
    block = next(
        block for block in re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL) if "hooks" in block
    )
    (hook,) = yaml.safe_load(block)[0]["hooks"]
    registered = re.search(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    assert registered
    (exosms.home / "templates.toml").write_text(registered[1])
    good, bad = exosms.home / "good.txt", exosms.home / "bad.txt"
    good.write_text("4711 is your OTP for login. - Acme\n")
    bad.write_text("4711 is your OTP for login - Acme\n")
    for files, exit_code in ((f"{good}", 0), (f"{good} {bad}", 3)):
        done = run(exosms, f"{hook['entry']} {files}", url="http://127.0.0.1:9")
        assert done.returncode == exit_code, done.stdout
