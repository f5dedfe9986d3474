"""The systems that are compared, each behind the same three methods, imported only when asked for."""

from __future__ import annotations

from importlib import import_module

from bench.systems.system import System
from bench.tasks import AHEAD, FUSED, SCAN, SKLEARN, STEP, TORCH, VMAP, Task

CHAINRULE, MANY = "chainrule", "chainrule many"
_PLACES = {
    CHAINRULE: ("chainrule_runs", "ChainruleRun"),
    TORCH: ("torch_eager", "TorchEager"),
    FUSED: ("torch_eager", "TorchFused"),
    STEP: ("jax_compiled", "JaxStep"),
    SCAN: ("jax_compiled", "JaxScan"),
    AHEAD: ("jax_compiled", "JaxAhead"),
    SKLEARN: ("sklearn_networks", "SklearnNetwork"),
    MANY: ("chainrule_runs", "ChainruleMany"),
    VMAP: ("jax_compiled", "JaxMany"),
}


def make_system(name: str, task: Task) -> System:
    """The system of this name, ready to train a task."""
    module, kind = _PLACES[name]
    return getattr(import_module(f"bench.systems.{module}"), kind)(task)


__all__ = ["CHAINRULE", "MANY", "System", "make_system"]
