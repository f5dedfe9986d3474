"""Kernels as text, as they run, and as they are refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, ChainruleError, DtypeError, GraphError
from chainrule.loops import (
    Accumulate,
    Fill,
    For,
    If,
    Index,
    Kernel,
    Statement,
    Store,
    accumulate,
    aligned,
    apply,
    buffer,
    cast,
    constant,
    extent_of,
    interpret,
    loads_of,
    loop,
    parse_kernel,
    print_scalar,
    scalars_of,
    statements,
    store,
    verify,
)  # fmt: skip
from tests.loops.fuzz import Maker, Watch
from tests.loops.kernels import KERNELS, inputs_for

TEXTS = pytest.mark.parametrize("name", KERNELS)


@TEXTS
def test_text_goes_round(name):
    text = KERNELS[name][0]
    assert str(parse_kernel(text)) == text


@TEXTS
def test_it_is_well_formed(name):
    kernel = parse_kernel(KERNELS[name][0])
    assert verify(kernel) is kernel


@TEXTS
def test_it_runs_as_numpy_does(name):
    text, meaning = KERNELS[name]
    kernel = parse_kernel(text)
    inputs = inputs_for(kernel.role("input"))
    expected = meaning(*inputs)
    results = interpret(kernel, *inputs)
    for result, one in zip(results, expected if isinstance(expected, tuple) else (expected,), strict=True):
        assert result.dtype == one.dtype
        np.testing.assert_allclose(result, one, rtol=1e-14, atol=1e-14)


# ------------------------------------------------------------------------------------------------------------ refusals

FAULTS = [
    # (kernel of KERNELS, what to replace, by what, words of the error)
    ("product", "a[i, k]", "a[i, j]", "from 0 to 4"),
    ("product", "a[i, k]", "a[k, i]", "from 0 to 3"),
    ("product", "b[k, j]", "b[k - 1, j]", "from -1 to 2"),
    ("product", "b[k, j]", "b[k]", "an index for each axis"),
    ("product", "b[k, j]", "b[k, m]", "indices that a loop around them binds; got 'm'"),
    ("product", "b[k, j]", "b[k, float64(j)]", "expected an expression of int64"),
    ("product", "for k", "for i", "an index that no loop around binds"),
    ("product", "    for j in 0..5:", "    for j in 0..4:", "every element of an output"),
    ("product", "    for j in 0..5:", "    for j in 1..5:", "every element of an output"),
    ("product", "    for j in 0..5:", "    for j in 0..6:", "expected indices from 0 to 4; got j (from 0 to 5)"),
    ("product", "      c[i, j] = 0\n", "", "written before"),
    ("product", "c[i, j] = 0", "c[i, 0] = 0", "written before"),
    ("product", "c[i, j] +=", "c[i, j] =", "to be stored to once"),
    ("product", "c[i, j] +=", "a[i, j] +=", "inputs that are only read"),
    ("product", "c[i, j] +=", "c[0, j] +=", "written before"),
    ("product", "c[i, j] = 0", "fill c = 0", "to be stored to once"),
    ("product", "float64[4, 5]", "float32[4, 5]", "multiply: expected"),
    ("product", "output c: float64", "output c: float32", "expected an expression of float32"),
    ("product", "input b", "input a: float64[], input b", "'a' twice"),
    ("columns", "  fill m = -inf\n", "", "written before"),
    ("columns", "  for i in 0..3:", "  parallel for i in 0..3:", "iterations that do not meet"),
    ("columns", "fill s = 0", "fill s = a[0, 0]\n  fill s = 1", "stored to once"),
    ("truth", "c[i] |=", "c[i] +=", "whose dtype has a sum"),
    ("masked tail", "< 10:", "<= 10:", "from 0 to 9"),
    ("masked tail", "< 10:", "< 9:", "every element"),
    ("masked tail", "< 10:", "!= 10:", "from 0 to 11"),
    ("masked tail", "if ((i * 4) + j) < 10: c", "if i < 3: c", "from 0 to 11"),
    ("masked tail", "((i * 4) + j) < 10: c[(i * 4) + j]", "((i * 4) + j) < 10: c[(i * 3) + j]", "stored to once"),
    ("masked tail", "if ((i * 4) + j) < 10", "if j", "expected an expression of bool"),
    ("shorter tail", "(i * 4) + 4, 10", "(i * 4) + 4, 11", "from 0 to 10"),
    ("shorter tail", "(i * 4) + 4, 10", "(i * 4) + 5, 10", "stored to once"),
    ("shorter tail", "(i * 4) + 4, 10", "(i * 4) + 3, 10", "every element"),
    ("shorter tail", "0..3:", "0..2:", "every element"),
    ("shorter tail", "i * 4..", "float64(i)..", "expected an expression of int64"),
    ("head", "maximum(0, 2 - (i * 4))", "maximum(0, 1 - (i * 4))", "from -2 to 9"),
    ("head", "maximum(0, 2 - (i * 4))", "maximum(0, 3 - (i * 4))", "every element"),
    ("masked head", "(i <= 10)", "(a[0] < 0)", "from -1 to 10"),
    ("masked head", "i >= 1", "i == 1", "every element"),
    ("running sum", "c[i - 1]", "c[i + 1 - 1]", "expected ,"),
    ("running sum", "c[i - 1]", "c[i]", "written before"),
    ("running sum", "for i in 1..9", "parallel for i in 1..9", "written before"),
    ("running sum", "  c[0] = a[0]\n", "", "written before"),
    ("recurrence", "h[0, j] = 1", "h[1, j] = 1", "written before"),
    ("recurrence", "c[j] = h[4, j]", "c[j] = h[4, 0]\n  c[0] = 1", "stored to once"),
    ("gather", "minimum(n[i], 5)", "n[i]", "from 0 to 9223372036854775807"),
    ("gather", "maximum(minimum(n[i], 5), 0)", "minimum(n[i], 5)", "indices from 0 to 5"),
    ("scatter", "] += a[i]", "] = a[i]", "stored to once"),
    ("scatter", "  fill c = 0\n", "", "written before"),
    ("scatter last", "  fill t = 0\n", "", "written before"),
    ("scatter last", "for i in 0..4: t", "parallel for i in 0..4: t", "do not meet"),
    ("reshape", "$0 % 4", "$0 % 5", "from 0 to 4"),
    ("reshape", "$0 / 4", "$0 / 3", "from 0 to 3"),
    ("interleave", "(i * 2) + 1", "(i * 2) + 0", "stored to once"),
    ("interleave", "    c[(i * 2) + 1] = -a[i]", "    c[i + 5] = -a[i]", "stored to once"),
    ("join", "c[i + 5]", "c[i + 4]", "stored to once"),
    ("reversal", "4 - i", "5 - i", "from 1 to 5"),
    ("softmax", "m[i] = a[i, 0]", "m[0] = a[i, 0]", "written before"),
    ("softmax", "for j in 1..6: m[i] max=", "for j in 1..6: s[i] max=", "written before"),
    ("scratch", "  for i in 0..5:", "  parallel for i in 0..5:", "iterations that do not meet"),
    ("scratch", "t[5 - j] *", "t[6 - j] *", "from 1 to 6"),
    ("triangle", "i + 1..4", "i + 2..4", "every element"),
    ("triangle", "i + 1..4", "i..4", "stored to once"),
    ("nothing", "output c: float64[0]", "output c: float64[1]", "every element"),
]


@pytest.mark.parametrize(("name", "old", "new", "words"), FAULTS)
def test_a_planted_fault_is_refused(name, old, new, words):
    text = KERNELS[name][0]
    assert old in text
    with pytest.raises(ChainruleError) as caught:
        verify(parse_kernel(text.replace(old, new, 1)))
    assert words in str(caught.value)


UNWRITTEN = {
    "laps over in a loop that may not run": """
  for i in 0..3:
    for j in 0..i:
      t[0, j] = 1
      t[0, j + 1] = 1
    c[i] = t[0, i]""",
    "a diagonal, and a row under the same index": """
  for i in 0..3: t[i, i] = 1
  for i in 0..3: c[i] = t[0, i]""",
    "on a condition that says nothing about the place": """
  for i in 0..3:
    if i >= 1: t[0, 0] = 1
    c[i] = t[0, 0]""",
    "on a condition that says more than forms can": """
  for i in 0..3:
    if (i < 3) & (float64(x[i]) > 0): t[0, i] = 1
  for i in 0..3: c[i] = t[0, i]""",
    "at a place in memory that has changed": """
  n[0] = 0
  t[0, maximum(minimum(n[0], 2), 0)] = 1
  n[0] = 1
  for i in 0..3: c[i] = t[0, maximum(minimum(n[0], 2), 0)]""",
    "up to a number in memory that has changed": """
  n[0] = 0
  for i in 0..minimum(n[0], 3): t[0, i] = 1
  n[0] = 3
  for i in 0..minimum(n[0], 3): c[i] = t[0, i]""",
    "below a number in memory that has changed": """
  n[0] = 0
  for i in 0..3:
    if i < n[0]: t[0, i] = 1
  n[0] = 3
  for i in 0..3:
    if i < n[0]: c[i] = t[0, i]""",
    "with gaps": """
  for i in 0..2: t[0, i * 2] = 1
  for i in 0..3: c[i] = t[0, i]""",
    "by a later iteration": """
  for i in 0..2: t[0, i] = t[0, i + 1]
  for i in 0..3: c[i] = 1""",
}


@pytest.mark.parametrize("body", UNWRITTEN.values(), ids=UNWRITTEN)
def test_what_may_not_have_been_written_is_not_read(body):
    head = "kernel f(input x: int64[3], output c: int64[3], temporary t: int64[3, 3], temporary n: int64[1]):"
    with pytest.raises(GraphError, match="elements that were written before"):
        verify(parse_kernel(head + body))


def test_ends_that_change_bound_nothing():
    """What a loop may touch is bounded by an end that is read from memory only if it stays the same."""
    text = """kernel f(output c: int64[4], temporary n: int64[1]):
  n[0] = 4
  for i in 0..2:
    for j in (i * 2) + 0..minimum(maximum(n[0], 0), 4): c[j] = 1"""
    with pytest.raises(GraphError, match="stored to once"):
        verify(parse_kernel(text))
    with pytest.raises(GraphError, match="every element"):  # a promise that is not kept without a proof
        verify(parse_kernel(text.replace("for i in 0..2", "for i in 0..1")))


def test_an_end_among_the_inputs_stays_the_same():
    text = """kernel f(input n: int64[], output c: int64[3], temporary t: int64[3]):
  for i in 0..minimum(n[], 3): t[i] = i
  fill c = 0
  for i in 0..minimum(n[], 3): c[i] += t[i]"""
    assert interpret(verify(parse_kernel(text)), np.int64(2))[0].tolist() == [0, 1, 0]


def test_a_buffer_of_another_kernel_is_refused():
    x, y, out = buffer("x", (3,), "float64"), buffer("y", (3,), "float64"), buffer("out", (3,), "float64", "output")
    i = Index("i")
    with pytest.raises(GraphError, match="buffers of the kernel; got input y"):
        verify(Kernel("f", (x, out), (loop(i, 3, store(out, i, y[i])),)))


def test_what_is_accepted_runs_well():
    """Whatever kernel the verifier accepts, no trial finds a fault with it; nearly all that it refuses have one."""
    accepted = needless = 0
    for seed in range(1500):
        maker = Maker(seed)
        kernel = maker.kernel()
        numbers = np.arange(maker.input.shape[0]) * 2 - 1
        watch = Watch(kernel, {maker.input: numbers})
        is_well = watch.is_well(kernel)
        try:
            verify(kernel)
        except GraphError:
            needless += is_well
            continue
        accepted += 1
        assert is_well, f"seed {seed}:\n{kernel}"
        again = parse_kernel(str(kernel))
        assert str(again) == str(kernel)
        np.testing.assert_array_equal(interpret(again, numbers)[0], watch.arrays[maker.output])
    assert accepted > 40
    assert needless < accepted / 5


# --------------------------------------------------------------------------------------------------- parts of the whole


def test_statements_are_printed_alone():
    kernel = parse_kernel(KERNELS["product"][0])
    (outer,) = kernel.body
    assert str(outer).startswith("parallel for i in 0..3:\n  for j in 0..5:\n    c[i, j] = 0\n")
    kinds = [type(one) for one in statements(kernel.body)]
    assert kinds == [For, For, Store, For, Accumulate]
    assert [str(one) for one in loads_of(list(statements(kernel.body))[-1])] == ["a[i, k]", "b[k, j]"]


def test_long_terms_are_named():
    x = buffer("a_buffer_with_a_long_name", (1,), "float64")[0]
    total = x
    for number in range(40):
        total = total * 2 + number
    text = print_scalar(total)
    assert text.startswith("let $0 = ")
    assert max(map(len, text.split("; "))) < 400


def test_constants_show_their_dtype_where_nothing_else_does():
    x = buffer("x", (), "bool")[()]
    chosen = apply("select", x, constant(1, "float32"), constant(0, "float32"))
    assert str(chosen) == "select(x[], float32(1), float32(0))"
    assert str(cast(chosen, "int8")) == "int8(select(x[], float32(1), float32(0)))"
    assert repr(cast(chosen, "int8")) == "<int8: int8(select(x[], float32(1), float32(0)))>"
    assert str(apply("ldexp", cast(chosen, "float64"), constant(3, "int32"))).endswith(", int32(3))")
    assert str(apply("polygamma", 1, constant(2.0, "float64"))) == "polygamma(1, float64(2))"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kernel f:", "kernel NAME(BUFFERS)"),
        ("kernel f(x: float64[3]):", "a buffer such as"),
        ("kernel f(given x: float64[3]):", "role to be input, output, temporary"),
        ("kernel f(input x: float16[3]):", "a type such as"),
        ("kernel f(output x: float64[3]):\n    fill x = 0", "a statement indented by 2"),
        ("kernel f(output x: float64[3]):\n  clear x", "expected a statement"),
        ("kernel f(output x: float64[3]):\n  fill y = 0", "a buffer of the kernel (x)"),
        ("kernel f(output x: float64[3]):\n  fill x = sine(x[0])", "a function of loop scalars; got 'sine'"),
        ("kernel f(output x: float64[3]):\n  fill x = ?", "an expression; got '?'"),
        ("kernel f(output x: float64[3]):\n  fill x = (1", "expected )"),
        ("kernel f(output x: float64[3]):\n  fill x = 1 2", "the end of the expression"),
        ("kernel f(output x: float64[3]):\n  fill x = x[0] +", "the end of x[0] +"),
        ("kernel f(output x: float64[3]):\n  fill x = 1 + 2", "Give one operand a dtype"),
        ("kernel f(output x: float64[3]):\n  fill x = float64(1, 2)", "one operand for float64"),
        ("kernel f(output x: float64[3]):\n  if True: fill x = 1", "an expression with a dtype; got 'True'"),
        ("kernel f(output x: float64[3]):\n  fill x = sqrt(x[0] x[1])", "expected ,"),
    ],
)
def test_text_that_cannot_be_read(text, words):
    with pytest.raises(ChainruleError) as caught:
        parse_kernel(text)
    assert words in str(caught.value)


def test_words_are_checked():
    x = buffer("x", (), "float64", "output")
    with pytest.raises(GraphError, match="combine to be sum, product"):
        accumulate(x, (), "average", 1)
    with pytest.raises(GraphError, match="kind to be serial, parallel; got 'vector'"):
        loop(Index("i"), 3, kind="vector")


def test_what_is_no_statement_is_refused():
    with pytest.raises(GraphError, match="expected a statement"):
        scalars_of(Statement())


def test_an_if_is_a_statement():
    condition = Index("i") < 3
    (own,) = scalars_of(If(condition, ()))
    assert own is condition


# --------------------------------------------------------------------------------------------------------- interpreter


def test_inputs_must_be_those_of_the_kernel():
    kernel = parse_kernel(KERNELS["running sum"][0])
    with pytest.raises(ArgumentError, match=r"arrays for input a: float64\[9\]; got float32\[9\]"):
        interpret(kernel, np.zeros(9, np.float32))
    with pytest.raises(ArgumentError, match="got none"):
        interpret(kernel)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("y[0] = t[0]", r"an element that was written; got t\[0\]"),
        ("y[3] = 1", r"an element of output y: float64\[3\]; got y\[3\]"),
        ("y[-1] = 1", r"an element of output y: float64\[3\]; got y\[-1\]"),
        ("y[0] += 1", r"an element that was written; got y\[0\]"),
    ],
)
def test_the_interpreter_trusts_nobody(body, words):
    with pytest.raises(GraphError, match=words):
        interpret(parse_kernel(f"kernel f(output y: float64[3], temporary t: float64[3]):\n  {body}"))


def test_a_fill_takes_an_expression():
    kernel = parse_kernel("kernel f(input x: float32[2], output y: float32[2]):\n  fill y = sqrt(x[1])")
    assert isinstance(kernel.body[0], Fill)
    np.testing.assert_array_equal(interpret(kernel, np.array([1, 4], np.float32))[0], [2, 2])


def test_dtypes_of_a_body_are_checked():
    x, y = buffer("x", (), "float64"), buffer("y", (), "bool", "output")
    kernel = Kernel("f", (x, y), (Store(y, (), x[()]),))
    with pytest.raises(DtypeError, match="expected an expression of bool"):
        verify(kernel)


def test_the_length_of_a_loop():
    i, n = Index("i"), Index("n")
    assert extent_of(loop(i, 7)) == 7
    assert extent_of(loop(i, 7, start=2)) is None
    assert extent_of(loop(i, n)) is None


def test_places_that_are_broadcast():
    i, j, k = Index("i"), Index("j"), Index("k")
    assert [str(one) for one in aligned((i, j, k), (1, 4))] == ["int64(0)", "k"]
    assert aligned((i, j, k), (3, 4)) == (j, k)
    assert aligned((i,), ()) == ()
