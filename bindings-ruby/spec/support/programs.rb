# frozen_string_literal: true

require "open3"
require "rbconfig"
require "timeout"

# Ruby programs in processes of their own.
module Programs
  LIBRARY = File.expand_path("../../lib", __dir__)
  # The longest takes a few seconds; the rest is for a machine that is busy with something else.
  PATIENCE = 120

  Ended = Struct.new(:out, :err, :status, keyword_init: true)

  # Runs a program to its end.
  def run_program(code, *arguments, env: {})
    started = start_program(code, *arguments, env: env)
    yield started if block_given?
    started.ended
  end

  def start_program(code, *arguments, env: {})
    path = File.join(@folder, "program-#{SecureRandom.hex(4)}.rb")
    File.write(path, code)
    Program.new(env, [RbConfig.ruby, "-I", LIBRARY, path, *arguments])
  end

  # A program that runs. What it writes is read line by line.
  class Program
    attr_reader :pid

    def initialize(env, command)
      @in, @out, @err, @waiter = Open3.popen3({ "TASKER_LOG" => "warn", **env }, *command)
      @pid = @waiter.pid
      @errors = Thread.new { @err.read }
      @read = +""
    end

    # The next line that it writes.
    def line
      line = Timeout.timeout(PATIENCE) { @out.gets } || raise("the program has ended: #{@read}#{@errors.value}")
      @read << line
      line
    end

    # Reads until a line has that text in it.
    def await(text)
      nil until line.include?(text)
      self
    end

    def signal(name)
      Process.kill(name, @pid)
      self
    end

    # Lets go on what waits for its input.
    def release
      @in.close
      self
    end

    def ended
      Timeout.timeout(PATIENCE) do
        @in.close
        @read << @out.read
        Ended.new(out: @read, err: @errors.value, status: @waiter.value)
      end
    rescue Timeout::Error
      Process.kill("KILL", @pid)
      raise "the program did not end: #{@read}"
    end
  end
end
