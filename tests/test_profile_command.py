"""``exosms profile``: store accounts, say where each setting comes from, and check credentials without sending."""

import json
import os
import pty
import select
import signal
import stat
import termios
from pathlib import Path

import pytest
from conftest import Shell, until, wait_until_it_sleeps
from misbehaving import Misbehaving, answers, does, reads_head

ADD = ("profile", "add", "prod", "--region", "mumbai", "--account-sid", "acme1", "--api-key", "canarykey123")
TOKEN = "canarytoken456"


def stored(exosms: Shell) -> Path:
    return exosms.home / ".config" / "exosms" / "config.toml"


def add(exosms: Shell, *more: str) -> None:
    assert exosms(*ADD, "--token-stdin", *more, stdin=TOKEN + "\n").exit_code == 0


def test_a_profile_is_stored_for_its_owner_only_and_the_first_is_the_default(exosms: Shell) -> None:
    result = exosms(*ADD, "--token-stdin", "--from", "ACMEIN", stdin=TOKEN + "\n")
    assert (result.exit_code, result.stdout) == (0, f"prod\tstored in {stored(exosms)}, the default\n")
    assert stat.S_IMODE(stored(exosms).stat().st_mode) == 0o600
    assert stat.S_IMODE(stored(exosms).parent.stat().st_mode) == 0o700
    assert TOKEN not in result.stdout + result.stderr
    import tomllib

    document = tomllib.loads(stored(exosms).read_text())
    assert document["default_profile"] == "prod"
    assert document["profiles"]["prod"] == {
        "region": "mumbai",
        "account_sid": "acme1",
        "api_key": "canarykey123",
        "api_token": TOKEN,
        "from": "ACMEIN",
    }


@pytest.mark.parametrize(
    ("token", "words"), [(b"canary\xff\xfe", "not printable ASCII"), (b"x" * 100_000, "more than 64 KiB")]
)
def test_a_token_on_standard_input_that_is_none_is_refused_unseen(exosms: Shell, token: bytes, words: str) -> None:
    result = exosms(*ADD, "--token-stdin", stdin=token)
    assert (result.exit_code, result.stdout) == (4, "")
    assert words in result.stderr
    assert "canary" not in result.stderr
    assert "xxxx" not in result.stderr
    assert not stored(exosms).exists()


