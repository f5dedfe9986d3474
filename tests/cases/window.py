"""Cases of convolution, correlation and pooling."""

from __future__ import annotations

from functools import partial

import numpy as np

from chainrule.ops import convolve as convolution
from chainrule.ops import pooling
from chainrule.trace.call import apply_function
from tests.cases import Case

convolve = partial(apply_function, convolution.convolve)
convolve_transpose = partial(apply_function, convolution.convolve_transpose)
max_pool = partial(apply_function, pooling.max_pool)
average_pool = partial(apply_function, pooling.average_pool)


def waves(*shape: int, phase: float = 0.3) -> np.ndarray:
    """Numbers of which no two are near each other, so no window has a tie."""
    return np.sin(phase + 2.3 * np.arange(np.prod(shape))).reshape(shape)


long, short, one = waves(6), waves(3, phase=1.1), waves(1)
row, rows = waves(2, 4, 7), waves(3, 7)
picture, volume = waves(1, 2, 5, 4), waves(1, 2, 3, 4, 3)

CASES = [
    Case("numpy.convolve", np.convolve, (long, short)),
    Case("numpy.convolve", np.convolve, (short, long), "longer second"),
    Case("numpy.convolve", np.convolve, (long, one), "one element"),
    Case("numpy.convolve", lambda x, y: np.convolve(x, y, mode="same"), (long, waves(4)), "same"),
    Case("numpy.convolve", lambda x, y: np.convolve(x, y, mode="same"), (short, long), "same longer second"),
    Case("numpy.convolve", lambda x, y: np.convolve(x, y, "valid"), (long, short), "valid"),
    Case("numpy.convolve", lambda x: np.convolve(x, [1, 0, -1]), (long,), "list"),
    Case("numpy.convolve", lambda x: np.convolve(x, 2.0), (long,), "number"),
    Case("numpy.correlate", np.correlate, (long, short)),
    Case("numpy.correlate", np.correlate, (short, long), "longer second"),
    Case("numpy.correlate", lambda x, y: np.correlate(x, y, mode="same"), (long, waves(4)), "same"),
    Case("numpy.correlate", lambda x, y: np.correlate(x, y, mode="same"), (waves(4), long), "same longer second"),
    Case("numpy.correlate", lambda x, y: np.correlate(x, y, "full"), (long, short), "full"),
    Case("chainrule.nn.convolve", convolve, (row, waves(3, 4, 2))),
    Case("chainrule.nn.convolve", convolve, (rows, waves(2, 3, 3)), "no batch"),
    Case(
        "chainrule.nn.convolve",
        lambda x, w: convolve(x, w, stride=2, padding=2, dilation=2),
        (row, waves(3, 4, 2)),
        "all steps",
    ),
    Case("chainrule.nn.convolve", lambda x, w: convolve(x, w, groups=2), (row, waves(6, 2, 3)), "groups"),
    Case(
        "chainrule.nn.convolve", lambda x, w: convolve(x, w, groups=4, padding="same"), (row, waves(4, 1, 2)), "depths"
    ),
    Case(
        "chainrule.nn.convolve",
        lambda x, w: convolve(x, w, stride=(2, 1), padding=(1, (0, 2))),
        (picture, waves(3, 2, 3, 2)),
        "2 dimensions",
    ),
    Case(
        "chainrule.nn.convolve",
        lambda x, w: convolve(x, w, padding="same"),
        (volume, waves(1, 2, 2, 3, 1)),
        "3 dimensions",
    ),
    Case("chainrule.nn.convolve_transpose", convolve_transpose, (row, waves(4, 2, 3))),
    Case(
        "chainrule.nn.convolve_transpose",
        lambda x, w: convolve_transpose(x, w, stride=3, padding=1, output_padding=2, dilation=2, groups=2),
        (row, waves(4, 1, 2)),
        "all steps",
    ),
    Case(
        "chainrule.nn.convolve_transpose",
        lambda x, w: convolve_transpose(x, w, stride=(2, 1), padding=((1, 0), 1)),
        (picture, waves(2, 1, 3, 2)),
        "2 dimensions",
    ),
    Case(
        "chainrule.nn.convolve_transpose",
        lambda x, w: convolve_transpose(x, w, 2),
        (volume, waves(2, 1, 1, 2, 2)),
        "3 dimensions",
    ),
    Case("chainrule.nn.max_pool", lambda x: max_pool(x, 2), (row,)),
    Case("chainrule.nn.max_pool", lambda x: max_pool(x, (3, 2), stride=(1, 2), padding=(1, 0)), (picture,), "2 axes"),
    Case("chainrule.nn.max_pool", lambda x: max_pool(x, 2, stride=1), (volume,), "3 dimensions"),
    Case("chainrule.nn.average_pool", lambda x: average_pool(x, 3, stride=2), (row,)),
    Case("chainrule.nn.average_pool", lambda x: average_pool(x, (2, 2), padding=1), (picture,), "2 dimensions"),
    Case(
        "chainrule.nn.average_pool",
        lambda x: average_pool(x, (2, 2), padding=1, count_include_pad=False),
        (picture,),
        "real elements alone",
    ),
    Case("chainrule.nn.average_pool", lambda x: average_pool(x, 2), (volume,), "3 dimensions"),
]
