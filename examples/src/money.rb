# frozen_string_literal: true

# Amounts of money in whole cents.
module Money
  module_function

  # An amount for people to read: +EUR 1,234.05+.
  def amount(cents, currency)
    whole = (cents / 100).to_s.reverse.scan(/\d{1,3}/).join(",").reverse
    format("%<currency>s %<whole>s.%<rest>02d", currency: currency, whole: whole, rest: cents % 100)
  end

  # A share of an amount in hundredths of a percent, rounded half up to a whole cent.
  def share(cents, basis_points)
    ((cents * basis_points) + 5_000) / 10_000
  end
end
