"""``exosms sandbox``: Exotel's SMS API, emulated on this machine."""

import gc
import re
from functools import partial
from typing import Annotated

import typer

from exosms.cli import option_values
from exosms.cli import options as o
from exosms.cli.output.out import Out
from exosms.errors import ConfigError, ExitCode, Interrupted
from exosms.system.signals import Interrupts


def share(text: str) -> float:
    """Read ``0.1`` or ``10%`` as a share of requests."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)(%?)", text, re.ASCII)
    value = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"{text!r} is not a valid share: write 0.1 or 10%")
    return value


def _announce(out: Out, address: str) -> None:
    out.line(address)
    account = "EXOTEL_ACCOUNT_SID=acme1 EXOTEL_API_KEY=key EXOTEL_API_TOKEN=token"
    out.tell(f"use it with {account} and --base-url {address}, or: exosms profile add local --base-url {address}")
    if out.is_human:
        form = "-d From=ACMEIN -d To=9876543210 -d Body=Hello"
        out.tell(f"try: curl -u key:token {form} {address}/v1/Accounts/acme1/Sms/send.json")
        out.tell("Ctrl-C stops it")


def command(
    *,
    port: Annotated[int, o.PORT] = 0,
    latency: Annotated[
        float,
        o.option(
            "--latency",
            metavar="DURATION",
            parser=option_values.short_duration,
            help="Delay each answer by this time, such as 250ms or 2s.  [default: 0]",
        ),
    ] = 0.0,
    faults: Annotated[
        float,
        o.option(
            "--faults",
            metavar="RATE",
            parser=share,
            help="The share of requests that fail, such as 10%.  [default: 0]",
        ),
    ] = 0.0,
    callback_faults: Annotated[
        float,
        o.option(
            "--callback-faults",
            metavar="RATE",
            parser=share,
            help="The share of callbacks lost, doubled, late, early or out of order, such as 30%.  [default: 0]",
        ),
    ] = 0.0,
    seed: Annotated[
        int | None,
        o.option(
            "--seed", metavar="N", help="Choose the faults by this number: with the same one they are the same."
        ),
    ] = None,
    delivery_after: Annotated[
        float,
        o.option(
            "--delivery-after",
            metavar="DURATION",
            parser=option_values.short_duration,
            help="Deliver after this time, such as 30s.  [default: 0]",
        ),
    ] = 0.0,
    no_search: Annotated[
        bool, o.option("--no-search", help="Answer only about single messages, with no list of them.")
    ] = False,
    out: Out,
) -> int:
    """Serve an emulator of Exotel's SMS API on this machine, until interrupted.

    The address is the first line printed. Any key and token are accepted, unless the token begins with "wrong". A
    recipient +9190000CCCCC chooses the answer: an HTTP status (00403) or the detailed status that the message ends
    with (23185). The messages it accepted are listed at /sandbox/messages.json; /sandbox/report.csv is the
    dashboard's report of them.

    exosms sandbox --port 8080

    exosms sandbox --faults 10% --seed 1 --delivery-after 30s
    """
    from exosms.sandbox.server import Behaviour, serve

    gc.enable()  # it lives long
    behaviour = Behaviour(
        latency=latency,
        faults=faults,
        seed=seed,
        delivery_after=delivery_after,
        search=not no_search,
        callback_faults=callback_faults,
    )
    interrupts = Interrupts()
    try:
        with interrupts.installed(), interrupts.at_once():
            serve(port=port, behaviour=behaviour, announce=partial(_announce, out), until=interrupts.wait)
    except OSError as error:
        raise ConfigError(
            f"The sandbox cannot listen on port {port}: {error.strerror}", remedy="Choose another with --port, or 0."
        ) from error
    except Interrupted:
        pass  # as it is meant to end
    return ExitCode.OK
