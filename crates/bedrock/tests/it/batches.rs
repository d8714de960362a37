//! Batch inference with the emulator as the far end: a call becomes a record, a job answers it, and the answer is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_bedrock::{BedrockBatches, BedrockModel, BedrockOptions, BedrockPlaces, PlacesOptions};
use outcrop_chat::{Block, ToolChoice};
use outcrop_emulator::{Batches, Emulator, EmulatorConfig, ObjectBytes, ObjectWriter, Objects, ObjectsError};
use outcrop_ports::{
    BatchModelJob, BatchModelState, BatchModels as _, ChatModel as _, ModelCall, PortFailure,
};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::emulator::with_tool;
use crate::fake::{call, say};

const REGION: &str = "us-east-1";
const ROLE: &str = "arn:aws:iam::111122223333:role/batches";

/// A store in memory.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<String, Vec<u8>>>>);

#[async_trait]
impl Objects for Shelf {
    async fn read(&self, bucket: &str, key: &str) -> Result<Option<ObjectBytes>, ObjectsError> {
        let found = self.0.lock().unwrap().get(&format!("{bucket}/{key}")).cloned();
        Ok(found.map(|bytes| Box::pin(futures::stream::iter([Ok(Bytes::from(bytes))])) as ObjectBytes))
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

struct World {
    shelf: Shelf,
    model: BedrockModel,
    batches: BedrockBatches,
    _stop: DropGuard,
}

impl World {
    async fn new(role: &str, record_ms: u64) -> Self {
        let shelf = Shelf::default();
        let batches = Batches { minimum_records: 2, step_ms: 10, record_ms, ..Batches::default() };
        let objects: Option<Arc<dyn Objects>> = Some(Arc::new(shelf.clone()));
        let emulator =
            Emulator::bind(EmulatorConfig { batches, objects, ..EmulatorConfig::default() }).await.unwrap();
        let sdk = outcrop_aws::local_config(&emulator.url(), REGION);
        let stop = CancellationToken::new();
        tokio::spawn(emulator.run(stop.clone()));
        let model = BedrockModel::new(&sdk, BedrockOptions::default()).unwrap();
        let places = BedrockPlaces::new(&sdk, BedrockOptions::default(), PlacesOptions::default()).unwrap();
        let batches = BedrockBatches::new(places, role.to_owned());
        Self { shelf, model, batches, _stop: stop.drop_guard() }
    }

    /// Puts calls there as records.
    fn put(&self, calls: &[ModelCall]) {
        let mut lines = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            let input = String::from_utf8(self.model.record(call).unwrap().to_vec()).unwrap();
            lines.push(format!(r#"{{"recordId":"L{number:010}","modelInput":{input}}}"#));
        }
        self.shelf.0.lock().unwrap().insert("bucket/in/input.jsonl".into(), lines.join("\n").into_bytes());
    }

    fn job(name: &str) -> BatchModelJob {
        BatchModelJob {
            name: name.to_owned(),
            model: "us.anthropic.claude-haiku-4-5-20251001-v1:0".to_owned(),
            region: REGION.to_owned(),
            input: "s3://bucket/in/input.jsonl".to_owned(),
            output: "s3://bucket/out/".to_owned(),
            timeout: Duration::from_secs(3_600),
        }
    }

    async fn ended(&self, arn: &str) -> BatchModelState {
        for _ in 0..500 {
            match self.batches.look(REGION, arn).await.unwrap() {
                BatchModelState::Running => tokio::time::sleep(Duration::from_millis(20)).await,
                state => return state,
            }
        }
        panic!("the job does not end");
    }
}

fn calls() -> [ModelCall; 2] {
    let weather = with_tool(r#"[[tool: weather {"city":"Bern"}]]"#, ToolChoice::Auto);
    [call("claude-haiku-4-5", say("[[say: Good day]]")), call("claude-haiku-4-5", weather)]
}

#[tokio::test]
async fn a_record_comes_back_as_the_answer_to_its_call() {
    let world = World::new(ROLE, 0).await;
    let calls = calls();
    world.put(&calls);
    let arn = world.batches.submit(&World::job("outcrop-1")).await.unwrap();
    assert_eq!(world.batches.submit(&World::job("outcrop-1")).await.unwrap(), arn, "submitted once");
    assert_eq!(world.ended(&arn).await, BatchModelState::Completed);
    let id = arn.rsplit('/').next().unwrap();
    let text = world.shelf.0.lock().unwrap()[&format!("bucket/out/{id}/input.jsonl.out")].clone();
    let mut lines = HashMap::new();
    for line in std::str::from_utf8(&text).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        lines.insert(line["recordId"].as_str().unwrap().to_owned(), line);
    }
    let read = async |number: usize| {
        let output = Bytes::from(lines[&format!("L{number:010}")]["modelOutput"].to_string());
        world.model.recorded(&calls[number], output).await.unwrap()
    };
    let said = read(0).await;
    assert_eq!(said.content, [Block::Text("Good day".into())]);
    assert!(said.usage.input > 0 && said.usage.output > 0, "{:?}", said.usage);
    // Bedrock takes no tools in records of this type.
    let refused = &lines["L0000000001"];
    assert_eq!(
        (&refused["error"]["errorCode"], refused.get("modelOutput")),
        (&400.into(), None),
        "{refused}"
    );
}

#[tokio::test]
async fn a_job_is_stopped_and_an_absent_one_is_gone() {
    let world = World::new(ROLE, 60_000).await;
    world.put(&calls());
    let arn = world.batches.submit(&World::job("outcrop-2")).await.unwrap();
    world.batches.stop(REGION, &arn).await.unwrap();
    assert!(matches!(world.ended(&arn).await, BatchModelState::Ended { why } if why.starts_with("Stopped")));
    world.batches.stop(REGION, &arn).await.unwrap();
    let absent = arn.replace(arn.rsplit('/').next().unwrap(), "abcdefghijkl");
    assert_eq!(world.batches.look(REGION, &absent).await.unwrap(), BatchModelState::Gone);
    world.batches.stop(REGION, &absent).await.unwrap();
}

#[tokio::test]
async fn a_refusal_that_stays_is_broken() {
    let world = World::new("no role", 0).await;
    let refused = world.batches.submit(&World::job("outcrop-3")).await.unwrap_err();
    assert_eq!(refused.failure, PortFailure::Broken, "{}", refused.chain());
}

#[tokio::test]
async fn what_is_no_answer_is_not_read_as_one() {
    let world = World::new(ROLE, 0).await;
    for output in ["{}", "null", r#"{"output":{}}"#, "nonsense"] {
        assert!(world.model.recorded(&calls()[0], Bytes::from(output)).await.is_err(), "{output}");
    }
}
