"""Reads chat messages out of the JSON that emitters record, whichever dialect they write.

Known dialects: OpenAI request and response bodies (`messages`, `choices`, `input`, `output`),
OpenTelemetry GenAI message lists (`parts`), LiveKit chat contexts (`items`), and plain strings.
Source: OpenTelemetry GenAI semantic conventions, "gen_ai.input.messages"; OpenAI API reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from mimetypes import guess_type
from typing import Any

import msgspec

from tracelens.normalise import media

#: Beyond this many characters a message list is not decoded: a text column may hold megabytes.
DECODE_LIMIT = 8_000_000

TEXT_KEYS = ("content", "text", "value", "transcript", "input_text", "output_text")
MEDIA_TYPES = {
    "image_url": "image",
    "image": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "file": "document",
    "input_file": "document",
    "document": "document",
    "video": "video",
    # Pydantic AI before its fifth format.
    "binary": "document",
    "image-url": "image",
    "audio-url": "audio",
    "video-url": "video",
    "document-url": "document",
    # LiveKit's chat contexts.
    "image_content": "image",
    "audio_content": "audio",
}
#: Where the dialects put the bytes or the address of a media part, also one level down.
MEDIA_PLACES = (
    *("content", "data", "uri", "url", "image_url", "input_audio", "image", "audio", "file_data"),
    *("file", "source", "file_uri", "fileUri", "b64_json"),
)
MIME_KEYS = ("mime_type", "mediaType", "media_type", "mimeType")

#: How agent frameworks word a tool's failure when they hand it to the model as text.
TOOL_FAILURE = re.compile(
    r"failed and returned no result"
    r"|an error occurred while running the tool"
    r"|error (?:calling|executing|running|invoking) (?:the )?tool"
    r"|tool (?:call |execution )?failed"
    r"|an internal error occurred"
    r"|^\W{0,3}(?:error|exception)\s*:"
    r"|traceback \(most recent call last\)",
    re.IGNORECASE,
)

#: What the Agent Development Kit writes in place of the bytes of a media part.
INLINE_DATA = re.compile(r"(?:<inline_data: [^>]*>\s*)+")

#: What an error object may hold beside the error itself.
ERROR_KEYS = {"error", "code", "detail", "details", "message", "ok", "status", "success", "type"}


@dataclass(frozen=True)
class Media:
    """A part of a message that is no text, and how large it is where that is recorded."""

    kind: str  # image, audio, video, document, or what an emitter calls it
    megapixels: float | None = None
    seconds: float | None = None
    pages: int | None = None


@dataclass
class Message:
    """One message of a conversation, whatever dialect it was written in."""

    role: str
    text: str = ""
    has_text: bool = False
    media: list[Media] = field(default_factory=list)
    tool_calls: list[tuple[str, Any]] = field(default_factory=list)
    tool_results: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    refusal: bool = False
    blank: bool = False  # content is there and says null or nothing, with no media beside it


def decode_json(value: str) -> Any:
    """Decode JSON, also when it was encoded twice; None when it is not JSON or too long."""
    if len(value) > DECODE_LIMIT:
        return None
    try:
        decoded = msgspec.json.decode(value)
        if isinstance(decoded, str) and decoded[:1] in "[{":
            decoded = msgspec.json.decode(decoded)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return decoded


def read_input(value: str) -> dict[str, Any]:
    """What the model was given: the last user message, this turn's context, tool failures."""
    decoded = decode_json(value)
    if decoded is None:
        return {"text_in": value} if value[:1] not in "[{" else {}
    return given_to_model(list(find_messages(decoded)))


def given_to_model(messages: list[Message]) -> dict[str, Any]:
    """The canonical columns of messages that went into a model."""
    if not messages:
        return {}
    turn = current_turn(messages)
    users = [m for m in turn if m.role == "user"] or [m for m in messages if m.role == "user"]
    said = [m.text for m in users if m.has_text]
    return {
        "text_in": (said[-1] if said else _when_empty(users)),
        "context_in": "\n".join(m.text for m in turn if m.text),
        "tool_failure": _tool_failure(turn),
        "tool_results": _tool_results(turn),
        **_sizes([part for m in users for part in m.media]),
    }


