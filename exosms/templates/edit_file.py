"""Changes to ``templates.toml``: comments, order and everything else that is not to change stay as they are."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exosms.errors import GuardError, InputError
from exosms.system import toml_edit
from exosms.system.escaping import for_shell
from exosms.system.wording import some
from exosms.templates import registry
from exosms.templates.syntax import fold_line_ends

if TYPE_CHECKING:
    from exosms.templates.portal_export import Exported

Table = Mapping[str, str | Sequence[str]]
"""A template by the keys of the file."""

_LONGEST_NAME = 64


@dataclass
class Saved:
    """What became of each template, by its name in the file."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def add(path: Path, name: str, said: Table, *, replace: bool = False) -> Saved:
    """Store one template. Raises InputError for what cannot be stored, and GuardError for a name that is in use.

    Replacing keeps what is not said, as the file has it by then: another process may have changed it meanwhile.
    """
    check_name(name)
    with _edited(path) as tables:
        before, is_there = _table_of(tables, name), name in tables
        table = merged(_known(before) if replace else {}, said)
        forgotten = {key for key in registry.KEYS if key in before} - table.keys()
        saved = Saved()
        if is_there and not forgotten and _is_same(before, table):
            saved.unchanged.append(name)
            return saved
        if is_there and not replace:
            raise GuardError(
                f"The template {name!r} already exists in {path} and is different",
                remedy="Nothing was changed. Add --yes to replace it, or choose another name.",
            )
        saved.warnings += _shared_id(tables, name, table)
        _put(path, tables, name, table, forgotten)
        saved.warnings += _kept_names(before, name, tables[name], said)
        (saved.updated if is_there else saved.added).append(name)
    return saved


def stored(path: Path, name: str) -> Table:
    """Return what the file says of one template; nothing if it has none of that name."""
    return _known(_table_of(registry.load(path).get("templates", {}), name))


def _known(table: Mapping[str, Any]) -> Table:
    return {key: value for key, value in table.items() if key in registry.KEYS}


def merged(before: Table, said: Table) -> Table:
    """Return a template with what is said of it now; an empty value removes one."""
    return {key: value for key, value in {**before, **said}.items() if value}


def remove(path: Path, name: str) -> None:
    """Forget a template; comments above it stay. Raises InputError if there is none of that name."""
    with _edited(path) as tables:
        if name not in tables:
            raise InputError(f"There is no template {name!r} in {path}", remedy="`exosms template list` shows them.")
        del tables[name]


def store(path: Path, exported: Sequence["Exported"], *, replace: bool = False) -> Saved:
    """Store what a portal exported: all of it or, raising GuardError with the names that would change, nothing.

    A template that the file has by its id keeps its name there, or its names; those for values and the like stay.
    """
    with _edited(path) as tables:
        saved = Saved()
        wanted = {name: _updated(_table_of(tables, name), each) for name, each in _named(tables, exported)}
        for name, table in wanted.items():
            unchanged = name in tables and _is_same(_table_of(tables, name), table)
            (saved.unchanged if unchanged else saved.updated if name in tables else saved.added).append(name)
        if saved.updated and not replace:
            raise _would_change(tables, wanted, saved.updated)
        for name in (*saved.updated, *saved.added):
            before = _table_of(tables, name)
            obsolete = _obsolete(before, wanted[name])
            if obsolete:
                lost = " and ".join(words for key, words in _OF_VARIABLES.items() if key in obsolete)
                saved.warnings.append(f"{name}: the text now has other variables, so their {lost} were removed")
            doubts = registry.check(path, name, wanted[name]).template.warnings
            saved.warnings += [f"{name}: {doubt}" for doubt in doubts]
            _put(path, tables, name, wanted[name], obsolete)
            saved.warnings += _kept_names(before, name, tables[name], wanted[name])
    return saved


