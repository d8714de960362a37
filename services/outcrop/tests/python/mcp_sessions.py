"""The Model Context Protocol up to 2025-11-25 through its official SDK for Python: in a session, each request of which comes to
another replica, while connections are cut and a replica is killed. Prints a line for each thing that held. See mcp_world.py.
"""

import anyio
import mcp_types as types
from mcp import MCPError

from mcp_world import (
    KEY, MODEL, OTHER_KEY, News, as_json, connected, every, held, make_prompt, model_calls, order, raw, refused, slow,
    text_of, until, until_called,
)

TOOLS = {
    "generate", "chat", "embed", "rerank", "list_models", "count_tokens", "usage_me",
    "submit_job", "get_job", "cancel_job", "get_batch",
}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


async def answer(context, params):
    return types.ElicitResult(action="accept", content={"username": "somebody", "email": "somebody@example.com"})


def handshake(client, session):
    assert client.protocol_version == "2025-11-25", client.protocol_version
    assert client.server_info.name and client.server_info.version, client.server_info
    assert client.instructions, "what a model is to know"
    offered = client.server_capabilities
    assert offered.tools and offered.prompts and offered.resources.subscribe and offered.completions, offered
    assert session["mcp-session-id"].startswith("mcps_"), "a session"
    held("initialize")


async def lists(client):
    tools = {tool.name: tool for tool in await every(client.list_tools, "tools")}
    assert TOOLS <= set(tools), TOOLS - set(tools)
    for name in TOOLS:
        tool = tools[name]
        assert tool.description and tool.title and tool.annotations, tool
        assert tool.input_schema["additionalProperties"] is False and tool.output_schema, tool
    assert tools["list_models"].annotations.read_only_hint, tools["list_models"]
    resources = [str(it.uri) for it in await every(client.list_resources, "resources")]
    assert {"outcrop://models", "outcrop://usage/me"} <= set(resources), resources
    templates = [it.uri_template for it in await every(client.list_resource_templates, "resource_templates")]
    assert "outcrop://models/{id}" in templates and "outcrop://jobs/{id}/result" in templates, templates
    held("lists")


async def calls(client):
    listed = await client.call_tool("list_models", {})
    assert any(it["id"] == MODEL for it in listed.structured_content["models"]), listed.structured_content
    heard = []

    async def progress(done, total, message):
        heard.append(done)

    said = await client.call_tool(
        "generate", {"model": MODEL, "prompt": slow("progress", 30)}, progress_callback=progress
    )
    assert text_of(said) and heard and heard == sorted(set(heard)), heard
    said = await client.call_tool("chat", {"model": MODEL, "messages": [{"role": "user", "content": "[[say: stone]]"}]})
    assert "stone" in text_of(said), said
    wrong = await client.call_tool("generate", {"model": MODEL, "prompt": "x", "colour": "red"})
    assert wrong.is_error and "colour" in wrong.content[0].text, wrong
    unknown = await client.call_tool("generate", {"model": "nobody", "prompt": "x"})
    assert unknown.is_error and unknown.meta["outcrop/error"]["code"] == "model_not_found", unknown
    held("calls, with progress")


async def elicitation(client):
    # Each answer comes to the replica that does not wait for it.
    for _ in range(3):
        told = text_of(await client.call_tool("test_elicitation", {"message": "Who are you?"}))
        assert "somebody" in told, told
    held("answers to what the server asks")


async def resources(client):
    models = as_json(await client.read_resource("outcrop://models"))
    assert MODEL in str(models), models
    assert as_json(await client.read_resource(f"outcrop://models/{MODEL}"))["id"] == MODEL
    assert as_json(await client.read_resource("outcrop://usage/me"))
    missing = await refused(client.read_resource("outcrop://models/nobody"))
    assert missing.error.code == -32002, missing
    held("resources")


async def prompts(client):
    await make_prompt("poem")
    listed = await every(client.list_prompts, "prompts")
    assert [it.arguments[0].name for it in listed if it.name == "poem"] == ["subject"], listed
    filled = await client.get_prompt("poem", {"subject": "rivers"})
    assert filled.messages[0].content.text == "Write a poem about rivers.", filled
    await refused(client.get_prompt("poem", {}))
    held("prompts")


async def completion(client):
    reference = types.ResourceTemplateReference(uri="outcrop://models/{id}")
    completed = await client.complete(reference, {"name": "id", "value": "claude-h"})
    assert MODEL in completed.completion.values, completed
    held("completion")


