# frozen_string_literal: true

require "preparation"

RSpec.describe TaskerCore::Registry::HandlerRegistry do
  subject(:registry) { described_class.instance }

  let(:handler_class) do
    Class.new(TaskerCore::StepHandler::Base) do
      def call(_context)
        object_id
      end
    end
  end

  it "knows what the functional style defines, classes by their names, and what is registered" do
    TaskerCore::StepHandler::Functional.step_handler("from_block", version: "2.0.0") { |_context| 1 }
    stub_const("Shop::Charge", handler_class)
    registry.register_handler("lambda", ->(_context) { 2 })
    registry.register_handler(:block) { |_context| 3 }
    expect(registry.registered_handlers).to eq(%w[Shop::Charge block from_block lambda])
    expect(registry.resolve_handler("from_block").class.handler_version).to eq("2.0.0")
    expect(registry.resolve_handler("block").call(nil)).to eq(3)
    expect(registry.handler_registered?("Shop::Charge")).to be(true)
    expect(registry.handler_registered?("Shop::Unknown")).to be(false)
  end

  it "makes an object of a class for each attempt" do
    registry.register_handler("charge", handler_class)
    expect(registry.resolve_handler("charge")).not_to equal(registry.resolve_handler("charge"))
  end

  it "never takes a class that is no handler" do
    expect(registry.resolve_handler("Kernel")).to be_nil
    expect(registry.resolve_handler("File")).to be_nil
    expect(registry.resolve_handler("no such handler")).to be_nil
    expect { registry.register_handler("x", 7) }.to raise_error(ArgumentError)
    expect { registry.register_handler("x", Class.new) }.to raise_error(ArgumentError)
  end

  it "serves none of the classes that handlers are made of" do
    functional = TaskerCore::StepHandler::Functional
    bases = functional.constants.map { |name| functional.const_get(name) }
    bases.grep(Class).each { |base| registry.remember_class(base) if base <= TaskerCore::StepHandler::Base }
    stub_const("Shop::Own", Class.new(functional::Handler) { define("own", "1.0.0", {}, [], proc { 1 }) })
    expect(registry.registered_handlers).to eq(%w[Shop::Own own])
  end

  it "finds the class that has the name now, as reloaders need it" do
    stub_const("Shop::Charge", handler_class)
    second = Class.new(handler_class)
    stub_const("Shop::Charge", second)
    expect(registry.resolve_handler("Shop::Charge")).to be_a(second)
    expect(registry.registered_handlers).to eq(["Shop::Charge"])
  end

  it "forgets what is taken away" do
    registry.register_handler("charge", handler_class)
    registry.unregister_handler("charge")
    expect(registry.resolve_handler("charge")).to be_nil
  end
end
