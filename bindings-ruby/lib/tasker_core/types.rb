# frozen_string_literal: true

require_relative "types/step_handler_call_result"
require_relative "types/step_context"
require_relative "types/document"
