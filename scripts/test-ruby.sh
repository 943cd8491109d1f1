#!/usr/bin/env bash
# Builds the native part of the gem and runs its specs: on SQLite, and on PostgreSQL where TASKER_TEST_DATABASE_URL names one.
#   scripts/test-ruby.sh [ARGUMENT OF RSPEC...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/build-ruby.sh"
cd "$root/bindings-ruby"
rspec --format progress "$@"
