# `make` shows what can be done. Everything a target needs is installed by the target.

PYTHON ?= python3
VENV   := .venv/bin/python
export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo newcomer test lint unit ledger fuzz guards bench simulate soak matrix plan compliance compatibility checkov tools world e2e zip docs lock clean

help: ## Show this list
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: ## Install what everything below needs
	@$(PYTHON) tools/setup.py

demo: ## Watch an upload become visible, on this machine, in a few minutes
	@$(PYTHON) tools/setup.py demo
	@PYTHONPATH=. .cache/environments/demo/bin/python -m tests.simulation.demo

newcomer: setup ## Do what a newcomer does: clone, demo, each example by its README (ten minutes)
	@$(VENV) -m tests.newcomer

test: setup ## Run every check but newcomer and soak: format, plans, unit, compliance, end to end
	@$(VENV) -m tools.check

lint: setup ## Format and types of Python and Terraform, zip and tables against their source
	@$(VENV) -m tools.check lint

unit: setup ## Unit tests of the function, with coverage
	@$(VENV) -m tools.check unit

ledger: setup ## That nothing is lost, whatever goes wrong: generated faults in virtual time
	@$(VENV) -m tools.check ledger

fuzz: setup ## Generated nonsense into the function
	@$(VENV) -m tools.check fuzz

guards: setup ## Tests of benchmarks and simulation, and the budgets no change may exceed
	@$(VENV) -m tools.check guards

bench: setup ## Measure side by side: cold start, warm path, requests, upload to fresh, memory, money (25 minutes)
	@$(VENV) -m tests.bench --docs

simulate: setup ## Bursts of up to 10 million objects, outages and other tenants, in virtual time (an hour)
	@$(VENV) -m tests.bench.simulate

soak: setup ## Ledger and fuzz with 100,000 cases each, and 10,000 real uploads (an hour)
	@$(VENV) -m tools.check soak

matrix: setup ## Unit tests on the other Pythons of this machine
	@$(VENV) -m tools.check matrix

plan: setup ## terraform validate and terraform test
	@$(VENV) -m tools.check plan

compliance: setup ## That every compliance scenario holds, and can fail
	@$(VENV) -m tools.check compliance

compatibility: setup ## That AWS provider 5.80 to 6 and AWS itself have every name that the module uses
	@$(VENV) -m tools.check compatibility

checkov: setup ## checkov on the module and every example
	@$(VENV) -m tools.check checkov

tools: setup ## Tests of the set-up
	@$(VENV) -m tools.check tools

world: setup ## Tests of the simulated Cloudflare
	@$(VENV) -m tools.check world

e2e: setup ## End to end and compliance on the local world
	@$(VENV) -m tools.check e2e

zip: ## Build lambda/cf_purge.zip from its source
	@$(PYTHON) lambda/package.py

docs: setup ## Write the README's tables of inputs and outputs
	@$(VENV) -m tools.docs

lock: ## Lock requirements/*.in anew
	@$(PYTHON) tools/lock.py

clean: ## Remove all that the targets above made
	@rm -rf .venv .cache .logs .terraform .terraform.lock.hcl .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find examples -name .terraform -prune -exec rm -rf {} + ; find examples -name .terraform.lock.hcl -delete
