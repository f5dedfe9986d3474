"""NumPy, and what its protocols cannot reach: arrays made of traced values.

Every name of NumPy is here. `array`, `asarray` and the like also take traced values, alone or in nested lists. Inside a
traced function they and `zeros`, `ones`, `full`, `empty`, `eye`, `arange` and `linspace` make traced arrays, so that
traced values can be assigned into them. All other functions are NumPy's own, which reach traced values by themselves.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy

from chainrule.graph import FUNCTIONS, constant
from chainrule.trace import Traced, apply_function, running


def array(object: Any, dtype: Any = None) -> Any:
    """An array of nested lists or tuples of numbers, arrays and traced values.

    Raises:
        ShapeError: the parts differ in shape.

    >>> import chainrule as cr
    >>> float(cr.grad(lambda x: cr.numpy.sum(cr.numpy.array([x, x**2, 1.0])))(3.0))
    7.0
    """
    if not _holds_traced(object):
        return _made(numpy.array(object, dtype))
    result = object.copy() if isinstance(object, Traced) else numpy.stack([array(part) for part in object])
    return result if dtype is None else result.astype(dtype)


def asarray(object: Any, dtype: Any = None) -> Any:
    """A traced value as it is, in this dtype; anything else as `array` makes it.

    >>> asarray([1, 2], float)
    array([1., 2.])
    """
    if isinstance(object, Traced):
        return object if dtype is None else object.astype(dtype)
    return array(object, dtype) if _holds_traced(object) else _made(numpy.asarray(object, dtype))


def ascontiguousarray(object: Any, dtype: Any = None) -> Any:
    """As `asarray`: a traced value has no memory layout.

    >>> ascontiguousarray([1, 2])
    array([1, 2])
    """
    return asarray(object, dtype) if _holds_traced(object) else numpy.ascontiguousarray(object, dtype)


def take(a: Any, indices: Any, axis: int | None = None, mode: Any = "raise") -> Any:
    """As `numpy.take`, also of a plain array by a traced index, which NumPy's own function cannot see.

    >>> import chainrule as cr
    >>> cr.jit(lambda k: cr.numpy.take(numpy.array([10.0, 20.0, 30.0]), k))(numpy.array([2, 0]))
    array([30., 10.])
    """
    if isinstance(a, numpy.ndarray) and isinstance(indices, Traced):
        return apply_function(FUNCTIONS[numpy.take], a, indices, axis=axis, mode=mode)
    return numpy.take(a, indices, axis=axis, mode=mode)


def _made(value: Any) -> Any:
    """An array made inside a traced function, as a traced value that can be written to; elsewhere as it is."""
    trace = running.get()
    return value if trace is None else Traced(constant(value), trace)


def _creation(name: str) -> Any:
    function = getattr(numpy, name)

    @functools.wraps(function)
    def create(*arguments: Any, **options: Any) -> Any:
        return _made(function(*arguments, **options))

    return create


zeros, ones, full, empty = map(_creation, ("zeros", "ones", "full", "empty"))
eye, identity, arange, linspace = map(_creation, ("eye", "identity", "arange", "linspace"))


def _holds_traced(value: Any) -> bool:
    return isinstance(value, Traced) or (isinstance(value, (list, tuple)) and any(map(_holds_traced, value)))


def __getattr__(name: str) -> Any:
    return getattr(numpy, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(numpy)})


Traced.namespace = sys.modules[__name__]
