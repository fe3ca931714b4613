"""``templates.toml``: the texts registered on the DLT portal, under names of our own.

Made for version control: it holds no secrets, and ids of 19 digits stay text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from exosms.errors import InputError
from exosms.sms.message import MessageType
from exosms.system import toml
from exosms.system.suggest import did_you_mean
from exosms.templates import marker_flaws
from exosms.templates.marker_flaws import MarkerError
from exosms.templates.search import Index
from exosms.templates.syntax import Template, parse

_LARGEST_MIB = 16
"""Ten thousand templates take a third of that."""

FORMAT = toml.TomlFormat(
    variable="EXOSMS_TEMPLATES",
    tables="templates",
    version=1,
    largest=_LARGEST_MIB << 20,
    is_private=False,
    shows_invisible=True,
    error=InputError,
    unreadable=("The templates {path} cannot be read: {why}", "Check the path and its permissions."),
    too_large=(f"{{path}} is larger than {_LARGEST_MIB} MiB, so it is not a templates.toml", ""),
    not_utf8=("{path} is not UTF-8 in line {line}", "Save it as UTF-8."),
    not_toml=("{path} is not valid TOML: {detail}", "Fix that line; write texts in quotes."),
    no_version=("{path} has version {version}, which is not valid", "Write version = 1."),
    newer=("{path} has version {version}; this exosms knows 1", "Upgrade exosms."),
    no_tables=("{path}: templates is not a table", "Write [templates.NAME] above each one."),
    unwritable=(
        "The templates {path} cannot be written: {why}",
        "Nothing was changed. Fix the permissions, free some disk space or use another --templates.",
    ),
    unchangeable=(
        "{path} has a layout that exosms cannot change safely",
        "Nothing was changed. Give each template its own table, [templates.NAME], or edit the file by hand.",
    ),
)

LONGEST_TEXT = 2000
"""Characters of a registered text (TRAI)."""

_TEXTS = ("text", "dlt_template_id", "dlt_entity_id", "from", "type")
_LISTS = ("variables", "types")
KEYS = (*_TEXTS, *_LISTS)


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A registered template, with what goes out beside its text."""

    name: str
    text: str
    variables: tuple[str, ...] = ()
    """Names for ``--var`` and CSV columns, in order; those without one are called ``1``, ``2``, …."""
    types: tuple[str, ...] = ()
    """Types beside the text, as some portals keep them, in order."""
    dlt_template_id: str | None = None
    dlt_entity_id: str | None = None
    sender: str | None = None
    type: MessageType | None = None

    @cached_property
    def template(self) -> Template:
        """The text, parsed; raises InputError for types that are none."""
        return parse(self.text, types=self.types or None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for every marker."""
        count = self.template.marker_count
        return (*self.variables, *(str(number + 1) for number in range(len(self.variables), count)))[:count]

    def values(self, given: Mapping[str, str]) -> tuple[str, ...]:
        """Return a value for every marker from values by name; raises InputError for what is missing or unknown."""
        for name in given:
            if name not in self.names:
                raise InputError(
                    f"The template {self.name!r} has no variable {name!r}{did_you_mean(name, self.names)}",
                    remedy=f"Its variables are: {', '.join(self.names) or 'none'}.",
                )
        missing = [name for name in self.names if name not in given]
        if missing:
            raise InputError(
                f"The template {self.name!r} needs a value for {', '.join(missing)}",
                remedy=" ".join(f"--var {name}=…" for name in missing),
            )
        return tuple(given[name] for name in self.names)


@dataclass(frozen=True)
class Registry:
    """The templates of one file, by name, in its order."""

    path: Path
    templates: Mapping[str, Registered] = field(default_factory=dict)
    flawed: Mapping[str, InputError] = field(default_factory=dict)
    """What is wrong with each of those that cannot be used; it harms no other."""
    flawed_ids: Mapping[str, str] = field(default_factory=dict)
    """The names of those by the ids that they claim."""
    warnings: tuple[str, ...] = ()

    def get(self, name: str) -> Registered:
        """Return a template by its name or its 19-digit id; raises InputError naming its flaw, or the nearest one."""
        if name in self.templates:
            return self.templates[name]
        flawed = self.flawed.get(self.flawed_ids.get(name, name))
        if flawed:
            raise flawed
        having = [registered for registered in self.templates.values() if registered.dlt_template_id == name]
        if having:
            return _only(self.path, name, having)
        if not self.templates and not self.flawed:
            raise InputError(
                f"There is no template {name!r}: {self.path} has none",
                remedy="Add it with `exosms template add`, or name another file with --templates.",
            )
        raise InputError(
            f"There is no template {name!r} in {self.path}{did_you_mean(name, (*self.templates, *self.flawed))}",
            remedy="`exosms template list` shows them.",
        )

    @cached_property
    def by_id(self) -> Mapping[str, Registered]:
        """The templates by those of their ids that no other text has."""
        found: dict[str, list[Registered]] = {}
        for registered in self.templates.values():
            found.setdefault(registered.dlt_template_id or "", []).append(registered)
        return {own: having[0] for own, having in found.items() if own and len({each.text for each in having}) == 1}

    @cached_property
    def index(self) -> Index:
        """The templates made ready to be searched."""
        return Index({name: registered.template for name, registered in self.templates.items()})


def _only(path: Path, own_id: str, having: Sequence[Registered]) -> Registered:
    """Return the template that an id means; raises InputError where several differ in more than their names."""
    first = having[0]
    if any(replace(other, name=first.name) != first for other in having):
        raise InputError(
            f"The id {own_id} belongs to several templates in {path}: {', '.join(each.name for each in having)}",
            remedy="Give one of their names, and fix the file: exosms template lint.",
        )
    return first


def read(path: Path) -> Registry:
    """Read ``templates.toml``; one that does not exist has no templates.

    Raises InputError for a file that is no ``templates.toml`` at all.
    """
    document = load(path)
    templates: dict[str, Registered] = {}
    flawed: dict[str, InputError] = {}
    ids: dict[str, str] = {}
    for name, table in document.get("templates", {}).items():
        try:
            templates[name] = check(path, name, table)
        except InputError as error:
            flawed[name] = error
            if isinstance(table, dict) and table.get("dlt_template_id"):
                ids[str(table["dlt_template_id"])] = name
    warnings = tuple(f"{path}: unknown key {key}; it has no effect" for key in _unknown(document))
    return Registry(path, templates, flawed, ids, warnings)


def load(path: Path) -> dict[str, Any]:
    """Return the file as a document, nothing if there is none; raises InputError for what is no templates.toml."""
    return toml.read(path, FORMAT)


def check(path: Path, name: str, table: object) -> Registered:
    """Return the template that a table of the file describes; raises InputError naming the key."""
    where = f"{path}: template {name!r}"
    if not isinstance(table, dict):
        raise InputError(f"{where} is not a table", remedy=f"Write [templates.{name}] above it.")
    for key in _TEXTS:
        if key in table and not isinstance(table[key], str):
            raise InputError(f"{where}: {key} must be a text in quotes", remedy=f'Write {key} = "…".')
    for key in _LISTS:
        items = table.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise InputError(f"{where}: {key} must be a list of texts", remedy=f'Write {key} = ["…", "…"].')
    if not table.get("text"):
        raise InputError(f"{where} has no text", remedy='Write text = "…", exactly as it is registered.')
    if len(table["text"]) > LONGEST_TEXT:
        raise InputError(
            f"{where}: the text has {len(table['text'])} characters, more than {LONGEST_TEXT}",
            remedy="Compare it with the DLT portal, which does not register longer texts.",
        )
    registered = Registered(
        name=name,
        text=table["text"],
        variables=tuple(table.get("variables", ())),
        types=tuple(table.get("types", ())),
        dlt_template_id=table.get("dlt_template_id") or None,
        dlt_entity_id=table.get("dlt_entity_id") or None,
        sender=table.get("from") or None,
        type=_type(where, table.get("type") or None),
    )
    _check_text(where, registered)
    _check_names(where, registered)
    return registered


def _check_text(where: str, registered: Registered) -> None:
    try:
        marker_flaws.check(registered.text)
    except MarkerError as error:
        raise MarkerError(f"{where}: {error.message}", remedy=error.remedy) from error


def _check_names(where: str, registered: Registered) -> None:
    try:
        count = registered.template.marker_count
    except InputError as error:
        raise InputError(f"{where}: {error.message}", remedy=error.remedy) from error
    if len(registered.variables) > count:
        raise InputError(
            f"{where} names {len(registered.variables)} variables, and its text has {count}",
            remedy="Compare variables with the markers of the text, one name for each.",
        )
    for name in registered.variables:
        if not name or "=" in name:
            raise InputError(
                f"{where}: {name!r} is not a valid variable name", remedy="--var NAME=VALUE needs a name without '='."
            )
    if len(set(registered.names)) < len(registered.names):
        raise InputError(f"{where} gives the same name to two variables", remedy="Each variable needs its own name.")


def _type(where: str, text: str | None) -> MessageType | None:
    if text is None:
        return None
    try:
        return MessageType(text)
    except ValueError:
        raise InputError(
            f"{where}: {text!r} is not a valid type", remedy=f"Write one of: {', '.join(MessageType)}."
        ) from None


def _unknown(document: Mapping[str, Any]) -> Sequence[str]:
    unknown = [key for key in document if key not in {"version", "templates"}]
    for name, table in document.get("templates", {}).items():
        if isinstance(table, dict):
            unknown += [f"templates.{name}.{key}" for key in table if key not in KEYS]
    return unknown
