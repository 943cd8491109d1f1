# frozen_string_literal: true

# The native part: the one for this version of Ruby in a native gem, else the one that was built when the gem was installed.
begin
  require_relative "#{RUBY_VERSION[/\A\d+\.\d+/]}/tasker_core"
rescue LoadError => e
  raise unless e.message.include?("tasker_core")

  require "tasker_core/tasker_core"
end
