"""The word that somebody may have meant."""

from collections.abc import Callable, Iterable

_LEAST = 3
"""Letters of a word that may be the beginning of another."""


def nearest(word: str, words: Iterable[str], *, fold: Callable[[str], str] = str.casefold) -> str | None:
    """Return the word that is nearest, or begins so; ``fold`` makes what counts as the same the same."""
    from difflib import get_close_matches

    folded = {fold(each): each for each in words}
    begun = (each for each in folded if len(word) >= _LEAST and each.startswith(fold(word)))
    return next((folded[near] for near in (*get_close_matches(fold(word), list(folded), n=1), *begun)), None)


def did_you_mean(word: str, words: Iterable[str], *, fold: Callable[[str], str] = str.casefold) -> str:
    """Return that question as the end of a sentence; nothing if no word is near."""
    near = nearest(word, words, fold=fold)
    return f"; did you mean {str(near)!r}?" if near is not None else ""
