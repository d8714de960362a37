"""A user's morning with the official OpenAI SDK. Asserts what the SDK promises, and prints every answer as one line of
JSON without what differs from run to run, so that two runs can be compared.

Reads OPENAI_BASE_URL and OPENAI_API_KEY, as the SDK does.
"""

import json

import openai
from openai import OpenAI

MODEL = "claude-haiku-4-5"
IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO"
    "9TXL0Y4OHwAAAABJRU5ErkJggg=="
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]},
        },
    }
    for name, description, field in [
        ("get_weather", "The weather of a city.", "city"),
        ("get_time", "The time in a zone.", "zone"),
    ]
]
BOTH = '[[tool: get_weather {"city":"Oslo"}]][[tool: get_time {"zone":"CET"}]]'

# No retries: an error is to be seen as it comes.
client = OpenAI(max_retries=0, timeout=30)


def show(title, value):
    """Prints one line, without ids and times."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", exclude_unset=True)
    print(title, json.dumps(plain(value), sort_keys=True))


def plain(value):
    if isinstance(value, list):
        return [plain(it) for it in value]
    if not isinstance(value, dict):
        return value
    changing = {"created", "parsed", "parsed_arguments"}
    kept = {name: plain(it) for name, it in value.items() if name not in changing}
    if str(kept.get("id", "")).startswith("chatcmpl-"):
        kept["id"] = "chatcmpl-*"
    return kept


def ask(prompt, **fields):
    return client.chat.completions.create(**{"model": MODEL, "messages": user(prompt), **fields})


def user(content):
    return [{"role": "user", "content": content}]


def models():
    ids = [model.id for model in client.models.list()]
    assert MODEL in ids, ids
    show("models", ids)
    show("model", client.models.retrieve("amazon.nova-lite-v1:0"))


def chat():
    answer = ask("Good morning.")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    show("chat", answer)
    show("max tokens", ask("[[tokens: 20]]", max_completion_tokens=4))
    show("stop", ask("[[say: one, two, three]]", model="nova-lite", stop=["three"], temperature=0.2, top_p=0.9))
    turns = [{"role": "developer", "content": "[[say: as instructed]]"}, *user("Hi"), {"role": "assistant", "content": "Yes?"}]
    show("turns", ask("", messages=[*turns, *user("Go on.")]))
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=user("[[say: raw]]"))
    assert raw.headers["x-request-id"] and raw.parse()._request_id == raw.headers["x-request-id"]


def image():
    content = [{"type": "text", "text": "[[say: a dot]]"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    show("image", ask(content))


def stream():
    chunks = list(ask("[[say: one two three]]", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens == 3 and chunks[-1].choices == []
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "one two three", text
    for chunk in chunks:
        show("chunk", chunk)


def accumulated():
    with client.chat.completions.stream(model=MODEL, messages=user(BOTH), tools=TOOLS) as events:
        kinds = [event.type for event in events]
        answer = events.get_final_completion()
    for kind in ("chunk", "tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"):
        assert kind in kinds, kinds
    assert answer.choices[0].finish_reason == "tool_calls"
    show("accumulated", answer)
    with client.chat.completions.stream(model=MODEL, messages=user("[[say: piece by piece]]")) as events:
        answer = events.get_final_completion()
    assert answer.choices[0].message.content == "piece by piece"


def tools():
    asked = ask(BOTH, tools=TOOLS)
    message = asked.choices[0].message
    calls = {call.function.name: call for call in message.tool_calls}
    assert json.loads(calls["get_weather"].function.arguments) == {"city": "Oslo"}
    assert json.loads(calls["get_time"].function.arguments) == {"zone": "CET"}
    show("tools", asked)
    results = [
        {"role": "tool", "tool_call_id": calls[name].id, "content": text}
        for name, text in [("get_weather", "4 degrees"), ("get_time", "noon")]
    ]
    answer = ask("", messages=[*user(BOTH), message, *results], tools=TOOLS)
    assert "4 degrees" in answer.choices[0].message.content and "noon" in answer.choices[0].message.content
    show("tool results", answer)
    show("forced", ask("Hello", tools=TOOLS, tool_choice={"type": "function", "function": {"name": "get_time"}}))


def refused(title, kind, call):
    try:
        call()
    except openai.APIStatusError as error:
        assert type(error) is kind, (title, error)
        assert error.request_id, title
        show(title, [error.status_code, error.code, error.param, error.type, error.body])
    else:
        raise AssertionError(f"{title} was not refused")


def errors():
    refused("unknown model", openai.NotFoundError, lambda: ask("Hi", model="gpt-99"))
    refused("unknown model, read", openai.NotFoundError, lambda: client.models.retrieve("gpt-99"))
    refused("bad field", openai.BadRequestError, lambda: ask("Hi", temperature="warm"))
    refused("too many answers", openai.BadRequestError, lambda: ask("Hi", n=99))
    refused("throttled", openai.RateLimitError, lambda: ask("[[fault: throttling]]"))
    refused("not available", openai.InternalServerError, lambda: ask("[[fault: serviceUnavailable]]"))
    stranger = client.with_options(api_key="sk-somebody-elses")
    messages = user("Hi")
    refused(
        "stranger", openai.AuthenticationError, lambda: stranger.chat.completions.create(model=MODEL, messages=messages)
    )
    heard = []
    try:
        for chunk in ask("[[say: one two three four]][[fault: streamModelError after 4]]", stream=True):
            heard.append(chunk.choices[0].delta.content)
    except openai.APIError as error:
        show("broken off", [heard, error.code, error.body])
    else:
        raise AssertionError("a stream that broke off raised nothing")


for journey in (models, chat, image, stream, accumulated, tools, errors):
    journey()
