"""A TOML file changed where something is to change.

What a person wrote around the change (comments, order, blank lines, line ends) stays. A changed file is read again
before it takes the old one's place: it must say exactly what was meant.
"""

import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exosms.errors import ConfigError
from exosms.system import files
from exosms.system.files import SmallFile
from exosms.system.toml import AccessCheck, TomlFormat, loads, parse, read_file

_BOM = "\ufeff"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LONGEST_EDIT = 30.0
"""Seconds to wait for another process that changes the same file."""

_JOINERS = "\u200c\u200d"


@contextmanager
def edited(path: Path, form: TomlFormat, *, check: AccessCheck | None = None) -> Iterator[dict[str, Any]]:
    """Lend what a file says, to be changed in place, then write the difference; nobody else changes it meanwhile.

    A symbolic link stays one: what it points to is replaced. Raises the format's error, with the file as it was, and
    ConfigError for one that cannot be written.
    """
    from copy import deepcopy

    target = Path(os.path.realpath(path))
    try:
        _check_replaceable(target)
        files.make_private(target.parent)
        with files.alone(target, within=_LONGEST_EDIT):
            file = read_file(path, target, form, check)
            content = (file.content if file else b"") or f"version = {form.version}\n".encode()
            before = parse(path, content, form)
            after = deepcopy(before) or {"version": form.version}
            yield after
            if after != before:
                mode = 0o600 if form.is_private else file.mode if file else 0o644
                is_new = file is None and not form.shows_invisible
                changed = _new(after) if is_new else _changed(path, content.decode(), before, after, form)
                _check_unchanged(file, read_file(path, target, form, check))
                files.replace(target, changed, mode=mode)
    except OSError as error:
        wrong = form.kept_out(form.unwritable, path, target, error)
        raise ConfigError(wrong.message, remedy=wrong.remedy) from error


def _check_replaceable(target: Path) -> None:
    """Raise OSError for a device, a pipe or the like: a file in the place of /dev/null breaks a whole system."""
    if target.exists() and not (target.is_file() or target.is_dir()):  # of a directory reading tells
        raise OSError(errno.EINVAL, "it is a device or a pipe")


def _check_unchanged(file: SmallFile | None, now: SmallFile | None) -> None:
    """Raise OSError for a file that is no longer what was read: an editor and git do not know the lock."""
    if now != file:
        raise OSError(errno.EBUSY, "another program has changed it meanwhile")


def _new(document: Mapping[str, Any]) -> bytes:
    import tomli_w

    return tomli_w.dumps(document).encode()


def _changed(path: Path, source: str, before: Mapping[str, Any], after: dict[str, Any], form: TomlFormat) -> bytes:
    """Return the file that says ``after``; raises the format's error if its layout is beyond us."""
    bom, source = source[: source.startswith(_BOM)], source.removeprefix(_BOM)
    crlf = "\r\n" in source
    text: str | None = _edit(source.replace("\r\n", "\n"), before, after, form)
    content = (bom + (text.replace("\n", "\r\n") if crlf else text)).encode() if text is not None else b""
    if text is None or _said_by(content, form) != _comparable(after, form):
        raise form.wrong(form.unchangeable, path)
    return content


def _said_by(content: bytes, form: TomlFormat) -> str:
    try:
        return _comparable(loads(content), form)
    except (ValueError, RecursionError):
        return ""


def _comparable(document: dict[str, Any], form: TomlFormat) -> str:
    """Return one text for all documents that say the same; ``nan`` is not even equal to itself."""
    import json

    return json.dumps({form.tables: {}} | document, sort_keys=True, default=repr)


def _edit(source: str, before: Mapping[str, Any], after: Mapping[str, Any], form: TomlFormat) -> str | None:
    """Change what is there in its place, and append new tables, so that a diff shows them alone."""
    old, new = before.get(form.tables, {}), after.get(form.tables, {})
    stays = {name for name in old if name in new and (old[name] == new[name] or isinstance(old[name], dict))}
    source += "" if source.endswith("\n") or not source else "\n"
    if _without(before, form.tables) != _without(after, form.tables) or {n: new.get(n) for n in old} != old:
        try:
            source = _edit_in_place(source, before, after, form.tables, stays)
        except _lost():
            return None
    for name in new:
        if name not in stays:
            source += "\n" if source.strip() and not source.endswith("\n\n") else ""
            source += f"[{form.tables}.{_key(name)}]\n"
            source += "".join(f"{_key(key)} = {_value(value)}\n" for key, value in new[name].items())
    return source


