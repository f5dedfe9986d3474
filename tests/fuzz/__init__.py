"""Random graphs that play a backend against the reference, and bounds on how far rounding may part the two.

`generate` makes a graph and values for it, `expect` says what a backend must give and how closely, `compare` names what
is wrong, `shrink` makes the graph small, `faults` are backends that must be caught.
"""
