"""``exosms profile``: stored accounts."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from exosms import configfile, places
from exosms.account import flaw_of_sid, parse_base_url, parse_region
from exosms.choice import from_flag
from exosms.cli import offers
from exosms.cli import options as o
from exosms.cli.asking import raise_if_interrupted
from exosms.cli.commands import group
from exosms.cli.context import find_settings, open_client
from exosms.cli.render import Format, Out, facts
from exosms.cli.results import problem_document
from exosms.credentials import (
    InlineToken,
    Secret,
    TokenCommand,
    TokenFile,
    TokenSource,
    flaw_of_key,
    flaw_of_token,
    split_command,
)
from exosms.dlt import check_ids, check_sender
from exosms.errors import ConfigError, ExitCode, UsageError
from exosms.message import Outcome
from exosms.profiles import Options, describe
from exosms.profiletable import BUILT_IN, Profile

Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=offers.profiles, help="The profile's name.")]
OptionalName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", autocompletion=offers.profiles, help="The profile's name; without it the one in use."
    ),
]


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
    region: o.Region = None,
    base_url: o.BaseUrl = None,
    account_sid: Annotated[
        str | None, typer.Option("--account-sid", metavar="SID", help="The account SID.", show_default=False)
    ] = None,
    api_key: Annotated[
        str | None, typer.Option("--api-key", metavar="KEY", help="The API key (user name).", show_default=False)
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the API token from standard input.")
    ] = False,
    token_file: Annotated[
        str | None,
        typer.Option(
            "--token-file", metavar="FILE", help="A file to read the token from each time.", show_default=False
        ),
    ] = None,
    token_command: Annotated[
        str | None,
        typer.Option(
            "--token-command",
            metavar="COMMAND",
            help="A command that prints the token each time.",
            show_default=False,
        ),
    ] = None,
    sender: o.Sender = None,
    dlt_entity_id: o.DltEntityId = None,
    config: o.Config = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Replace a profile of that name.")] = False,
    no_input: o.NoInput = False,
    output: o.Output = Format.AUTO,
    json: o.Json = False,
) -> int:
    """Store an account; on a terminal it asks for what is missing, and there is no flag for the token itself.

    exosms profile add prod

    exosms profile add ci --region mumbai --token-command "pass show exotel"
    """
    out = o.out(output, json=json)
    configfile.check_name(name)
    address_given = None if base_url is None else from_flag(parse_base_url, base_url, "--base-url")
    o.refuse_empty(("--token-file", token_file), ("--from", sender), ("--dlt-entity-id", dlt_entity_id))
    if token_stdin + (token_file is not None) + (token_command is not None) > 1:
        raise UsageError("Give one of --token-stdin, --token-file and --token-command")
    form = _Form(can_ask=_can_ask(no_input=no_input))
    address = None if address_given else form.field(region, "--region", "Region (mumbai, singapore)")
    sid = form.field(account_sid, "--account-sid", "Account SID")
    key = form.field(api_key, "--api-key", "API key (user name)")
    token = _token(form, from_stdin=token_stdin, file=token_file, command=token_command)
    form.check(name)
    _refuse_flaw(f"The account SID {sid!r}", flaw_of_sid(sid))
    _refuse_flaw("The API key", flaw_of_key(key))
    for warning in (*(check_sender(sender) if sender else ()), *check_ids(dlt_entity_id, None)):
        out.warn(warning)
    file = places.config_path_to_write(config, os.environ)
    profile = Profile(
        name=name,
        region=parse_region(address) if address else None,
        base_url=address_given,
        account_sid=sid,
        api_key=Secret(key),
        token=token,
        sender=sender,
        dlt_entity_id=dlt_entity_id,
    )
    is_default = configfile.save_profile(file, profile, replace=yes)
    _done(out, "profile add", name, f"stored in {file}" + (", the default" if is_default else ""))
    out.tell(f"try it: exosms profile test {name}")
    return ExitCode.OK


class _Form:
    """Asks for what was not given or, where nobody can answer, lists it."""

    def __init__(self, *, can_ask: bool) -> None:
        self._can_ask = can_ask
        self._missing: list[str] = []

    def field(self, value: str | None, option: str, prompt: str, *, hidden: bool = False) -> str:
        if value:
            return value
        if self._can_ask:
            try:
                return str(typer.prompt(prompt, hide_input=hidden, err=True))
            except typer.Abort as abort:
                raise_if_interrupted(abort)
        self._missing.append(option)
        return ""

    def check(self, name: str) -> None:
        if self._missing:
            raise ConfigError(
                f"Not enough to store the profile {name!r}: {', '.join(self._missing)}",
                remedy="Give these options, or run it on a terminal, where it asks.",
            )


def _token(form: _Form, *, from_stdin: bool, file: str | None, command: str | None) -> TokenSource:
    if file is not None:
        return TokenFile(Path(file).expanduser().absolute())
    if command is not None:
        return TokenCommand(split_command(command))
    given = sys.stdin.readline().strip() if from_stdin else None
    token = form.field(
        given, "--token-stdin (or --token-file, --token-command)", "API token (not shown)", hidden=True
    )
    if token:
        _refuse_flaw("The API token", flaw_of_token(token))
    return InlineToken(Secret(token))


def _can_ask(*, no_input: bool) -> bool:
    return not no_input and not os.environ.get("EXOSMS_NO_INPUT") and sys.stdin.isatty()


def list_(config: o.Config = None, output: o.Output = Format.AUTO, json: o.Json = False) -> int:
    """List the stored profiles.

    exosms profile list

    exosms profile list --json
    """
    out = o.out(output, json=json)
    path = places.config_path(config, os.environ)
    stored = configfile.read(path, home=os.environ.get("HOME")) if path else None
    profiles = [*map(stored.profile, stored.names), BUILT_IN] if stored else [BUILT_IN]
    rows = [
        {
            "name": profile.name,
            "default": stored is not None and profile.name == stored.default,
            "region": profile.region or profile.base_url,
            "account_sid": profile.account_sid,
            "from": profile.sender,
        }
        for profile in profiles
    ]
    if out.format is Format.JSON:
        out.document({"schema": 1, "command": "profile list", "exit_code": 0, "profiles": rows, "error": None})
    for row in [] if out.format is Format.JSON else rows:
        if out.format is Format.JSONL:
            out.document(row)
        else:
            cells = (row["name"], "default" if row["default"] else "", row["region"], row["account_sid"], row["from"])
            out.line(*(str(cell or "") for cell in cells))
    return ExitCode.OK


def show(
    name: OptionalName = None,
    profile: o.Profile = None,
    config: o.Config = None,
    output: o.Output = Format.AUTO,
    json: o.Json = False,
) -> int:
    """Show the settings in use and where each comes from; secrets are masked.

    exosms profile show

    exosms profile show prod --json
    """
    out = o.out(output, json=json)
    settings = find_settings(out, Options(profile=_one(name, profile), config=config), account_needed=False)
    rows = describe(settings)
    match out.format:
        case Format.JSON:
            out.document(
                {
                    "schema": 1,
                    "command": "profile show",
                    "exit_code": 0,
                    "profile": settings.profile,
                    "settings": {row.name: {"value": row.value, "source": row.source or None} for row in rows},
                    "error": None,
                }
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


def use(name: Name, config: o.Config = None, output: o.Output = Format.AUTO, json: o.Json = False) -> int:
    """Make a profile the default one.

    exosms profile use prod

    exosms profile use staging --json
    """
    out = o.out(output, json=json)
    configfile.use_profile(places.config_path_to_write(config, os.environ), name)
    _done(out, "profile use", name, "the default now")
    return ExitCode.OK


def remove(name: Name, config: o.Config = None, output: o.Output = Format.AUTO, json: o.Json = False) -> int:
    """Forget a profile; what was sent with it stays in the ledger.

    exosms profile remove old

    exosms profile remove old --json
    """
    out = o.out(output, json=json)
    configfile.remove_profile(places.config_path_to_write(config, os.environ), name)
    _done(out, "profile remove", name, "removed")
    return ExitCode.OK


def check(
    name: OptionalName = None,
    profile: o.Profile = None,
    region: o.Region = None,
    base_url: o.BaseUrl = None,
    config: o.Config = None,
    timeout: o.Timeout = 30,
    output: o.Output = Format.AUTO,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> int:
    """Check key, token, region and account without sending anything.

    exosms profile test

    exosms profile test prod --region singapore
    """
    out = o.out(output, json=json, verbose=verbose)
    wanted = Options(profile=_one(name, profile), region=region, base_url=base_url, config=config)
    settings = find_settings(out, wanted)
    if settings.account is None:
        raise AssertionError("find_settings was told that an account is needed")
    receipt = open_client(out, settings.account, timeout=timeout).check_credentials()
    problem = receipt.problem
    ok = receipt.outcome is Outcome.ACCEPTED
    said = "the credentials are good" if problem is None else problem.meaning
    match out.format:
        case Format.JSON | Format.JSONL:
            out.document(
                {
                    "schema": 1,
                    "command": "profile test",
                    "profile": settings.profile,
                    **({"sandbox": True} if settings.is_sandbox else {}),
                    "exit_code": int(receipt.exit_code),
                    "ok": ok,
                    "http_status": receipt.http_status,
                    "meaning": said,
                    "remedy": problem.remedy if problem else None,
                    "error": problem_document(problem) if problem else None,
                }
            )
        case _:
            out.line("ok" if ok else "failed", settings.profile or "", str(receipt.http_status or ""), said)
    if problem is not None:
        out.fail(problem.message or said, remedy=problem.remedy)
    return receipt.exit_code


def path(config: o.Config = None, output: o.Output = Format.AUTO, json: o.Json = False) -> int:
    """Print where config.toml is, or would be.

    exosms profile path

    $EDITOR "$(exosms profile path)"
    """
    out = o.out(output, json=json)
    where = str(places.config_path_to_write(config, os.environ))
    if out.format in {Format.JSON, Format.JSONL}:
        out.document({"schema": 1, "command": "profile path", "exit_code": 0, "path": where, "error": None})
    else:
        out.line(where)
    return ExitCode.OK


def _one(name: str | None, profile: str | None) -> str | None:
    """Return the profile that is meant; raises UsageError for two."""
    if name and profile and name != profile:
        raise UsageError(f"Which one is meant, {name!r} or {profile!r}?", remedy="Name one profile.")
    return name or profile


def _done(out: Out, command: str, name: str, what: str) -> None:
    if out.format in {Format.JSON, Format.JSONL}:
        out.document({"schema": 1, "command": command, "exit_code": 0, "profile": name, "error": None})
    else:
        out.line(name, what)


def _refuse_flaw(what: str, flaw: str | None) -> None:
    if flaw:
        raise ConfigError(f"{what} {flaw}", remedy="Copy it again from the API settings in Exotel's dashboard.")


command = group(
    "profile",
    {
        "add": add,
        "list": list_,
        "show": show,
        "use": use,
        "remove": remove,
        "test": check,
        "path": path,
    },
    examples=("exosms profile add prod", "exosms profile test prod"),
)
