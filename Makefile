# Everything a newcomer or CI does, each with its set-up included. A plain `make` lists the targets.

# rustup puts cargo here; a shell that was open while it did so does not know yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# More flags for the targets below: make test ARGS='-p tasker-core', make bench ARGS='--workload fan100'
ARGS ?=

.PHONY: help demo test chaos check-api lint fmt bench clean setup
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

# The dev profile, since it builds soonest from a cold clone: the demo does little work of its own, and `make test` goes
# on with what it built.
demo: setup ## Build Tasker and watch a workflow run, on SQLite
	cargo build -p tasker-cli
	@cargo run --quiet -p tasker-cli -- demo $(ARGS)

test: setup ## Run every test, on SQLite and on throw-away servers of PostgreSQL and NATS
	@scripts/install-packages.sh postgresql nats http python ruby node
	scripts/with-postgres.sh cargo test $(or $(ARGS),--workspace)
	$(if $(ARGS),,$(MAKE) check-api)
	$(if $(ARGS),,scripts/with-postgres.sh scripts/python.sh test)
	$(if $(ARGS),,scripts/with-postgres.sh scripts/test-ruby.sh)
	$(if $(ARGS),,scripts/with-postgres.sh scripts/test-node.sh)
	$(if $(ARGS),,scripts/with-postgres.sh scripts/test-four-languages.sh)

chaos: setup ## Kill servers, workers and NATS nodes at random for five minutes, and look for losses
	@scripts/install-packages.sh postgresql nats
	TASKER_CHAOS_SECONDS=$${TASKER_CHAOS_SECONDS:-300} scripts/with-postgres.sh \
	  cargo test -p tasker-cli --test process chaos -- --nocapture $(ARGS)

check-api: setup ## Try the server with made-up requests, on both databases
	@scripts/install-packages.sh postgresql http
	cargo build -p tasker-cli
	scripts/with-postgres.sh scripts/check-api.sh "$${CARGO_TARGET_DIR:-target}/debug/tasker"

lint: setup ## Check formatting, lints, types and the shell scripts' syntax
	@scripts/install-packages.sh python ruby node
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/python.sh lint
	rubocop --config bindings-ruby/.rubocop.yml bindings-ruby examples
	for script in .ci/run scripts/*.sh; do bash -n $$script || exit 1; done
	cd bindings-node && { [ -x node_modules/.bin/biome ] || npm ci --loglevel=error; } && npm run --silent lint

fmt: ## Format the code
	cargo fmt --all

bench: setup ## Measure the engine on a PostgreSQL that syncs every commit
	@scripts/install-packages.sh postgresql
	cargo build --release -p tasker-cli
	TASKER_PG_DURABLE=1 scripts/with-postgres.sh sh -c \
	  'cargo run --quiet --release -p tasker-cli -- bench --store "$$TASKER_TEST_DATABASE_URL" $(ARGS)'

clean: ## Remove what was built
	cargo clean

setup:
	@scripts/check-rust.sh
	@scripts/install-packages.sh compiler
