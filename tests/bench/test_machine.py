"""The loop that measures the machine computes what it says."""

import math

from bench.machine import CHAINS, core_count, describe_machine, lanes, multiply_add_loop
from bench.processes import exponent


def test_each_turn_is_a_multiplication_and_an_addition_in_each_chain():
    """t <- t / 2 + 1/2 from t = k: after n turns 1 + (k - 1) / 2^n, summed over the chains k = 0, 1, ..."""
    run = multiply_add_loop()
    for turns in (1, 3, 60):
        assert math.isclose(run(turns), CHAINS + sum(k - 1 for k in range(CHAINS)) / 2**turns, rel_tol=1e-6)


def test_the_machine_has_a_name():
    assert core_count() >= 1
    assert lanes() in (4, 8, 16)
    assert f"{core_count()} cores" in describe_machine()


def test_the_exponent_of_powers():
    assert math.isclose(exponent((10, 100, 1000), [0.01, 0.1, 1.0]), 1)
    assert math.isclose(exponent((10, 100), [0.01, 1.0]), 2)
