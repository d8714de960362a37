//! Batch inference: what is refused, how jobs go, what they write and what they cost.

use crate::{Running, ask};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use outcrop_emulator::{
    BatchEnd, Batches, Charged, ChargedTier, EmulatorConfig, ObjectBytes, ObjectWriter, Objects, ObjectsError,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOVA: &str = "amazon.nova-lite-v1:0";

/// A store in memory. Its pieces are small, so that lines are cut in their middle.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Shelf {
    fn text(&self, at: &str) -> String {
        String::from_utf8(self.0.lock().unwrap()[at].clone()).unwrap()
    }

    fn put(&self, at: &str, text: String) {
        self.0.lock().unwrap().insert(at.to_owned(), text.into_bytes());
    }
}

#[async_trait]
impl Objects for Shelf {
    async fn read(&self, bucket: &str, key: &str) -> Result<Option<ObjectBytes>, ObjectsError> {
        let found = self.0.lock().unwrap().get(&format!("{bucket}/{key}")).cloned();
        let pieces = |bytes: Vec<u8>| {
            let pieces: Vec<_> = bytes.chunks(7).map(|it| Ok(Bytes::copy_from_slice(it))).collect();
            Box::pin(stream::iter(pieces)) as ObjectBytes
        };
        Ok(found.map(pieces))
    }

    async fn write(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        Ok(Box::new(Sheet { shelf: self.clone(), at: format!("{bucket}/{key}"), bytes: Vec::new() }))
    }
}

struct Sheet {
    shelf: Shelf,
    at: String,
    bytes: Vec<u8>,
}

#[async_trait]
impl ObjectWriter for Sheet {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), ObjectsError> {
        self.shelf.0.lock().unwrap().insert(self.at, self.bytes);
        Ok(())
    }
}

/// An emulator with records on its shelf.
async fn with(batches: Batches, records: &[Value]) -> (Running, Shelf) {
    let shelf = Shelf::default();
    let lines: Vec<_> = records.iter().map(Value::to_string).collect();
    shelf.put("bucket/in/records.jsonl", lines.join("\n"));
    let objects: Option<Arc<dyn Objects>> = Some(Arc::new(shelf.clone()));
    (Running::with(EmulatorConfig { batches, objects, ..EmulatorConfig::default() }).await, shelf)
}

/// An emulator for other clients, with three records on its shelf.
pub(crate) async fn few_on_a_shelf() -> Running {
    let records: Vec<_> = (0..3).map(|it| record(it, "hello")).collect();
    with(few(), &records).await.0
}

fn few() -> Batches {
    Batches { minimum_records: 1, ..Batches::default() }
}

fn record(id: usize, prompt: &str) -> Value {
    json!({ "recordId": format!("R{id}"), "modelInput": ask(prompt) })
}

fn job() -> Value {
    json!({
        "jobName": "nightly-1",
        "roleArn": "arn:aws:iam::123456789012:role/batch",
        "modelId": NOVA,
        "modelInvocationType": "Converse",
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/in/records.jsonl", "s3InputFormat": "JSONL"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket/out/"}},
    })
}

/// The job with members changed; `null` takes one away.
fn but(changes: &Value) -> Value {
    let mut job = job();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            job.as_object_mut().unwrap().remove(name);
        } else {
            job[name] = value.clone();
        }
    }
    job
}

async fn submit(emulator: &Running, job: &Value) -> String {
    let (status, _, told) = emulator.post("/model-invocation-job", job).await;
    assert_eq!(status, 200, "{told}");
    told["jobArn"].as_str().unwrap().to_owned()
}

async fn look(emulator: &Running, arn: &str) -> Value {
    emulator.get(&format!("/model-invocation-job/{}", arn.replace('/', "%2F").replace(':', "%3A"))).await
}

