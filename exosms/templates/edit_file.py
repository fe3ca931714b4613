"""Changes to ``templates.toml``: comments, order and everything else that is not to change stay as they are.

New templates are appended, so that a diff shows them alone. The result is read again before it takes the old file's
place: it must say exactly what was meant.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exosms.errors import ConfigError, GuardError, InputError
from exosms.templates import registry
from exosms.templates.syntax import fold_line_ends

if TYPE_CHECKING:
    from exosms.templates.portal_export import Exported

Table = Mapping[str, str | Sequence[str]]
"""A template by the keys of the file."""

_BOM = "\ufeff"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_JOINERS = "\u200c\u200d"
_LONGEST_NAME = 64


@dataclass
class Saved:
    """What became of each template, by its name in the file."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def add(path: Path, name: str, table: Table, *, replace: bool = False) -> Saved:
    """Store one template. Raises InputError for what cannot be stored, and GuardError for a name that is in use.

    Replacing forgets what the old one said and the new one does not.
    """
    check_name(name)
    with _edited(path) as edit:
        before = edit.tables.get(name)
        forgotten = {key for key in registry.KEYS if key in (before or {})} - table.keys()
        saved = Saved()
        if before is not None and not forgotten and _is_same(before, table):
            saved.unchanged.append(name)
            return saved
        if before is not None and not replace:
            raise GuardError(
                f"The template {name!r} already exists in {path} and is different",
                remedy="Nothing was changed. Add --yes to replace it, or choose another name.",
            )
        saved.warnings += _shared_id(edit.tables, name, table)
        edit.put(name, table, forgotten)
        (saved.updated if before is not None else saved.added).append(name)
    return saved


def stored(path: Path, name: str) -> Table:
    """Return what the file says of one template; nothing if it has none of that name."""
    content = registry.content_of(Path(os.path.realpath(path)))
    document = registry.parse_document(path, content) if content is not None else {}
    table = document.get("templates", {}).get(name, {})
    return {key: value for key, value in table.items() if key in registry.KEYS} if isinstance(table, dict) else {}


def remove(path: Path, name: str) -> None:
    """Forget a template; comments above it stay. Raises InputError if there is none of that name."""
    with _edited(path) as edit:
        if name not in edit.tables:
            raise InputError(f"There is no template {name!r} in {path}", remedy="exosms template list shows them.")
        edit.drop(name)


def store(path: Path, exported: Sequence["Exported"], *, replace: bool = False) -> Saved:
    """Store what a portal exported: all of it or, raising GuardError with the names that would change, nothing.

    A template that the file has by its id keeps its name there; names for values and the like stay.
    """
    with _edited(path) as edit:
        saved = Saved()
        tables = {name: _updated(edit.tables.get(name, {}), each) for name, each in _named(edit.tables, exported)}
        for name, table in tables.items():
            before = edit.tables.get(name)
            unchanged = before is not None and _is_same(before, table)
            (saved.unchanged if unchanged else saved.updated if before is not None else saved.added).append(name)
        if saved.updated and not replace:
            raise _would_change(edit.tables, tables, saved.updated)
        for name in (*saved.updated, *saved.added):
            obsolete = _obsolete(edit.tables.get(name, {}), tables[name])
            if obsolete:
                saved.warnings.append(f"{name}: the text now has other variables, so their names were removed")
            doubts = registry.check(path, name, tables[name]).template.warnings
            saved.warnings += [f"{name}: {doubt}" for doubt in doubts]
            edit.put(name, tables[name], obsolete)
    return saved


def check_name(name: str) -> None:
    """Raise InputError if no template can be stored under that name."""
    good = name[:1].isalnum() and all(_is_wordlike(each) or each in "-." for each in name)
    if not good or len(name) > _LONGEST_NAME or _is_id(name):
        raise InputError(
            f"{name!r} is not a valid template name",
            remedy=f"Use at most {_LONGEST_NAME} letters, digits, '-', '_' and '.'; begin with a letter or digit.",
        )


def slug(name: str) -> str:
    """Return the nearest name of lower-case letters (of any script), digits, ``-`` and ``_``; it may be empty."""
    import unicodedata

    folded = unicodedata.normalize("NFKC", name).lower()
    words = "".join(each if _is_wordlike(each) else " " for each in folded).split()
    return "-".join(words)[: _LONGEST_NAME - 8].strip("-_")


