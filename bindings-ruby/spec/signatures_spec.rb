# frozen_string_literal: true

require "preparation"

# sig/tasker_core.rbs names the same methods as the classes have, with the same keywords. Debian has no parser of RBS, so
# this reads the little of it that the file uses.
RSpec.describe "sig/tasker_core.rbs" do
  # By the name of the module: its methods, those of the module itself with "self." before them, and their signatures.
  def declared
    scopes = []
    File.readlines(File.expand_path("../sig/tasker_core.rbs", __dir__)).each_with_object({}) do |line, found|
      case line
      when /^\s*(?:module|class) ([\w:]+)/ then scopes << $1
      when /^\s*interface / then scopes << nil
      when /^\s*end$/ then scopes.pop
      # `self?.` is a function of a module: its own, and one that is private where it is included.
      when /^\s*def (self\??\.)?([^:]+\S*?): (.*)$/
        (found[scopes.join("::")] ||= {})["#{$1&.delete('?')}#{$2}"] = $3 unless scopes.include?(nil)
      end
    end
  end

  def methods_of(scope, is_own)
    return scope.singleton_methods(false).map { |name| "self.#{name}" } if is_own

    kept = scope.private_instance_methods(false) & %i[initialize respond_to_missing?]
    (scope.public_instance_methods(false) + kept).map(&:to_s)
  end

  def keywords_of(method)
    method.parameters.filter_map { |kind, name| name.to_s if %i[key keyreq].include?(kind) }.sort
  end

  it "closes what it opens" do
    text = File.read(File.expand_path("../sig/tasker_core.rbs", __dir__))
    opened = text.scan(/^\s*(?:module|class|interface) /).size
    expect(text.scan(/^\s*end$/).size).to eq(opened)
    text.each_line { |line| expect(line.count("([{") - line.count(")]}")).to eq(0), line }
  end

  it "names the methods that there are" do
    # What Struct and the functional style make by themselves.
    made = { /Types::StepHandlerCallResult::|View\z|Ending\z|Response\z/ => /=\z|\Aself\.|initialize/ }
    declared.each do |name, methods|
      scope = Object.const_get(name)
      found = methods_of(scope, true) + methods_of(scope, false)
      made.each { |pattern, leave_out| found = found.grep_v(leave_out) if name.match?(pattern) }
      found -= methods_of(scope, false) if scope == TaskerCore::StepHandler::Functional
      found -= %w[self.client_error self.conversion_error self.ids self.with_ids]
      # It comes from Singleton.
      methods = methods.except("self.instance") if scope == TaskerCore::Registry::HandlerRegistry
      expect([name, found.sort]).to eq([name, methods.keys.sort])
    end
  end

  it "names the fields of documents, which are those that the API describes" do
    sig = File.read(File.expand_path("../sig/tasker_core.rbs", __dir__))
    schemas = JSON.parse(File.read(File.join(ROOT, "docs/reference/openapi.json"))).dig("components", "schemas")
    { TaskerCore::Types::Task => "TaskView", TaskerCore::Types::Step => "StepView" }.each do |type, schema|
      described = schemas.dig(schema, "properties").keys.sort
      expect(type::FIELDS.map(&:to_s).sort).to eq(described)
      readers = sig[/^    class #{type.name[/\w+\z/]} < Document\n.*?^    end$/m].scan(/attr_reader (\w+):/).flatten
      expect((readers | type.public_instance_methods(false).map(&:to_s)) & described).to match_array(described)
      expect(type.new({})).to have_attributes(error: nil)
      expect { type.new({}).no_such_field }.to raise_error(NoMethodError)
    end
  end

  it "names their keywords" do
    declared.each do |name, methods|
      scope = Object.const_get(name)
      methods.each do |method_name, signature|
        own = method_name[/\Aself\.(.+)/, 1]
        method = own ? scope.method(own) : scope.instance_method(method_name)
        # Those that hand everything on have no keywords of their own.
        next if signature.include?("**") || scope < Struct || method.parameters.include?(%i[rest args])

        keywords = signature[/\A\((.*?)\)( \??\{| ->)/, 1].to_s.scan(/\??\b(\w+): /).flatten.sort
        expect([name, method_name, keywords]).to eq([name, method_name, keywords_of(method)])
      end
    end
  end
end
