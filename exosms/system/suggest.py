"""The word that somebody may have meant."""

from collections.abc import Callable, Iterable


def nearest(word: str, words: Iterable[str], *, fold: Callable[[str], str] = str.casefold) -> str | None:
    """Return the word that is nearest, if one is near; ``fold`` makes what counts as the same the same."""
    from difflib import get_close_matches

    folded = {fold(each): each for each in words}
    return next((folded[near] for near in get_close_matches(fold(word), list(folded), n=1)), None)


def did_you_mean(word: str, words: Iterable[str], *, fold: Callable[[str], str] = str.casefold) -> str:
    """Return that question as the end of a sentence; nothing if no word is near."""
    near = nearest(word, words, fold=fold)
    return f"; did you mean {str(near)!r}?" if near is not None else ""
