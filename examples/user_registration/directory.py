"""Who is registered already, what can be bought, and what is usual where."""

import json
import re
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tasker_core import PermanentError

DIRECTORY: dict[str, Any] = json.loads((Path(__file__).parent / "directory.json").read_text())


class Address(NamedTuple):
    """``identity`` is the same for every spelling that reaches the same mailbox."""

    email: str
    identity: str
    domain: str


def address(text: str) -> Address:
    """Normalises a mail address. Raises ``email_invalid``."""
    email = text.strip().lower()
    local, _, domain = email.partition("@")
    if not local or not domain:
        raise PermanentError(f"`{text}` is no mail address", error_code="email_invalid")
    mailbox = local.split("+")[0]
    kept_as = DIRECTORY["dot_blind_domains"].get(domain)
    identity = f"{mailbox}@{domain}" if kept_as is None else f"{mailbox.replace('.', '')}@{kept_as}"
    return Address(email, identity, domain)


def username_for(full_name: str) -> str:
    """A free name made of a person's: ``ada.lovelace``, or ``ada.lovelace.2`` where that is taken."""
    base = ".".join(re.findall(r"[^\W_]+", full_name.lower()))
    taken = {account["username"] for account in DIRECTORY["accounts"]}
    if base not in taken:
        return base
    return next(name for name in (f"{base}.{number}" for number in count(2)) if name not in taken)


def country(code: str) -> dict[str, Any]:
    """Raises ``country_not_served``."""
    found = DIRECTORY["countries"].get(code)
    if found is None:
        raise PermanentError(f"there is no service in `{code}`", error_code="country_not_served")
    return found
