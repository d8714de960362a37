"""botocore against the emulator: python test_botocore.py http://127.0.0.1:PORT

Plain asserts and no test framework, so that any Python with boto3 runs it.
"""

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

URL = sys.argv[1]
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
OPUS = "us.anthropic.claude-opus-5-5"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
GPT = "us.openai.gpt-6-sol"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


def client(service, validate=True):
    return boto3.client(
        service,
        endpoint_url=URL,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="key",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=validate),
    )


runtime, bedrock = client("bedrock-runtime"), client("bedrock")
# botocore refuses some mistakes by itself; this one lets them through to the service.
careless = client("bedrock-runtime", validate=False)


def user(*blocks):
    return {"role": "user", "content": [{"text": it} if isinstance(it, str) else it for it in blocks]}


def assistant(*blocks):
    return {"role": "assistant", "content": [{"text": it} if isinstance(it, str) else it for it in blocks]}


def tools(name="weather", **more):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": schema}, **more}}]}


def call(tool_use_id, name="weather"):
    return {"toolUse": {"toolUseId": tool_use_id, "name": name, "input": {"city": "Oslo"}}}


def result(tool_use_id):
    return {"toolResult": {"toolUseId": tool_use_id, "content": [{"json": {"sky": "grey"}}]}}


def converse():
    answer = runtime.converse(modelId=HAIKU, messages=[user("[[say: hello]]")], system=[{"text": "be brief"}])
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "hello"}]}
    assert answer["stopReason"] == "end_turn"
    usage = answer["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert answer["metrics"]["latencyMs"] >= 0
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def converse_by_arn():
    for kind, name in [("inference-profile", HAIKU), ("application-inference-profile", "a1b2c3d4e5f6")]:
        arn = f"arn:aws:bedrock:us-east-1:123456789012:{kind}/{name}"
        assert runtime.converse(modelId=arn, messages=[user("hi")])["stopReason"] == "end_turn"


def converse_tools():
    messages = [user('[[tool: weather {"city":"Oslo"}]] [[tool: weather {"city":"Rome"}]]')]
    first = runtime.converse(modelId=HAIKU, messages=messages, toolConfig=tools())
    assert first["stopReason"] == "tool_use"
    calls = [it["toolUse"] for it in first["output"]["message"]["content"]]
    assert [it["input"] for it in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    messages += [first["output"]["message"], user(*[result(it["toolUseId"]) for it in calls])]
    second = runtime.converse(modelId=HAIKU, messages=messages, toolConfig=tools())
    assert 'weather answered: {"sky": "grey"}' in second["output"]["message"]["content"][0]["text"]
    forced = runtime.converse(modelId=HAIKU, messages=[user("hi")], toolConfig={**tools(), "toolChoice": {"any": {}}})
    assert forced["output"]["message"]["content"][0]["toolUse"]["input"] == {"city": "city"}


def converse_image():
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    assert runtime.converse(modelId=NOVA, messages=[user("what is it?", image)])["usage"]["inputTokens"] > 1000


def converse_stream():
    messages = [user('[[think: hm]] [[say: a b c]] [[tool: weather {"city":"Oslo"}]]')]
    answer = runtime.converse_stream(modelId=HAIKU, messages=messages, toolConfig=tools())
    events = list(answer["stream"])
    assert events[0] == {"messageStart": {"role": "assistant"}}
    deltas = [it["contentBlockDelta"]["delta"] for it in events if "contentBlockDelta" in it]
    assert "".join(it.get("text", "") for it in deltas) == "a b c"
    assert "".join(it.get("reasoningContent", {}).get("text", "") for it in deltas) == "hm"
    assert json.loads("".join(it.get("toolUse", {}).get("input", "") for it in deltas)) == {"city": "Oslo"}
    starts = [it["contentBlockStart"]["contentBlockIndex"] for it in events if "contentBlockStart" in it]
    assert starts == [2], "only tools have a start"
    assert events[-2] == {"messageStop": {"stopReason": "tool_use"}}
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0


def stream_exception():
    answer = runtime.converse_stream(modelId=NOVA, messages=[user("[[tokens: 5]][[fault: streamThrottling after 2]]")])
    seen = []
    try:
        for event in answer["stream"]:
            seen.append(event)
    except EventStreamError as error:
        assert error.response["Error"]["Code"] == "throttlingException", error.response
        assert len(seen) == 2
    else:
        raise AssertionError("no exception")


def anthropic_body(text):
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": text}]}


def invoke_model():
    answer = runtime.invoke_model(modelId=HAIKU, body=json.dumps(anthropic_body("[[say: hello]]")))
    body = json.loads(answer["body"].read())
    assert body["content"] == [{"type": "text", "text": "hello"}] and body["stop_reason"] == "end_turn"
    assert answer["contentType"] == "application/json"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-output-token-count"] == "1"
    answer = runtime.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "a", "dimensions": 256}))
    assert len(json.loads(answer["body"].read())["embedding"]) == 256
    body = {"texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"]}
    answer = runtime.invoke_model(modelId="cohere.embed-multilingual-v3", body=json.dumps(body))
    assert len(json.loads(answer["body"].read())["embeddings"]["float"]) == 2


