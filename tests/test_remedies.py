"""What somebody is told to do: the next step that helps, said once, and never the command that was just run."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Shell, until
from misbehaving import Misbehaving, answer, answers, does, hangs, reads_head, says

from exosms.config.credentials import TokenFile
from exosms.config.region import Region

ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
BULK = ("bulk", "~/a.csv", "--from", "ACMEIN", "--yes", "--run", "june")
SEND = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hi", "--retry-for", "0")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    """Both regions on this machine, and both refuse every key."""
    with Misbehaving(answers(401, "")) as mumbai, Misbehaving(answers(401, "")) as singapore:
        servers = {Region.MUMBAI: mumbai, Region.SINGAPORE: singapore}
        monkeypatch.setattr(Region, "base_url", property(lambda region: servers[region].url))
        yield mumbai


def test_a_name_of_a_stranger_is_no_command_in_the_next_step(exosms: Shell) -> None:
    name = "x; touch owned"
    file = exosms.home / "strangers.toml"
    file.write_text(f'[templates."{name}"]\ntext = "{{#var#}} is here. - Acme"\ndlt_template_id = "{"1" * 19}"\n')
    templates = ("--templates", str(file))
    lint = exosms("template", "lint", *templates)
    assert f"`exosms template add '{name}' --templates {file} --yes --variables A`" in lint.stdout
    sent = exosms(*SEND, "-n", "--dlt-template-id", "1" * 19, "--dlt-entity-id", "1" * 19, *templates)
    assert f"`exosms check-template -t '{name}'` shows where" in sent.stderr
    asked = exosms("status", "-", "--region", "sandbox", stdin=b"+91;reboot")
    assert asked.stderr.endswith("To see its Sids: exosms log --to '+91;reboot'\n")


@pytest.mark.parametrize("command", [SEND, ("profile", "test"), ("status", "a" * 32), ("doctor",)])
@pytest.mark.parametrize("by_address", [False, True])
def test_a_401_names_the_other_region_and_how_to_find_out(
    exosms: Shell, refusing: Misbehaving, command: tuple[str, ...], by_address: bool
) -> None:
    where = ("--base-url", refusing.url) if by_address else ("--region", "mumbai")
    result = exosms(*command, *where, env=ACCOUNT)
    assert result.exit_code == 4
    told = result.stdout + result.stderr
    for words in (
        "did not accept this API key and token in mumbai; the other region is singapore",
        "my.mum1.exotel.com",
        "exosms doctor --try-regions",
        "HTTP 401",
    ):
        assert words in told, (words, told)
    assert "profile test" not in told


def test_a_401_of_another_address_names_both_regions_and_both_are_tried(exosms: Shell, refusing: Misbehaving) -> None:
    with Misbehaving(answers(401, "")) as elsewhere:
        told = exosms(*SEND, "--base-url", elsewhere.url, env=ACCOUNT).stderr
        assert re.search("my.exotel.com is singapore, my.mum1.exotel.com is mumbai", told)
        page = exosms("doctor", "--base-url", elsewhere.url, "--try-regions", env=ACCOUNT)
    assert page.exit_code == 4
    for region in ("singapore", "mumbai"):
        assert f"{region} does not accept key and token either (401)" in page.stdout
    assert refusing.requests == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 407, 429, 500])
def test_a_test_of_the_credentials_does_not_advise_itself(exosms: Shell, status: int) -> None:
    with Misbehaving(answers(status, "")) as server:
        result = exosms("profile", "test", "--base-url", server.url, env=ACCOUNT)
    assert "profile test" not in result.stdout + result.stderr


def test_a_403_may_be_an_ip_whitelist(exosms: Shell) -> None:
    with Misbehaving(answers(403, "")) as server:
        result = exosms(*SEND, "--base-url", server.url, env=ACCOUNT)
    assert (result.exit_code, "whether it has an IP whitelist" in result.stderr) == (6, True)


@pytest.mark.parametrize("command", [SEND, ("profile", "test"), ("status", "a" * 32)])
@pytest.mark.parametrize("body", ["", '{"RestException": {"Status": 407, "Message": "x", "Code": 40001}}', "<html>"])
def test_a_407_is_4_and_nothing_was_sent(exosms: Shell, command: tuple[str, ...], body: str) -> None:
    with Misbehaving(answers(407, body)) as server:
        result = exosms(*command, "--base-url", server.url, "--json", env=ACCOUNT)
    problem = result.json["error"] or result.json["messages"][0]["error"]
    assert (result.exit_code, problem["http_status"], problem["retry"]) == (4, 407, "safe")
    if command is SEND:
        assert result.json["outcome"] == "not_sent"


@pytest.mark.parametrize("output", [(), ("--json",), ("-o", "jsonl"), ("-o", "human")], ids=" ".join)
@pytest.mark.parametrize("command", [SEND, ("profile", "test"), ("status", "a" * 32), BULK], ids=lambda argv: argv[0])
def test_a_407_to_connect_is_4_and_nothing_was_sent(
    exosms: Shell, command: tuple[str, ...], output: tuple[str, ...]
) -> None:
    (exosms.home / "a.csv").write_text("to,body\n9876543210,Hi\n9876543211,Hi\n")
    words = [word.replace("~", str(exosms.home)) for word in command]
    with Misbehaving(does(reads_head, says(answer(407)))) as proxy:
        env = {**ACCOUNT, "HTTPS_PROXY": proxy.url.replace("//", "//user:CANARY@"), "EXOTEL_REGION": "mumbai"}
        result = exosms(*words, *output, env=env)
    assert (result.exit_code, proxy.connections[0].read[:8]) == (4, b"CONNECT "), result
    for told in (result.stderr, result.stdout) if "json" in "".join(output) else (result.stderr,):
        assert "407" in told
        assert "HTTPS_PROXY" in told
    assert "CANARY" not in result.stdout + result.stderr
    if command is BULK:
        assert exosms("runs", "list").stdout.split("\t")[3:5] == ["2", "0"]
        assert "2 remaining" in result.stderr
    if command is SEND and "--json" in output:
        assert result.json["messages"][0]["outcome"] == "not_sent"
        assert result.json["messages"][0]["error"]["retry"] == "safe"


def test_a_407_of_a_batch_is_4_and_nothing_was_sent(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("to,body\n" + "".join(f"98765432{row:02},Hi\n" for row in range(4)))
    bulk = ("bulk", str(tmp_path / "a.csv"), "--from", "ACMEIN", "--batch", "4", "--yes", "--json", "--rate", "off")
    with Misbehaving(answers(407, "")) as server:
        result = exosms(*bulk, "--base-url", server.url, env=ACCOUNT)
    assert (result.exit_code, result.json["counts"]["unknown"], result.json["counts"]["accepted"]) == (4, 0, 0)


def test_a_pause_of_exotels_is_told_as_a_pause(exosms: Shell) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 4")) as server:
        assert exosms(*SEND, "--base-url", server.url, env=ACCOUNT).exit_code == 11
        again = exosms(*SEND[:-1], "30s", "--base-url", server.url, env=ACCOUNT)
    assert re.search(r"waiting [234] s, because Exotel asked this account to pause", again.stderr), again.stderr
    assert "to keep to this account's rate" not in again.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_test_of_the_credentials_prints_its_document(exosms: Shell, signum: signal.Signals) -> None:
    with Misbehaving(does(reads_head, hangs)) as server:
        process = exosms.start("profile", "test", "--base-url", server.url, "--json", env=ACCOUNT)
        until(lambda: server.requests == 1)
        process.send_signal(signum)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert b'"kind": "interrupted"' in stdout
    assert stderr == f"exosms: error: interrupted by {signum.name}\n".encode()


def test_delivery_that_failed_is_said_once(exosms: Shell) -> None:
    send = ("send", "--region", "sandbox", "--to", "+919000023185", "--body", "Hi", "--wait", "5s", "-q")
    result = exosms(*send)
    assert result.exit_code == 12
    assert result.stderr.startswith("exosms: error: +919000023185: failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH\n")


def test_a_variable_is_named_once_on_each_line_of_the_page(exosms: Shell) -> None:
    with Misbehaving(answers(404, "")) as server:
        page = exosms("doctor", "--base-url", server.url, env={**ACCOUNT, "EXOTEL_FROM": "ACMEIN"}).stdout
    assert "setting api_token\t******** (EXOTEL_API_TOKEN)\t" in page
    for line in page.splitlines():
        variables = re.findall("EXO[A-Z_]+", line)
        assert len(variables) == len(set(variables)), line


def test_a_connection_that_fails_names_host_port_and_proxy(exosms: Shell) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        direct = exosms(*SEND, "--base-url", f"http://127.0.0.1:{port}", env=ACCOUNT)
        proxy = {"HTTPS_PROXY": f"http://user:CANARY@127.0.0.1:{port}"}
        by_proxy = exosms(*SEND, "--region", "mumbai", env={**ACCOUNT, **proxy})
    assert direct.exit_code == by_proxy.exit_code == 7
    assert f"not_sent: no connection: 127.0.0.1:{port}: [Errno" in direct.stderr
    assert f"no connection: api.in.exotel.com:443 by the proxy http://127.0.0.1:{port}: [Errno" in by_proxy.stderr
    assert "CANARY" not in by_proxy.stdout + by_proxy.stderr


def test_a_token_command_that_is_not_found_names_the_path(exosms: Shell) -> None:
    account = (
        "--region",
        "mumbai",
        "--account-sid",
        "a",
        "--api-key",
        "k",
        "--token-command",
        "nosuchprogram CANARY",
    )
    assert exosms("profile", "add", "prod", *account).exit_code == 0
    result = exosms("profile", "test", env={"PATH": "/usr/bin:/bin"})
    assert result.exit_code == 4
    assert "The token_command nosuchprogram was not found in PATH (/usr/bin:/bin)" in result.stderr
    assert "CANARY" not in result.stderr


@pytest.mark.parametrize(
    ("mode", "is_ours", "warnings"),
    [(0o640, True, 1), (0o604, True, 1), (0o600, True, 0), (0o440, False, 0), (0o400, False, 0), (0o444, False, 1)],
)
def test_a_token_of_somebody_else_that_a_group_may_read_is_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_ours: bool, warnings: int
) -> None:
    """As systemd's credentials and the secrets of Kubernetes are."""
    file = tmp_path / "token"
    file.write_text("token")
    file.chmod(mode)
    if not is_ours:
        monkeypatch.setattr("os.geteuid", lambda: file.stat().st_uid + 1)
    told: list[str] = []
    TokenFile(file).fetch(environ={}, warn=told.append)
    assert len(told) == warnings
