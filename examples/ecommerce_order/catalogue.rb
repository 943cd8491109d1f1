# frozen_string_literal: true

require "json"
require "tasker_core"

# The shop's catalogue: products with their stock, tax rates, postage and promotions.
module Catalogue
  DATA = JSON.parse(File.read(File.join(__dir__, "catalogue.json")), symbolize_names: true).freeze

  module_function

  # ISO 4217 code of every price.
  def currency
    DATA[:currency]
  end

  # The product that a customer may buy.
  def product_on_sale(sku)
    product = DATA[:products].find { |candidate| candidate[:sku] == sku }
    refuse("unknown_sku", "the catalogue has no product `#{sku}`") unless product
    refuse("product_discontinued", "`#{product[:name]}` is no longer sold") if product[:discontinued]
    product
  end

  # Tax of a class of goods in a country, in hundredths of a percent.
  def tax_rate(country, tax_class)
    DATA.dig(:tax_basis_points, country.to_sym, tax_class.to_sym) || not_served(country)
  end

  # The warehouses that deliver to a country, the nearest first.
  def warehouses_for(country)
    DATA.dig(:warehouses, country.to_sym) || not_served(country)
  end

  # The promotion of that code; nil where there is no code, or the order is too small for it.
  def promotion_for(code, subtotal_cents)
    return if code.nil?

    promotion = DATA.dig(:promotions, code.to_sym) || refuse("unknown_promotion", "there is no promotion `#{code}`")
    promotion if subtotal_cents >= promotion[:min_subtotal_cents]
  end

  # What sending a weight costs: for each kilogram begun, and nothing for goods from a certain price on.
  def postage(method, weight_grams, goods_cents)
    postage = DATA.dig(:shipping, method.to_sym) || refuse("unknown_delivery", "there is no delivery by `#{method}`")
    free_from = postage[:free_from_cents]
    return 0 if free_from && goods_cents >= free_from

    postage[:base_cents] + (postage[:per_kg_cents] * ((weight_grams + 999) / 1_000))
  end

  def not_served(country)
    refuse("country_not_served", "nothing is delivered to `#{country}`")
  end
  private_class_method :not_served

  def refuse(code, message)
    raise TaskerCore::Errors::PermanentError.new(message, error_code: code)
  end
  private_class_method :refuse
end
