"""``exosms profile set`` and its neighbours: what changes in ``config.toml``, and what stays."""

import tomllib
from pathlib import Path

import pytest
from conftest import Shell

TLS_1_3 = "postgresql://a@b/d?ssl_min_protocol_version=TLSv1.3"
BEFORE = """\
# written by hand
version = 1

[profiles.prod]
# the account of the shop
region = "mumbai"  # since 2024
account_sid = "acme1"
api_key = "canarykey"
api_token = "canarytoken"

# at the end
"""


@pytest.fixture
def file(exosms: Shell) -> Path:
    path = exosms.home / "config.toml"
    exosms.env["EXOSMS_CONFIG"] = str(path)
    write(path, BEFORE)
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def profiles(path: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = tomllib.loads(path.read_text())["profiles"]
    return found


@pytest.mark.parametrize(
    ("pair", "key", "value"),
    [
        ("region=singapore", "region", "singapore"),
        ("region=my.mum1.exotel.com", "region", "my.mum1.exotel.com"),
        ("base_url=https://127.0.0.1:1", "base_url", "https://127.0.0.1:1"),
        ("account_sid=acme2", "account_sid", "acme2"),
        ("api_key=other", "api_key", "other"),
        ('token_command=pass show "a b"', "token_command", ["pass", "show", "a b"]),
        ("token_file=~/token", "token_file", "~/token"),
        ("from=ACMEIN", "from", "ACMEIN"),
        ("dlt_entity_id=1101234567890123456", "dlt_entity_id", "1101234567890123456"),
        ("country=US", "country", "US"),
        ("rate=100/min", "rate", "100/min"),
        ("allow=+919876543210,9876543211", "allow", ["+919876543210", "9876543211"]),
        ("max_parts_per_day=5000", "max_parts_per_day", 5000),
        ("price_per_part=0.18", "price_per_part", 0.18),
        ("callback_url=https://hooks.acme.in/sms", "callback_url", "https://hooks.acme.in/sms"),
        ("templates=templates.toml", "templates", "templates.toml"),
        (f"ledger={TLS_1_3}", "ledger", TLS_1_3),
    ],
)
def test_a_key_is_set_and_the_rest_of_the_file_stays(
    exosms: Shell, file: Path, pair: str, key: str, value: object
) -> None:
    done = exosms("profile", "set", "prod", pair)
    assert (done.exit_code, done.stdout.split("\t")[0]) == (0, "prod"), done.stderr
    assert profiles(file)["prod"][key] == value
    for line in BEFORE.splitlines():
        if not line.startswith((key, "api_token")):
            assert line in file.read_text().splitlines()
    assert "canary" not in done.stdout + done.stderr
    assert exosms("profile", "show", "prod").exit_code == 0


@pytest.mark.parametrize(
    ("pairs", "exit_code", "said"),
    [
        (("region=delhi",), 2, "'delhi' is not a valid region"),
        (("regoin=mumbai",), 2, "Unknown key 'regoin'; did you mean 'region'?"),
        (("Rate=1/min",), 2, "Unknown key 'Rate'; did you mean 'rate'?"),
        (("xyz=red",), 2, "the keys are region, base_url"),
        (("rate",), 2, "Argument 1 behind the name is not KEY=VALUE"),
        (("rate=off", "rate=1/min"), 2, "rate is given twice"),
        (("api_token=CANARY",), 2, "A token is not taken from the command line"),
        (("token_file=x", "token_command=y"), 2, "token_file and token_command exclude each other"),
        (("max_parts_per_day=many",), 2, "max_parts_per_day must be a whole number"),
        (("price_per_part=nan",), 2, "price_per_part must be a number"),
        (("rate=fast",), 2, "rate must be off or a rate such as 200/min"),
        (('token_command="a',), 2, "unclosed quote\n  Nothing was changed. Write the program and its arguments"),
        (("allow=+919876543210,x",), 3, "'x' is not a phone number\n  Nothing was changed. Write only digits;"),
        (("allow=,",), 2, "contains no number"),
        (("from=VM-ACMEIN",), 3, "ACMEIN"),
        (("rate=off", "country=Indien"), 2, "country must be the two letters"),
        (("country=ZZ",), 2, "there is no country 'ZZ'"),
        (("rate=off", "from=CANARY\udcff"), 3, "The argument KEY=VALUE is not UTF-8: from\n"),
        # The next step is that of the parser, as where the same value is an option or a variable.
        (("callback_url=http://hooks.acme.in",), 2, "unencrypted\n  Nothing was changed. Write https://HOST, or"),
        (("ledger=mysql://acme",), 2, "\n  Nothing was changed. Write postgresql://USER@HOST/DATABASE; a password"),
        (("ledger=postgresql://a@b/CANARY@d",), 2, "ledger cannot be used. It is not a valid address\n"),
        (("ledger=postgresql://a@b/d&password=CANARY",), 2, "ledger cannot be used. It is not a valid address\n"),
        (("ledger=postgresql://a@b/d?pasword=CANARY",), 2, "A password is not taken from the command line"),
        (("ledger=postgresql://a@b/d?%70assword=CANARY",), 2, "A password is not taken from the command line"),
        (("api_key=a b",), 2, "\n  Nothing was changed. Copy it again from Exotel's dashboard.\n"),
        ((), 2, "Missing argument"),
    ],
)
def test_what_will_not_do_changes_nothing(
    exosms: Shell, file: Path, pairs: tuple[str, ...], exit_code: int, said: str
) -> None:
    refused = exosms("profile", "set", "prod", *pairs)
    assert (refused.exit_code, refused.stdout) == (exit_code, "")
    assert said in refused.stderr
    assert "CANARY" not in refused.stderr
    assert file.read_text() == BEFORE


@pytest.mark.parametrize(
    ("name", "said"), [("prd", "There is no profile 'prd'"), ("sandbox", "is built in and cannot be changed")]
)
def test_a_profile_that_is_not_stored_cannot_be_set(exosms: Shell, file: Path, name: str, said: str) -> None:
    refused = exosms("profile", "set", name, "rate=off")
    assert (refused.exit_code, said in refused.stderr) == (4, True)
    assert file.read_text() == BEFORE


def test_a_key_without_a_value_is_removed(exosms: Shell, file: Path) -> None:
    write(file, BEFORE.replace("api_key", 'ratte = 5\nfrom = "ACMEIN" # ours\napi_key'))
    done = exosms("profile", "set", "prod", "from=", "ratte=", "rate=", "--json")
    assert done.json == {
        "schema": 1,
        "command": "profile set",
        "exit_code": 0,
        "profile": "prod",
        "error": None,
    }
    assert file.read_text() == BEFORE


def test_a_token_is_piped_in_and_a_new_place_for_it_replaces_the_old_one(exosms: Shell, file: Path) -> None:
    piped = exosms("profile", "set", "prod", "api_token=-", stdin="secondtoken\n")
    assert (piped.exit_code, profiles(file)["prod"]["api_token"]) == (0, "secondtoken")
    moved = exosms("profile", "set", "prod", "token_command=echo thirdtoken")
    assert moved.stdout == f"prod\ttoken_command set, api_token removed in {file}\n"
    assert "api_token" not in profiles(file)["prod"]
    empty = exosms("profile", "set", "prod", "api_token=-", stdin="")
    assert (empty.exit_code, "api_token" in profiles(file)["prod"]) == (4, False)


def test_a_token_that_is_typed_is_not_shown(exosms: Shell, file: Path) -> None:
    answers = [("shown): ", " "), ("shown): ", "typedtoken")]
    typed = exosms.on_terminal("profile", "set", "prod", "api_token=-", typed=answers)
    assert typed.exit_code == 0
    assert "typedtoken" not in typed.stdout + typed.stderr
    assert profiles(file)["prod"]["api_token"] == "typedtoken"


def test_flaws_are_mended_one_by_one(exosms: Shell, file: Path) -> None:
    write(file, BEFORE.replace('"mumbai"', '"delhi"') + "rate = 5\n")
    first = exosms("profile", "set", "prod", "region=mumbai")
    assert (first.exit_code, first.stderr.count("\n")) == (0, 1)
    assert "warning: the profile cannot be used yet" in first.stderr
    second = exosms("profile", "set", "prod", "rate=")
    assert (second.exit_code, second.stderr) == (0, "")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (("base_url=https://127.0.0.1:1", "region=mumbai"), "has a base_url, which counts"),
        (("base_url=https://127.0.0.1:1", "region=sandbox"), "region is the sandbox, which stays the sandbox"),
        (("region=",), "it lacks region"),
        (("token_file=nothing",), "cannot be read: No such file"),
    ],
)
def test_what_has_no_effect_is_told(exosms: Shell, file: Path, pairs: tuple[str, ...], said: str) -> None:
    done = exosms("profile", "set", "prod", *pairs)
    assert done.exit_code == 0
    assert said in done.stderr
    assert file.read_text() != BEFORE


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("my.exotel.com", "singapore"),
        ("my.mum1.exotel.com", "mumbai"),
        ("https://my.mum1.exotel.com/acme1/apisettings", "mumbai"),
    ],
)
def test_the_dashboards_address_is_a_region(exosms: Shell, file: Path, address: str, region: str) -> None:
    account = ("--region", address, "--account-sid", "a", "--api-key", "k", "--token-command", "echo x")
    assert exosms("profile", "add", "other", *account).exit_code == 0
    assert profiles(file)["other"]["region"] == region
    write(file, BEFORE.replace("mumbai", address))
    assert f"region\t{region}\t" in exosms("profile", "show").stdout


