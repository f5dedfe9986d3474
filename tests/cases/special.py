"""Cases of the special functions of SciPy, and of the activations made of them."""

from __future__ import annotations

import numpy as np
import scipy.special as sp

from tests.cases import Case

REAL = np.array([[-2.3, -0.7, 0.4], [0.9, 1.6, 3.2]])
POSITIVE = np.array([0.3, 0.8, 1.7, 4.2])
INSIDE = np.array([0.1, 0.4, 0.55, 0.9])

CASES = [
    *(Case(f"scipy.special.{f.__name__}", f, (REAL,)) for f in (sp.erf, sp.erfc, sp.erfcx, sp.expit, sp.log_expit)),
    *(Case(f"scipy.special.{f.__name__}", f, (REAL,)) for f in (sp.ndtr, sp.log_ndtr)),
    *(Case(f"scipy.special.{f.__name__}", f, (POSITIVE,)) for f in (sp.gammaln, sp.digamma)),
    Case("scipy.special.logit", sp.logit, (INSIDE,)),
    Case("scipy.special.xlogy", sp.xlogy, (REAL, np.array([0.6, 1.9, 4.4]))),
    Case("scipy.special.xlogy", lambda x: sp.xlogy(x, 2), (POSITIVE,), "a number"),
    Case("scipy.special.log_ndtr", sp.log_ndtr, (np.array([-30.0, -8.0, 6.0]),), "tails"),
    Case("scipy.special.gammaln", sp.gammaln, (np.array([-0.6, -1.4, -2.7]),), "negative"),
]