@pytest.mark.parametrize(
    "argv", [(*ADD, "--token-command", "echo x", "--config", "/"), ("template", "add", "x", "--text", "a")]
)
def test_the_root_of_all_files_cannot_be_replaced(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms(*argv, env={"EXOSMS_TEMPLATES": "/"})
    assert "/ cannot be read: Is a directory" in result.stderr
    assert result.exit_code in {3, 4}


def test_the_next_commands_name_the_file_that_was_named(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "my config.toml"
    result = exosms(*ADD, "--token-command", "echo x", "--config", str(path))
    assert result.stderr == (
        f"exosms: it has no sender and no DLT entity yet: exosms profile set {ADD[2]} from=SENDER dlt_entity_id=ID"
        f" --config '{path}'\n"
        f"exosms: try it: exosms profile test {ADD[2]} --config '{path}'\n"
    )


def test_a_pasted_host_is_a_region(exosms: Shell) -> None:
    argv = ("profile", "add", "a", "--region", "@api.in.exotel.com", "--account-sid", "a1", "--api-key", "k")
    assert exosms(*argv, "--token-stdin", stdin=TOKEN).exit_code == 0
    assert exosms("profile", "list").stdout == "a\tdefault\tmumbai\ta1\t\nsandbox\t\tsandbox\t\t\n"


@pytest.mark.parametrize(
    ("argv", "exit_code", "words"),
    [
        (("profile", "add", "prod"), 4, "--region, --account-sid, --api-key, --token-stdin"),
        (("profile", "add", "sandbox"), 4, "sandbox"),
        (("profile", "add", "a b"), 4, "a b"),
        ((*ADD, "--token-stdin"), 4, "--token-stdin"),
        ((*ADD, "--token-stdin", "--token-file", "x"), 2, "--token-file"),
        ((*ADD[:-1], "a:b", "--token-command", "echo x"), 4, "colon"),
        ((*ADD, "--token", "x"), 2, "--token"),
        ((*ADD, "--token-file", ""), 2, "--token-file"),
        ((*ADD, "--token-file", "x", "--base-url", "http://sms.example"), 2, "--base-url"),
        ((*ADD[:4], "delhi"), 2, "delhi"),
        ((*ADD, "--token-command", "echo x", "--from", "VM-ACMEIN"), 3, "ACMEIN"),
        (("profile", "show", "nosuch"), 4, "nosuch"),
        (("profile", "use", "nosuch"), 4, "nosuch"),
        (("profile", "remove", "nosuch"), 4, "nosuch"),
        (("profile", "test"), 4, "exosms profile add"),
        (("profile",), 2, "Usage"),
    ],
)
def test_bad_input_is_one_sentence_and_stores_nothing(
    exosms: Shell, argv: tuple[str, ...], exit_code: int, words: str
) -> None:
    result = exosms(*argv)
    assert result.exit_code == exit_code, result
    assert words in result.stderr + result.stdout
    assert not stored(exosms).exists()


def test_a_name_in_use_is_replaced_only_with_yes(exosms: Shell) -> None:
    add(exosms)
    again = exosms(*ADD, "--token-stdin", stdin="othertoken")
    assert (again.exit_code, TOKEN in stored(exosms).read_text()) == (5, True)
    assert exosms(*ADD, "--token-stdin", "--yes", stdin="othertoken").exit_code == 0
    assert "othertoken" in stored(exosms).read_text()


def test_show_names_the_source_of_each_value_and_masks_secrets(exosms: Shell) -> None:
    add(exosms)
    env = {"EXOTEL_FROM": "OTHERS"}
    lines = dict(line.split("\t", 1) for line in exosms("profile", "show", env=env).stdout.splitlines())
    assert lines["from"] == "OTHERS\tEXOTEL_FROM"
    assert lines["region"] == "mumbai\tprofile prod"
    assert lines["country"] == "IN\tdefault"
    document = exosms("profile", "show", "--json", env=env)
    assert document.json["settings"]["account_sid"] == {"value": "acme1", "source": "profile prod"}
    for form in ("plain", "json", "jsonl", "human"):
        shown = exosms("profile", "show", "-o", form)
        assert shown.exit_code == 0
        assert TOKEN not in shown.stdout
        assert "canarykey123" not in shown.stdout


def test_use_list_remove_and_path(exosms: Shell) -> None:
    add(exosms)
    assert exosms("profile", "use", "sandbox", "--json").json["profile"] == "sandbox"
    assert exosms("send", "--to", "9876543210", "--body", "x", "--json").json["sandbox"] is True
    assert exosms("profile", "test", "--json").json["sandbox"] is True
    assert exosms("profile", "use", "prod").stdout == "prod\tnow the default\n"
    assert exosms("profile", "use", "prod", "-o", "human").stdout == "prod  now the default\n"
    listed = exosms("profile", "list", "--json").json["profiles"]
    assert [(profile["name"], profile["default"]) for profile in listed] == [("prod", True), ("sandbox", False)]
    assert [json.loads(line)["name"] for line in exosms("profile", "list", "-o", "jsonl").stdout.splitlines()]
    assert exosms("profile", "remove", "prod", "--yes").exit_code == 0
    assert exosms("profile", "list").stdout.split("\t")[0] == "sandbox"
    assert exosms("profile", "path").stdout == f"{stored(exosms)}\n"
    assert exosms("profile", "path", "--json").json["path"] == str(stored(exosms))


FLAWED = [
    ('[profiles.bad]\nregion = "delhi"\n', "profile 'bad': region cannot be used"),
    ("[profiles.bad]\nfrom = 600123\n", "profile 'bad': from must be text in quotes"),
    ('[profiles.bad]\napi_token = "CANARY"\ntoken_file = "x"\n', "profile 'bad' has api_token and token_file"),
    ("[profiles]\nbad = 1\n", "profile 'bad' must be a table"),
]


@pytest.mark.parametrize(("table", "said"), FLAWED, ids=[said for _, said in FLAWED])
def test_a_flawed_profile_is_told_and_harms_no_other(exosms: Shell, table: str, said: str) -> None:
    add(exosms)
    sound = stored(exosms).read_text()
    stored(exosms).write_text(f'version = 1\ndefault_profile = "prod"\n{table}{sound[sound.index("[profiles") :]}')
    path = stored(exosms)

    listed = exosms("profile", "list", "--json")
    rows = [(row["name"], row["default"], row["account_sid"]) for row in listed.json["profiles"]]
    assert (listed.exit_code, rows) == (
        0,
        [("bad", False, None), ("prod", True, "acme1"), ("sandbox", False, None)],
    )
    assert listed.stderr.startswith(f"exosms: warning: {path}: {said}")
    assert exosms("profile", "list").stdout.splitlines()[0] == "bad\t\t\t\t"
    checked = {row["said"]: row["grade"] for row in exosms("doctor", "--region", "sandbox", "--json").json["checks"]}
    assert [grade for text, grade in checked.items() if said in text] == ["warning"]

    send = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "x", "--dry-run", "--json")
    assert (exosms(*send).exit_code, exosms(*send, "-p", "prod").stderr.count("bad")) == (0, 0)
    flawed = exosms(*send, "-p", "bad")
    assert (flawed.exit_code, said in flawed.stderr, "CANARY" in flawed.stderr) == (4, True, False)
    assert exosms("profile", "use", "prod").exit_code == 0
    assert exosms("profile", "add", "third", "--region", "sandbox").exit_code == 0
    assert exosms("profile", "remove", "bad", "-y").exit_code == 0
    assert exosms("profile", "list").stderr == ""


@pytest.mark.parametrize(("table", "_said"), FLAWED, ids=[said for _, said in FLAWED])
def test_a_flawed_profile_is_repaired_by_what_replaces_the_flaw(exosms: Shell, table: str, _said: str) -> None:
    add(exosms)
    stored(exosms).write_text(table)
    account = ("--region", "mumbai", "--account-sid", "a", "--api-key", "k", "--token-command", "echo x")
    repaired = exosms("profile", "add", "bad", "--yes", "--from", "ACMEIN", *account)
    assert repaired.exit_code == 0, repaired.stderr
    assert exosms("profile", "list").stdout.startswith("bad\tdefault\tmumbai\ta\tACMEIN\n")


def test_a_file_that_others_can_read_is_refused_with_the_command_to_mend_it(exosms: Shell) -> None:
    add(exosms)
    stored(exosms).chmod(0o644)
    result = exosms("send", "--to", "9876543210", "--body", "x", "--json")
    assert (result.exit_code, result.json["error"]["kind"]) == (4, "config")
    assert f"chmod 600 {stored(exosms)}" in result.stderr


@pytest.mark.parametrize(
    ("status", "exit_code", "words"),
    [(200, 0, "good"), (404, 0, "good"), (401, 4, "region"), (403, 6, "account"), (500, 7, ""), (429, 11, "")],
)
def test_the_test_asks_for_a_message_that_cannot_exist(
    exosms: Shell, status: int, exit_code: int, words: str
) -> None:
    add(exosms)
    with Misbehaving(answers(status, "")) as server:
        result = exosms("profile", "test", "prod", "--base-url", server.url, "--json")
        request = server.connections[0].arrived
    assert request.startswith(b"GET /v1/Accounts/acme1/SMS/Messages/" + b"0" * 32 + b".json ")
    assert (result.exit_code, result.json["ok"], result.json["http_status"]) == (exit_code, exit_code == 0, status)
    assert words in result.json["meaning"] + (result.json["remedy"] or "")


def test_the_test_without_a_network(exosms: Shell) -> None:
    add(exosms)
    with Misbehaving(does(reads_head)) as server:
        result = exosms("profile", "test", "--base-url", server.url)
    assert result.exit_code == 7
    assert result.stdout.startswith("failed\tprod\t")


def profiles(exosms: Shell) -> dict[str, dict[str, str]]:
    import tomllib

    found: dict[str, dict[str, str]] = tomllib.loads(stored(exosms).read_text())["profiles"]
    return found


def test_on_a_terminal_it_asks_and_does_not_show_the_token(exosms: Shell) -> None:
    typed = [("): ", "mumbai"), ("SID: ", "acme1"), ("name): ", "key1"), ("shown): ", TOKEN)]
    result = exosms.on_terminal("profile", "add", "prod", typed=typed)
    assert result.exit_code == 0, result.stdout
    assert TOKEN not in result.stdout
    assert exosms("profile", "list").stdout.startswith("prod\tdefault\tmumbai\tacme1")
    account = {"region": "mumbai", "account_sid": "acme1", "api_key": "key1", "api_token": TOKEN}
    assert profiles(exosms) == {"prod": account}


def test_questions_leave_no_trace_on_standard_output(exosms: Shell) -> None:
    add(exosms)
    ours, theirs = pty.openpty()
    os.write(ours, b"y\nsandbox\n")
    with exosms.start("profile", "add", "prod", stdin=theirs) as process:
        out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out.decode()) == (0, f"prod\tstored in {stored(exosms)}, the default\n")
    asked = "The profile 'prod' already exists. Replace it? [y/N]: Region (mumbai, singapore, sandbox): "
    assert err.decode().startswith(asked)