def _sizes(parts: list[Media]) -> dict[str, Any]:
    """What came in beside text; null for none, as instrumentations drop what they cannot write."""
    return {
        "input_modalities": sorted({part.kind for part in parts}) or None,
        "images": sum(part.kind == "image" for part in parts) or None,
        "megapixels": _sum(part.megapixels for part in parts if part.kind == "image"),
        "audio_seconds": _sum(part.seconds for part in parts if part.kind == "audio"),
        "pages": _sum(part.pages for part in parts if part.kind == "document"),
    }


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def read_output(value: str) -> dict[str, Any]:
    """What the model answered: its text, its tool calls, and how it ended."""
    decoded = decode_json(value)
    if decoded is None:
        return {"text_out": value} if value[:1] not in "[{" else {}
    found = said_by_model(find_messages(decoded))
    if not found:
        found = {} if _looks_like_body(decoded) else {"text_out": value}
    ended = _ended(decoded)
    return {**found, "finish_reason": ended} if ended else found


def said_by_model(found: Iterable[Message]) -> dict[str, Any]:
    """The canonical columns of messages that came out of a model."""
    messages = [m for m in found if m.role in ("assistant", "model", "")]
    if not messages:
        return {}
    calls = [call for m in messages for call in m.tool_calls]
    texts = [m.text for m in messages if m.has_text]
    parts = [part for m in messages for part in m.media]
    return {
        "text_out": " ".join(texts) if texts else _when_silent(messages),
        "tool_calls": len(calls),
        "bad_tool_arguments": next(
            (_bad_arguments(call) for call in calls if _bad_arguments(call)), None
        ),
        "finish_reason": next((m.finish_reason for m in messages if m.finish_reason), None),
        "output_modalities": sorted({part.kind for part in parts}) or None,
        "output_images": sum(part.kind == "image" for part in parts) or None,
    }


def current_turn(messages: list[Message]) -> list[Message]:
    """The messages since the assistant last spoke to the user, and the instructions."""
    last = max(
        (i for i, m in enumerate(messages) if m.role in ("assistant", "model") and m.text.strip()),
        default=-1,
    )
    instructions = [m for m in messages[: last + 1] if m.role in ("system", "developer")]
    return instructions + messages[last + 1 :]


def find_messages(decoded: Any) -> Iterator[Message]:
    """Every message of a decoded body, in order, at the places where the dialects put them."""
    if isinstance(decoded, list):
        for item in decoded:
            if isinstance(item, Mapping):
                yield from _message_or_part(item)
    elif isinstance(decoded, Mapping):
        yield from _from_body(decoded)


def _ended(decoded: Any) -> str | None:
    """How an answer of OpenAI's Responses API ended, when it did not end well."""
    if not isinstance(decoded, Mapping) or "output" not in decoded:
        return None
    details = decoded.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    if isinstance(reason, str):
        return reason
    return "error" if decoded.get("status") == "failed" else None


def _from_body(body: Mapping[str, Any]) -> Iterator[Message]:
    for key in ("messages", "items", "choices", "input", "output", "candidates", "contents"):
        inner = body.get(key)
        if isinstance(inner, list):
            if key == "input" and isinstance(body.get("instructions"), str):
                yield Message("system", body["instructions"], True)
            for item in inner:
                if isinstance(item, Mapping):
                    yield from _message_or_part(item)
            return
        if key == "input" and isinstance(inner, str):
            yield Message("user", inner, True)
            return
    held = (body.get("message"), body.get("content"))
    if "role" in body or "parts" in body or any(isinstance(each, Mapping) for each in held):
        yield from _message_or_part(body)
    elif isinstance(body.get("combined_chunk_content"), str):  # a stream as Logfire sums it up
        yield Message("assistant", body["combined_chunk_content"], True)


