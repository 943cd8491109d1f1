# frozen_string_literal: true

require "bigdecimal"
require "date"
require "pathname"
require "time"

module TaskerCore
  # How values become JSON and typed values are made of it: the JSON profile of docs/reference/json-profile.md.
  module Conversion
    module_function

    # The stand-in of an object that JSON has no form for; the object itself where there is none. Called by the native part
    # with everything that is not nil, true, false, a number, a String, a Symbol, an Array or a Hash.
    def plain(value)
      case value
      when Time then time(value)
      when DateTime then time(value.to_time)
      when Date then value.iso8601
      when BigDecimal then decimal(value)
      when Pathname then value.to_s
      when Types::Document, Struct then value.to_h
      else plain_record(value)
      end
    end

    # An object of the class +model+ with the fields of a Hash. Fields that its constructor does not know are left out.
    # What the class refuses is a permanent failure of the code +code+.
    def build(model, fields, code:, what:)
      return fields if fields.nil? || model.nil?

      unless fields.is_a?(Hash)
        raise Errors::ValidationError.new("#{what} is a #{fields.class} and no object", error_code: code)
      end

      object = construct(model, fields)
      object.validate! if object.respond_to?(:validate!)
      object
    rescue Errors::StepError
      raise
    rescue StandardError => e
      raise Errors::ValidationError.new("#{what} is no #{model}: #{e.message}", error_code: code)
    end

    def time(value)
      digits = value.subsec.zero? ? 0 : 9
      text = value.utc? ? value.iso8601(digits) : value.xmlschema(digits)
      text.sub(/(\.\d*?)0+(?=Z|[+-])/, '\1')
    end
    private_class_method :time

    def decimal(value)
      value.finite? ? value.to_s("F").sub(/\.0\z/, "") : value.to_f
    end
    private_class_method :decimal

    # Records of other libraries: Data (Ruby 3.2), OpenStruct, Dry::Struct, models of Active Model.
    def plain_record(value)
      return value.to_hash if value.respond_to?(:to_hash)
      return value.attributes if value.respond_to?(:attributes)
      return value.to_h if value.respond_to?(:to_h) && !value.is_a?(Enumerable) && !value.is_a?(Proc)

      value
    end
    private_class_method :plain_record

    def construct(model, fields)
      fields = symbolized(fields)
      return model.call(fields) unless model.is_a?(Class)

      members = members_of(model)
      fields = fields.slice(*members) if members
      struct_by_position?(model) ? model.new(*members.map { |member| fields[member] }) : model.new(**fields)
    end
    private_class_method :construct

    # The fields that a class takes; nil if it takes any.
    def members_of(model)
      # Of Struct and, from Ruby 3.2 on, of Data.
      return model.members if model.respond_to?(:members)

      parameters = model.instance_method(:initialize).parameters
      keywords = parameters.select { |kind, _| %i[key keyreq].include?(kind) }
      keywords.map(&:last) if keywords.size == parameters.size
    end
    private_class_method :members_of

    def struct_by_position?(model)
      model < Struct && !model.keyword_init?
    end
    private_class_method :struct_by_position?

    def symbolized(value)
      case value
      when Hash then value.to_h { |key, item| [key.to_sym, symbolized(item)] }
      when Array then value.map { |item| symbolized(item) }
      else value
      end
    end
    private_class_method :symbolized
  end
end
