#!/usr/bin/env bash
# Runs examples/four_languages: four workers in four languages, each a process of its own, on one PostgreSQL.
#   scripts/with-postgres.sh scripts/test-four-languages.sh
# It uses what the suites of the three packages have built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
tasker=$target/debug/tasker
example=examples/four_languages
: "${TASKER_TEST_DATABASE_URL:?run it beside a PostgreSQL: scripts/with-postgres.sh $0}"
# How long a run may take: it takes about a second, and the rest is for a machine that is busy with something else.
patience=120s

folder=$(mktemp -d)
declare -A workers=()

fail() {
  echo "four languages: $*" >&2
  for language in "${!workers[@]}"; do sed "s/^/$language: /" "$folder/$language.log" >&2; done
  exit 1
}

end() {
  for pid in "${workers[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap end EXIT

begin() {
  local language=$1
  shift
  "$@" >"$folder/$language.log" 2>&1 &
  workers[$language]=$!
}

# A task with this input, at its end.
run() {
  "$tasker" task submit four_languages/parcel --input "$1" --wait --timeout "$patience" -o json "${@:2}"
}

expect() {
  local got
  got=$(jq --raw-output "$2" <<<"$1")
  [[ $got == "$3" ]] || fail "$2 is $got and not $3"
}

export DATABASE_URL=$TASKER_TEST_DATABASE_URL

# `cargo test` has built both before.
[[ -x $tasker && -x $target/debug/examples/parcel_worker ]] ||
  cargo build --quiet --locked -p tasker-cli -p tasker-examples --bins --example parcel_worker
"$tasker" migrate >/dev/null
"$tasker" template register "$example/template.yaml" >/dev/null

begin rust "$target/debug/examples/parcel_worker"
begin python "$target/python/tools/bin/python" "$example/worker.py"
begin ruby ruby -I bindings-ruby/lib "$example/worker.rb"
begin typescript node bindings-node/build/$example/worker.js

traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
task=$(run "@$example/input.json" --traceparent "$traceparent") || fail "the parcel did not arrive: ${task:-}"
expect "$task" .status complete
expect "$task" '[.steps[].name] | join(" ")' "weigh price label notify"
expect "$task" '[.steps[].attempts | tostring] | join(" ")' "1 1 2 1"
expect "$task" '.steps[3].results.text' "Zoë Łukasiewicz, POLSKA: 1.5 kg for 3.60 €"
expect "$task" '.steps[3].results.is_same_customer' true
expect "$task" '.steps[3].results.traceparent' "$traceparent"
# jq itself has no integers of 64 bits.
[[ $task =~ \"customer_number\":\ *9223372036854775807.*\"customer_number\":\ *9223372036854775807.*\"is_same_customer\" ]] ||
  fail "the customer's number was changed on its way"
four=$("$tasker" worker list -o json | jq --raw-output '[.items[].language] | unique | join(" ")')
[[ $four == "python ruby rust typescript" ]] || fail "the workers are in $four"

# A failure in one language ends the task for all.
lost=$(run '{"items": [], "address": {"name": "Ann", "country": "XX"}, "customer_number": 1}' || true)
expect "$lost" .status error
expect "$lost" .error.code country_unknown
expect "$lost" '.steps[3].current_state' cancelled

for language in "${!workers[@]}"; do
  kill -TERM "${workers[$language]}"
  status=0
  wait "${workers[$language]}" || status=$?
  # Node ends by the signal itself once it is drained, as programs do that are asked to stop.
  ((status == 0 || status == 143)) || fail "the worker in $language ended with $status"
done
workers=()
echo "four languages: one parcel through four workers"