def _message_or_part(item: Mapping[str, Any]) -> Iterator[Message]:
    inner = item.get("message")
    held = item.get("content")
    if isinstance(inner, Mapping):
        yield _message({"finish_reason": item.get("finish_reason"), **inner})
    elif isinstance(held, Mapping) and "parts" in held:  # Gemini's candidates
        reason = item.get("finishReason", item.get("finish_reason"))
        yield _message({"role": "model", "finish_reason": reason, **held})
    elif item.get("type") in ("function_call", "tool_call") and "name" in item:
        yield Message("assistant", tool_calls=[(str(item["name"]), item.get("arguments"))])
    elif item.get("type") in ("function_call_output", "tool_call_output"):
        yield Message("tool", tool_results=[_flat(item.get("output"))])
    elif "role" in item or "parts" in item or "content" in item:
        yield _message(item)


def _message(item: Mapping[str, Any]) -> Message:
    reason = item.get("finish_reason")
    message = Message(
        str(item.get("role") or ""), finish_reason=reason if isinstance(reason, str) else None
    )
    parts = item["parts"] if "parts" in item else item.get("content")
    _take_content(message, parts)
    calls = item.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, Mapping):
            inner = call.get("function")
            function = inner if isinstance(inner, Mapping) else call
            message.tool_calls.append((str(function.get("name")), function.get("arguments")))
    if isinstance(item.get("refusal"), str):
        message.refusal = True
    message.blank = "content" in item and not message.has_text and not message.media
    if message.role == "function":
        message.role = "tool"
    if isinstance(item.get("audio"), Mapping):
        message.blank = False
        message.media.append(_media(item["audio"] | {"type": "audio"}))
        _take_text(message, item["audio"].get("transcript"))
    if message.role == "tool" and not message.tool_results:
        message.tool_results.append(message.text)
    return message


def _take_content(message: Message, content: Any) -> None:
    if isinstance(content, str):
        _take_text(message, content)
    elif isinstance(content, Mapping):
        _take_part(message, content)
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, str):
                _take_text(message, part)
            elif isinstance(part, Mapping):
                _take_part(message, part)


def _take_part(message: Message, part: Mapping[str, Any]) -> None:
    named = part.get("type")
    kind = named if isinstance(named, str) else None
    if kind in ("tool_call", "tool_use", "tool-call", "server_tool_call"):
        arguments = part.get("arguments", part.get("input", part.get("args")))
        message.tool_calls.append((str(part.get("name") or part.get("toolName")), arguments))
    elif kind in ("tool_call_response", "tool_result", "tool-result", "server_tool_call_response"):
        result = next(
            (part[k] for k in ("response", "result", "output", "content") if k in part), ""
        )
        message.tool_results.append(_flat(result))
    elif kind is None and (gemini := _gemini_part(part)) is not None:
        _take_part(message, gemini)
    elif kind in ("blob", "uri", "file") or kind in MEDIA_TYPES:
        message.media.append(_media(part))
    elif kind == "refusal":
        message.refusal = True
    elif kind not in ("reasoning", "thinking", "cache_breakpoint", "compaction"):
        _take_text(
            message, next((part[k] for k in TEXT_KEYS if isinstance(part.get(k), str)), None)
        )


def _gemini_part(part: Mapping[str, Any]) -> dict[str, Any] | None:
    """A part of Gemini's API, which names its kind by a key, in the words of the others."""
    for key in ("function_call", "functionCall"):
        if isinstance(part.get(key), Mapping):
            call = part[key]
            return {"type": "tool_call", "name": call.get("name"), "arguments": call.get("args")}
    for key in ("function_response", "functionResponse"):
        if isinstance(part.get(key), Mapping):
            return {"type": "tool_result", "result": part[key].get("response")}
    for key in ("inline_data", "inlineData", "file_data", "fileData"):
        if isinstance(part.get(key), Mapping):
            return {"type": "blob", "source": part[key]}
    return {"type": "reasoning"} if part.get("thought") is True else None


def _media(part: Mapping[str, Any]) -> Media:
    """A media part, with its size where its bytes are there."""
    held = _held(part)
    kind = _modality(part, held)
    payload = media.payload_of(held)
    if payload is None:
        return Media(kind)
    return Media(
        kind,
        media.megapixels(payload) if kind == "image" else None,
        media.wave_seconds(payload) if kind == "audio" else None,
        media.pdf_pages(payload) if kind == "document" else None,
    )


