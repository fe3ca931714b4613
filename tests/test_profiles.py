"""Whose account it is: precedence, the sandbox, config.toml, and secrets that never show."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exosms.config import config_file, credentials
from exosms.config.account import parse_base_url
from exosms.config.config_file import remove_profile, save_profile, use_profile
from exosms.config.credentials import InlineToken, Secret, TokenCommand, TokenFile, split_command
from exosms.config.paths import config_path, config_path_to_write, state_directory
from exosms.config.profile import Profile
from exosms.config.region import Region, parse_region
from exosms.config.settings import AccountOptions, Settings, describe, resolve
from exosms.errors import ConfigError, ExosmsError, GuardError, UsageError
from exosms.sms.rate import Rate
from exosms.system.files import read_small

KEY = "keyCANARYkey"
TOKEN = "tokenCANARYtoken"
CANARY = "CANARY"
ROOT = Path(__file__).parent.parent

PROD = f"""
[profiles.prod]
region = "mumbai"
account_sid = "acme1"
api_key = "{KEY}"
api_token = "{TOKEN}"
from = "ACMEIN"
dlt_entity_id = "1101"
country = "AE"
rate = "60/min"
allow = ["+91 98765-43210"]
max_parts_per_day = 5000
price_per_part = 0.18
templates = "dlt/templates.toml"
"""
STAGING = """
[profiles.staging]
region = "sandbox"
base_url = "https://real.example"
account_sid = "acme2"
token_command = ["touch", "{ran}"]
"""
WHOLE_ENVIRONMENT = {
    "EXOTEL_ACCOUNT_SID": "envsid",
    "EXOTEL_API_KEY": KEY + "E",
    "EXOTEL_API_TOKEN": TOKEN + "E",
    "EXOTEL_REGION": "singapore",
}


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    staging = STAGING.replace("{ran}", str(tmp_path / "ran"))
    return write(tmp_path / "config.toml", f'version = 1\ndefault_profile = "prod"\n{PROD}{staging}')


def settle(config: Path, env: Mapping[str, str] | None = None, /, **options: str) -> Settings:
    return resolve(AccountOptions(**options), {"EXOSMS_CONFIG": str(config), **(env or {})})  # type: ignore[arg-type] # tables


def whole_text(error: BaseException) -> str:
    """Everything that a traceback, a log or a person could get to see of an error."""
    text, seen = "", [error]
    while seen:
        one = seen.pop()
        text += f"{one} {one!r} {one.args} {getattr(one, 'remedy', '')} " + "".join(traceback.format_exception(one))
        seen += [other for other in (one.__cause__, one.__context__) if other is not None]
    return text


# Addresses.


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("mumbai", Region.MUMBAI),
        ("Mumbai", Region.MUMBAI),
        (" SINGAPORE ", Region.SINGAPORE),
        ("sandbox", Region.SANDBOX),
        ("@api.in.exotel.com", Region.MUMBAI),
        ("@api.exotel.com", Region.SINGAPORE),
        ("api.exotel.com", Region.SINGAPORE),
        ("API.IN.exotel.com", Region.MUMBAI),
        ("https://api.in.exotel.com/", Region.MUMBAI),
        ("https://@api.exotel.com/v1/Accounts/acme1/Sms/send.json", Region.SINGAPORE),
    ],
)
def test_a_region_is_read_as_people_paste_it(text: str, region: Region) -> None:
    assert parse_region(text) is region


@pytest.mark.parametrize(
    "text", ["", "@", "/", "delhi", "api.exotel.com.evil.example", "evil.example/api.exotel.com"]
)
def test_no_region(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_region(text)
    assert all(word in caught.value.message for word in ("singapore", "mumbai", "sandbox"))
    assert "@" in text or repr(text) in caught.value.message


def test_a_pasted_address_with_credentials_is_not_repeated() -> None:
    for text in (f"https://{KEY}:{TOKEN}@api.exotel.com/v1", f"{KEY}:{TOKEN}@api.exotel.com"):
        with pytest.raises(ConfigError) as caught:
            parse_region(text)
        assert CANARY.lower() not in whole_text(caught.value).lower()


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("https://api.exotel.com", "https://api.exotel.com"),
        ("https://API.exotel.com/", "https://api.exotel.com"),
        ("HTTPS://api.exotel.com:443//", "https://api.exotel.com"),
        ("https://gateway.example:8443/exotel/", "https://gateway.example:8443/exotel"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
    ],
)
def test_a_base_url(text: str, base_url: str) -> None:
    assert parse_base_url(text) == base_url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.exotel.com",
        "ftp://api.exotel.com",
        "https://",
        "https:///v1",
        "https://a..b",
        "https://host:0",
        "https://host:99999",
        "https://ho st",
        "https://host\t.example",
        "https://höst.example",
        "https://[::1%25eth0]",
        "https://[v1.a:b]",
        r"https://host\.example",
        "http://example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.0.0.1.nip.io",
        "http://localhost.evil.example",
        "http://2130706433",
        "http://[::2]",
        "https://256.1.1.1",
        "https://10.0.0.010",
        f"https://{KEY}:{TOKEN}@api.exotel.com",
        f"https://{TOKEN}@api.exotel.com",
        f"https:{KEY}:{TOKEN}@api.exotel.com",
        f"https://api.exotel.com:{TOKEN}",
        f"{KEY}:{TOKEN}",
        f"https://{KEY}:{TOKEN}%40api.exotel.com",
        f"https://api.exotel.com/?token={TOKEN}",
        f"https://api.exotel.com/#{TOKEN}",
    ],
)
def test_no_base_url(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_base_url(text)
    assert CANARY.lower() not in whole_text(caught.value).lower()
    assert "https://HOST" in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "identity"),
    [
        ({}, "api.in.exotel.com/acme1"),
        ({"region": "singapore"}, "api.exotel.com/acme1"),
        ({"base_url": "https://api.in.exotel.com:443/"}, "api.in.exotel.com/acme1"),
        ({"base_url": "https://sandbox/"}, "sandbox:443/acme1"),
        ({"base_url": "http://127.0.0.1:9"}, "127.0.0.1:9/acme1"),
        ({"base_url": "http://[::1]"}, "[::1]:80/acme1"),
        ({"region": "sandbox"}, "sandbox/sandbox"),
        ({"profile": "sandbox"}, "sandbox/sandbox"),
        ({"profile": "staging"}, "sandbox/sandbox"),
    ],
)
def test_an_account_is_host_and_sid(config: Path, options: Mapping[str, str], identity: str) -> None:
    account = settle(config, **options).account
    assert account is not None
    assert account.identity == identity


# Whose account it is.


@pytest.mark.parametrize(
    ("options", "env", "profile", "sid", "base_url"),
    [
        ({}, {}, "prod", "acme1", "https://api.in.exotel.com"),
        ({}, WHOLE_ENVIRONMENT, None, "envsid", "https://api.exotel.com"),
        ({"profile": "prod"}, WHOLE_ENVIRONMENT, "prod", "acme1", "https://api.in.exotel.com"),
        ({}, {**WHOLE_ENVIRONMENT, "EXOSMS_PROFILE": "prod"}, "prod", "acme1", "https://api.in.exotel.com"),
        ({}, {**WHOLE_ENVIRONMENT, "EXOSMS_PROFILE": ""}, None, "envsid", "https://api.exotel.com"),
        ({"profile": "prod"}, {"EXOSMS_PROFILE": "nosuch"}, "prod", "acme1", "https://api.in.exotel.com"),
        ({}, {**WHOLE_ENVIRONMENT, "EXOTEL_API_KEY": ""}, "prod", "acme1", "https://api.in.exotel.com"),
        ({}, {**WHOLE_ENVIRONMENT, "EXOTEL_REGION": ""}, "prod", "acme1", "https://api.in.exotel.com"),
        (
            {"region": "mumbai"},
            {**WHOLE_ENVIRONMENT, "EXOTEL_REGION": ""},
            None,
            "envsid",
            "https://api.in.exotel.com",
        ),
        ({}, {**WHOLE_ENVIRONMENT, "EXOSMS_BASE_URL": "http://[::1]:1/"}, None, "envsid", "http://[::1]:1"),
        ({"base_url": "http://127.0.0.1:1"}, WHOLE_ENVIRONMENT, None, "envsid", "http://127.0.0.1:1"),
        ({"profile": "prod", "base_url": "http://[::1]:2"}, {}, "prod", "acme1", "http://[::1]:2"),
        ({"profile": "prod"}, {"EXOSMS_BASE_URL": "http://[::1]:2"}, "prod", "acme1", "https://api.in.exotel.com"),
        ({"profile": "prod"}, {"EXOTEL_REGION": "singapore"}, "prod", "acme1", "https://api.in.exotel.com"),
        ({"profile": "prod"}, {"EXOTEL_REGION": "sandbox"}, "prod", "acme1", "https://api.in.exotel.com"),
        ({"profile": "prod"}, {"EXOTEL_REGION": "delhi"}, "prod", "acme1", "https://api.in.exotel.com"),
    ],
)
def test_the_account_comes_whole_from_one_place(
    config: Path, options: Mapping[str, str], env: Mapping[str, str], profile: str | None, sid: str, base_url: str
) -> None:
    settings = settle(config, env, **options)
    assert settings.account is not None
    assert (settings.profile, settings.account.sid, settings.account.base_url) == (profile, sid, base_url)
    ending = "E" if profile is None else ""
    assert settings.account.key.reveal() == KEY + ending
    assert settings.account.token.fetch(environ={}, warn=pytest.fail).reveal() == TOKEN + ending


@pytest.mark.parametrize("missing", WHOLE_ENVIRONMENT)
def test_a_part_of_an_account_in_the_environment_is_named_and_not_used(config: Path, missing: str) -> None:
    env = {**WHOLE_ENVIRONMENT, missing: ""}
    settings = settle(config, env)
    assert settings.profile == "prod"
    (warning,) = settings.warnings
    assert warning.startswith(f"without {missing} ")
    with pytest.raises(ConfigError) as caught:
        settle(config.with_name("none.toml"), env)
    assert f"but not {missing}, and no profile is stored in {config.with_name('none.toml')}" in caught.value.message


def test_a_base_url_that_a_profile_does_without_is_warned_about(config: Path) -> None:
    env = {"EXOSMS_BASE_URL": "http://127.0.0.1:1"}
    assert any("EXOSMS_BASE_URL" in warning for warning in settle(config, env).warnings)
    assert any("EXOSMS_BASE_URL" in warning for warning in settle(config, env, profile="prod").warnings)


def test_the_environment_needs_no_configuration_file(config: Path) -> None:
    config.write_text("not TOML at all")
    settings = settle(config, WHOLE_ENVIRONMENT)
    assert (settings.profile, settings.sender, settings.allow, settings.warnings) == (None, None, None, ())


def test_without_an_account_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settle(tmp_path / "none.toml")
    assert "no profile is stored" in caught.value.message
    for way in ("exosms profile add", "EXOTEL_API_TOKEN", "--region sandbox"):
        assert way in caught.value.remedy
    with pytest.raises(UsageError, match="--base-url"):
        settle(tmp_path / "none.toml", base_url="http://example.com")


def test_profiles_without_a_default_are_named(config: Path) -> None:
    config.write_text(PROD + STAGING)
    with pytest.raises(ConfigError, match="prod, staging") as caught:
        settle(config)
    assert "exosms profile use" in caught.value.remedy


@pytest.mark.parametrize(
    ("dropped", "named"),
    [
        ('region = "mumbai"', "there is no default"),
        ('account_sid = "acme1"', "account_sid"),
        (f'api_key = "{KEY}"', "api_key"),
        (f'api_token = "{TOKEN}"', "a token"),
    ],
)
def test_an_incomplete_profile_is_refused_but_not_in_a_dry_run(config: Path, dropped: str, named: str) -> None:
    config.write_text(PROD.replace(dropped, ""))
    with pytest.raises(ConfigError, match="'prod'") as caught:
        settle(config, WHOLE_ENVIRONMENT, profile="prod")
    assert named in caught.value.message
    dry = resolve(AccountOptions(profile="prod", config=config), {}, account_needed=False)
    assert (dry.account, dry.sender, dry.is_sandbox) == (None, "ACMEIN", False)
    assert ("from", "ACMEIN") in [(row.name, row.value) for row in describe(dry)]


def test_a_region_flag_completes_a_profile_without_one(config: Path) -> None:
    config.write_text(PROD.replace('region = "mumbai"', ""))
    account = settle(config, region="singapore").account
    assert account is not None
    assert account.base_url == "https://api.exotel.com"
    config.write_text("[profiles.prod]")
    with pytest.raises(ConfigError, match="lacks account_sid, api_key, a token"):
        settle(config, region="singapore")


@pytest.mark.parametrize("needed", [True, False])
@pytest.mark.parametrize(
    ("text", "mode", "profile", "words"),
    [
        (PROD, 0o644, None, "chmod 600"),
        (PROD, 0o600, "prd", "Did you mean 'prod'?"),
        (PROD, 0o600, "other", "exosms profile add other"),
        (PROD, 0o600, "", "no profile ''"),
        ("[[", 0o600, None, "line 1"),
        ('default_profile = "gone"\n' + PROD, 0o600, None, "no profile 'gone'"),
        ("[profiles.prod]\nregion = 1", 0o600, None, "profile 'prod': region"),
    ],
)
def test_a_broken_configuration_is_refused_in_a_dry_run_too(
    config: Path, text: str, mode: int, profile: str | None, words: str, needed: bool
) -> None:
    write(config, text, mode)
    with pytest.raises(ConfigError) as caught:
        resolve(AccountOptions(config=config, profile=profile), {}, account_needed=needed)
    assert words in f"{caught.value.message} {caught.value.remedy}"
    assert CANARY not in whole_text(caught.value)


def test_a_configuration_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        resolve(AccountOptions(config=tmp_path / "none.toml"), WHOLE_ENVIRONMENT)


@pytest.mark.parametrize(
    ("options", "env", "error", "words"),
    [
        ({"base_url": "http://example.com"}, {}, UsageError, "--base-url"),
        ({"region": "delhi"}, {}, UsageError, "--region"),
        ({}, {"EXOTEL_REGION": "delhi"}, ConfigError, "EXOTEL_REGION"),
        ({}, {"EXOSMS_BASE_URL": f"https://{TOKEN}@host"}, ConfigError, "EXOSMS_BASE_URL"),
        ({}, {"EXOTEL_ACCOUNT_SID": "a/b"}, ConfigError, "EXOTEL_ACCOUNT_SID"),
        ({}, {"EXOTEL_ACCOUNT_SID": ".."}, ConfigError, "EXOTEL_ACCOUNT_SID"),
        ({}, {"EXOTEL_API_KEY": f"{KEY}:{TOKEN}"}, ConfigError, "EXOTEL_API_KEY contains a colon"),
        ({}, {"EXOTEL_API_KEY": f"{KEY}\n"}, ConfigError, "EXOTEL_API_KEY contains a space"),
        ({}, {"EXOSMS_ALLOW": "+919876543210,12"}, ConfigError, "'12' is not an Indian mobile number"),
        ({}, {"EXOSMS_ALLOW": " , "}, ConfigError, "EXOSMS_ALLOW contains no number"),
    ],
)
def test_a_malformed_setting_is_named(
    config: Path, options: Mapping[str, str], env: Mapping[str, str], error: type[ExosmsError], words: str
) -> None:
    with pytest.raises(error) as caught:
        settle(config, {**WHOLE_ENVIRONMENT, **env}, **options)
    assert words in caught.value.message
    assert CANARY not in whole_text(caught.value)


# The sandbox stays the sandbox.


@pytest.mark.parametrize(
    ("options", "env", "profile", "warned"),
    [
        ({"region": "sandbox"}, {}, "prod", ()),
        ({"region": "sandbox"}, WHOLE_ENVIRONMENT, "sandbox", ()),
        ({"region": "sandbox", "profile": "prod"}, WHOLE_ENVIRONMENT, "prod", ()),
        ({"region": "sandbox", "base_url": "https://real.example"}, {}, "prod", ("--base-url",)),
        ({"profile": "sandbox"}, WHOLE_ENVIRONMENT, "sandbox", ()),
        ({"profile": "sandbox", "region": "mumbai"}, {}, "sandbox", ("--region",)),
        ({"profile": "sandbox", "base_url": "https://real.example"}, {}, "sandbox", ("--base-url",)),
        ({"profile": "staging"}, WHOLE_ENVIRONMENT, "staging", ("base_url",)),
        ({"profile": "staging", "region": "mumbai"}, {}, "staging", ("--region", "base_url")),
        ({}, {"EXOSMS_PROFILE": "staging", "EXOSMS_BASE_URL": "https://real.example"}, "staging", ("base_url",)),
        ({}, {"EXOTEL_REGION": "Sandbox"}, "prod", ("profile prod stays",)),
        ({"region": "mumbai"}, {**WHOLE_ENVIRONMENT, "EXOTEL_REGION": "sandbox"}, "sandbox", ("--region",)),
        (
            {},
            {**WHOLE_ENVIRONMENT, "EXOTEL_REGION": "sandbox", "EXOSMS_BASE_URL": "https://real.example"},
            "sandbox",
            ("EXOSMS_BASE_URL",),
        ),
    ],
)
def test_the_sandbox_stays_the_sandbox(
    config: Path, options: Mapping[str, str], env: Mapping[str, str], profile: str, warned: tuple[str, ...]
) -> None:
    settings = settle(config, env, **options)
    assert settings.is_sandbox
    assert settings.account is not None
    assert (settings.profile, settings.account.base_url) == (profile, "")
    assert settings.rate == Rate(0)
    assert [word for word, text in zip(warned, settings.warnings, strict=True) if text.startswith(word)] == [*warned]
    settings.account.token.fetch(environ={}, warn=pytest.fail)
    assert not config.with_name("ran").exists()
    assert CANARY not in repr(settings)


def test_the_sandbox_needs_nothing(tmp_path: Path) -> None:
    settings = settle(tmp_path / "none.toml", region="sandbox")
    assert (settings.profile, settings.sender, settings.country) == ("sandbox", "EXOTEL", "IN")
    assert settings.account is not None
    assert settings.account.sid == "sandbox"
    assert settle(tmp_path / "none.toml", {"EXOTEL_ACCOUNT_SID": "mine"}, region="sandbox").account is not None


def test_a_stored_profile_named_sandbox_changes_nothing(config: Path) -> None:
    config.write_text(PROD.replace("prod", "sandbox"))
    assert settle(config, profile="sandbox").is_sandbox
    settings = settle(config)
    assert settings.is_sandbox
    assert "built in" in settings.warnings[0]


# The other settings.


def test_what_a_profile_says(config: Path) -> None:
    settings = settle(config)
    assert (settings.sender, settings.dlt_entity_id, settings.country) == ("ACMEIN", "1101", "AE")
    assert (settings.rate, settings.allow) == (Rate(60), frozenset({"+919876543210"}))
    assert (settings.max_parts_per_day, settings.price_per_part) == (5000, 0.18)
    assert settings.templates == config.parent / "dlt" / "templates.toml"


def test_what_holds_where_nothing_is_said(tmp_path: Path) -> None:
    settings = settle(tmp_path / "none.toml", WHOLE_ENVIRONMENT)
    assert (settings.sender, settings.dlt_entity_id, settings.country) == (None, None, "IN")
    assert (settings.rate, settings.allow, settings.max_parts_per_day) == (Rate(200), None, None)
    assert settings.templates == tmp_path / "templates.toml"


def test_a_flag_comes_before_the_environment_and_that_before_the_profile(config: Path) -> None:
    env = {
        "EXOTEL_FROM": "ENVIRN",
        "EXOTEL_DLT_ENTITY_ID": "1102",
        "EXOSMS_ALLOW": "+14155550100, +919876543211,",
        "EXOSMS_TEMPLATES": "env.toml",
        "EXOSMS_STATE_DIR": "/somewhere",
    }
    settings = settle(config, env, profile="prod")
    assert (settings.sender, settings.dlt_entity_id, settings.templates) == ("ENVIRN", "1102", Path("env.toml"))
    assert settings.allow == frozenset({"+14155550100", "+919876543211"})
    assert settings.state_dir == Path("/somewhere")
    flags = AccountOptions(
        config=config,
        sender="FLAGGD",
        dlt_entity_id="1103",
        rate=Rate(5),
        templates=Path("flag.toml"),
        region="sandbox",
    )
    settings = resolve(flags, env)
    assert (settings.sender, settings.dlt_entity_id, settings.rate) == ("FLAGGD", "1103", Rate(5))
    assert settings.templates == Path("flag.toml")
    assert settings.sources["from"] == "--from"


def test_an_empty_variable_counts_as_unset(config: Path) -> None:
    names = ("EXOTEL_FROM", "EXOTEL_DLT_ENTITY_ID", "EXOSMS_ALLOW", "EXOSMS_TEMPLATES", "EXOSMS_PROFILE")
    settings = settle(config, dict.fromkeys(names, ""))
    assert (settings.sender, settings.dlt_entity_id, settings.profile) == ("ACMEIN", "1101", "prod")
    assert settings.allow == frozenset({"+919876543210"})


def test_describe_names_every_source_and_shows_no_secret(config: Path) -> None:
    rows = {row.name: (row.value, row.source) for row in describe(settle(config, {"EXOTEL_FROM": "ENVIRN"}))}
    assert rows["account_sid"] == ("acme1", "profile prod")
    assert rows["api_key"] == ("ke********ey", "profile prod")
    assert rows["api_token"] == ("******** (api_token of profile 'prod')", "profile prod")
    assert rows["region"] == ("mumbai", "profile prod")
    assert rows["from"] == ("ENVIRN", "EXOTEL_FROM")
    assert rows["profile"] == ("prod", "default")
    assert rows["config"] == (str(config), "EXOSMS_CONFIG")
    assert rows["rate"] == ("60/min", "profile prod")
    rows = {row.name: (row.value, row.source) for row in describe(settle(config, WHOLE_ENVIRONMENT, region="mumbai"))}
    assert rows["account_sid"] == ("envsid", "EXOTEL_ACCOUNT_SID")
    assert rows["region"] == ("mumbai", "--region")
    assert rows["country"] == ("IN", "default")
    assert rows["allow"] == (None, "")
    assert CANARY not in repr(rows)


@pytest.mark.parametrize(("key", "mask"), [("12345678", "********"), ("123456789", "12********89"), ("", "********")])
def test_a_mask_keeps_at_most_the_ends_of_a_long_key(key: str, mask: str) -> None:
    assert Secret(key).mask(ends=2) == mask
    assert f"{Secret(key)} {Secret(key)!r} {Secret(key).mask()}" == "******** Secret(********) ********"


# Where things are.


def test_where_the_configuration_and_the_state_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    xdg = {"XDG_CONFIG_HOME": "/xdg/c", "XDG_STATE_HOME": "/xdg/s"}
    assert config_path(Path("flag"), {"EXOSMS_CONFIG": "variable", **xdg}) == Path("flag")
    assert config_path(None, {"EXOSMS_CONFIG": "variable", **xdg}) == Path("variable")
    assert config_path(None, {"EXOSMS_CONFIG": "", **xdg}) == Path("/xdg/c/exosms/config.toml")
    assert state_directory({"EXOSMS_STATE_DIR": "variable", **xdg}) == Path("variable")
    assert state_directory({"EXOSMS_STATE_DIR": "~/s", "HOME": "/home/me"}) == Path("/home/me/s")
    assert state_directory({"EXOSMS_STATE_DIR": "~", "HOME": "/home/me"}) == Path("/home/me")
    assert state_directory(xdg) == Path("/xdg/s/exosms")
    me, you = tmp_path / "me", tmp_path / "you"
    monkeypatch.setenv("HOME", str(me))
    for is_there in (False, True):
        if sys.platform == "linux":
            assert state_directory({"HOME": str(you)}) == (you / ".local/state/exosms" if is_there else None)
            assert config_path(None, {"HOME": str(you)}) == (you / ".config/exosms/config.toml" if is_there else None)
            mine = me / ".config/exosms/config.toml" if is_there else None
            assert config_path(None, {"XDG_CONFIG_HOME": "relative"}) == mine
            assert state_directory({}) == (me / ".local/state/exosms" if is_there else None)
        me.mkdir(exist_ok=True)
        you.mkdir(exist_ok=True)


def test_without_a_home_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # a container's user that has no entry
    settings = resolve(AccountOptions(), WHOLE_ENVIRONMENT)
    assert (settings.config, settings.templates, settings.state_dir) == (None, None, None)
    assert resolve(AccountOptions(region="sandbox"), {}).is_sandbox
    with pytest.raises(ConfigError, match="No account"):
        resolve(AccountOptions(), {})
    for fails in (lambda: config_path_to_write(None, {}), lambda: resolve(AccountOptions(profile="prod"), {})):
        with pytest.raises(ConfigError) as caught:
            fails()
        assert "EXOSMS_CONFIG" in caught.value.remedy


# Reading config.toml.


@pytest.mark.parametrize(
    ("owner", "mode", "euid", "refused"),
    [
        (1000, 0o600, 1000, None),
        (1000, 0o400, 1000, None),
        (1000, 0o700, 1000, None),
        (1000, 0o640, 1000, "chmod 600"),
        (1000, 0o604, 1000, "chmod 600"),
        (1000, 0o620, 1000, "chmod 600"),
        (1000, 0o602, 1000, "chmod 600"),
        (0, 0o444, 1000, None),
        (0, 0o440, 1000, None),
        (0, 0o644, 1000, None),
        (0, 0o664, 1000, "chmod go-w"),
        (0, 0o646, 1000, "chmod go-w"),
        (0, 0o600, 0, None),
        (0, 0o644, 0, "chmod 600"),
        (1000, 0o600, 0, None),
    ],
)
def test_who_else_may_touch_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, euid: int, refused: str | None
) -> None:
    path = write(tmp_path / "my config.toml", PROD, mode)
    if os.geteuid() == 0:
        os.chown(path, owner, -1)
    else:  # only root can give files away: let the same relation hold between other numbers
        euid = path.stat().st_uid if owner == euid else path.stat().st_uid + 1
    monkeypatch.setattr("os.geteuid", lambda: euid)
    if refused is None:
        assert config_file.read(path).names == ("prod",)
        return
    with pytest.raises(ConfigError) as caught:
        config_file.read(path)
    assert f"{refused} '{path}'" in caught.value.remedy
    assert f"{mode:04o}" in caught.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f'api_token = "{TOKEN}'.encode(), "the end, line 1"),
        (f"x = 1\napi_token = {TOKEN}".encode(), "line 2, column 13"),
        (f"[{TOKEN}]\n[{TOKEN}]".encode(), "line 2, column"),
        (f"x = {{{TOKEN} = 1, {TOKEN} = 2}}".encode(), "line 1, column"),
        (f'x = 1\ny = "\xff{TOKEN}"'.encode("latin-1"), "line 2 is not UTF-8"),
        (b"x = " + b"9" * 5000, "number that is too long"),
        (b"x = [{y = 0x" + b"9" * 5000 + b"}]", "number that is too long"),
        (b"x = " + b"[" * 20_000, "nested"),
        (b"#" * (1024 * 1024 + 1), "larger than 1024 KiB"),
        (b"version = 2", "Upgrade exosms"),
        (b"version = true", "version"),
        (b'version = "1"', "version"),
        (b"default_profile = 1", "default_profile"),
        (b"profiles = 1", "profiles"),
    ],
)
def test_a_file_that_cannot_be_read_is_described_without_being_quoted(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = write(tmp_path / "config.toml", "")
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config_file.read(path)
    assert words in f"{caught.value.message} {caught.value.remedy}"
    assert str(path) in caught.value.message
    assert CANARY not in whole_text(caught.value)


def test_a_directory_in_the_place_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        config_file.read(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "region = 1",
        'region = "delhi"',
        f'base_url = "https://{KEY}:{TOKEN}@host"',
        'base_url = "http://example.com"',
        "account_sid = 1",
        'account_sid = "a/b"',
        'account_sid = ""',
        f'api_key = ["{KEY}"]',
        f'api_key = "{KEY}:{TOKEN}"',
        f'api_token = "{TOKEN} "',
        f'api_token = "{TOKEN}\\n"',
        f'token_command = "echo {TOKEN}"',
        f'token_command = ["echo", 1, "{TOKEN}"]',
        f'token_command = ["", "{TOKEN}"]',
        "token_command = []",
        "token_file = true",
        "from = 600123",
        'from = "a\\u001b[2J"',
        "dlt_entity_id = 1101",
        'country = "India"',
        "rate = 200",
        'rate = "fast"',
        'allow = "+919876543210"',
        'allow = ["12345"]',
        "allow = [919876543210]",
        "max_parts_per_day = -1",
        "max_parts_per_day = true",
        "max_parts_per_day = 1.5",
        'price_per_part = "0.18"',
        "price_per_part = nan",
        "price_per_part = inf",
        "price_per_part = 1e308",
        "price_per_part = 1979-05-27",
        "templates = []",
    ],
)
def test_a_wrong_value_names_profile_and_key(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "config.toml", f"[profiles.prod]\n{line}")
    with pytest.raises(ConfigError, match=f"profile 'prod': {line.split(maxsplit=1)[0]} ") as caught:
        config_file.read(path).profile("prod")
    assert CANARY not in whole_text(caught.value)


def test_a_profile_that_is_no_table(tmp_path: Path) -> None:
    path = write(tmp_path / "config.toml", f'profiles.prod = "{TOKEN}"')
    with pytest.raises(ConfigError, match=r"profile 'prod' must be a table: \[profiles.prod\]") as caught:
        config_file.read(path).profile("prod")
    assert CANARY not in whole_text(caught.value)


def test_two_tokens_are_one_too_many(config: Path) -> None:
    config.write_text(PROD + 'token_file = "x"')
    with pytest.raises(ConfigError, match="api_token and token_file"):
        settle(config)


def test_a_slip_in_another_profile_stops_nobody(config: Path) -> None:
    config.write_text(config.read_text() + "[profiles.broken]\nregion = 1")
    assert settle(config).profile == "prod"


def test_an_unknown_key_is_a_warning(config: Path) -> None:
    config.write_text(f"colour = 1\n{PROD}form = 'X'\n")
    colour, form = settle(config).warnings
    assert "'colour'" in colour
    assert "profile 'prod'" in form
    assert "did you mean 'from'?" in form


def test_an_empty_allow_list_allows_nobody(config: Path) -> None:
    config.write_text(PROD.replace('["+91 98765-43210"]', "[]"))
    assert settle(config).allow == frozenset()


# Changing config.toml.

NEW = Profile(
    name="new",
    region=Region.MUMBAI,
    account_sid="acme1",
    api_key=Secret(KEY),
    token=InlineToken(Secret(TOKEN)),
    sender="ACMEIN",
    rate=Rate(0),
    allow=frozenset({"+919876543210"}),
)


def named(name: str) -> Profile:
    return Profile(name=name, region=Region.MUMBAI, account_sid="acme1", api_key=Secret(KEY), token=NEW.token)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o377])
def test_a_new_configuration_is_ours_alone(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "a" / "b" / "config.toml"
    before = os.umask(umask)
    try:
        assert save_profile(path, NEW)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert [p.name for p in path.parent.iterdir()] == ["config.toml"]
    assert path.read_text().startswith("version = 1\n")
    settings = settle(path)
    assert (settings.profile, settings.sender, settings.rate) == ("new", "ACMEIN", Rate(0))
    assert settings.allow == NEW.allow


@pytest.mark.parametrize(
    "token",
    [TokenFile(Path("/run/secrets/token")), TokenCommand(("pass", "show", "a b", "")), InlineToken(Secret(TOKEN))],
)
def test_each_kind_of_token_is_stored(tmp_path: Path, token: TokenFile | TokenCommand | InlineToken) -> None:
    path = tmp_path / "config.toml"
    save_profile(
        path, Profile(name="x", base_url="http://[::1]:1", account_sid="a", api_key=Secret("k"), token=token)
    )
    stored = config_file.read(path).profile("x")
    assert not stored.missing
    assert type(stored.token) is type(token)
    assert isinstance(token, InlineToken) or stored.token == token


def test_the_first_profile_is_the_default_and_the_second_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert save_profile(path, named("one"))
    assert not save_profile(path, named("two"))
    assert (config_file.read(path).default, config_file.read(path).names) == ("one", ("one", "two"))
    use_profile(path, "two")
    assert config_file.read(path).default == "two"
    use_profile(path, "sandbox")
    assert settle(path).is_sandbox


def test_removing_the_default_leaves_none_unless_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for name in ("one", "two", "three"):
        save_profile(path, named(name))
    remove_profile(path, "one")
    assert config_file.read(path).default is None
    remove_profile(path, "two")
    assert config_file.read(path).default == "three"
    remove_profile(path, "three")
    assert config_file.read(path).names == ()
    assert save_profile(path, named("four"))


def test_replacing_takes_the_account_and_keeps_guards_and_strangers(config: Path) -> None:
    config.write_text(f'future = 1\n{PROD}later = "kept"\n{STAGING}also = 2\n')
    with pytest.raises(GuardError, match="'prod'"):
        save_profile(config, named("prod"))
    token = TokenCommand(("pass", "exotel"))
    profile = Profile(name="prod", base_url="https://new.example", account_sid="b", api_key=Secret("k"), token=token)
    save_profile(config, profile, replace=True)
    stored = config_file.read(config).profile("prod")
    assert (stored.region, stored.base_url, stored.token) == (None, "https://new.example", token)
    assert (stored.sender, stored.allow, stored.max_parts_per_day) == ("ACMEIN", frozenset({"+919876543210"}), 5000)
    text = config.read_text()
    assert all(line in text for line in ("future = 1", 'later = "kept"', "also = 2"))
    assert TOKEN not in text


HAND_MADE = """\
# Accounts of Acme.
# Ask Asha before you change one.

