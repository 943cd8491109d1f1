# frozen_string_literal: true

require "tasker_core"

require_relative "table"

module DataPipeline
  # Brings the cleaned tables together; orders without a known customer count in all but the segments.
  class Aggregate
    def initialize(customers, products)
      @customers = customers.each_row.to_h { |customer| [customer[:customer_id], customer] }
      @products = products.each_row.to_h { |product| [product[:sku], product] }
      @total = sales
      @by = %i[category segment month].to_h { |kind| [kind, Hash.new { |sums, key| sums[key] = sales }] }
      @unmatched = 0
      @revenue_by_customer = Hash.new(0)
      @sold_by_sku = Hash.new(0)
    end

    def add(order)
      product = @products.fetch(order[:sku]) { unknown(order) }
      customer = @customers[order[:customer_id]]
      places = [@total, @by[:category][product[:category]], @by[:month][order[:month]]]
      places << @by[:segment][customer[:segment]] if customer
      places.each { |place| count(place, order, product) }
      @revenue_by_customer[order[:customer_id]] += order[:revenue_cents] if customer
      @unmatched += 1 unless customer
      @sold_by_sku[order[:sku]] += order[:quantity]
    end

    # With the first +top+ of each ranking.
    def report(top)
      shortages = ranked_shortages
      { total: @total, by_category: sorted(:category), by_segment: sorted(:segment), by_month: sorted(:month),
        unmatched_orders: @unmatched, active_customers: @revenue_by_customer.size, top_customers: top_customers(top),
        shortages: shortages.size, worst_shortages: shortages.first(top) }
    end

    private

    # Money in and the goods it paid for.
    def sales
      { orders: 0, revenue_cents: 0, margin_cents: 0 }
    end

    def count(place, order, product)
      place[:orders] += 1
      place[:revenue_cents] += order[:revenue_cents]
      place[:margin_cents] += order[:revenue_cents] - (product[:cost_cents] * order[:quantity])
    end

    def sorted(kind)
      @by[kind].sort.to_h
    end

    # Of equals the first by id.
    def top_customers(top)
      ranked = @revenue_by_customer.sort_by { |id, cents| [-cents, id] }.first(top)
      ranked.map { |id, cents| { customer_id: id, name: @customers[id][:name], revenue_cents: cents } }
    end

    # Products of which more was sold than is left.
    def ranked_shortages
      short = @sold_by_sku.filter_map do |sku, sold|
        on_hand = @products[sku][:on_hand]
        { sku: sku, sold: sold, on_hand: on_hand } if sold > on_hand
      end
      short.sort_by { |shortage| [shortage[:on_hand] - shortage[:sold], shortage[:sku]] }
    end

    def unknown(order)
      message = "order #{order[:order_id]} is for `#{order[:sku]}`, which the inventory does not have"
      raise TaskerCore::Errors::PermanentError.new(message, error_code: "unknown_product")
    end
  end
end
