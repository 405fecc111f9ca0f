# woohub. `make` alone lists the targets.

PYTHON ?= python3
ARCHITECTURE ?= arm64
ENVIRONMENT ?= default
STEP := @packaging/step
UV := .venv/bin/uv
SAM := .venv-sam/bin/sam
SCANNER := .venv-scanner/bin
INSTALL := $(UV) pip install --require-hashes

# AWS's command line and `woohub` read AWS_REGION; boto3, and so sam, reads only AWS_DEFAULT_REGION.
ifdef AWS_REGION
export AWS_DEFAULT_REGION := $(AWS_REGION)
endif

export UV_SYSTEM_CERTS ?= true
export SAM_CLI_TELEMETRY := 0

# Containers often set this variable to keep their layers small. Without byte code, each of the many processes that the
# tests and the local stack start compiles all modules that it imports, which takes a third of the tests' time.
unexport PYTHONDONTWRITEBYTECODE

# With these variables, nothing that runs on this machine reaches a real AWS account.
LOCAL := env -u AWS_PROFILE -u AWS_DEFAULT_PROFILE -u AWS_SESSION_TOKEN -u AWS_ENDPOINT_URL AWS_CONFIG_FILE=/dev/null \
	AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_ACCESS_KEY_ID=local \
	AWS_SECRET_ACCESS_KEY=local AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1

.DEFAULT_GOAL := help
.PHONY: help install format check audit unit test bench soak demo local build deploy lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/ready .venv-sam/ready .venv-emulator/ready .venv-scanner/ready ## Install everything into four environments in this folder

format: .venv/ready ## Format the code
	.venv/bin/ruff check --quiet --fix-only .
	.venv/bin/ruff format .

check: .venv/ready .venv-sam/ready .venv-scanner/ready ## Format, lint, types, spelling, template and its security
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/codespell
	@echo "sam validate --lint" && $(LOCAL) $(SAM) validate --lint
	@mkdir -p .aws-sam && .venv-sam/bin/python tools/generators/expanded.py template.yaml >.aws-sam/expanded.json
	$(SCANNER)/checkov --config-file .checkov.yaml --file .aws-sam/expanded.json

audit: .venv-scanner/ready ## Check the locked packages for known vulnerabilities
	@for lock in layers/dependencies/requirements.txt requirements/*.txt; do \
		echo "$$lock" && $(SCANNER)/pip-audit --strict --disable-pip --require-hashes --requirement "$$lock" || exit 1; done

# In one process: starting others and giving them each of 2,500 tests takes longer than running the tests.
unit: .venv/ready ## Run the tests that need no AWS and no server, with fewer random examples: seconds
	@$(LOCAL) .venv/bin/pytest --hypothesis-profile quick tests/unit $(PYTEST)

# One process more than cores, since the end-to-end tests mostly wait for the emulated AWS.
test: install ## Run all tests (PYTEST="-k breaker" for some)
	@export PYTEST_XDIST_AUTO_NUM_WORKERS=$$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) && \
	$(LOCAL) .venv/bin/pytest --numprocesses auto --dist worksteal $(PYTEST)

bench: .venv/ready ## Measure woohub and the flow it replaces, and check the goals (BENCH=--write renews docs/benchmarks.md)
	@.venv/bin/python -m benchmark $(BENCH)

soak: install ## Run the model test on 20 seeds, a longer stateful test and more random examples (half an hour)
	@MODEL_SEEDS=20 MODEL_EXAMPLES=2000 $(LOCAL) .venv/bin/pytest --numprocesses auto --hypothesis-profile long \
		tests/model tests/unit

demo: install ## Run the deployed stack on this machine, send real deliveries, show the result
	@$(LOCAL) .venv/bin/python -m local_stack demo

local: install ## Run the stack on this machine until interrupted
	@$(LOCAL) .venv/bin/python -m local_stack up

# The template's parameters: a name for the release, those of samconfig.toml for the environment, and PARAMETERS. All
# other parameters keep their value in the deployed stack.
RELEASE = $(shell git describe --always --dirty 2>/dev/null)-$(shell date -u +%Y%m%dT%H%M%SZ)
CONFIGURED = $(shell .venv/bin/python -c 'import tomllib; print(tomllib.load(open("samconfig.toml", "rb"))["$(ENVIRONMENT)"]["deploy"]["parameters"].get("parameter_overrides", ""))')
# The stack whose pushed mapping is checked before a deployment: a release that cannot read it stops all deliveries.
STACK = $(shell .venv/bin/python -c 'import tomllib; print(tomllib.load(open("samconfig.toml", "rb"))["$(ENVIRONMENT)"]["global"]["parameters"]["stack_name"])')
OVERRIDES = Architecture=$(ARCHITECTURE) Release=$(RELEASE) $(CONFIGURED) $(PARAMETERS)

build: .venv/ready .venv-sam/ready ## Build what is deployed (ARCHITECTURE=arm64 or x86_64)
	ARCHITECTURE=$(ARCHITECTURE) $(SAM) build --config-env $(ENVIRONMENT) --parameter-overrides Architecture=$(ARCHITECTURE)

deploy: build ## Deploy to AWS with your credentials (PARAMETERS="AlarmEmail=you@example.com", ENVIRONMENT=staging)
	.venv/bin/woohub mapping check --pushed --stack $(STACK)
	$(SAM) deploy --config-env $(ENVIRONMENT) $(DEPLOY) --parameter-overrides $(OVERRIDES)

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(UPGRADE)
RUNTIME_HAS := boto3 botocore s3transfer python-dateutil six# Lambda's runtime has boto3 and what it needs

lock: .venv/ready ## Renew the locked versions (UPGRADE=--upgrade for newer ones)
	$(LOCK) pyproject.toml --group dev --output-file requirements/dev.txt
	$(LOCK) --group sam --output-file requirements/sam.txt
	$(LOCK) --group emulator --output-file requirements/emulator.txt
	$(LOCK) --group scanner --output-file requirements/scanner.txt
	$(LOCK) --group functions --constraints requirements/dev.txt $(RUNTIME_HAS:%=--no-emit-package %) \
		--output-file layers/dependencies/requirements.txt

clean: ## Remove environments and everything built
	rm -rf .venv .venv-sam .venv-emulator .venv-scanner .aws-sam .local .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Four environments, because the pinned versions of sam, the emulator, the scanner and the project exclude each other.

.venv/ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
		echo "woohub needs Python 3.11 to 3.14, but $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	$(STEP) "Python environment" $(PYTHON) -m venv .venv
	@awk '/^uv==/,!/\\$$/' requirements/dev.txt >.venv/uv.txt
	$(STEP) "uv" .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(STEP) "woohub's packages" $(INSTALL) --python .venv --requirements requirements/dev.txt
	$(STEP) "woohub" $(UV) pip install --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

.venv-%/ready: requirements/%.txt | .venv/ready
	$(STEP) "Python environment for $*" .venv/bin/python -m venv --without-pip .venv-$*
	$(STEP) "packages for $*" $(INSTALL) --python .venv-$* --requirements requirements/$*.txt
	@touch $@
