# `make` lists the targets. Each installs what it needs, inside the checkout.

PYTHON    ?= python3
TERRAFORM ?= terraform
export TERRAFORM
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX = $(CURDIR)/.cache/bytecode
export UV_PYTHON = $(PYTHON)

UV     := .cache/uv-0.13.9/bin/uv
VENV   := .venv/bin
PYTEST := $(VENV)/python -m pytest
TF     := $(VENV)/python -m tools.terraform
SEED   := --hypothesis-seed=20261123# reproducible; `make soak` uses another seed each time
# README.md has absolute links, because the registry shows it without the other files: here they lead to the checkout.
REMAP  := https://(?:github|raw.githubusercontent).com/cf-purge/terraform-aws-cf-purge/(?:(?:blob|tree)/)?main/(.*)
LYCHEE := git ls-files -z '*.md' | xargs -0 $(VENV)/lychee --include-fragments --no-progress --exclude-loopback -qq \
	--remap '$(REMAP) file://$(CURDIR)/$$1'
# Installs a group of pyproject.toml that needs a separate environment.
group   = UV_PROJECT_ENVIRONMENT=.cache/environments/$(1) $(UV) sync --quiet --frozen --only-group $(1)

.DEFAULT_GOAL := help
.PHONY: help setup terraform demo local record fmt unit check test lint ledger fuzz guards world tools module plan \
	plans compliance compatibility checkov golint e2e matrix bench simulate soak zip docs links lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Install Python 3.11 or newer, then: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(@D)/..
	@$(@D)/pip install --quiet --disable-pip-version-check uv==$(patsubst .cache/uv-%/bin/uv,%,$@)

setup: $(UV) ## Install what the tests need; every target runs it
	@$(UV) sync --quiet --frozen

