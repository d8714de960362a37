//! What traces tell of work that waits: one trace from whoever submits it to every call that is made for it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use outcrop_config::JobsConfig;
use outcrop_ports::{
    BatchRecord, Inference, InferenceAnswer, InferenceCall, PortError, RecordOutput, Recorded,
};
use outcrop_telemetry::current::{self, Current};
use outcrop_telemetry::testing::{SeenSpan, recorder};
use outcrop_telemetry::trace::{SpanKind, TraceContext};
use outcrop_types::{JobId, JobState};
use serde_json::{Value, json};

use crate::batches_world::{Batches, LineModel, good_lines};
use crate::world::{PANIC, Scripted, World, answer, client, developer, ended, scripted, submit};

/// Remembers as what it was called.
struct Listening {
    inner: Arc<dyn Inference>,
    heard: Mutex<Vec<(InferenceCall, Current)>>,
}

impl Listening {
    fn to(inner: Arc<dyn Inference>) -> Arc<Self> {
        Arc::new(Self { inner, heard: Mutex::default() })
    }

    fn heard(&self) -> Vec<(InferenceCall, Current)> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl Inference for Listening {
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        self.heard.lock().unwrap().push((call.clone(), current::get().unwrap()));
        self.inner.call(call).await
    }

    async fn record(&self, call: InferenceCall) -> Result<Recorded, PortError> {
        self.inner.record(call).await
    }

    async fn recorded(
        &self,
        call: InferenceCall,
        record: BatchRecord,
        output: RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        self.inner.recorded(call, record, output).await
    }
}

/// The id of the trace that a job was submitted in.
pub(crate) async fn trace_id(world: &World, id: JobId) -> String {
    let line = world.ports.jobs.lookup_job(id).await.unwrap().unwrap().trace.unwrap();
    TraceContext::from_line(&line).trace_id().unwrap().to_string()
}

/// The spans with this name, once all of these are there.
pub(crate) async fn named(trace: &str, name: &str, count: usize) -> Vec<SeenSpan> {
    let mut found = Vec::new();
    for _ in 0..500 {
        found = recorder().trace(trace);
        found.retain(|span| span.name == name);
        if found.len() >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(found.len(), count, "{name}: {:#?}", recorder().trace(trace));
    found
}

async fn one(trace: &str, name: &str) -> SeenSpan {
    named(trace, name, 1).await.remove(0)
}

#[track_caller]
fn says(span: &SeenSpan, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(span.get(name), *value, "{name} of {span:#?}");
    }
}

/// Submits a job of team 1 over HTTP; its id, and as it was shown.
async fn submitted(world: &World) -> (JobId, Value) {
    let server = world.serve(developer(1));
    let body = json!({"path": "/v1/chat/completions", "body": {"model": "m"}});
    let (status, job) = answer(client().post(format!("{}/v1/jobs", server.url)).json(&body)).await;
    assert_eq!(status, 202, "{job}");
    (job["id"].as_str().unwrap().parse().unwrap(), job)
}

#[actix_web::test]
async fn a_job_is_one_trace_from_whoever_submits_it_to_its_call() {
    recorder();
    let mut listening = None;
    let world = World::new(Scripted::default(), Some(JobsConfig::default()), |ports| {
        let model = Listening::to(Arc::clone(&ports.inference));
        listening = Some(Arc::clone(&model));
        ports.inference = model;
    })
    .await;
    let (id, shown) = submitted(&world).await;
    let finished = ended(&world, id).await;
    assert!(!shown.to_string().contains("trace"), "{shown}");
    let trace = trace_id(&world, id).await;
    let process = one(&trace, "process call").await;
    let (request, send) = (one(&trace, "POST /v1/jobs").await, one(&trace, "send jobs").await);
    assert_eq!((&request.kind, &send.kind), (&SpanKind::Server, &SpanKind::Producer));
    assert_eq!((&send.parent_id, &process.parent_id), (&request.span_id, &request.span_id));
    let job = id.to_string();
    says(
        &send,
        &[
            ("messaging.system", "outcrop"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "jobs"),
            ("job.id", &job),
        ],
    );
    assert_eq!((&process.kind, process.links, &process.failed), (&SpanKind::Consumer, 1, &None));
    let team = finished.principal.team.to_string();
    says(
        &process,
        &[
            ("messaging.operation.type", "process"),
            ("job.id", &job),
            ("outcrop.job.kind", "call"),
            ("team.id", &team),
            ("outcrop.attempt", "1"),
            ("outcrop.outcome", "answered"),
            ("http.response.status_code", "200"),
        ],
    );
    let heard = listening.unwrap().heard();
    let [(call, current)] = &heard[..] else { panic!("{}", heard.len()) };
    assert_eq!(*current.request_id, *call.request_id.to_string(), "whoever answers logs the call's id");
    assert_eq!(current.trace.span_id().unwrap().to_string(), process.span_id);
    assert_eq!(*current.who().unwrap().team, *team);
}

