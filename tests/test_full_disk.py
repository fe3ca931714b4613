"""A full disk is called that wherever something was to be written: on a disk that is full, no limit of a process."""

import errno
import subprocess
from pathlib import Path

import pytest
from conftest import Result, Shell, can_mount

from exosms.system.files import FULL, is_full, why_unwritten

MOUNT = ("unshare", "--mount", "sh", "-c")
FILL = "mount -t tmpfs -o size=2000k none disk && cp -a kept/. disk; head -c 9999999 /dev/zero >disk/filling"
"""In a name space of its own, so that the disk is gone with the command."""


pytestmark = pytest.mark.skipif(not can_mount(), reason="no file system can be mounted here")

SANDBOX = ("--region", "sandbox")
ONE = ("send", *SANDBOX, "--to", "9876543210", "--body", "Hi")
TEMPLATE = ("--text", "{#var#} is it. - Acme", "--dlt-template-id")
STATE = {"EXOSMS_STATE_DIR": "disk/state"}
FILES = {"EXOSMS_CONFIG": "disk/config.toml", "EXOSMS_TEMPLATES": "disk/templates.toml"}


def on_the_full_disk(exosms: Shell, *argv: str, elsewhere: bool = False) -> Result:
    """Run a command with its files, or only with what it names, on a disk that is full."""
    for name in ("disk", "kept"):
        (exosms.home / name).mkdir(exist_ok=True)
    command = [*MOUNT, f'{{ {FILL}; }} 2>/dev/null; exec "$@"', "sh", *exosms.command(*argv)]
    env = exosms.full_env({} if elsewhere else STATE | FILES)
    done = subprocess.run(command, env=env, cwd=exosms.home, capture_output=True, text=True, timeout=60, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def begin(exosms: Shell) -> None:
    """Leave a ledger, a configuration and templates on the disk before it is full."""
    kept = {name: str(exosms.home / path.replace("disk", "kept")) for name, path in (STATE | FILES).items()}
    for argv in (ONE, ("profile", "add", "team", *SANDBOX), ("template", "add", "otp", *TEMPLATE, "1" * 19)):
        assert exosms(*argv, env=kept).exit_code == 0


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(
    ("argv", "what", "exit_code"),
    [
        (ONE, "cannot be used", 0),
        ((*ONE, "--once", "k"), "cannot be used", 4),
        (("bulk", "people.csv", *SANDBOX, "--yes"), "cannot be used", 4),
        (("job", *SANDBOX, "--to", "9876543210", "--once", "k", "--", "false"), "cannot be used", 1),
        (("profile", "add", "other", *SANDBOX), "config.toml cannot be written", 4),
        (("template", "add", "two", *TEMPLATE, "2" * 19), "templates.toml cannot be written", 4),
        (("doctor", *SANDBOX), "state cannot be used", 4),
    ],
    ids=["send", "once", "bulk", "job", "profile", "template", "doctor"],
)
def test_what_was_to_be_written_there_says_that_it_is_full(
    exosms: Shell, argv: tuple[str, ...], what: str, exit_code: int, is_new: bool
) -> None:
    if not is_new:
        begin(exosms)
    (exosms.home / "people.csv").write_text("to,body\n9876543210,Hi\n")
    result = on_the_full_disk(exosms, *argv)
    told = result.stdout + result.stderr
    assert result.exit_code == exit_code, told
    assert f"{what}: {FULL}" in told


def test_results_that_do_not_fit_are_told_and_can_be_had_elsewhere(exosms: Shell) -> None:
    (exosms.home / "people.csv").write_text("to,body\n9876543210,Hi\n")
    argv = ("bulk", "people.csv", *SANDBOX, "--yes", "--run", "june", "--results", "disk/june.csv")
    sent = on_the_full_disk(exosms, *argv, elsewhere=True)
    exported = on_the_full_disk(exosms, "runs", "export", "june", "disk/june.csv", elsewhere=True)
    assert (sent.exit_code, exported.exit_code, sent.stdout[:8]) == (0, 4, "accepted")  # 0 is of its messages
    for result in (sent, exported):
        told = f"file disk/june.csv cannot be written: {FULL}\n  Write it elsewhere with: exosms runs export"
        assert told in result.stderr


def quota_is_used_up(**_: object) -> None:
    raise OSError(errno.EDQUOT, "Disk quota exceeded")


def test_a_quota_is_a_disk_that_is_full_for_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_full(tmp_path)
    monkeypatch.setattr("tempfile.TemporaryFile", quota_is_used_up)
    assert is_full(tmp_path)
    assert why_unwritten(OSError(errno.EDQUOT, "Disk quota exceeded")) == "the disk is full: the quota is used up"
