"""What the scripts of the Model Context Protocol share: where things are, and how to ask for what goes wrong.

Reads OUTCROP_URL, OUTCROP_KEY and OUTCROP_OTHER_KEY; OUTCROP_PROXY, which takes turns among replicas and takes orders; and
OUTCROP_BEDROCK, the emulated Bedrock.
"""

import json
import os
import time
from contextlib import asynccontextmanager

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

BASE = os.environ["OUTCROP_URL"]
URL = BASE + "/mcp"
KEY = os.environ["OUTCROP_KEY"]
OTHER_KEY = os.environ["OUTCROP_OTHER_KEY"]
MODEL = "claude-haiku-4-5"
LIMIT_S = 60
http = httpx2.AsyncClient(timeout=30)


def held(what):
    print("ok", what)


def bearer(key):
    return {"authorization": f"Bearer {key}"}


async def order(what):
    """Has the proxy cut all connections, kill a replica, start it again, or take turns no more."""
    answer = await http.post(f"{os.environ['OUTCROP_PROXY']}/_proxy/{what}")
    assert answer.status_code == 204, answer


async def model_calls(name=None):
    """What the emulated Bedrock was asked: all calls that ended, or those whose prompts say [[id: name]]."""
    usage = (await http.get(f"{os.environ['OUTCROP_BEDROCK']}/_emulator/usage")).json()
    return usage if name is None else [it for it in usage["calls"] if it["id"] == name]


async def until(what, ask, limit_s=LIMIT_S):
    deadline = time.monotonic() + limit_s
    while True:
        answer = await ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await anyio.sleep(0.05)


async def until_called(name):
    """Waits until a model is at work."""

    async def at_work():
        return (await model_calls())["underWay"] > 0

    await until(f"the call {name}", at_work)


def slow(name, tokens=90, rate=30):
    """A prompt whose answer takes its time: so many tokens, so many of them a second."""
    return f"[[id: {name}]] [[tokens: {tokens}]] [[chunk: 3]] [[rate: {rate}]]"


async def refused(ask):
    """The error that a request must end with."""
    try:
        answer = await ask
    except MCPError as error:
        return error
    raise AssertionError(f"not refused: {answer}")


def text_of(result):
    assert not result.is_error, result
    assert result.content[0].type == "text", result
    return result.content[0].text


class News:
    """Hears what the server tells without being asked, and answers what it asks."""

    def __init__(self):
        self.updated = []
        self.asked = []
        self.logged = []

    async def message(self, message):
        if getattr(message, "method", None) == "notifications/resources/updated":
            self.updated.append(message.params.uri)

    async def until_updated(self, uri):
        async def heard():
            return str(uri) in map(str, self.updated)

        await until(f"news of {uri}", heard)


@asynccontextmanager
async def connected(mode, news=None, key=KEY, **more):
    """A client, and the id of its session, which the SDK keeps to itself."""
    session = {}

    async def keep(response):
        session.update({name: value for name, value in response.headers.items() if name == "mcp-session-id"})

    timeout = httpx2.Timeout(30, read=120)
    async with httpx2.AsyncClient(headers=bearer(key), timeout=timeout, event_hooks={"response": [keep]}) as wire:
        transport = streamable_http_client(URL, http_client=wire)
        handler = news.message if news else None
        async with Client(transport, mode=mode, message_handler=handler, **more) as client:
            yield client, session


async def every(list_some, what):
    """All pages of a list."""
    page = await list_some()
    found = list(getattr(page, what))
    while page.next_cursor:
        page = await list_some(cursor=page.next_cursor)
        found.extend(getattr(page, what))
    return found


async def raw(method, session_id, key=KEY, body=None, **headers):
    """One HTTP request in a session, past the SDK."""
    return await http.request(
        method,
        URL,
        json=body,
        headers={
            **bearer(key),
            "accept": "application/json, text/event-stream",
            "mcp-session-id": session_id,
            "mcp-protocol-version": "2025-11-25",
            **headers,
        },
    )


async def make_prompt(name):
    """Gives the team a prompt with an argument, through the admin API."""
    made = await http.post(
        f"{BASE}/admin/v1/prompts",
        headers=bearer(KEY),
        json={
            "name": name,
            "description": "Asks for a poem.",
            "arguments": [{"name": "subject", "description": "What it is about.", "required": True}],
            "messages": [{"role": "user", "text": "Write a poem about {{subject}}."}],
        },
    )
    assert made.status_code == 201, made.text
    # Replicas remember for two seconds which prompts there are.
    await anyio.sleep(2.5)


def as_json(contents):
    return json.loads(contents.contents[0].text)
