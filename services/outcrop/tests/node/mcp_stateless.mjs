// The Model Context Protocol from 2026-07-28 on through its official SDK for TypeScript: no sessions, each request to the replica
// whose turn it is, and one of them killed. Prints a line for each thing that held. See mcp_world.mjs.
import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  bearer, every, held, key, makePrompt, model, order, outcomes, progress, slow, textOf, until, url,
} from "./mcp_world.mjs";

const updated = [];
const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers: bearer(key) } });
const client = new Client(
  { name: "journey", version: "1" },
  { capabilities: { elicitation: {} }, versionNegotiation: { mode: "auto" } },
);
client.setRequestHandler("elicitation/create", () => ({
  action: "accept",
  content: { name: "somebody" },
}));
client.setNotificationHandler("notifications/resources/updated", ({ params }) => updated.push(params.uri));
const call = (name, args, options = {}) => client.callTool({ name, arguments: args }, { timeout: 90_000, ...options });
const generate = (name, tokens, options) => call("generate", { model, prompt: slow(name, tokens) }, options);

await client.connect(transport);
assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
assert.equal(transport.sessionId, undefined);
held("discover");

const tools = await every((it) => client.listTools(it), "tools");
assert.ok(["generate", "chat", "submit_job"].every((name) => tools.some((it) => it.name === name)));
assert.ok((await every((it) => client.listResources(it), "resources")).some((it) => it.uri === "outcrop://models"));
held("lists");

const steps = progress();
assert.ok(textOf(await generate("progress", 30, { onprogress: steps.onprogress })));
assert.ok(steps.heard.length > 0);
const unknown = await call("generate", { model: "nobody", prompt: "x" });
assert.ok(unknown.isError && unknown._meta["outcrop/error"].code === "model_not_found", JSON.stringify(unknown));
held("calls, with progress");

for (let times = 0; times < 3; times += 1) {
  assert.match(textOf(await call("test_input_required_result_elicitation", {})), /somebody/);
}
held("rounds of asking");

const read = async (uri) => (await client.readResource({ uri })).contents[0].text;
assert.match(await read("outcrop://models"), new RegExp(model));
await assert.rejects(read("outcrop://models/nobody"), (error) => error.code === -32602);
held("resources");

await makePrompt("verse");
const filled = await client.getPrompt({ name: "verse", arguments: { subject: "stones" } });
assert.equal(filled.messages[0].content.text, "Write a poem about stones.");
held("prompts");

const job = await call("submit_job", { model, prompt: "[[latency: 1500]] [[say: done]]" });
const { id } = job.structuredContent;
const uri = `outcrop://jobs/${id}`;
const news = await client.listen({ resourceSubscriptions: [uri] });
await until("news of the job", () => updated.includes(uri));
await until("the job", async () => (await call("get_job", { id })).structuredContent.status === "succeeded");
assert.match(await read(`${uri}/result`), /done/);
await news.close();
held("news of a job");

const off = new AbortController();
const begun = progress();
const broken = generate("cancelled", 3000, { signal: off.signal, onprogress: begun.onprogress });
await until("progress", () => begun.heard.length > 0);
off.abort("enough");
await assert.rejects(broken);
await until("the model to stop", async () => (await outcomes("cancelled"))[0] === "cancelled", 10_000);
held("a closed stream is a cancellation");

await order("kill/0");
for (let times = 0; times < 4; times += 1) assert.ok(textOf(await call("list_models", {})));
await order("start/0");
await client.close();
held("a killed replica");
