"""Convolution, correlation and pooling."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F

from chainrule.nn import average_pool, convolve, convolve_transpose, max_pool
from tests.cases.window import waves
from tests.oracle.pairs import pair

SHARED = "PyTorch gives a tie to the first element; here it is shared, as that of maximum is in both"
LONG, SHORT = waves(6), waves(3, phase=1.1)
ROW, PICTURE, VOLUME = waves(2, 4, 7), waves(2, 2, 5, 4), waves(1, 2, 3, 4, 3)


def slid(x, kernel, padding):
    return F.conv1d(x[None, None], kernel[None, None], padding=padding)[0, 0]


def _convolution(theirs, *arrays, note="", **settings):
    return pair(
        "chainrule.nn.convolve",
        lambda x, w: convolve(x, w, **settings),
        lambda x, w: theirs(x, w, **settings),
        *arrays,
        note=note,
    )


def _transposed(theirs, *arrays, note="", **settings):
    return pair(
        "chainrule.nn.convolve_transpose",
        lambda x, w: convolve_transpose(x, w, **settings),
        lambda x, w: theirs(x, w, **settings),
        *arrays,
        note=note,
    )


def _pooling(name, ours, theirs, array, window, note="", **settings):
    return pair(
        f"chainrule.nn.{name}",
        lambda x: ours(x, window, **settings),
        lambda x: theirs(x, window, **settings),
        array,
        note=note,
    )


PAIRS = [
    pair("numpy.correlate", np.correlate, lambda x, k: slid(x, k, 0), LONG, SHORT),
    pair(
        "numpy.correlate", lambda x, k: np.correlate(x, k, "same"), lambda x, k: slid(x, k, 1), LONG, SHORT, note="same"
    ),
    pair("numpy.convolve", np.convolve, lambda x, k: slid(x, k.flip(0), 2), LONG, SHORT),
    pair(
        "numpy.convolve",
        lambda x, k: np.convolve(x, k, "valid"),
        lambda x, k: slid(x, k.flip(0), 0),
        LONG,
        SHORT,
        note="valid",
    ),
    # ------------------------------------------------------------------------------------------------------ convolution
    _convolution(F.conv1d, ROW, waves(3, 4, 2)),
    _convolution(F.conv1d, ROW, waves(3, 4, 2), stride=2, padding=2, dilation=2, note="stride, padding, dilation"),
    _convolution(F.conv1d, ROW, waves(6, 2, 3), groups=2, note="groups"),
    _convolution(F.conv1d, ROW, waves(4, 1, 3), groups=4, padding="same", note="each channel alone"),
    _convolution(F.conv2d, PICTURE, waves(3, 2, 3, 2), note="2 dimensions"),
    _convolution(F.conv2d, PICTURE, waves(3, 2, 3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), note="2, all"),
    _convolution(F.conv2d, PICTURE, waves(2, 1, 2, 2), groups=2, padding=1, note="2, groups"),
    _convolution(F.conv3d, VOLUME, waves(2, 2, 2, 3, 1), padding=(0, 1, 0), stride=(1, 2, 1), note="3 dimensions"),
    _transposed(F.conv_transpose1d, ROW, waves(4, 2, 3)),
    _transposed(
        F.conv_transpose1d,
        ROW,
        waves(4, 1, 2),
        stride=3,
        padding=1,
        output_padding=2,
        dilation=2,
        groups=2,
        note="all settings",
    ),
    _transposed(F.conv_transpose2d, PICTURE, waves(2, 1, 3, 2), stride=(2, 1), padding=(1, 0), note="2 dimensions"),
    _transposed(F.conv_transpose3d, VOLUME, waves(2, 1, 1, 2, 2), stride=2, note="3 dimensions"),
    # ---------------------------------------------------------------------------------------------------------- pooling
    _pooling("max_pool", max_pool, F.max_pool1d, ROW, 2),
    _pooling("max_pool", max_pool, F.max_pool2d, PICTURE, (3, 2), stride=(1, 2), padding=(1, 0), note="2 dimensions"),
    _pooling("max_pool", max_pool, F.max_pool3d, VOLUME, 2, stride=1, note="3 dimensions"),
    pair(
        "chainrule.nn.max_pool",
        lambda x: max_pool(x, 2),
        lambda x: F.max_pool1d(x, 2),
        [[[1.0, 1.0, 2.0, 0.0]]],
        note="ties",
        gradient=SHARED,
        forward=SHARED,
    ),
    _pooling("average_pool", average_pool, F.avg_pool1d, ROW, 3, stride=2),
    _pooling("average_pool", average_pool, F.avg_pool2d, PICTURE, (2, 2), padding=1, note="2 dimensions"),
    _pooling(
        "average_pool", average_pool, F.avg_pool2d, PICTURE, 2, padding=1, count_include_pad=False, note="real elements"
    ),
    _pooling("average_pool", average_pool, F.avg_pool3d, VOLUME, 2, note="3 dimensions"),
]
