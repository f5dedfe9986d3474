"""Words for messages: lists, counts, the nearest name."""

from __future__ import annotations

from chainrule.train.words import counted, listing, nearest


def test_words():
    assert listing([1, "a"]) == "1, 'a'"
    assert listing(range(12), limit=2) == "0, 1 and 10 more"
    assert listing([]) == ""
    assert listing("ab", limit=2) == "'a', 'b'"
    assert counted(1, "row") == "1 row"
    assert counted(0, "row") == "0 rows"
    assert nearest("x", []) is None
    assert nearest("ISLAND", ["Island", "island"]) == "Island"
