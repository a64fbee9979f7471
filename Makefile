# What a user of this checkout types. `make help` lists everything.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help setup demo stop test lint unit replica e2e nightly bench build clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: ## install what is missing into .venv, node_modules and the user's cache
	@scripts/setup.sh

demo: setup ## the main job: a signed push becomes an agreed, approved, deployed canister
	@$(BIN)/dcanary demo

stop: ## stop what the demo left running
	@$(BIN)/dcanary demo --stop

test: setup ## set up what is missing and run all tests
	@scripts/test.sh

lint: setup ## ruff and mypy --strict
	@scripts/lint.sh

unit: setup ## the fast tests only
	@$(BIN)/pytest -q -n auto --dist loadfile -m "not replica and not e2e and not nightly"

replica: setup ## tests of real Wasm on the embedded replica
	@$(BIN)/pytest -q -m replica

e2e: setup ## tests of the whole system
	@$(BIN)/pytest -q -n 2 --dist loadfile -m e2e

nightly: setup ## long soak and fuzz runs of the whole system
	@$(BIN)/pytest -q -s -m nightly
	@$(BIN)/pytest -q -m "hypothesis and not nightly" --hypothesis-profile explore --timeout 14400

bench: setup ## figures as ratios, in one run
	@$(BIN)/python -m bench

build: setup ## the five canisters into .dcanary/build
	@$(BIN)/dcanary system build

clean: ## remove the local installation and build results (keeps .venv and node_modules)
	@rm -rf .dcanary .pytest_cache .mypy_cache .ruff_cache .hypothesis
