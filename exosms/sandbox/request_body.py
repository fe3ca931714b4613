"""The body of a request as HTTP carries it: of a length that is told, or in chunks (RFC 9112 §6 and §7)."""

import re
from email.message import Message
from io import BufferedIOBase

from exosms.sandbox.emulator import LARGEST_REQUEST, RefusedError

_LONGEST_LINE = 4096
"""Bytes of the line before a chunk, or of one behind the last."""

_MOST_TRAILERS = 100


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """Return the body; raises RefusedError for one that is too large or malformed, EOFError where it ends early."""
    coding = headers.get("Transfer-Encoding")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise _malformed("Transfer-Encoding")
        return _chunked(stream)
    length = headers.get("Content-Length", "0").strip()
    if not re.fullmatch(r"[0-9]+", length):
        raise _malformed("Content-Length")
    return _exactly(_within_limit(_size(length, base=10)), stream)


def _chunked(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while size := _size_of_chunk(stream):
        _within_limit(len(body) + size)
        body += _exactly(size, stream)
        if _line(stream):
            raise _malformed("chunk")
    for _ in range(_MOST_TRAILERS):
        if not _line(stream):
            return bytes(body)
    raise _malformed("trailer")


def _size_of_chunk(stream: BufferedIOBase) -> int:
    digits = _line(stream).partition(b";")[0].strip().decode("latin-1")
    if not re.fullmatch(r"[0-9A-Fa-f]+", digits):
        raise _malformed("chunk")
    return _size(digits, base=16)


def _size(digits: str, *, base: int) -> int:
    """Read a size; of hundreds of digits the first ten are too many already."""
    return int(digits.lstrip("0")[:10] or "0", base)


def _within_limit(size: int) -> int:
    if size > LARGEST_REQUEST:
        raise RefusedError(413, message="Request Entity Too Large")
    return size


def _exactly(size: int, stream: BufferedIOBase) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise EOFError
    return found


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise _malformed("chunk") if line else EOFError
    return line.rstrip(b"\r\n")


def _malformed(what: str) -> RefusedError:
    return RefusedError(400, 40500, f"Invalid Parameters: malformed {what}")
