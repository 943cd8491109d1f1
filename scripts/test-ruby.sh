#!/usr/bin/env bash
# Builds the native part of the gem and runs its specs: on SQLite, and on PostgreSQL where TASKER_TEST_DATABASE_URL names one.
#   scripts/test-ruby.sh [ARGUMENT OF RSPEC...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/build-ruby.sh"

# The server that workers with an API's URL are tested on; `cargo test` has built it.
target=${CARGO_TARGET_DIR:-$root/target}
cd "$root"
TASKER_BIN=$(realpath --canonicalize-missing "$target/debug/tasker")
export TASKER_BIN
[[ -x $TASKER_BIN ]] || cargo build --quiet --locked -p tasker-cli

cd "$root/bindings-ruby"
rspec --format progress "$@"
