"""What a release says of itself, and what it may be installed with."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, files, metadata, version
from importlib.resources import files as resources
from pathlib import Path

from packaging.requirements import Requirement

README = Path(__file__).parent.parent / "README.md"
COMPATIBLE = re.compile(
    r"\b(MIT|BSD|Apache|MPL|ISC|PSF|Python Software Foundation|Mozilla Public License|Zope Public License)\b",
    re.IGNORECASE,
)
STRANGE = re.compile(r"\bA?L?GPL|GNU|proprietary|commercial|non-?free", re.IGNORECASE)


def needed(what: str = "exosms[callbacks,postgres]", seen: frozenset[str] = frozenset()) -> Iterator[Distribution]:
    """Yield what runs with exosms and its extras, as it is installed here."""
    wanted = Requirement(what)
    for line in distribution(wanted.name).requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if requirement.name in seen or not (
            marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *wanted.extras})
        ):
            continue
        yield distribution(requirement.name)
        requirement.marker = None
        yield from needed(str(requirement), seen | {wanted.name, requirement.name})


def licences(package: Distribution) -> list[str]:
    """Return what the package says of its licence: an expression, a line, or classifiers."""
    fields = ("License-Expression", "License", "Classifier")
    said = [each for field in fields for each in package.metadata.get_all(field) or []]
    lines = [each.partition("\n")[0] for each in said]  # some put the whole text there
    return [each for each in lines if "License" in each or "::" not in each]


def test_what_is_installed_with_it_may_be_distributed_with_it() -> None:
    packages = {package.name: licences(package) for package in needed()}
    assert {"typer", "waitress"} <= {*packages}
    for lesser in (
        "psycopg",
        "psycopg-binary",
    ):  # chosen by whoever installs it, loaded as it is; nothing of it is here
        assert any("LGPL" in each for each in packages.pop(lesser))
    for name, said in packages.items():
        assert any(COMPATIBLE.search(each) for each in said), (name, said)
        assert not any(STRANGE.search(each) for each in said), (name, said)


def test_the_metadata_are_whole() -> None:
    said = metadata("exosms")
    for field in (
        "Summary",
        "Author",
        "Keywords",
        "Requires-Python",
        "License-Expression",
        "Project-URL",
        "License-File",
    ):
        assert said[field], field
    assert said["Description-Content-Type"] == "text/markdown"
    assert {"Typing :: Typed", "Environment :: Console"} <= {*(said.get_all("Classifier") or [])}
    assert (resources("exosms") / "py.typed").is_file()
    assert any(file.name == "LICENSE" for file in files("exosms") or [])


def test_every_dependency_has_a_lowest_version() -> None:
    requirements = [Requirement(line) for line in distribution("exosms").requires or []]
    for requirement in requirements:
        assert [bound for bound in requirement.specifier if bound.operator == ">="], requirement


def test_no_version_of_h11_that_reads_malformed_answers_is_allowed() -> None:
    """Version 1.0.9 of httpcore is the first that requires h11 0.16 (CVE-2025-43859)."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    (httpcore,) = [one for one in map(Requirement, project["dependencies"]) if one.name == "httpcore"]
    assert [httpcore.specifier.contains(version) for version in ("1.0.8", "1.0.9")] == [False, True]


def test_no_statement_has_numbered_places() -> None:
    """Of ?1 Python 3.12 warns up to 3.12.3, which is what Ubuntu 24.04 has."""
    sources = {path: path.read_text() for path in (Path(__file__).parents[1] / "exosms" / "ledger").rglob("*.py")}
    assert len(sources) > 10
    assert [path.name for path, source in sources.items() if re.search(r"\?[0-9]", source)] == []


def test_the_changes_begin_with_this_version() -> None:
    changes = README.read_text().partition("\n## Changes\n")[2]
    assert re.findall(r"^\*\*(\S+)\*\*", changes, re.MULTILINE)[:1] == [version("exosms")]
