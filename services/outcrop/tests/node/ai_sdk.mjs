// Vercel's AI SDK, through its providers for OpenAI (both APIs), for what is like OpenAI, and for Anthropic.
// Reads OUTCROP_URL and OUTCROP_KEY. Prints a line for each thing that held.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, apiKey] = [`${process.env.OUTCROP_URL}/v1`, process.env.OUTCROP_KEY];
const name = "claude-haiku-4-5";
const openai = createOpenAI({ baseURL, apiKey });
const compatible = createOpenAICompatible({ name: "outcrop", baseURL, apiKey, includeUsage: true });
const anthropic = createAnthropic({ baseURL, apiKey });
const models = {
  responses: openai(name),
  chat: openai.chat(name),
  compatible: compatible(name),
  anthropic: anthropic(name),
};
const held = (what) => console.log("ok", what);
const tools = {
  get_weather: tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `rain in ${city}`,
  }),
};

for (const [api, model] of Object.entries(models)) {
  const maxRetries = 0;
  const { text, usage } = await generateText({ model, maxRetries, prompt: "[[say: hello]]" });
  assert.equal(text, "hello");
  assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
  held(`${api}: text`);

  const stream = streamText({ model, maxRetries, prompt: "[[say: one two three]]" });
  let heard = "";
  for await (const piece of stream.textStream) heard += piece;
  assert.equal(heard, "one two three");
  assert.equal(await stream.finishReason, "stop");
  assert.ok((await stream.usage).outputTokens > 0);
  held(`${api}: stream`);

  const acted = await generateText({
    model,
    maxRetries,
    tools,
    stopWhen: stepCountIs(3),
    prompt: '[[tool: get_weather {"city":"Oslo"}]]',
  });
  assert.equal(acted.steps.length, 2);
  assert.match(acted.text, /rain in Oslo/);
  held(`${api}: tools`);

  const { object } = await generateObject({
    model,
    maxRetries,
    schema: z.object({ city: z.string() }),
    prompt: '[[say: {"city":"Oslo"}]]',
  });
  assert.equal(typeof object.city, "string");
  held(`${api}: object`);
}

const { embeddings } = await embedMany({ model: openai.embedding("titan-embed-text-v2"), values: ["a", "b"] });
assert.equal(embeddings.length, 2);
held("embeddings");
