# frozen_string_literal: true

require "json"
require "tasker_core"

# Who is registered already, what can be bought, and what is usual where.
module Directory
  DATA = JSON.parse(File.read(File.join(__dir__, "directory.json"))).freeze

  # A mail address: as mail is sent to it, and the identity that all spellings of one mailbox share.
  Address = Struct.new(:email, :identity, :domain, keyword_init: true)

  module_function

  # Normalises a mail address: no white space around it, lower case; for its identity also without the part from +++ on, and
  # without dots where the domain ignores them.
  def address(text)
    email = text.strip.downcase
    local, domain = email.split("@", 2)
    refuse("email_invalid", "`#{text}` is no mail address") if local.to_s.empty? || domain.to_s.empty?
    mailbox = local.split("+", 2).first
    kept_as = DATA["dot_blind_domains"][domain]
    identity = kept_as ? "#{mailbox.delete('.')}@#{kept_as}" : "#{mailbox}@#{domain}"
    Address.new(email: email, identity: identity, domain: domain)
  end

  def blocked?(domain)
    DATA["blocked_domains"].include?(domain)
  end

  def taken?(identity)
    DATA["accounts"].any? { |account| account["identity"] == identity }
  end

  # A free name made of a person's: +ada.lovelace+, or +ada.lovelace.2+ where that is taken.
  def username_for(full_name)
    base = full_name.downcase.scan(/[[:alnum:]]+/).join(".")
    names = DATA["accounts"].map { |account| account["username"] }
    numbered = (2..).lazy.map { |number| "#{base}.#{number}" }
    names.include?(base) ? numbered.find { |name| !names.include?(name) } : base
  end

  def country(code)
    DATA["countries"][code] || refuse("country_not_served", "there is no service in `#{code}`")
  end

  def plan(name)
    DATA["plans"][name] || refuse("unknown_plan", "there is no plan `#{name}`")
  end

  # How many tries the billing provider's sandbox leaves unanswered.
  def billing_outage(domain)
    DATA["billing_outages"].fetch(domain, 0)
  end

  def refuse(code, message)
    raise TaskerCore::Errors::PermanentError.new(message, error_code: code)
  end
end
