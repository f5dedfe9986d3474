"""chainrule: write the function, get the derivative, see why, train it at the speed of the machine."""

__version__ = "0.1.0"
