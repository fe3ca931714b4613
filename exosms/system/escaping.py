"""Text of others, made harmless: it may come from the network, from a CSV, or from a template file."""

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, direction marks and other invisible characters; the joiners of Indic scripts are not among them."""

_SHOWN = 60


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: what could is shown as an escape."""
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def shown(value: str) -> str:
    """Return a value as a sentence repeats it: its beginning, if it is long."""
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def for_shell(*words: str) -> str:
    """Return words as a POSIX shell reads them; what ``printable`` escapes is for those that know ``$'…'``."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    import shlex

    if _UNSAFE.search(word) is None:
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{_UNSAFE.sub(_escape_bytes, escaped)}'"


def _escape_bytes(match: re.Match[str]) -> str:
    """Return the bytes of a character, or the one that was no text in a command line or a file's name."""
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode(errors="surrogateescape"))


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
