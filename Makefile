# Every target does its own set-up, in the virtual environment .venv of this checkout. GNU make 3.81 or later.

VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
PYTEST := $(BIN)/python -m pytest
DEMO := build/demo
WORKERS ?= 2
COVERAGE := 95
COMPILED_TESTS := $(addprefix tests/,ops functions train nn optim derive trace evaluate simplify cli test_numpy.py test_random.py)
SEED ?= 1
COUNT ?= 20000

# The first of these that is 3.11 or later and can make a virtual environment is taken; `make PYTHON=...` goes first.
CANDIDATES := $(PYTHON) python3.11 python3.12 python3.13 python3 python
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: help setup test test-compiled demo docs oracle fuzz-models fuzz-graphs interruptions math-range plant-faults bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.setup-done ## make .venv and install the project with all that its tests and doors need

test: setup ## lint, check the types, run the tests and ask for their branch coverage
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings
	$(PYTEST) -n $(WORKERS) --cov --cov-branch --cov-report=term --cov-fail-under=$(COVERAGE)

test-compiled: setup ## the suite a second time, through machine code instead of the evaluator (20 minutes)
	CHAINRULE_COMPILE=on CHAINRULE_CACHE=off $(PYTEST) -n $(WORKERS) $(COMPILED_TESTS)

# Each worker has a core to itself: a pool of BLAS threads in each would make them wait for one another.
test: export OPENBLAS_NUM_THREADS = 1
test: export OMP_NUM_THREADS = 1

demo: setup ## train on examples/penguins.csv and examples/mpg.csv, print held-out scores, predict
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/chainrule fit examples/penguins.csv --target species --seed $(SEED) --out $(DEMO)/penguins.safetensors
	$(BIN)/chainrule fit examples/mpg.csv --target mpg --drop name --seed $(SEED) --out $(DEMO)/mpg.safetensors
	$(BIN)/chainrule predict $(DEMO)/penguins.safetensors examples/penguins.csv --out $(DEMO)/penguins.csv
	$(BIN)/chainrule predict $(DEMO)/mpg.safetensors examples/mpg.csv --out $(DEMO)/mpg.csv

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python docs/generate.py

oracle: $(VENV)/.oracle-done ## compare values and derivatives with PyTorch's (installs torch)
	$(PYTEST) tests/oracle

fuzz-models: setup ## load 20,000 altered model files
	$(PYTEST) tests/long/test_model_fuzz.py

fuzz-graphs: setup ## play 20,000 random graphs against the reference, and their derivatives (SEED=1 COUNT=20000)
	$(BIN)/python -m tests.fuzz.run --seed $(SEED) --count $(COUNT)

interruptions: setup ## strike 100 runs with Ctrl-C at random instants
	$(PYTEST) tests/long/test_interruptions.py

math-range: setup ## every float32 through every elementary function (an hour; CHAINRULE_MATH_STRIDE=64: a minute)
	$(PYTEST) tests/long/test_math_range.py

plant-faults: setup ## plant each fault of tests/planted in a copy of the tree, and see which the tests catch (an hour)
	$(BIN)/python -m tests.planted.run --workers $(WORKERS)

bench: $(BENCH)/.setup-done ## measure beside torch, jax and scikit-learn; SECTIONS="mnist wide", FLAGS=--quick
	$(BENCH)/bin/python -m bench $(SECTIONS) $(FLAGS) --write docs/performance.md

clean: ## remove all that the other targets made, .venv too
	rm -rf $(VENV) $(BENCH) build dist .coverage .coverage.* .hypothesis .pytest_cache .ruff_cache
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

# A stamp is older than pyproject.toml when the dependencies may have changed: then pip looks again.
$(VENV)/.setup-done: pyproject.toml
	@if ! $(BIN)/python -c '$(SUITABLE)' >/dev/null 2>&1; then \
	    chosen=; \
	    for candidate in $(CANDIDATES); do \
	        if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then chosen=$$candidate; break; fi; \
	    done; \
	    if [ -z "$$chosen" ]; then \
	        echo "No Python 3.11 or later with the modules venv and ensurepip was found (tried: $(strip $(CANDIDATES)))." >&2; \
	        echo "Install one (on Debian and Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
	        exit 1; \
	    fi; \
	    echo "Making $(VENV) with $$chosen"; \
	    "$$chosen" -m venv --clear $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,all]'
	@touch $@

$(VENV)/.oracle-done: $(VENV)/.setup-done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[oracle]'
	@touch $@

# The peers are large, and held at versions of their own, so they have an environment of their own.
$(BENCH)/.setup-done: bench/requirements.txt pyproject.toml | $(VENV)/.setup-done
	$(BIN)/python -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -r bench/requirements.txt -e .
	@touch $@
