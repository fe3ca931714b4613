"""Words that fit a number."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{count} {noun}{'s'[: count != 1]}"
