"""A tiny assistant desk to be traced: it answers spoken questions and reads receipts."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import openai
from opentelemetry.trace import Span, Tracer

VOICE_RULES = "You answer the phone of {place}. Answer in one or two short sentences."
IMAGE_RULES = "Read the picture and answer with JSON: shop, date, total."
Tool = Callable[..., Any]


def same(text: str) -> str:
    """Leave a text as it is."""
    return text


@dataclass
class Desk:
    """The assistant; `rewrite` and `shorten` stand between the stages, where text can get lost."""

    url: str
    tracer: Tracer
    place: str = "a clinic"
    tools: dict[str, Tool] = field(default_factory=dict)
    models: tuple[str, ...] = ("gpt-4.1-mini",)
    attempts: int = 1
    sdk_retries: int = 0
    timeout: float = 5.0
    stream: bool = False
    rewrite: Callable[[str], str] = same
    shorten: Callable[[str], str] = same
    voices: dict[str, str] = field(default_factory=lambda: {"en": "coral"})

    def __post_init__(self) -> None:
        self.client = openai.AsyncOpenAI(
            base_url=self.url,
            api_key="stub",
            max_retries=self.sdk_retries,
            timeout=self.timeout,
        )

    # --- requests --------------------------------------------------------------------------

    async def voice(self, session: str, language: str = "en") -> bytes:
        """Answer one spoken question with speech."""
        with self.root("voice_request", session):
            heard = await self.again(self.transcribe)
            if not heard.strip():
                raise ValueError("nothing was heard in the recording")
            answer = await self.again(lambda: self.answer(self.rewrite(heard)))
            if not answer:
                raise ValueError("the model gave no answer")
            voice = self.voices[language]
            audio = await self.again(lambda: self.speak(self.shorten(answer), voice))
            if not audio:
                raise ValueError("no audio to play")
            return audio

    async def voice_until(self, session: str, seconds: float) -> None:
        """Answer a spoken question of a caller who hangs up after some seconds."""
        task = asyncio.create_task(self.voice(session))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])

    async def picture(self, session: str) -> dict[str, Any]:
        """Read one picture of a receipt."""
        with self.root("read_receipt", session):
            reply = await self.again(self.read)
            receipt = json.loads(reply)
            if missing := {"shop", "date", "total"} - receipt.keys():
                raise KeyError(f"receipt without {', '.join(sorted(missing))}")
            return receipt

    def root(self, name: str, session: str) -> AbstractContextManager[Span]:
        """Open the span of a whole request."""
        return self.tracer.start_as_current_span(name, attributes={"session.id": session})

    async def again(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work, and do it again after a vendor's error while attempts are left."""
        for _ in range(self.attempts - 1):
            try:
                return await work()
            except openai.APIStatusError:
                await asyncio.sleep(0.1)
        return await work()

    # --- stages ----------------------------------------------------------------------------

    async def transcribe(self) -> str:
        """Turn the caller's recording into words."""
        result = await self.client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("question.wav", recording(), "audio/wav")
        )
        return result.text

    async def answer(self, question: str) -> str:
        """Find the answer, with the tools where the model asks for them."""
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": VOICE_RULES.format(place=self.place)},
            {"role": "user", "content": question},
        ]
        while True:
            message = await self.chat(messages)
            if not message.get("tool_calls"):
                return message["content"] or ""
            messages.append(message)
            for call in message["tool_calls"]:
                messages.append(await self.use_tool(call))

    async def read(self) -> str:
        """Ask the model for the contents of a picture."""
        url = "data:image/png;base64," + base64.b64encode(tiny_png()).decode()
        parts = [
            {"type": "text", "text": "What does this receipt say?"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        messages = [
            {"role": "system", "content": IMAGE_RULES},
            {"role": "user", "content": parts},
        ]
        message = await self.chat(messages, response_format={"type": "json_object"})
        return message["content"] or ""

    async def speak(self, text: str, voice: str) -> bytes:
        """Turn the answer into speech."""
        result = await self.client.audio.speech.create(
            model="gpt-4o-mini-tts", voice=voice, input=text, response_format="pcm"
        )
        return result.content

    # --- model and tools -------------------------------------------------------------------

    async def chat(self, messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        """Ask the first model that works."""
        if self.tools:
            options["tools"] = [_describe(name, tool) for name, tool in self.tools.items()]
        for model in self.models[:-1]:
            try:
                return await self._ask(model, messages, options)
            except openai.APIStatusError:
                continue
        return await self._ask(self.models[-1], messages, options)

    async def _ask(self, model: str, messages: list[Any], options: dict[str, Any]) -> dict:
        if self.stream:
            return {"content": await self._streamed(model, messages, options)}
        result = await self.client.chat.completions.create(
            model=model, messages=messages, **options
        )
        return result.choices[0].message.model_dump(exclude_none=True) | {
            "content": result.choices[0].message.content
        }

    async def _streamed(self, model: str, messages: list[Any], options: dict[str, Any]) -> str:
        pieces = []
        stream = await self.client.chat.completions.create(
            model=model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            **options,
        )
        async for chunk in stream:
            pieces += [choice.delta.content or "" for choice in chunk.choices]
        return "".join(pieces)

    async def use_tool(self, call: dict[str, Any]) -> dict[str, Any]:
        """Run the tool that the model called and word its result for the model."""
        function = call["function"]
        with self.tool_span(function["name"], function["arguments"], call["id"]) as span:
            result = json.dumps(self.tools[function["name"]](**json.loads(function["arguments"])))
            self.note_result(span, result)
        return {"role": "tool", "tool_call_id": call["id"], "content": result}

    def tool_span(self, name: str, arguments: str, call: str) -> AbstractContextManager[Span]:
        """Open the span of one tool call."""
        raise NotImplementedError

    def note_result(self, span: Span, result: str) -> None:
        """Note a tool's result on its span."""
        raise NotImplementedError


def _describe(name: str, tool: Tool) -> dict[str, Any]:
    names = [n for n in tool.__annotations__ if n != "return"]
    properties = {n: {"type": "string"} for n in names}
    parameters = {"type": "object", "properties": properties, "required": names}
    function = {"name": name, "description": tool.__doc__, "parameters": parameters}
    return {"type": "function", "function": function}


def recording() -> bytes:
    """Make a quarter of a second of silence as a WAV file."""
    pcm = bytes(8000)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    data = b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", 4 + len(form) + len(data)) + b"WAVE" + form + data


def tiny_png(side: int = 24) -> bytes:
    """Make a small picture of grey lines."""
    rows = b"".join(b"\0" + bytes([255 if y % 4 else 90] * side) for y in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
