"""Every error message of chainrule: where each is made, an example that meets it, and its text in `golden.txt`.

`sites.py` reads the source and lists where errors are made; `examples/` meets each of them the way a user would;
`meeting.py` runs the examples and writes down what they said; `test_golden.py` holds the three together. After a
message was changed on purpose, `python -m tests.errors.regenerate` writes `golden.txt` anew: read its difference.
"""