def _held(part: Mapping[str, Any]) -> str:
    """The bytes or the address of a media part as text; empty when neither is recorded."""
    for key in MEDIA_PLACES:
        value = part.get(key)
        if isinstance(value, Mapping):
            value = next((value[k] for k in ("$bytes", *MEDIA_PLACES) if value.get(k)), None)
        if isinstance(value, str) and value:
            return value
    return ""


def _modality(part: Mapping[str, Any], held: str) -> str:
    """The modality of a media part: the MIME type is trusted over what the emitter calls it."""
    mime = _mime(part) or media.mime_of(held) or ""
    if mime in ("application/pdf",) or mime.startswith("text/"):
        return "document"
    if "/" in mime and mime.split("/")[0] in ("image", "audio", "video"):
        return mime.split("/")[0]
    modality = part.get("modality")
    return str(modality) if modality else MEDIA_TYPES.get(str(part.get("type")), "document")


def _mime(part: Mapping[str, Any]) -> str | None:
    """The MIME type that a part, or the object in it, states; of a file also by its name."""
    inner = (value for key in MEDIA_PLACES if isinstance(value := part.get(key), Mapping))
    for holder in (part, *inner):
        for key in MIME_KEYS:
            if isinstance(holder.get(key), str) and holder[key]:
                return str(holder[key]).lower()
    for holder in (part, *(part[key] for key in ("file",) if isinstance(part.get(key), Mapping))):
        if isinstance(name := holder.get("filename"), str):
            return guess_type(name[-255:])[0]
    return None


def _take_text(message: Message, value: Any) -> None:
    if isinstance(value, str) and not looks_like_payload(value):
        message.text = f"{message.text} {value}" if message.text else value
        message.has_text = True


def looks_like_payload(value: str) -> bool:
    """Whether a text is media bytes in disguise: some emitters put base64 audio in text parts."""
    return value.startswith("data:") or (
        len(value) > 512
        and re.fullmatch(r"[A-Za-z0-9+/=\s_-]+", value[:512]) is not None
        and " " not in value[:512].strip()
    )


def _when_empty(users: list[Message]) -> str | None:
    """An empty user message that holds no media was handed over empty; otherwise not recorded."""
    if users and not users[-1].media and users[-1].has_text:
        return ""
    return None


def _when_silent(messages: list[Message]) -> str | None:
    """An answer without words is empty only where a place for words was recorded.

    Instrumentations that cannot write a spoken or pictured answer leave an empty list of parts.
    """
    return "" if any(m.tool_calls or m.blank for m in messages) else None


def _tool_failure(turn: list[Message]) -> str | None:
    results = [result for m in turn for result in m.tool_results]
    return next((r for r in results[-1:] if TOOL_FAILURE.search(r) or _is_error(r)), None)


def _tool_results(turn: list[Message]) -> str | None:
    """What tools returned in this turn, as a JSON list of texts."""
    results = [result for m in turn for result in m.tool_results if result]
    return msgspec.json.encode(results).decode() if results else None


def _is_error(result: str) -> bool:
    """Whether a tool's result is an object that holds an error and nothing else that one can use.

    So do tools answer by convention, and so does the Model Context Protocol with `isError`.
    """
    decoded = decode_json(result) if result[:1] == "{" else None
    if not isinstance(decoded, Mapping):
        return False
    error = decoded.get("error")
    said = isinstance(error, str | Mapping) and bool(error)
    return (said and not decoded.keys() - ERROR_KEYS) or decoded.get("isError") is True


def _bad_arguments(call: tuple[str, Any]) -> str | None:
    name, arguments = call
    # What OpenLLMetry makes of arguments that it cannot parse.
    if isinstance(arguments, Mapping) and arguments.keys() == {"_raw"}:
        arguments = arguments["_raw"]
    if isinstance(arguments, str) and arguments.strip() and decode_json(arguments) is None:
        return f"{name}({arguments[:200]})"
    return None


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _looks_like_body(decoded: Any) -> bool:
    keys = {"choices", "messages", "output", "input", "role", "parts", "model"}
    return isinstance(decoded, Mapping) and bool(keys & decoded.keys())


