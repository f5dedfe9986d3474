"""Compute the table of `chainrule.native.polynomials_tanh`: run this file, and it writes that one.

The intervals of |x| are those that `vector_math_table` finds: |x| + OFFSET has the exponent and first three bits of
fraction of one number in each. Around a point of the interval, tanh is a constant and 5 further terms; the fit is that
of `fit_polynomials`. The point lies where the constant is nearly a float32, so that rounding it costs nothing (S. Gal
and B. Bachelis, An accurate elementary mathematical library, ACM TOMS 17 (1991)). Around 0 it is 0 itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

OFFSET = 0.625  # from here to 10 there are 32 intervals
END = 9.25  # from 9.0109 tanh is 1 in float32
SHIFT = 20  # bits of fraction that do not tell the interval
INTERVALS = 32
TERMS = 5  # beside the constant
TRIED = 1000  # points of an interval

Row = tuple[float, ...]


def edges(place: int) -> tuple[float, float]:
    """The interval of |x| whose sums have these last five of the bits above SHIFT."""
    first = int(np.float32(OFFSET).view(np.uint32)) >> SHIFT
    number = first + (place - first) % INTERVALS
    low, high = (float(np.uint32(bits << SHIFT).view(np.float32)) - OFFSET for bits in (number, number + 1))
    return low, min(high, END)


def centre(low: float, high: float) -> Any:
    """The nearest float32 to the middle, of those tried, at which tanh is within 1/32 of a unit of one, too."""
    if low == 0:
        return mp.mpf(0)
    for step in range(TRIED):
        distance = (-1) ** step * step * (high - low) / 2 / TRIED
        point = mp.mpf(float(np.float32((low + high) / 2 + distance)))
        value = mp.tanh(point)
        if abs(value - mp.mpf(float(np.float32(float(value))))) < value * mp.mpf(2) ** -29:
            return point
    raise ArithmeticError(f"no centre of {low} to {high} was accurate enough; try more")


def row(place: int) -> Row:
    """The centre, tanh there, and the other coefficients, by rising powers of the distance from the centre."""
    low, high = map(mp.mpf, edges(place))
    with mp.workdps(40):
        point = centre(*edges(place))
        value = mp.tanh(point)

        def slope(r: Any) -> Any:
            """(tanh(point + r) - tanh(point)) / r, by the theorem of addition."""
            r = r if r else mp.mpf(10) ** -30
            change = mp.tanh(r)
            return change * (1 - value**2) / (1 + value * change) / r

        fitted = mp.chebyfit(slope, [low - point, high - point], TERMS)
        return tuple(float(np.float32(float(number))) for number in (point, value, *reversed(fitted)))


def table() -> list[Row]:
    """A row for each interval, by the number that the last bits of its sums are."""
    return [row(place) for place in range(INTERVALS)]


def write(path: Path) -> None:
    """Write the module of the table."""
    lines = [
        '"""tanh of float32 by intervals, computed by `tests/native/fit_tanh.py`. Not edited by hand.',
        "",
        "A row for each interval: its centre c, and the coefficients of a polynomial in |x| - c, the constant first.",
        '"""',
        "",
        f"OFFSET, END, SHIFT = {OFFSET}, {END}, {SHIFT}",
        "",
        "# fmt: off",
        "TANH: tuple[tuple[float, ...], ...] = (",
    ]
    lines += [f"    ({', '.join(str(np.float32(number)) for number in row)})," for row in table()]
    path.write_text("\n".join([*lines, ")", "# fmt: on", ""]))


if __name__ == "__main__":
    write(Path(__file__).parents[2] / "src/chainrule/native/polynomials_tanh.py")
