#!/usr/bin/env bash
# Installs what is missing of the things named, and nothing else; says nothing when all is there.
#   scripts/install-packages.sh [compiler] [postgresql] [nats] [http] [python] [ruby] [node]
# compiler: the C compiler that links Rust programs and builds the bundled SQLite.
# postgresql: the server binaries; no server of the system's own is set up or started.
# nats: the NATS server, which tests start and stop themselves; none of the system is started.
# http: what asks the server in tests: curl, jq, and Python for schemathesis.
# python: Python 3.10 or newer, able to make virtual environments.
# ruby: Ruby with its headers and libclang, which the gem is built with; RSpec, RuboCop and Puma, which test it.
# node: Node 20 or newer with npm.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
  printf 'install-packages: %s\n' "$@" >&2
  exit 1
}

is_missing() {
  case $1 in
    compiler) ! command -v cc >/dev/null ;;
    postgresql) ! "$here/find-postgres.sh" >/dev/null ;;
    nats) ! has_nats ;;
    http) ! command -v curl >/dev/null || ! command -v jq >/dev/null || ! python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    python) ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ;;
    ruby) ! has_ruby ;;
    node) ! has_node ;;
    *) die "\`$1\` is not known here: say compiler, postgresql, nats, http, python, ruby or node" ;;
  esac
}

has_nats() {
  [[ -n ${TASKER_NATS_SERVER:-} ]] || PATH=$PATH:/usr/sbin:/usr/local/sbin command -v nats-server >/dev/null
}

has_ruby() {
  command -v ruby >/dev/null && command -v rspec >/dev/null && command -v rubocop >/dev/null && command -v puma >/dev/null &&
    ruby -rrbconfig -e 'exit RUBY_VERSION >= "3.1" && File.exist?(File.join(RbConfig::CONFIG["rubyhdrdir"], "ruby.h"))' &&
    has_libclang
}

# bindgen looks in these places; LIBCLANG_PATH names another.
has_libclang() {
  [[ -n ${LIBCLANG_PATH:-} ]] || compgen -G '/usr/lib*/llvm*/lib*/libclang*' >/dev/null ||
    compgen -G '/usr/lib*/libclang*' >/dev/null || compgen -G '/Library/Developer/CommandLineTools/usr/lib/libclang*' >/dev/null
}

has_node() {
  command -v npm >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif [[ -t 0 ]]; then
    sudo "$@"
  else
    sudo --non-interactive "$@"
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --quiet=2 --yes --no-install-recommends -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" \
    </dev/null >/dev/null
}

# The package would make and start a cluster on port 5432; the tests bring their own.
install_postgresql() {
  local settings=/etc/postgresql-common/createcluster.conf
  apt_install postgresql-common
  as_root sed -i.before-tasker -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' "$settings"
  local status=0
  apt_install postgresql || status=$?
  as_root mv "$settings.before-tasker" "$settings"
  return "$status"
}

install() {
  case $1 in
    compiler) apt_install gcc libc6-dev ;;
    postgresql) install_postgresql ;;
    nats) apt_install nats-server ;;
    http) apt_install curl jq python3 python3-venv ;;
    python) apt_install python3 python3-venv ;;
    ruby) apt_install ruby ruby-dev ruby-rspec rubocop puma libclang-dev ;;
    node) apt_install nodejs npm && has_node ;;
  esac
}

remedy() {
  case $1 in
    compiler) echo "a C compiler (cc): apt-get install gcc libc6-dev | dnf install gcc | apk add gcc musl-dev | xcode-select --install" ;;
    http) echo "curl, jq and Python 3 with venv: apt-get install curl jq python3-venv | dnf install curl jq python3 | brew install jq python" ;;
    postgresql) echo "PostgreSQL 14 or newer: apt-get install postgresql | dnf install postgresql-server | apk add postgresql | brew install postgresql@17" ;;
    nats) echo "nats-server: apt-get install nats-server | brew install nats-server | https://nats.io/download; TASKER_NATS_SERVER names one" ;;
    python) echo "Python 3.10 or newer with venv: apt-get install python3 python3-venv | dnf install python3 | apk add python3 | brew install python" ;;
    ruby) echo "Ruby 3.1 or newer with headers, RSpec, RuboCop, Puma and libclang: apt-get install ruby ruby-dev ruby-rspec rubocop puma libclang-dev" ;;
    node) echo "Node 20 or newer with npm: apt-get install nodejs npm | dnf install nodejs | brew install node | https://nodejs.org" ;;
  esac
}

missing=()
for thing in "$@"; do
  if is_missing "$thing"; then missing+=("$thing"); fi
done
if ((${#missing[@]} == 0)); then exit 0; fi

wanted=()
for thing in "${missing[@]}"; do wanted+=("  $(remedy "$thing")"); done
command -v apt-get >/dev/null || die "please install, then run this again:" "${wanted[@]}"
((EUID == 0)) || command -v sudo >/dev/null || die "neither root nor sudo is at hand; please install:" "${wanted[@]}"

echo "Installing with apt-get: ${missing[*]}"
as_root apt-get update --quiet=2 -o Acquire::Retries=3 </dev/null || die "apt-get update failed; please install:" "${wanted[@]}"
for thing in "${missing[@]}"; do
  install "$thing" || die "apt-get could not install it; please install:" "  $(remedy "$thing")"
done
