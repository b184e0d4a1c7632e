"""The HTTP server span that a framework puts over a request, and a gateway before it."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.spans import Pen, Turn

#: What every dialect below a server shows.
SIGNS = frozenset({"root", "gateway", "app_error"})


def serve(
    pen: Pen, turn: Turn, route: str = "/assist", attributes: dict[str, Any] | None = None
) -> str:
    """Begin the trace of one request; the id of the span that the stages go under comes back."""
    pen.new_trace()
    pen.turn = turn
    run = turn.run
    above = ""
    if pen.talk.gateway:
        broken = run.ending in ("gateway", "disconnected")
        status = 502 if broken else 500 if run.trouble else 200
        above = pen.span(
            f"POST {route}",
            -3,
            run.end + 4,
            kind=2,
            trouble=run.trouble,
            event=False,
            message="",
            scope="edge",
            attributes=_http(route, status),
        )
    trouble = run.trouble if run.ending != "gateway" else None
    status = 500 if trouble else 200
    mine = {**_http(route, status), **(attributes or {})}
    if trouble:
        mine["error.type"] = trouble.name
    return pen.span(
        f"POST {route}",
        0,
        run.end,
        above,
        kind=2,
        trouble=trouble,
        scope="opentelemetry.instrumentation.fastapi",
        attributes=mine,
    )


def errands(pen: Pen, turn: Turn, parent: str) -> None:
    """Calls that have nothing to do with speech or models, such as a cache that is down."""
    for call in turn.run.calls:
        if call.stage == "side":
            pen.span(
                "GET",
                call.start,
                call.end,
                parent,
                stage="side",
                kind=3,
                trouble=call.trouble,
                handled=call.handled,
                scope="opentelemetry.instrumentation.redis",
                attributes={"db.system": "redis", "net.peer.name": "cache.internal"},
            )


def _http(route: str, status: int) -> dict[str, Any]:
    return {"http.request.method": "POST", "http.route": route, "http.response.status_code": status}
