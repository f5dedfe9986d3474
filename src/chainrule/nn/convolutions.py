"""Convolution and pooling over 1, 2 or 3 dimensions of space, on arrays and on traced values alike.

>>> import numpy as np
>>> convolve(np.arange(5.0)[None, None], np.ones((1, 1, 2)), stride=2)
array([[[1., 5.]]])
>>> convolve_transpose(np.ones((1, 1, 2)), np.array([[[1.0, 2.0]]]), stride=2)
array([[[1., 2., 1., 2.]]])
>>> max_pool(np.arange(6.0)[None, None], 2)
array([[[1., 3., 5.]]])
>>> average_pool(np.arange(6.0)[None, None], 3)
array([[[1., 4.]]])
"""

from __future__ import annotations

from chainrule.ops import convolve as convolutions
from chainrule.ops import pooling
from chainrule.trace import traceable

convolve = traceable(convolutions.convolve)
convolve_transpose = traceable(convolutions.convolve_transpose)
max_pool = traceable(pooling.max_pool)
average_pool = traceable(pooling.average_pool)