# PROVIDER='~> 5.80.0' narrows the versions in versions.tf, so that CI plans with each.
PINNED = {"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "$(PROVIDER)"}}}}
terraform: setup
	@rm -f provider_override.tf.json
	@$(if $(PROVIDER),echo '$(PINNED)' >provider_override.tf.json)
	@$(TF) version >/dev/null

demo: terraform ## Watch an upload become visible, on this machine, in a few minutes
	@$(VENV)/python -m tests.simulation.demo

local: terraform ## Run the local AWS and the simulated Cloudflare for your own configuration, until Ctrl-C
	@$(VENV)/python -m tests.simulation.local

record: terraform ## Record `make demo` as docs/demo.svg
	@$(VENV)/python -m tools.record docs/demo.svg make --no-print-directory demo

fmt: setup ## Format Terraform and Python
	@if command -v $(TERRAFORM) >/dev/null; then $(TF) fmt -recursive; fi
	@$(VENV)/ruff check --quiet --fix-only .
	@$(VENV)/ruff format --quiet .

unit: setup ## Unit tests of the function (under a minute)
	@$(PYTEST) -n auto tests/unit $(COVERAGE)

check: lint unit ## Before a push, without Terraform: lint, types, unit tests, a small ledger, zip (two minutes)
	@$(PYTEST) -n auto tests/ledger $(SEED) --schedules=200

# e2e first and in parallel with two others, because it mostly waits for Terraform; then the longest of the others.
TESTS := e2e unit lint plans ledger fuzz guards world checkov tools
test: terraform ## Everything, as CI runs it (eight minutes)
	@$(TF) init -backend=false >/dev/null # one download, before two targets need it
	@$(MAKE) --no-print-directory --keep-going -j3 $(if $(filter output-sync,$(.FEATURES)),--output-sync) $(TESTS) \
		COVERAGE='--cov --cov-report=term-missing:skip-covered'

lint: setup ## Check format, types, links, workflows, and that zip and docs/reference.md match their source
	@if command -v $(TERRAFORM) >/dev/null; then $(TF) fmt -check -recursive -diff; fi
	@$(VENV)/ruff check --quiet .
	@$(VENV)/ruff format --quiet --check .
	@$(VENV)/mypy
	@$(UV) lock --check --quiet
	@$(VENV)/python lambda/package.py --check
	@$(VENV)/python -m tools.docs --check
	@$(LYCHEE) --offline
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/ci/*.yml
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(VENV)/zizmor --offline --quiet .github action.yml examples/ci/workflow.yml

ledger: setup ## Fault injection in virtual time: nothing is lost
	@$(PYTEST) tests/ledger $(SEED)

fuzz: setup ## Fuzz the function with generated inputs
	@$(PYTEST) tests/fuzz $(SEED)

guards: setup ## Budgets that no change may exceed: imports, instructions, requests, memory
	@$(PYTEST) tests/bench

world: setup ## Tests of the simulated Cloudflare
	@$(PYTEST) tests/world

tools: setup ## Tests of the tools
	@$(PYTEST) tests/tools

# In one process, because they share plans of the real provider, which take half a minute.
plans: module
	@$(call group,compliance) && $(call group,compatibility)
	@$(PYTEST) tests/plans tests/compliance tests/compatibility

plan: module ## Plans and `test` of the module, plans of its examples; TERRAFORM=tofu uses OpenTofu
	@$(PYTEST) tests/plans

module: terraform
	@$(VENV)/python -m tools.attached test

compliance: terraform ## Check that every compliance scenario holds and can fail
	@$(call group,compliance)
	@$(PYTEST) tests/compliance

compatibility: terraform ## Check that AWS and its providers 5.80 to 6 have every name that the module uses
	@$(call group,compatibility)
	@$(PYTEST) tests/compatibility

checkov: setup ## checkov on the module and every example
	@$(call group,checkov)
	@.cache/environments/checkov/bin/checkov >.cache/checkov || { cat .cache/checkov; exit 1; }
	@cat .cache/checkov; ! grep -q 'Parsing errors: [1-9]' .cache/checkov # checkov passes files that it cannot parse

GO_BIN := $(CURDIR)/.cache/go
$(GO_BIN)/tflint:
	@GOBIN=$(@D) go install github.com/terraform-linters/tflint@v0.64.0
$(GO_BIN)/actionlint:
	@GOBIN=$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
golint: $(GO_BIN)/tflint $(GO_BIN)/actionlint ## tflint with all rules, and actionlint; Go builds both (minutes, once)
	@set -e; for root in . examples/*/; do $(GO_BIN)/tflint --config=$(CURDIR)/.tflint.hcl --chdir=$$root; done
	@$(GO_BIN)/actionlint .github/workflows/*.yml examples/ci/workflow.yml

e2e: terraform ## End to end on a local AWS and a simulated Cloudflare
	@$(call group,operations)
	@$(PYTEST) tests/e2e

PYTHONS := 3.11 3.12 3.13 3.14
matrix: $(UV) ## Unit tests on the other Pythons of this machine, with both majors of urllib3
	@set -e; PATH="$$(printf '%s:' "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin)$$PATH"; \
	for python in $(PYTHONS); do \
		$(UV) python find --system $$python >/dev/null 2>&1 || { echo "Python $$python: not found here"; continue; }; \
		for urllib3 in 1 2; do \
			echo "Python $$python, urllib3 $$urllib3"; \
			$(UV) run --quiet --isolated --frozen --only-group unit --python $$python --with "urllib3==$$urllib3.*" \
				python -m pytest -n auto -p no:cacheprovider tests/unit --hypothesis-profile=few; \
		done; \
	done

bench: $(UV) ## Measure side by side: cold and warm start, upload to fresh, memory, requests
	@$(call group,bench)
	@.cache/environments/bench/bin/python -m tests.bench --docs

simulate: setup ## Simulate bursts, outages and other users in virtual time
	@$(VENV)/python -m tests.bench.simulate

soak: terraform ## Ledger and fuzz with 100,000 cases each, other seeds, and 10,000 real uploads
	$(PYTEST) -n auto tests/ledger/test_ledger.py tests/fuzz/test_fuzz.py --schedules=100000 --inputs=100000 \
		--hypothesis-seed=$(shell date +%s)
	$(PYTEST) -n auto tests/unit --hypothesis-profile=other
	$(PYTEST) tests/e2e/test_bulk.py -s --objects=10000

zip: ## Build lambda/cf_purge.zip from its source
	@$(PYTHON) lambda/package.py

docs: setup ## Write docs/reference.md from inputs and outputs
	@$(VENV)/python -m tools.docs

links: setup ## Check all external links of the documents
	@$(LYCHEE) --accept 100..=103,200..=299,401,403,405,406,429

lock: $(UV) ## Lock the newest allowed versions
	@$(UV) lock --upgrade

clean: ## Remove everything that these targets created
	@rm -rf .venv .cache .logs .terraform .terraform.lock.hcl .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find examples -name .terraform -prune -exec rm -rf {} + ; find examples -name .terraform.lock.hcl -delete
