"""The word that somebody may have meant."""

from collections.abc import Callable, Iterable, Sequence

_LEAST = 3
"""Letters of a word that may be the beginning of another."""


def nearest(word: str, words: Iterable[str], *, fold: Callable[[str], str] = str.casefold) -> str | None:
    """Return the word that is nearest, or begins so; ``fold`` makes what counts as the same the same."""
    from difflib import get_close_matches

    folded = {fold(each): each for each in words}
    near = *get_close_matches(fold(word), list(folded), n=1), *begun(fold(word), folded)
    return next((folded[each] for each in near), None)


def begun(word: str, words: Iterable[str]) -> Sequence[str]:
    """Return those that begin so; with one or two letters any might."""
    return [each for each in words if each.startswith(word)] if len(word) >= _LEAST else []


def did_you_mean(word: str, words: Iterable[str], *, fold: Callable[[str], str] = str.casefold) -> str:
    """Return that question as the end of a sentence; nothing if no word is near."""
    near = nearest(word, words, fold=fold)
    return f"; did you mean {str(near)!r}?" if near is not None else ""
