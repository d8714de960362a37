"""Frameworks built on OpenAI's SDK: LangChain, instructor, Pydantic AI. Prints a line for each thing that held.

Reads OPENAI_BASE_URL and OPENAI_API_KEY, as they do.
"""

import asyncio

import instructor
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import OpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

MODEL = "claude-haiku-4-5"


class Place(BaseModel):
    """A place."""

    city: str


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def langchain():
    chat = ChatOpenAI(model=MODEL, max_retries=0)
    assert chat.invoke("[[say: hello]]").content == "hello"
    assert "".join(it.content for it in chat.stream("[[say: one two]]")) == "one two"
    said = chat.bind_tools([get_weather]).invoke('[[tool: get_weather {"city":"Oslo"}]]')
    assert said.tool_calls[0]["args"] == {"city": "Oslo"}, said
    # A forced call of a tool has the smallest input that its schema allows.
    for method, asked in [("json_schema", '[[say: {"city":"Oslo"}]]'), ("function_calling", "Where?")]:
        place = chat.with_structured_output(Place, method=method).invoke(asked)
        assert isinstance(place, Place), place
    responses = ChatOpenAI(model=MODEL, max_retries=0, use_responses_api=True)
    assert responses.invoke("[[say: hello]]").text == "hello"
    # By default it sends tokens, and downloads what it needs to make them.
    embeddings = OpenAIEmbeddings(model="titan-embed-text-v2", check_embedding_ctx_length=False)
    vectors = embeddings.embed_documents(["a river", "a stone"])
    assert len(vectors) == 2 and len(vectors[0]) == 1024
    print("ok langchain")


def structured_by_instructor():
    said = '[[say: {"city":"Oslo"}]]'
    for mode, asked in [
        (instructor.Mode.TOOLS, "Where?"),
        (instructor.Mode.JSON, said),
        (instructor.Mode.JSON_SCHEMA, said),
    ]:
        client = instructor.from_openai(OpenAI(max_retries=0), mode=mode)
        messages = [{"role": "user", "content": asked}]
        place = client.chat.completions.create(
            model=MODEL, max_retries=0, response_model=Place, messages=messages
        )
        assert isinstance(place, Place), place
    print("ok instructor")


async def pydantic_ai():
    for model in [OpenAIChatModel(MODEL), OpenAIResponsesModel(MODEL)]:
        agent = Agent(model)

        @agent.tool_plain
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return f"rain in {city}"

        told = await agent.run('[[tool: get_weather {"city":"Oslo"}]]')
        assert "rain in Oslo" in told.output, told
        async with agent.run_stream("[[say: one two]]") as stream:
            assert await stream.get_output() == "one two"
        place = await Agent(model, output_type=Place).run("Where?")
        assert isinstance(place.output, Place), place
    print("ok pydantic-ai")


langchain()
structured_by_instructor()
asyncio.run(pydantic_ai())
