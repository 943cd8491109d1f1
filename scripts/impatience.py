"""Keeps what schemathesis makes up from waiting: a long poll may take a minute, and there are hundreds of them."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    query = case.query if isinstance(case.query, dict) else {}
    if "wait" in query:
        query["timeout"] = 0
    if case.path.endswith("/wakeups"):
        query.setdefault("wait_ms", 0)
    case.query = query
    for holder in (case.body, query):
        # In a query it may be a number in text.
        if isinstance(holder, dict) and str(holder.get("wait_ms")).isdigit() and 0 < int(str(holder["wait_ms"])) <= 60_000:
            holder["wait_ms"] = 0
