#!/usr/bin/env bash
# Says what to do when cargo is missing or older than `rust-version` in Cargo.toml.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

wanted=$(sed -nE 's/^rust-version *= *"([0-9.]+)".*/\1/p' "$root/Cargo.toml")
if ! found=$(cargo --version 2>/dev/null); then
  echo "Rust is not installed (no working \`cargo\` on PATH). Install Rust $wanted or newer from https://rustup.rs, then run this again." >&2
  exit 1
fi
found=$(cut -d' ' -f2 <<<"$found")
if [[ $(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1) != "$wanted" ]]; then
  echo "Rust $wanted or newer is needed and this is $found. Run: rustup update stable" >&2
  exit 1
fi
