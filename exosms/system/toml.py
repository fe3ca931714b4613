"""A TOML file with one table for each name, read within bounds; ``toml_edit`` changes it."""

import errno
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from exosms.errors import ExosmsError
from exosms.system.files import SmallFile, foreign, read_small, why_unwritten

_INTEGERS = range(-(1 << 63), 1 << 63)
"""Those of TOML (v1.0.0, Integer). Python reads longer ones from hexadecimal digits, and cannot print them."""

_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")

Sentence = tuple[str, str]
"""A message and its remedy; ``{path}`` and the like stand for what they are about."""

AccessCheck = Callable[[Path, SmallFile], None]
"""Raises an ExosmsError for a file that must not be used, whatever it says."""


class TomlFormat(NamedTuple):
    """A kind of file: its bounds, and how it is said what is wrong with one."""

    variable: str
    """It can name another file."""
    tables: str
    """The key of the table that holds a table for each name."""
    version: int
    """A file of a later one is refused."""
    largest: int
    """Bytes."""
    is_private: bool
    """Whether it is ours alone; another keeps its mode, and a new one can be read by all."""
    shows_invisible: bool
    """Whether invisible characters of texts are written as escapes, which libraries leave as they are."""
    error: type[ExosmsError]
    unreadable: Sentence
    too_large: Sentence
    not_utf8: Sentence
    """With the ``{line}``."""
    not_toml: Sentence
    """With ``{why}``, which quotes nothing of the file, or with ``{detail}``, which may."""
    no_version: Sentence
    newer: Sentence
    no_tables: Sentence
    unwritable: Sentence
    unchangeable: Sentence

    def wrong(self, sentence: Sentence, path: Path, **words: object) -> ExosmsError:
        """Return the error that a sentence makes."""
        message, remedy = (text.format(path=path, **words) for text in sentence)
        return self.error(message, remedy=remedy)

    def kept_out(self, sentence: Sentence, path: Path, target: Path, error: OSError) -> ExosmsError:
        """Return the error for what the system refused; of a file that is somebody else's, whose it is."""
        others = foreign(target, variable=self.variable) if isinstance(error, PermissionError) else None
        wrong = self.wrong(sentence, path, why=others.said if others else why_unwritten(error))
        wrong.remedy = others.remedy if others else wrong.remedy
        return wrong


def read(path: Path, form: TomlFormat, *, check: AccessCheck | None = None) -> dict[str, Any]:
    """Return what a file says, nothing if there is none; raises the format's error."""
    file = read_file(path, path, form, check)
    return {} if file is None else parse(path, file.content, form)


def read_file(path: Path, target: Path, form: TomlFormat, check: AccessCheck | None) -> SmallFile | None:
    """Return the file that ``path`` leads to; None if there is none. Raises the format's error."""
    try:
        file = read_small(target, limit=form.largest)
    except FileNotFoundError:
        return None
    except OSError as error:
        sentence = form.too_large if error.errno == errno.EFBIG else form.unreadable
        raise form.kept_out(sentence, path, target, error) from error
    if check is not None:
        check(path, file)
    return file


def parse(path: Path, content: bytes, form: TomlFormat) -> dict[str, Any]:
    """Return what a file's content says; raises the format's error.

    The parser's own words may quote a secret: they are not chained, and shown only where a format has no secrets.
    """
    try:
        document = loads(content)
    except UnicodeDecodeError as error:
        wrong = form.wrong(form.not_utf8, path, line=content.count(b"\n", 0, error.start) + 1)
    except (ValueError, RecursionError) as error:
        wrong = form.wrong(form.not_toml, path, why=_place(error, content), detail=error)
    else:
        _check_frame(path, document, form)
        return document
    raise wrong


def loads(content: bytes) -> dict[str, Any]:
    """Return what TOML says; raises ValueError, also for integers beyond those of TOML, and RecursionError."""
    import tomllib

    document = tomllib.loads(content.decode("utf-8-sig"))
    _check_integers(document.values())
    return document


def _check_integers(values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, Mapping):
            _check_integers(value.values())
        elif isinstance(value, list):
            _check_integers(value)
        elif isinstance(value, int) and value not in _INTEGERS:
            raise ValueError("it contains an integer of more than 64 bits")


def _place(error: Exception, content: bytes) -> str:
    """Return what is wrong and where, without a word of the file."""
    import tomllib

    if not isinstance(error, tomllib.TOMLDecodeError):  # a number of thousands of digits, brackets a thousand deep
        return "it contains a number that is too long or a value nested too deep"
    position = _POSITION.search(str(error))
    end = f"the end, line {len(content.splitlines())}"
    return f"it is not TOML at {f'line {position[1]}, column {position[2]}' if position else end}"


def _check_frame(path: Path, document: Mapping[str, object], form: TomlFormat) -> None:
    version = document.get("version", form.version)
    if type(version) is not int or version < 1:
        raise form.wrong(form.no_version, path, version=repr(version))
    if version > form.version:
        raise form.wrong(form.newer, path, version=version)
    if not isinstance(document.get(form.tables, {}), dict):
        raise form.wrong(form.no_tables, path)
