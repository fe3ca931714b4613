"""``exosms doctor``: every subject is ok, a warning or a failure with its remedy, and nothing secret is shown."""

import json
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from conftest import Shell
from misbehaving import Misbehaving, Step, answers, does, reads_all, resets

from exosms.config.region import Region
from exosms.sandbox.server import Behaviour, Server

KEY, TOKEN, PROXY_PASSWORD = "canarykey1234", "canarytoken5678", "canaryproxy90"
ACCOUNT = {
    "EXOTEL_ACCOUNT_SID": "acme1",
    "EXOTEL_API_KEY": KEY,
    "EXOTEL_API_TOKEN": TOKEN,
    "EXOTEL_FROM": "ACMEIN",
    "EXOTEL_DLT_ENTITY_ID": "1101234567890123456",
}


@pytest.fixture
def served() -> Iterator[str]:
    """The sandbox over HTTP."""
    import threading

    with Server(0, Behaviour()) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def checks(exosms: Shell, *argv: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code, and the worst check of each subject."""
    result = exosms("doctor", *argv, "--json", env=env)
    assert (result.json["command"], result.json["exit_code"]) == ("doctor", result.exit_code)
    grades = ["ok", "warning", "failure"]
    listed = sorted(result.json["checks"], key=lambda check: grades.index(check["grade"]))
    for check in listed:
        assert check["grade"] == "ok" or check["remedy"], check
    return result.exit_code, {check["subject"]: check for check in listed}


def grades(found: dict[str, Any], *subjects: str) -> list[str]:
    return [found[subject]["grade"] for subject in subjects]


def test_a_sound_account_is_ok_in_every_subject(exosms: Shell, served: str) -> None:
    exit_code, found = checks(exosms, "--base-url", served, env=ACCOUNT)
    assert exit_code == 0
    assert {check["grade"] for check in found.values()} == {"ok"}
    assert found["setting base_url"]["said"] == f"{served} (--base-url)"
    assert found["setting api_key"]["said"] == "ca********34 (EXOTEL_API_KEY)"
    for subject in (
        "program",
        "configuration",
        "ledger",
        "sender",
        "templates",
        "proxy",
        "DNS",
        "TLS",
        "credentials",
    ):
        assert subject in found
    assert "in India" in found["clock"]["said"]


def test_a_name_that_no_host_can_have(exosms: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    exit_code, found = checks(exosms, "--base-url", f"https://{'a' * 64}.example", env=ACCOUNT)
    assert (exit_code, found["DNS"]["said"].endswith("cannot be resolved")) == (7, True)
    assert "Traceback" not in capfd.readouterr().err


def test_looking_writes_nothing(exosms: Shell, served: str) -> None:
    assert exosms("doctor", "--base-url", served, env=ACCOUNT).exit_code == 0
    assert [*exosms.home.iterdir()] == []


def test_lines_for_scripts_and_for_people(exosms: Shell) -> None:
    lines = [line.split("\t") for line in exosms("doctor").stdout.splitlines()]
    assert {len(cells) for cells in lines} == {4}
    assert {cells[0] for cells in lines} == {"ok", "warning", "failure"}
    shown = exosms("doctor", "-o", "human").stdout
    assert "failure  account: No account" in shown
    assert "         -> Store one with `exosms profile add NAME`" in shown
    documents = [json.loads(line) for line in exosms("doctor", "-o", "jsonl").stdout.splitlines()]
    assert [document["subject"] for document in documents] == [cells[1] for cells in lines]


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_it_breaks_at_words_and_shortens_nothing(exosms: Shell, tmp_path: Path, columns: int) -> None:
    from rich.cells import cell_len

    state = tmp_path / "दीपावली 🪔 बधाई" / ("a-directory-whose-name-is-long-" * 3)
    state.mkdir(parents=True, mode=0o755)
    (state / "ledger.db").touch()
    config = tmp_path / "config.toml"
    config.write_text('version = 1\n[profiles."आशा 🪔"]\nregion = "mumbai"\nallow = 1\n')
    config.chmod(0o600)
    env = {"EXOSMS_STATE_DIR": str(state), "EXOSMS_CONFIG": str(config)}
    shown = exosms.on_terminal("doctor", columns=columns, env=env).stdout
    clock = re.compile(r"\S+; \d\d:\d\d in India")
    whole = exosms("doctor", "-o", "human", env=env).stdout
    assert clock.sub("", " ".join(shown.split())) == clock.sub("", " ".join(whole.split()))
    wide = [line for line in shown.splitlines() if cell_len(line) > columns and " " in line.strip()]
    assert wide == [f"            chmod 700 {shlex.quote(str(state))}"]


def test_without_an_account_the_rest_is_checked_all_the_same(exosms: Shell) -> None:
    exit_code, found = checks(exosms)
    assert exit_code == 4
    assert grades(found, "account", "sender", "DLT entity", "clock") == ["failure", "warning", "warning", "ok"]
    assert "credentials" not in found


def test_the_sandbox_needs_nothing(exosms: Shell) -> None:
    exit_code, found = checks(exosms, "--region", "sandbox")
    assert (exit_code, found["credentials"]["grade"]) == (0, "ok")


def test_a_page_can_be_pasted_anywhere(exosms: Shell, served: str, tmp_path: Path) -> None:
    """No token, no key, no proxy password, no recipient, no user name."""
    env = {**ACCOUNT, "EXOSMS_ALLOW": "+919876543210", "HTTPS_PROXY": f"http://user:{PROXY_PASSWORD}@127.0.0.1:9"}
    assert exosms("send", "--region", "sandbox", "--to", "9876543210", "--body", "Hi").exit_code == 0
    for where, exit_code in ((("--base-url", served), 0), (("--region", "mumbai"), 7)):
        for form in ("plain", "human", "json"):
            result = exosms("doctor", *where, "-o", form, "-v", env=env)
            page = result.stdout + result.stderr
            for secret in (KEY, TOKEN, PROXY_PASSWORD, "9876543210", str(exosms.home)):
                assert secret not in page, (where, form)
            assert result.exit_code == exit_code
            assert ("127.0.0.1:9" in page) == (exit_code == 7)


@pytest.mark.parametrize(
    ("mode", "grade", "exit_code"), [(0o600, "ok", 0), (0o644, "failure", 4), (0o660, "failure", 4)]
)
def test_who_can_read_the_configuration(
    exosms: Shell, served: str, tmp_path: Path, mode: int, grade: str, exit_code: int
) -> None:
    file = tmp_path / "config" / "config.toml"
    file.parent.mkdir(mode=0o700)
    file.write_text(
        f'version = 1\n[profiles.prod]\nbase_url = "{served}"\naccount_sid = "acme1"\napi_key = "{KEY}"\n'
        f'api_token = "{TOKEN}"\nfrom = "ACMEIN"\ndlt_entity_id = "1101234567890123456"\n'
    )
    file.chmod(mode)
    code, found = checks(exosms, "--config", str(file))
    assert (code, found["configuration"]["grade"]) == (exit_code, grade)
    if exit_code:
        assert found["configuration"]["remedy"] == f"Run: chmod 600 {file}"
        assert "account" not in found  # the same sentence is not said twice
    else:
        assert found["setting from"]["said"] == "ACMEIN (profile prod)"
        file.parent.chmod(0o777)
        assert checks(exosms, "--config", str(file))[1]["configuration"]["grade"] == "warning"


MOUNTS = {
    # where it is mounted, as what, and whether that is told
    "an NFS home": ("{home} - nfs4 server:/home", "nfs4"),
    "a share with a blank in its name": ("{home}/a\\040b - cifs //server/share", "cifs"),
    "sshfs": ("{home}/a\\040b/state - fuse.sshfs me@server:", "fuse.sshfs"),
    "a local disk within an NFS home": ("{home} - nfs4 server:/home\n{home}/a\\040b - ext4 /dev/sda1", None),
    "a share over a local disk": ("{home} - ext4 /dev/sda1\n{home} - 9p share", "9p"),
    "a share with a name that only begins alike": ("{home}/a\\040 - nfs server:/", None),
    "a disk with other line ends in its name": (
        "/mnt/a\r\x0c\u2028b - ext4 /dev/sdb1\n{home} - nfs4 server:/home",
        "nfs4",
    ),
    "another share": ("/mnt - nfs server:/", None),
    "a local disk": ("{home} - xfs /dev/sda1", None),
    "no Linux": (None, None),
}


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize(("mounted", "told"), MOUNTS.values(), ids=MOUNTS)
def test_a_state_directory_that_other_machines_share(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, mounted: str | None, told: str | None, is_used: bool
) -> None:
    mounts, state = exosms.home / "mounts", exosms.home / "a b" / "state"
    if mounted is not None:
        lines = ["/ - ext4 /dev/root", *mounted.format(home=exosms.home).split("\n")]
        mounts.write_text(
            "".join(f"22 27 0:21 / {line} rw\n".replace(" - ", " rw,relatime shared:1 - ") for line in lines),
            newline="",
        )
    monkeypatch.setattr("exosms.system.mounts.MOUNTS", mounts)
    env = {"EXOSMS_STATE_DIR": str(state)}
    if is_used:
        exosms("send", "--region", "sandbox", "--to", "9876543210", "--body", "Hi", env=env)
    exit_code, found = checks(exosms, "--region", "sandbox", env=env)
    assert (exit_code, found["ledger"]["grade"]) == (0, "warning" if told else "ok")
    if told:
        assert f"is on a file system of other machines ({told})" in found["ledger"]["said"]
        assert found["ledger"]["remedy"] == "Name a directory on a local disk in EXOSMS_STATE_DIR."


def test_a_ledger_that_is_a_link_to_what_others_can_read(exosms: Shell) -> None:
    exosms("send", "--region", "sandbox", "--to", "9876543210", "--body", "Hi")
    ledger, target = exosms.home / "state" / "ledger.db", exosms.home / "elsewhere.db"
    ledger.rename(target)
    ledger.symlink_to(target)
    target.chmod(0o644)
    exit_code, found = checks(exosms, "--region", "sandbox")
    assert (exit_code, found["ledger"]["grade"]) == (0, "warning")
    assert found["ledger"]["remedy"] == "Run: chmod 600 ~/elsewhere.db"
    assert target.stat().st_mode & 0o777 == 0o644


def test_the_state_of_the_ledger(exosms: Shell) -> None:
    sandbox = ("--region", "sandbox")
    state = exosms.home / "state"
    exosms("send", *sandbox, "--to", "+919000000500", "--body", "Hi")
    exit_code, found = checks(exosms, *sandbox)
    assert (exit_code, found["ledger"]["grade"]) == (0, "ok")  # the sandbox's unknown ones are nobody's worry
    with Misbehaving(answers(500, "")) as server:
        lost = ("send", "--base-url", server.url, "--from", "ACMEIN", "--to", "9876543210", "--body", "Hi")
        assert exosms(*lost, env=ACCOUNT).exit_code == 9
        rows = exosms.home / "rows.csv"
        rows.write_text("to,body\n+919000000500,one\n+919000000500,two\n")
        for where, env in ((("--base-url", server.url), ACCOUNT), (sandbox, {})):
            assert exosms("bulk", str(rows), *where, "--from", "ACMEIN", "--yes", env=env).exit_code == 10
    exit_code, found = checks(exosms, *sandbox)
    assert (exit_code, found["ledger"]["grade"]) == (0, "warning")
    assert found["ledger"]["said"] == "3 of its messages may have been sent: their outcome is unknown"
    assert found["ledger"]["remedy"] == "Find out with Exotel's report: exosms runs reconcile --report FILE"
    state.chmod(0o755)
    said = exosms("doctor", *sandbox).stdout
    assert "chmod 700 ~/state" in said
    state.chmod(0o700)
    (state / "ledger.db").write_bytes(b"no database" * 1000)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (state / name).unlink(missing_ok=True)
    exit_code, found = checks(exosms, *sandbox)
    assert (exit_code, found["ledger"]["grade"]) == (4, "failure")


def test_a_ledger_that_is_gone_is_no_beginning(exosms: Shell) -> None:
    """What needs it is refused, and so foretold."""
    once = ("send", "--region", "sandbox", "--to", "9876543210", "--body", "Hi", "--once", "backup")
    assert exosms(*once).exit_code == 0
    for path in (exosms.home / "state").glob("ledger.db*"):
        path.unlink()
    exit_code, found = checks(exosms, "--region", "sandbox")
    assert (exit_code, found["ledger"]["grade"]) == (4, "failure")
    assert "although messages were sent from this machine" in found["ledger"]["said"]
    assert exosms(*once, "--dry-run").exit_code == exosms(*once).exit_code == 4


def test_an_index_that_has_forgotten_a_once_key_is_found(exosms: Shell) -> None:
    """One flipped bit in the index, not in the table, and the key could be used again."""
    sandbox = ("--region", "sandbox")
    path = exosms.home / "state" / "ledger.db"
    assert exosms("send", *sandbox, "--to", "9876543210", "--body", "Hi", "--once", "backup").exit_code == 0
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = ledger.execute("PRAGMA page_size").fetchone()
        find = "SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_once_key'"
        (page,) = ledger.execute(find).fetchone()
    content = bytearray(path.read_bytes())
    place = content.index(b"backup", (page - 1) * size, page * size)
    content[place] ^= 1
    path.write_bytes(content)
    exit_code, found = checks(exosms, *sandbox)
    assert (exit_code, found["ledger"]["grade"]) == (4, "failure")
    assert "corrupt" in found["ledger"]["said"]


def test_a_state_directory_that_cannot_be(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {"EXOSMS_STATE_DIR": str(tmp_path / "file" / "state")}
    exit_code, found = checks(exosms, "--region", "sandbox", env=env)
    assert (exit_code, found["ledger"]["grade"]) == (4, "failure")
    assert "EXOSMS_STATE_DIR" in found["ledger"]["remedy"]


@pytest.mark.parametrize(
    ("step", "exit_code", "subject"),
    [
        (answers(404, ""), 0, "credentials"),
        (answers(200, ""), 0, "credentials"),
        (answers(401, ""), 4, "credentials"),
        (answers(403, ""), 6, "credentials"),
        (answers(500, ""), 7, "credentials"),
        (answers(429, ""), 11, "credentials"),
        (does(reads_all, resets), 7, "connection"),
    ],
)
def test_what_the_server_says_of_the_credentials(exosms: Shell, step: Any, exit_code: int, subject: str) -> None:
    with Misbehaving(step) as server:
        code, found = checks(exosms, "--base-url", server.url, env=ACCOUNT)
        assert server.requests == 1
    assert (code, found[subject]["grade"]) == (exit_code, "failure" if exit_code else "ok")


@pytest.mark.parametrize(
    ("environ", "subject", "exit_code"),
    [
        ({"SSL_CERT_FILE": "/nonexistent/ca.pem"}, "certificates", 4),
        ({"EXOTEL_API_TOKEN": "two words"}, "credentials", 4),
        ({"EXOTEL_FROM": "VM-ACMEIN-S"}, "sender", 4),
        ({"EXOTEL_DLT_ENTITY_ID": "1.1E+18"}, "sender", 4),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, "connection", 7),
    ],
)
def test_what_is_wrong_on_this_side(exosms: Shell, environ: dict[str, str], subject: str, exit_code: int) -> None:
    env = {**ACCOUNT, "HTTPS_PROXY": "http://127.0.0.1:1", "SSL_CERT_FILE": "", "EXOTEL_API_TOKEN": TOKEN, **environ}
    code, found = checks(exosms, "--region", "mumbai", env=env)
    assert found[subject]["grade"] == "failure"
    assert found["proxy"]["said"] == "http://127.0.0.1:1"
    assert code == (7 if subject == "sender" else exit_code)  # the connection is broken there as well


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (f"http://user:{PROXY_PASSWORD}@127.0.0.1:1", "http://127.0.0.1:1"),
        (f"user:{PROXY_PASSWORD}@127.0.0.1:1/?x", "http://127.0.0.1:1"),
        (f"http://user:p/{PROXY_PASSWORD}@127.0.0.1:1", "set, but not a valid address"),
        (f"http://{PROXY_PASSWORD}:12/34@127.0.0.1:1", "set, but not a valid address"),
        (f"http://:{PROXY_PASSWORD}@", "set, but not a valid address"),
        (f"http://u:{PROXY_PASSWORD}@[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_proxy_is_named_without_its_password(exosms: Shell, proxy: str, said: str) -> None:
    result = exosms("doctor", "--region", "mumbai", "--json", env={**ACCOUNT, "HTTPS_PROXY": proxy})
    assert {check["subject"]: check["said"] for check in json.loads(result.stdout)["checks"]}["proxy"] == said
    assert PROXY_PASSWORD not in result.stdout + result.stderr


def test_a_certificate_that_does_not_verify_is_a_failure_of_tls(exosms: Shell, tmp_path: Path) -> None:
    import ssl

    import trustme
    from misbehaving import handshakes

    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(made)
        return made

    with Misbehaving(handshakes(context)) as server:
        url = server.url.replace("http://", "https://")
        code, found = checks(exosms, "--base-url", url, env=ACCOUNT)
    assert (code, found["TLS"]["grade"]) == (4, "failure")
    assert "SSL_CERT_FILE" in found["TLS"]["remedy"]
    assert found["certificates"]["grade"] == "ok"


def test_a_clock_that_is_off(exosms: Shell) -> None:
    with Misbehaving(answers(404, "", f"Date: {formatdate(0, usegmt=True)}")) as server:
        code, found = checks(exosms, "--base-url", server.url, env=ACCOUNT)
    assert (code, found["clock"]["grade"]) == (0, "warning")
    assert "ahead of the server's" in found["clock"]["said"]


def test_templates_are_linted(exosms: Shell, tmp_path: Path) -> None:
    file = tmp_path / "templates.toml"
    argv = ("--region", "sandbox", "--templates", str(file))
    file.write_text('version = 1\n[templates.otp]\ntext = "{#numeric#} is your OTP for Acme, keep it"\n')
    assert checks(exosms, *argv)[1]["templates"]["grade"] == "ok"
    file.write_text('version = 1\n[templates.otp]\ndlt_template_id = "1107"\n')
    code, found = checks(exosms, *argv)
    assert (code, found["templates"]["grade"]) == (3, "failure")
    file.write_text("[")
    assert checks(exosms, *argv)[0] == 3


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Region, Misbehaving]]:
    """Both regions on this machine: Mumbai refuses every key, Singapore takes it."""
    with Misbehaving(answers(401, "")) as mumbai, Misbehaving(answers(404, "")) as singapore:
        servers = {Region.MUMBAI: mumbai, Region.SINGAPORE: singapore}
        urls = property(lambda region: servers[region].url)
        monkeypatch.setattr(Region, "base_url", urls)
        yield servers


def test_the_other_region_is_asked_only_on_request(exosms: Shell, regions: dict[Region, Misbehaving]) -> None:
    code, found = checks(exosms, "--region", "mumbai", env=ACCOUNT)
    assert (code, found["other region"]["remedy"]) == (4, "Try it: exosms doctor --try-regions")
    assert regions[Region.SINGAPORE].requests == 0
    code, found = checks(exosms, "--region", "mumbai", "--try-regions", env=ACCOUNT)
    assert (code, found["other region"]["grade"]) == (4, "warning")
    assert "singapore accepts key and token" in found["other region"]["said"]
    assert regions[Region.SINGAPORE].requests == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (answers(401, ""), "singapore does not accept key and token either (401)"),
        (answers(503, ""), "singapore did not say whether it accepts key and token (HTTP 503)"),
        (does(reads_all, resets), "singapore did not say whether it accepts key and token (no answer)"),
    ],
)
def test_of_the_other_region_only_what_it_said_is_told(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, step: Step, said: str
) -> None:
    with Misbehaving(answers(401, "")) as mumbai, Misbehaving(step) as singapore:
        servers = {Region.MUMBAI: mumbai, Region.SINGAPORE: singapore}
        monkeypatch.setattr(Region, "base_url", property(lambda region: servers[region].url))
        _, found = checks(exosms, "--region", "mumbai", "--try-regions", env=ACCOUNT)
    assert (found["other region"]["grade"], found["other region"]["said"]) == ("ok", said)


def test_no_other_region_is_asked_about_a_good_key(exosms: Shell, regions: dict[Region, Misbehaving]) -> None:
    code, found = checks(exosms, "--region", "singapore", "--try-regions", env=ACCOUNT)
    assert (code, "other region" in found) == (0, False)
    assert regions[Region.MUMBAI].requests == 0


def test_it_works_without_a_home(exosms: Shell) -> None:
    xdg = {name: str(exosms.home / name) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    env = {**xdg, "HOME": "", "EXOSMS_STATE_DIR": ""}
    code, found = checks(exosms, env=env)
    assert (code, found["account"]["grade"]) == (4, "failure")


def test_rows_of_runs_are_counted_beside_single_messages(exosms: Shell) -> None:
    sandbox = ("--region", "sandbox", "--from", "ACMEIN")
    assert exosms("send", *sandbox, "--to", "9876543210", "--body", "Hi").exit_code == 0
    rows = "to,body\n9876543210,one\n9876543211,two\n"
    assert exosms("bulk", "-", *sandbox, "--yes", stdin=rows).exit_code == 0
    _, found = checks(exosms, "--region", "sandbox")
    assert found["ledger"]["said"].endswith("is sound; single messages: 1; rows of runs: 2")
