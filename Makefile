# `make` alone lists what there is.
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

.venv: pyproject.toml
	python3 -m venv .venv
	$(BIN)/pip install -q -e '.[dev]'
	@touch .venv

.PHONY: test
test: .venv ## Run the tests
	$(BIN)/pytest

# Without the downloads of models, in which pip runs for seconds.
.PHONY: quick
quick: .venv ## Run what is pure and a thin slice through the front door, on SQLite: half a minute
	$(BIN)/pytest -n 3 -k "not postgres" --ignore tests/unit/test_model_download.py tests/unit tests/docs/test_architecture.py tests/docs/test_sizes.py $(addprefix tests/,$(SLICE))

# A question over HTTP and at the command line, accounts, settings.
SLICE := api/test_accounts.py api/test_questions.py cli/test_ask.py cli/test_config.py

.PHONY: soak
soak: .venv ## Run the tests, and the long rounds of the checks too
	ASKCLI_SOAK=1 $(BIN)/pytest

SEEDS ?= 1000

.PHONY: nights
nights: .venv ## Simulate nights with faults: SEEDS=1000 of them, from seed FROM=0 on; POSTGRES=1, TWICE=1, JOBS=2
	$(BIN)/python -m tests.simulation $(or $(FROM),0) --count $(SEEDS) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(POSTGRES),--postgres) $(if $(TWICE),--twice)

.PHONY: check
check: .venv ## Format, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: .venv ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: .venv ## Regenerate docs/cli.md, man pages and completion scripts from the help texts
	$(BIN)/python tools/reference.py

.PHONY: schema
schema: .venv ## Write what the migrations make of an empty SQLite database into store/migrations/newest.sql
	$(BIN)/python tools/schema.py

.PHONY: hooks
hooks: .venv ## Install the checks as git hooks
	$(BIN)/pre-commit install

.PHONY: matrix
matrix: .venv ## Run the quick tests on every supported Python that is installed
	$(BIN)/nox

# QUICK=1: two minutes. Its result goes into docs/performance.md, .json and .svg.
.PHONY: bench
bench: .venv ## Measure speed beside other servers and commands: a quarter of an hour (npm, network)
	$(BIN)/python -m benchmarks --write $(if $(QUICK),--quick) $(if $(PYTHON),--python $(PYTHON))
	$(BIN)/python -m benchmarks.capacity --write

.PHONY: release
release: .venv ## Build wheel and sdist, check them, and try the wheel in a fresh environment
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	bash tools/try_wheel.sh dist/*.whl

.PHONY: generators
generators: .venv ## Generate clients of the API with four generators and call a server with each (npm, network)
	bash tools/generators/run.sh

.PHONY: ci
ci: ## What decides whether a change lands
	bash .ci/run

.PHONY: serve
serve: .venv ## Serve the API on this machine
	$(BIN)/askcli serve

# BASE=… another base image, PIP_CONF=… a pip.conf of your own, NETWORK=host, PLATFORM=linux/arm64, BUILDER=buildah
TAG ?= askcli

.PHONY: image
image: ## Build the container image with docker, podman or buildah: TAG=askcli
	bash tools/image.sh $(TAG)

.PHONY: constraints
constraints: .venv ## Renew the versions and hashes that the image and the release are built of
	bash tools/constraints.sh

.PHONY: audit
audit: .venv ## Look up known weaknesses of these versions (network)
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r deploy/constraints/server.txt

.PHONY: deploy-check
deploy-check: .venv ## Check what deploys askcli against schemas and linters
	$(BIN)/pip install -q -e '.[deploy]'
	bash tools/check_deploy.sh
