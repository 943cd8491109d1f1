#!/usr/bin/env bash
# Measures handlers in Python, Ruby and Node that do nothing, beside those in Rust: the same workloads, one after the other.
#   scripts/bench-languages.sh build                    optimised builds of all of them, by one call of cargo
#   scripts/bench-languages.sh sqlite [WORKLOAD]        one task at a time, then all at once; diamond if not given
#   scripts/bench-languages.sh postgres [WORKLOAD]      the same on a throw-away PostgreSQL that syncs every commit
#   scripts/bench-languages.sh steps [ROUNDS]           what each step of a chain takes more than in Rust, on SQLite; 5 rounds if not given
#   scripts/bench-languages.sh memory LANGUAGE CALLS [SLOTS]    the memory of the process after every 20th of so many calls
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$root/target}")
folder=$target/bench-languages

build() {
  cd "$root"
  # As maturin calls it: the library finds Python in the process that loads it.
  PYO3_BUILD_EXTENSION_MODULE=1 cargo build --release --locked -p tasker-cli -p tasker-py -p tasker-ruby -p tasker-node
  rm -rf "$folder"
  mkdir -p "$folder/python" "$folder/ruby" "$folder/node"
  cp -r bindings-python/tasker_core "$folder/python/"
  cp "$target/release/libtasker_py.so" "$folder/python/tasker_core/_native.abi3.so"
  cp -r bindings-ruby/lib bindings-ruby/exe "$folder/ruby/"
  local minor
  minor=$(ruby -e 'print RUBY_VERSION[/\A\d+\.\d+/]')
  rm -rf "$folder/ruby/lib/tasker_core/$minor"
  mkdir -p "$folder/ruby/lib/tasker_core/$minor"
  cp "$target/release/libtasker_core_ruby.so" "$folder/ruby/lib/tasker_core/$minor/tasker_core.so"
  (cd bindings-node && { [[ -d node_modules ]] || npm ci --loglevel=error; } && npm run --silent build:ts)
  cp -r bindings-node/{dist,native.cjs,platform.cjs,package.json} "$folder/node/"
  cp "$target/release/libtasker_node.so" \
    "$folder/node/tasker.$(node -p "require('$root/bindings-node/platform.cjs').platformName()").node"
}

bench() {
  local language=$1
  shift
  case $language in
    rust) "$target/release/tasker" bench "$@" ;;
    python) PYTHONPATH=$folder/python python3 -m tasker_core.bench "$@" ;;
    ruby) ruby -I "$folder/ruby/lib" "$folder/ruby/exe/tasker-bench" "$@" ;;
    node) node "$folder/node/dist/esm/bin/bench.js" "$@" ;;
    *) echo "say rust, python, ruby or node, and not $language" >&2 && exit 2 ;;
  esac
}

each() {
  local language
  for language in rust python ruby node; do
    echo "== $language"
    bench "$language" --workload "${1:-diamond}" --slots 256 "${@:2}"
  done
}

# The median latency of one task at a time, in milliseconds.
latency() {
  local format=()
  case $1 in
    rust) format=(--output json) ;;
    node) format=(--json) ;;
  esac
  bench "$1" --workload "$2" --slots 256 --tasks 1 --latency-tasks 300 "${format[@]}" |
    jq '.p50_ms // .latency.p50_ms // .latency_ms.p50 // .latency.end_to_end_ms.p50'
}

# In turn, since such machines differ from one minute to the next. A task's own time is in both workloads, and cancels out.
steps() {
  local round language
  for ((round = 0; round < $1; round++)); do
    for language in rust python ruby node; do
      echo "$language $(latency "$language" single) $(latency "$language" linear10)"
    done
  done | awk '
    { took = ($3 - $2) / 9; if ($1 == "rust") rust = took; times[$1] = times[$1] sprintf(" %.3f (+%.3f)", took, took - rust) }
    END { for (language in times) print language ", ms a step (more than Rust):" times[language] }'
}

# A cluster for each, or what one leaves behind would slow the next.
each_on_postgres() {
  local language
  for language in rust python ruby node; do
    TASKER_PG_DURABLE=1 "$here/with-postgres.sh" "${BASH_SOURCE[0]}" on_postgres "$language" "$1"
  done
}

on_postgres() {
  echo "== $1"
  bench "$1" --workload "$2" --slots 256 --store "$TASKER_TEST_DATABASE_URL"
}

case ${1:-} in
  build) build ;;
  sqlite) each "${2:-diamond}" ;;
  postgres) each_on_postgres "${2:-diamond}" ;;
  on_postgres) on_postgres "$2" "$3" ;;
  steps) steps "${2:-5}" ;;
  memory) bench "$2" --workload diamond --slots "${4:-256}" --calls "$3" ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
