"""Which account: where it comes from, and what is ignored for its sake.

It comes whole from one place: a profile that was named, else a complete set of variables, else the default profile.
Whatever says sandbox stays the sandbox.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from exosms.config import config_file
from exosms.config.account import Account, parse_base_url, sandbox_account
from exosms.config.paths import config_path, config_path_to_write, flag_for
from exosms.config.profile import ACCOUNT_KEYS, BUILT_IN, KEYS, Profile, Source, read_table
from exosms.config.region import Region, parse_region
from exosms.errors import ConfigError, UsageError
from exosms.sms.rate import Rate

T = TypeVar("T")

_ACCOUNT_VARIABLES = tuple(
    KEYS[key].variable
    for key in ("account_sid", "api_key", "api_token", "token_file", "region", "base_url")  # as they are told
)
_HOW_TO_HAVE_AN_ACCOUNT = (
    "Store one with `exosms profile add NAME`, or set {}, or try it without one: --region sandbox."
)
_HOW_TO_COMPLETE = {
    "region": "its region (singapore or mumbai; there is no default)",
    "account_sid": "account_sid",
    "api_key": "api_key",
    "api_token": "a token (api_token, token_file or token_command)",
}


class AccountOptions(NamedTuple):
    """What the command line says about account and settings; None is what it does not say."""

    profile: str | None = None
    region: str | None = None
    base_url: str | None = None
    config: Path | None = None
    sender: str | None = None
    dlt_entity_id: str | None = None
    rate: Rate | None = None
    templates: Path | None = None

    @property
    def flags(self) -> Mapping[str, str]:
        """The flags, with their values, that say the same about the account to another command."""
        given = {
            "-p": self.profile,
            "--region": self.region,
            "--base-url": self.base_url,
            "--config": self.config,
        }
        return {flag: str(value) for flag, value in given.items() if value is not None}


class _NoAccountError(ConfigError):
    """There is no account, or not all of one: what a dry run does without."""

    def __init__(self, message: str, *, remedy: str, is_begun: bool = True) -> None:
        super().__init__(message, remedy=remedy)
        self.is_begun = is_begun
        """Whether somebody has begun to give one."""

    @property
    def for_a_dry_run(self) -> str:
        """What a dry run is to tell of it; empty where nobody has begun to give an account."""
        if not self.is_begun:
            return ""
        said = self.message.removeprefix("No account: ")
        end = "" if said.endswith("?") else "."
        return f"no account yet: {said[0].lower()}{said[1:]}{end} {self.remedy}"


class _Address(NamedTuple):
    base_url: str
    region: Region | None
    source: str


class AccountChoice(NamedTuple):
    """Where account and settings come from."""

    config: Path | None
    profile: Profile | None = None
    named_by: str = ""
    """How the profile was named; empty for the default one."""
    missing_variables: tuple[str, ...] = ()
    """What the environment lacks to be an account."""
    nameless: tuple[str, ...] = ()
    """The stored profiles, where none was named and none is the default."""
    unknown_keys: tuple[str, ...] = ()
    """A clause about each key of the profile that means nothing."""
    warnings: tuple[str, ...] = ()

    @property
    def is_environment(self) -> bool:
        """Whether the account is the environment's."""
        return self.profile is None and not self.missing_variables

    @property
    def source(self) -> str:
        """Where the account comes from, as it is called in sentences."""
        return f"profile {self.profile.name}" if self.profile else "environment"


def choose(options: AccountOptions, env: Mapping[str, str]) -> AccountChoice:
    """Decide between the profile that was named, the environment and the default profile.

    Raises ConfigError if the profile does not exist or its file cannot be used; the file is read only for a profile.
    """
    path = config_path(options.config, env)
    if options.config is not None:
        check_exists(options.config)
    missing = _missing_variables(options, env)
    name, named_by = options.profile, "--profile"
    if name is None and "EXOSMS_PROFILE" in env:
        name, named_by = env["EXOSMS_PROFILE"], "EXOSMS_PROFILE"
    if name == BUILT_IN.name:
        return AccountChoice(config=path, profile=BUILT_IN, named_by=named_by, missing_variables=missing)
    if name is None and (not missing or path is None):
        return AccountChoice(config=path, missing_variables=missing)
    config = config_file.read(config_path_to_write(options.config, env), home=env.get("HOME"))
    if name is None:
        name, named_by = config.default, ""
    if name is None:
        return AccountChoice(config=path, missing_variables=missing, nameless=config.names, warnings=config.warnings)
    unknown_keys = config.unknown_keys(name)
    return AccountChoice(
        config=path,
        profile=config.profile(name),
        named_by=named_by,
        missing_variables=missing,
        unknown_keys=unknown_keys,
        warnings=(*config.warnings, *(f"profile {name!r} in {config.path}: {clause}" for clause in unknown_keys)),
    )


