#!/usr/bin/env bash
# Tries running servers with what schemathesis makes up from their OpenAPI document: no answer may be a fault of the server, or
# be other than documented.
#   scripts/check-api.sh TASKER     TASKER is the command to test
# On SQLite, and on the PostgreSQL of TASKER_TEST_DATABASE_URL where it is set. Bounded: TASKER_CHECK_SECONDS (60) a database.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tasker=$(realpath "${1:?name the command to test: scripts/check-api.sh target/debug/tasker}")
version=4.32.5

venv=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/schemathesis
if [[ $("$venv/bin/schemathesis" --version 2>/dev/null) != *" $version" ]]; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi

folder=$(mktemp -d)
server=
stop() {
  if [[ -n $server ]]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
  server=
}
trap 'stop; rm -rf "$folder"' EXIT

ask() {
  curl --silent --show-error --fail-with-body --max-time 30 "$@"
}

# Something to find: templates, tasks that wait, one that was stopped, a worker.
fill() {
  local example task worker=01890000-0000-7000-8000-0000000000c0
  for example in "$root"/examples/*/template.yaml; do
    ask "$1/v1/templates" -H 'content-type: application/yaml' --data-binary "@$example" >/dev/null
  done
  ask "$1/v1/workers" -H 'content-type: application/json' -d '{"worker_id": "'$worker'", "host": "here", "pid": 1,
    "language": "shell", "slots": 1, "handlers": ["none"], "queues": []}' >/dev/null
  for _ in 1 2 3; do
    task=$(ask "$1/v1/tasks" -H 'content-type: application/json' -d '{"namespace": "ecommerce", "name": "ecommerce_order",
      "context": '"$(cat "$root/examples/ecommerce_order/input.json")"'}' | jq -r .task_uuid)
  done
  cat >"$folder/schemathesis.toml" <<TOML
[parameters]
"path.task_uuid" = "$task"
"path.step_uuid" = "$(ask "$1/v1/tasks/$task/workflow_steps" | jq -r '.[0].step_uuid')"
"path.worker_id" = "$worker"
"path.namespace" = "ecommerce"
"path.name" = "ecommerce_order"
"path.version" = "$(ask "$1/v1/templates/ecommerce/ecommerce_order" | jq -r .version)"
TOML
}

check() {
  local data="$folder/$1" url
  mkdir -p "$data"
  (cd "$data" && exec "$tasker" server --store "$2" --listen 127.0.0.1:0 --log error -o json) >"$data/said" &
  server=$!
  until [[ -s $data/said ]]; do
    kill -0 "$server" || return 1
    sleep 0.1
  done
  url=$(head -n 1 "$data/said" | jq -r .url)
  fill "$url"
  echo "== schemathesis against a server on $1"
  # A stream of events ends with its task only. Run in the folder that goes: what is found is kept beside where it runs.
  (cd "$data" && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/scripts" SCHEMATHESIS_HOOKS=impatience timeout $((${TASKER_CHECK_SECONDS:-60} + 240)) "$venv/bin/schemathesis" --config-file "$folder/schemathesis.toml" \
    run "$url/api-docs/openapi.json" --phases coverage,fuzzing --max-examples 15 --seed "${TASKER_CHECK_SEED:-1}" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
    --exclude-path-regex '/events$' --request-timeout 20 --suppress-health-check all --warnings off)
  stop
}

check sqlite sqlite:check.db
if [[ -n ${TASKER_TEST_DATABASE_URL:-} ]]; then check postgresql "$TASKER_TEST_DATABASE_URL"; fi