def lapsed(
    path: Path, exported: Sequence["Exported"], statuses: Mapping[str, str], place: Sequence[str]
) -> Iterator[str]:
    """Yield a warning for each template of the file whose status, by its id, is none of an approved one.

    ``place`` is what names the file in a command.
    """
    approved = {each.id for each in exported}
    for name, table in registry.load(path).get("templates", {}).items():
        own_id = _id_of(table)
        if own_id and own_id in statuses and own_id not in approved:
            said = f"has the status {statuses[own_id]!r}" if statuses[own_id] else "has no status"
            removing = f"`{for_shell('exosms', 'template', 'remove', name, *place)}` removes it"
            yield f"{name}: it {said} in the export and is still in {path}; {removing}"


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


def _kept_names(before: Mapping[str, Any], name: str, table: Table, said: Table) -> list[str]:
    """Return a warning if variables keep their names or types in another text, where their order may be another."""
    if "text" not in before or _is_same(before, {"text": table["text"]}):
        return []
    fewest = {"variables": 2, "types": 1}
    kept = (key for key, few in fewest.items() if key not in said and len(table.get(key, ())) >= few)
    return [
        f"{name}: the text has changed; see that its {key} still are, in this order, {', '.join(table[key])}"
        for key in kept
    ]


def _id_of(table: object) -> str | None:
    own = table.get("dlt_template_id") if isinstance(table, dict) else None
    return own if isinstance(own, str) else None


def _named(tables: Mapping[str, Any], exported: Sequence["Exported"]) -> Iterator[tuple[str, "Exported"]]:
    """Yield each template with its name: every one that the file has its id under, or one made from the portal's."""
    names_by_id: dict[str | None, list[str]] = {}
    for name, table in tables.items():
        names_by_id.setdefault(_id_of(table), []).append(name)
    taken = {name for each in exported for name in names_by_id.get(each.id, ())}
    for each in exported:
        names = names_by_id.get(each.id) or [_unused(slug(each.name), each.id, taken)]
        taken.update(names)
        for name in names:
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


def _would_change(tables: Mapping[str, Any], wanted: Mapping[str, Table], names: Sequence[str]) -> GuardError:
    described = [f"{name} ({', '.join(_changed(_table_of(tables, name), wanted[name]))})" for name in names]
    return GuardError(
        f"{len(names)} template{'s'[: len(names) > 1]} would change: {some(described, _NAMED)}",
        remedy="Nothing was changed. Add --yes to update them.",
    )


def _changed(before: Mapping[str, Any], table: Table) -> Iterator[str]:
    return (key for key in table if not _is_same(before, {key: table[key]}))


_NAMED = 20
"""Names in one sentence; more are counted."""


_OF_VARIABLES = {"variables": "names", "types": "types"}
"""The keys that say something of each variable of a text, and what that is."""


def _obsolete(before: Mapping[str, Any], table: Table) -> set[str]:
    """Return the keys that said something of the variables of a text which has another number of them now."""
    keys = {key for key in _OF_VARIABLES if key in before}
    return keys if keys and _markers(str(before.get("text", ""))) != _markers(str(table["text"])) else set()


def _markers(text: str) -> int:
    return registry.Registered(name="", text=text).template.marker_count if text else 0


# How to change it.


def _put(path: Path, tables: dict[str, Any], name: str, table: Table, forgotten: set[str]) -> None:
    """Add a template, or give one these keys and take the forgotten ones from it; what says the same stays."""
    before = _table_of(tables, name)
    kept = {key: each for key, each in before.items() if key not in forgotten}
    changed = {key: table[key] for key in _ORDER if key in table and not _is_same(kept, {key: table[key]})}
    tables[name] = kept | {key: _plain(each) for key, each in changed.items()}
    registry.check(path, name, tables[name])


def _plain(value: str | Sequence[str]) -> str | list[str]:
    return fold_line_ends(value) if isinstance(value, str) else list(value)


_ORDER = ("text", "variables", "types", "dlt_template_id", "dlt_entity_id", "from", "type")


def _table_of(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what the file says of a template; nothing if there is none, or if it is no table."""
    table = tables.get(name)
    return table if isinstance(table, dict) else {}


@contextmanager
def _edited(path: Path) -> Iterator[dict[str, Any]]:
    """Lend the tables of all templates to be changed."""
    with toml_edit.edited(path, registry.FORMAT) as document:
        tables: dict[str, Any] = document.setdefault("templates", {})
        yield tables
