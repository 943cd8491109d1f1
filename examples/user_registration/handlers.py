"""A registration: one account, then billing and preferences side by side, then a welcome."""

from dataclasses import dataclass, field
from typing import Any

from money import amount
from reference import reference
from tasker_core import (
    PermanentError,
    RetryableError,
    StepContext,
    depends_on,
    inputs,
    step_handler,
)
from user_registration.directory import DIRECTORY, address, country, username_for


@dataclass
class Wishes:
    language: str | None = None
    newsletter: bool | None = None


@dataclass
class Registration:
    email: str
    full_name: str
    plan: str
    country: str
    company: str | None = None
    preferences: Wishes = field(default_factory=Wishes)


@dataclass
class Account:
    account_id: str
    username: str
    email: str
    email_domain: str


@dataclass
class Billing:
    """``billing_id`` is None where nothing has to be paid."""

    billing_id: str | None
    plan: str
    monthly_cents: int
    currency: str
    trial_days: int
    seats: int


@dataclass
class Preferences:
    language: str
    time_zone: str
    newsletter: bool


@step_handler("create_account")
@inputs(Registration)
def create_account(inputs: Registration) -> Account:
    """Refuses addresses that are blocked or taken, in whatever spelling."""
    mail = address(inputs.email)
    if mail.domain in DIRECTORY["blocked_domains"]:
        message = f"addresses at `{mail.domain}` are not accepted"
        raise PermanentError(message, error_code="email_domain_blocked")
    if any(account["identity"] == mail.identity for account in DIRECTORY["accounts"]):
        raise PermanentError(f"`{mail.email}` has an account already", error_code="email_taken")
    return Account(
        reference("acc", mail.identity),
        username_for(inputs.full_name),
        mail.email,
        mail.domain,
    )


@step_handler("set_up_billing")
@inputs(Registration)
@depends_on(account=("create_account", Account))
async def set_up_billing(inputs: Registration, account: Account, context: StepContext) -> Billing:
    """Opens an account at the billing provider, unless the plan is free."""
    currency = country(inputs.country)["currency"]
    plan = DIRECTORY["plans"].get(inputs.plan)
    if plan is None:
        raise PermanentError(f"there is no plan `{inputs.plan}`", error_code="unknown_plan")
    if plan.get("needs_company") and inputs.company is None:
        raise PermanentError(f"the plan `{inputs.plan}` is for companies", error_code="company_required")
    billing_id = None
    if plan["monthly_cents"] > 0:
        if context.retry_count < DIRECTORY["billing_outages"].get(account.email_domain, 0):
            message = "the billing provider did not answer"
            raise RetryableError(message, error_code="billing_unavailable")
        billing_id = reference("bil", account.account_id, inputs.plan)
    return Billing(
        billing_id,
        inputs.plan,
        plan["monthly_cents"],
        currency,
        plan["trial_days"],
        plan["seats"],
    )


@step_handler("set_up_preferences")
@inputs(Registration)
async def set_up_preferences(inputs: Registration) -> Preferences:
    """What was asked for, and otherwise what is usual in the country. Where advertising needs a yes, silence is a no."""
    usual = country(inputs.country)
    wishes = inputs.preferences
    newsletter = not usual["opt_in"] if wishes.newsletter is None else wishes.newsletter
    return Preferences(wishes.language or usual["language"], usual["time_zone"], newsletter)


@step_handler("send_welcome")
@inputs(Registration)
@depends_on(
    account=("create_account", Account),
    billing=("set_up_billing", Billing),
    preferences=("set_up_preferences", Preferences),
)
def send_welcome(inputs: Registration, account: Account, billing: Billing, preferences: Preferences) -> dict[str, Any]:
    """The welcome mail, in the language of the account."""
    name, username, days = inputs.full_name, account.username, billing.trial_days
    price = amount(billing.monthly_cents, billing.currency)
    texts = {
        "de": (
            f"Willkommen, {name}!",
            f"Hallo {name},\n\ndein Konto {username} ist bereit.",
            f"Die ersten {days} Tage sind kostenlos, danach {price} im Monat.",
            "Viel Freude!",
        ),
        "fr": (
            f"Bienvenue, {name} !",
            f"Bonjour {name},\n\nvotre compte {username} est prêt.",
            f"Les {days} premiers jours sont gratuits, puis {price} par mois.",
            "À bientôt !",
        ),
        "en": (
            f"Welcome, {name}!",
            f"Hello {name},\n\nyour account {username} is ready.",
            f"The first {days} days are free, then {price} a month.",
            "Enjoy!",
        ),
    }
    subject, greeting, trial, closing = texts.get(preferences.language, texts["en"])
    paragraphs = [greeting, trial, closing] if days > 0 else [greeting, closing]
    return {
        "message_id": reference("msg", account.email, "welcome"),
        "to": account.email,
        "language": preferences.language,
        "subject": subject,
        "body": "\n\n".join(paragraphs),
    }


@step_handler("activate_account")
@depends_on(
    account=("create_account", Account),
    billing=("set_up_billing", Billing),
    preferences=("set_up_preferences", Preferences),
)
def activate_account(account: Account, billing: Billing, preferences: Preferences) -> dict[str, Any]:
    """The account as the rest of the company sees it."""
    return {
        "account_id": account.account_id,
        "username": account.username,
        "status": "trial" if billing.trial_days > 0 else "active",
        "seats": billing.seats,
        "mail_topics": ["account", "newsletter"] if preferences.newsletter else ["account"],
    }
