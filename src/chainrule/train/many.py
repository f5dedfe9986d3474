"""`fit_many`: models of one architecture, trained as one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import random
from chainrule.errors import ArgumentError, StructureError
from chainrule.optim import Optimizer
from chainrule.pytree import flatten, tree_map
from chainrule.trace import Traced
from chainrule.train.data import Arrays, as_arrays, is_fraction, rows_held_back, schedule, validation_arrays
from chainrule.train.diverged import divergence
from chainrule.train.driver import Driver, one_of
from chainrule.train.fit import check_optimizer, check_params, check_patience, gradients_of
from chainrule.train.folds import Rows, rows_of_folds
from chainrule.train.gradient import value
from chainrule.train.progress import Report
from chainrule.train.run import DIVERGED
from chainrule.train.runs import Runs
from chainrule.train.slices import Slices
from chainrule.train.step import Own, Stepper


def fit_many(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    *,
    optimizer: Optimizer | Callable[..., Optimizer],
    hyperparameters: Iterable[Mapping[str, Any]] | None = None,
    seeds: int | Iterable[int] = 0,
    folds: Iterable[Any] | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    validation: Any = None,
    patience: int | None = None,
    shuffle: bool = True,
    progress: bool | Report | None = None,
) -> Runs:
    """Train many models of one architecture as one run: other starts, seeds, hyperparameters or folds of the data.

    Each model gets the bits that `fit` gives it alone. What is listed, one entry a model, is listed equally long.

    Args:
        loss, data, batch_size, epochs, steps, patience, shuffle: as for `fit`, and the same for all models.
        params: a list of starts, one a model; anything but a list is the start of all (one that is a list itself goes
            in as a tuple, or in a list).
        optimizer: a descent rule such as `chainrule.optim.adam(1e-3)`; with `hyperparameters` what makes it, such as
            `chainrule.optim.adam`.
        hyperparameters: the keyword arguments of the rule for each model. Numbers may differ from model to model.
        seeds: the seed of each model, or of all: it decides the order of the examples and the rows of `validation`.
        folds: for each model the numbers of the rows that it trains on, or a pair of these and of the rows that it is
            validated on, as the splitters of scikit-learn give them. All models have equally many rows.
        validation: a fraction of the rows (of the fold), held back by the seed of each model; or arrays for all.
        progress: as for `fit`. `Progress` counts the steps of all models, and has the losses of the best one.

    Returns:
        `Runs`. Ctrl-C ends them with the state after a whole step of each. A model whose loss or parameters become
        infinite or NaN stops with the status "diverged" and its last finite state, and the others go on.

    Raises:
        ArgumentError, StructureError, ShapeError, DtypeError, DerivativeError, AllocationError: as `fit` does, and
            where lists differ in length, or models in what must be the same for all.

    >>> import numpy as np, chainrule as cr
    >>> x = np.linspace(-1, 1, 20)
    >>> line = lambda theta, x, y: np.mean((theta[0] * x + theta[1] - y) ** 2)
    >>> runs = cr.fit_many(line, np.zeros(2), (x, 3 * x + 1), optimizer=cr.optim.gradient_descent,
    ...     hyperparameters=[{"step": step} for step in (0.001, 0.5)], steps=60)
    >>> np.round(runs[runs.best].params, 3)
    array([3., 1.])
    """
    settings, parts = _as_list("hyperparameters", hyperparameters), _as_list("folds", folds)
    listed_seeds = None if isinstance(seeds, (int, np.integer)) else _as_list("seeds", seeds)
    count = _count(params, settings, listed_seeds, parts)
    given = _dicts(settings, count)
    make, constants, numbers = _rule(optimizer, settings is not None, given)
    arrays = as_arrays(data)
    keys: list[Any] = [int(seed) if isinstance(seed, np.integer) else seed for seed in listed_seeds or [seeds] * count]
    rows, held = _rows(arrays, parts, validation, keys)
    rest = validation_arrays(arrays, validation)
    validated = held is not None or rest is not None
    check_patience(patience, validated)
    plan = schedule(len(arrays[0]) if rows is None else rows.shape[1], batch_size, epochs, steps)

    def rule(own: Own) -> Optimizer:
        return make(**constants, **{name: _weak(number) for name, number in own.get("numbers", {}).items()})

    stepper = Stepper(gradients_of(loss, plan), value(loss), rule, plan, shuffle, patience)
    listed = {
        "key": np.stack([random.key(key) for key in keys]),
        "rows": rows,
        "held": held,
        "numbers": numbers or None,
    }
    own = {name: part for name, part in listed.items() if part is not None}
    starts = _starts(params, count)
    firsts = [stepper.first_state(start, one_of(own, k), validated) for k, start in enumerate(starts)]
    state = tree_map(lambda *leaves: np.stack(leaves), *firsts)
    driver = Driver(Slices(stepper, own, arrays, rest, many=True), state)
    runs = tuple(driver.run(progress))
    errors = {k: divergence(driver.failures[k], run, arrays) for k, run in enumerate(runs) if run.status == DIVERGED}
    return Runs(runs, tuple(keys), given, errors)


# --------------------------------------------------------------------------------------------- what models differ in


def _as_list(name: str, given: Any) -> list[Any] | None:
    if given is None:
        return None
    try:
        return list(given)
    except TypeError:
        raise ArgumentError(
            "fit_many",
            expected=f"{name} as a list, one entry a model",
            got=f"{given!r}",
            remedy=f"Write {name} as a list.",
        ) from None


def _count(params: Any, hyperparameters: Any, seeds: Any, folds: Any) -> int:
    """The number of models."""
    starts = params if isinstance(params, list) else None
    lists = {"params": starts, "hyperparameters": hyperparameters, "seeds": seeds, "folds": folds}
    lengths = {name: len(part) for name, part in lists.items() if part is not None}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ArgumentError(
            "fit_many",
            expected="one entry for each model in a list of params, in hyperparameters, seeds or folds",
            got=", ".join(f"{length} in {name}" for name, length in lengths.items()) or "no list",
            remedy="List what the models differ in. A single start that is a list itself goes in as a tuple.",
        )
    return next(iter(lengths.values()))


def _starts(params: Any, count: int) -> list[Any]:
    """The parameters that each model starts from, as arrays of the same structure, shapes and dtypes."""
    starts = [check_params(start) for start in params] if isinstance(params, list) else [check_params(params)] * count
    kinds = [(flatten(start)[1], [(leaf.shape, leaf.dtype) for leaf in flatten(start)[0]]) for start in starts]
    for k, kind in enumerate(kinds):
        if kind != kinds[0]:
            described = [f"{structure} of {', '.join(f'{dtype}{list(shape)}' for shape, dtype in leaves)}"
                         for structure, leaves in (kinds[0], kind)]  # fmt: skip
            raise StructureError(
                "fit_many",
                expected=f"params[{k}] like params[0]: {described[0]}",
                got=described[1],
                remedy="Give starts of one architecture. A single start that is a list itself goes in as a tuple.",
            )
    return starts


def _rows(arrays: Arrays, folds: Any, validation: Any, seeds: list[Any]) -> tuple[Rows, Rows]:
    """The numbers of the rows that each model trains on, and of those that it is validated on; None for all, for none.

    A fraction of the rows is held back by each model's own seed, and so is a matter of its rows.
    """
    count = len(arrays[0])
    rows, held = (None, None) if folds is None else rows_of_folds(folds, count, validation)
    if not is_fraction(validation):
        return rows, held
    parts = [rows_held_back(count if rows is None else rows.shape[1], validation, seed) for seed in seeds]
    chosen, kept = (np.stack([part[side] for part in parts]) for side in (0, 1))
    if rows is None:
        return chosen, kept
    return np.take_along_axis(rows, chosen, axis=1), np.take_along_axis(rows, kept, axis=1)


# ----------------------------------------------------------------------------------------------------- hyperparameters


def _dicts(hyperparameters: Any, count: int) -> tuple[dict[str, Any], ...]:
    if hyperparameters is None:
        return ({},) * count
    for k, part in enumerate(hyperparameters):
        if not isinstance(part, Mapping) or part.keys() != hyperparameters[0].keys():
            raise ArgumentError(
                "fit_many",
                expected="hyperparameters as a dict for each model, all with the same names",
                got=f"{hyperparameters[0]!r} and {part!r}" if k else f"{part!r}",
                remedy='Write them as the keyword arguments of the rule, for example [{"step": 0.1}, {"step": 0.01}].',
            )
    return tuple(dict(part) for part in hyperparameters)


def _rule(
    optimizer: Any, listed: bool, given: Sequence[dict[str, Any]]
) -> tuple[Callable[..., Optimizer], dict[str, Any], dict[str, np.ndarray]]:
    """(what makes the optimizer, the settings that all models share, the numbers in which they differ)."""
    if not listed:
        check_optimizer(optimizer)
        return (lambda **_: optimizer), {}, {}
    if isinstance(optimizer, Optimizer) or not callable(optimizer):
        raise ArgumentError(
            "fit_many",
            expected="a function that makes an optimizer of hyperparameters, such as chainrule.optim.adam",
            got=f"the optimizer {optimizer.name!r}, which is made already"
            if isinstance(optimizer, Optimizer)
            else f"{optimizer!r}",
            remedy="Give the function itself, optimizer=chainrule.optim.adam, or leave hyperparameters out.",
        )
    for settings in given:
        check_optimizer(optimizer(**settings))  # which checks the numbers of each model
    constants: dict[str, Any] = {}
    numbers: dict[str, np.ndarray] = {}
    for name, first in given[0].items():
        values = [settings[name] for settings in given]
        if all(
            one is first or (isinstance(one, _PLAIN) and type(one) is type(first) and one == first) for one in values
        ):
            constants[name] = first
        elif all(isinstance(one, (int, float, np.number)) and not isinstance(one, bool) for one in values):
            numbers[name] = np.array(values, np.float64)
        else:
            raise ArgumentError(
                "fit_many",
                expected=f"numbers as {name}, where it differs from model to model",
                got=f"[{', '.join(dict.fromkeys(map(repr, values)))}]",
                remedy="Train models of another kind in another call.",
            )
    make: Any = optimizer
    return make, constants, numbers


_PLAIN = (bool, int, float, str, np.generic)


def _weak(number: Any) -> Any:
    """A setting as a Python number is: it takes the dtype of the arrays that it meets."""
    return Traced(number.node, number.owner, weak=True, writable=False) if isinstance(number, Traced) else float(number)
