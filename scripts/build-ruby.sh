#!/usr/bin/env bash
# Builds the native part of the gem for the `ruby` on PATH, and puts it where the gem looks for it.
#   scripts/build-ruby.sh [PROFILE]     dev if not given
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

profile=${1:-dev}
target=${CARGO_TARGET_DIR:-$root/target}
folder=$profile
if [[ $profile == dev ]]; then folder=debug; fi
minor=$(ruby -e 'print RUBY_VERSION[/\A\d+\.\d+/]')
extension=$(ruby -rrbconfig -e 'print RbConfig::CONFIG["DLEXT"]')

cargo build --profile "$profile" -p tasker-ruby
mkdir -p "bindings-ruby/lib/tasker_core/$minor"
for built in "$target/$folder"/libtasker_core_ruby.{so,dylib}; do
  # Replaced, never written over: a program that runs may have the old one in its memory.
  if [[ -f $built ]]; then
    cp "$built" "bindings-ruby/lib/tasker_core/$minor/tasker_core.$extension.new"
    mv "bindings-ruby/lib/tasker_core/$minor/tasker_core.$extension.new" \
      "bindings-ruby/lib/tasker_core/$minor/tasker_core.$extension"
  fi
done
