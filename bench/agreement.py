"""Before anything is timed: do all systems compute the same?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

TOLERANCE_OF_THE_FIRST = 1e-5
TOLERANCE = 1e-4


class DisagreementError(Exception):
    """Two systems that were given the same start and the same batches computed different losses."""


def check_agreement(losses: Mapping[str, np.ndarray]) -> float:
    """The largest difference between two systems' losses of a step, relative to the median of all.

    The loss before the first update must agree to 1e-5, float32's accuracy in a sum of a few thousand terms; the later
    ones to 1e-4, since each update carries the rounding of the one before, and Adam divides it by small numbers.

    Raises:
        DisagreementError: a difference is larger, a loss is not finite, or the losses do not change.
    """
    table = np.array([np.asarray(values, np.float64) for values in losses.values()])
    middle = np.median(table, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # what is not finite is refused below
        difference = np.ptp(table, axis=0) / np.abs(middle)
    allowed = np.where(np.arange(table.shape[1]) == 0, TOLERANCE_OF_THE_FIRST, TOLERANCE)
    if not np.all(difference <= allowed):  # NaN is not <=
        step = np.flatnonzero(~(difference <= allowed))[0]
        shown = ", ".join(f"{name} {values[step]:.8g}" for name, values in zip(losses, table, strict=True))
        raise DisagreementError(f"the systems' losses differ before update {step + 1}: {shown}")
    if table.shape[1] > 1 and np.ptp(middle) == 0:
        raise DisagreementError(f"the loss stays {middle[0]:.8g}, so that the updates were not compared")
    return float(difference.max())
