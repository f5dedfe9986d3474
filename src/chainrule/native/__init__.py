"""Machine code: the only place that imports llvmlite. So far elementary functions on vectors; the engine follows."""