def check_exists(path: Path) -> None:
    """Raise ConfigError for a file of ``--config`` that is not there: it was not named for nothing."""
    try:
        path.stat()
    except OSError as error:
        raise ConfigError(
            f"The configuration {path} cannot be read: {error.strerror}",
            remedy="Check --config, or create it with `exosms profile add`.",
        ) from error


def _missing_variables(options: AccountOptions, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the environment lacks to be a whole account; the sandbox has an address already."""
    lacking = [name for name in ("EXOTEL_ACCOUNT_SID", "EXOTEL_API_KEY") if name not in env]
    if not {"EXOTEL_API_TOKEN", "EXOTEL_API_TOKEN_FILE"} & env.keys():
        lacking.append("EXOTEL_API_TOKEN")
    if not (options.region or options.base_url or {"EXOTEL_REGION", "EXOSMS_BASE_URL"} & env.keys()):
        lacking.append("EXOTEL_REGION")
    return tuple(lacking)


# The sandbox.


def _who_says_sandbox(options: AccountOptions, env: Mapping[str, str], choice: AccountChoice) -> str:
    """Return what asks for the sandbox; empty if nothing does."""
    if options.region is not None and from_flag(parse_region, options.region, "--region") is Region.SANDBOX:
        return "--region"
    if choice.profile is not None and choice.profile.region is Region.SANDBOX:
        return choice.source
    if choice.named_by:  # a profile that was named takes nothing of its account from the environment
        return ""
    return "EXOTEL_REGION" if env.get("EXOTEL_REGION", "").strip().lower() == Region.SANDBOX else ""


def _ignored_in_the_sandbox(
    options: AccountOptions, env: Mapping[str, str], choice: AccountChoice, *, by: str
) -> list[str]:
    """Return a warning about whatever else would have led to a real account."""
    given = {
        "--base-url": options.base_url,
        "--region": options.region if by != "--region" else None,
        "EXOSMS_BASE_URL": env.get("EXOSMS_BASE_URL") if by == "EXOTEL_REGION" else None,
        f"base_url of {choice.source}": choice.profile and choice.profile.base_url if by == choice.source else None,
    }
    warnings = [f"{name} is ignored, because {by} says sandbox" for name, value in given.items() if value]
    if options.base_url:
        warnings[0] += f"; to send there, store it and name it with -p: {_how_to_store(options.base_url)}"
    if by == "EXOTEL_REGION" and choice.profile:
        warnings.append(f"{choice.source} stays in the sandbox, because EXOTEL_REGION says sandbox; unset it to send")
    return warnings


def _how_to_store(base_url: str) -> str:
    """Return the command that makes an address a profile; one that cannot be used, or tells a secret, is left out."""
    try:
        return f"exosms profile add local --base-url {parse_base_url(base_url)}"
    except ConfigError:
        return "exosms profile add local --base-url URL"


# The account.


def account_of(
    options: AccountOptions, env: Mapping[str, str], choice: AccountChoice, *, needed: bool
) -> tuple[Account | None, tuple[str, ...], str]:
    """Return the account, all warnings about the choice, and why there is no account where none is needed.

    Raises ConfigError and, for a malformed option, UsageError.
    """
    by = _who_says_sandbox(options, env, choice)
    if by:
        ignored = _ignored_in_the_sandbox(options, env, choice, by=by)
        return sandbox_account(source=by), (*choice.warnings, *ignored), ""
    warnings = (*choice.warnings, *_left_aside(env, choice))
    try:
        return _account(options, env, choice), warnings, ""
    except _NoAccountError as error:
        if needed:
            raise
        return None, warnings, error.for_a_dry_run


def _account(options: AccountOptions, env: Mapping[str, str], choice: AccountChoice) -> Account:
    address = _address_from_flags(options)
    if choice.profile is None and choice.missing_variables:
        raise _no_account(env, choice)
    profile = choice.profile or _environment(env, has_address=address is not None)
    address = address or _address_of(profile, choice)
    if not (address and profile.account_sid and profile.api_key and profile.token):
        raise _incomplete(profile, choice, env, has_address=address is not None)
    return Account(
        sid=profile.account_sid,
        key=profile.api_key,
        token=profile.token,
        base_url=address.base_url,
        region=address.region,
        source=choice.source,
        address_source=address.source,
    )


def _environment(env: Mapping[str, str], *, has_address: bool) -> Profile:
    """Return the account's variables as a profile; of two that say the same the more exact one is read."""
    table = {name: env[KEYS[name].variable] for name in ACCOUNT_KEYS if KEYS[name].variable in env}
    ignored = {"region", "base_url"} if has_address else {"region"} if "base_url" in table else set()
    ignored |= {"token_file"} if "api_token" in table else set()
    table = {name: value for name, value in table.items() if name not in ignored}
    return read_table(table, Source(home=env.get("HOME")))


def _address_of(profile: Profile, choice: AccountChoice) -> _Address | None:
    """The account's own address; of the two keys the more exact one counts."""
    key = "base_url" if profile.base_url else "region"
    source = KEYS[key].variable if choice.is_environment else choice.source
    if profile.base_url:
        return _Address(profile.base_url, None, source)
    return _Address(profile.region.base_url, profile.region, source) if profile.region else None


def _no_account(env: Mapping[str, str], choice: AccountChoice) -> _NoAccountError:
    present = ", ".join(name for name in _ACCOUNT_VARIABLES if name in env)
    *others, last = choice.missing_variables
    missing = f"{', '.join(others)} and {last}" if others else last
    environment = f"the environment has {present} but not {missing}, and " if present else ""
    if choice.nameless:
        or_complete = f", or set {missing}" if present else ""
        return _NoAccountError(
            f"No account: {environment}none of the profiles {', '.join(choice.nameless)} is the default",
            remedy=f"Name one with -p NAME, or make it the default: exosms profile use NAME{or_complete}",
        )
    where = f" in {choice.config}" if choice.config else ""
    return _NoAccountError(
        f"No account: {environment}no profile is stored{where}",
        remedy=_HOW_TO_HAVE_AN_ACCOUNT.format(missing),
        is_begun=bool(present),
    )


def _incomplete(
    profile: Profile, choice: AccountChoice, env: Mapping[str, str], *, has_address: bool
) -> _NoAccountError:
    missing = [_HOW_TO_COMPLETE[key] for key in profile.missing if not (key == "region" and has_address)]
    unknown = "".join(f"; {clause}" for clause in choice.unknown_keys)
    return _NoAccountError(
        f"The profile {profile.name!r} in {choice.config} lacks {', '.join(missing)}{unknown}",
        remedy=_how_to_mend(profile, flag_for(choice.config, env)),
    )


def _how_to_mend(profile: Profile, there: str) -> str:
    """Return the remedy for a stored account that is not whole; some names can only be mended by hand."""
    if not config_file.is_name(profile.name):
        return "Fix it there."
    again = f"exosms profile add {profile.name} --yes"
    return f"Fix it there, or give the account again on a terminal, where exosms asks for it: {again}{there}"


def _address_from_flags(options: AccountOptions) -> _Address | None:
    """The address that outranks the account's own; of the two flags the more exact one counts."""
    if options.base_url is not None:
        return _Address(from_flag(parse_base_url, options.base_url, "--base-url"), None, "--base-url")
    if options.region is not None:
        region = from_flag(parse_region, options.region, "--region")
        return _Address(region.base_url, region, "--region")
    return None


def from_flag(parse: Callable[[str], T], text: str, flag: str) -> T:
    """Read a flag's value; raises UsageError where a setting of that value would be a ConfigError."""
    try:
        return parse(text)
    except ConfigError as error:
        raise UsageError(f"{flag}: {error.message}", remedy=error.remedy) from error


def _left_aside(env: Mapping[str, str], choice: AccountChoice) -> list[str]:
    """Return a warning about variables that seem to name an account and do not count."""
    if choice.profile is None:
        return []
    if choice.named_by:
        ours = f"{choice.source} takes no account settings from the environment"
        ignored = ["EXOSMS_BASE_URL"] if "EXOSMS_BASE_URL" in env else []
        if env.get("EXOTEL_REGION", "").strip().lower() == Region.SANDBOX:
            ignored.append("EXOTEL_REGION=sandbox")
        return [f"{name} is ignored: {ours}" for name in ignored]
    present = ", ".join(name for name in _ACCOUNT_VARIABLES if name in env)
    missing = ", ".join(choice.missing_variables)
    if not present:
        return []
    return [f"without {missing} the environment's {present} has no effect: the default {choice.source} is used"]
