"""What is wrong with a file, in few lines: the same problem once, with the number of rows and the first of them."""

from collections.abc import Callable, Iterable

from exosms.bulk.flaws import Flaw
from exosms.system.wording import counted


def told(flaw: Flaw) -> str:
    """Return one problem as a line, with the value of the first row that has it."""
    where = ", ".join(map(str, flaw.lines))
    more = ", …" * (flaw.rows > len(flaw.lines))
    rows = f"line {where}" if flaw.rows == 1 else f"{counted(flaw.rows, 'row')}, lines {where}{more}"
    column = f", column {flaw.example.column}" if flaw.example.column else ""
    return f"{rows}{column}: {flaw.example.message}"


def tell_some(tell: Callable[[str], None], lines: Iterable[str], *, most: int, rest: str) -> None:
    """Tell at most so many lines, and how many more there are, which ``rest`` names."""
    every = [*lines]
    for line in every[:most]:
        tell(line)
    if len(every) > most:
        tell(f"and {len(every) - most} more: {rest}")