def _is_wordlike(character: str) -> bool:
    import unicodedata

    # Vowel signs and joiners belong to the letters of Indic scripts.
    return character == "_" or character.isalnum() or unicodedata.category(character) in {"Mn", "Mc"}


def _is_id(name: str) -> bool:
    return len(name) == 19 and name.isdigit()


# What to change.


def _is_same(before: Mapping[str, Any], table: Table) -> bool:
    return all(key in before and _comparable(before[key]) == _comparable(value) for key, value in table.items())


def _comparable(value: object) -> object:
    if isinstance(value, str):
        return fold_line_ends(value)
    return list(value) if isinstance(value, Sequence) else value


def _shared_id(tables: Mapping[str, Any], name: str, table: Table) -> list[str]:
    own = table.get("dlt_template_id")
    sharing = [other for other in tables if other != name and own and _id_of(tables[other]) == own]
    return [f"the template {other!r} has the id {own} too" for other in sharing]


def _id_of(table: object) -> str | None:
    own = table.get("dlt_template_id") if isinstance(table, dict) else None
    return own if isinstance(own, str) else None


def _named(tables: Mapping[str, Any], exported: Sequence["Exported"]) -> Iterator[tuple[str, "Exported"]]:
    """Yield each template with its name: the one that the file has its id under, or one made from the portal's."""
    names_by_id = {_id_of(table): name for name, table in tables.items()}
    taken = {names_by_id[each.id] for each in exported if each.id in names_by_id}
    for each in exported:
        name = names_by_id.get(each.id)
        if name is None:
            name = _unused(slug(each.name), each.id, taken)
            taken.add(name)
        yield name, each


def _unused(name: str, own_id: str, taken: set[str]) -> str:
    base = f"template-{own_id}" if not name or _is_id(name) else name
    candidates = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)


def _updated(before: Mapping[str, Any], exported: "Exported") -> dict[str, str | Sequence[str]]:
    """Return what the portal says; of several headers the one in use stays."""
    senders = exported.senders
    sender = before.get("from") if before.get("from") in senders else next(iter(senders), None)
    table = {
        "text": exported.text,
        "dlt_template_id": exported.id,
        "from": sender,
        "type": exported.type and exported.type.value,
    }
    return {key: value for key, value in table.items() if value is not None}


def _would_change(before: Mapping[str, Any], tables: Mapping[str, Table], names: Sequence[str]) -> GuardError:
    described = [
        f"{name} ({', '.join(key for key in tables[name] if not _is_same(before[name], {key: tables[name][key]}))})"
        for name in names
    ]
    few = ", ".join(described[:_NAMED]) + (f" and {len(described) - _NAMED} more" if len(described) > _NAMED else "")
    return GuardError(
        f"{len(names)} template{'s'[: len(names) > 1]} would change: {few}",
        remedy="Nothing was changed. Add --yes to update them.",
    )


_NAMED = 20
"""Names in one sentence; more are counted."""


def _obsolete(before: Mapping[str, Any], table: Table) -> set[str]:
    """Return the keys that named the variables of a text which has another number of them now."""
    keys = {key for key in ("variables", "types") if key in before}
    return keys if keys and _markers(str(before.get("text", ""))) != _markers(str(table["text"])) else set()


def _markers(text: str) -> int:
    return registry.Registered(name="", text=text).template.marker_count if text else 0


# How to change it.


