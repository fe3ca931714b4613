"""The maps of the code and of the tests name what is there, and every package."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exosms"
MAP = (PACKAGE / "README.md").read_text()
OF_TESTS = (ROOT / "tests/README.md").read_text()


def names_in(path: Path) -> set[str]:
    """Return what a module defines at its top."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                found.add(name)
    return found


def test_every_package_has_one_line() -> None:
    packages = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    alone = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    table = MAP.partition("| package |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == sorted(packages | alone)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z_/]+(?:/|\.py))`", MAP))))
def test_what_the_map_names_is_there(path: str) -> None:
    if path != "utils.py":
        assert (PACKAGE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize(("path", "names"), re.findall(r"`([a-z_/]+\.py)`: ((?:`\w+`(?:, )?)+)", MAP))
def test_what_is_to_be_changed_is_defined_there(path: str, names: str) -> None:
    assert set(re.findall(r"`(\w+)`", names)) <= names_in(PACKAGE / path)


def test_the_map_of_the_tests_names_files_that_are_there_and_every_tool() -> None:
    table = OF_TESTS.partition("| file |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_/]+(?:/|\.py))`", table))
    assert all((ROOT / "tests" / name).exists() or (PACKAGE / name).exists() for name in named)
    assert {path.name for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")} <= named


def test_the_arrows_of_the_map_are_those_of_the_imports() -> None:
    """Each package imports only from those that stand below it in the table; the sandbox and errors from none."""
    order = re.findall(r"^\| `([a-z_]+)(?:/|\.py)` \|", MAP, re.MULTILINE)
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for imported in re.findall(r"^\s*from exosms\.?(\w*)(?:\.\w+)* import (\w+)", path.read_text(), re.MULTILINE):
            name = imported[0] or imported[1]
            if own in order and name in order and name != own:
                assert order.index(own) < order.index(name), (path, name)
                assert own != "sandbox", (path, name)


def test_a_class_has_a_name_of_its_own() -> None:
    """Private ones aside, which nobody else sees."""
    names = [
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted(names) == sorted(set(names))