async def submitted(client, prompt):
    job = await client.call_tool("submit_job", {"model": MODEL, "prompt": prompt})
    assert not job.is_error, job
    return job.structured_content["id"]


async def told_of_a_job(client, news):
    """A job's end, which the client hears of without asking."""
    job = await submitted(client, "[[latency: 1500]] [[say: done]]")
    await client.subscribe_resource(f"outcrop://jobs/{job}")
    await news.until_updated(f"outcrop://jobs/{job}")

    async def ended():
        state = await client.call_tool("get_job", {"id": job})
        return state.structured_content["status"] == "succeeded"

    await until("the job", ended)
    result = await client.read_resource(f"outcrop://jobs/{job}/result")
    assert "done" in result.contents[0].text, result
    await client.unsubscribe_resource(f"outcrop://jobs/{job}")


async def cancelled(client):
    with anyio.move_on_after(20) as scope:
        async with anyio.create_task_group() as group:

            async def call():
                await client.call_tool(
                    "generate", {"model": MODEL, "prompt": slow("cancelled", 3000)}, progress_callback=ignore
                )

            group.start_soon(call)
            await until_called("cancelled")
            group.cancel_scope.cancel()
    assert not scope.cancelled_caught

    async def called_off():
        return [it["outcome"] for it in await model_calls("cancelled")] == ["cancelled"]

    await until("the model to stop", called_off, 10)
    assert (await client.list_tools()).tools
    held("cancellation")


async def ignore(done, total, message):
    pass


async def cut(client):
    """The connection is cut twice in the middle of a call. The call goes on, and its result is not lost."""
    heard = []

    async def progress(done, total, message):
        heard.append(done)

    async def cutting():
        for times in (1, 2):
            before = len(heard)

            async def more():
                return len(heard) > before

            await until("progress", more)
            await order("cut")

    async with anyio.create_task_group() as group:
        group.start_soon(cutting)
        said = await client.call_tool(
            "generate", {"model": MODEL, "prompt": slow("cut", 150)}, progress_callback=progress
        )
    assert text_of(said) and said.structured_content, said
    # Cut again, the SDK goes back to where it was cut first, and hears some of it twice.
    assert heard[-1] == max(heard) and len(set(heard)) > 10, heard
    assert [it["outcome"] for it in await model_calls("cut")] == ["answered"], "called once, to the end"
    held("a cut connection, and its call taken up again")


async def killed(client, news):
    """A replica is killed in the middle of a call, and never comes to its result; everything else goes on."""
    heard = []

    async def progress(done, total, message):
        heard.append(done)

    async def killing():
        async def more():
            return heard

        await until("progress", more)
        await order("each-in-turn")
        await order("kill/0")

    await order("only/0")
    async with anyio.create_task_group() as group:
        group.start_soon(killing)
        lost = await refused(
            client.call_tool("generate", {"model": MODEL, "prompt": slow("lost", 3000)}, progress_callback=progress)
        )
    assert "again" in str(lost), lost
    assert (await client.list_tools()).tools and text_of(await client.call_tool("list_models", {}))
    held("a killed replica: the session goes on, and its call ends with an error")
    await told_of_a_job(client, news)
    held("news, after a replica was killed")
    await order("start/0")


async def strangers(session_id):
    """Nobody else is in the session, whatever they know of it."""
    assert (await raw("POST", session_id, body=PING)).status_code == 200
    assert (await raw("POST", session_id, key=OTHER_KEY, body=PING)).status_code == 404
    assert (await raw("GET", session_id, key=OTHER_KEY)).status_code == 404
    assert (await raw("DELETE", session_id, key=OTHER_KEY)).status_code == 404
    assert (await raw("POST", session_id, body=PING)).status_code == 200
    held("a session is its owner's")


async def main():
    news = News()
    async with connected("legacy", news, elicitation_callback=answer) as (client, session):
        handshake(client, session)
        for part in [lists, calls, elicitation, resources, prompts, completion]:
            await part(client)
        await told_of_a_job(client, news)
        held("news of a job")
        await cancelled(client)
        await cut(client)
        await strangers(session["mcp-session-id"])
    gone = await raw("POST", session["mcp-session-id"], body=PING)
    assert gone.status_code == 404, gone.text
    held("an ended session")

    # The SDK gives a stream for news up for good when it was cut twice, as that of the first session was.
    news = News()
    async with connected("legacy", news) as (client, session):
        await killed(client, news)


anyio.run(main)
