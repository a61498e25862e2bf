# GNU make is the front door; each recipe is one command that also works alone.
# `make` prints the list below. Pass arguments to the program with ARGS, such as
# `make demo ARGS='--once --output json'`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Exported, so that every cargo below agrees on it; a value of yours wins.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

DEVLAB := $(CARGO_TARGET_DIR)/release/devlab
BENCH := $(CARGO_TARGET_DIR)/release/devlab-bench
ARGS ?=
# Kill rounds of `make chaos`, and the seed of the first one.
ROUNDS ?= 200
STORE ?= sqlite
SEED ?= 1
# Goals of 2,000 tasks that are lived through afterwards; not with postgres, unless this says so.
SEASONS ?=
# Runs of each benchmark; the median is what docs/benchmarks.md quotes.
RUNS ?= 5

.PHONY: help demo up down logs build web clean test e2e lint mutants chaos fuzz interop-spec-kit interop-s3 bench diagrams
.PHONY: preflight-build preflight-test preflight-lint preflight-e2e
.PHONY: lint-fmt lint-clippy lint-deny lint-files lint-links lint-shell lint-diagrams lint-web

help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: build ## Show several agents at work on a real repository
	@$(DEVLAB) demo $(ARGS)

up: build ## Start the lab on this machine
	@$(DEVLAB) up $(ARGS)

# Neither builds: stopping a lab must not take minutes, nor replace its binary.
down: ## Stop the lab that `make up` started
	@[ -x $(DEVLAB) ] || { echo "$(DEVLAB) is not built, so it runs no lab; build it with: make build" >&2; exit 1; }
	@$(DEVLAB) down $(ARGS)

logs: ## Print the lab's logs
	@[ -x $(DEVLAB) ] || { echo "$(DEVLAB) is not built, so there are no logs; build it with: make build" >&2; exit 1; }
	@$(DEVLAB) logs $(ARGS)

build: preflight-build web ## Build target/release/devlab
	cargo build --release --locked -p devlab

web: web/node_modules/.package-lock.json ## Build the browser files into web/dist
	cd web && node build.mjs

# npm writes this file itself, at the end of a complete installation.
web/node_modules/.package-lock.json: web/package.json web/package-lock.json web/.npmrc | preflight-build
	cd web && npm ci --ignore-scripts --no-progress
	touch $@

# The journeys use the binary that cargo has built for the tests of its crate.
test: preflight-test web ## Run every test: Rust, web, the demo's own, the journeys in a browser
	cd web && npm test --silent && npm run budgets --silent
	scripts/mutants.mjs --self-test
	cargo test --workspace --locked --no-fail-fast
	examples/demo/test.sh
	cd web && DEVLAB_BINARY=$(CARGO_TARGET_DIR)/debug/devlab npm run journeys --silent

e2e: preflight-e2e build ## Drive the dashboard in Chromium: journeys, axe, pictures, budgets
	cd web && npm run budgets --silent
	cd web && npm run e2e --silent -- $(if $(ARGS),--pass-with-no-tests) $(ARGS)
	cd web && npm run measure --silent -- $(if $(ARGS),--pass-with-no-tests) $(ARGS)

interop-s3: preflight-test web ## Try blobs, and a whole lab with a backup, at a real S3 server, with restarts (needs Go)
	@command -v go >/dev/null || { echo "the gateway is built with Go: install it, e.g. with: sudo apt-get install golang" >&2; exit 1; }
	gateway=$$(scripts/tool versitygw) && \
	DEVLAB_VERSITYGW=$$gateway cargo test --locked -p devlab-store -p devlab --test it interop -- --ignored --test-threads=1

lint: lint-fmt lint-clippy lint-deny lint-files lint-links lint-shell lint-diagrams lint-web ## Check format, lints, licences, links, scripts

lint-fmt: preflight-lint
	cargo fmt --all --check

lint-clippy: preflight-lint
	cargo clippy --workspace --all-targets --locked -- -D warnings

lint-deny: preflight-lint
	deny=$$(scripts/tool cargo-deny) && "$$deny" --locked check --hide-inclusion-graph licenses bans sources

lint-files:
	scripts/check-files
	scripts/mutants.mjs --check

lint-links: preflight-lint
	scripts/check-links.mjs

lint-shell:
	scripts/check-shell

lint-diagrams:
	scripts/diagrams --check

lint-web: web/node_modules/.package-lock.json
	cd web && npm run lint --silent

mutants: preflight-build ## Break each rule that matters and see its test fail
	scripts/mutants.mjs $(ARGS)

chaos: preflight-build web ## Kill processes for ROUNDS=200 rounds and look for losses; then live SEASONS=5000 goals
	ROUNDS=$(ROUNDS) SEED=$(SEED) STORE=$(STORE) SEASONS=$(SEASONS) scripts/chaos

fuzz: preflight-build ## Give the parsers whatever, for SECONDS_EACH=60 each (needs a nightly toolchain)
	scripts/fuzz $(ARGS)

interop-spec-kit: preflight-build ## Compile a feature that the real Spec-Kit makes
	scripts/interop-spec-kit $(ARGS)
	cargo test --locked -p devlab-core --lib plan::spec_kit

bench: build ## Measure; JSON in target/bench/
	cargo build --release --locked -p devlab-bench
	mkdir -p $(CARGO_TARGET_DIR)/bench
	$(BENCH) all --server $(DEVLAB) --runs $(RUNS) --out $(CARGO_TARGET_DIR)/bench $(ARGS)

diagrams: ## Draw docs/images/*.svg from their .dot sources (needs graphviz)
	scripts/diagrams

clean: ## Remove what the build made
	cargo clean
	rm -rf web/dist web/node_modules

preflight-build:
	@scripts/preflight build

preflight-test:
	@scripts/preflight test

preflight-lint:
	@scripts/preflight lint

preflight-e2e:
	@scripts/preflight e2e
