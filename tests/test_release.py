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
    r"\b(MIT|BSD|Apache|MPL|ISC|PSF|Python Software Foundation|Mozilla Public License)\b", re.IGNORECASE
)
STRANGE = re.compile(r"\bA?L?GPL|GNU|proprietary|commercial|non-?free", re.IGNORECASE)


def needed(name: str = "exosms", seen: frozenset[str] = frozenset()) -> Iterator[Distribution]:
    """Yield what runs with exosms, as it is installed here."""
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        if requirement.name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        yield distribution(requirement.name)
        yield from needed(requirement.name, seen | {name, requirement.name})


def licences(package: Distribution) -> list[str]:
    """Return what the package says of its licence: an expression, a line, or classifiers."""
    fields = ("License-Expression", "License", "Classifier")
    said = [each for field in fields for each in package.metadata.get_all(field) or []]
    lines = [each.partition("\n")[0] for each in said]  # some put the whole text there
    return [each for each in lines if "License" in each or "::" not in each]


def test_what_is_installed_with_it_may_be_distributed_with_it() -> None:
    packages = {package.name: licences(package) for package in needed()}
    assert len(packages) > 10
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


def test_the_changes_begin_with_this_version() -> None:
    changes = README.read_text().partition("\n## Changes\n")[2]
    assert re.findall(r"^\*\*(\S+)\*\*", changes, re.MULTILINE)[:1] == [version("exosms")]
