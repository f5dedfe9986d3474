"""A model of a table: preprocessing, a multilayer perceptron and the target's encoding, fitted, scored, saved and
loaded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import nn, optim
from chainrule.errors import ArgumentError, ModelFileError
from chainrule.evaluate import evaluate
from chainrule.functions import trace
from chainrule.nn import ACTIVATIONS, Sequential, multilayer_perceptron
from chainrule.optim.optimizer import check_number
from chainrule.pytree import flatten
from chainrule.train.baselines import Baseline, classification_baselines, regression_baselines
from chainrule.train.fit import fit
from chainrule.train.model_file import read_model, write_model
from chainrule.train.preprocess import ClassTarget, Preprocessor, TargetEncoder, fit_target, target_from_json
from chainrule.train.progress import Report
from chainrule.train.records import check_list, check_object, check_text, refuse
from chainrule.train.run import Run
from chainrule.train.scores import accuracy, log_loss, r2, rmse
from chainrule.train.split import split_rows
from chainrule.train.task import Task, prepare_target

if TYPE_CHECKING:
    import polars

WEIGHT_DECAY = 1e-3
"""The penalty on the squared weights: small tables are soon learned by heart."""


@dataclass(frozen=True)
class TableModel:
    """A fitted model: how a table becomes features, the network, and how its outputs become predictions."""

    preprocessor: Preprocessor
    network: Sequential
    target: TargetEncoder

    def predict(self, frame: polars.DataFrame) -> list[Any]:
        """The prediction for each row: a number in the target's unit, or a class."""
        outputs = self._outputs(self.preprocessor.transform(frame))
        if isinstance(self.target, ClassTarget):
            return self.target.decode(outputs.argmax(axis=1))
        return self.target.decode(outputs[:, 0]).tolist()

    def probabilities(self, frame: polars.DataFrame) -> np.ndarray:
        """The probability of each class, for each row: float64 (rows, classes). For classification only."""
        return softmax(self._outputs(self.preprocessor.transform(frame)))

    def _outputs(self, features: np.ndarray) -> np.ndarray:
        return evaluate(trace(self.network, features), features)[0]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, in one step; see `chainrule.train.model_file.write_model`."""
        leaves = flatten(self.network)[0]
        tensors = {f"parameter {k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
        metadata = {
            "kind": "table model",
            "preprocessor": self.preprocessor.to_json(),
            "target": self.target.to_json(),
            "sizes": sizes_of(self.network),
            "activation": self.network.activation,
        }
        write_model(path, tensors, metadata)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> TableModel:
        """Read a model that `save` wrote.

        Raises:
            ModelFileError: the file is missing, truncated, altered, hostile, or not a table model.
        """
        tensors, metadata = read_model(path)
        try:
            return _model_of(tensors, metadata)
        except ModelFileError as error:
            error.operation = f"load({os.fsdecode(path)!r})"
            raise


def _model_of(tensors: dict[str, np.ndarray], metadata: object) -> TableModel:
    """The model that a file holds; its arrays are what was stored, but what they mean is not trusted."""
    found = check_object(metadata, "metadata", ("kind", "preprocessor", "target", "sizes", "activation"))
    if found["kind"] != "table model":
        refuse("kind", "'table model'", found["kind"])
    preprocessor, target = Preprocessor.from_json(found["preprocessor"]), target_from_json(found["target"])
    sizes = check_list(found["sizes"], "sizes")
    outputs = len(target.classes) if isinstance(target, ClassTarget) else 1
    if any(type(n) is not int or not 1 <= n <= 2**20 for n in sizes) or len(sizes) < 2:
        refuse("sizes", "two or more widths of layers", sizes)
    if sizes[0] != len(preprocessor.features) or sizes[-1] != outputs:
        refuse(
            "sizes",
            f"{len(preprocessor.features)} inputs and {outputs} outputs, by the columns and the target,",
            sizes,
        )
    shapes = [shape for m, n in itertools.pairwise(sizes) for shape in ((m, n), (n,))]
    names = [f"parameter {k}" for k in range(len(shapes))]
    if set(tensors) != set(names) or any(
        tensors[name].shape != shape for name, shape in zip(names, shapes, strict=True)
    ):
        shown = {name: tensors[name].shape for name in sorted(tensors)}
        refuse("tensors", f"the parameters of layers of widths {sizes}", shown)
    if check_text(found["activation"], "activation") not in ACTIVATIONS:
        refuse("activation", f"one of {sorted(ACTIVATIONS)}", found["activation"])
    layers = tuple(nn.Dense(tensors[names[k]], tensors[names[k + 1]]) for k in range(0, len(names), 2))
    return TableModel(preprocessor, Sequential(layers, found["activation"]), target)


def sizes_of(network: Sequential) -> list[int]:
    """The widths of a network: its input, each hidden layer, its output."""
    weights = [layer.weight for layer in network.layers]
    return [int(weights[0].shape[0]), *(int(weight.shape[1]) for weight in weights)]


def softmax(logits: np.ndarray) -> np.ndarray:
    """The probabilities that logits (n, classes) mean, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class TableFit:
    """A fitted model with its scores on held-out rows beside the baselines', and what was done to the table."""

    model: TableModel
    run: Run
    scores: Baseline
    baselines: tuple[Baseline, ...]
    rows: tuple[int, int]
    notes: tuple[str, ...]