def test_a_bad_answer_is_told_at_once_and_asked_again(exosms: Shell) -> None:
    typed = [
        ("): ", "bombay"),
        ("): ", "singapore"),
        ("SID: ", "\n"),
        ("SID: ", "a b"),
        ("SID: ", "acme1"),
        ("name): ", "key:secret"),
        ("name): ", " key1 "),
        ("shown): ", "\n"),
        ("shown): ", f"{TOKEN} {TOKEN}"),
        ("shown): ", TOKEN),
    ]
    result = exosms.on_terminal("profile", "add", "prod", typed=typed, columns=400)
    copy = "Copy it again from the API settings in Exotel's dashboard."
    region = (
        "write singapore (api.exotel.com), mumbai (api.in.exotel.com) or sandbox. Each account belongs to one region."
    )
    look = " The dashboard's address tells which: my.exotel.com is singapore, my.mum1.exotel.com is mumbai."
    assert result.stdout == (
        "Region (mumbai, singapore, sandbox): bombay\n"
        f"exosms: 'bombay' is not a valid region: {region}{look}\n"
        "Region (mumbai, singapore, sandbox): singapore\n"
        "Account SID: \n"
        f"exosms: The account SID is empty. {copy}\n"
        "Account SID: a b\n"
        f"exosms: The account SID 'a b' contains something other than letters, digits, '-', '_' and '.'. {copy}\n"
        "Account SID: acme1\n"
        "API key (user name): key:secret\n"
        f"exosms: The API key contains a colon; give only the key, without the token. {copy}\n"
        "API key (user name):  key1 \n"
        "API token (not shown): \n"
        f"exosms: The API token is empty. {copy}\n"
        "API token (not shown): \n"
        "exosms: The API token contains a space, a line break or another character that is not printable ASCII. "
        f"{copy}\n"
        "API token (not shown): \n"
        f"prod  stored in {stored(exosms)}, the default\n"
        "exosms: it has no sender and no DLT entity yet: exosms profile set prod from=SENDER dlt_entity_id=ID\n"
        "exosms: try it: exosms profile test prod\n"
    )
    account = {"region": "singapore", "account_sid": "acme1", "api_key": "key1", "api_token": TOKEN}
    assert profiles(exosms) == {"prod": account}


