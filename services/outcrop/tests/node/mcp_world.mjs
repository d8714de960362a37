// What the scripts of the Model Context Protocol share: where things are, and how to ask for what goes wrong.
// Reads OUTCROP_URL, OUTCROP_KEY and OUTCROP_OTHER_KEY; OUTCROP_PROXY, which takes turns among replicas and takes orders; and
// OUTCROP_BEDROCK, the emulated Bedrock.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const { OUTCROP_URL, OUTCROP_KEY, OUTCROP_OTHER_KEY, OUTCROP_PROXY, OUTCROP_BEDROCK } = process.env;
export const url = new URL(`${OUTCROP_URL}/mcp`);
export const key = OUTCROP_KEY;
export const otherKey = OUTCROP_OTHER_KEY;
export const model = "claude-haiku-4-5";
export const held = (what) => console.log("ok", what);
export const bearer = (key) => ({ authorization: `Bearer ${key}` });

// Has the proxy cut all connections, kill a replica, start it again, or take turns no more.
export async function order(what) {
  const answer = await fetch(`${OUTCROP_PROXY}/_proxy/${what}`, { method: "POST" });
  assert.equal(answer.status, 204);
}

// The calls that ended, of those whose prompts say [[id: name]]: how each did.
export async function outcomes(name) {
  const usage = await (await fetch(`${OUTCROP_BEDROCK}/_emulator/usage`)).json();
  return usage.calls.filter((it) => it.id === name).map((it) => it.outcome);
}

// What is waited for is told; with `state`, that is asked for and told, too.
export async function until(what, ask, limitMs = 60_000, state = undefined) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() >= deadline) assert.fail(`waited in vain for ${what}: ${JSON.stringify(await state?.())}`);
    await sleep(50);
  }
}

// A prompt whose answer takes its time: so many tokens, thirty of them a second.
export const slow = (name, tokens) => `[[id: ${name}]] [[tokens: ${tokens}]] [[chunk: 3]] [[rate: 30]]`;

export function textOf(result) {
  assert.ok(!result.isError, JSON.stringify(result));
  return result.content[0].text;
}

// Hears of progress, which must only ever grow.
export function progress() {
  const heard = [];
  const onprogress = ({ progress }) => {
    assert.ok(heard.every((it) => it < progress), `${progress} after ${heard}`);
    heard.push(progress);
  };
  return { heard, onprogress };
}

// All pages of a list.
export async function every(list, what) {
  const found = [];
  let cursor;
  do {
    const page = await list(cursor ? { cursor } : {});
    found.push(...page[what]);
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

// One HTTP request in a session, past the SDK; its status.
export async function raw(method, sessionId, as = key) {
  const headers = {
    ...bearer(as),
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-session-id": sessionId,
    "mcp-protocol-version": "2025-11-25",
  };
  const body = method === "POST" ? JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }) : undefined;
  const answer = await fetch(url, { method, headers, body });
  await answer.body?.cancel();
  return answer.status;
}

// Gives the team a prompt with an argument, through the admin API.
export async function makePrompt(name) {
  const made = await fetch(`${OUTCROP_URL}/admin/v1/prompts`, {
    method: "POST",
    headers: { ...bearer(key), "content-type": "application/json" },
    body: JSON.stringify({
      name,
      description: "Asks for a poem.",
      arguments: [{ name: "subject", description: "What it is about.", required: true }],
      messages: [{ role: "user", text: "Write a poem about {{subject}}." }],
    }),
  });
  assert.equal(made.status, 201, await made.text());
  // Replicas remember for two seconds which prompts there are.
  await sleep(2_500);
}
