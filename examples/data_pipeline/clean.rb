# frozen_string_literal: true

require "json"
require "set"
require "tasker_core"

require_relative "table"

module DataPipeline
  # Cleaning: each export becomes a table that the aggregation can join without further checks.
  module Clean
    # By currency: the value of one unit in ten-thousandths of a euro.
    RATES = JSON.parse(File.read(File.join(__dir__, "rates.json"))).freeze
    COUNTRIES = { "DE" => "DE", "de" => "DE", "Germany" => "DE", "FR" => "FR", "France" => "FR", "IT" => "IT",
                  "Italy" => "IT", "PT" => "PT" }.freeze

    module_function

    # Drops orders that were cancelled, repeated or have no quantity; converts the rest to one currency.
    def orders(table, currency)
      # Asked for at once, so that an unknown currency fails before any work.
      rate(currency)
      dropped = { cancelled: 0, repeated: 0, without_quantity: 0 }
      seen = Set.new
      kept = table.each_row.filter_map do |order|
        reason = fault_of(order, seen)
        next order_in(order, currency) unless reason

        dropped[reason] += 1
        nil
      end
      clean = Table.write(table.beside("#{currency}.clean"),
                          %i[order_id customer_id sku quantity revenue_cents month], kept)
      { **clean.to_h, dropped: dropped, currency: currency, revenue_cents: kept.sum { |order| order[:revenue_cents] } }
    end

    # Spells countries in one way and drops customers that cannot be written to.
    def customers(table)
      kept = table.each_row.reject { |customer| customer[:email].nil? }.map do |customer|
        customer.merge(country: country_code(customer[:country]))
      end
      clean = Table.write(table.beside("clean"), %i[customer_id name country segment], kept)
      { **clean.to_h, dropped: table.rows - kept.size,
        by_country: kept.map { |customer| customer[:country] }.tally.sort.to_h }
    end

    # Adds up the stock of a product over the warehouses; stock that was not counted counts as none.
    def inventory(table, currency)
      uncounted = 0
      products = {}
      table.each_row do |stock|
        uncounted += 1 if stock[:on_hand].nil?
        cost_cents = convert(stock[:cost_cents], "EUR", currency)
        product = products[stock[:sku]] ||= { sku: stock[:sku], category: stock[:category], cost_cents: cost_cents,
                                              on_hand: 0 }
        product[:on_hand] += stock[:on_hand] || 0
      end
      kept = products.values.sort_by { |product| product[:sku] }
      clean = Table.write(table.beside("#{currency}.clean"), %i[sku category cost_cents on_hand], kept)
      { **clean.to_h, uncounted: uncounted, on_hand: kept.sum { |product| product[:on_hand] } }
    end

    def fault_of(order, seen)
      if !seen.add?(order[:order_id]) then :repeated
      elsif order[:status] == "cancelled" then :cancelled
      elsif order[:quantity].nil? then :without_quantity
      end
    end
    private_class_method :fault_of

    def order_in(order, currency)
      cents = convert(order[:unit_price_cents] * order[:quantity], order[:currency], currency)
      { **order.slice(:order_id, :customer_id, :sku, :quantity), revenue_cents: cents, month: order[:ordered_on][0, 7] }
    end
    private_class_method :order_in

    # Rounded half up to a whole cent.
    def convert(cents, from, to)
      ((2 * cents * rate(from)) + rate(to)) / (2 * rate(to))
    end
    private_class_method :convert

    def rate(currency)
      RATES[currency] || refuse("unknown_currency", "there is no rate for `#{currency}`")
    end
    private_class_method :rate

    def country_code(spelling)
      COUNTRIES[spelling] || refuse("unknown_country", "`#{spelling}` is no country of the export")
    end
    private_class_method :country_code

    def refuse(code, message)
      raise TaskerCore::Errors::PermanentError.new(message, error_code: code)
    end
    private_class_method :refuse
  end
end
