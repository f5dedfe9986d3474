"""The exception tree. Every error says the operation, what was expected, what was got, the remedy and the user's line.

Each class also inherits the built-in exception that Python or NumPy would raise, so that existing `except ValueError`
clauses go on working.
"""

from __future__ import annotations

import copyreg
import os
from types import EllipsisType

from chainrule.source import Location, user_location


class ChainruleError(Exception):
    """The root of every error that chainrule raises on purpose.

    The parts are attributes, so a program can read them: `operation`, `expected`, `got`, `remedy` and `location`.

    >>> error = ShapeError("matmul", expected="equal inner axes", got="2 and 3", remedy="Transpose one.", location=None)
    >>> print(error)
    matmul: expected equal inner axes; got 2 and 3. Transpose one.
    """

    def __init__(
        self, operation: str, *, expected: str, got: str, remedy: str, location: Location | EllipsisType | None = ...
    ) -> None:
        self.operation, self.remedy = operation, remedy
        self.expected, self.got = (part.replace("\n", " ") for part in (expected, got))  # one line, whatever is quoted
        self.location = user_location() if location is ... else location
        self._placed = False
        super().__init__(operation, expected, got, remedy)

    def __reduce__(self) -> tuple[object, ...]:  # exceptions that take keywords cannot be pickled otherwise
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def place(self, location: Location | None) -> None:
        """Speak of this line, that of the node at fault: the innermost node places the error, outer ones leave it."""
        if location is not None and not self._placed:
            self.location, self._placed = location, True

    @property
    def sentence(self) -> str:
        """The message on one line, without the place: what a command line prints."""
        return f"{self.operation}: expected {self.expected}; got {self.got}. {self.remedy}"

    def __str__(self) -> str:
        if self.location is None:
            return self.sentence
        source = self.location.text
        return f"{self.sentence}\n  at {self.location}" + (f": {source}" if source else "")


class ShapeError(ChainruleError, ValueError):
    """Shapes that an operation cannot accept."""


class DtypeError(ChainruleError, TypeError):
    """Dtypes that an operation cannot accept."""


class AxisError(ChainruleError, ValueError, IndexError):
    """An axis or an index that the array does not have."""


class ArgumentError(ChainruleError, ValueError):
    """A setting outside its meaning: a negative step, an unknown option."""


class StructureError(ChainruleError, TypeError):
    """Containers whose structure differs where it must agree."""


class UnsupportedError(ChainruleError, TypeError):
    """A NumPy function, or a use of it, that chainrule does not trace."""


class ConcreteError(ChainruleError, TypeError):
    """Python asked for the number behind a traced value where none exists: inside `vmap`, or a loop's body."""


class LeakError(ChainruleError, RuntimeError):
    """A traced value that outlived the function it was traced in."""


class SeveredGradientWarning(UserWarning):
    """Python took the number out of a value that a derivative is taken by: what comes of it counts as constant."""


class RetraceWarning(UserWarning):
    """A function that is traced and compiled again and again, since an argument or a decision keeps changing."""


class DerivativeError(ChainruleError, TypeError):
    """A derivative that does not exist or is not declared."""


class CheckError(ChainruleError, AssertionError):
    """A derivative that a check found to be wrong."""


class InexactError(ChainruleError, ArithmeticError):
    """A value that no fraction equals, asked for in exact arithmetic."""


class GraphError(ChainruleError, ValueError):
    """A graph, or the text of one, that is not well formed."""


class DependencyError(ChainruleError, ImportError):
    """An optional package that the call needs and that is not installed."""


class NativeError(ChainruleError, RuntimeError):
    """LLVM refused what the compiler gave it: a fault of chainrule's. `reproducer` holds the LLVM IR it refused.

    >>> error = NativeError("compile", expected="valid IR", got="'x'", remedy="Report it.", reproducer="define ...")
    >>> error.reproducer
    'define ...'
    """

    def __init__(self, operation: str, *, expected: str, got: str, remedy: str, reproducer: str) -> None:
        super().__init__(operation, expected=expected, got=got, remedy=remedy)
        self.reproducer = reproducer

    def write_reproducer(self, folder: str | os.PathLike[str] | None = None) -> str:
        """Write the IR to a new file, in the folder for temporary files unless another is given: the file's path."""
        import tempfile  # takes some milliseconds, of which an import of chainrule has no use

        with tempfile.NamedTemporaryFile(
            "w", prefix="chainrule-", suffix=".ll", dir=folder, delete=False, encoding="utf-8"
        ) as file:
            file.write(self.reproducer)
        return file.name


class DataError(ChainruleError, ValueError):
    """Data that a model cannot be fitted to or applied to: a missing column, an empty table, an infinite target."""


class ModelFileError(ChainruleError, ValueError):
    """A model file that is truncated, altered, hostile or not chainrule's."""


class AllocationError(ChainruleError, MemoryError):
    """Memory that the machine does not give, asked for before anything is computed; the message says how many bytes."""

    def __new__(cls, *args: object, **parts: object) -> AllocationError:  # MemoryError's own refuses a class like this
        return ChainruleError.__new__(cls, *args, **parts)

    def __reduce__(self) -> tuple[object, ...]:  # MemoryError has a __new__ of its own, which refuses classes like this
        return Exception.__new__, (type(self), *self.args), self.__dict__


class DivergenceError(ChainruleError, FloatingPointError):
    """A training run whose loss became infinite or NaN. `run` holds the last finite state."""

    def __init__(self, operation: str, *, expected: str, got: str, remedy: str, run: object) -> None:
        super().__init__(operation, expected=expected, got=got, remedy=remedy)
        self.run = run
