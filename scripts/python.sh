#!/usr/bin/env bash
# Everything about the Python package, with its tools in a virtual environment under the target folder.
#   scripts/python.sh build            makes the wheel, and installs it into the environment
#   scripts/python.sh test [ARG...]    builds, then runs the tests (arguments go to pytest)
#   scripts/python.sh lint             formatting, lints and types; builds nothing
# TASKER_PYTHON names the interpreter to use; python3 if not given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}/python")
tools=$folder/tools
clean=$folder/clean
requirements=bindings-python/requirements-dev.txt

# Made anew when the interpreter or the requirements change.
tools() {
  local wanted
  wanted=$("${TASKER_PYTHON:-python3}" --version && cat "$requirements")
  if [[ $(cat "$tools/wanted" 2>/dev/null) == "$wanted" ]]; then return; fi
  rm -rf "$tools"
  "${TASKER_PYTHON:-python3}" -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
  printf '%s' "$wanted" >"$tools/wanted"
}

# The dev profile, since it shares most of its work with `cargo test`.
build() {
  rm -rf "$folder/wheel"
  "$tools/bin/maturin" build --quiet --locked --manifest-path bindings-python/Cargo.toml --profile dev --out "$folder/wheel"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$folder"/wheel/*.whl
}

# The wheel alone in an environment of its own, away from its source: what somebody has who installed it.
check_clean_install() {
  rm -rf "$clean"
  "${TASKER_PYTHON:-python3}" -m venv "$clean"
  "$clean/bin/pip" install --quiet --disable-pip-version-check --no-index "$folder"/wheel/*.whl
  # The first script of the README, which needs nothing but the package.
  awk '/^```$/ && inside { exit } inside { print } /^```python$/ { inside = 1 }' bindings-python/README.md >"$clean/hello.py"
  local answer
  answer=$(cd / && "$clean/bin/python" -I "$clean/hello.py")
  [[ $answer == *"HELLO, ADA!"* ]] || {
    echo "the README's script answered, from the wheel alone: $answer" >&2
    exit 1
  }
}

case ${1:-} in
  build)
    tools
    build
    ;;
  test)
    shift
    tools
    build
    check_clean_install
    # The stub of the native part says what is really there.
    (cd "$folder" && "$tools/bin/stubtest" tasker_core._native) >/dev/null
    # Some tests have a server; `cargo test` has built it before.
    cargo build --quiet --locked -p tasker-cli
    TASKER_BIN=${CARGO_TARGET_DIR:-target}/debug/tasker "$tools/bin/pytest" -c bindings-python/pyproject.toml --rootdir bindings-python --import-mode=append \
      -p no:cacheprovider bindings-python/tests "$@"
    ;;
  lint)
    tools
    "$tools/bin/ruff" check --no-cache --quiet --config bindings-python/pyproject.toml bindings-python examples
    "$tools/bin/ruff" format --no-cache --quiet --check --config bindings-python/pyproject.toml bindings-python examples
    MYPYPATH=bindings-python "$tools/bin/mypy" --config-file bindings-python/pyproject.toml --cache-dir "$folder/mypy"
    ;;
  *)
    echo "say what to do: scripts/python.sh build|test|lint" >&2
    exit 2
    ;;
esac