class _Edit:
    """The file while it is changed; ``tables`` is what it says so far."""

    def __init__(self, path: Path, source: str, document: dict[str, Any]) -> None:
        self._path = path
        self._source = source
        self._document = document
        self.tables: dict[str, Any] = self._document.setdefault("templates", {})
        self._appended: list[str] = []
        self._changed: dict[str, tuple[Table, frozenset[str]] | None] = {}

    def put(self, name: str, table: Table, forgotten: set[str]) -> None:
        """Add a template, or give one these keys and take the forgotten ones from it."""
        plain = {key: fold_line_ends(each) if isinstance(each, str) else list(each) for key, each in table.items()}
        before = self.tables.get(name)
        kept = {key: each for key, each in (before or {}).items() if key not in forgotten}
        registry.check(self._path, name, kept | plain)
        if before is None:
            self._appended.append(_block(name, plain))
        else:
            self._changed[name] = plain, frozenset(forgotten)
        self.tables[name] = kept | plain

    def drop(self, name: str) -> None:
        """Take a template out."""
        self._changed[name] = None
        del self.tables[name]

    def result(self) -> bytes | None:
        """Return the new file, or nothing if it is to stay as it is; raises InputError if it cannot be changed."""
        if not self._changed and not self._appended:
            return None
        bom, source = self._source[: self._source.startswith(_BOM)], self._source.removeprefix(_BOM)
        crlf = "\r\n" in source
        source = _with_changes(self._path, source.replace("\r\n", "\n"), self._changed)
        for block in self._appended:
            source += "" if source.endswith("\n") or not source else "\n"
            source += ("\n" if source.strip() and not source.endswith("\n\n") else "") + block
        content = (bom + (source.replace("\n", "\r\n") if crlf else source)).encode()
        self._check(content)
        return content

    def _check(self, content: bytes) -> None:
        """Raise InputError unless the new file says what was meant: a table written inline cannot be extended."""
        said = registry.parse_document(self._path, content) if _is_toml(content) else {}
        if {"templates": {}} | said != self._document:
            raise _unchangeable(self._path)


def _is_toml(content: bytes) -> bool:
    import tomllib

    try:
        tomllib.loads(content.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _unchangeable(path: Path) -> InputError:
    return InputError(
        f"{path} has a layout that exosms cannot change safely",
        remedy="Nothing was changed. Give each template its own table, [templates.NAME], or edit the file by hand.",
    )


def _with_changes(path: Path, source: str, changed: Mapping[str, tuple[Table, frozenset[str]] | None]) -> str:
    """Return the file with templates changed or taken out."""
    if not changed:
        return source
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(source)
        tables: Any = document["templates"]
        for name, change in changed.items():
            if change is None:
                del tables[name]
            else:
                _change(tables[name], *change)
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, LookupError) as error:  # the last: it loses its way among dotted keys
        raise _unchangeable(path) from error


def _change(table: Any, wanted: Table, forgotten: frozenset[str]) -> None:
    from tomlkit import value

    for key in forgotten:
        del table[key]
    for key, each in wanted.items():
        if key not in table or not _is_same(table, {key: each}):
            table[key] = value(_value(each))


def _block(name: str, table: Table) -> str:
    key = name if _BARE_KEY.fullmatch(name) else _value(name)
    return "".join(
        (f"[templates.{key}]\n", *(f"{each} = {_value(table[each])}\n" for each in _ORDER if each in table))
    )


_ORDER = ("text", "variables", "types", "dlt_template_id", "dlt_entity_id", "from", "type")


def _value(value: str | Sequence[str]) -> str:
    """Return a value as TOML: always in quotes, so that ids stay text, and line by line if it has several."""
    if not isinstance(value, str):
        return f"[{', '.join(map(_value, value))}]"
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


# The file itself.


@contextmanager
def _edited(path: Path) -> Iterator[_Edit]:
    """Lend the file to be changed, then write it; nobody else changes it meanwhile, and a symbolic link stays one."""
    from exosms.system import files

    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.alone(target):
            edit, mode = _opened(path, target)
            yield edit
            content = edit.result()
            if content is not None:
                files.replace(target, content, mode=mode)
    except OSError as error:
        raise ConfigError(
            f"The templates {path} cannot be written: {error.strerror}",
            remedy="Nothing was changed. Fix the permissions, free some disk space or use another --templates.",
        ) from error


def _opened(path: Path, target: Path) -> tuple[_Edit, int]:
    content = registry.content_of(target)
    if content is None:
        return _Edit(path, f"version = {registry.VERSION}\n", {"version": registry.VERSION}), 0o644
    document = registry.parse_document(path, content)
    _check_tables(path, document.get("templates", {}))
    return _Edit(path, content.decode(), document), stat.S_IMODE(target.stat().st_mode)


def _check_tables(path: Path, tables: Mapping[str, object]) -> None:
    for name, table in tables.items():
        if not isinstance(table, dict):
            registry.check(path, name, table)
