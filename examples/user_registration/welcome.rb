# frozen_string_literal: true

require_relative "../src/money"
require_relative "../src/reference"

# The welcome mail, in the language of the account.
module Welcome
  # By language: subject, greeting, what the trial is, and the last words.
  TEXTS = {
    "de" => ["Willkommen, %<name>s!", "Hallo %<name>s,\n\ndein Konto %<username>s ist bereit.",
             "Die ersten %<days>s Tage sind kostenlos, danach %<price>s im Monat.", "Viel Freude!"],
    "fr" => ["Bienvenue, %<name>s !", "Bonjour %<name>s,\n\nvotre compte %<username>s est prêt.",
             "Les %<days>s premiers jours sont gratuits, puis %<price>s par mois.", "À bientôt !"],
    "en" => ["Welcome, %<name>s!", "Hello %<name>s,\n\nyour account %<username>s is ready.",
             "The first %<days>s days are free, then %<price>s a month.", "Enjoy!"]
  }.freeze

  module_function

  def mail(full_name, account, billing, language)
    values = { name: full_name, username: account.username, days: billing.trial_days,
               price: Money.amount(billing.monthly_cents, billing.currency) }
    texts = TEXTS.fetch(language, TEXTS["en"]).map { |text| format(text, values) }
    subject, greeting, trial, closing = texts
    paragraphs = billing.trial_days.positive? ? [greeting, trial, closing] : [greeting, closing]
    { message_id: Reference.reference("msg", account.email, "welcome"), to: account.email, language: language,
      subject: subject, body: paragraphs.join("\n\n") }
  end
end
