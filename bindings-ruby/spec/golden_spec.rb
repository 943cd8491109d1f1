# frozen_string_literal: true

require "json"
require "preparation"

RSpec.describe "golden samples of the worker protocol" do
  folder = File.join(ROOT, "tasker-worker/tests/golden")

  # The text without the white space between its tokens.
  def compact(text)
    text.gsub(/"(?:[^"\\]|\\.)*"|\s+/) { |found| found.start_with?('"') ? found : "" }
  end

  Dir.glob("#{folder}/*.json").each do |path|
    it "#{File.basename(path)} is read and written" do
      value = TaskerCore::Native.from_json(File.read(path))
      again = TaskerCore::Native.to_json(value)
      expect(TaskerCore::Native.from_json(again)).to eq(value)
      # Ruby has no integers with an exponent and keeps no spelling of a number, so values are compared, and keys in order.
      expect(JSON.parse(again, decimal_class: nil)).to eq(JSON.parse(compact(File.read(path))))
    end
  end

  it "are there" do
    expect(Dir.glob("#{folder}/*.json").size).to be >= 14
  end
end
