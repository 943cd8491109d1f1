"""Amounts of money, in whole cents."""


def amount(cents: int, currency: str) -> str:
    """An amount for people to read: ``EUR 1,234.05``."""
    return f"{currency} {cents // 100:,}.{cents % 100:02}"


def share(cents: int, basis_points: int) -> int:
    """A share of an amount in hundredths of a percent, rounded half up to a whole cent."""
    return (cents * basis_points + 5_000) // 10_000
