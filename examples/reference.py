"""Ids that depend on nothing but their parts."""

import hashlib


def reference(prefix: str, *parts: str) -> str:
    """The prefix and the first 12 hexadecimal digits of the SHA-256 of the parts joined by ``|``."""
    return f"{prefix}_{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"
