"""The Batch API's documented flow through the official OpenAI SDK: files, batches, and what they answer.
Prints a line for each thing that held. Reads OPENAI_BASE_URL and OPENAI_API_KEY, as the SDK does.
"""

import json
import time

import openai
from openai import OpenAI

MODEL = "claude-haiku-4-5"
LIMIT_S = 90
client = OpenAI(max_retries=2, timeout=30)


def held(what):
    print("ok", what)


def call(name, text, endpoint="/v1/chat/completions", **body):
    asked = {"model": MODEL, **body}
    if endpoint == "/v1/chat/completions":
        asked["messages"] = [{"role": "user", "content": text}]
    else:
        asked["input"] = text
    return {"custom_id": name, "method": "POST", "url": endpoint, "body": asked}


def upload(calls, name="calls.jsonl"):
    text = "".join(json.dumps(it) + "\n" for it in calls)
    return client.files.create(file=(name, text.encode()), purpose="batch")


def submit(calls, endpoint="/v1/chat/completions", **more):
    file = upload(calls)
    return client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more
    )


def ended(batch):
    deadline = time.monotonic() + LIMIT_S
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        assert time.monotonic() < deadline, batch
        time.sleep(0.2)
        batch = client.batches.retrieve(batch.id)
    return batch


def lines(file_id):
    return {it["custom_id"]: it for it in map(json.loads, client.files.content(file_id).text.splitlines())}


def refused(kind, ask):
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"not refused with {kind}")


def files():
    text = b'{"custom_id": "a"}\n'
    file = client.files.create(file=("calls.jsonl", text), purpose="batch")
    assert (file.object, file.filename, file.bytes, file.purpose) == ("file", "calls.jsonl", len(text), "batch"), file
    again = client.files.retrieve(file.id)
    assert (again.id, again.created_at, again.status) == (file.id, file.created_at, file.status), again
    assert client.files.wait_for_processing(file.id).status == "processed"
    assert client.files.content(file.id).read() == text
    assert client.files.delete(file.id).deleted
    refused(openai.NotFoundError, lambda: client.files.retrieve(file.id))
    refused(openai.NotFoundError, lambda: client.files.content(file.id))
    refused(openai.BadRequestError, lambda: client.files.create(file=("a", b"a"), purpose="poetry"))
    held("files")


def pages_of_files():
    made = [upload([call("a", "x")], f"{number}.jsonl").id for number in range(5)]
    listed = [file.id for file in client.files.list(purpose="batch", limit=2)]
    assert [it for it in listed if it in made] == made[::-1], "the newest first, each once"
    listed = [file.id for file in client.files.list(purpose="batch", limit=2, order="asc")]
    assert [it for it in listed if it in made] == made
    for file in made:
        client.files.delete(file)
    held("pages of files")


def a_batch():
    calls = [call(f"call {number}", f"[[say: answer {number}]]") for number in range(20)]
    calls.append(call("no model", "x", model="nobody"))
    batch = submit(calls, metadata={"who": "journey"})
    assert batch.object == "batch" and batch.endpoint == "/v1/chat/completions", batch
    assert batch.status in ("validating", "in_progress") and batch.metadata == {"who": "journey"}, batch
    batch = ended(batch)
    assert batch.status == "completed" and batch.errors is None, batch
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (21, 20, 1), counts
    assert batch.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at, batch
    assert batch.expires_at - batch.created_at == 86_400, batch
    assert batch.usage.total_tokens == batch.usage.input_tokens + batch.usage.output_tokens > 0, batch
    answers = lines(batch.output_file_id)
    assert set(answers) == {f"call {number}" for number in range(20)}, answers.keys()
    for number in range(20):
        response = answers[f"call {number}"]["response"]
        assert answers[f"call {number}"]["error"] is None and response["status_code"] == 200, response
        assert response["request_id"] and response["body"]["object"] == "chat.completion", response
        assert response["body"]["choices"][0]["message"]["content"] == f"answer {number}", response
    failures = lines(batch.error_file_id)
    assert failures["no model"]["response"]["status_code"] == 404, failures
    assert failures["no model"]["response"]["body"]["error"]["code"] == "model_not_found", failures
    for file in [batch.output_file_id, batch.error_file_id]:
        assert client.files.retrieve(file).purpose == "batch_output"
    held("a batch")


def other_endpoints():
    embedded = ended(submit([call("a", "x", "/v1/embeddings", model="titan-embed-text-v2")], "/v1/embeddings"))
    answer = lines(embedded.output_file_id)["a"]["response"]["body"]
    assert answer["object"] == "list" and len(answer["data"][0]["embedding"]) > 0, answer
    responded = ended(submit([call("a", "[[say: river]]", "/v1/responses")], "/v1/responses"))
    answer = lines(responded.output_file_id)["a"]["response"]["body"]
    assert answer["object"] == "response" and "river" in json.dumps(answer["output"]), answer
    held("other endpoints")


def pages_of_batches():
    made = [submit([call("a", "[[say: a]]")]).id for _ in range(3)]
    listed = [batch.id for batch in client.batches.list(limit=2)]
    assert [it for it in listed if it in made] == made[::-1], "the newest first, each once"
    for batch in made:
        assert ended(client.batches.retrieve(batch)).status == "completed"
    held("pages of batches")


def cancelled():
    slow = [call(f"call {number}", "[[tokens: 300]] [[rate: 5]]") for number in range(200)]
    batch = submit([call("quick", "[[say: done]]"), *slow])
    deadline = time.monotonic() + LIMIT_S
    while client.batches.retrieve(batch.id).status == "validating":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    batch = client.batches.cancel(batch.id)
    assert batch.status in ("cancelling", "cancelled") and batch.cancelling_at, batch
    batch = ended(batch)
    assert batch.status == "cancelled" and batch.cancelled_at, batch
    counts = batch.request_counts
    assert counts.total == 201 and counts.completed + counts.failed <= 201, counts
    answers = lines(batch.output_file_id) if batch.output_file_id else {}
    failures = lines(batch.error_file_id)
    assert len(answers) + len(failures) == 201, "each line is in one of the files"
    assert not set(answers) & set(failures)
    assert any(it["error"] and it["error"]["code"] == "batch_cancelled" for it in failures.values()), failures
    held("a cancelled batch")


def a_bad_file():
    file = client.files.create(
        file=("bad.jsonl", b'{"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {}}\nno JSON\n'),
        purpose="batch",
    )
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    batch = ended(batch)
    assert batch.status == "failed" and batch.failed_at and batch.output_file_id is None, batch
    assert {error.line for error in batch.errors.data} == {1, 2}, batch.errors
    assert all(error.code and error.message for error in batch.errors.data), batch.errors
    held("a bad file")


def refusals():
    file = upload([call("a", "x")])
    make = client.batches.create
    asked = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    refused(openai.BadRequestError, lambda: make(**{**asked, "endpoint": "/v1/files"}))
    refused(openai.BadRequestError, lambda: make(**{**asked, "completion_window": "soon"}))
    refused((openai.BadRequestError, openai.NotFoundError), lambda: make(**{**asked, "input_file_id": "file-none"}))
    refused(openai.NotFoundError, lambda: client.batches.retrieve("batch_none"))
    refused(openai.NotFoundError, lambda: client.batches.cancel("batch_none"))
    held("refusals")


for part in [files, pages_of_files, a_batch, other_endpoints, pages_of_batches, cancelled, a_bad_file, refusals]:
    part()
