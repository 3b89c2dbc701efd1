# `make demo` and `make test` need Python 3.11+ and nothing else; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1

.PHONY: help setup demo serve test check clean

help:
	@echo "make setup   make .venv with the exact versions of constraints.txt"
	@echo "make demo    run the whole DAG on the synthetic actors and write reports/report.html"
	@echo "make serve   Prefect's server, deployments and a worker on this machine, until Ctrl-C"
	@echo "make test    ruff, mypy and every test"
	@echo "make clean   remove what the DAG made (not the DVC cache)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
# It asks for opencv-python, whose windows need libGL; a bare Debian has none, and the headless build serves as well.
	$(BIN)/pip install -qq --disable-pip-version-check --constraint constraints.txt --no-deps insightface
	@touch $(STAMP)

demo: setup
	emotag repro
	@echo "open reports/report.html"

serve: setup
	@exec emotag serve

check: setup
	ruff check
	ruff format --check
	mypy emotag pipeline stages

test: check
	pytest -n 2 --dist worksteal

clean:
	rm -rf data/*/ data/corpus.json models/*/ reports/*/ reports/report.html checkpoints
