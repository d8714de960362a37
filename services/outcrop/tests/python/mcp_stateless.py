"""The Model Context Protocol from 2026-07-28 on through its official SDK for Python: no sessions, each request to the replica whose
turn it is, and one of them killed. Prints a line for each thing that held. See mcp_world.py.
"""

import anyio
import mcp_types as types
from mcp.client.subscriptions import ResourceUpdated

from mcp_world import (
    LIMIT_S, MODEL, as_json, connected, every, held, make_prompt, model_calls, order, refused, slow, text_of, until,
    until_called,
)


async def answer(context, params):
    return types.ElicitResult(action="accept", content={"name": "somebody"})


async def ignore(done, total, message):
    pass


async def lists(client):
    tools = {tool.name for tool in await every(client.list_tools, "tools")}
    assert {"generate", "chat", "list_models", "submit_job"} <= tools, tools
    resources = [str(it.uri) for it in await every(client.list_resources, "resources")]
    assert "outcrop://models" in resources, resources
    assert await every(client.list_resource_templates, "resource_templates")
    page = await client.list_tools(cache_mode="refresh")
    assert page.ttl_ms is not None and page.cache_scope in ("public", "private"), page
    held("lists")


async def calls(client):
    heard = []

    async def progress(done, total, message):
        heard.append(done)

    said = await client.call_tool(
        "generate", {"model": MODEL, "prompt": slow("progress", 30)}, progress_callback=progress
    )
    assert text_of(said) and heard and heard == sorted(set(heard)), heard
    quick = await client.call_tool("generate", {"model": MODEL, "prompt": "[[say: stone]]"})
    assert "stone" in text_of(quick), quick
    unknown = await client.call_tool("generate", {"model": "nobody", "prompt": "x"})
    assert unknown.is_error and unknown.meta["outcrop/error"]["code"] == "model_not_found", unknown
    held("calls, with progress")


async def elicitation(client):
    # The second round comes to the replica that knows nothing of the first.
    for _ in range(3):
        told = text_of(await client.call_tool("test_input_required_result_elicitation", {}))
        assert "somebody" in told, told
    held("rounds of asking")


async def resources(client):
    assert MODEL in str(as_json(await client.read_resource("outcrop://models")))
    assert as_json(await client.read_resource("outcrop://usage/me"))
    missing = await refused(client.read_resource("outcrop://models/nobody"))
    assert missing.error.code == -32602, missing
    held("resources")


async def prompts(client):
    await make_prompt("verse")
    filled = await client.get_prompt("verse", {"subject": "stones"})
    assert filled.messages[0].content.text == "Write a poem about stones.", filled
    held("prompts")


async def completion(client):
    reference = types.ResourceTemplateReference(uri="outcrop://models/{id}")
    completed = await client.complete(reference, {"name": "id", "value": "claude-h"})
    assert MODEL in completed.completion.values, completed
    held("completion")


async def told_of_a_job(client):
    job = await client.call_tool("submit_job", {"model": MODEL, "prompt": "[[latency: 1500]] [[say: done]]"})
    uri = f"outcrop://jobs/{job.structured_content['id']}"
    with anyio.fail_after(LIMIT_S):
        async with client.listen(resource_subscriptions=[uri]) as news:
            assert news.honored.resource_subscriptions == [uri], news.honored
            async for event in news:
                assert isinstance(event, ResourceUpdated) and str(event.uri) == uri, event
                state = await client.call_tool("get_job", {"id": job.structured_content["id"]})
                if state.structured_content["status"] == "succeeded":
                    break
    result = await client.read_resource(f"{uri}/result")
    assert "done" in result.contents[0].text, result


async def cancelled(client):
    async with anyio.create_task_group() as group:

        async def call():
            await client.call_tool(
                "generate", {"model": MODEL, "prompt": slow("cancelled", 3000)}, progress_callback=ignore
            )

        group.start_soon(call)
        await until_called("cancelled")
        group.cancel_scope.cancel()

    async def called_off():
        return [it["outcome"] for it in await model_calls("cancelled")] == ["cancelled"]

    await until("the model to stop", called_off, 10)
    held("a closed stream is a cancellation")


async def killed(client):
    await order("kill/0")
    for _ in range(4):
        assert text_of(await client.call_tool("list_models", {}))
    await order("start/0")
    held("a killed replica")


async def main():
    async with connected("auto", elicitation_callback=answer) as (client, session):
        assert client.protocol_version == "2026-07-28", client.protocol_version
        assert client.server_info.name and client.server_capabilities.tools, client.server_info
        assert not session, "no session"
        held("discover")
        for part in [lists, calls, elicitation, resources, prompts, completion]:
            await part(client)
        await told_of_a_job(client)
        held("news of a job")
        await cancelled(client)
        await killed(client)


anyio.run(main)
