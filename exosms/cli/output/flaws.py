"""What is wrong with a file, in few lines: the same problem once, with the number of rows and the first of them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from exosms.bulk.flaws import Flaw
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.cli.output.out import Out


def told(flaw: Flaw) -> str:
    """Return one problem as a line, with the value of the first row that has it."""
    where = ", ".join(map(str, flaw.lines))
    more = ", …" * (flaw.rows > len(flaw.lines))
    rows = f"line {where}" if flaw.rows == 1 else f"{counted(flaw.rows, 'row')}, lines {where}{more}"
    column = f", column {flaw.example.column}" if flaw.example.column else ""
    return f"{rows}{column}: {flaw.example.message}"


def tell_flaws(out: "Out", flaws: Sequence[Flaw], *, most: int) -> None:
    """Tell at most so many problems with what to do, each advice once, and how many more there are."""
    advice = [flaw.example.remedy for flaw in flaws]
    for at, flaw in enumerate(flaws[:most]):
        out.fail(told(flaw), remedy=advice[at] if advice[at] not in advice[:at] else "")
    if len(flaws) > most:
        out.fail(f"and {counted(len(flaws) - most, 'more problem')} of fewer rows")


def tell_some(tell: Callable[[str], None], lines: Sequence[str], *, most: int, noun: str, where: str = "") -> None:
    """Tell at most so many lines, and how many more of them there are."""
    for line in lines[:most]:
        tell(line)
    if len(lines) > most:
        tell(f"and {counted(len(lines) - most, f'more {noun}')}{where}")