version = 1   # of the format

# production
[profiles.prod]   # the only real one
region = "mumbai"   # since 2024
account_sid = "acme1"
# rate = "5/min"

api_key = 'key'
from = "ACMEIN"   # header

# staging is for tests
[profiles.staging]
region = "sandbox"
later = [
  1,   # of another program
]

[groups]   # of numbers
oncall = ["+919876543210"]
# the end
"""


@pytest.fixture(params=["\n", "\r\n"])
def hand_made(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(HAND_MADE.replace("\n", request.param).encode())
    path.chmod(0o600)
    return path


def as_text(path: Path) -> str:
    content = path.read_bytes().decode()
    assert content.count("\r\n") in {0, content.count("\n")}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return content.replace("\r\n", "\n")


def test_a_new_profile_is_appended_and_changes_nothing_else(hand_made: Path) -> None:
    assert not save_profile(hand_made, Profile(name="ci", region=Region.SANDBOX, allow=frozenset({"+919876543210"})))
    added = '\n[profiles.ci]\nregion = "sandbox"\nallow = ["+919876543210"]\n'
    assert as_text(hand_made) == HAND_MADE + added
    assert config_file.read(hand_made).names == ("prod", "staging", "ci")


def test_a_changed_profile_changes_in_its_own_lines(hand_made: Path) -> None:
    save_profile(hand_made, Profile(name="prod", sender="NEWSND", dlt_entity_id="1101"), replace=True)
    changed = HAND_MADE.replace('from = "ACMEIN"   # header', 'from = "NEWSND"   # header\ndlt_entity_id = "1101"')
    assert as_text(hand_made) == changed


def test_a_replaced_account_leaves_the_rest_of_its_table(hand_made: Path) -> None:
    save_profile(hand_made, named("prod"), replace=True)
    assert as_text(hand_made) == HAND_MADE.replace("'key'", f'"{KEY}"').replace(
        'from = "ACMEIN"   # header', f'from = "ACMEIN"   # header\napi_token = "{TOKEN}"'
    )


def test_the_default_is_one_line(hand_made: Path) -> None:
    use_profile(hand_made, "staging")
    line = "version = 1   # of the format\n"
    chosen = HAND_MADE.replace(line, f'{line}default_profile = "staging"\n')
    assert as_text(hand_made) == chosen
    use_profile(hand_made, "prod")
    assert as_text(hand_made) == chosen.replace('"staging"', '"prod"')


def test_a_removed_profile_takes_its_own_lines_only(hand_made: Path) -> None:
    remove_profile(hand_made, "prod")
    start, end = HAND_MADE.index("[profiles.prod]"), HAND_MADE.index("\n# staging")
    assert as_text(hand_made) == HAND_MADE[:start] + HAND_MADE[end:]
    use_profile(hand_made, "staging")
    remove_profile(hand_made, "staging")
    assert as_text(hand_made).endswith('\n[groups]   # of numbers\noncall = ["+919876543210"]\n# the end\n')


def test_a_removed_profile_takes_no_comment_of_others(config: Path) -> None:
    """Also one that stands directly above the next profile, or at the end of the file."""
    config.write_text(f"{PROD.strip()}\n# before staging: the team's\n{STAGING.strip()}\n# the end\n")
    remove_profile(config, "prod")
    assert config.read_text() == f"# before staging: the team's\n{STAGING.strip()}\n# the end\n"
    remove_profile(config, "staging")
    assert config.read_text() == "# before staging: the team's\n# the end\n"
    config.write_text(f"{PROD.strip()}\n[profiles.prod.more.of]\nz = 2\n\n# about staging\n{STAGING.strip()}\n")
    remove_profile(config, "prod")
    assert config.read_text() == f"\n# about staging\n{STAGING.strip()}\n"


def test_a_file_of_comments_gets_its_version(config: Path) -> None:
    config.write_text("# mine\n")
    config.chmod(0o600)
    save_profile(config, named("prod"))
    assert config_file.read(config).names == ("prod",)
    assert config.read_text().startswith("version = 1\n") or "\nversion = 1\n" in config.read_text()
    assert "# mine\n" in config.read_text()


def test_the_default_goes_above_what_has_only_tables(config: Path) -> None:
    config.write_text(f"# mine{PROD}{STAGING}")
    use_profile(config, "staging")
    assert config.read_text() == f'default_profile = "staging"\n\n# mine{PROD}{STAGING}'


@pytest.mark.parametrize("line", ["", "version = 1\n"])
def test_the_implied_default_stays_the_default(config: Path, line: str) -> None:
    config.write_text(line + PROD)
    assert not save_profile(config, named("second"))
    assert config_file.read(config).default == "prod"
    assert not save_profile(config, named("third"))
    config.write_text(PROD)
    assert save_profile(config, named("prod"), replace=True)
    assert "default_profile" not in config.read_text()


@pytest.mark.parametrize(
    "layout",
    [
        f'profiles = {{ prod = {{ region = "sandbox", api_token = "{TOKEN}" }} }}\n',
        f'[profiles]\nprod.region = "sandbox"\nprod.api_token = "{TOKEN}"\n',
        f'profiles.prod.region = "sandbox"\nprofiles.prod.api_token = "{TOKEN}"\n',
        f'[profiles]\nprod = {{ region = "sandbox", api_token = "{TOKEN}" }}\n',
        f'[profiles.prod]\nregion = "sandbox"\n[other]\nk = nan\n[profiles.b]\napi_token = "{TOKEN}"\n',
        f'a.b = 1\n[profiles.prod]\nregion = "sandbox"\n[profiles.prod.deep]\napi_token = "{TOKEN}"\n',
        f'a = 1\n[profiles.prod]\nregion = "sandbox"\napi_token = """\\\n{TOKEN}"""',
        f'\ufeff[profiles.prod]\nregion = "sandbox"\napi_token = "{TOKEN}"',
    ],
)
def test_other_layouts_are_changed_rightly_or_not_at_all(tmp_path: Path, layout: str) -> None:
    path = write(tmp_path / "config.toml", layout)
    meant = tomllib.loads(layout.removeprefix("\ufeff"))["profiles"]

    def change(function: Callable[[], object]) -> bool:
        before = path.read_bytes()
        try:
            function()
        except ConfigError as error:
            refused = error
        else:
            return True
        assert "cannot change safely" in refused.message
        assert CANARY not in whole_text(refused)
        assert path.read_bytes() == before
        return False

    if change(lambda: save_profile(path, Profile(name="new", sender="A"))):
        meant["new"] = {"from": "A"}
    assert config_file.read(path).tables == meant
    if change(lambda: save_profile(path, Profile(name="prod", sender="B"), replace=True)):
        meant["prod"]["from"] = "B"
    assert config_file.read(path).tables == meant
    if change(lambda: use_profile(path, "prod")):
        assert config_file.read(path).default == "prod"
    if change(lambda: remove_profile(path, "prod")):
        del meant["prod"]
    assert config_file.read(path).tables == meant


def test_replacing_without_an_account_keeps_the_stored_one(config: Path) -> None:
    before = config_file.read(config).tables["prod"]
    assert isinstance(before, dict)
    save_profile(config, Profile(name="prod", sender="NEWSND"), replace=True)
    assert config_file.read(config).tables["prod"] == {**before, "from": "NEWSND"}
    save_profile(config, Profile(name="prod", region=Region.SANDBOX), replace=True)
    account = {"account_sid", "api_key", "api_token"}
    kept = {key: value for key, value in before.items() if key not in account}
    assert config_file.read(config).tables["prod"] == {**kept, "region": "sandbox", "from": "NEWSND"}


@pytest.mark.parametrize("name", ["", "a b", "-x", ".x", "ünder", "a/b", "x\n", "a" * 65, "sandbox"])
def test_a_name_that_no_profile_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        save_profile(tmp_path / "config.toml", named(name))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "profile",
    [
        Profile(name="x", api_key=Secret(f"{KEY}:{TOKEN}")),
        Profile(name="x", token=InlineToken(Secret(f"{TOKEN}\n"))),
        Profile(name="x", sender="\udcff"),
        Profile(name="x", token=TokenCommand(("a", "\udcff"))),
    ],
)
def test_a_profile_that_could_not_be_read_again_is_not_stored(tmp_path: Path, profile: Profile) -> None:
    with pytest.raises(ConfigError, match="profile 'x'") as caught:
        save_profile(tmp_path / "config.toml", profile)
    assert CANARY not in whole_text(caught.value)
    assert [*tmp_path.iterdir()] == []


def test_what_is_not_there_cannot_be_used_or_removed(config: Path) -> None:
    for change in (use_profile, remove_profile):
        with pytest.raises(ConfigError, match="prd") as caught:
            change(config, "prd")
        assert "'prod'" in caught.value.remedy
    with pytest.raises(ConfigError, match="built in"):
        remove_profile(config, "sandbox")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles/exosms.toml")
    save_profile(link, named("one"))
    save_profile(link, named("two"))
    assert link.is_symlink()
    assert config_file.read(tmp_path / "dotfiles" / "exosms.toml").names == ("one", "two")


@pytest.mark.parametrize("name", ["/dev/null", "empty.toml"])
def test_a_configuration_with_nothing_in_it_is_none_whoever_can_read_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "empty.toml":
        path.touch()
        path.chmod(0o666)
    assert config_file.read(path).names == ()
    if path.is_file():
        save_profile(path, named("one"))
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_configuration_that_is_too_open_is_not_changed_either(config: Path) -> None:
    before = config.read_text()
    config.chmod(0o644)
    with pytest.raises(ConfigError, match="0644"):
        save_profile(config, NEW)
    assert config.read_text() == before


def test_a_full_disk_changes_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = config.read_text()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="the disk is full"):
        save_profile(config, NEW)
    assert config.read_text() == before
    assert [p.name for p in config.parent.iterdir()] == ["config.toml"]


def _save_many(path: Path, prefix: str) -> None:
    for number in range(20):
        save_profile(path, named(f"{prefix}{number}"))


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_save_many, args=(path, prefix)) for prefix in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(config_file.read(path).names) == 60
    assert [p.name for p in path.parent.iterdir()] == ["config.toml"]


# Tokens.


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"{TOKEN}\r\n"])
def test_a_token_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content.encode())
    path.chmod(0o600)
    assert TokenFile(path).fetch(environ={}, warn=pytest.fail).reveal() == TOKEN


def test_a_token_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "my token", TOKEN, 0o640)
    warnings: list[str] = []
    assert TokenFile(path).fetch(environ={}, warn=warnings.append).reveal() == TOKEN
    assert f"chmod 600 '{path}'" in warnings[0]


@pytest.mark.parametrize(
    "content", [None, "", "\n", f"{TOKEN}\n\n", f"{TOKEN}\n{TOKEN}", f" {TOKEN}", f"{TOKEN}\xff", TOKEN * 9999]
)
def test_a_token_file_without_a_token(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
        path.chmod(0o600)
    with pytest.raises(ConfigError, match=str(path)) as caught:
        TokenFile(path).fetch(environ={}, warn=pytest.fail)
    assert CANARY not in whole_text(caught.value)


def test_where_a_token_file_is(config: Path) -> None:
    def path(value: str) -> Path:
        config.write_text(PROD.replace(f'api_token = "{TOKEN}"', f'token_file = "{value}"'))
        account = settle(config, {"HOME": "/home/me"}).account
        assert account is not None
        assert isinstance(account.token, TokenFile)
        return account.token.path

    assert path("secrets/token") == config.parent / "secrets" / "token"
    assert path("~/token") == Path("/home/me/token")
    assert path("/run/token") == Path("/run/token")


def test_a_token_file_named_by_the_environment(config: Path) -> None:
    path = write(config.with_name("token"), TOKEN + "\n")
    env = {**WHOLE_ENVIRONMENT, "EXOTEL_API_TOKEN": "", "EXOTEL_API_TOKEN_FILE": str(path)}
    settings = settle(config, env)
    assert settings.account is not None
    assert settings.profile is None
    assert settings.account.token.fetch(environ={}, warn=pytest.fail).reveal() == TOKEN


def shell(script: str, timeout: float = 20.0) -> TokenCommand:
    return TokenCommand(("/bin/sh", "-c", script), timeout)


@pytest.mark.parametrize(
    "script", [f"echo {TOKEN}; echo more; echo {CANARY} >&2", f"printf {TOKEN}", f"printf '{TOKEN}\\r\\n'", "echo $T"]
)
def test_a_token_command_prints_the_token_first(script: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert shell(script).fetch(environ={"T": TOKEN}, warn=pytest.fail).reveal() == TOKEN
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"{CANARY}\n" if ">&2" in script else "")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (shell(f"echo {TOKEN}; exit 3"), "exit code 3"),
        (shell(f"echo {TOKEN}; kill -9 $$"), "exit code -9"),
        (shell(f": {TOKEN}"), "is empty"),
        (shell(f"echo; echo {TOKEN}"), "is empty"),
        (shell(f"echo {TOKEN} {TOKEN}"), "contains a space"),
        (shell(f"echo {TOKEN}; exec sleep 60", 0.2), "longer than 0.2 s"),
        (shell(f"echo {TOKEN}; exec >&-; exec sleep 60", 0.2), "longer than 0.2 s"),
        (shell(f"exec yes {TOKEN}"), "more than 64 KiB"),
        (TokenCommand(("/nonexistent/program", TOKEN)), "No such file or directory"),
        (TokenCommand(("/", TOKEN)), "Permission denied"),
    ],
)
def test_a_token_command_that_fails_is_named_by_its_program_alone(command: TokenCommand, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        command.fetch(environ={}, warn=pytest.fail)
    assert words in caught.value.message
    assert command.argv[0] in caught.value.message
    assert CANARY not in whole_text(caught.value) + repr(command) + command.label


def test_a_token_command_that_takes_too_long_leaves_nothing_running() -> None:
    """What it waits for would hold our standard error, and whoever reads that would wait on."""
    script = "import subprocess; subprocess.run(['sleep', '1000'])"
    source = f"""
