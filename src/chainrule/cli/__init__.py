"""The command `chainrule`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line: `chainrule fit`, `chainrule predict`. The exit code says how it went."""
    try:
        import polars  # noqa: F401
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError as error:
        print(
            f"chainrule: the command needs the package {error.name}. Run: pip install 'chainrule[cli]'", file=sys.stderr
        )
        raise SystemExit(3) from None
    from chainrule.cli.app import run

    run()