def test_nothing_is_asked_for_the_sake_of_a_flag_that_will_not_do(exosms: Shell) -> None:
    for flags, exit_code in ((("--account-sid", "a b"), 4), (("--from", "VM-ACMEIN"), 3), (("--base-url", "x"), 2)):
        result = exosms.on_terminal("profile", "add", "prod", *flags)
        assert (result.exit_code, "Region" in result.stdout) == (exit_code, False), result.stdout


def test_where_nobody_answers_what_is_needed_is_missing_and_the_rest_is_left_out(exosms: Shell) -> None:
    result = exosms.on_terminal("profile", "add", "prod", typed=[("): ", "mumbai"), ("SID: ", "\x04")], columns=200)
    assert result.exit_code == 4, result.stdout
    assert "'prod': --account-sid, --api-key, --token-stdin (or --token-file, --token-command)" in result.stdout
    assert not stored(exosms).exists()
    assert exosms.on_terminal(*ADD, typed=[("shown): ", TOKEN)]).exit_code == 0
    assert "from" not in profiles(exosms)["prod"]
    assert exosms.on_terminal("profile", "add", "new", typed=[("): ", "\x03")]).exit_code == 130


def test_on_a_terminal_what_was_given_whole_is_not_asked_about(exosms: Shell) -> None:
    assert exosms.on_terminal(*ADD, "--token-command", "echo x").exit_code == 0
    assert "from" not in profiles(exosms)["prod"]


