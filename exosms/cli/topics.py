"""The pages of ``exosms help``: Markdown beside the program, which the README has word for word or links to."""

from collections.abc import Mapping
from pathlib import Path

_PAGES = Path(__file__).parent.parent / "help"


def titles() -> Mapping[str, str]:
    """Return what each page is about, by its name."""
    return {path.stem: _title(path) for path in sorted(_PAGES.glob("*.md"))}


def names() -> list[str]:
    """Return the names of the pages."""
    return sorted(path.stem for path in _PAGES.glob("*.md"))


def page(name: str) -> str:
    """Return a page in Markdown; its first line is its title."""
    return (_PAGES / f"{name}.md").read_text(encoding="utf-8")


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return lines.readline().removeprefix("# ").strip() + "."
