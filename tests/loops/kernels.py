"""Kernels that are well formed, as text: what the tests of loops print, verify, run and break."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Meaning = Callable[..., Any]

KERNELS: dict[str, tuple[str, Meaning]] = {
    "product": (
        """kernel product(input a: float64[3, 4], input b: float64[4, 5], output c: float64[3, 5]):
  parallel for i in 0..3:
    for j in 0..5:
      c[i, j] = 0
      for k in 0..4: c[i, j] += a[i, k] * b[k, j]""",
        lambda a, b: a @ b,
    ),
    "columns": (
        """kernel columns(input a: float64[3, 4], output s: float64[4], output m: float64[4]):
  fill s = 0
  fill m = -inf
  for i in 0..3:
    for j in 0..4:
      s[j] += a[i, j]
      m[j] max= a[i, j]""",
        lambda a: (a.sum(0), a.max(0)),
    ),
    "masked tail": (
        """kernel tail(input a: float64[10], output c: float64[10]):
  parallel for i in 0..3:
    for j in 0..4:
      if ((i * 4) + j) < 10: c[(i * 4) + j] = a[(i * 4) + j]""",
        lambda a: a,
    ),
    "shorter tail": (
        """kernel tail(input a: float64[10], output c: float64[10]):
  parallel for i in 0..3:
    for j in i * 4..minimum((i * 4) + 4, 10): c[j] = a[j]""",
        lambda a: a,
    ),
    "shortest tail": (
        """kernel tail(input a: float64[10], output c: float64[10]):
  parallel for i in 0..3:
    for j in 0..minimum(4, 10 - (i * 4)): c[(i * 4) + j] = a[(i * 4) + j]""",
        lambda a: a,
    ),
    "head": (
        """kernel head(input a: float64[10], output c: float64[10]):
  parallel for i in 0..3:
    for j in maximum(0, 2 - (i * 4))..4: c[((i * 4) + j) - 2] = a[((i * 4) + j) - 2]""",
        lambda a: a,
    ),
    "masked head": (
        """kernel head(input a: float64[10], output c: float64[10]):
  parallel for i in 0..12:
    if (i >= 1) & (i <= 10): c[i - 1] = a[i - 1]""",
        lambda a: a,
    ),
    "running sum": (
        """kernel running(input a: float64[9], output c: float64[9]):
  c[0] = a[0]
  for i in 1..9: c[i] = c[i - 1] + a[i]""",
        np.cumsum,
    ),
    "recurrence": (
        """kernel recurrence(input a: float64[4, 3], output c: float64[3], temporary h: float64[5, 3]):
  for j in 0..3: h[0, j] = 1
  for i in 0..4:
    for j in 0..3: h[i + 1, j] = (h[i, j] * 0.5) + a[i, j]
  for j in 0..3: c[j] = h[4, j]""",
        lambda a: ((((1 * 0.5 + a[0]) * 0.5 + a[1]) * 0.5) + a[2]) * 0.5 + a[3],
    ),
    "gather": (
        """kernel gather(input a: float64[6], input n: int64[4], output c: float64[4]):
  for i in 0..4: c[i] = a[maximum(minimum(n[i], 5), 0)]""",
        lambda a, n: a[n],
    ),
    "scatter": (
        """kernel scatter(input a: float64[4], input n: int64[4], output c: float64[6]):
  fill c = 0
  for i in 0..4: c[maximum(minimum(n[i], 5), 0)] += a[i]""",
        lambda a, n: np.bincount(n, a, 6),
    ),
    "scatter last": (
        """kernel scatter(input a: float64[4], input n: int64[4], output c: float64[6], temporary t: float64[6]):
  fill t = 0
  for i in 0..4: t[maximum(minimum(n[i], 5), 0)] = a[i]
  for i in 0..6: c[i] = t[i]""",
        lambda a, n: np.put(out := np.zeros(6), n, a) or out,
    ),
    "reshape": (
        """kernel reshape(input a: float64[3, 4], output c: float64[4, 3]):
  parallel for i in 0..4:
    for j in 0..3:
      let $0 = (i * 3) + j
      c[i, j] = a[$0 / 4, $0 % 4]""",
        lambda a: a.reshape(4, 3),
    ),
    "interleave": (
        """kernel interleave(input a: float64[5], output c: float64[10]):
  parallel for i in 0..5:
    c[i * 2] = a[i]
    c[(i * 2) + 1] = -a[i]""",
        lambda a: np.stack([a, -a], 1).ravel(),
    ),
    "join": (
        """kernel join(input a: float64[5], input b: float64[3], output c: float64[8]):
  for i in 0..3: c[i + 5] = b[i]
  for i in 0..5: c[i] = a[i]""",
        lambda a, b: np.concatenate([a, b]),
    ),
    "reversal": (
        """kernel reversal(input a: float64[5, 2], output c: float64[5, 2]):
  parallel for i in 0..5:
    for j in 0..2: c[4 - i, j] = a[i, j]""",
        lambda a: a[::-1],
    ),
    "softmax": (
        """kernel soft(input a: float64[5, 6], output c: float64[5, 6], output s: float64[5], temporary m: float64[5]):
  parallel for i in 0..5:
    m[i] = a[i, 0]
    for j in 1..6: m[i] max= a[i, j]
    s[i] = 0
    for j in 0..6: s[i] += exp(a[i, j] - m[i])
    for j in 0..6: c[i, j] = exp(a[i, j] - m[i]) / s[i]""",
        lambda a: ((e := np.exp(a - a.max(1, keepdims=True))) / e.sum(1, keepdims=True), e.sum(1)),
    ),
    "scratch": (
        """kernel scratch(input a: float64[5, 6], output c: float64[5], temporary t: float64[6]):
  for i in 0..5:
    for j in 0..6: t[j] = a[i, j]
    c[i] = 0
    for j in 0..6: c[i] += t[5 - j] * t[j]""",
        lambda a: (a * a[:, ::-1]).sum(1),
    ),
    "triangle": (
        """kernel triangle(input a: float64[4, 4], output c: float64[4, 4]):
  parallel for i in 0..4:
    for j in 0..i + 1: c[i, j] = a[i, j]
    for j in i + 1..4: c[i, j] = 0""",
        np.tril,
    ),
    "truth": (
        """kernel truth(input a: bool[3, 2], output c: bool[3], output d: bool[3]):
  fill c = False
  fill d = True
  for i in 0..3:
    for j in 0..2:
      c[i] |= a[i, j]
      d[i] &= a[i, j]""",
        lambda a: (a.any(1), a.all(1)),
    ),
    "least product": (
        """kernel least(input a: int32[5], output p: int32[], output m: int32[]):
  p[] = 1
  m[] = 2147483647
  for i in 0..5:
    p[] *= a[i]
    m[] min= a[i]""",
        lambda a: (np.prod(a, dtype=np.int32), a.min()),
    ),
    "nothing": (
        """kernel nothing(input a: float64[0], output c: float64[0]):
  for i in 0..0: c[i] = a[i + 7]""",
        lambda a: a,
    ),
}


def inputs_for(buffers: Any, seed: int = 0) -> list[np.ndarray]:
    """Random arrays for input buffers; whole numbers are indices from 0 to 5."""
    random = np.random.default_rng(seed)
    drawn = {"f": random.standard_normal, "i": lambda shape: random.integers(0, 6, shape)}
    drawn["b"] = lambda shape: random.random(shape) < 0.5
    return [np.asarray(drawn[one.dtype.kind](one.shape)).astype(one.dtype) for one in buffers]
