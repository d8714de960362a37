// Anthropic's SDK for JavaScript, over Claude and over a model that is not Claude.
// Reads ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY, as the SDK does. Prints a line for each thing that held.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ maxRetries: 0, timeout: 30_000 });
const held = (what) => console.log("ok", what);
const user = (content) => [{ role: "user", content }];
const tools = [
  {
    name: "get_weather",
    description: "The weather of a city.",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];

for (const model of ["claude-haiku-4-5", "nova-lite"]) {
  const base = { model, max_tokens: 2000 };
  const message = await client.messages.create({ ...base, messages: user("[[say: hello]]") });
  assert.deepEqual([message.content[0].text, message.stop_reason, message.model], ["hello", "end_turn", model]);
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
  held(`${model}: message`);

  const stream = client.messages.stream({
    ...base,
    messages: user('[[say: looking]][[tool: get_weather {"city":"Oslo"}]]'),
    tools,
  });
  const pieces = [];
  stream.on("text", (text) => pieces.push(text));
  const final = await stream.finalMessage();
  assert.equal(pieces.join(""), "looking");
  assert.equal(final.stop_reason, "tool_use");
  const call = final.content.find((it) => it.type === "tool_use");
  assert.deepEqual(call.input, { city: "Oslo" });
  assert.ok(final.usage.input_tokens > 0 && final.usage.output_tokens > 0);
  held(`${model}: streamed tool call`);

  const after = await client.messages.create({
    ...base,
    tools,
    messages: [
      ...user("The weather?"),
      { role: "assistant", content: final.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "rain" }] },
    ],
  });
  assert.match(after.content[0].text, /rain/);
  held(`${model}: tool result`);

  const counted = await client.messages.countTokens({ model, messages: user("one two three") });
  assert.ok(counted.input_tokens > 0);
  held(`${model}: count_tokens`);
}

const thought = await client.messages.create({
  model: "claude-haiku-4-5",
  max_tokens: 4000,
  thinking: { type: "enabled", budget_tokens: 1024 },
  messages: user("[[think: hm]][[say: yes]]"),
});
assert.deepEqual(thought.content.map((it) => it.type), ["thinking", "text"]);
assert.ok(thought.content[0].signature.length > 0);
const again = await client.messages.create({
  model: "claude-haiku-4-5",
  max_tokens: 4000,
  thinking: { type: "enabled", budget_tokens: 1024 },
  messages: [...user("?"), { role: "assistant", content: thought.content }, ...user("[[say: still]]")],
});
assert.ok(again.content.some((it) => it.text === "still"));
held("thoughts given back");

await assert.rejects(
  client.messages.create({ model: "nobody", max_tokens: 10, messages: user("x") }),
  (error) => error instanceof Anthropic.NotFoundError && error.error.error.type === "not_found_error",
);
await assert.rejects(
  client.messages.create({ model: "claude-haiku-4-5", messages: user("x") }),
  (error) => error instanceof Anthropic.BadRequestError && /max_tokens/.test(error.message),
);
held("errors");
