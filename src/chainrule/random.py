"""Random numbers as values: every draw names its key, and the same key gives the same numbers.

A key is an array of two words of uint64. There is no hidden state, so a function of a key is a function: it can be
traced, differentiated, repeated under `scan` and run for many keys under `vmap`. Use a key for one draw only, and get
fresh ones with `split` or `fold_in`: two draws from one key are not independent.

>>> import chainrule.random as random
>>> first, second = random.split(random.key(0))
>>> random.integers(first, 0, 10, shape=(5,)), random.uniform(second)
(array([6, 9, 3, 2, 1]), np.float64(0.920914245731034))

The numbers are those of Philox4x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC '11), the generator of `numpy.random.Philox(key=key)`: `bits(key, n)` is its raw stream. Bits, integers and `uniform`
are the same in machine code and out of it. Draws that go through a logarithm or an exponential (`normal`...) may differ
by some units in the last place: NumPy's functions and those of machine code are not the same.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.graph import Node, as_node
from chainrule.ops.cast import cast
from chainrule.ops.random import philox
from chainrule.trace.call import traceable
from chainrule.types import broadcast_shapes, check_dtype, is_floating, normalize_axis, size_of

__all__ = [
    "bernoulli",
    "bits",
    "categorical",
    "fold_in",
    "integers",
    "key",
    "normal",
    "permutation",
    "split",
    "uniform",
]

# The highest word of the counter says what a block is for, so no draw ever meets a block that keys are made of.
_DRAW, _SPLIT, _FOLD = range(3)


# -------------------------------------------------------------------------------------------------------------- keys


@traceable
def key(seed: Any) -> Any:
    """The key of a seed, uint64[2]: its low 64 bits and its high ones, as `numpy.random.Philox(key=seed)` has it.

    Args:
        seed: an integer from 0 to 2**128 - 1. An array of integers, or a traced value, gives a key for each of shape
            (..., 2), made of its 64 bits.

    >>> key(7)
    array([7, 0], dtype=uint64)
    """
    if isinstance(seed, (int, np.integer)):
        if not 0 <= seed < 2**128:
            raise ArgumentError(
                "key", expected="a seed from 0 to 2**128 - 1", got=f"{seed}", remedy="Give another seed."
            )
        return np.array([int(seed) % 2**64, int(seed) >> 64], np.uint64)
    words = cast(_integer("key", "seed", as_node(seed)), np.uint64)
    return np.stack([words, np.zeros(words.shape, np.uint64)], axis=-1)


@traceable
def split(key: Any, n: int = 2) -> Any:
    """`n` keys from one, of shape (n, 2): independent of one another, and of what is drawn from `key`.

    >>> split(key(7), 3).shape
    (3, 2)
    """
    return np.reshape(_stream(key, _SPLIT, 2 * size_of(_shape("split", n))), (n, 2))


@traceable
def fold_in(key: Any, data: Any) -> Any:
    """The key numbered `data`, an integer that may be traced, of those that `key` leads to: one for each step, say.

    >>> fold_in(key(7), 3)
    array([ 1058044310805629234, 17545228259685513747], dtype=uint64)
    """
    number = cast(_integer("fold_in", "data", as_node(data)), np.uint64)
    counter = np.concatenate([np.reshape(number, (1,)), _counter(_FOLD)[1:]])
    return philox(_checked(key), counter, length=2)


# ------------------------------------------------------------------------------------------------------------- draws


@traceable
def bits(key: Any, shape: Any = ()) -> Any:
    """Random words of uint64, each of its 2**64 values as likely as any.

    >>> bits(key(7), 4).tolist() == np.random.Philox(key=7).random_raw(4).tolist()
    True
    """
    return _bits(key, _shape("bits", shape))


@traceable
def uniform(key: Any, shape: Any = None, dtype: Any = np.float64, low: Any = 0.0, high: Any = 1.0) -> Any:
    """Numbers from `low` up to `high`, uniformly: multiples of 2**-53 (float32: 2**-24) of the way.

    Args:
        key: uint64[2].
        shape: of the result; that of `low` and `high` together where None.
        dtype: float64 or float32.
        low, high: numbers or arrays that broadcast to `shape`. The result is differentiable in them. As in NumPy,
            rounding may give `high` itself where it is not 1.

    >>> uniform(key(7), 3, np.float32)
    array([0.8720734 , 0.29536533, 0.42009765], dtype=float32)
    """
    low, high = map(_parameter, (low, high))
    shape, dtype = _shape("uniform", shape, low, high), _floating("uniform", dtype)
    return cast(low + (high - low) * _unit(_bits(key, shape), dtype), dtype)


@traceable
def normal(key: Any, shape: Any = None, dtype: Any = np.float64, mean: Any = 0.0, scale: Any = 1.0) -> Any:
    """Numbers of the normal distribution with this mean and this standard deviation.

    By Box and Muller, "A note on the generation of random normal deviates", Annals of Mathematical Statistics 29
    (1958): a radius from 53 random bits, so that the tails reach 8.5 standard deviations, and an angle.

    Args:
        key: uint64[2].
        shape: of the result; that of `mean` and `scale` together where None.
        dtype: float64 or float32.
        mean, scale: numbers or arrays that broadcast to `shape`. The result is differentiable in them.

    >>> normal(key(7), 3).round(3)
    array([-0.459, -1.294,  0.252])
    """
    mean, scale = map(_parameter, (mean, scale))
    shape, dtype = _shape("normal", shape, mean, scale), _floating("normal", dtype)
    count = size_of(shape)
    pairs = (count + 1) // 2
    words = _bits(key, (2, pairs))
    above_zero = cast((words[0] >> 11) + 1, dtype) * 2.0**-53
    radius = np.sqrt(-2 * np.log(above_zero))
    angle = 2 * math.pi * _unit(words[1], dtype)
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return cast(mean + scale * np.reshape(both[:count], shape), dtype)


@traceable
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """True with probability `p`, which broadcasts to `shape` and gives it where that is None.

    >>> bernoulli(key(7), 0.5, 4)
    array([False,  True,  True,  True])
    """
    p = _parameter(p)
    return _unit(_bits(key, _shape("bernoulli", shape, p)), np.dtype(np.float64)) < p


@traceable
def integers(key: Any, low: Any, high: Any, shape: Any = None, dtype: Any = np.int64) -> Any:
    """Integers from `low` up to but without `high`.

    The high half of the product of 64 random bits and the number of choices (Lemire, "Fast random integer generation in
    an interval", 2019, without its rejection): the probability of each is within 2**-64 of equal.

    Args:
        key: uint64[2].
        low, high: integers or arrays of them that broadcast to `shape`, with `low < high`; their difference is below
            2**64. Where they are traced this is not checked.
        shape: of the result; that of `low` and `high` together where None.
        dtype: an integer dtype.

    >>> integers(key(7), 0, 100, 5)
    array([87, 29, 42, 40,  8])
    """
    target = check_dtype("integers", dtype)
    if target.kind not in "iu":
        raise DtypeError("integers", expected="an integer dtype", got=target.name, remedy="Use uniform for floats.")
    shape = _shape("integers", shape, low, high)
    wide = np.dtype(np.uint64 if target == np.uint64 else np.int64)
    least, choices = _choices(low, high, target, wide)
    return cast(least + cast(_multiply_high(_bits(key, shape), choices), wide), target)


@traceable
def permutation(key: Any, x: Any, axis: int = 0) -> Any:
    """An array in random order along an axis; for an integer n the numbers from 0 to n - 1.

    Each place gets 64 random bits, and the places are sorted by them. Of equal bits, met with a probability below
    n**2 / 2**65, the first stays first.

    >>> permutation(key(7), 5)
    array([4, 1, 3, 2, 0])
    """
    if isinstance(x, (int, np.integer)):
        return _order(key, size_of(_shape("permutation", int(x))))
    x = as_node(x)
    axis = normalize_axis("permutation", axis, x.ndim)
    return np.take(x, _order(key, x.shape[axis]), axis=axis)


@traceable
def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    """Numbers of categories, drawn with probabilities softmax(logits) along `axis`.

    The largest of the logits with noise of the Gumbel distribution added (Maddison, Tarlow and Minka, "A* sampling",
    2014, section 2).

    Args:
        key: uint64[2].
        logits: logarithms of probabilities, up to a constant; minus infinity for what never comes.
        axis: that of the categories.
        shape: of the result, to which the shape of `logits` without `axis` broadcasts; that shape where None.

    >>> categorical(key(7), np.log([0.1, 0.2, 0.7]), shape=5)
    array([2, 2, 1, 2, 2])
    """
    logits = as_node(logits)
    logits = np.moveaxis(logits, normalize_axis("categorical", axis, logits.ndim), -1)
    if not logits.shape[-1]:
        raise ShapeError(
            "categorical", expected="a category", got=f"logits {logits.shape}", remedy="Give logits for at least one."
        )
    words = _bits(key, (*_broadcast("categorical", shape, logits.shape[:-1]), logits.shape[-1]))
    inside = (cast(words >> 12, np.float64) + 0.5) * 2.0**-52  # neither 0 nor 1, where the logarithms would be infinite
    return np.argmax(logits - np.log(-np.log(inside)), axis=-1)


# ------------------------------------------------------------------------------------------------------------- parts


def _counter(purpose: int) -> np.ndarray:
    return np.array([0, 0, 0, purpose], np.uint64)


def _checked(key: Any) -> Any:
    key = as_node(key)
    if key.dtype != np.uint64 or key.shape != (2,):
        got, remedy = f"{key.type}", "Make one with chainrule.random.key(seed); for many keys at once use vmap."
        raise ArgumentError("chainrule.random", expected="a key, uint64[2]", got=got, remedy=remedy)
    return key


def _stream(key: Any, purpose: int, length: int) -> Any:
    return philox(_checked(key), _counter(purpose), length=length)


def _bits(key: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(_stream(key, _DRAW, size_of(shape)), shape)


def _unit(words: Node, dtype: np.dtype) -> Any:
    """From 0 up to but without 1: as many of the high bits as the significand holds."""
    return cast(words >> 11, dtype) * 2.0**-53 if dtype == np.float64 else cast(words >> 40, dtype) * 2.0**-24


def _order(key: Any, n: int) -> Any:
    return np.argsort(_bits(key, (n,)), kind="stable")


def _multiply_high(x: Node, y: Any) -> Any:
    """The upper 64 bits of the product of two words, from products of their halves (Knuth, TAOCP 2, 4.3.1)."""
    low = 2**32 - 1
    x1, x0, y1, y0 = x >> 32, x & low, y >> 32, y & low
    middle = x1 * y0 + (x0 * y0 >> 32)
    return x1 * y1 + (middle >> 32) + (x0 * y1 + (middle & low) >> 32)


def _choices(low: Any, high: Any, dtype: np.dtype, wide: np.dtype) -> tuple[Any, Any]:
    """The least integer, and how many there are to choose from."""
    if isinstance(low, Node) or isinstance(high, Node):
        least, beyond = (cast(_integer("integers", "bounds", as_node(bound)), wide) for bound in (low, high))
        return least, cast(beyond - least, np.uint64)
    least, beyond = map(_python_integers, (low, high))
    count, limits = beyond - least, np.iinfo(dtype)
    if np.any(count < 1) or np.any(count >= 2**64) or np.any(least < limits.min) or np.any(beyond > limits.max + 1):
        raise ArgumentError(
            "integers",
            expected=f"low < high within {dtype.name}, less than 2**64 apart",
            got=f"low={low!r} and high={high!r}",
            remedy="Give other bounds or another dtype; all 64 bits are what chainrule.random.bits draws.",
        )
    return np.array(least, wide), np.array(count, np.uint64)


def _python_integers(bound: Any) -> Any:
    """Integers of any size, so that their difference does not wrap."""
    return bound if isinstance(bound, int) else _integer("integers", "bounds", np.asarray(bound)).astype(object)


def _integer(name: str, what: str, value: Any) -> Any:
    if value.dtype.kind not in "iu":
        raise DtypeError(
            name, expected=f"integers as {what}", got=f"{value.dtype}", remedy="Convert with int(...) or astype(int)."
        )
    return value


def _parameter(value: Any) -> Any:
    """A parameter of a distribution: Python's numbers stay weak, arrays become nodes."""
    return value if isinstance(value, (int, float)) else as_node(value)


def _floating(name: str, dtype: Any) -> np.dtype:
    given = check_dtype(name, dtype)
    if not is_floating(given):
        raise DtypeError(
            name, expected="float64 or float32", got=given.name, remedy="Use integers or bernoulli for others."
        )
    return given


def _shape(name: str, shape: Any, *parameters: Any) -> tuple[int, ...]:
    """The shape of a draw: as given, or what its parameters broadcast to."""
    return _broadcast(name, shape, *(x.shape if isinstance(x, Node) else np.shape(x) for x in parameters))


def _broadcast(name: str, shape: Any, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    together = broadcast_shapes(name, (), *shapes)
    if shape is None:
        return together
    try:
        given = tuple(map(operator.index, shape if isinstance(shape, (tuple, list)) else (shape,)))
    except TypeError:
        given = (-1,)
    if min(given, default=0) < 0:
        raise ArgumentError(
            name, expected="a shape", got=f"{shape!r}", remedy="Give a tuple of lengths, or one length."
        )
    if broadcast_shapes(name, given, together) != given:
        got = f"shape {given} for parameters of shape {together}"
        raise ShapeError(
            name,
            expected="parameters that broadcast to the shape",
            got=got,
            remedy="Leave the shape out, or enlarge it.",
        )
    return given