async fn ended(emulator: &Running, arn: &str) -> Value {
    for _ in 0..500 {
        let job = look(emulator, arn).await;
        if job.get("endTime").is_some() {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job goes on: {}", look(emulator, arn).await);
}

fn lines(shelf: &Shelf, arn: &str) -> Vec<Value> {
    let id = arn.rsplit('/').next().unwrap();
    let text = shelf.text(&format!("bucket/out/{id}/records.jsonl.out"));
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[tokio::test]
async fn records_are_answered_as_calls_are_and_charged_as_a_batch() {
    let mut records: Vec<_> = (0..40).map(|it| record(it, &format!("[[say: answer {it}]]"))).collect();
    records[7] = record(7, "[[fault: throttling]]");
    records[8]["modelInput"] = json!({ "messages": [] });
    records[9].as_object_mut().unwrap().remove("recordId");
    records[10]["modelInput"]["toolConfig"] = json!({ "tools": [] });
    let (emulator, shelf) = with(few(), &records).await;
    let arn = submit(&emulator, &job()).await;
    let id = arn.strip_prefix("arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/").unwrap();
    let told = ended(&emulator, &arn).await;
    assert_eq!((&told["status"], &told["jobName"]), (&json!("Completed"), &json!("nightly-1")), "{told}");
    assert_eq!(
        [&told["totalRecordCount"], &told["processedRecordCount"], &told["errorRecordCount"]],
        [&json!(40), &json!(40), &json!(3)]
    );
    let lines = lines(&shelf, &arn);
    let by_id: HashMap<_, _> = lines.iter().map(|it| (it["recordId"].as_str().unwrap(), it)).collect();
    assert_eq!(by_id.len(), 40);
    assert_eq!(by_id["R3"]["modelInput"], records[3]["modelInput"]);
    assert_eq!(by_id["R3"]["modelOutput"]["output"]["message"]["content"][0]["text"], "answer 3");
    assert_eq!((&by_id["R7"]["error"]["errorCode"], by_id["R7"].get("modelOutput")), (&json!(429), None));
    assert_eq!(by_id["R8"]["error"]["errorCode"], 400);
    assert_eq!(
        by_id["R10"]["error"]["errorCode"], 400,
        "batch inference takes no tools in calls of Converse"
    );
    assert_ne!(lines[0]["recordId"], "R0", "nobody promises an order");
    let manifest: Value =
        serde_json::from_str(&shelf.text(&format!("bucket/out/{id}/manifest.json.out"))).unwrap();
    let charges = emulator.charges.snapshot();
    assert_eq!(
        (&manifest["successRecordCount"], &manifest["outputTokenCount"], &manifest["inputTokenCount"]),
        (&json!(37), &json!(charges.total.tokens.output), &json!(charges.total.tokens.input))
    );
    assert_eq!((charges.batch, charges.batch.answered, charges.batch.refused), (charges.total, 37, 3));
    assert!(charges.calls.iter().all(|it| it.tier == ChargedTier::Batch));
    let (_, _, _) = emulator.post(&format!("/model/{NOVA}/converse"), &ask("hello")).await;
    assert_eq!(emulator.charges.snapshot().batch, charges.batch, "a call is none of a batch's");
}

#[tokio::test]
async fn what_is_not_of_the_form_is_refused_by_its_name() {
    let (emulator, _) = with(few(), &[]).await;
    let input = |uri: &str| json!({"inputDataConfig": {"s3InputDataConfig": {"s3Uri": uri}}});
    let cases = [
        (json!({"jobName": null}), "'jobName'"),
        (json!({"jobName": "a_b"}), "'jobName'"),
        (json!({"roleArn": "batch"}), "'roleArn'"),
        (json!({"roleArn": null}), "'roleArn'"),
        (json!({"modelId": null}), "'modelId'"),
        (json!({"modelId": "nobody.nothing"}), "model identifier is invalid"),
        (json!({"modelId": "eu.amazon.nova-lite-v1:0"}), "model identifier is invalid"),
        (json!({"modelId": "amazon.titan-embed-text-v2:0"}), "does not support Converse"),
        (json!({"modelInvocationType": "Guess"}), "[InvokeModel, Converse]"),
        (json!({"timeoutDurationInHours": 23}), "greater than or equal to 24"),
        (json!({"timeoutDurationInHours": 169}), "less than or equal to 168"),
        (json!({"clientRequestToken": "a_b"}), "'clientRequestToken'"),
        (json!({"inputDataConfig": {}}), "'inputDataConfig.s3InputDataConfig'"),
        (input("https://bucket/x.jsonl"), "s3Uri"),
        (input("s3://bucket/folder/"), "one .jsonl object"),
        (json!({"outputDataConfig": null}), "'outputDataConfig.s3OutputDataConfig'"),
    ];
    for (changes, words) in cases {
        let (status, error, told) = emulator.post("/model-invocation-job", &but(&changes)).await;
        assert_eq!(status, 400, "{changes}: {told}");
        assert!(error.starts_with("ValidationException:"), "{changes}: {error}");
        assert!(told["message"].as_str().unwrap().contains(words), "{changes}: {told}");
    }
    let bare = Running::start().await;
    let (status, _, told) = bare.post("/model-invocation-job", &job()).await;
    assert_eq!(status, 400, "without a store of objects: {told}");
}

#[tokio::test]
async fn a_token_makes_submitting_twice_one_submission() {
    let (emulator, _) = with(few(), &[record(0, "hello")]).await;
    let first = submit(&emulator, &but(&json!({"clientRequestToken": "t-1"}))).await;
    let again = but(&json!({"clientRequestToken": "t-1", "jobName": "other"}));
    assert_eq!(submit(&emulator, &again).await, first);
    assert_ne!(submit(&emulator, &job()).await, first);
    ended(&emulator, &first).await;
    let all = emulator.get("/model-invocation-jobs?maxResults=1").await;
    assert_eq!(all["invocationJobSummaries"].as_array().unwrap().len(), 1);
    let next = format!("/model-invocation-jobs?nextToken={}", all["nextToken"].as_str().unwrap());
    let rest = emulator.get(&next).await;
    assert_eq!(rest["invocationJobSummaries"][0]["jobArn"], first.as_str(), "the newest come first");
    let none = emulator.get("/model-invocation-jobs?nameContains=zzz").await;
    assert_eq!(none["invocationJobSummaries"], json!([]));
    let none = emulator.get("/model-invocation-jobs?submitTimeBefore=2020-01-01T00%3A00%3A00Z").await;
    assert_eq!(none["invocationJobSummaries"], json!([]));
}

#[tokio::test]
async fn few_records_an_absent_input_and_a_set_failure_fail_a_job() {
    let (emulator, _) = with(Batches::default(), &[record(0, "hello")]).await;
    let told = ended(&emulator, &submit(&emulator, &job()).await).await;
    assert_eq!(told["status"], "Failed");
    assert!(told["message"].as_str().unwrap().contains("less records (1) than the required minimum of: 100"));
    let absent = but(&json!({"inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/none.jsonl"}}}));
    let told = ended(&emulator, &submit(&emulator, &absent).await).await;
    assert!(told["message"].as_str().unwrap().contains("could not be found"), "{told}");
    let (emulator, _) =
        with(Batches { failure: Some("no luck".to_owned()), ..few() }, &[record(0, "x")]).await;
    let told = ended(&emulator, &submit(&emulator, &job()).await).await;
    assert_eq!((&told["status"], &told["message"]), (&json!("Failed"), &json!("no luck")));
    assert_eq!(emulator.charges.snapshot().total, Charged::default());
}

#[tokio::test]
async fn a_job_that_ends_early_keeps_what_it_did() {
    let records: Vec<_> = (0..30).map(|it| record(it, "hello")).collect();
    for (expired, word) in [(false, "PartiallyCompleted"), (true, "Expired")] {
        let end = Some(BatchEnd { after: 10, expired });
        let (emulator, shelf) = with(Batches { end, at_once: 5, ..few() }, &records).await;
        let arn = submit(&emulator, &job()).await;
        let told = ended(&emulator, &arn).await;
        assert_eq!((&told["status"], &told["processedRecordCount"]), (&json!(word), &json!(10)));
        assert_eq!(lines(&shelf, &arn).len(), 10);
        assert_eq!(emulator.charges.snapshot().batch.answered, 10);
    }
}

#[tokio::test]
async fn a_stopped_job_goes_through_stopping_and_cannot_be_stopped_twice() {
    let records: Vec<_> = (0..200).map(|it| record(it, "hello")).collect();
    let batches = Batches { step_ms: 20, record_ms: 20, at_once: 2, ..few() };
    let (emulator, shelf) = with(batches, &records).await;
    let arn = submit(&emulator, &job()).await;
    assert!(["Submitted", "Validating"].contains(&look(&emulator, &arn).await["status"].as_str().unwrap()));
    while look(&emulator, &arn).await["processedRecordCount"].as_u64().unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let id = arn.rsplit('/').next().unwrap();
    let stop = format!("/model-invocation-job/{id}/stop");
    assert_eq!(emulator.post(&stop, &json!({})).await.0, 200);
    let told = ended(&emulator, &arn).await;
    assert_eq!(told["status"], "Stopped");
    let done = told["processedRecordCount"].as_u64().unwrap();
    assert!(done < 200 && lines(&shelf, &arn).len() as u64 == done, "{told}");
    let (status, error, _) = emulator.post(&stop, &json!({})).await;
    assert_eq!((status, error.starts_with("ConflictException:")), (400, true), "{error}");
    let (status, _, _) = emulator.post("/model-invocation-job/abcdef012345/stop", &json!({})).await;
    assert_eq!(status, 404);
}