#[actix_web::test]
async fn a_turn_that_fails_is_seen_to_fail() {
    recorder();
    let config = JobsConfig { max_attempts: 1, ..JobsConfig::default() };
    let world = World::new(scripted([PANIC, 500, 400]), Some(config), |_| ()).await;
    let mut turns = Vec::new();
    for _ in 0..3 {
        let (id, _) = submitted(&world).await;
        assert_eq!(ended(&world, id).await.state, JobState::Failed);
        turns.push(one(&trace_id(&world, id).await, "process call").await);
    }
    let told: Vec<_> = turns
        .iter()
        .map(|it| (it.get("outcrop.outcome"), it.get("error.type"), it.failed.is_some()))
        .collect();
    assert_eq!(
        told,
        [("dead", "dead", true), ("failed", "server_error", true), ("refused", "", false)],
        "what was asked for in vain is no failure of ours"
    );
}

#[actix_web::test]
async fn work_that_was_submitted_outside_of_any_trace_has_one_of_its_own() {
    recorder();
    let mut listening = None;
    let world = World::new(Scripted::default(), Some(JobsConfig::default()), |ports| {
        let model = Listening::to(Arc::clone(&ports.inference));
        listening = Some(Arc::clone(&model));
        ports.inference = model;
    })
    .await;
    let id = submit(&world, developer(1)).await;
    assert_eq!(ended(&world, id).await.trace, None);
    let heard = listening.unwrap().heard();
    let trace = heard[0].1.trace.trace_id().unwrap().to_string();
    let process = one(&trace, "process call").await;
    assert_eq!((process.parent_id.as_str(), process.links), ("0000000000000000", 0));
}

#[actix_web::test]
async fn a_batch_is_one_trace_down_to_each_of_its_lines() {
    recorder();
    let (mut batches, working) = Batches::working(LineModel::new(|text, _| match text {
        "say 6" => (400, None),
        _ => (200, None),
    }))
    .await;
    drop(working);
    let model = Listening::to(batches.model.clone());
    batches.ports.inference = model.clone();
    let _working = batches.work();
    let batch = batches.run(good_lines(6)).await;
    let id = batch["id"].as_str().unwrap();
    let job: JobId = id.replace("batch_", "job_").parse().unwrap();
    let trace = trace_id(&batches.world, job).await;
    let request = one(&trace, "POST /v1/batches").await;
    // Begun and ended; in between it was only waited for.
    let wholes = named(&trace, "process batch", 2).await;
    let parts = named(&trace, "process part", 2).await;
    for turn in wholes.iter().chain(&parts) {
        assert_eq!((&turn.kind, &turn.parent_id), (&SpanKind::Consumer, &request.span_id));
        says(turn, &[("batch.id", id), ("outcrop.outcome", "stepped")]);
    }
    let lines = named(&trace, "line", 6).await;
    for line in &lines {
        assert_eq!(line.kind, SpanKind::Internal);
        assert!(parts.iter().any(|part| part.span_id == line.parent_id), "{line:#?}");
        let is_bad = line.get("batch.line") == "line-6";
        let outcome = if is_bad { "failed" } else { "completed" };
        says(line, &[("batch.id", id), ("outcrop.outcome", outcome), ("outcrop.way", "on_demand")]);
        assert_eq!(line.failed.is_some(), is_bad, "{line:#?}");
    }
    let heard = model.heard();
    assert_eq!(heard.len(), 6);
    for (call, current) in heard {
        assert_eq!(*current.request_id, *call.request_id.to_string());
        let span = current.trace.span_id().unwrap().to_string();
        assert!(lines.iter().any(|line| line.span_id == span), "each call is made below its line");
    }
    assert!(!batches.get(id).await.to_string().contains("trace"));
}
