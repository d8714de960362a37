"""Anthropic's official SDK, over Claude and over a model that is not Claude. Prints a line for each thing that held.

Reads ANTHROPIC_BASE_URL and OUTCROP_KEY.
"""

import os

import anthropic

KEY = os.environ["OUTCROP_KEY"]
# New SDKs send a key as a bearer token, older ones as `x-api-key`; both versions of the API are in use.
CLIENTS = {
    "as it is": anthropic.Anthropic(api_key=KEY, max_retries=0, timeout=30),
    "as older ones": anthropic.Anthropic(
        api_key="unused",
        max_retries=0,
        timeout=30,
        default_headers={"authorization": anthropic.Omit(), "x-api-key": KEY, "anthropic-version": "2023-06-01"},
    ),
}
TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather of a city.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


def user(content):
    return [{"role": "user", "content": content}]


def main():
    for how, client in CLIENTS.items():
        for model in ["claude-haiku-4-5", "nova-lite"]:
            walk(how, client, model)
    errors(CLIENTS["as it is"])


def walk(how, client, model):
    base = {"model": model, "max_tokens": 2000}
    message = client.messages.create(**base, system="Be brief.", messages=user("[[say: hello]]"))
    assert (message.content[0].text, message.stop_reason) == ("hello", "end_turn"), message
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, message.usage
    with client.messages.stream(
        **base, tools=TOOLS, messages=user('[[say: looking]][[tool: get_weather {"city":"Oslo"}]]')
    ) as stream:
        assert "".join(stream.text_stream) == "looking"
        final = stream.get_final_message()
    call = next(it for it in final.content if it.type == "tool_use")
    assert (final.stop_reason, call.input) == ("tool_use", {"city": "Oslo"}), final
    history = [
        *user("The weather?"),
        {"role": "assistant", "content": [it.model_dump(exclude_none=True) for it in final.content]},
        *user([{"type": "tool_result", "tool_use_id": call.id, "content": "rain"}]),
    ]
    after = client.messages.create(**base, tools=TOOLS, messages=history)
    assert "rain" in after.content[0].text, after
    assert client.messages.count_tokens(model=model, messages=user("one two")).input_tokens > 0
    assert any(it.id == model for it in client.models.list(limit=1000)), "the model is listed"
    print("ok", model, how)


def errors(client):
    for fields, kind, said in [
        ({"model": "nobody"}, anthropic.NotFoundError, "nobody"),
        ({"max_tokens": 0}, anthropic.BadRequestError, "max_tokens"),
        ({"messages": []}, anthropic.BadRequestError, "messages"),
    ]:
        asked = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": user("x"), **fields}
        try:
            client.messages.create(**asked)
        except kind as error:
            assert said in str(error), error
            assert error.request_id, "an error has the id of its request"
        else:
            raise AssertionError(f"{fields} was answered")
    try:
        client.with_options(api_key="ock_nobody").messages.create(
            model="claude-haiku-4-5", max_tokens=10, messages=user("x")
        )
    except anthropic.AuthenticationError:
        print("ok errors")


main()