def invoke_model_with_response_stream():
    body = json.dumps(anthropic_body("[[say: hello world]]"))
    answer = runtime.invoke_model_with_response_stream(modelId=HAIKU, body=body)
    events = [json.loads(it["chunk"]["bytes"]) for it in answer["body"]]
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"
    assert "".join(it["delta"].get("text", "") for it in events if it["type"] == "content_block_delta") == "hello world"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 2


def count_tokens():
    model = HAIKU.removeprefix("us.")
    counted = runtime.count_tokens(modelId=model, input={"converse": {"messages": [user("one two three")]}})
    answered = runtime.converse(modelId=HAIKU, messages=[user("one two three")])
    assert counted["inputTokens"] == answered["usage"]["inputTokens"]
    body = json.dumps(anthropic_body("one two three")).encode()
    assert runtime.count_tokens(modelId=model, input={"invokeModel": {"body": body}})["inputTokens"] == counted["inputTokens"]


def lists():
    models = bedrock.list_foundation_models(byProvider="Anthropic")["modelSummaries"]
    assert models and all(it["providerName"] == "Anthropic" for it in models)
    embeddings = bedrock.list_foundation_models(byOutputModality="EMBEDDING", byInferenceType="ON_DEMAND")["modelSummaries"]
    assert "amazon.titan-embed-text-v2:0" in [it["modelId"] for it in embeddings]
    details = bedrock.get_foundation_model(modelIdentifier=NOVA)["modelDetails"]
    assert details["modelLifecycle"]["status"] == "ACTIVE"
    pages = bedrock.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 10})
    pages = [it["inferenceProfileSummaries"] for it in pages]
    profiles = [profile for page in pages for profile in page]
    assert len(pages) > 2 and HAIKU in [it["inferenceProfileId"] for it in profiles]
    assert all(it["type"] == "SYSTEM_DEFINED" and it["models"] and it["createdAt"].year for it in profiles)
    one = bedrock.get_inference_profile(inferenceProfileIdentifier=HAIKU)
    assert one["models"][0]["modelArn"].endswith(HAIKU.removeprefix("us."))
    application = bedrock.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"][0]
    by_arn = bedrock.get_inference_profile(inferenceProfileIdentifier=application["inferenceProfileArn"])
    assert by_arn["inferenceProfileName"] == application["inferenceProfileName"]
    try:
        bedrock.get_inference_profile(inferenceProfileIdentifier="us.nobody.nothing")
    except bedrock.exceptions.ResourceNotFoundException:
        pass
    else:
        raise AssertionError("found what is not there")


def batch():
    """The test that starts this has put records at s3://bucket/in/records.jsonl."""
    place = {"s3Uri": "s3://bucket/in/records.jsonl", "s3InputFormat": "JSONL"}
    job = {
        "jobName": "from-botocore",
        "roleArn": "arn:aws:iam::123456789012:role/batch",
        "modelId": NOVA,
        "modelInvocationType": "Converse",
        "inputDataConfig": {"s3InputDataConfig": place},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket/out/"}},
        "timeoutDurationInHours": 48,
        "tags": [{"key": "a", "value": "b"}],
    }
    arn = bedrock.create_model_invocation_job(**job)["jobArn"]
    for _ in range(200):
        seen = bedrock.get_model_invocation_job(jobIdentifier=arn)
        if seen["status"] not in ("Submitted", "Validating", "InProgress"):
            break
        time.sleep(0.02)
    assert seen["status"] == "Completed", seen
    assert seen["processedRecordCount"] == seen["successRecordCount"] == 3 and seen["errorRecordCount"] == 0, seen
    assert seen["inputDataConfig"]["s3InputDataConfig"] == place and seen["modelInvocationType"] == "Converse"
    assert (seen["jobExpirationTime"] - seen["submitTime"]).total_seconds() == 48 * 3600
    assert seen["submitTime"] <= seen["endTime"] and seen["clientRequestToken"]
    listed = bedrock.list_model_invocation_jobs(
        statusEquals="Completed", nameContains="botocore", sortBy="CreationTime", submitTimeAfter=seen["submitTime"]
    )["invocationJobSummaries"]
    assert [it["jobArn"] for it in listed] == [arn], listed
    try:
        bedrock.stop_model_invocation_job(jobIdentifier=arn)
    except bedrock.exceptions.ConflictException:
        pass
    else:
        raise AssertionError("a job that has ended was stopped")


def with_history(calls, results, **more):
    return {"modelId": HAIKU, "toolConfig": tools(), "messages": [user("hi"), assistant(*calls), user(*results)], **more}


def asked(model=HAIKU, text="hi", **more):
    return {"modelId": model, "messages": [user(text)], **more}


