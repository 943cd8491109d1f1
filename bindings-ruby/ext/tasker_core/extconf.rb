# frozen_string_literal: true

# Called by `gem install` for the source gem: writes a Makefile that has cargo build the native part.
#   TASKER_CARGO_PROFILE   the profile of cargo, `release` if not given
#   CARGO_TARGET_DIR       where cargo builds

require "rbconfig"

def fail_with(message)
  warn("tasker-rb: #{message}")
  exit(1)
end

root = File.expand_path("../..", __dir__)
manifest = File.join(root, "Cargo.toml")
profile = ENV.fetch("TASKER_CARGO_PROFILE", "release")
target = ENV.fetch("CARGO_TARGET_DIR", File.join(Dir.pwd, "target"))
built_as = "libtasker_core_ruby.#{RbConfig::CONFIG['host_os'].match?(/darwin/) ? 'dylib' : 'so'}"
built = File.join(target, profile == "dev" ? "debug" : profile, built_as)
library = "tasker_core.#{RbConfig::CONFIG['DLEXT']}"

unless system("cargo", "--version", out: File::NULL, err: File::NULL)
  fail_with("cargo was not found. Install Rust from https://rustup.rs, or a native gem for this platform.")
end

File.write("Makefile", <<~MAKEFILE)
  # Says which Ruby the bindings are for.
  export RUBY = #{RbConfig.ruby}
  export CARGO_TARGET_DIR = #{target}
  sitearchdir = #{RbConfig::CONFIG['sitearchdir']}

  all: #{library}

  #{library}:
  # RubyGems says when it began, for which cargo would build anew what it has.
  \tenv -u SOURCE_DATE_EPOCH cargo build --profile #{profile} --locked --manifest-path "#{manifest}" -p tasker-ruby
  \tcp "#{built}" "#{library}"

  install: all
  \tmkdir -p "$(DESTDIR)$(sitearchdir)/tasker_core"
  \tcp "#{library}" "$(DESTDIR)$(sitearchdir)/tasker_core/#{library}"

  clean:
  \trm -f "#{library}"

  .PHONY: all install clean
MAKEFILE
