# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))

require "tasker_core"
require "tmpdir"

require_relative "support/databases"
require_relative "support/programs"

ROOT = File.expand_path("../..", __dir__)

TaskerCore.logger = Logger.new(File::NULL)

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.expect_with(:rspec) { |expectations| expectations.syntax = :expect }
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }
  config.order = :random
  Kernel.srand(config.seed)

  config.include Databases
  config.include Programs

  # Handlers are the process's; each example has its own.
  config.before { TaskerCore::Registry::HandlerRegistry.instance.clear }
  config.around do |example|
    Dir.mktmpdir("tasker-rb") do |folder|
      @folder = folder
      example.run
      close_taskers
    end
  end
end