def _lost() -> tuple[type[Exception], ...]:
    from tomlkit.exceptions import TOMLKitError

    return TOMLKitError, ValueError, LookupError, RecursionError  # LookupError: it loses its way among dotted keys


def _without(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def _edit_in_place(
    source: str, before: Mapping[str, Any], after: Mapping[str, Any], tables: str, stays: set[str]
) -> str:
    import tomlkit

    document: Any = tomlkit.parse(source)
    for name, table in before.get(tables, {}).items():
        if name not in stays:
            _remove(document, tables, name)
        elif table != after[tables][name]:
            _update(document[tables][name], table, after[tables][name])
    _update(document, _without(before, tables), _without(after, tables))  # last: it moves what lies below
    return tomlkit.dumps(document)


def _update(table: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Take, change and add keys; an added one stands below the others, and comments below those stay there."""
    import tomlkit

    for key in before.keys() - after.keys():
        del table[key]
    for key, value in after.items():
        if key in before and before[key] != value:
            table[key] = tomlkit.value(_value(value))
    added = [key for key in after if key not in before]
    body = _body(table)
    place = 1 + max((at for at, (key, item) in enumerate(body or ()) if key and not _is_table(item)), default=-1)
    for key in reversed(added):
        item = tomlkit.value(_value(after[key]))
        if body is None:
            table[key] = item
        else:
            item.trivia.trail = "\n" if place or not body else "\n\n"
            body.insert(place, (tomlkit.key(key), item))


def _body(table: Any) -> list[Any] | None:
    """Return the lines of a document or of a table with a header of its own; others are not made of lines."""
    from tomlkit import TOMLDocument
    from tomlkit.items import Table

    if isinstance(table, TOMLDocument):
        return table.body
    return table.value.body if isinstance(table, Table) else None


def _is_table(item: object) -> bool:
    from tomlkit.items import AoT, Table

    return isinstance(item, AoT | Table)


def _remove(document: Any, tables: str, name: str) -> None:
    """Take a table out, but no comment below its keys, which may be about the next one, or about the file."""
    from tomlkit.items import Table, Whitespace

    for key, outer in document.body:
        for at, (inner, table) in enumerate((_body(outer) or ()) if key and key.key == tables else ()):
            if inner and inner.key == name and isinstance(table, Table) and outer.value.get(name) is table:
                kept = _tail(table)
                del outer[name]
                outer.value.body[at] = None, Whitespace(kept)
                return
    del document[tables][name]


def _tail(table: Any) -> str:
    """Return the comments below the last key of a table, with the blank lines around them."""
    body = table.value.body
    own = max((at for at, (key, _) in enumerate(body) if key), default=-1)
    below = "".join(item.as_string() for _, item in body[own + 1 :])
    deeper = _tail(body[own][1]) if own >= 0 and _body(body[own][1]) is not None else ""
    return deeper + (below if "#" in below else "")


# Values as TOML.


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    """Return a value as TOML: texts in quotes, so that ids stay text, and line by line if they have several."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    return str(value).lower()  # numbers, true and false


def _text(value: str) -> str:
    escaped = "".join(map(_escaped, value))
    if "\n" not in value:
        return '"' + escaped.replace('"', '\\"') + '"'
    # A space at the end of a line would not survive every editor.
    visible = re.sub(r" (?=\n|\Z)", r"\\u0020", escaped)
    return '"""\n' + re.sub(r'"(?="|\Z)', r"\\" + '"', visible) + '"""'


def _escaped(character: str) -> str:
    """Return a character as itself, or as an escape where nobody could see it."""
    if character == "\\":
        return "\\\\"
    if character.isprintable() or character in _JOINERS or character == "\n":
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
