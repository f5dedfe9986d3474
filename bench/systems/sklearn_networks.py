"""scikit-learn's multilayer perceptrons: `partial_fit` of one batch is one step."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from bench.systems.system import Peer
from bench.tasks import ADAM, Task


class SklearnNetwork(Peer):
    """`MLPClassifier` or `MLPRegressor`, without the penalty on weights that they have by default."""

    name = "sklearn"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.x, y = task.data
        self.y = y.ravel() if y.shape[1:] == (1,) else y  # one target is a vector here

    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of these steps."""
        model, losses = self._fresh(), []
        for rows in order:
            self._step(model, rows)
            losses.append(model.loss_)
        return np.array(losses)

    def prepare(self, order: np.ndarray):
        """A loop over these rows."""
        model, step = self._fresh(), self._step

        def run() -> None:
            for rows in order:
                step(model, rows)

        return run

    def _step(self, model, rows: np.ndarray) -> None:
        model.partial_fit(self.x[rows], self.y[rows])

    def _fresh(self):
        """A model with the task's first parameters, in place of those that scikit-learn makes in its first step."""
        task, (x, y) = self.task, (self.x[: self.task.batch], self.y[: self.task.batch])
        settings = {
            "hidden_layer_sizes": tuple(shape[1] for shape in task.shapes[:-1]),
            "activation": task.activation,
            "solver": "adam" if task.update == ADAM else "sgd",
            "learning_rate_init": task.step,
            "batch_size": task.batch,
            "alpha": 0.0,
            "shuffle": False,
            "momentum": 0.0,
            "nesterovs_momentum": False,
        }
        model = MLPClassifier(**settings) if task.classes else MLPRegressor(**settings)
        if task.classes:
            model.partial_fit(x, y, classes=np.arange(task.shapes[-1][-1]))
        else:
            model.partial_fit(x, y)
        for number, (weight, bias) in enumerate(task.parameters()):
            model.coefs_[number][...], model.intercepts_[number][...] = weight, bias
        del model._optimizer  # the next step makes one, with its state at zero
        return model
