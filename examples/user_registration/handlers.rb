# frozen_string_literal: true

require "tasker_core"

require_relative "../src/reference"
require_relative "directory"
require_relative "welcome"

# A registration: one account, then billing and preferences side by side, then a welcome.
module UserRegistration
  extend TaskerCore::StepHandler::Functional

  Registration = Struct.new(:email, :full_name, :plan, :country, :company, :preferences, keyword_init: true)
  Account = Struct.new(:account_id, :username, :email, :email_domain, keyword_init: true)
  Billing = Struct.new(:billing_id, :plan, :monthly_cents, :currency, :trial_days, :seats, keyword_init: true)
  Preferences = Struct.new(:language, :time_zone, :newsletter, keyword_init: true)

  ACCOUNT = ["create_account", Account].freeze
  BILLING = ["set_up_billing", Billing].freeze
  PREFERENCES = ["set_up_preferences", Preferences].freeze

  # Refuses addresses that are blocked or taken, in whatever spelling.
  step_handler "create_account", inputs: Registration do |inputs:|
    address = Directory.address(inputs.email)
    if Directory.blocked?(address.domain)
      Directory.refuse("email_domain_blocked", "addresses at `#{address.domain}` are not accepted")
    end
    Directory.refuse("email_taken", "`#{address.email}` has an account already") if Directory.taken?(address.identity)
    Account.new(account_id: Reference.reference("acc", address.identity), email: address.email,
                username: Directory.username_for(inputs.full_name), email_domain: address.domain)
  end

  # Opens an account at the billing provider, unless the plan is free.
  step_handler "set_up_billing", depends_on: { account: ACCOUNT }, inputs: Registration do |account:, inputs:, context:|
    country = Directory.country(inputs.country)
    plan = Directory.plan(inputs.plan)
    if plan["needs_company"] && inputs.company.nil?
      Directory.refuse("company_required", "the plan `#{inputs.plan}` is for companies")
    end
    if plan["monthly_cents"].positive?
      if context.retry_count < Directory.billing_outage(account.email_domain)
        raise TaskerCore::Errors::NetworkError.new("the billing provider did not answer",
                                                   error_code: "billing_unavailable")
      end
      billing_id = Reference.reference("bil", account.account_id, inputs.plan)
    end
    Billing.new(billing_id: billing_id, plan: inputs.plan, currency: country["currency"],
                **plan.slice("monthly_cents", "trial_days", "seats").transform_keys(&:to_sym))
  end

  # What was asked for, and otherwise what is usual in the country. Where advertising needs a yes, silence is a no.
  step_handler "set_up_preferences", inputs: Registration do |inputs:|
    country = Directory.country(inputs.country)
    wishes = inputs.preferences || {}
    newsletter = wishes[:newsletter]
    Preferences.new(language: wishes[:language] || country["language"], time_zone: country["time_zone"],
                    newsletter: newsletter.nil? ? !country["opt_in"] : newsletter)
  end

  # The welcome mail, in the language of the account.
  step_handler "send_welcome", depends_on: { account: ACCOUNT, billing: BILLING, preferences: PREFERENCES },
                               inputs: [:full_name] do |account:, billing:, preferences:, full_name:|
    Welcome.mail(full_name, account, billing, preferences.language)
  end

  # The account as the rest of the company sees it.
  step_handler "activate_account", depends_on: { account: ACCOUNT, billing: BILLING,
                                                 preferences: PREFERENCES } do |account:, billing:, preferences:|
    { account_id: account.account_id, username: account.username,
      status: billing.trial_days.positive? ? "trial" : "active", seats: billing.seats,
      mail_topics: preferences.newsletter ? %w[account newsletter] : %w[account] }
  end
end
