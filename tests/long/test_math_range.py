"""Every float32, through each elementary function of one operand: against the float64 function, in units.

The float64 functions are held to mpmath by `tests/native/test_vector_math.py`; they serve as the truth here, since
their errors are 2^-29 of these units. `CHAINRULE_MATH_STRIDE=64` takes every 64th number.
"""

import os

import numpy as np
import pytest
from tests.native.machine import compiled

from chainrule.native import ir
from chainrule.native.vector_math import FUNCTIONS, arity, emit

STRIDE = int(os.environ.get("CHAINRULE_MATH_STRIDE", "1"))
CHUNK = 1 << 20
LIMIT = 2.0  # units in the last place: the promise
UNARY = [name for name in FUNCTIONS if arity(name) == 1]


def units(got: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Errors in units of float32 in the last place of the truth; infinity counts as the number after the largest."""
    beyond = 2.0**128
    truth = np.clip(truth, -beyond, beyond)
    got = np.clip(got.astype(np.float64), -beyond, beyond)
    exponents = np.maximum(np.frexp(truth)[1] - 24, -149)
    return np.abs(got - truth) / np.ldexp(1.0, np.minimum(exponents, 104))


def worst_of(name: str, stride: int) -> tuple[float, float]:
    """The largest error in units, and where it is; at NaN both must be NaN."""

    def emission(build: ir.IRBuilder, x: ir.Value) -> ir.Value:
        return emit(build, name, x)

    single = compiled({name: (emission, ["float32"], "float32")}, 16)[name]
    double = compiled({name: (emission, ["float64"], "float64")}, 8)[name]
    worst, place = 0.0, 0.0
    for start in range(0, 1 << 32, CHUNK * stride):
        bits = np.arange(start, min(start + CHUNK * stride, 1 << 32), stride)
        x = bits.astype(np.uint32).view(np.float32)
        got, truth = single(x), double(x)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(truth))
        found = np.nan_to_num(units(got, truth), nan=0.0)
        if found.max() > worst:
            worst, place = float(found.max()), float(x[found.argmax()])
    return worst, place


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", UNARY)
def test_whole_range(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    worst, place = worst_of(name, STRIDE)
    with capsys.disabled():
        print(f"\n{name}: {worst:.3f} units at {place!r}")
    assert worst <= LIMIT


def test_units_counts_them() -> None:
    """The checker sees the next float32 as one unit off, at all sizes, and infinity as the number after the largest."""
    info = np.finfo(np.float32)
    x = np.array([1.5, -3.0, 1e-40, 1e38, info.max], np.float32)
    with np.errstate(over="ignore"):
        away = np.nextafter(x, np.copysign(np.float32(np.inf), x))
    np.testing.assert_allclose(units(away, x.astype(np.float64)), 1.0)
    assert units(x, x.astype(np.float64)).max() == 0
