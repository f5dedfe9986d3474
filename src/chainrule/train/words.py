"""Words for messages and notes: lists of names, numbers of things, and the name that was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is spelt most like `name`, case aside, or None where none is like it.

    >>> nearest("Bodymass", ["island", "body_mass_g"])
    'body_mass_g'
    """
    import difflib  # of use for errors alone

    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listing(values: Collection[object], limit: int = 10) -> str:
    """The values in quotes, and how many more there are after `limit`.

    >>> listing(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(value) for value in islice(values, limit))
    return f"{shown} and {len(values) - limit} more" if len(values) > limit else shown


def counted(number: int, thing: str) -> str:
    """A number of things, in words.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
