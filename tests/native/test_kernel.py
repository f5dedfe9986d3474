"""Kernels as functions: whatever the loops say, machine code does, as the interpreter of loops has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chainrule.errors import GraphError
from chainrule.loops import Index, Kernel, Statement, buffer, interpret, loop, parse_kernel, store, verify
from chainrule.native import ir
from chainrule.native.kernel import Emitter, signature
from tests.loops.fuzz import Maker
from tests.loops.kernels import KERNELS, inputs_for
from tests.lower.running import WIDTHS, run_kernel


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("width", WIDTHS)
def test_kernels_run_as_the_interpreter_runs_them(name, width):
    kernel = parse_kernel(KERNELS[name][0])
    inputs = inputs_for(kernel.role("input"))
    for found, expected in zip(run_kernel(kernel, *inputs, width=width), interpret(kernel, *inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)


def test_random_kernels_run_as_the_interpreter_runs_them():
    """Conditions, ends that move, steps that meet: what the verifier accepts of a thousand random kernels."""
    accepted = 0
    for seed in range(1000):
        maker = Maker(seed)
        kernel = maker.kernel()
        numbers = np.arange(maker.input.shape[0]) * 2 - 1
        try:
            verify(kernel)
        except GraphError:
            continue
        accepted += 1
        (found,), (expected,) = run_kernel(kernel, numbers), interpret(kernel, numbers)
        np.testing.assert_array_equal(found, expected, err_msg=f"seed {seed}:\n{kernel}")
    assert accepted > 20


KERNEL = """kernel f(input a: float32[5, 37], input b: float32[37], output c: float32[5, 37], output s: float32[5]):
  parallel for i in 0..5:
    parallel for j in 0..37: c[i, j] = a[i, j] * b[j]
  parallel for i in 0..5:
    s[i] = 0
    for j in 0..37: s[i] += a[i, j] * c[i, j]
    s[i] = s[i] + b[i]"""

HEAD = "kernel f(input a: float32[37], "
AT_A_TIME = {
    "an accumulation that begins in an earlier loop": """kernel f(input a: int64[5, 3], output c: int64[5]):
  parallel for i in 0..5: c[i] = a[i, 0]
  parallel for i in 0..5:
    for j in 0..3: c[i] += a[i, j]""",
    "a fold that reads what it writes": """kernel f(input a: int64[5, 3], output c: int64[5], temporary t: int64[5]):
  parallel for i in 0..5:
    t[i] = 1
    for j in 0..3: t[i] += t[i] * a[i, j]
  parallel for i in 0..5: c[i] = t[i]""",
    "a start that is not neutral": """kernel f(input a: int64[5, 3], output c: int64[5]):
  parallel for i in 0..5:
    c[i] = 7
    for j in 0..3: c[i] += a[i, j]""",
    "a product that starts from nothing": """kernel f(input a: int64[5, 3], output c: int64[5]):
  parallel for i in 0..5:
    c[i] = 0
    for j in 0..3: c[i] *= a[i, j]""",
    "a serial loop around": """kernel f(input a: int64[5, 33], output c: int64[33]):
  fill c = 1
  for i in 0..5:
    parallel for j in 0..33: c[j] = (c[j] * 3) + a[i, j]""",
    "a parallel loop that begins later": """kernel f(input a: int64[33], output c: int64[33]):
  c[0] = 9
  parallel for i in 1..33: c[i] = a[i - 1] + a[i]""",
    "an element of the fold elsewhere": """kernel f(input a: int64[3, 33], output c: int64[33], output d: int64[33]):
  parallel for i in 0..33:
    c[i] = 0
    for j in 0..3: c[i] += a[j, i]
    d[i] = c[i] * 2""",
    "a fold with its steps on an axis of the result": """kernel f(input a: int64[4, 4], output c: int64[4]):
  fill c = 0
  for i in 0..4:
    for j in 0..4: c[j] += a[i, j]""",
    "two stores that stay together": """kernel f(input a: float32[37], output c: float32[37], output d: float32[37]):
  parallel for i in 0..37:
    c[i] = a[i] * 2
    d[i] = exp(a[i])""",
    "all of a truth": """kernel f(input a: bool[5, 37], output c: bool[5], output d: bool[37]):
  parallel for i in 0..5:
    c[i] = True
    for j in 0..37: c[i] &= a[i, j]
  parallel for j in 0..37:
    d[j] = False
    for i in 0..5: d[j] |= a[i, j]""",
    "indices as numbers": """kernel f(output c: int64[5, 37], output d: int64[37]):
  parallel for i in 0..5:
    parallel for j in 0..37: c[i, j] = (i * 100) + (j % 5)
  parallel for j in 0..37:
    d[j] = 0
    for i in 0..5: d[j] += (i * j) + 1""",
    "lanes that read anywhere": HEAD
    + """input n: int64[50], output c: float32[3, 50], output e: float32[50]):
  parallel for i in 0..3:
    parallel for j in 0..50: c[i, j] = a[maximum(minimum(n[j], 36), 0)] + a[i]
  parallel for j in 0..50: e[j] = a[(j * 2) / 3]""",
    "what is written far apart": """kernel f(input a: float32[40], output c: float32[40, 2], output d: float32[40]):
  parallel for i in 0..40:
    c[i, 1] = a[i]
    c[i, 0] = a[39 - i]
    d[39 - i] = a[i]""",
    "a store that reads another's": """kernel f(input a: float32[40], output c: float32[40], output d: float32[40]):
  parallel for i in 0..40:
    c[i] = a[i] * 2
    d[i] = c[i] + 1""",
    "an end that reads another": """kernel f(input a: float32[3, 40], output c: float32[40], output d: float32[40]):
  parallel for i in 0..40:
    d[i] = 0
    for j in 0..3: d[i] += a[j, i]
    c[i] = d[i] * 2
    d[i] = c[i] + 1""",
    "truths far apart": """kernel f(input a: bool[40, 2], output c: bool[40, 2], output d: bool[40]):
  parallel for i in 0..40:
    c[i, 1] = a[i, 0]
    c[i, 0] = a[39 - i, 1]
    d[39 - i] = a[i, 1]""",
}


@pytest.mark.parametrize("text", [KERNEL, *AT_A_TIME.values()], ids=["two nests", *AT_A_TIME])
@pytest.mark.parametrize("width", WIDTHS)
def test_nests_that_look_like_folds(text, width):
    kernel = parse_kernel(text)
    inputs = inputs_for(kernel.role("input"), 3)
    for found, expected in zip(run_kernel(kernel, *inputs, width=width), interpret(kernel, *inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 8, 100])
@pytest.mark.parametrize("length", [1, 5, 16, 33, 64, 100, 1024, 1100])
def test_shares_make_the_whole(threads, length):
    """What the threads do one after another is what one does alone."""
    text = f"""kernel f(input a: float32[{length}, 3], output c: float32[{length}, 3]):
  parallel for i in 0..{length}:
    parallel for j in 0..3: c[i, j] = a[i, j] + 1"""
    kernel = parse_kernel(text)
    inputs = inputs_for(kernel.role("input"))
    np.testing.assert_array_equal(run_kernel(kernel, *inputs, threads=threads)[0], inputs[0] + 1)


def test_one_function_for_equal_kernels():
    kernel, other = parse_kernel(KERNEL), parse_kernel(KERNEL.replace("* b[j]", "+ b[j]"))
    again = Kernel(kernel.name, kernel.buffers, tuple(replace(one) for one in kernel.body))
    assert signature(kernel) == signature(again)
    assert signature(kernel) != signature(Kernel(kernel.name, kernel.buffers, kernel.body[1:]))
    assert signature(kernel) != signature(other)
    emitter = Emitter(ir.Module(name="kernels"), 32)
    function = emitter.function(kernel, (0, 1, 2, 3))
    assert emitter.function(again, (0, 1, 2, 3)) is function
    assert emitter.function(kernel, (0, 1, 0, 2)) is not function
    assert emitter.function(kernel, (0, 1, 2, 3), True) is not function
    assert emitter.function(other, (0, 1, 2, 3)) is not function


def test_buffers_that_are_one_have_one_pointer():
    """A result in the memory of an operand that another store still reads."""
    text = """kernel f(input a: float32[40], input b: float32[40], output c: float32[40], output d: float32[40]):
  parallel for i in 0..40:
    c[i] = a[i] + b[i]
    d[i] = a[i] * 2"""
    emitter = Emitter(ir.Module(name="kernels"), 32)
    function = emitter.function(parse_kernel(text), (0, 1, 0, 2))
    assert len(function.args) == 4  # three pointers, and memory to work in
    assert all("noalias" in argument.attributes for argument in function.args)


def test_a_statement_that_is_none_of_the_known_is_refused():
    class Wait(Statement):
        """Nothing that there is."""

        def __str__(self) -> str:
            return "wait"

    out = buffer("out", (2,), "int64", "output")
    i = Index("i")
    kernel = Kernel("f", (out,), (loop(i, 2, store(out, i, i)), Wait()))
    with pytest.raises(GraphError, match="a statement of a loop nest; got 'Wait'"):
        Emitter(ir.Module(name="kernels"), 32).function(kernel, (0,))
