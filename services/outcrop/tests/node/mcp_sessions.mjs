// The Model Context Protocol up to 2025-11-25 through its official SDK for TypeScript: in a session, each request of which comes to
// another replica, while connections are cut and a replica is killed. Prints a line for each thing that held. See mcp_world.mjs.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import {
  bearer, every, held, key, makePrompt, model, order, otherKey, outcomes, progress, raw, slow, textOf, until, url,
} from "./mcp_world.mjs";

const updated = [];
const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers: bearer(key) } });
const client = new Client({ name: "journey", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, () => ({
  action: "accept",
  content: { username: "somebody", email: "somebody@example.com" },
}));
// What the SDK swallows: a stream for news that it could not open, for one.
const complaints = [];
client.onerror = (error) => complaints.push(String(error));
process.on("exit", (code) => code === 0 || console.error("the SDK complained of", complaints));
client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => updated.push(params.uri));
const call = (name, args, options = {}) =>
  client.callTool({ name, arguments: args }, undefined, { timeout: 90_000, ...options });
const generate = (name, tokens, options) => call("generate", { model, prompt: slow(name, tokens) }, options);

await client.connect(transport);
assert.match(transport.sessionId, /^mcps_/);
assert.ok(client.getServerVersion().name && client.getServerCapabilities().resources.subscribe);
held("initialize");

const tools = await every((it) => client.listTools(it), "tools");
for (const name of ["generate", "chat", "embed", "rerank", "list_models", "submit_job", "get_job", "usage_me"]) {
  const tool = tools.find((it) => it.name === name);
  assert.ok(tool?.description && tool.outputSchema && tool.annotations, name);
}
assert.ok((await every((it) => client.listResources(it), "resources")).some((it) => it.uri === "outcrop://models"));
assert.ok((await every((it) => client.listResourceTemplates(it), "resourceTemplates")).length > 0);
held("lists");

const steps = progress();
assert.ok(textOf(await generate("progress", 30, { onprogress: steps.onprogress })));
assert.ok(steps.heard.length > 0);
const chat = await call("chat", { model, messages: [{ role: "user", content: "[[say: stone]]" }] });
assert.match(textOf(chat), /stone/);
const unknown = await call("generate", { model: "nobody", prompt: "x" });
assert.ok(unknown.isError && unknown._meta["outcrop/error"].code === "model_not_found", JSON.stringify(unknown));
held("calls, with progress");

for (let times = 0; times < 3; times += 1) {
  assert.match(textOf(await call("test_elicitation", { message: "Who are you?" })), /somebody/);
}
held("answers to what the server asks");

const read = async (uri) => (await client.readResource({ uri })).contents[0].text;
assert.match(await read("outcrop://models"), new RegExp(model));
assert.ok(JSON.parse(await read("outcrop://usage/me")));
await assert.rejects(read("outcrop://models/nobody"), (error) => error.code === -32002);
held("resources");

await makePrompt("poem");
const filled = await client.getPrompt({ name: "poem", arguments: { subject: "rivers" } });
assert.equal(filled.messages[0].content.text, "Write a poem about rivers.");
const completed = await client.complete({
  ref: { type: "ref/resource", uri: "outcrop://models/{id}" },
  argument: { name: "id", value: "claude-h" },
});
assert.ok(completed.completion.values.includes(model));
held("prompts and completion");

async function toldOfAJob() {
  const job = await call("submit_job", { model, prompt: "[[latency: 1500]] [[say: done]]" });
  const { id } = job.structuredContent;
  const uri = `outcrop://jobs/${id}`;
  await client.subscribeResource({ uri });
  const state = async () => ({ job: (await call("get_job", { id })).structuredContent });
  await until("news of the job", () => updated.includes(uri), 60_000, state);
  await until("the job", async () => (await call("get_job", { id })).structuredContent.status === "succeeded");
  assert.match(await read(`${uri}/result`), /done/);
  await client.unsubscribeResource({ uri });
}
await toldOfAJob();
held("news of a job");

const off = new AbortController();
const begun = progress();
const broken = generate("cancelled", 3000, { signal: off.signal, onprogress: begun.onprogress });
await until("progress", () => begun.heard.length > 0);
off.abort("enough");
await assert.rejects(broken);
await until("the model to stop", async () => (await outcomes("cancelled"))[0] === "cancelled", 10_000);
held("cancellation");

const seen = progress();
const cut = generate("cut", 150, { onprogress: seen.onprogress });
for (let times = 0; times < 2; times += 1) {
  const before = seen.heard.length;
  await until("progress", () => seen.heard.length > before);
  await order("cut");
}
assert.ok(textOf(await cut));
assert.deepEqual(await outcomes("cut"), ["answered"]);
held("a cut connection, and its call taken up again");

await order("only/0");
const lost = progress();
const dying = generate("lost", 3000, { onprogress: lost.onprogress });
await until("progress", () => lost.heard.length > 0);
await order("each-in-turn");
await order("kill/0");
await assert.rejects(dying, /again/);
assert.ok((await client.listTools()).tools.length > 0);
held("a killed replica: the session goes on, and its call ends with an error");
await toldOfAJob();
held("news, after a replica was killed");
await order("start/0");

assert.equal(await raw("POST", transport.sessionId), 200);
for (const method of ["POST", "GET", "DELETE"]) {
  assert.equal(await raw(method, transport.sessionId, otherKey), 404, method);
}
held("a session is its owner's");

const { sessionId } = transport;
await transport.terminateSession();
assert.equal(await raw("POST", sessionId), 404);
await client.close();
held("an ended session");