def fit_table(
    frame: polars.DataFrame,
    target: str,
    *,
    task: Task | None = None,
    drop: Collection[str] = (),
    keep: Collection[str] = (),
    hidden: Sequence[int] = (64, 64),
    epochs: int = 200,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    held_out: float = 0.2,
    patience: int = 30,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> TableFit:
    """Fit a multilayer perceptron to a table and score it on held-out rows.

    Args:
        frame: the table, a polars DataFrame.
        target: the column to predict; rows without it are left out.
        task: "regression" or "classification"; None infers it from the target (`chainrule.train.task.infer_task`).
        drop: columns that are no features.
        keep: text columns to encode however many values they have.
        hidden: widths of the hidden layers.
        epochs, batch_size, learning_rate: of the training by Adam; the rate falls to zero along a cosine.
        held_out: the fraction of rows for the scores, in proportion to the classes.
        patience: epochs without a better loss on a validation part of the training rows before training ends.
        seed: decides the split, the first parameters and the order of the rows.

    Raises:
        DataError: the table or the target cannot be learned from.
        ArgumentError: a setting outside its meaning.
    """
    if target in drop:
        raise ArgumentError(
            "fit_table",
            expected="columns to drop other than the target",
            got=repr(target),
            remedy="Leave it out of drop: the target is no feature as it is.",
        )
    aim = prepare_target(frame, target, task)
    classes = aim.values.to_list() if aim.task == "classification" else None
    learned, held = split_rows(len(aim.rows), held_out, seed, classes)
    preprocessor = Preprocessor.fit(frame, rows=aim.rows[learned], target=target, leave_out=drop, keep=keep)
    encoder = fit_target(aim, learned)
    x = [preprocessor.transform(frame, rows=aim.rows[places], unseen="zeros") for places in (learned, held)]
    y = [encoder.encode(aim.values.gather(places)) for places in (learned, held)]
    outputs = len(encoder.classes) if isinstance(encoder, ClassTarget) else 1
    if not all(isinstance(width, int) and width >= 1 for width in hidden):
        raise ArgumentError(
            "fit_table",
            expected="hidden widths of at least 1",
            got=f"{list(hidden)}",
            remedy="Give integers, such as (64, 64).",
        )
    check_number("fit_table", "learning_rate", learning_rate, 0)
    network = multilayer_perceptron([x[0].shape[1], *hidden, outputs], seed=seed)
    run = _train(
        network,
        x[0],
        y[0],
        isinstance(encoder, ClassTarget),
        epochs,
        batch_size,
        learning_rate,
        patience,
        seed,
        progress,
    )
    model = TableModel(preprocessor, run.params, encoder)
    scores, baselines = _score(model, aim, x, y, learned, held)
    return TableFit(model, run, scores, baselines, (len(learned), len(held)), (*aim.notes, *preprocessor.notes))


def _train(
    network: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    classes: bool,
    epochs: int,
    batch_size: int,
    rate: float,
    patience: int,
    seed: int,
    progress: Any,
) -> Run:
    def loss(model: Any, x: Any, y: Any) -> Any:
        outputs = model(x)
        error = nn.cross_entropy(outputs, y) if classes else nn.mean_squared_error(outputs[:, 0], y)
        return error + WEIGHT_DECAY * sum(np.sum(layer.weight**2) for layer in model.layers)

    strata = y if classes else None
    learned, held = (
        split_rows(len(x), 0.15, seed + 1, strata) if len(x) >= 20 else (np.arange(len(x)), np.arange(len(x)))
    )
    total = max(1, epochs * -(-len(learned) // min(batch_size, len(learned))))

    def cosine(count: Any) -> Any:
        return rate * 0.5 * (1 + np.cos(np.pi * count / total))

    return fit(
        loss, network, (x[learned], y[learned]), optimizer=optim.adam(cosine), batch_size=batch_size, epochs=epochs,
        seed=seed, validation=(x[held], y[held]), patience=patience, progress=progress,
    )  # fmt: skip


def _score(
    model: TableModel, aim: Any, x: list[np.ndarray], y: list[np.ndarray], learned: np.ndarray, held: np.ndarray
) -> tuple[Baseline, tuple[Baseline, ...]]:
    outputs = model._outputs(x[1])
    if isinstance(model.target, ClassTarget):
        probabilities = softmax(outputs)
        scores = {"accuracy": accuracy(y[1], probabilities.argmax(axis=1)), "log loss": log_loss(y[1], probabilities)}
        return Baseline("this model", scores), classification_baselines(x[0], y[0], x[1], y[1])
    values = aim.values.to_numpy()
    predicted = model.target.decode(outputs[:, 0])
    scores = {"R²": r2(values[held], predicted), "RMSE": rmse(values[held], predicted)}
    return Baseline("this model", scores), regression_baselines(x[0], values[learned], x[1], values[held])
