"""Every planted fault still has its place in the source, and what it makes of it is Python."""

from __future__ import annotations

import ast

import pytest

from tests.planted.fault import Fault, faults, read

FAULTS = faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_applies(fault):
    assert fault.original != fault.faulty
    ast.parse(fault.planted())


def test_there_are_enough_of_them_and_each_has_a_name():
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 100


def test_a_fault_that_has_lost_its_place_is_told():
    with pytest.raises(LookupError, match=r"stands 0 times in lower/join\.py"):
        Fault("lost", "lower/join.py", "no such text", "other").planted()


def test_a_catalogue_is_read():
    text = "==== a.py\n\n# one\n-|x\n-|  y\n+|z\n\n# two\n-|z\n+|\n"
    assert list(read(text)) == [Fault("one", "a.py", "x\n  y", "z"), Fault("two", "a.py", "z", "")]
    for wrong in ("# one\n-|x\n+|y", "==== a.py\n\n-|x\n+|y", "==== a.py\n\n# one\n-|x\nno mark"):
        with pytest.raises(ValueError, match="no fault"):
            list(read(wrong))
