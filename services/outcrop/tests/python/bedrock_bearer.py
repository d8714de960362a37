"""boto3 with an Outcrop key where a Bedrock API key would be: AWS's own SDK, told nothing but another address. Asserts what
the SDK promises, and prints one line for each check, without what differs from run to run.

Reads OUTCROP_URL, AWS_BEARER_TOKEN_BEDROCK (a key that may call any model) and OUTCROP_NARROW_KEY (one whose scope allows
only `nova-*`).
"""

import datetime
import ipaddress
import json
import os
import socket
import ssl
import tempfile
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MODEL = "claude-haiku-4-5"
PROFILE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "The weather of a city.",
                "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}},
            }
        }
    ]
}
CALL = '[[tool: get_weather {"city":"Oslo"}]]'


# === an address with TLS ===


def certificate():
    """A certificate for this address, and its key: botocore sends no bearer token but over TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "outcrop")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(hours=1))
    builder = builder.add_extension(names, False).add_extension(x509.BasicConstraints(True, None), True)
    signed = builder.sign(key, hashes.SHA256())
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    return signed.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password)


def pump(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


def serve(listener, context, target):
    while True:
        plain, _ = listener.accept()
        front, back = context.wrap_socket(plain, server_side=True), socket.create_connection(target)
        for ends in ((front, back), (back, front)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def with_tls(url, folder):
    """The address itself, or one before it that ends TLS, as a load balancer does; and whom to trust there."""
    if url.startswith("https:"):
        return url, None
    paths = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
    for path, text in zip(paths, certificate()):
        with open(path, "wb") as file:
            file.write(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    host, port = url.removeprefix("http://").rstrip("/").rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, context, (host, int(port))), daemon=True).start()
    return f"https://127.0.0.1:{listener.getsockname()[1]}", paths[0]


# === the checks ===


def bedrock(key):
    """A client as a user makes it. No retries: an error is to be seen as it comes."""
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    session = boto3.session.Session(region_name="us-east-1")
    return session.client("bedrock-runtime", endpoint_url=URL, verify=TRUSTED, config=config)


def user(*content):
    return {"role": "user", "content": [{"text": it} if isinstance(it, str) else it for it in content]}


def ask(client, *content, model=MODEL, **fields):
    return client.converse(modelId=model, messages=[user(*content)], **fields)


def show(title, value):
    print(title, json.dumps(value, sort_keys=True))


def text(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def whole():
    answer = ask(WIDE, "[[say: Good morning.]]")
    usage = answer["usage"]
    assert (text(answer), answer["stopReason"]) == ("Good morning.", "end_turn"), answer
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"], usage
    assert answer["metrics"]["latencyMs"] >= 0 and answer["ResponseMetadata"]["RequestId"], answer
    show("converse", [text(answer), answer["stopReason"], usage])
    for model in (PROFILE, f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{PROFILE}"):
        show("by id", text(ask(WIDE, "[[say: the same]]", model=model)))
    short = ask(WIDE, "[[tokens: 20]]", inferenceConfig={"maxTokens": 4, "temperature": 0.5})
    assert (short["stopReason"], short["usage"]["outputTokens"]) == ("max_tokens", 4), short
    show("max tokens", short["usage"])
    show("system", text(ask(WIDE, "Hi", system=[{"text": "[[say: as instructed]]"}])))
    show("image", text(ask(WIDE, "[[say: a dot]]", {"image": {"format": "png", "source": {"bytes": PNG}}})))


def stream():
    answer = WIDE.converse_stream(modelId=MODEL, messages=[user("[[say: one two three]]")])
    events = list(answer["stream"])
    kinds = [next(iter(event)) for event in events]
    assert kinds[0] == "messageStart" and kinds[-2:] == ["messageStop", "metadata"], kinds
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert len(deltas) > 1 and "".join(deltas) == "one two three", deltas
    stop, metadata = events[-2]["messageStop"]["stopReason"], events[-1]["metadata"]
    assert stop == "end_turn" and metadata["usage"]["outputTokens"] == 3, events
    assert metadata["metrics"]["latencyMs"] >= 0, metadata
    show("converse_stream", [deltas, stop, metadata["usage"]])


def tools():
    asked = ask(WIDE, CALL, toolConfig=TOOLS)
    message = asked["output"]["message"]
    call = message["content"][0]["toolUse"]
    assert (asked["stopReason"], call["name"], call["input"]) == ("tool_use", "get_weather", {"city": "Oslo"}), asked
    result = {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"json": {"degrees": 4}}]}}
    answer = WIDE.converse(modelId=MODEL, messages=[user(CALL), message, user(result)], toolConfig=TOOLS)
    assert "degrees" in text(answer), answer
    show("tools", [call["name"], call["input"], text(answer)])
    choice = {**TOOLS, "toolChoice": {"tool": {"name": "get_weather"}}}
    answer = WIDE.converse_stream(modelId=MODEL, messages=[user("Hello")], toolConfig=choice)
    events = list(answer["stream"])
    start = next(event["contentBlockStart"]["start"]["toolUse"] for event in events if "contentBlockStart" in event)
    pieces = [event["contentBlockDelta"]["delta"]["toolUse"]["input"] for event in events if "contentBlockDelta" in event]
    assert isinstance(json.loads("".join(pieces) or "{}"), dict), pieces
    show("tools in a stream", [start["name"], events[-2]["messageStop"]["stopReason"]])


PDF = b"%PDF-1.4\n"
LONG = {"document": {"format": "txt", "name": "Long", "source": {"text": "word " * 6000}}}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}


def depths():
    """What Converse has besides conversations, sent and brought back."""
    report = {"document": {"format": "pdf", "name": "Report (1)", "source": {"bytes": PDF}, "citations": {"enabled": True}}}
    fields = {
        "system": [{"text": "Be brief."}],
        "serviceTier": {"type": "flex"},
        "performanceConfig": {"latency": "optimized"},
        "requestMetadata": {"team": "search"},
        "inferenceConfig": {"stopSequences": ["END"]},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "guardrailConfig": {"guardrailIdentifier": "gr1", "guardrailVersion": "DRAFT", "trace": "enabled"},
    }
    answer = ask(WIDE, "[[say: one END two]]", report, LONG, POINT, **fields)
    usage = answer["usage"]
    assert usage["cacheReadInputTokens"] + usage["cacheWriteInputTokens"] > 1000, usage
    assert text(answer) == "one ", answer
    assert (answer["serviceTier"]["type"], answer["performanceConfig"]["latency"]) == ("flex", "optimized"), answer
    assert answer["additionalModelResponseFields"] == {"stop_sequence": "END"}, answer
    assert answer["trace"]["guardrail"]["actionReason"] == "No action.", answer
    show("everything", [answer["stopReason"], answer["additionalModelResponseFields"]])
    events = list(WIDE.converse_stream(modelId=MODEL, messages=[user("[[say: one END two]]")], **fields)["stream"])
    assert events[-2]["messageStop"]["additionalModelResponseFields"] == {"stop_sequence": "END"}, events
    metadata = events[-1]["metadata"]
    assert metadata["serviceTier"]["type"] == "flex" and metadata["trace"]["guardrail"], metadata
    cited = ask(WIDE, "[[cite: as it says]]", report)["output"]["message"]["content"][0]["citationsContent"]
    assert cited["content"] == [{"text": "as it says"}] and cited["citations"][0]["location"], cited
    show("cited", cited["citations"][0]["title"])
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    prompt = "[[think: hmm]] [[redact: secret]] [[say: done]]"
    config = {"inferenceConfig": {"maxTokens": 2000}, "additionalModelRequestFields": thinking}
    thought = ask(WIDE, prompt, **config)["output"]["message"]
    again = WIDE.converse(modelId=MODEL, messages=[user(prompt), thought, user("[[say: and on]]")], **config)
    show("thought", [[next(iter(block)) for block in thought["content"]], text(again)])


# === InvokeModel ===


def claude(prompt):
    messages = [{"role": "user", "content": prompt}]
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": messages})


def invoke(prompt, **fields):
    return WIDE.invoke_model(modelId=MODEL, body=claude(prompt), **fields)


def raw():
    answer = invoke("[[say: Good morning.]] [[usage: input=9,output=4]]", serviceTier="flex", accept="application/json")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    counts = [headers[f"x-amzn-bedrock-{kind}-token-count"] for kind in ("input", "output")]
    body = json.loads(answer["body"].read())
    assert (body["content"][0]["text"], counts, answer["contentType"]) == ("Good morning.", ["9", "4"], "application/json"), body
    show("invoke_model", [body["content"][0]["text"], counts])
    vector = WIDE.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "Hi", "dimensions": 256}))
    show("embedding", len(json.loads(vector["body"].read())["embedding"]))
    prompt = "[[say: one two three]] [[usage: input=9,output=4]]"
    answer = WIDE.invoke_model_with_response_stream(modelId=MODEL, body=claude(prompt))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    said = "".join(chunk.get("delta", {}).get("text", "") for chunk in chunks)
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert (said, metrics["inputTokenCount"], metrics["outputTokenCount"]) == ("one two three", 9, 4), chunks
    show("invoke_model_with_response_stream", [said, answer["contentType"]])
    refused("throttled, invoked", 429, "ThrottlingException", lambda: invoke("[[fault: throttling]]"))
    try:
        broken = WIDE.invoke_model_with_response_stream(modelId=MODEL, body=claude("[[tokens: 20]] [[fault: streamThrottling after 4]]"))
        list(broken["body"])
    except EventStreamError as error:
        show("broken off, invoked", error.response["Error"]["Code"])
    else:
        raise AssertionError("a stream that broke off raised nothing")
    few = WIDE.count_tokens(modelId=MODEL, input={"converse": {"messages": [user("Hi")]}})["inputTokens"]
    more = WIDE.count_tokens(modelId=MODEL, input={"invokeModel": {"body": claude("Hi " * 50)}})["inputTokens"]
    assert 0 < few < more, (few, more)
    show("count_tokens", [few, more])
    async_invoke = lambda: WIDE.list_async_invokes()
    refused("not served at all", 404, "UnknownOperationException", async_invoke)


def refused(title, status, code, call, names=""):
    try:
        call()
    except ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        assert found == (status, code), (title, found, error)
        message = error.response["Error"]["Message"]
        assert names in message, (title, message)
        assert error.response["ResponseMetadata"]["RequestId"], title
        show(title, [status, code, message])
        return message
    raise AssertionError(f"{title} was not refused")


def refusals():
    invalid = lambda **fields: lambda: ask(WIDE, "Hi", **fields)
    prompt = {"city": {"text": "Oslo"}}
    refused("not served", 400, "ValidationException", invalid(promptVariables=prompt), "promptVariables")
    far = {"document": {"format": "pdf", "name": "a", "source": {"s3Location": {"uri": "s3://bucket/a.pdf"}}}}
    refused("not allowed in S3", 400, "ValidationException", lambda: ask(WIDE, "Hi", far), "messages[0].content[1].document.source.s3Location")
    refused("bad metadata of InvokeModel", 400, "ValidationException", lambda: invoke("Hi", requestMetadata="{}"), "request-metadata")
    refused("unknown model", 404, "ResourceNotFoundException", invalid(model="nonesuch"), "nonesuch")
    refused("throttled", 429, "ThrottlingException", lambda: ask(WIDE, "[[fault: throttling]]"))
    heard = []
    prompt = "[[say: one two three four]][[fault: streamThrottling after 4]]"
    try:
        for event in WIDE.converse_stream(modelId=MODEL, messages=[user(prompt)])["stream"]:
            heard.append(next(iter(event)))
    except EventStreamError as error:
        assert error.response["Error"]["Code"] == "throttlingException", error
        show("broken off", [heard, error.response["Error"]["Code"]])
    else:
        raise AssertionError("a stream that broke off raised nothing")


def scope():
    show("in scope", text(ask(NARROW, "[[say: allowed]]", model="nova-lite")))
    for model in (MODEL, PROFILE):
        message = refused("out of scope", 403, "AccessDeniedException", lambda: ask(NARROW, "Hi", model=model), model)
        assert "nova" not in message, message
    started = lambda: NARROW.converse_stream(modelId=MODEL, messages=[user("Hi")])
    refused("out of scope, streamed", 403, "AccessDeniedException", started, MODEL)


def strangers():
    good = os.environ["AWS_BEARER_TOKEN_BEDROCK"]
    for title, key in (("mistyped key", good[:-1] + ("x" if good[-1] != "x" else "y")), ("strange key", "bedrock-api-key-x")):
        client = bedrock(key)
        refused(title, 401, "UnrecognizedClientException", lambda: ask(client, "Hi"))
        started = lambda: client.converse_stream(modelId=MODEL, messages=[user("Hi")])
        refused(f"{title}, streamed", 401, "UnrecognizedClientException", started)


with tempfile.TemporaryDirectory() as folder:
    URL, TRUSTED = with_tls(os.environ["OUTCROP_URL"], folder)
    wide, narrow = os.environ["AWS_BEARER_TOKEN_BEDROCK"], os.environ["OUTCROP_NARROW_KEY"]
    NARROW, WIDE = bedrock(narrow), bedrock(wide)
    for check in (whole, stream, tools, depths, raw, refusals, scope, strangers):
        check()
