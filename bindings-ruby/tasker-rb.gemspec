# frozen_string_literal: true

require_relative "lib/tasker_core/version"

# The gem without its native part: package.rb adds what the source gem and the native gem need of it.
Gem::Specification.new do |spec|
  spec.name = "tasker-rb"
  spec.version = TaskerCore::VERSION
  spec.summary = "Workflows of steps that are Ruby code, on an engine in Rust inside this gem"
  spec.description = "Tasker runs workflows: graphs of steps, with retries, timeouts and history, on SQLite or PostgreSQL."
  spec.authors = ["The Tasker authors"]
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir.glob("{lib/**/*.rb,sig/**/*.rbs,exe/*}", base: __dir__) + ["README.md"]
  spec.bindir = "exe"
  spec.executables = ["tasker-bench"]
  spec.metadata["rubygems_mfa_required"] = "true"
end
