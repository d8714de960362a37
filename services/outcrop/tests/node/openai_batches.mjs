// The Batch API's documented flow through OpenAI's SDK for JavaScript.
// Reads OPENAI_BASE_URL and OPENAI_API_KEY, as the SDK does. Prints a line for each thing that held.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ maxRetries: 2, timeout: 30_000 });
const model = "claude-haiku-4-5";
const endpoint = "/v1/chat/completions";
const held = (what) => console.log("ok", what);
const call = (custom_id, content, more) => ({
  custom_id,
  method: "POST",
  url: endpoint,
  body: { model, messages: [{ role: "user", content }], ...more },
});

async function upload(text, name = "calls.jsonl") {
  return client.files.create({ file: await toFile(Buffer.from(text), name), purpose: "batch" });
}

async function submit(calls, more) {
  const file = await upload(calls.map((it) => JSON.stringify(it)).join("\n"));
  return client.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h", ...more });
}

async function ended(batch) {
  const deadline = Date.now() + 90_000;
  while (!["completed", "failed", "expired", "cancelled"].includes(batch.status)) {
    assert.ok(Date.now() < deadline, JSON.stringify(batch));
    await sleep(200);
    batch = await client.batches.retrieve(batch.id);
  }
  return batch;
}

async function lines(id) {
  const text = await (await client.files.content(id)).text();
  const all = text.split("\n").filter(Boolean).map((it) => JSON.parse(it));
  return new Map(all.map((it) => [it.custom_id, it]));
}

const text = '{"custom_id": "a"}\n';
const file = await upload(text);
assert.deepEqual([file.object, file.bytes, file.purpose, file.filename], ["file", text.length, "batch", "calls.jsonl"]);
assert.equal((await client.files.retrieve(file.id)).id, file.id);
assert.equal((await client.files.waitForProcessing(file.id)).status, "processed");
assert.equal(await (await client.files.content(file.id)).text(), text);
assert.equal((await client.files.delete(file.id)).deleted, true);
await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
held("files");

const uploaded = [];
for (let number = 0; number < 3; number += 1) uploaded.push((await upload(text, `${number}.jsonl`)).id);
const listed = [];
for await (const it of client.files.list({ purpose: "batch", limit: 2 })) listed.push(it.id);
assert.deepEqual(listed.filter((it) => uploaded.includes(it)), uploaded.toReversed());
held("pages of files");

const asked = Array.from({ length: 10 }, (_, number) => call(`call ${number}`, `[[say: answer ${number}]]`));
const batch = await ended(await submit([...asked, call("no model", "x", { model: "nobody" })], { metadata: { who: "journey" } }));
assert.equal(batch.status, "completed", JSON.stringify(batch));
assert.deepEqual({ ...batch.request_counts }, { total: 11, completed: 10, failed: 1 });
assert.deepEqual(batch.metadata, { who: "journey" });
const answers = await lines(batch.output_file_id);
assert.equal(answers.size, 10);
for (const [name, { response, error }] of answers) {
  assert.equal(error, null);
  assert.equal(response.status_code, 200);
  assert.equal(response.body.choices[0].message.content, `answer ${name.split(" ")[1]}`);
}
const failure = (await lines(batch.error_file_id)).get("no model");
assert.equal(failure.response.body.error.code, "model_not_found");
held("a batch");

const batches = [];
for await (const it of client.batches.list({ limit: 1 })) batches.push(it.id);
assert.ok(batches.includes(batch.id) && new Set(batches).size === batches.length);
held("pages of batches");

const slow = Array.from({ length: 100 }, (_, number) => call(`call ${number}`, "[[tokens: 300]] [[rate: 5]]"));
const cancelled = await ended(await client.batches.cancel((await submit(slow)).id));
assert.equal(cancelled.status, "cancelled");
assert.ok(cancelled.cancelled_at >= cancelled.cancelling_at);
held("a cancelled batch");

const bad = await client.batches.create({
  input_file_id: (await upload("no JSON\n")).id,
  endpoint,
  completion_window: "24h",
});
const failed = await ended(bad);
assert.equal(failed.status, "failed");
assert.deepEqual(failed.errors.data.map((it) => it.line), [1]);
await assert.rejects(client.batches.retrieve("batch_none"), OpenAI.NotFoundError);
held("a bad file");
