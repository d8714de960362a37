// OpenAI's SDK for JavaScript: chat, streams, tools, structured output, Responses, embeddings, models.
// Reads OPENAI_BASE_URL and OPENAI_API_KEY, as the SDK does. Prints a line for each thing that held.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ maxRetries: 0, timeout: 30_000 });
const model = "claude-haiku-4-5";
const held = (what) => console.log("ok", what);
const user = (content) => [{ role: "user", content }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const Place = z.object({ city: z.string(), people: z.number() });

const whole = await client.chat.completions.create({ model, messages: user("[[say: hello]]"), n: 2 });
assert.deepEqual(whole.choices.map((it) => it.message.content), ["hello", "hello"]);
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
held("chat");

const stream = client.chat.completions.stream({
  model,
  messages: user('[[say: looking]][[tool: get_weather {"city":"Oslo"}]]'),
  tools: [weather],
  stream_options: { include_usage: true },
});
const streamed = await stream.finalChatCompletion();
assert.equal(streamed.choices[0].finish_reason, "tool_calls");
assert.deepEqual(JSON.parse(streamed.choices[0].message.tool_calls[0].function.arguments), { city: "Oslo" });
assert.ok((await stream.totalUsage()).completion_tokens > 0);
held("streamed tool call");

const ran = client.chat.completions.runTools({
  model,
  messages: user('[[tool: get_weather {"city":"Oslo"}]]'),
  tools: [{ type: "function", function: { ...weather.function, parse: JSON.parse, function: ({ city }) => `rain in ${city}` } }],
});
assert.match(await ran.finalContent(), /rain in Oslo/);
held("tools run to the end");

const parsed = await client.chat.completions.parse({
  model,
  messages: user('[[say: {"city":"Oslo","people":700000}]]'),
  response_format: zodResponseFormat(Place, "place"),
});
assert.deepEqual(parsed.choices[0].message.parsed, { city: "Oslo", people: 700000 });
held("structured output");

const response = await client.responses.create({ model, input: "[[say: river]]" });
assert.equal(response.output_text, "river");
const next = await client.responses.create({ model, input: "[[say: stone]]", previous_response_id: response.id });
assert.equal(next.output_text, "stone");
assert.equal((await client.responses.retrieve(next.id)).id, next.id);
const items = await client.responses.inputItems.list(next.id);
assert.ok(items.data.length >= 1);
await client.responses.delete(next.id);
await assert.rejects(client.responses.retrieve(next.id), OpenAI.NotFoundError);
held("responses that are remembered, and forgotten");

const events = client.responses.stream({
  model,
  input: "[[think: hm]][[say: water]]",
  reasoning: { effort: "low", summary: "auto" },
});
let last = -1;
for await (const event of events) {
  assert.ok(event.sequence_number > last, `${event.sequence_number} after ${last}`);
  last = event.sequence_number;
}
assert.equal((await events.finalResponse()).output_text, "water");
held("streamed responses");

const structured = await client.responses.parse({
  model,
  input: '[[say: {"city":"Bergen","people":290000}]]',
  text: { format: zodTextFormat(Place, "place") },
});
assert.deepEqual(structured.output_parsed, { city: "Bergen", people: 290000 });
held("structured responses");

const vectors = await client.embeddings.create({ model: "titan-embed-text-v2", input: ["a", "b", "a"], dimensions: 256 });
assert.equal(vectors.data.length, 3);
assert.equal(vectors.data[0].embedding.length, 256);
assert.deepEqual(vectors.data[0].embedding, vectors.data[2].embedding);
held("embeddings");

const completion = await client.completions.create({ model, prompt: "[[say: onward]]", max_tokens: 10 });
assert.equal(completion.choices[0].text, "onward");
held("completions");

assert.ok((await client.models.list()).data.some((it) => it.id === model));
held("models");

await assert.rejects(
  client.chat.completions.create({ model: "nobody", messages: user("x") }),
  (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found",
);
await assert.rejects(
  client.chat.completions.create({ model, messages: user("x"), temperature: 3 }),
  (error) => error instanceof OpenAI.BadRequestError && error.param === "temperature",
);
held("errors");
