"""What can be said of a sender and of DLT ids by their shape (TRAI; Exotel support 38686, 3000102659)."""

import re
from functools import lru_cache

from exosms.errors import InputError

_DISPLAYED = re.compile(r"[A-Za-z]{2}-([A-Za-z0-9]{3,6})(?:-[A-Za-z])?")
_NUMERIC_HEADER = 6
"""Digits."""
_USUAL = re.compile(r"[A-Za-z]{3,6}|[0-9]{6}|\+?[0-9]{8,13}")


def check_sender(sender: str) -> tuple[str, ...]:
    """Return warnings about a sender: a header of 3 to 6 letters or six digits, or an ExoPhone.

    Raises InputError for one that cannot be meant.
    """
    if displayed := _DISPLAYED.fullmatch(sender):
        raise InputError(
            f"The sender {sender!r} is the form that phones show; the operator adds the prefix and suffix",
            remedy=f"Use {displayed[1]}.",
        )
    if not sender.isprintable() or any(map(str.isspace, sender)) or not sender:
        raise InputError(
            f"The sender {sender!r} is neither a header nor an ExoPhone",
            remedy="Write it without spaces, such as ACMEIN.",
        )
    if not _USUAL.fullmatch(sender):
        return (
            f"the sender {sender!r} has an unusual shape (a header has 3 to 6 letters, or 6 digits); Exotel decides",
        )
    return ()


def check_ids(
    entity_id: str | None, template_id: str | None, *, is_kept: bool = False, is_of_cell: bool = False
) -> tuple[str, ...]:
    """Return warnings about DLT ids, which are 19 digits; raises InputError for what is no id at all.

    Of an id that is to be kept another number of digits is an error too, of one in a cell the zeros for the digits
    that a spreadsheet does not keep.
    """
    warnings = []
    for name, value, usual, other in (
        ("entity", entity_id, "1", "7"),
        ("template", template_id, "7", "1"),
    ):
        if value is None:
            continue
        if not (value.isascii() and value.isdigit()) or (is_kept and len(value) != 19):
            raise InputError(
                f"The DLT {name} id {value!r} is not valid: it must have 19 digits",
                remedy="Copy it from the DLT portal; a spreadsheet must keep it as text.",
            )
        if is_of_cell and len(value) == 19 and value.endswith("0000"):
            raise InputError(
                f"The DLT {name} id {value!r} ends in zeros, as one that a spreadsheet rounded to 15 digits",
                remedy="Copy it from the DLT portal; a spreadsheet must keep it as text."
                f" If it is right, give it with --dlt-{name}-id instead.",
            )
        if len(value) != 19:
            warnings.append(f"the DLT {name} id {value} has {len(value)} digits instead of 19")
        elif value[3] == other:
            warnings.append(
                f"the DLT {name} id {value} looks swapped: its fourth digit is usually {usual} for this kind of id"
            )
    return tuple(warnings)


def missing_ids(entity_id: object, template_id: object) -> tuple[str, ...]:
    """Return a warning if an Indian operator will miss an id: Exotel takes the message, the operator drops it."""
    names = [name for name, value in (("entity", entity_id), ("template", template_id)) if not value]
    if not names:
        return ()
    return (f"no DLT {' and no '.join(names)} id: Indian operators may drop the text later (23081, 23082)",)


@lru_cache  # which is asked of every row
def is_numeric_header(sender: str) -> bool:
    """Whether a sender is a header of digits: those are for promotional messages."""
    return len(sender) == _NUMERIC_HEADER and sender.isascii() and sender.isdigit()
