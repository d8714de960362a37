//! Environments do nothing between an answer and the next event, and may end there without a word.

use serde_json::{Value, json};

use crate::client::http;
use crate::events::{Asked, Front};
use crate::exports::{calls, read};
use crate::function::{Function, KEY};

/// How the local AWS tells which service is meant; it checks no signature.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

fn chat(stream: bool) -> Value {
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    json!({ "model": "claude-haiku-4-5", "stream": stream, "messages": messages })
}

#[tokio::test]
async fn usage_is_written_before_the_environment_is_frozen() {
    let mut function = Function::start("response_stream").await;
    for (at, stream) in [true, false, true].into_iter().enumerate() {
        let asked = Asked::post("/v1/chat/completions", Some(KEY), chat(stream));
        let mut invocation = function.invoke(Front::FunctionUrl, &asked);
        assert_eq!(invocation.streamed().await.status(), 200);
        invocation.over().await;
        function.freeze().await;
        let records = read(&function.exports);
        assert_eq!(calls(&records), at + 1, "{records:?}");
        function.thaw().await;
    }
    let records = read(&function.exports);
    let (teams, subjects): (Vec<_>, Vec<_>) =
        records.iter().map(|it| (it["team"].clone(), it["subject"].clone())).unzip();
    assert!(teams.iter().all(|it| *it == teams[0]) && subjects.iter().all(|it| *it == subjects[0]));
    // As an environment ends that nobody asks any more: nothing is left to be written.
    function.outcrop.kill().await;
    assert_eq!(calls(&read(&function.exports)), 3);
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn usage_goes_to_s3() {
    let aws = outcrop_testkit::aws_endpoint();
    let folder = tempfile::Builder::new().prefix("").rand_bytes(12).tempdir().unwrap();
    let random = folder.path().file_name().unwrap().to_str().unwrap().to_ascii_lowercase();
    let bucket = format!("{aws}/outcrop-lambda-{}{random}", std::process::id());
    let made = http().put(&bucket).header("authorization", SIGNED).send().await.unwrap();
    assert!(made.status().is_success(), "{made:?}");
    let name = bucket.rsplit('/').next().unwrap();
    let url = format!("s3://{name}/usage");
    let settings = [("AWS_ENDPOINT_URL", aws.as_str()), ("OUTCROP__USAGE__EXPORT_URL", url.as_str())];
    let function = Function::start_with("response_stream", &settings).await;
    let asked = Asked::post("/v1/chat/completions", Some(KEY), chat(true));
    let mut invocation = function.invoke(Front::FunctionUrl, &asked);
    assert_eq!(invocation.streamed().await.status(), 200);
    invocation.over().await;
    function.freeze().await;
    let listed = http()
        .get(format!("{bucket}?list-type=2"))
        .header("authorization", SIGNED)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let key =
        listed.split_once("<Key>").and_then(|(_, rest)| rest.split_once("</Key>")).expect("an object").0;
    assert!(key.starts_with("usage/20") && key.ends_with(".ndjson"), "{listed}");
    let line = http()
        .get(format!("{bucket}/{key}"))
        .header("authorization", SIGNED)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let record: Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_eq!((&record["operation"], &record["outcome"]), (&json!("chat"), &json!("completed")), "{record}");
}
