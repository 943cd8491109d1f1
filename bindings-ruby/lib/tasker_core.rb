# frozen_string_literal: true

require "delegate"
require "forwardable"

require_relative "tasker_core/version"
require_relative "tasker_core/errors"
require_relative "tasker_core/logging"
require_relative "tasker_core/types"
require_relative "tasker_core/conversion"
require_relative "tasker_core/registry/handler_registry"
require_relative "tasker_core/step_handler/base"
require_relative "tasker_core/step_handler/functional"
require_relative "tasker_core/step_handler/decision"
require_relative "tasker_core/step_handler/batch"
require_relative "tasker_core/step_handler/api"
require_relative "tasker_core/step_handler/outcome"
require_relative "tasker_core/native"
require_relative "tasker_core/calls"
require_relative "tasker_core/worker/threads"
require_relative "tasker_core/worker/bootstrap"
require_relative "tasker_core/tasker"
require_relative "tasker_core/client"

# Workflows whose steps are Ruby code: see README.md.
module TaskerCore
  Decision = StepHandler::Functional::Decision
  BatchConfig = StepHandler::Functional::BatchConfig

  # Opens the engine on a database (+sqlite:path+, +sqlite::memory:+, +postgres://...+) within this process, or a connection
  # to a server (+http://...+). Without a URL it is TASKER_API_URL, DATABASE_URL or +sqlite:tasker.db+. With a block it is
  # closed when the block ends. The arguments are those of Tasker.new.
  def self.open(url = nil, **options)
    tasker = Tasker.new(url, **options)
    return tasker unless block_given?

    begin
      yield tasker
    ensure
      tasker.close
    end
  end
end