@pytest.mark.parametrize("ignored", ["", "[profiles.sandbox]\n"])
def test_the_implied_default_stays_the_default(exosms: Shell, file: Path, ignored: str) -> None:
    write(file, BEFORE + ignored)
    assert exosms("profile", "add", "second", "--region", "sandbox").exit_code == 0
    assert [line.split("\t")[1] for line in exosms("profile", "list").stdout.splitlines()[:2]] == ["default", ""]
    assert exosms("send", "--to", "9876543210", "--body", "x", "--from", "ACMEIN", "--dry-run").exit_code == 0
    assert "# at the end" in file.read_text()


def test_a_profile_that_holds_a_token_is_removed_once_somebody_agreed(exosms: Shell, file: Path) -> None:
    refused = exosms("profile", "remove", "prod", "--json")
    assert (refused.exit_code, refused.json["error"]["retry"]) == (5, "decide")
    assert "--yes" in refused.stderr
    for answer in ("n", "\x04"):
        assert exosms.on_terminal("profile", "remove", "prod", typed=[("[y/N]: ", answer)]).exit_code == 5
    assert exosms("profile", "remove", "prod", env={"EXOSMS_NO_INPUT": "1"}).exit_code == 5
    assert file.read_text() == BEFORE
    assert exosms.on_terminal("profile", "remove", "prod", typed=[("[y/N]: ", "y")]).exit_code == 0
    assert "prod" not in file.read_text()


def test_a_profile_that_holds_no_token_is_removed_at_once(exosms: Shell, file: Path) -> None:
    write(file, BEFORE.replace('api_token = "canarytoken"', 'token_file = "x"'))
    assert exosms("profile", "remove", "prod").exit_code == 0


def test_whoever_removes_or_chooses_the_default_hears_what_that_means(exosms: Shell, file: Path) -> None:
    for name in ("second", "third"):
        assert exosms("profile", "add", name, "--region", "sandbox").exit_code == 0
    none = exosms("profile", "remove", "prod", "-y")
    assert none.stderr == (
        "exosms: warning: it was the default, and there is none now; to choose one: exosms profile use NAME\n"
    )
    assert exosms("profile", "use", "second").stderr == ""
    one = exosms("profile", "remove", "second")
    assert one.stderr == "exosms: warning: it was the default; the default is now 'third', the only one left\n"
    write(file, file.read_text() + '[profiles.bad]\nregion = "delhi"\n')
    flawed = exosms("profile", "use", "bad")
    assert (flawed.exit_code, flawed.stdout) == (0, "bad\tnow the default\n")
    assert "warning: it cannot be used yet: " in flawed.stderr
    assert "'delhi' is not a valid region" in flawed.stderr
