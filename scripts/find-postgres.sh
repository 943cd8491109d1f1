#!/usr/bin/env bash
# Prints the folder that holds PostgreSQL's server binaries (initdb, pg_ctl, postgres), or fails silently.
# TASKER_PG_BIN names the folder outright; otherwise PATH, pg_config and the usual places are tried in that order.
set -euo pipefail

has_server() {
  [[ -x $1/initdb && -x $1/pg_ctl && -x $1/postgres ]]
}

candidates() {
  if [[ -n ${TASKER_PG_BIN:-} ]]; then
    echo "$TASKER_PG_BIN"
    return
  fi
  if command -v initdb >/dev/null; then dirname "$(command -v initdb)"; fi
  if command -v pg_config >/dev/null; then pg_config --bindir; fi
  # Debian, Red Hat, Homebrew on Apple silicon and on Intel, Postgres.app: the newest version of each first.
  printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
    /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin | sort -rV
}

while IFS= read -r folder; do
  if has_server "$folder"; then
    echo "$folder"
    exit 0
  fi
done < <(candidates)
exit 1
