# frozen_string_literal: true

require "ostruct"
require "set"
require "preparation"

RSpec.describe TaskerCore::Conversion do
  def json(value)
    TaskerCore::Native.to_json(value)
  end

  def refusal(value)
    json(value)
  rescue TaskerCore::Errors::ConversionError => e
    e.path
  else
    raise "it was written"
  end

  it "writes what JSON has a form for" do
    value = { nothing: nil, "yes" => true, no: false, list: [1, -2.5, 1.0, "é\n\"", :word],
              large: (2**64) - 1, low: -(2**63) }
    expect(json(value)).to eq(
      '{"nothing":null,"yes":true,"no":false,"list":[1,-2.5,1.0,"é\n\"","word"],' \
      '"large":18446744073709551615,"low":-9223372036854775808}'.gsub("\n", "\\n").gsub('é\n"', 'é\n\\"')
    )
  end

  it "writes times, dates, decimals and paths by the profile" do
    expect(json(Time.utc(2025, 1, 2, 3, 4, 5))).to eq('"2025-01-02T03:04:05Z"')
    expect(json(Time.new(2025, 1, 2, 3, 4, 5.25r, "+01:00"))).to eq('"2025-01-02T03:04:05.25+01:00"')
    expect(json(DateTime.new(2025, 1, 2, 3, 4, 5, "+02:00"))).to eq('"2025-01-02T03:04:05+02:00"')
    expect(json(Date.new(2025, 1, 2))).to eq('"2025-01-02"')
    expect(json(BigDecimal("0.110"))).to eq('"0.11"')
    expect(json(BigDecimal("1e3"))).to eq('"1000"')
    expect(json(Pathname("/a/b.csv"))).to eq('"/a/b.csv"')
  end

  it "writes records as objects, at every depth" do
    point = Struct.new(:x, :at, keyword_init: true)
    expect(json([point.new(x: 1, at: point.new(x: 2, at: nil))])).to eq('[{"x":1,"at":{"x":2,"at":null}}]')
    expect(json(OpenStruct.new(a: :b))).to eq('{"a":"b"}') # rubocop:disable Style/OpenStructUse
  end

  it "converts texts of other encodings" do
    expect(json("caf\xe9".dup.force_encoding("ISO-8859-1"))).to eq('"café"')
    expect(json("abc".dup.force_encoding("BINARY"))).to eq('"abc"')
  end

  it "names the place of what has no form" do
    circular = { list: [1] }
    circular[:list] << circular
    {
      "a[1].b" => { a: [1, { b: Float::NAN }] },
      "infinite" => { infinite: -Float::INFINITY },
      "n" => { n: 2**64 },
      "m" => { m: -(2**63) - 1 },
      "o.p" => { o: { p: Object.new } },
      "bytes" => { bytes: "\xff\x00".b },
      "broken" => { broken: "\xff" },
      "decimal" => { decimal: BigDecimal("NaN") },
      "keys" => { keys: { 1 => 2 } },
      "proc" => { proc: -> {} },
      "set" => { set: Set[1] },
      "list[1]" => circular
    }.each { |path, value| expect(refusal(value)).to eq(path) }
  end

  it "ends on stand-ins that never become plain, and passes on what they raise" do
    endless = Class.new { define_method(:to_hash) { self } }
    expect(refusal({ a: endless.new })).to eq("a")
    failing = Class.new { define_method(:to_hash) { raise KeyError, "no" } }
    expect { json(failing.new) }.to raise_error(KeyError)
  end

  it "reads what it writes" do
    value = { "a" => [nil, true, 1, (2**64) - 1, -(2**63), 1.5, "é"], "b" => { "c" => {} } }
    expect(TaskerCore::Native.from_json(json(value))).to eq(value)
  end

  it "makes objects of structs, classes with keywords, and callables" do
    build = ->(model, fields) { described_class.build(model, fields, code: "input_invalid", what: "the input") }
    by_keyword = Struct.new(:a, :b, keyword_init: true)
    by_position = Struct.new(:a, :b)
    strict = Class.new do
      attr_reader :number

      def initialize(number:)
        @number = Integer(number)
      end
    end
    fields = { "a" => "1", "b" => { "c" => 2 }, "unknown" => 3 }
    expect(build.(by_keyword, fields).to_h).to eq(a: "1", b: { c: 2 })
    expect(build.(by_position, fields).to_a).to eq(["1", { c: 2 }])
    expect(build.(strict, { "number" => "1", "unknown" => 2 }).number).to eq(1)
    expect(build.(->(hash) { hash.keys }, fields)).to eq(%i[a b unknown])
    expect(build.(strict, nil)).to be_nil
    [{ "number" => "x" }, {}, [1]].each do |wrong|
      expect { build.(strict, wrong) }.to raise_error(TaskerCore::Errors::ValidationError) { |error|
        expect(error.error_code).to eq("input_invalid")
      }
    end
  end
end
