# frozen_string_literal: true

require "digest"

# Ids that depend on nothing but their parts: the same input gives the same id in every run and in every language.
module Reference
  module_function

  # The prefix and the first 12 hexadecimal digits of the SHA-256 of the parts joined by +|+.
  def reference(prefix, *parts)
    "#{prefix}_#{Digest::SHA256.hexdigest(parts.join('|'))[0, 12]}"
  end
end
