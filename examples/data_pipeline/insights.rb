# frozen_string_literal: true

require "tasker_core"

require_relative "../src/money"

module DataPipeline
  # What the figures say, in figures and in words. Shares are in hundredths of a percent, rounded towards zero, so that no
  # language has to agree on decimals.
  module Insights
    module_function

    def of(report, currency)
      orders = report.dig("total", "orders")
      if orders.zero?
        raise TaskerCore::Errors::PermanentError.new("there is no order to learn from", error_code: "nothing_sold")
      end

      figures = figures(report, report.dig("total", "revenue_cents"), orders)
      { **figures, headlines: headlines(report, figures, ->(cents) { Money.amount(cents, currency) }) }
    end

    def figures(report, revenue, orders)
      divisor = [revenue, 1].max
      top = report["top_customers"].sum { |customer| customer["revenue_cents"] }
      {
        revenue_cents: revenue,
        average_order_cents: revenue / orders,
        margin_basis_points: (report.dig("total", "margin_cents") * 10_000).quo(divisor).truncate,
        best_category: largest(report["by_category"]),
        best_month: largest(report["by_month"]),
        top_customers_share_basis_points: top * 10_000 / divisor,
        unmatched_orders_basis_points: report["unmatched_orders"] * 10_000 / orders
      }
    end
    private_class_method :figures

    def headlines(report, figures, money)
      category, month = figures.values_at(:best_category, :best_month)
      lines = ["#{money.(figures[:revenue_cents])} in #{report.dig('total', 'orders')} orders, " \
               "#{money.(figures[:average_order_cents])} each",
               "#{category} sells best: #{money.(report.dig('by_category', category, 'revenue_cents'))}",
               "the best month is #{month} with #{money.(report.dig('by_month', month, 'revenue_cents'))}"]
      lines << shortages(report) if report["shortages"].positive?
      if figures[:unmatched_orders_basis_points] > 100
        lines << "#{report['unmatched_orders']} orders have no known customer: check that export"
      end
      lines
    end
    private_class_method :headlines

    def shortages(report)
      skus = report["worst_shortages"].map { |shortage| shortage["sku"] }
      "#{report['shortages']} products sold more than is left, above all #{skus.join(', ')}"
    end
    private_class_method :shortages

    # The name with the most revenue; of equals the first.
    def largest(sales)
      sales.min_by { |name, figures| [-figures["revenue_cents"], name] }.first
    end
    private_class_method :largest
  end
end
