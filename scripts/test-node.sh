#!/usr/bin/env bash
# Builds the package for Node and runs its tests, on PostgreSQL too where TASKER_TEST_DATABASE_URL names one.
#   scripts/with-postgres.sh scripts/test-node.sh [part of a test's path ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../bindings-node"

# npm writes its own copy of the lock file last, so one that is as new says that everything is there.
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then npm ci --loglevel=error; fi
npm run --silent build

# The server that workers with an API's URL are tested on; `cargo test` has built it.
TASKER_BIN=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-../target}/debug/tasker")
export TASKER_BIN
[[ -x $TASKER_BIN ]] || cargo build --quiet --locked -p tasker-cli
npm test --silent -- "$@"
