# `make` lists the targets. Everything happens inside this folder, in environments of its own.

PYTHON ?= python3
VENV := .venv
COMPILED := .venv-compiled
RUN := $(VENV)/bin/python -m
PIP_INSTALL := -m pip install -qq --disable-pip-version-check
ON_THE_WIRE := $(addprefix tests/,conversations interop contracts sync aio tasks cli server)
SOURCES := $(shell find src -name '*.py') pyproject.toml setup.py

.DEFAULT_GOAL := help
.PHONY: help demo docs test trials lint format types compiled conformance torture bench screenshots real-clients clean

help: ## List the targets
	@echo 'make TARGET, with one of:'
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.server ## See a server and a worker at work, in a minute
	$(RUN) geartrain demo

test: $(VENV)/.dev real-clients ## Run every test, on the uncompiled code
	GEARTRAIN_BUILD=pure $(RUN) pytest $(TESTS)

trials: $(VENV)/.dev real-clients ## Run those tests alone in which a pool loses servers and primaries under load
	GEARTRAIN_BUILD=pure $(RUN) pytest tests/pool/test_servers.py tests/pool/test_failover.py tests/pool/test_networks.py

lint: $(VENV)/.dev ## Check style and formatting
	$(RUN) ruff check .
	$(RUN) ruff format --check .

format: $(VENV)/.dev ## Mend style and formatting where that can be done
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

types: $(VENV)/.dev ## Check the types: ours (mypy --strict) and what users see (pyright)
	$(RUN) mypy src tests setup.py $(wildcard bench/*.py)
	$(RUN) pyright --pythonpath $(VENV)/bin/python

compiled: $(COMPILED)/.dev real-clients ## Run every test, on the compiled build
	GEARTRAIN_BUILD=compiled $(COMPILED)/bin/python -m pytest $(TESTS)

conformance: $(VENV)/.dev real-clients ## Run every test that talks to a server against servers of pools, in three ways
	set -e; for way in leader follower shards; do \
	  echo "As the $$way of a pool"; GEARTRAIN_POOL=$$way $(RUN) pytest $(or $(TESTS),$(ON_THE_WIRE)); done

torture: $(COMPILED)/.dev ## Kill servers and engines, talk noise, be hostile, and try a thousand times as many sequences of packets
	ROUNDS=$(or $(ROUNDS),300) $(COMPILED)/bin/python -m pytest --timeout 3600 --hypothesis-profile=torture \
	  tests/crash tests/broker/test_invariants.py tests/broker/test_policy_invariants.py
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) $(COMPILED)/bin/python -m pytest tests/fuzz
	for store in sqlite memory; do \
	  $(COMPILED)/bin/python -m tests.hostile --store $$store --seconds $(or $(HOSTILE_SECONDS),600) || exit 1; done
	GEARTRAIN_API_SECONDS=$(or $(API_SECONDS),300) $(COMPILED)/bin/python -m pytest tests/web/test_description.py
	ROUNDS=$(or $(POOL_ROUNDS),20) $(COMPILED)/bin/python -m pytest tests/pool/test_servers.py tests/pool/test_failover.py tests/pool/test_networks.py

bench: $(COMPILED)/.dev ## Measure the compiled build and draw the plots (QUICK=1: sooner done, no plots)
	$(COMPILED)/bin/python -m bench $(if $(QUICK),--quick,--plot docs/images/bench.svg --pool-plot docs/images/pool.svg)

docs: $(VENV)/.dev ## Build the site of the documents into site/
	$(VENV)/bin/zensical build --strict

screenshots: $(VENV)/.dev real-clients ## Draw the web page's pictures in docs/images anew (ten minutes)
	$(RUN) docs.draw_page

real-clients: ## Install the Gearman programs that the tests use, where missing (Debian, root)
	@scripts/install-real-clients

clean: ## Remove everything that was made here
	rm -rf .venv .venv-compiled build dist site src/*.egg-info tests/interop/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@scripts/create-environment $(VENV) $(PYTHON)

$(COMPILED)/bin/python:
	@scripts/create-environment $(COMPILED) $(PYTHON)

# Editable, so uncompiled: what is edited in src runs at once.
$(VENV)/.server: pyproject.toml setup.py | $(VENV)/bin/python
	@echo 'Installing Geartrain into $(VENV)'
	@$(VENV)/bin/python $(PIP_INSTALL) --editable '.[server]'
	@touch $@

$(VENV)/.dev: $(VENV)/.server
	@echo 'Installing the development tools into $(VENV)'
	@$(VENV)/bin/python $(PIP_INSTALL) --editable '.[server,dev]'
	@touch $@

$(COMPILED)/.dev: $(SOURCES) | $(COMPILED)/bin/python
	@echo 'Compiling Geartrain into $(COMPILED)'
	@rm -rf build
	@$(COMPILED)/bin/python $(PIP_INSTALL) '.[server,dev]'
	@touch $@
