// A tiny assistant desk on the Vercel AI SDK.
// node desk.mjs <vendor url> <trace file> <work as JSON>

import { appendFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateSpeech, generateText, isStepCount, registerTelemetry, tool, transcribe } from "ai";
import { z } from "zod";

const [url, file, work] = process.argv.slice(2);

// One ExportTraceServiceRequest a line, without this machine's paths in the stack traces.
const exporter = {
  export(spans, done) {
    const line = Buffer.from(JsonTraceSerializer.serializeRequest(spans)).toString();
    appendFileSync(file, `${line.replace(/(file:\/\/)?\/[^\s"()]*\/(?=node_modules\/|desk\.mjs)/g, "")}\n`);
    done({ code: 0 });
  },
  shutdown: async () => {},
  forceFlush: async () => {},
};
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "web-desk" }),
  spanProcessors: [
    new BatchSpanProcessor(exporter, { maxExportBatchSize: 3, scheduledDelayMillis: 200 }),
  ],
});
provider.register();
registerTelemetry(new OpenTelemetry());

const openai = createOpenAI({ baseURL: url, apiKey: "stub" });
const tracer = trace.getTracer("web-desk");
const tools = {
  lost_items: tool({
    description: "List the lost items of a kind.",
    inputSchema: z.object({ kind: z.string() }),
    execute: async ({ kind }) => (kind === "umbrella" ? ["green umbrella", "black umbrella"] : []),
  }),
};

function recording() {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(8036, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16000, 24);
  head.writeUInt32LE(32000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(8000, 40);
  return Buffer.concat([head, Buffer.alloc(8000)]);
}

async function answerAloud({ place, useTools, firstSentenceOnly, maxRetries = 0 }) {
  const heard = await transcribe({
    model: openai.transcription("gpt-4o-transcribe"),
    audio: recording(),
    maxRetries,
    telemetry: { functionId: "listen" },
  });
  const answer = await generateText({
    model: openai.chat("gpt-4.1-mini"),
    instructions: `You answer the phone of ${place}. Answer in one or two short sentences.`,
    prompt: heard.text,
    tools: useTools ? tools : undefined,
    stopWhen: isStepCount(3),
    maxRetries,
    telemetry: { functionId: "think" },
  });
  await generateSpeech({
    model: openai.speech("gpt-4o-mini-tts"),
    text: firstSentenceOnly ? `${answer.text.split(". ")[0]}.` : answer.text,
    voice: "coral",
    maxRetries,
    telemetry: { functionId: "speak" },
  });
}

async function serve(options) {
  await tracer.startActiveSpan("POST /api/ask", { kind: 1 }, async (span) => {
    span.setAttribute("session.id", options.session);
    try {
      await answerAloud(options);
      span.setAttribute("http.response.status_code", 200);
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      span.setAttribute("http.response.status_code", 500);
    }
    span.end();
  });
}

for (const options of JSON.parse(work)) await serve(options);
await provider.forceFlush();
