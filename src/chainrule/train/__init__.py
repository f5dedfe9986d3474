"""Training: runs, their data, tables, scores and model files."""

from chainrule.train.fit import fit
from chainrule.train.many import fit_many
from chainrule.train.progress import Progress
from chainrule.train.run import Run
from chainrule.train.runs import Runs

__all__ = ["Progress", "Run", "Runs", "fit", "fit_many"]
