# frozen_string_literal: true

require "tasker_core"

require_relative "../payment_gateway/gateway"
require_relative "../src/money"
require_relative "../src/reference"
require_relative "catalogue"

# An order in a tea shop, from the cart to the confirmation.
module EcommerceOrder
  extend TaskerCore::StepHandler::Functional

  Line = Struct.new(:sku, :name, :quantity, :total_cents, :tax_class, keyword_init: true)

  # Looks every item up; items of the same product become one line.
  step_handler "validate_cart", inputs: [:items] do |items:|
    lines = {}
    weight_grams = 0
    items.each do |item|
      product = Catalogue.product_on_sale(item["sku"])
      add(lines, product, item["quantity"])
      weight_grams += product[:weight_grams] * item["quantity"]
    end
    { lines: lines.values, subtotal_cents: lines.values.sum(&:total_cents), weight_grams: weight_grams }
  end

  # Takes each line from the nearest warehouses that have it.
  step_handler "reserve_inventory", depends_on: { cart: "validate_cart" },
                                    inputs: %i[customer delivery] do |cart:, customer:, delivery:|
    warehouses = Catalogue.warehouses_for(delivery["country"])
    allocations = cart["lines"].flat_map { |line| allocate(line, warehouses) }
    parts = allocations.map { |part| part.values_at(:sku, :warehouse, :quantity).join(":") }
    { reservation_id: Reference.reference("res", customer["email"], parts.join(",")), allocations: allocations }
  end

  # Goods less promotion, plus postage, plus tax on both.
  step_handler "price_order", depends_on: { cart: "validate_cart" },
                              inputs: %i[delivery promotion_code] do |cart:, delivery:, promotion_code:|
    country = delivery["country"]
    subtotal = cart["subtotal_cents"]
    rate = Catalogue.promotion_for(promotion_code, subtotal)&.fetch(:basis_points) || 0
    discount = tax = 0
    cart["lines"].each do |line|
      less = Money.share(line["total_cents"], rate)
      discount += less
      tax += Money.share(line["total_cents"] - less, Catalogue.tax_rate(country, line["tax_class"]))
    end
    goods = subtotal - discount
    shipping = Catalogue.postage(delivery["method"], cart["weight_grams"], goods)
    tax += Money.share(shipping, Catalogue.tax_rate(country, "standard"))
    { currency: Catalogue.currency, subtotal_cents: subtotal, discount_cents: discount, shipping_cents: shipping,
      tax_cents: tax, total_cents: goods + shipping + tax }
  end

  # Sets the total aside on the customer's card. A handler that is a class, as one is written that keeps a connection.
  class AuthorizePayment < TaskerCore::StepHandler::Base
    handler_name "authorize_payment"

    def call(context)
      price = context.get_dependency_result("price_order")
      request = Gateway::Request.new(
        token: context.get_input("payment_token"),
        amount_cents: price["total_cents"],
        currency: price["currency"],
        idempotency_key: context.get_dependency_field("reserve_inventory", "reservation_id"),
        failed_tries: context.retry_count
      )
      success(result: Gateway.authorize(request, declined: "payment_declined"))
    end
  end

  # Brings reservation and payment together: one shipment for each warehouse.
  step_handler "create_order", depends_on: { reservation: "reserve_inventory",
                                             payment: "authorize_payment" } do |reservation:, payment:|
    { order_id: Reference.reference("ord", reservation["reservation_id"], payment["id"]),
      shipments: reservation["allocations"].map { |part| part["warehouse"] }.sort.uniq,
      total_cents: payment["amount_cents"], currency: payment["currency"] }
  end

  # Writes the mail that the customer gets.
  step_handler "send_confirmation", depends_on: { cart: "validate_cart", price: "price_order",
                                                  payment: "authorize_payment", order: "create_order" },
                                    inputs: [:customer] do |cart:, price:, payment:, order:, customer:|
    total = Money.amount(price["total_cents"], price["currency"])
    { message_id: Reference.reference("msg", customer["email"], order["order_id"]),
      to: customer["email"],
      subject: "Your order #{order['order_id']} for #{total}",
      body: confirmation(customer["name"], cart["lines"], price, payment["card"], order) }
  end

  class << self
    private

    def add(lines, product, quantity)
      line = lines[product[:sku]] ||= Line.new(quantity: 0, total_cents: 0, **product.slice(:sku, :name, :tax_class))
      line.quantity += quantity
      line.total_cents += product[:unit_price_cents] * quantity
      return if line.quantity <= product[:max_per_order]

      message = "#{line.quantity} of `#{line.name}` are over the #{product[:max_per_order]} per order"
      raise TaskerCore::Errors::PermanentError.new(message, error_code: "quantity_over_limit")
    end

    def allocate(line, warehouses)
      stock = Catalogue.product_on_sale(line["sku"])[:stock]
      wanted = line["quantity"]
      parts = warehouses.filter_map do |warehouse|
        quantity = [stock.fetch(warehouse.to_sym, 0), wanted].min
        wanted -= quantity
        { sku: line["sku"], warehouse: warehouse, quantity: quantity } if quantity.positive?
      end
      return parts if wanted.zero?

      message = "#{wanted} of #{line['quantity']} pieces of `#{line['name']}` are not in stock"
      raise TaskerCore::Errors::PermanentError.new(message, error_code: "out_of_stock",
                                                            context: { sku: line["sku"], missing: wanted })
    end

    def confirmation(name, lines, price, card, order)
      money = ->(cents) { Money.amount(cents, price["currency"]) }
      rows = lines.map { |line| [format("%3d x", line["quantity"]), line["name"], money.(line["total_cents"])] }
      discount = price["discount_cents"]
      rows << ["", "Discount", "-#{money.(discount)}"] if discount.positive?
      rows += %w[shipping tax total].map { |part| ["", part.capitalize, money.(price["#{part}_cents"])] }
      table = rows.map { |row| format("%-5s %-32s %14s\n", *row) }.join
      "Dear #{name},\n\nthank you for your order #{order['order_id']}.\n\n#{table}\n" \
        "Paid with #{card}. Sent from: #{order['shipments'].join(', ')}.\n"
    end
  end
end
