# frozen_string_literal: true

require_relative "random"

module DataPipeline
  # The shop's three exports, made up: the same seed and number of rows always give the same bytes.
  #
  # The files are as untidy as exports are: orders that were cancelled, written twice or have no quantity, customers whose
  # country is spelled in three ways, stock that was never counted.
  module Generate
    # Customers and products that orders refer to, so that the three files fit together.
    CUSTOMERS = 10_000
    PRODUCTS = 2_500
    WAREHOUSES = %w[berlin lyon porto turin].freeze
    CATEGORIES = %w[tea coffee ceramics kettles sweets].freeze
    COLUMNS = {
      "orders" => %w[order_id customer_id sku quantity unit_price_cents currency status ordered_on],
      "customers" => %w[customer_id name email country segment],
      "inventory" => %w[sku category warehouse cost_cents on_hand]
    }.freeze
    STATUSES = %w[paid paid paid shipped shipped shipped shipped cancelled].freeze
    FIRST = %w[Ada Bruno Chiara Dilan Edith Farid Greta Hugo].freeze
    LAST = %w[Almeida Berger Costa Dubois Eriksen Fischer Gallo Horvat].freeze
    COUNTRIES = %w[DE de Germany FR France PT IT Italy].freeze
    SEGMENTS = %w[consumer consumer consumer business reseller].freeze

    module_function

    # The name of the file of a source. Only the orders depend on a number of rows.
    def file_name(source, order_rows, seed)
      source == "orders" ? "orders-#{order_rows}-#{seed}.csv" : "#{source}-#{seed}.csv"
    end

    # Writes the export of a source. Each has numbers of its own, so that any can be made without the others.
    def write(source, order_rows, seed, out)
      random = Random.new(seed, COLUMNS.keys.index(source))
      line(out, COLUMNS[source])
      case source
      when "orders" then orders(out, order_rows, random)
      when "customers" then customers(out, random)
      else inventory(out, random)
      end
    end

    def orders(out, order_rows, random)
      number = 0
      order_rows.times do |row|
        # About one row in a hundred repeats the order before it.
        number += 1 if row.zero? || !random.one_in?(100)
        line(out, order(number, 1 + (row * 12 / order_rows), random))
      end
    end
    private_class_method :orders

    # Low numbers come more often, as good customers and good products do.
    def order(number, month, random)
      customer = [random.below(CUSTOMERS), random.below(CUSTOMERS + (CUSTOMERS / 50))].min
      product = [random.below(PRODUCTS), random.below(PRODUCTS)].min
      quantity = random.one_in?(50) ? "" : 1 + random.below(6)
      currency = random.one_of(%w[EUR EUR EUR USD GBP])
      status = random.one_of(STATUSES)
      price = 250 + random.below(9_750)
      [format("O%07d", number), format("C%05d", customer), sku(product), quantity, price, currency, status,
       format("2025-%02d-%02d", month, 1 + random.below(28))]
    end
    private_class_method :order

    def customers(out, random)
      CUSTOMERS.times do |customer|
        first = random.one_of(FIRST)
        last = random.one_of(LAST)
        email = random.one_in?(40) ? "" : "#{first}.#{last}.#{customer}@Example.org"
        country = random.one_of(COUNTRIES)
        line(out, [format("C%05d", customer), "#{first} #{last}", email, country, random.one_of(SEGMENTS)])
      end
    end
    private_class_method :customers

    def inventory(out, random)
      PRODUCTS.times do |product|
        category = random.one_of(CATEGORIES)
        cost_cents = 100 + random.below(3_900)
        WAREHOUSES.each do |warehouse|
          on_hand = random.one_in?(30) ? "" : random.below(25)
          line(out, [sku(product), category, warehouse, cost_cents, on_hand])
        end
      end
    end
    private_class_method :inventory

    def sku(product)
      format("P%04d", product)
    end
    private_class_method :sku

    # No value in these files has a comma, a quote or a line end in it.
    def line(out, values)
      out << values.join(",") << "\n"
    end
    private_class_method :line
  end
end
