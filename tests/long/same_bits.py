"""What 100 random graphs and 20 random runs give, as one digest: `python -m tests.long.same_bits`.

The thresholds from which work is shared between threads are 0 here, so that all that can be shared is.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
from tests.fuzz.generate import generate

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.native import share
from chainrule.native.executable import Executable

GRAPHS, RUNS = 100, 20


def main() -> None:
    """Print the digest."""
    share.WORTH_SPLITTING = share.WORTH_THREADS = share.LEAST_GAIN = 0.0
    digest = hashlib.sha256()
    for number in range(GRAPHS):
        add(digest, graph_results(number))
    for number in range(RUNS):
        add(digest, run_results(number))
    print(digest.hexdigest())


def add(digest: Any, arrays: list[Any]) -> None:
    """Take arrays into a digest; NaN is one, whatever its bits."""
    for array in arrays:
        value = np.asarray(array)
        if value.dtype.kind == "f":
            value = np.where(np.isnan(value), value.dtype.type(np.nan), value)
        digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())


def graph_results(number: int) -> list[Any]:
    """The outputs of a random graph, or the kind of error that it ends with."""
    case = generate(number, seed=11)
    try:
        return list(Executable(case.graph).run(case.values))
    except (ChainruleError, ArithmeticError, LookupError, ValueError) as error:
        return [np.frombuffer(type(error).__name__.encode(), np.uint8)]


def run_results(number: int) -> list[Any]:
    """The parameters and losses of a short run of a random network."""
    random = np.random.default_rng(number)
    sizes = [int(random.integers(1, 70)) for _ in range(random.integers(2, 5))]
    kind = random.choice([np.float32, np.float64])
    params = [
        (random.normal(size=pair).astype(kind) / 4, np.zeros(pair[1], kind)) for pair in itertools.pairwise(sizes)
    ]
    data = random.normal(size=(90, sizes[0])).astype(kind), random.normal(size=(90, sizes[-1])).astype(kind)

    def loss(params: Any, x: Any, y: Any) -> Any:
        for weight, bias in params:
            x = np.tanh(x @ weight + bias)
        return np.mean((x - y) ** 2)

    batch = int(random.integers(1, 60))
    run = cr.fit(loss, params, data, optimizer=cr.optim.adam(1e-2), batch_size=batch, steps=12, progress=False)
    return [*(part for pair in run.params for part in pair), run.losses]


if __name__ == "__main__":
    main()
