"""The official OpenAI SDK beyond chat: Responses, structured output, thoughts, completions, embeddings, pictures.
Prints a line for each thing that held. Reads OPENAI_BASE_URL and OPENAI_API_KEY, as the SDK does.
"""

import base64

import openai
from openai import OpenAI
from pydantic import BaseModel

MODEL = "claude-haiku-4-5"
client = OpenAI(max_retries=0, timeout=30)


class Place(BaseModel):
    city: str
    people: int


def user(content):
    return [{"role": "user", "content": content}]


def held(what):
    print("ok", what)


def structured():
    for model in [MODEL, "nova-lite", "claude-sonnet-4-5"]:
        asked = user('[[say: {"city":"Oslo","people":700000}]]')
        parsed = client.chat.completions.parse(model=model, messages=asked, response_format=Place)
        assert isinstance(parsed.choices[0].message.parsed, Place), parsed
        with client.chat.completions.stream(model=model, messages=asked, response_format=Place) as stream:
            final = stream.get_final_completion()
        assert isinstance(final.choices[0].message.parsed, Place), final
        assert final.choices[0].finish_reason == "stop", final
    held("structured output")


def thoughts():
    asked = {"model": MODEL, "reasoning_effort": "low", "max_completion_tokens": 4000}
    first = client.chat.completions.create(**asked, messages=user("[[think: hm]][[say: yes]]"))
    message = first.choices[0].message
    assert message.reasoning_content == "hm" and message.content == "yes", message
    history = [*user("?"), message.model_dump(exclude_none=True), *user("[[say: still]]")]
    again = client.chat.completions.create(**asked, messages=history)
    assert again.choices[0].message.content == "still", again
    held("thoughts given back")


def responses():
    first = client.responses.create(model=MODEL, instructions="Be brief.", input="[[say: river]]")
    assert first.output_text == "river" and first.status == "completed", first
    second = client.responses.create(model=MODEL, previous_response_id=first.id, input="[[say: stone]]")
    assert second.output_text == "stone", second
    assert client.responses.retrieve(second.id).output_text == "stone"
    assert len(client.responses.input_items.list(second.id).data) >= 1
    client.responses.delete(second.id)
    try:
        client.responses.retrieve(second.id)
    except openai.NotFoundError:
        pass
    else:
        raise AssertionError("a forgotten answer is there")
    parsed = client.responses.parse(model=MODEL, input='[[say: {"city":"Oslo","people":1}]]', text_format=Place)
    assert parsed.output_parsed == Place(city="Oslo", people=1), parsed
    held("responses")


def responses_without_memory():
    """As Codex does: nothing is kept, and thoughts travel sealed."""
    tools = [
        {
            "type": "function",
            "name": "get_weather",
            "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "strict": False,
        }
    ]
    asked = {
        "model": MODEL,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
        "tools": tools,
    }
    items = [{"role": "user", "content": '[[think: hm]][[tool: get_weather {"city":"Oslo"}]]'}]
    with client.responses.stream(**asked, input=items) as stream:
        numbers = [event.sequence_number for event in stream]
        final = stream.get_final_response()
    assert numbers == sorted(set(numbers)), numbers
    call = next(it for it in final.output if it.type == "function_call")
    thought = next(it for it in final.output if it.type == "reasoning")
    assert thought.encrypted_content, thought
    items += [it.model_dump(exclude_none=True, mode="json") for it in final.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "rain"})
    after = client.responses.create(**asked, input=items)
    assert "rain" in after.output_text, after
    held("responses without memory")


def completions():
    whole = client.completions.create(model=MODEL, prompt=["[[say: one]]", "[[say: two]]"])
    assert [it.text for it in whole.choices] == ["one", "two"], whole
    pieces = client.completions.create(model=MODEL, prompt="[[say: one two]]", stream=True)
    assert "".join(it.choices[0].text for it in pieces if it.choices) == "one two"
    held("completions")


def embeddings():
    for model, length in [
        ("titan-embed-text-v2", 1024),
        ("cohere-embed-multilingual-v3", 1024),
        ("nova-2-multimodal-embeddings", 3072),
    ]:
        # The SDK asks for base64 unless told otherwise.
        packed = client.embeddings.create(model=model, input=["a b", "c"])
        plain = client.embeddings.create(model=model, input=["a b", "c"], encoding_format="float")
        # Base64 holds single precision, which JSON writes in as few digits as tell it apart.
        for one, other in zip(packed.data, plain.data, strict=True):
            assert all(abs(a - b) < 1e-6 for a, b in zip(one.embedding, other.embedding, strict=True))
        assert len(packed.data[0].embedding) == length, model
        assert packed.usage.prompt_tokens > 0, packed.usage
    # The tokens of "a river", as LangChain sends them by default.
    texts = client.embeddings.create(model="titan-embed-text-v2", input=["a river"])
    tokens = client.embeddings.create(model="titan-embed-text-v2", input=[[64, 15140]])
    assert texts.data[0].embedding == tokens.data[0].embedding
    held("embeddings")


def pictures():
    made = client.images.generate(model="stable-image-core", prompt="A quiet river", response_format="b64_json")
    assert base64.b64decode(made.data[0].b64_json).startswith(b"\x89PNG"), made
    held("pictures")


def n_answers():
    whole = client.chat.completions.create(model=MODEL, messages=user("[[say: hi]]"), n=3)
    assert [(it.index, it.message.content) for it in whole.choices] == [(0, "hi"), (1, "hi"), (2, "hi")], whole
    texts = {}
    for chunk in client.chat.completions.create(model=MODEL, messages=user("[[say: a b c]]"), n=2, stream=True):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert texts == {0: "a b c", 1: "a b c"}, texts
    held("several answers")


for part in [structured, thoughts, responses, responses_without_memory, completions, embeddings, pictures, n_answers]:
    part()
