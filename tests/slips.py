"""Slips that people make in the fixed words of a registered text, made at random with the truth known.

Truth is well-defined because of how they are made: a slip changes whole words, signs or spaces of the fixed text, an
untouched word stands between two slips, each slip alone makes the text mismatch (a word added where an untyped
variable takes it in does not, so it is none), and no added word repeats one beside it. Two sentences change places
whole, and a slip inside one of them is a slip of its own.

``python tests/slips.py`` prints how many are named exactly, by how many there are at once, for how many a text is
offered that matches, and for how many it is the right one: what a value may have taken in is left to a person.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from registered_texts import HELD_OUT, SEEN, VALUES

from exosms.templates.explain.explain import Explanation, explain, mend
from exosms.templates.match import Match, match
from exosms.templates.syntax import Template, parse

SEED = 20261126
_ATOM = re.compile(r"\{\w+\}|(?:Rs|Dr|no)\.|[\w\u0900-\u0963\u0966-\u0dff]+(?:['’][\w]+)*|\s+|.", re.DOTALL)


def _words(text: str) -> list[str]:
    return text.split()


_ENGLISH = _words(
    "with for your the has was will is at on from code today payment sent received dispatched confirmed number soon "
    "kindly please now also details charges customer towards immediately booking service"
)
_HINDI = _words("कृपया अब भी अपना आपके हमारे के में है जल्दी आज सेवा राशि संदेश जानकारी दिया")
_LIKE = {
    "minutes": "mins", "shipped": "dispatched", "please": "kindly", "dear": "hi", "hi": "hello", "hello": "dear",
    "amount": "amt", "number": "no", "account": "acct", "received": "recieved",
    "at": "with", "on": "at", "by": "before",
    "from": "via", "delivered": "delivred", "order": "orders", "appointment": "appt", "is": "was", "has": "have",
    "है": "हैं", "आपका": "आपकी", "कृपया": "Please", "को": "पर", "में": "पर",
}  # fmt: skip
_CONTRACTIONS = {
    "do not": "don't", "will not": "won't", "could not": "couldn't", "can't": "cannot", "wasn't": "was not",
    "don't": "do not", "is not": "isn't", "were not": "weren't",
}  # fmt: skip


class Atom(NamedTuple):
    """A word, sign, run of spaces or value; ``at`` is where it stands in the registered text."""

    text: str
    at: int
    wanted: str
    is_value: bool = False


class Slip(NamedTuple):
    """What a person did."""

    kind: str
    at: int
    wanted: str
    seen: str


class Case(NamedTuple):
    """A body with slips."""

    registered: str
    body: str
    slips: tuple[Slip, ...]
    right: str
    """The text without them."""


def _atoms(rng: random.Random, text: str) -> tuple[str, list[Atom]]:
    """Return a registered text, and a body of it in atoms."""
    registered, atoms = "", []
    for found in _ATOM.finditer(text):
        name = found[0].strip("{}")
        marker, values = VALUES[name] if found[0] == f"{{{name}}}" else (found[0], ())
        value = rng.choice(values) if values else found[0]
        atoms.append(Atom(value, len(registered), marker, is_value=bool(values)))
        registered += marker
    return registered, atoms


Edit = tuple[Slip, int, int, list[str]]
"""A slip, and ``atoms[first:last]`` become these texts."""


def _is_word(atoms: Sequence[Atom], at: int) -> bool:
    return 0 <= at < len(atoms) and not atoms[at].is_value and atoms[at].text[:1].isalpha()


def _is_space(atoms: Sequence[Atom], at: int) -> bool:
    return 0 <= at < len(atoms) and atoms[at].text == " "


def _as(word: str, like: str) -> str:
    return word[0].upper() + word[1:] if like[:1].isupper() else word


def _replaced(rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    word = atoms[at].text
    if not _is_word(atoms, at) or word.removesuffix(".") in {"Rs", "Dr", "no"}:
        return None
    pool = _HINDI if word[0] > "\u0900" else _ENGLISH
    like = _LIKE.get(word.casefold())
    new = _as(like if like and rng.random() < 0.6 else rng.choice(pool), word)
    near = {each.text.casefold() for each in atoms[max(at - 3, 0) : at + 4]}
    return None if new.casefold() in near else (Slip("replaced", atoms[at].at, word, new), at, at + 1, [new])


def _left_out(_rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    if not _is_word(atoms, at):
        return None
    if _is_space(atoms, at + 1):
        return Slip("left out", atoms[at].at, atoms[at].text, ""), at, at + 2, []
    return (
        (Slip("left out", atoms[at].at, atoms[at].text, ""), at - 1, at + 1, []) if _is_space(atoms, at - 1) else None
    )


def _added(rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    if not _is_word(atoms, at) or not _is_space(atoms, at - 1) or at < 2 or atoms[at - 2].is_value:
        return None
    new = rng.choice(_HINDI if atoms[at].text[0] > "\u0900" else _ENGLISH)
    near = {each.text.casefold() for each in atoms[max(at - 4, 0) : at + 5]}
    edit = (Slip("added", atoms[at].at, "", new), at, at, [new, " "])
    return None if new.casefold() in near else edit


def _cased(rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    word = atoms[at].text
    if not _is_word(atoms, at):
        return None
    new = word.upper() if rng.random() < 0.3 else word[0].swapcase() + word[1:]
    return None if new == word else (Slip("case", atoms[at].at, word, new), at, at + 1, [new])


def _punctuated(rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    atom = atoms[at]
    if atom.is_value or atom.text not in set(".,!:?-।"):
        return None
    new = rng.choice("–—" if atom.text == "-" else ["", *sorted(set(".,!;") - {atom.text})])
    return Slip("punctuation", atom.at, atom.text, new), at, at + 1, [new] if new else []


def _spaced(rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    if atoms[at].is_value or not atoms[at].text.isspace():
        return None
    new = rng.choice([" ", ""] if atoms[at].text == "\n" else ["  ", "", "\n", "\u00a0", "  "])
    return Slip("space", atoms[at].at, atoms[at].text, new), at, at + 1, [new] if new else []


def _contracted(_rng: random.Random, atoms: Sequence[Atom], at: int) -> Edit | None:
    for size in (3, 1):
        whole = "".join(atom.text for atom in atoms[at : at + size])
        new = _CONTRACTIONS.get(whole.casefold())
        if new and not any(atom.is_value for atom in atoms[at : at + size]):
            return Slip("contraction", atoms[at].at, whole, _as(new, whole)), at, at + size, [_as(new, whole)]
    return None


_MAKERS = (
    _replaced, _replaced, _replaced, _left_out, _left_out, _left_out, _added, _added, _added, _cased, _punctuated,
    _punctuated, _spaced, _contracted, _contracted, _contracted, _contracted,
)  # fmt: skip


def _body(atoms: Sequence[Atom], edits: Sequence[Edit]) -> str:
    texts = [[atom.text] for atom in atoms] + [[]]
    added: list[list[str]] = [[] for _ in texts]
    for _, first, last, new in edits:
        added[first] = new
        for at in range(first, last):
            texts[at] = []
    return "".join("".join(new + old) for new, old in zip(added, texts, strict=True))


def _sentences(atoms: Sequence[Atom]) -> list[tuple[int, int]]:
    """Return the sentences that begin and end with fixed text and have at least three fixed words."""
    ends = [at + 1 for at, atom in enumerate(atoms) if atom.text in {".", "!", "।"} and not atom.is_value]
    ends = [end for end in ends if end == len(atoms) or atoms[end].text.isspace()]
    parts = [(start + bool(start), end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [part for part in parts if sum(_is_word(atoms, at) for at in range(*part)) > 2]


def _swapped(rng: random.Random, atoms: list[Atom]) -> tuple[Slip, list[Atom]] | None:
    """Let two neighbouring sentences change places."""
    sentences = _sentences(atoms)
    pairs = [pair for pair in pairwise(sentences) if pair[0][1] + 1 == pair[1][0]]
    if not pairs:
        return None
    (first, middle), (second, last) = rng.choice(pairs)
    one, gap, other = atoms[first:middle], atoms[middle:second], atoms[second:last]
    moved = [*atoms[:first], *other, *gap, *one, *atoms[last:]]
    whole = "".join(atom.wanted for atom in atoms[first:last])
    return Slip("order", atoms[first].at, whole, "".join(atom.text for atom in (*other, *gap, *one))), moved


def make(rng: random.Random, texts: Sequence[str], count: int) -> Case:
    """Return a body with so many slips."""
    while True:
        registered, atoms = _atoms(rng, rng.choice(texts))
        template = parse(registered)
        slips: list[Slip] = []
        if rng.random() < 0.1 * count and (swapped := _swapped(rng, atoms)) is not None:
            slips, atoms = [swapped[0]], swapped[1]
        edits: list[Edit] = []
        for _ in range(60):
            if len(slips) + len(edits) == count:
                break
            edit = rng.choice(_MAKERS)(rng, atoms, rng.randrange(len(atoms)))
            if edit is not None and _is_apart(atoms, edit, edits) and _shows(template, atoms, edit):
                edits.append(edit)
        if len(slips) + len(edits) == count:
            slips += [edit[0] for edit in edits]
            right = "".join(atom.text for atom in sorted(atoms, key=lambda atom: atom.at))
            return Case(registered, _body(atoms, edits), tuple(sorted(slips, key=lambda slip: slip.at)), right)


def _is_apart(atoms: Sequence[Atom], edit: Edit, others: Sequence[Edit]) -> bool:
    """Whether an untouched fixed word stands between the slip and each of the others."""
    for _, first, last, _ in others:
        start, end = (last, edit[1]) if last <= edit[1] else (edit[2], first)
        if start > end or not any(_is_word(atoms, at) for at in range(start, end)):
            return False
    return True


def _shows(template: Template, atoms: Sequence[Atom], edit: Edit) -> bool:
    """Whether the slip alone makes the text mismatch."""
    slip, start, end, new = edit
    ordered = sorted(range(len(atoms)), key=lambda at: atoms[at].at)
    first = ordered.index(start)
    last = first + end - start
    if ordered[first:last] != [*range(start, end)]:
        return False
    return not isinstance(match(template, _body([atoms[at] for at in ordered], [(slip, first, last, new)])), Match)


def is_exact(case: Case, problems: Sequence[Explanation]) -> bool:
    """Whether exactly these slips are told, each by itself."""
    told = list(problems)
    moved = any(slip.kind == "order" for slip in case.slips)
    for slip in case.slips:
        named = next((each for each in told if _is_told(slip, each, moved=moved)), None)
        if named is None:
            return False
        told.remove(named)
    return not told


def _is_told(slip: Slip, problem: Explanation, *, moved: bool) -> bool:
    if slip.kind == "order" or problem.cause == "order":
        return problem.cause == slip.kind and abs(problem.template_offset - slip.at) <= 1
    if _bare(slip.wanted, slip.seen) != _bare(problem.expected, problem.found):
        return False
    if not slip.wanted and moved:
        return True  # between two sentences that changed places it belongs to either
    return problem.template_offset - 2 <= slip.at <= problem.template_end + 2


def _bare(wanted: str, seen: str) -> tuple[str, str]:
    """Return what two texts do not have in common."""
    while wanted and seen and wanted[0] == seen[0]:
        wanted, seen = wanted[1:], seen[1:]
    while wanted and seen and wanted[-1] == seen[-1]:
        wanted, seen = wanted[:-1], seen[:-1]
    return (wanted.strip(" ") or wanted, seen.strip(" ") or seen)


class Score(NamedTuple):
    """Of how many cases."""

    cases: int
    exact: int
    missed: tuple[Case, ...]
    mended: int
    """A text is offered, and matches."""
    right: int
    """It is the one without slips."""
    unmended: tuple[Case, ...]
    """A text is offered, but does not match."""
    left: tuple[Case, ...]
    """None is offered: to a person is left what to write."""


def score(texts: Sequence[str], count: int, cases: int, seed: int = SEED) -> Score:
    """Return how many of so many cases with ``count`` slips are told exactly, and how many mended."""
    rng = random.Random(f"{seed} {count}")
    missed, unmended, left, right = [], [], [], 0
    for _ in range(cases):
        case = make(rng, texts, count)
        template = parse(case.registered)
        problems = explain(template, case.body)
        if not is_exact(case, problems):
            missed.append(case)
        offered = mend(case.body, problems)
        right += offered == case.right
        if any(problem.replacement is None for problem in problems):
            left.append(case)
        elif not isinstance(match(template, offered), Match):
            unmended.append(case)
    mended = cases - len(unmended) - len(left)
    return Score(cases, cases - len(missed), tuple(missed), mended, right, tuple(unmended), tuple(left))


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=4000, help="of each number of slips and each part")
    parser.add_argument("--show", type=int, default=0, help="so many that were missed, of the first part only")
    parser.add_argument("--seed", type=int, default=SEED)
    wanted = parser.parse_args()
    print("texts      slips   cases   exact  mended   right")
    for part, texts in (("seen", SEEN), ("held out", HELD_OUT)):
        for count in (1, 2, 3, 4):
            found = score(texts, count, wanted.cases, wanted.seed)
            shares = (f"{each / found.cases:7.2%}" for each in (found.exact, found.mended, found.right))
            print(f"{part:10} {count:5} {found.cases:7}", *shares)
            if part == "seen":
                print(Counter(slip.kind for case in found.missed for slip in case.slips))
                for case in (
                    *found.missed[: wanted.show],
                    *found.unmended[: wanted.show],
                    *found.left[: wanted.show],
                ):
                    _show(case)


def _show(case: Case) -> None:
    print(f"  {case.registered!r}\n  {case.body!r}")
    for slip in case.slips:
        print(f"    {slip.kind} at {slip.at}: {slip.wanted!r} as {slip.seen!r}")
    for problem in explain(parse(case.registered), case.body):
        print(f"      told {problem.cause} at {problem.template_offset}: {problem.expected!r} as {problem.found!r}")


if __name__ == "__main__":
    _main()