@pytest.mark.parametrize("answers", ["n", "\n", "\x04"])
def test_a_name_in_use_is_told_before_the_first_question(exosms: Shell, answers: str) -> None:
    add(exosms)
    before = stored(exosms).read_text()
    result = exosms.on_terminal("profile", "add", "prod", typed=[("[y/N]: ", answers)])
    assert result.exit_code == 5
    assert result.stdout.startswith("The profile 'prod' already exists. Replace it? [y/N]: ")
    assert "Region" not in result.stdout
    assert stored(exosms).read_text() == before


def test_a_yes_asks_for_the_account_anew_and_keeps_the_sender(exosms: Shell) -> None:
    add(exosms, "--from", "ACMEIN")
    stored(exosms).write_text(stored(exosms).read_text() + 'country = "IN"\nrate = "60/min"\n')
    typed = [("[y/N]: ", "y"), ("): ", "singapore"), ("SID: ", "acme2"), ("name): ", "key2"), ("shown): ", "token2")]
    result = exosms.on_terminal("profile", "add", "prod", typed=typed)
    assert result.exit_code == 0, result.stdout
    account = {"region": "singapore", "account_sid": "acme2", "api_key": "key2", "api_token": "token2"}
    kept = {"from": "ACMEIN", "country": "IN", "rate": "60/min"}
    assert profiles(exosms)["prod"] == account | kept


def test_what_is_not_given_stays(exosms: Shell) -> None:
    add(exosms, "--from", "ACMEIN", "--dlt-entity-id", "1101234567890123456")
    before = profiles(exosms)["prod"]
    refused = exosms("profile", "add", "prod", "--from", "NEWSND")
    assert (refused.exit_code, profiles(exosms)["prod"]) == (5, before)
    assert exosms("profile", "add", "prod", "--yes", "--from", "NEWSND").exit_code == 0
    assert profiles(exosms)["prod"] == before | {"from": "NEWSND"}
    agreed = exosms.on_terminal("profile", "add", "prod", "--from", "AGREED", typed=[("[y/N]: ", "y")])
    assert (agreed.exit_code, profiles(exosms)["prod"]) == (0, before | {"from": "AGREED"})


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), "--region, --account-sid, --api-key, --token-stdin (or --token-file, --token-command)"),
        (("--region", "singapore"), "--account-sid, --api-key, --token-stdin (or --token-file, --token-command)"),
        (("--api-key", "k", "--from", "NEWSND"), "--region, --account-sid, --token-stdin (or --token-file, "),
        (("--base-url", "https://x.example", "--token-command", "echo"), "--account-sid, --api-key"),
    ],
)
def test_an_account_is_replaced_whole_or_not_at_all(exosms: Shell, given: tuple[str, ...], missing: str) -> None:
    add(exosms)
    before = stored(exosms).read_text()
    result = exosms("profile", "add", "prod", "--yes", *given)
    assert result.exit_code == 4
    assert result.stderr.startswith(f"exosms: error: Missing for the profile 'prod': {missing}")
    assert "An account is replaced completely" in result.stderr
    assert stored(exosms).read_text() == before


