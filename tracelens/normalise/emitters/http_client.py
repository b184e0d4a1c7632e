"""Plain HTTP client spans: all there is of a vendor call that no instrumentation wraps."""

from tracelens.normalise.emitter import Emitter, Tier, text

EMITTER = Emitter(
    name="http_client",
    title="HTTP client instrumentations (httpx, requests, aiohttp, fetch), by URL path",
    tier=Tier.FALLBACK,
    # The stage comes from the `url_path` rows of the policy.
    claims=(text("url.full"), text("http.url")),
    kinds=(3,),  # client
    unrecorded=(
        "transcription.text_out",
        "reasoning.text_in",
        "reasoning.text_out",
        "synthesis.text_in",
    ),
    reads=("The stage from the path of the URL, by the policy's rows, and the HTTP status.",),
    blind_to=(
        "Any content: neither what was sent nor what came back.",
        "Models and usage.",
    ),
)
