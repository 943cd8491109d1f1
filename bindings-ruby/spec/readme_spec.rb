# frozen_string_literal: true

require "preparation"

# The programs of README.md do what it says.
RSpec.describe "README.md" do
  readme = File.read(File.expand_path("../README.md", __dir__))
  programs = readme.scan(/^```ruby\n(.*?)^```/m).flatten

  it "has a script of about fifteen lines that runs a task" do
    script = programs.first
    expect(script.lines.reject { |line| line.strip.empty? }.size).to be <= 18
    ended = run_program(script)
    expect([ended.status.exitstatus, ended.out]).to eq([0, "Hello, Ada!\n"])
  end

  it "has a worker that runs until it is stopped" do
    worker, submit = programs.values_at(1, 2)
    url = database_url
    File.write(File.join(@folder, "greeting.yaml"), readme[/^```yaml\n(.*?)^```/m, 1])
    env = { "DATABASE_URL" => url, "TASKER_TEMPLATE_PATH" => File.join(@folder, "greeting.yaml") }
    ended = run_program("$stdout.sync = true\n#{worker}", env: env) do |program|
      # The worker registers its templates when it starts.
      TaskerCore.open(url) { |tasker| Thread.pass until tasker.list_templates.any? }
      submitted = run_program(submit, env: env)
      expect([submitted.err, submitted.out]).to eq(["", "complete\n"])
      program.signal("TERM")
    end
    expect(ended.status.exitstatus).to eq(0)
  end
end