# What is sent, the exception's code, and what its message must hold.
REFUSALS = [
    (asked(text=" "), "ValidationException", "messages.0.content.0 is blank"),
    (asked(text=""), "ValidationException", "messages.0.content.0 is blank"),
    (asked(model="nobody.nothing-v1:0"), "ValidationException", "The provided model identifier is invalid."),
    (asked(model="anthropic.claude-opus-5-5"), "ValidationException", "on-demand throughput isn\u2019t supported"),
    (
        asked(model="arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/absent000000"),
        "ResourceNotFoundException",
        "absent000000",
    ),
    ({"modelId": HAIKU, "messages": [assistant("hi")]}, "ValidationException", "must start with a user message"),
    ({"modelId": HAIKU, "messages": [user("a"), user("b")]}, "ValidationException", "must alternate"),
    ({"modelId": HAIKU, "messages": [user()]}, "ValidationException", "messages.0 is empty"),
    (asked(system=[{"text": ""}]), "ValidationException", "system.1.member.text"),
    (asked(inferenceConfig={"maxTokens": 0}), "ValidationException", "inferenceConfig.maxTokens"),
    (asked(GPT, inferenceConfig={"maxTokens": 15}), "ValidationException", ">= 16"),
    (asked(inferenceConfig={"temperature": 1.5}), "ValidationException", "inferenceConfig.temperature"),
    (asked(inferenceConfig={"topP": -0.5}), "ValidationException", "inferenceConfig.topP"),
    (asked(OPUS, inferenceConfig={"temperature": 0.5}), "ValidationException", "`temperature` is deprecated"),
    (asked(inferenceConfig={"stopSequences": [""]}), "ValidationException", "stopSequences"),
    (asked(GPT, inferenceConfig={"stopSequences": ["x"]}), "ValidationException", "stopSequences"),
    (asked(toolConfig=tools("a.b")), "ValidationException", "toolSpec.name"),
    (asked(toolConfig=tools("a" * 65)), "ValidationException", "toolSpec.name"),
    (asked(toolConfig=tools(description="")), "ValidationException", "toolSpec.description"),
    (asked(toolConfig={"tools": []}), "ValidationException", "toolConfig.tools"),
    (asked(LLAMA, toolConfig={**tools(), "toolChoice": {"any": {}}}), "ValidationException", "toolChoice.any"),
    (asked(OPUS, toolConfig={**tools(), "toolChoice": {"any": {}}}), "ValidationException", "toolChoice.any"),
    ({"modelId": HAIKU, "messages": [user("a"), assistant(call("x")), user(result("x"))]}, "ValidationException", "toolConfig field must be defined"),
    (with_history([call("a"), call("b")], [result("a")]), "ValidationException", "following Ids: b"),
    (with_history([call("a")], [result("a"), result("b")]), "ValidationException", "exceeds the number of toolUse"),
    (with_history([call("a"), call("a")], [result("a")]), "ValidationException", "duplicate Ids"),
    (with_history([call("a b")], [result("a b")]), "ValidationException", "toolUseId"),
    (with_history([call("a", "we.ather")], [result("a")]), "ValidationException", "toolUse.name"),
    (dict(asked(LLAMA), messages=[user("see", {"image": {"format": "png", "source": {"bytes": PNG}}})]), "ValidationException", "image"),
    (dict(asked(), messages=[user("see", {"image": {"format": "bmp", "source": {"bytes": PNG}}})]), "ValidationException", "image.format"),
    (dict(asked(), messages=[user("see", {"image": {"format": "png", "source": {"bytes": PNG + bytes(4_000_000)}}})]), "ValidationException", "exceeds"),
    (asked(system=[{"text": "a"}, {"cachePoint": {"type": "default"}}], model=LLAMA), "AccessDeniedException", "prompt caching"),
    (asked(system=[{"text": "a"}, {"cachePoint": {"type": "default"}}] * 5), "ValidationException", "cachePoint"),
    (asked(requestMetadata={"k!": "v"}), "ValidationException", "requestMetadata"),
    (asked(inferenceConfig={"maxTokens": "many"}), "SerializationException", "inferenceConfig.maxTokens"),
    (asked(text="[[fault: throttling]]"), "ThrottlingException", "Too many requests"),
    (asked(text="[[fault: modelNotReady]]"), "ModelNotReadyException", "not ready"),
    (asked(text="[[fault: internalServer]]"), "InternalServerException", "unexpected"),
    (asked(text="[[fault: serviceUnavailable]]"), "ServiceUnavailableException", ""),
    (asked(text="[[fault: modelTimeout]]"), "ModelTimeoutException", ""),
    (asked(text="[[fault: modelError]]"), "ModelErrorException", ""),
]


def refusals():
    for operation in (careless.converse, careless.converse_stream):
        for request, code, fragment in REFUSALS:
            try:
                operation(**request)
            except ClientError as error:
                assert error.response["Error"]["Code"] == code, (request, error)
                assert fragment in error.response["Error"]["Message"], (request, error)
                if code != "SerializationException":
                    assert isinstance(error, getattr(careless.exceptions, code)), (request, type(error))
            else:
                raise AssertionError(f"not refused: {request}")


CHECKS = [
    converse,
    converse_by_arn,
    converse_tools,
    converse_image,
    converse_stream,
    stream_exception,
    invoke_model,
    invoke_model_with_response_stream,
    count_tokens,
    lists,
    batch,
    refusals,
]

for check in CHECKS:
    check()
print(f"{len(CHECKS)} checks passed, {len(REFUSALS)} refusals among them")
