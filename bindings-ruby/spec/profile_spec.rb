# frozen_string_literal: true

require "json"
require "preparation"

# The JSON profile, on the samples that every suite loads; the end of docs/reference/json-profile.md explains them.
RSpec.describe "JSON profile" do
  circular = lambda do |kind|
    list = []
    value = kind == "list" ? list : { "inner" => list }
    list << (kind == "list" ? { "back" => list } : value)
    value
  end
  makers = {
    "$date" => Date.method(:iso8601), "$datetime" => Time.method(:iso8601), "$decimal" => method(:BigDecimal),
    "$symbol" => :to_sym.to_proc, "$int" => method(:Integer), "$bytes" => :b.to_proc,
    "$float" => { "nan" => Float::NAN, "inf" => Float::INFINITY, "-inf" => -Float::INFINITY }.method(:fetch),
    "$broken_text" => ->(_) { "\xff" }, "$map" => :to_h.to_proc, "$circular" => circular,
    "$deep" => ->(levels) { (levels - 1).times.reduce([]) { |inner, _| [inner] } }, "$object" => ->(_) { Object.new }
  }

  define_method(:made) do |described|
    case described
    when Array then described.map { |item| made(item) }
    when Hash
      maker = described.size == 1 && makers[described.keys.first]
      maker ? maker.call(described.values.first) : described.transform_values { |value| made(value) }
    else described
    end
  end

  JSON.parse(File.read(File.join(ROOT, "tasker-worker/tests/profile.json"))).each do |sample|
    next unless sample.fetch("only", ["ruby"]).include?("ruby")

    it "holds for #{sample['name']}" do
      value = made(sample["value"])
      if sample.key?("json")
        expect(TaskerCore::Native.to_json(value)).to eq(sample["json"])
      else
        expect { TaskerCore::Native.to_json(value) }.to raise_error(TaskerCore::Errors::ConversionError) { |error|
          expect([error.reason, error.path]).to eq(sample["fault"].values_at("reason", "path"))
        }
      end
    end
  end
end
