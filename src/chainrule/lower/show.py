"""A lowered program as text."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.lower.program import Branch, Call, Copy, Evaluate, Program, Repeat, Run, Step, While


def print_program(program: Program) -> str:
    """The steps of a program, one to a line, and the kernels that they run."""
    lines = [f"program of {program.arena} bytes:"]
    lines += _lines(program.steps, "  ")
    return "\n".join(lines)


def _lines(steps: list[Step], indent: str) -> Iterator[str]:
    for step in steps:
        match step:
            case Run():
                buffers = zip(step.kernel.buffers, step.places, strict=True)
                bound = ", ".join(f"{buffer.name}={place.joined}" for buffer, place in buffers)
                yield f"{indent}run {step.kernel.name}({bound})"
                yield from (f"{indent}    {line}" for line in str(step.kernel).splitlines()[1:])
            case Copy():
                yield f"{indent}copy {step.target.joined} <- {step.source.joined}"
            case Evaluate():
                results = ", ".join(str(place.joined) for place in step.results)
                operands = ", ".join(str(place.joined) for place in step.operands)
                yield f"{indent}{results} = evaluate {step.node.operation.name}({operands})"
            case Call():
                places = ", ".join(str(place.joined) for place in (*step.results, *step.operands))
                yield f"{indent}call {step.name}({places}; {', '.join(map(str, step.numbers))})"
            case Branch():
                yield f"{indent}if {step.predicate.joined}:"
                yield from _lines(step.then, indent + "  ")
                yield f"{indent}else:"
                yield from _lines(step.otherwise, indent + "  ")
            case Repeat():
                yield f"{indent}repeat {step.length} times, {step.counter.name}{' down' if step.reverse else ''}:"
                yield from _lines(step.body, indent + "  ")
            case While():
                yield f"{indent}while{'' if step.steps is None else f' at most {step.steps} times'}:"
                yield from _lines(step.condition, indent + "    ")
                yield f"{indent}  holds {step.predicate.joined}:"
                yield from _lines(step.body, indent + "    ")
