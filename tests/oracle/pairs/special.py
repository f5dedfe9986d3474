"""Special functions of SciPy, and the activations, losses and exponentials made of them."""

from __future__ import annotations

import numpy as np
import scipy.special as sp
import torch
import torch.nn.functional as F

from chainrule import nn
from tests.oracle.pairs import pair

REAL = np.array([[-2.3, -0.7, 0.4], [0.9, 1.6, 3.2]])
FAR = np.array([-40.0, -15.0, 12.0, 30.0])
POSITIVE = np.array([0.3, 0.8, 1.7, 4.2])
INSIDE = np.array([0.1, 0.4, 0.55, 0.9])
TIED = np.array([0.0, -1.0, 2.0])
ABSENT = np.array([-np.inf, 1.0, 2.0])
TARGET = np.array([[0.0, 1.0, 0.3], [1.0, 0.2, 0.0]])
LABELS = np.array([2, 0])

PAIRS = [
    # -------------------------------------------------------------------------------------------------- scipy.special
    pair("scipy.special.erf", sp.erf, torch.erf, REAL),
    pair("scipy.special.erfc", sp.erfc, torch.erfc, REAL),
    pair("scipy.special.erf", sp.erf, torch.erf, [-6.0, 6.0, 30.0], note="far"),
    pair("scipy.special.erfcx", sp.erfcx, torch.special.erfcx, [-6.0, 6.0, 30.0], note="far"),
    pair("scipy.special.erfcx", sp.erfcx, torch.special.erfcx, REAL),
    pair("scipy.special.expit", sp.expit, torch.sigmoid, REAL),
    pair("scipy.special.expit", sp.expit, torch.sigmoid, FAR, note="far"),
    pair("scipy.special.log_expit", sp.log_expit, F.logsigmoid, REAL),
    pair("scipy.special.log_expit", sp.log_expit, F.logsigmoid, FAR, note="far"),
    pair("scipy.special.logit", sp.logit, torch.logit, INSIDE),
    pair("scipy.special.gammaln", sp.gammaln, torch.lgamma, POSITIVE),
    pair("scipy.special.gammaln", sp.gammaln, torch.lgamma, [-0.6, -1.4, -2.7], note="negative"),
    pair("scipy.special.gammaln", sp.gammaln, torch.lgamma, [1e-3, 30.0, 1e3], note="small and large"),
    pair("scipy.special.psi", sp.psi, torch.digamma, POSITIVE),
    pair("scipy.special.digamma", sp.digamma, torch.digamma, [-0.6, -1.4, 9.5]),
    pair("scipy.special.xlogy", sp.xlogy, torch.xlogy, REAL, [0.6, 1.9, 4.4]),
    pair("scipy.special.xlogy", sp.xlogy, torch.xlogy, [0.0, 0.0, 2.0], [0.5, 3.0, 0.7], note="0 times"),
    pair("scipy.special.ndtr", sp.ndtr, torch.special.ndtr, REAL),
    pair("scipy.special.log_ndtr", sp.log_ndtr, torch.special.log_ndtr, REAL),
    pair("scipy.special.log_ndtr", sp.log_ndtr, torch.special.log_ndtr, FAR, note="far"),
    # SciPy's own take no traced values (chainrule.ops.softmax says why), so chainrule.nn's stand for them.
    pair("scipy.special.softmax", lambda x: nn.softmax(x, axis=0), lambda x: torch.softmax(x, 0), REAL),
    pair("scipy.special.log_softmax", lambda x: nn.log_softmax(x, axis=0), lambda x: torch.log_softmax(x, 0), REAL),
    pair("scipy.special.logsumexp", nn.logsumexp, lambda x: torch.logsumexp(x, (0, 1)), REAL),
    pair("chainrule.nn.logsumexp", lambda x: nn.logsumexp(x, axis=0), lambda x: torch.logsumexp(x, 0), REAL),
    pair(
        "chainrule.nn.logsumexp",
        lambda x: nn.logsumexp(x, axis=1, keepdims=True),
        lambda x: torch.logsumexp(x, 1, keepdim=True),
        REAL * 300,
        note="large",
    ),
    pair("chainrule.nn.logsumexp", nn.logsumexp, lambda x: torch.logsumexp(x, 0), ABSENT, note="of nothing"),
    pair("chainrule.nn.softmax", nn.softmax, lambda x: torch.softmax(x, -1), ABSENT, note="of nothing"),
    # ------------------------------------------------------------------------------------------------------ activations
    pair("chainrule.nn.relu", nn.relu, torch.relu, REAL),
    pair("chainrule.nn.relu", nn.relu, torch.relu, TIED, note="at 0"),
    pair("chainrule.nn.gelu", nn.gelu, F.gelu, REAL),
    pair("chainrule.nn.gelu", nn.gelu, F.gelu, FAR, note="far"),
    pair(
        "chainrule.nn.gelu",
        lambda x: nn.gelu(x, approximate=True),
        lambda x: F.gelu(x, approximate="tanh"),
        REAL,
        note="tanh",
    ),
    pair("chainrule.nn.silu", nn.silu, F.silu, REAL),
    pair("chainrule.nn.silu", nn.silu, F.silu, FAR, note="far"),
    pair("chainrule.nn.softplus", nn.softplus, F.softplus, REAL),
    pair("chainrule.nn.softplus", nn.softplus, lambda x: F.softplus(x, threshold=100.0), FAR, note="far"),
    pair("chainrule.nn.softmax", nn.softmax, lambda x: F.softmax(x, -1), REAL),
    pair("chainrule.nn.softmax", lambda x: nn.softmax(x, axis=0), lambda x: F.softmax(x, 0), REAL, note="axis"),
    pair("chainrule.nn.log_softmax", nn.log_softmax, lambda x: F.log_softmax(x, -1), REAL),
    pair(
        "chainrule.nn.Dense",
        lambda x, w, b: nn.Dense(w, b)(x),
        lambda x, w, b: F.linear(x, w.T, b),
        REAL,
        REAL.T,
        [0.5, -1.0],
    ),
    # ----------------------------------------------------------------------------------------------------------- losses
    pair("chainrule.nn.mean_squared_error", nn.mean_squared_error, F.mse_loss, REAL, TARGET),
    pair("chainrule.nn.mean_absolute_error", nn.mean_absolute_error, F.l1_loss, REAL, TARGET),
    pair("chainrule.nn.mean_absolute_error", nn.mean_absolute_error, F.l1_loss, TIED, TIED, note="at 0"),
    pair(
        "chainrule.nn.cross_entropy",
        lambda x: nn.cross_entropy(x, LABELS),
        lambda x: F.cross_entropy(x, torch.tensor(LABELS)),
        REAL,
    ),
    pair(
        "chainrule.nn.cross_entropy",
        lambda x: nn.cross_entropy(x, LABELS),
        lambda x: F.cross_entropy(x, torch.tensor(LABELS)),
        REAL * 300,
        note="large",
    ),
    pair(
        "chainrule.nn.binary_cross_entropy",
        nn.binary_cross_entropy,
        F.binary_cross_entropy_with_logits,
        REAL,
        TARGET,
    ),
    pair(
        "chainrule.nn.binary_cross_entropy",
        lambda x: nn.binary_cross_entropy(x, TARGET),
        lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor(TARGET)),
        REAL * 300,
        note="large",
    ),
]