from exosms.config.credentials import TokenCommand
from exosms.errors import ConfigError
try:
    TokenCommand(({sys.executable!r}, "-c", {script!r}), timeout=2).fetch(environ={{}}, warn=print)
except ConfigError as error:
    print(error.message)
"""
    result = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=True, start_new_session=True
    )
    assert (result.stdout, result.stderr) == (f"The token_command {sys.executable} took longer than 2 s\n", "")


def test_a_child_that_holds_the_output_of_a_token_command_is_not_waited_for(tmp_path: Path) -> None:
    """An agent that the command leaves behind lives on."""
    agents = tmp_path / "agents"
    script = f"sleep 1000 & echo $! >> {agents}; echo {TOKEN}"
    try:
        assert shell(script).fetch(environ=dict(os.environ), warn=pytest.fail).reveal() == TOKEN
        os.kill(int(agents.read_text()), 0)  # raises if it is gone
        with pytest.raises(ConfigError, match="ended with exit code 3"):
            shell(f"{script}; exit 3").fetch(environ=dict(os.environ), warn=pytest.fail)
    finally:
        for agent in agents.read_text().split():
            os.kill(int(agent), signal.SIGKILL)


def test_a_child_may_finish_the_output_of_a_token_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "TOKEN_COMMAND_GRACE", 20)
    script = f"(sleep 0.2; printf {TOKEN[2:]}) & printf {TOKEN[:2]}"
    assert shell(script).fetch(environ=dict(os.environ), warn=pytest.fail).reveal() == TOKEN


def test_a_token_command_gets_no_input() -> None:
    theirs, ours = os.pipe()
    os.write(ours, b"meant for exosms, such as a body\n")
    real = os.dup(0)
    os.dup2(theirs, 0)
    try:
        token = shell(f"read line || echo {TOKEN}").fetch(environ={}, warn=pytest.fail)
    finally:
        os.dup2(real, 0)
        for descriptor in (theirs, ours, real):
            os.close(descriptor)
    assert token.reveal() == TOKEN


def test_a_token_command_runs_only_when_the_token_is_fetched(config: Path) -> None:
    ran = config.with_name("ran")
    config.write_text(PROD.replace(f'api_token = "{TOKEN}"', f'token_command = ["touch", "{ran}"]'))
    settings = settle(config)
    describe(settings)
    assert not ran.exists()
    assert settings.account is not None
    with pytest.raises(ConfigError, match="is empty"):
        settings.account.token.fetch(environ={"PATH": os.environ["PATH"]}, warn=pytest.fail)
    assert ran.exists()


def test_a_token_command_is_split_as_a_shell_would() -> None:
    assert split_command("pass show 'my exotel'") == ("pass", "show", "my exotel")
    for text in ("", "  ", "''", f"echo '{TOKEN}"):
        with pytest.raises(ConfigError) as caught:
            split_command(text)
        assert CANARY not in whole_text(caught.value)


def test_no_representation_shows_a_secret(config: Path) -> None:
    settings = settle(config)
    loaded = config_file.read(config)
    assert not loaded.profile("staging").missing
    shown = [
        settings,
        settings.account,
        loaded,
        read_small(config, limit=9999),
        loaded.profile("prod"),
        NEW,
        describe(settings),
    ]
    assert CANARY not in "".join(f"{thing!r} {thing}" for thing in shown)


def test_what_is_not_needed_is_not_imported(config: Path) -> None:
    script = f"""
import sys
from exosms.config.settings import AccountOptions, resolve
resolve(AccountOptions(), {{"EXOSMS_CONFIG": {str(config)!r}, "EXOSMS_STATE_DIR": "/x", **{WHOLE_ENVIRONMENT!r}}})
print(*{{"platformdirs", "tomllib", "tomlkit", "subprocess", "tempfile", "difflib", "shlex"}} & {{*sys.modules}})
"""
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "\n"
