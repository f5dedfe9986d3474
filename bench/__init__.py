"""The yardstick: chainrule beside PyTorch, JAX and scikit-learn on one machine, in one run. `python -m bench --help`.

Each section (a row of the yardstick, or a question such as memory) runs in a process of its own, in this order:

1. `tasks.py` says what is trained; all systems get the same numbers from it.
2. `agreement.py` lets all systems train a few steps on the same batches and refuses to time what does not agree.
3. `timing.py` interleaves the systems, round by round, so that a change of the machine's load meets all of them;
   each is in a process of its own (`worker.py`), and all others sleep meanwhile.
4. `report.py` renders the result, which is kept under build/bench/; `--write` makes the page of all kept results.
"""
