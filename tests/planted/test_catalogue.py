"""Every planted fault still has its place in the source, and what it makes of it is Python."""

from __future__ import annotations

import ast

import pytest

from tests.planted.code import FAULTS as CODE
from tests.planted.fault import Fault
from tests.planted.lowering import FAULTS as LOWERING

FAULTS = (*LOWERING, *CODE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_applies(fault):
    assert fault.original != fault.faulty
    ast.parse(fault.planted())


def test_there_are_enough_of_them_and_each_has_a_name():
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 100


def test_a_fault_that_has_lost_its_place_is_told():
    with pytest.raises(LookupError, match="stands 0 times in lower/join.py"):
        Fault("lost", "lower/join.py", "no such text", "other").planted()
