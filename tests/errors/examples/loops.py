"""Errors of `loops/`: scalars, kernels as text, what the verifier refuses, the interpreter."""

import sys
from unittest.mock import patch

import numpy as np

from chainrule.loops import (
    Index,
    Kernel,
    Scalar,
    Statement,
    Store,
    accumulate,
    apply,
    buffer,
    constant,
    interpret,
    interpreter,
    loop,
    parse_kernel,
    scalars_of,
    store,
    verify,
)  # fmt: skip
from chainrule.loops.nest import elementwise_kernel
from tests.loops.kernels import KERNELS

X, N, i = buffer("x", (4,), "float32"), buffer("n", (4,), "int32"), Index("i")


class Strange(Scalar):
    """A kind of scalar that nobody knows."""

    __slots__ = ()


def strange():
    """A kernel that stores a strange scalar."""
    scalar = object.__new__(Strange)
    scalar.dtype, scalar.operands = np.dtype("float64"), ()
    out = buffer("out", (), "float64", "output")
    return Kernel("f", (out,), (Store(out, (), scalar),))


def without_scipy():
    interpreter._of_library.cache_clear()
    with patch.dict(sys.modules, {"scipy": None}):
        interpreter.compute("erfcx", np.float64(1))


def buffer_of_another_kernel():
    y, out = buffer("y", (4,), "float32"), buffer("out", (4,), "float32", "output")
    verify(Kernel("f", (X, out), (loop(i, 4, store(out, i, y[i])),)))


def planted(name, old, new):
    """Verify a kernel in whose text something is replaced."""
    verify(parse_kernel(KERNELS[name][0].replace(old, new, 1)))


def parse(line):
    """Parse a kernel of one line."""
    return parse_kernel(f"kernel f(output x: float64[3]):\n{line}")


def run(line):
    """Run a kernel of one line that nobody has verified."""
    interpret(parse_kernel(f"kernel f(output y: float64[3], temporary t: float64[3]):\n  {line}"))


EXAMPLES = [
    ("the truth of a scalar", lambda: bool(X[i] > 0)),
    ("a function that is none", lambda: apply("sine", X[i])),
    ("operands of two dtypes", lambda: X[i] + N[i]),
    ("numbers alone", lambda: apply("sin", 1.0)),
    ("an operand too many", lambda: apply("sin", X[i], X[i])),
    ("a fraction among integers", lambda: N[i] + 0.5),
    ("a number out of range", lambda: constant(2**40, "int32")),
    ("infinity as an integer", lambda: constant(float("inf"), "int64")),
    ("a body of another dtype", lambda: elementwise_kernel("f", lambda m, x: x > 0, [np.dtype("float32")] * 2, (3,))),
    ("a role that is none", lambda: buffer("x", (3,), "float64", "given")),
    ("a combine that is none", lambda: accumulate(buffer("x", (), "float64", "output"), (), "average", 1)),
    ("no statement", lambda: scalars_of(Statement())),
    ("a strange scalar in print", lambda: str(strange())),
    ("a strange scalar in interpret", lambda: interpret(strange())),
    ("no kernel", lambda: parse_kernel("kernel f:")),
    ("no buffer", lambda: parse_kernel("kernel f(x: float64[3]):")),
    ("a line too far to the right", lambda: parse("    fill x = 0")),
    ("a line that is no statement", lambda: parse("  clear x")),
    ("a buffer that is none", lambda: parse("  fill y = 0")),
    ("a sign that is none", lambda: parse("  fill x = ?")),
    ("a parenthesis that is not closed", lambda: parse("  fill x = (1")),
    ("an operand that is missing", lambda: parse("  fill x = x[0] +")),
    ("an expression that goes on", lambda: parse("  fill x = 1 2")),
    ("a cast of two", lambda: parse("  fill x = float64(1, 2)")),
    ("a condition without a dtype", lambda: parse("  if True: fill x = 1")),
    ("two buffers of a name", lambda: planted("product", "input b", "input a: float64[], input b")),
    ("an index that is not bound", lambda: planted("product", "b[k, j]", "b[k, m]")),
    ("an index that is bound twice", lambda: planted("product", "for k", "for i")),
    ("an index too few", lambda: planted("product", "b[k, j]", "b[k]")),
    ("an index that is a float", lambda: planted("product", "b[k, j]", "b[k, float64(j)]")),
    ("a store of another dtype", lambda: planted("product", "output c: float64", "output c: float32")),
    ("a write to an input", lambda: planted("product", "c[i, j] +=", "a[i, j] +=")),
    ("a sum of truth values", lambda: planted("truth", "c[i] |=", "c[i] +=")),
    ("a buffer of another kernel", buffer_of_another_kernel),
    ("an index out of range", lambda: planted("product", "a[i, k]", "a[i, j]")),
    ("a sum into what was not written", lambda: planted("product", "      c[i, j] = 0\n", "")),
    ("a store, and again", lambda: planted("columns", "fill s = 0", "fill s = 0\n  fill s = 1")),
    ("a store in every iteration", lambda: planted("product", "c[i, j] +=", "c[i, j] =")),
    ("parallel iterations that meet", lambda: planted("columns", "  for i in 0..3:", "  parallel for i in 0..3:")),
    ("an output that is not all written", lambda: planted("product", "    for j in 0..5:", "    for j in 0..4:")),
    ("an array of another dtype", lambda: interpret(parse_kernel(KERNELS["running sum"][0]), np.zeros(9, np.float32))),
    ("an element that was not written", lambda: run("y[0] = t[0]")),
    ("an element outside the buffer", lambda: run("y[3] = 1")),
    ("no scipy", without_scipy),
]