def test_a_profile_of_the_sandbox_needs_no_account(exosms: Shell) -> None:
    quiet = exosms("profile", "add", "sb", "--region", "sandbox")
    assert (quiet.exit_code, quiet.stderr) == (0, "exosms: try it: exosms profile test sb\n")
    asked = exosms.on_terminal("profile", "add", "asked", typed=[("): ", "sandbox")])
    assert asked.exit_code == 0, asked.stdout
    flags = ("--base-url", "https://sms.example", "--account-sid", "a", "--token-stdin", "--from", "ACMEIN")
    given = exosms("profile", "add", "given", "--region", "sandbox", *flags, stdin=TOKEN)
    warned = [line.split()[2] for line in given.stderr.splitlines() if "is ignored" in line]
    assert (given.exit_code, warned) == (0, ["--base-url", "--account-sid", "--token-stdin"])
    add(exosms)
    assert exosms("profile", "add", "prod", "--yes", "--region", "sandbox").exit_code == 0
    only = {"region": "sandbox"}
    assert profiles(exosms) == {"sb": only, "asked": only, "given": {**only, "from": "ACMEIN"}, "prod": only}
    assert exosms("send", "-p", "sb", "--to", "9876543210", "--body", "x", "--json").json["sandbox"] is True


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", "Standard input was empty, and --token-stdin takes the API token from there"),
        (b"\ntoken\n", "The first line of standard input was empty, and --token-stdin takes"),
        (b"\xff\xfe\n", "The API token contains a space, a line break or another character"),
    ],
)
def test_standard_input_without_a_token(exosms: Shell, stdin: bytes, words: str) -> None:
    result = exosms(*ADD, "--token-stdin", stdin=stdin)
    assert result.exit_code == 4
    assert result.stderr.startswith(f"exosms: error: {words}")
    assert not stored(exosms).exists()


def test_a_token_that_is_read_from_a_terminal_is_not_shown(exosms: Shell) -> None:
    result = exosms.on_terminal(*ADD, "--token-stdin", typed=[("shown): ", TOKEN)])
    assert result.exit_code == 0, result.stdout
    assert (TOKEN in result.stdout, profiles(exosms)["prod"]["api_token"]) == (False, TOKEN)


def test_a_token_file_that_will_not_do_is_told_when_it_is_named(exosms: Shell) -> None:
    file = exosms.home / "token"

    def warned() -> str:
        sender = ("--from", "ACMEIN", "--dlt-entity-id", "1101234567890123456")
        result = exosms(*ADD, "--token-file", str(file), *sender, "--yes")
        assert (result.exit_code, profiles(exosms)["prod"]["token_file"]) == (0, str(file))
        return result.stderr.removesuffix("exosms: try it: exosms profile test prod\n")

    assert warned() == f"exosms: warning: the token_file {file} cannot be read: No such file or directory\n"
    file.write_text(TOKEN)
    file.chmod(0o644)
    open_to_others = f"the token_file {file} can be read by others; to make it private: chmod 600 {file}"
    assert warned() == f"exosms: warning: {open_to_others}\n"
    file.chmod(0o600)
    assert warned() == ""
    file.write_text("")
    assert warned() == f"exosms: warning: token_file {file} is empty, so it is not an API token\n"
    file.unlink()
    os.mkfifo(file, 0o600)
    assert warned() == ""


def test_the_home_of_a_user_who_is_not_there_is_a_path_like_any_other(exosms: Shell) -> None:
    result = exosms(*ADD, "--token-file", "~nobody-of-that-name/token")
    assert (result.exit_code, "cannot be read: No such file or directory" in result.stderr) == (0, True)
    assert profiles(exosms)["prod"]["token_file"] == str(Path("~nobody-of-that-name/token").absolute())
    exosms.env["HOME"] = str(exosms.home)
    assert exosms(*ADD, "--token-file", "~/token", "--yes").exit_code == 0
    assert profiles(exosms)["prod"]["token_file"] == str(exosms.home / "token")


