"""``exosms profile``: stored accounts."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from exosms.cli import completion_values, profile_form
from exosms.cli import options as o
from exosms.cli.commands import group
from exosms.cli.context import find_settings, open_client
from exosms.cli.output.out import Format, Out, error_document, problem_document
from exosms.cli.output.tables import draw_table, facts
from exosms.cli.profile_set import Name, set_keys
from exosms.cli.prompts import agree, can_answer, confirmed
from exosms.config import config_file, groups, paths
from exosms.config.profile import BUILT_IN, Profile
from exosms.config.region import Region
from exosms.config.settings import DEFAULT_COUNTRY, AccountOptions, describe
from exosms.errors import ConfigError, ExitCode, InputError, UsageError
from exosms.sms.message import Outcome
from exosms.system.signals import Interrupts

OptionalName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        autocompletion=completion_values.profiles,
        help="The profile's name; without it the one in use.",
    ),
]

_GIVEN = {
    "account_sid": o.option("--account-sid", metavar="SID", group="Account", help="The account SID."),
    "api_key": o.option("--api-key", metavar="KEY", group="Account", help="The API key (user name)."),
    "token_stdin": o.option("--token-stdin", group="Account", help="Read the API token from standard input."),
    "token_file": o.option(
        "--token-file", metavar="FILE", group="Account", help="A file to read the token from each time."
    ),
    "token_command": o.option(
        "--token-command", metavar="COMMAND", group="Account", help="A command that prints the token each time."
    ),
}


def add(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
    given: Annotated[profile_form.GivenProfile, _GIVEN],
    config: Path | None = None,
    yes: Annotated[
        bool, o.option("-y", "--yes", group="Safety", help="Replace a profile of that name; its other settings stay.")
    ] = False,
    no_input: bool = False,
    out: o.QuietPrinter,
) -> int:
    """Store an account; on a terminal it asks for missing values. There is no flag for the token itself.

    With --yes it replaces a profile of that name. Settings that you do not give stay, but an account is replaced
    completely or not at all. The sandbox needs no account.

    exosms profile add prod

    exosms profile add prod --yes --from ACMEIN

    exosms profile add ci --region mumbai --token-command "pass show exotel"
    """
    config_file.check_name(name)
    o.refuse_empty(
        ("--token-file", given.token_file), ("--from", given.sender), ("--dlt-entity-id", given.dlt_entity_id)
    )
    if given.token_stdin + (given.token_file is not None) + (given.token_command is not None) > 1:
        raise UsageError("Give one of --token-stdin, --token-file and --token-command")
    can_ask = can_answer(no_input=no_input)
    form = profile_form.ProfileForm(name, given, out, can_ask=can_ask)
    file = paths.config_path_to_write(config, os.environ)
    before = _stored(file, name)
    interrupts = Interrupts()
    with interrupts.installed(), interrupts.at_once():
        replaces = yes or (before is not None and can_ask and _agreed_to_replace(name))
        profile = form.fill_in(before)
    is_default = config_file.save_profile(file, profile, replace=replaces)
    out.done(name, f"stored in {file}" + (", the default" if is_default else ""), profile=name)
    there = paths.flag_for(file, os.environ)
    if not (profile.region is Region.SANDBOX or (before and before.sender)):
        _tell_what_it_lacks(profile, f"exosms profile set {name}", there, out)
    out.tell(f"try it: exosms profile test {name}{there}")
    return ExitCode.OK


def _tell_what_it_lacks(profile: Profile, command: str, there: str, out: Out) -> None:
    """Say how to store what every text needs, and an account does without."""
    lacks = {"sender": "from=SENDER"} if not profile.sender else {}
    if not profile.dlt_entity_id and profile.country in {None, "IN"}:
        lacks["DLT entity"] = "dlt_entity_id=ID"
    if lacks:
        out.tell(f"it has no {' and no '.join(lacks)} yet: {command} {' '.join(lacks.values())}{there}")


def _stored(file: Path, name: str) -> Profile | None:
    """Return the profile of that name, if there is one; one that cannot be used says nothing."""
    config = config_file.read(file, home=os.environ.get("HOME"))
    if name not in config.names:
        return None
    try:
        return config.profile(name)
    except ConfigError:
        return Profile(name=name)


def _agreed_to_replace(name: str) -> bool:
    """Return True once a person agreed; raises GuardError otherwise."""
    if not confirmed(f"The profile {name!r} already exists. Replace it?"):
        raise config_file.already_there(name)
    return True


def list_(*, config: Path | None = None, out: o.QuietPrinter) -> int:
    """List the stored profiles.

    exosms profile list

    exosms profile list --json
    """
    path = paths.config_path(config, os.environ)
    stored = config_file.read(path, home=os.environ.get("HOME")) if path else None
    flawed = stored.flawed if stored else {}
    for error in flawed.values():
        out.warn(error.message)
    profiles = [Profile(name) if name in flawed else stored.profile(name) for name in stored.names] if stored else []
    rows = [
        {
            "name": profile.name,
            "default": stored is not None and profile.name == stored.default,
            "region": profile.region or profile.base_url,
            "account_sid": profile.account_sid,
            "from": profile.sender,
        }
        for profile in (*profiles, BUILT_IN)
    ]
    if out.is_json:
        out.listing("profiles", rows)
    else:
        shown = [{**row, "default": "default" if row["default"] else ""} for row in rows]
        _listed(
            out, ("Name", "", "Region", "Account", "From"), [[str(c or "") for c in row.values()] for row in shown]
        )
    return ExitCode.OK


def show(
    *,
    name: OptionalName = None,
    profile: str | None = None,
    config: Path | None = None,
    out: o.Printer,
) -> int:
    """Show the settings in use and where each comes from; secrets are masked.

    exosms profile show

    exosms profile show prod --json
    """
    settings = find_settings(out, AccountOptions(profile=_one(name, profile), config=config), account_needed=False)
    rows = describe(settings)
    match out.format:
        case Format.JSON:
            out.result(
                exit_code=0,
                profile=settings.profile,
                settings={row.name: {"value": row.value, "source": row.source or None} for row in rows},
                error=None,
            )
        case Format.JSONL:
            for row in rows:
                out.document({"name": row.name, "value": row.value, "source": row.source or None})
        case Format.HUMAN:
            out.draw(facts([(row.name, f"{row.value}  ({row.source})" if row.value else "not set") for row in rows]))
        case _:
            for row in rows:
                out.line(row.name, row.value or "", row.source)
    return ExitCode.OK


def groups_(*, profile: str | None = None, config: Path | None = None, out: o.QuietPrinter) -> int:
    """List the groups of recipients in config.toml with their numbers; --to @NAME sends to one.

    exosms profile groups

    exosms profile groups --json
    """
    found = groups.read(paths.config_path(config, os.environ))
    country = _country(AccountOptions(profile=profile, config=config), out)
    rows = [(name, *_numbers(found, name, country)) for name in found.names]
    if not rows:
        out.tell(f"no groups in {found.path or 'any configuration'}; write them there, below [groups]")
    for _, _, problem in rows:
        if problem is not None:
            out.warn(f"{problem.message}. {problem.remedy}")
    if out.is_json:
        keys = ("name", "numbers", "error")
        out.listing(
            "groups",
            (dict(zip(keys, (n, ns, e and error_document(e)), strict=True)) for n, ns, e in rows),
        )
    elif out.is_human and rows:
        draw_table(out, ("Group", "Numbers"), [(name, tuple(numbers)) for name, numbers, _ in rows])
    else:
        for name, numbers, _ in rows:
            out.line(name, ",".join(numbers))
    return ExitCode.OK


def _country(options: AccountOptions, out: Out) -> str:
    """Return how numbers without + are read; a profile that cannot be used harms no group."""
    try:
        return find_settings(out, options, account_needed=False).country
    except ConfigError as error:
        if options.profile is not None:
            raise
        out.warn(error.message)
        return DEFAULT_COUNTRY


def _numbers(found: groups.Groups, name: str, country: str) -> tuple[list[str], InputError | None]:
    """Return the numbers of a group, as they are written where one cannot be used, and what is wrong with it."""
    members: tuple[str, ...] = ()
    try:
        members = found.members(name)
        return [found.number(name, member, country=country) for member in members], None
    except InputError as error:
        return list(members), error


def use(*, name: Name, config: Path | None = None, out: o.QuietPrinter) -> int:
    """Make a profile the default one.

    exosms profile use prod

    exosms profile use staging --json
    """
    file = paths.config_path_to_write(config, os.environ)
    config_file.use_profile(file, name)
    flaw = config_file.read(file, home=os.environ.get("HOME")).flawed.get(name)
    if flaw is not None:
        out.warn(f"it cannot be used yet: {flaw.message}")
    out.done(name, "now the default", profile=name)
    return ExitCode.OK


def remove(
    *,
    name: Name,
    config: Path | None = None,
    yes: bool = False,
    no_input: bool = False,
    out: o.QuietPrinter,
) -> int:
    """Remove a profile; records of its messages stay in the ledger. It asks if the profile holds a token.

    exosms profile remove old

    exosms profile remove old --yes --json
    """
    file = paths.config_path_to_write(config, os.environ)
    if config_file.read(file, home=os.environ.get("HOME")).holds_token(name):
        question = f"Remove the profile {name!r} together with the token in it?"
        agree(out, question, yes=yes, no_input=no_input)
    left = config_file.remove_profile(file, name)
    out.done(name, "removed", profile=name)
    if left.was_default and left.default is not None:
        out.warn(f"it was the default; the default is now {left.default!r}, the only one left")
    elif left.was_default:
        out.warn("it was the default, and there is none now; to choose one: exosms profile use NAME")
    return ExitCode.OK


def check(
    *,
    name: OptionalName = None,
    account: o.AccountFlags,
    timeout: float = 30,
    out: o.FullPrinter,
) -> int:
    """Check key, token, region and account without sending anything.

    exosms profile test

    exosms profile test prod --region singapore
    """
    settings = find_settings(out, AccountOptions(*account)._replace(profile=_one(name, account.profile)))
    interrupts = Interrupts()
    with interrupts.installed(), interrupts.at_once():
        receipt = open_client(out, settings.own_account, timeout=timeout).check_credentials()
    problem = receipt.problem
    ok = receipt.outcome is Outcome.ACCEPTED
    said = "the credentials are good" if problem is None else problem.meaning
    if out.is_json:
        out.result(
            profile=settings.profile,
            **out.sandbox_mark,
            exit_code=int(receipt.exit_code),
            ok=ok,
            http_status=receipt.http_status,
            meaning=said,
            remedy=problem.remedy if problem else None,
            error=problem_document(problem) if problem else None,
        )
    else:
        cells = "ok" if ok else "failed", settings.profile or "", str(receipt.http_status or ""), said
        _listed(out, ("Result", "Profile", "Status", "What it means"), [cells])
    if problem is not None:
        told = ": ".join(filter(None, (problem.status_text, problem.message)))
        out.fail(told or said, remedy=f"{problem.meaning} {problem.remedy}")
    return receipt.exit_code


def path(*, config: Path | None = None, out: o.Printer) -> int:
    """Print where config.toml is, or would be.

    exosms profile path

    $EDITOR "$(exosms profile path)"
    """
    where = str(paths.config_path_to_write(config, os.environ))
    out.done(where, path=where)
    return ExitCode.OK


def _listed(out: Out, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if out.is_human:
        draw_table(out, columns, rows)
    else:
        out.lines(rows)


def _one(name: str | None, profile: str | None) -> str | None:
    """Return the profile that is meant; raises UsageError for two, and for an empty one."""
    o.refuse_empty(("NAME", name))
    if name and profile and name != profile:
        raise UsageError(f"Two profiles are given, {name!r} and {profile!r}", remedy="Give only one.")
    return name or profile


command = group(
    "profile",
    {
        "add": add,
        "set": set_keys,
        "list": list_,
        "show": show,
        "use": use,
        "remove": remove,
        "test": check,
        "groups": groups_,
        "path": path,
    },
    examples=("exosms profile add prod", "exosms profile set prod rate=100/min", "exosms profile test prod"),
)