def read_calls(value: str) -> dict[str, Any]:
    """Tool calls out of a list of them: how many, and the first whose arguments do not parse."""
    decoded = decode_json(value)
    if not isinstance(decoded, list):
        return {}
    calls = [
        (str(call.get("name") or call.get("toolName")), call.get("arguments", call.get("args")))
        for call in decoded
        if isinstance(call, Mapping)
    ]
    bad = next((found for found in map(_bad_arguments, calls) if found), None)
    return {"tool_calls": len(calls), "bad_tool_arguments": bad}


def read_finish(value: str) -> dict[str, Any]:
    """The last finish reason of a list of them."""
    decoded = decode_json(value)
    if isinstance(decoded, list):
        reasons = [reason for reason in decoded if isinstance(reason, str)]
        return {"finish_reason": reasons[-1]} if reasons else {}
    return {"finish_reason": value}


def read_transcript(value: str) -> dict[str, Any]:
    """The words of a recogniser's response body, or of a plain transcript."""
    decoded = decode_json(value)
    if isinstance(decoded, Mapping):
        words = decoded.get("text")
        return {"text_out": words} if isinstance(words, str) else {}
    return {"text_out": value} if decoded is None else {}


def read_gemini_response(value: str) -> dict[str, Any]:
    """What a model of Gemini answered, as the Agent Development Kit keeps it: `{content, …}`.

    An empty object stands for content that was not captured; a live model's words stand in
    `output_transcription`.
    """
    decoded = decode_json(value)
    if not isinstance(decoded, Mapping) or not decoded:
        return {}
    held = decoded.get("content")
    if not isinstance(held, Mapping) or not held.get("parts"):
        spoken = decoded.get("output_transcription")
        words = spoken.get("text") if isinstance(spoken, Mapping) else None
        return {"text_out": words if isinstance(words, str) else ""}
    found = said_by_model(find_messages(decoded))
    if INLINE_DATA.fullmatch(found.get("text_out") or ""):
        return {**found, "text_out": None, "output_modalities": ["audio"]}
    return found


def read_heard(value: str) -> dict[str, Any]:
    """The words of a message list that a recogniser emitted, whatever role they were given."""
    return {"text_out": _all_text(value)}


def read_shown(value: str) -> dict[str, Any]:
    """What a message list given to a recogniser holds beside text, and how large it is."""
    decoded = decode_json(value)
    return _sizes([part for m in find_messages(decoded) for part in m.media])


def read_made(value: str) -> dict[str, Any]:
    """What a message list that came out of synthesis holds beside text."""
    decoded = decode_json(value)
    parts = [part for m in find_messages(decoded) for part in m.media]
    return {
        "output_modalities": sorted({part.kind for part in parts}) or None,
        "output_audio_seconds": _sum(part.seconds for part in parts if part.kind == "audio"),
        "output_images": sum(part.kind == "image" for part in parts) or None,
    }


def read_speech(value: str) -> dict[str, Any]:
    """The words of a message list given to synthesis, whatever role they were given."""
    return {"text_in": _all_text(value)}


def _all_text(value: str) -> str | None:
    decoded = decode_json(value)
    if decoded is None:
        return value if value[:1] not in "[{" else None
    texts = [m.text for m in find_messages(decoded) if m.has_text]
    return " ".join(texts) if texts else None


def read_spoken(value: str) -> dict[str, Any]:
    """What a `user_speech` span says was heard: it stands on the input side."""
    return {"text_out": read_input(value).get("text_in")}


def read_speech_input(value: str) -> dict[str, Any]:
    """The text and the model of a speech request body."""
    decoded = decode_json(value)
    if isinstance(decoded, Mapping):
        said, model = decoded.get("input"), decoded.get("model")
        return {
            "text_in": said if isinstance(said, str) else None,
            "model": model if isinstance(model, str) else None,
        }
    return {"text_in": value} if decoded is None else {}


def read_model(value: str) -> dict[str, Any]:
    """The model named in the parameters of a call."""
    decoded = decode_json(value)
    model = decoded.get("model") if isinstance(decoded, Mapping) else None
    return {"model": model} if isinstance(model, str) else {}