SEND = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "x")


def write(exosms: Shell, text: str) -> Path:
    stored(exosms).parent.mkdir(parents=True, exist_ok=True)
    stored(exosms).write_text(text)
    stored(exosms).chmod(0o600)
    return stored(exosms)


def test_a_profile_that_is_not_there_is_not_to_be_added_in_order_to_be_removed(exosms: Shell) -> None:
    add(exosms)
    near, far = exosms("profile", "remove", "prd"), exosms("profile", "remove", "sandbax")
    missing = f"in {stored(exosms)}; the profiles are prod\n  Nothing was removed."
    assert (near.exit_code, near.stdout) == (far.exit_code, far.stdout) == (4, "")
    assert near.stderr == f"exosms: error: There is no profile 'prd' {missing} Did you mean 'prod'?\n"
    assert far.stderr == f"exosms: error: There is no profile 'sandbax' {missing}\n"


def test_without_a_default_a_send_and_its_dry_run_tell_how_to_choose_one(exosms: Shell) -> None:
    for name in ("one", "two", "three"):
        assert exosms("profile", "add", name, *ADD[3:], "--token-command", "false").exit_code == 0
    assert exosms("profile", "remove", "one").exit_code == 0
    none = "none of the profiles two, three is the default"
    how = "Name one with -p NAME, or make it the default: exosms profile use NAME"
    real, dry = exosms(*SEND), exosms(*SEND, "-n")
    assert (real.exit_code, dry.exit_code) == (4, 0)
    assert real.stderr == f"exosms: error: No account: {none}\n  {how}\n"
    assert f"exosms: warning: no account yet: {none}. {how}\n" in dry.stderr
    assert dry.stderr.count("no account yet") == 1


def test_a_part_of_an_account_in_the_environment_names_what_to_set(exosms: Shell) -> None:
    env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_REGION": "mumbai"}
    real, dry = exosms(*SEND, env=env), exosms(*SEND, "-n", env=env)
    lack = (
        "the environment has EXOTEL_ACCOUNT_SID, EXOTEL_REGION but not EXOTEL_API_KEY and EXOTEL_API_TOKEN,"
        f" and no profile is stored in {stored(exosms)}"
    )
    how = (
        "Store one with `exosms profile add NAME`, or set EXOTEL_API_KEY and EXOTEL_API_TOKEN, or try it without one:"
        " --region sandbox."
    )
    assert (real.exit_code, real.stderr) == (4, f"exosms: error: No account: {lack}\n  {how}\n")
    assert f"exosms: warning: no account yet: {lack}. {how}\n" in dry.stderr


def test_the_remedy_for_a_missing_sender_is_a_command_that_works(exosms: Shell) -> None:
    add(exosms)
    stored_so = "`exosms profile set prod from=SENDER`"
    refused = exosms("send", "--to", "9876543210", "--body", "x")
    assert refused.exit_code == 4
    assert f"Add --from SENDER, or store one with {stored_so}, or set EXOTEL_FROM." in refused.stderr
    other = stored(exosms).rename(stored(exosms).with_name("other.toml"))
    elsewhere = exosms("send", "--to", "9876543210", "--body", "x", "--config", str(other))
    assert f"{stored_so.removesuffix('`')} --config {other}`, or set" in elsewhere.stderr
    unknown = exosms("send", "--to", "9876543210", "--body", "x", "--config", str(other), "-p", "team")
    assert unknown.stderr.endswith(f"\n  Add it: exosms profile add team --config {other}\n")
    other.rename(stored(exosms))
    assert exosms(*stored_so.strip("`").split()[1:]).exit_code == 0
    assert profiles(exosms)["prod"]["from"] == "SENDER"
    env = {"EXOTEL_ACCOUNT_SID": "a", "EXOTEL_API_KEY": "k", "EXOTEL_API_TOKEN": "t", "EXOTEL_REGION": "mumbai"}
    alone = exosms("send", "--to", "9876543210", "--body", "x", env=env)
    assert alone.stderr.endswith("\n  Add --from SENDER, or set EXOTEL_FROM.\n")


