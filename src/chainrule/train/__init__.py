"""Training: runs, their data, tables, scores and model files."""

from chainrule.train.fit import fit
from chainrule.train.progress import Progress
from chainrule.train.run import Run

__all__ = ["Progress", "Run", "fit"]
