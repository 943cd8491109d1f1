#!/usr/bin/env bash
# Runs COMMAND beside a throw-away PostgreSQL cluster, and passes its exit code through.
#   scripts/with-postgres.sh COMMAND [ARGUMENT...]
# COMMAND finds the cluster's URL (a superuser's) in TASKER_TEST_DATABASE_URL, and in TASKER_TEST_DATABASE_CRASH a program that
# ends it as a crash does and starts it again. The cluster listens on a free port of
# 127.0.0.1 and is stopped and removed whatever happens, Ctrl-C included. Several can run at once.
#   TASKER_PG_DURABLE=1       keep fsync and synchronous_commit on, as production does (benchmarks)
#   TASKER_PG_OPTIONS='...'   more server options, such as '-c shared_buffers=512MB'
#   TASKER_PG_BIN=folder      the server binaries to use
#   TMPDIR=folder             where the cluster's files go
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
  echo "with-postgres: $*" >&2
  exit 1
}

(($# > 0)) || die "name the command to run: scripts/with-postgres.sh COMMAND [ARGUMENT...]"
bin=$("$here/find-postgres.sh") || die "no PostgreSQL server found: run scripts/install-packages.sh postgresql, or set TASKER_PG_BIN"
version=$("$bin/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
((version >= 14)) || die "PostgreSQL 14 or newer is needed and $bin holds $version: set TASKER_PG_BIN to a newer one"

folder=
child=

# PostgreSQL refuses to run as root.
as_server() {
  if ((EUID != 0)); then
    "$@"
  elif command -v runuser >/dev/null; then
    runuser -u "$server_user" -- "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid="$server_user" --regid="$(id -g "$server_user")" --clear-groups "$@"
  else
    su "$server_user" -s /bin/sh -c 'exec "$0" "$@"' -- "$@"
  fi
}
server_user=nobody
if id postgres >/dev/null 2>&1; then server_user=postgres; fi

remove_cluster() {
  trap '' INT TERM HUP
  if [[ -z $folder ]]; then return; fi
  cd /
  if [[ -f $folder/data/postmaster.pid ]]; then
    as_server "$bin/pg_ctl" stop --silent --wait --mode=immediate --pgdata="$folder/data" || true
  fi
  rm -rf "$folder"
}

# A signal ends the command first, so that it never sees its database vanish.
end_by() {
  trap '' INT TERM HUP
  if [[ -n $child ]]; then
    kill -s "$1" "$child" 2>/dev/null || true
    wait "$child" || true
  fi
  exit $((128 + $(kill -l "$1")))
}
trap remove_cluster EXIT
for signal in INT TERM HUP; do trap "end_by $signal" "$signal"; done

fail_with_log() {
  tail -n 20 "$folder/log" >&2
  die "$1; the end of its log is above"
}

# The password is for other users of this machine, and goes over loopback only: as plain text, since the hashing that
# SCRAM asks of a client takes a debug build tens of milliseconds per connection.
make_cluster() {
  # The address of a unix socket has about 100 bytes, so the names below are short.
  folder=$(mktemp -d "${TMPDIR:-/tmp}/tasker-pg.XXXXXX")
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "$password" >"$folder/password"
  : >"$folder/log"
  if ((EUID == 0)); then
    chown -R "$server_user" "$folder"
    as_server test -w "$folder" || die "user $server_user cannot reach $folder: set TMPDIR to a folder that it can"
  fi
  (
    cd "$folder"
    as_server "$bin/initdb" --pgdata="$folder/data" --username=tasker --pwfile="$folder/password" \
      --auth=password --encoding=UTF8 --locale=C --no-sync >"$folder/log" 2>&1
  ) || fail_with_log "initdb failed"
}

# Finding a free port and taking it are two steps, and another program may come between them: try again elsewhere.
start_cluster() {
  local options="-c listen_addresses=127.0.0.1 -c unix_socket_directories='$folder' -c max_connections=200"
  if [[ ${TASKER_PG_DURABLE:-0} != 1 ]]; then
    options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
  fi
  local attempt
  for attempt in {1..20}; do
    : >"$folder/log"
    # Below the range from which systems take the ports of outgoing connections.
    port=$((20000 + RANDOM % 12000))
    server_options="$options ${TASKER_PG_OPTIONS:-}"
    if (
      cd "$folder"
      as_server "$bin/pg_ctl" start --silent --wait --pgdata="$folder/data" --log="$folder/log" \
        --options="$server_options -p $port"
    ) >>"$folder/log" 2>&1; then
      return
    fi
    grep -q 'could not create any TCP/IP sockets' "$folder/log" || fail_with_log "PostgreSQL did not start"
  done
  fail_with_log "PostgreSQL found no free port in $attempt attempts"
}

# Immediate mode ends every process at once and writes nothing down, so that the start recovers from the log.
write_crash() {
  local quoted
  quoted=$(printf ' %q' "$bin" "$folder" "$server_user" "$port" "$server_options")
  {
    echo '#!/usr/bin/env bash'
    echo 'set -euo pipefail'
    echo "set --$quoted"
    declare -f as_server
    cat <<'CRASH'
bin=$1 folder=$2 server_user=$3 port=$4 options=$5
cd "$folder"
as_server "$bin/pg_ctl" stop --silent --wait --mode=immediate --pgdata="$folder/data"
as_server "$bin/pg_ctl" start --silent --wait --pgdata="$folder/data" --log="$folder/log" --options="$options -p $port"
CRASH
  } >"$folder/crash"
  chmod +x "$folder/crash"
}

make_cluster
start_cluster
write_crash
export TASKER_TEST_DATABASE_CRASH="$folder/crash"
export TASKER_TEST_DATABASE_URL="postgres://tasker:$password@127.0.0.1:$port/postgres"

# In the background, so that a signal to this script alone is acted on at once; bash would make such a command deaf to
# Ctrl-C and take its input away.
(
  trap - INT QUIT
  exec "$@"
) <&0 &
child=$!
status=0
wait "$child" || status=$?
child=
exit "$status"