def test_a_key_that_is_misspelt_is_named_where_it_is_missed(exosms: Shell) -> None:
    path = write(exosms, '[profiles.prod]\nregion = "mumbai"\nacount_sid = "a"\napi_key = "k"\napi_token = "t"\n')
    lack = f"rofile 'prod' in {path} lacks account_sid; unknown key 'acount_sid'; did you mean 'account_sid'?"
    again = "exosms profile add prod --yes"
    how = f"Fix it there, or give the account again on a terminal, where exosms asks for it: {again}"
    result = exosms(*SEND)
    assert (result.exit_code, result.stderr) == (4, f"exosms: error: The p{lack}\n  {how}\n")
    other = path.rename(path.with_name("other.toml"))
    assert exosms(*SEND, "--config", str(other)).stderr.endswith(f"{how} --config {other}\n")
    other.rename(path)
    assert f"no account yet: the p{lack} Fix it there" in exosms(*SEND, "-n").stderr
    path.write_text('[profiles."a b"]\nregion = "mumbai"')
    assert exosms(*SEND).stderr.endswith("\n  Fix it there.\n")


@pytest.mark.parametrize("argv", [("add", "prod", *ADD[3:]), ("set", "prod", "api_token=-")], ids=["add", "set"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_at_a_hidden_question_gives_the_terminal_its_echo_back(
    exosms: Shell, argv: tuple[str, ...], signum: signal.Signals
) -> None:
    add(exosms)
    ours, theirs = pty.openpty()

    def has_echo() -> bool:
        return bool(termios.tcgetattr(theirs)[3] & termios.ECHO)

    options = ("--yes",) if argv[0] == "add" else ()
    with exosms.start("profile", *argv, *options, stdin=theirs, start_new_session=True) as process:
        until(lambda: not has_echo())
        wait_until_it_sleeps(process)
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
    said = f"API token (not shown): \nexosms: error: interrupted by {signum.name}\n"
    assert (process.returncode, out, err.decode()) == (128 + signum, b"", said)
    assert has_echo()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("argv", [("add", "prod", *ADD[3:], "--yes"), ("set", "prod", "api_token=-")])
def test_what_is_typed_at_a_hidden_question_is_not_shown_behind_a_pause(exosms: Shell, argv: tuple[str, ...]) -> None:
    """A shell that stops a command, by Ctrl-Z, has the terminal show what is typed, and leaves it so at `fg`."""
    add(exosms)
    ours, theirs = pty.openpty()

    def has_echo() -> bool:
        return bool(termios.tcgetattr(theirs)[3] & termios.ECHO)

    shown = termios.tcgetattr(theirs)
    with exosms.start("profile", *argv, stdin=theirs, start_new_session=True) as process:
        until(lambda: not has_echo())
        wait_until_it_sleeps(process)
        process.send_signal(signal.SIGSTOP)
        until(lambda: "T (stopped)" in Path(f"/proc/{process.pid}/status").read_text())
        termios.tcsetattr(theirs, termios.TCSANOW, shown)
        process.send_signal(signal.SIGCONT)
        until(lambda: not has_echo())
        os.write(ours, b"newtoken\n")
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode().partition("\n")[0]) == (0, "API token (not shown): ")
    assert profiles(exosms)["prod"]["api_token"] == "newtoken"
    assert not select.select([ours], [], [], 0)[0]
    assert has_echo()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("command", ["show", "test"])
def test_an_empty_name_is_not_the_profile_in_use(exosms: Shell, command: str) -> None:
    add(exosms)
    result = exosms("profile", command, "")
    said = "exosms: error: NAME is empty\n  Give it a value, or leave it out.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", said)
