//! Which way a batch is done, and what becomes of it at Bedrock.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_config::WaysConfig;
use outcrop_embedded::SystemClock;
use outcrop_job_worker::JobOptions;
use outcrop_ports::contract::samples;
use outcrop_ports::{
    BatchModelJob, BatchModelState, BatchModels, BatchRecord, BlobRead, BlobUpload, Blobs, Clock, Inference,
    InferenceAnswer, InferenceCall, PolicyStore as _, PortError, RecordOutput, Recorded, SignedUrl,
    SignedUse,
};
use outcrop_telemetry::testing::recorder;
use outcrop_types::{Money, Policy, Rules, Target, Used, Way};
use serde_json::{Value, json};

use crate::batches_world::{Batches, LineModel, good_lines, small_parts};
use crate::traces::{named, trace_id};
use crate::world::done;

const BUCKET: &str = "s3://bucket/";
const ARN: &str = "arn:aws:bedrock:us-east-1:1:model-invocation-job/id1";

/// A clock that can be put forward.
#[derive(Default)]
struct Ahead(SystemClock, AtomicI64);

impl Ahead {
    fn by_hours(&self, hours: i64) {
        self.1.fetch_add(hours, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + chrono::Duration::hours(self.1.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

/// Blobs of which S3 knows.
struct InS3(Arc<dyn Blobs>);

#[async_trait]
impl Blobs for InS3 {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        self.0.put(key, bytes).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        self.0.get(key).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.0.delete(key).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, PortError> {
        self.0.size(key).await
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<BlobRead>, PortError> {
        self.0.read(key, range).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn BlobUpload>, PortError> {
        self.0.upload(key).await
    }

    async fn sign(
        &self,
        key: &str,
        usage: &SignedUse,
        valid: Duration,
    ) -> Result<Option<SignedUrl>, PortError> {
        self.0.sign(key, usage, valid).await
    }

    fn s3_uri(&self, key: &str) -> Option<String> {
        Some(format!("{BUCKET}{key}"))
    }
}

/// What Bedrock does with a job.
#[derive(Default)]
struct Plan {
    /// How often it says that it is at it.
    runs: usize,
    /// Refused once, for ever or for now.
    refuses: Option<bool>,
    /// Nobody answers, whatever is asked.
    away: bool,
    /// Lines without an answer.
    silent: HashSet<u64>,
    /// Lines that failed, with a code.
    failed: BTreeMap<u64, u16>,
    /// Why it ended early, if it did.
    ended: Option<&'static str>,
}

/// Bedrock: answers a record with its own input, the last first.
struct Bedrock {
    blobs: Arc<dyn Blobs>,
    plan: Mutex<Plan>,
    submitted: Mutex<Vec<BatchModelJob>>,
    stopped: Mutex<usize>,
}

impl Bedrock {
    fn reached(&self) -> Result<(), PortError> {
        if self.plan.lock().unwrap().away {
            Err(PortError::unavailable("ask Bedrock", "away"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl BatchModels for Bedrock {
    async fn submit(&self, job: &BatchModelJob) -> Result<String, PortError> {
        self.submitted.lock().unwrap().push(job.clone());
        self.reached()?;
        let input = job.input.strip_prefix(BUCKET).unwrap();
        let records = self.blobs.get(input).await.unwrap().unwrap();
        let mut answers = Vec::new();
        for record in std::str::from_utf8(&records).unwrap().lines().rev() {
            let record: Value = serde_json::from_str(record).unwrap();
            let line: u64 = record["recordId"].as_str().unwrap()[1..].parse().unwrap();
            let plan = self.plan.lock().unwrap();
            if plan.silent.contains(&line) {
                continue;
            }
            let mut answer = json!({"recordId": record["recordId"], "modelInput": record["modelInput"]});
            match plan.failed.get(&line) {
                Some(code) => answer["error"] = json!({"errorCode": code, "errorMessage": "no"}),
                None => answer["modelOutput"] = json!({"said": record["modelInput"]["line"]}),
            }
            answers.push(answer.to_string());
        }
        let out = format!("{}id1/input.jsonl.out", job.output.strip_prefix(BUCKET).unwrap());
        self.blobs.put(&out, answers.join("\n").into()).await.unwrap();
        match self.plan.lock().unwrap().refuses.take() {
            Some(true) => Err(PortError::broken("submit", "no")),
            Some(false) => Err(PortError::unavailable("submit", "the answer was lost")),
            None => Ok(ARN.to_owned()),
        }
    }

    async fn look(&self, region: &str, _: &str) -> Result<BatchModelState, PortError> {
        assert_eq!(region, "us-east-1");
        self.reached()?;
        let mut plan = self.plan.lock().unwrap();
        if plan.runs > 0 {
            plan.runs -= 1;
            return Ok(BatchModelState::Running);
        }
        Ok(match plan.ended {
            None => BatchModelState::Completed,
            Some(why) => BatchModelState::Ended { why: why.to_owned() },
        })
    }

    async fn find(&self, _: &str, name: &str) -> Result<Option<String>, PortError> {
        self.reached()?;
        let known = self.submitted.lock().unwrap().iter().any(|job| job.name == name);
        Ok(known.then(|| ARN.to_owned()))
    }

    async fn stop(&self, _: &str, _: &str) -> Result<(), PortError> {
        self.reached()?;
        *self.stopped.lock().unwrap() += 1;
        self.plan.lock().unwrap().runs = 0;
        Ok(())
    }
}

/// Writes calls as records, and answers in both ways.
#[derive(Default)]
struct Model {
    /// Lines that are nothing for batch inference.
    unfit: HashSet<u64>,
    called: Mutex<Vec<(u64, Way)>>,
    /// How many records were written.
    written: AtomicUsize,
}

fn line_of(call: &InferenceCall) -> u64 {
    call.request_id.as_str().rsplit('-').next().unwrap().parse().unwrap()
}

fn answered(status: u16, body: &Value, used: Used) -> InferenceAnswer {
    let body = body.to_string().into();
    InferenceAnswer { status, body, retry_after: None, used, is_final: InferenceAnswer::stays(status) }
}

#[async_trait]
impl Inference for Model {
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        self.called.lock().unwrap().push((line_of(&call), call.way));
        let used = Used { cost: Money::from_nano_usd(2), ..Used::default() };
        Ok(answered(200, &json!({"by": "call"}), used))
    }

    async fn record(&self, call: InferenceCall) -> Result<Recorded, PortError> {
        let line = line_of(&call);
        if self.unfit.contains(&line) {
            return Ok(Recorded::Unfit("it has no place for this".to_owned()));
        }
        self.written.fetch_add(1, Ordering::Relaxed);
        let input = Bytes::from(json!({"line": line}).to_string());
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        Ok(Recorded::Record(BatchRecord { model: "m-v1".into(), region: "us-east-1".into(), at, input }))
    }

    async fn recorded(
        &self,
        call: InferenceCall,
        record: BatchRecord,
        output: RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        assert_eq!((record.model.as_str(), record.region.as_str()), ("m-v1", "us-east-1"));
        let used = Used { cost: Money::from_nano_usd(1), saved: Money::from_nano_usd(1), ..Used::default() };
        Ok(match output {
            RecordOutput::Output(output) => {
                let output: Value = serde_json::from_slice(&output).unwrap();
                assert_eq!(output["said"], line_of(&call), "the answer to this line");
                answered(200, &json!({"by": "batch"}), used)
            }
            RecordOutput::Error { code, .. } => answered(code, &json!({"by": "batch"}), Used::default()),
        })
    }
}

struct AtBedrock {
    batches: Batches,
    bedrock: Arc<Bedrock>,
    model: Arc<Model>,
    clock: Arc<Ahead>,
}

impl AtBedrock {
    async fn new(plan: Plan, unfit: impl IntoIterator<Item = u64>) -> Self {
        let ways = WaysConfig { batch_min_records: 3, batch_poll_ms: 100, ..WaysConfig::default() };
        let mut batches = Batches::idle(LineModel::good(), JobOptions { ways, ..small_parts() }).await;
        let blobs = Arc::clone(&batches.ports.blobs);
        let (submitted, stopped) = (Mutex::default(), Mutex::default());
        let bedrock = Bedrock { blobs: Arc::clone(&blobs), plan: Mutex::new(plan), submitted, stopped };
        let (bedrock, model) =
            (Arc::new(bedrock), Arc::new(Model { unfit: unfit.into_iter().collect(), ..Model::default() }));
        batches.ports.blobs = Arc::new(InS3(blobs));
        batches.ports.batch_models = Some(bedrock.clone());
        batches.ports.inference = model.clone();
        let clock = Arc::new(Ahead::default());
        batches.ports.clock = clock.clone();
        Self { batches, bedrock, model, clock }
    }

    /// Runs a batch of so many lines.
    async fn run(&self, lines: usize) -> Value {
        let _working = self.batches.work();
        let batch = self.batches.run(good_lines(lines)).await;
        assert_eq!(batch["status"], "completed", "{batch}");
        self.batches.assert_exactly_once(&batch, lines).await;
        batch
    }

    /// Submits a batch of so many lines; its id once this holds.
    async fn begin(&self, lines: usize, ready: impl Fn() -> bool) -> String {
        let (_, batch) = self.batches.submit(self.batches.file(good_lines(lines)).await).await;
        let id = batch["id"].as_str().unwrap().to_owned();
        self.batches.until(&id, |_| ready()).await;
        id
    }

    /// The lines that were called, and how.
    fn called(&self) -> Vec<(u64, Way)> {
        let mut called = self.model.called.lock().unwrap().clone();
        called.sort_by_key(|it| it.0);
        called
    }

    fn submissions(&self) -> Vec<BatchModelJob> {
        self.bedrock.submitted.lock().unwrap().clone()
    }
}

#[actix_web::test]
async fn a_batch_that_can_wait_is_done_by_batch_inference_for_less() {
    let at = AtBedrock::new(Plan { runs: 2, ..Plan::default() }, []).await;
    let batch = at.run(6).await;
    assert_eq!(batch["outcrop"]["way"], "batch", "{batch}");
    let reason = batch["outcrop"]["reason"].as_str().unwrap();
    assert!(reason.contains("6 calls") && reason.contains("23 h left"), "{reason}");
    assert_eq!(batch["outcrop"]["saved_usd"], "0.000000006", "{batch}");
    assert_eq!(at.called(), []);
    let lines = at.batches.lines(&batch["output_file_id"]).await;
    assert!(lines.iter().all(|line| line["response"]["body"]["by"] == "batch"), "{lines:?}");
    let [job] = &at.submissions()[..] else { panic!("one job") };
    assert_eq!((job.model.as_str(), job.region.as_str()), ("m-v1", "us-east-1"));
    assert!(job.name.len() <= 63 && job.input.ends_with("/bedrock/input.jsonl"), "{job:?}");
    assert!(job.output.ends_with("/bedrock/output/"), "{job:?}");
}

#[actix_web::test]
async fn calls_of_batch_inference_are_traced_and_looks_that_find_nothing_new_are_not() {
    recorder();
    let at = AtBedrock::new(Plan { runs: 2, ..Plan::default() }, []).await;
    let job = at.run(6).await["id"].as_str().unwrap().replace("batch_", "job_").parse().unwrap();
    let trace = trace_id(&at.batches.world, job).await;
    let created = &named(&trace, "Bedrock.CreateModelInvocationJob", 1).await[0];
    let looked = &named(&trace, "Bedrock.GetModelInvocationJob", 1).await[0];
    let turns = named(&trace, "process batch", 4).await;
    assert!([created, looked].iter().all(|it| turns.iter().any(|turn| turn.span_id == it.parent_id)));
    assert_eq!((created.get("cloud.region"), looked.get("outcrop.outcome")), ("us-east-1", "completed"));
    assert!(named(&trace, "line", 6).await.iter().all(|line| line.get("outcrop.way") == "batch"));
}

#[actix_web::test]
async fn what_batch_inference_leaves_is_called_on_demand() {
    let plan = Plan {
        silent: [3].into(),
        failed: [(4, 500), (5, 400)].into(),
        ended: Some("PartiallyCompleted"),
        ..Plan::default()
    };
    let at = AtBedrock::new(plan, [2]).await;
    let batch = at.run(7).await;
    assert_eq!(
        at.called(),
        [2, 3, 4, 5].map(|line| (line, Way::OnDemand)),
        "a record may be refused for its form"
    );
    assert_eq!(batch["request_counts"], json!({"total": 7, "completed": 7, "failed": 0}), "{batch}");
    let reason = batch["outcrop"]["reason"].as_str().unwrap();
    assert!(reason.contains("PartiallyCompleted") && reason.contains("2 calls are left"), "{reason}");
}

#[actix_web::test]
async fn a_submission_whose_answer_was_lost_is_made_again_as_the_same() {
    let at = AtBedrock::new(Plan { refuses: Some(false), ..Plan::default() }, []).await;
    at.run(4).await;
    let submissions = at.submissions();
    assert_eq!(submissions.len(), 2);
    assert_eq!(submissions[0].name, submissions[1].name, "one submission in Bedrock's eyes");
    assert_eq!(at.called(), []);
}

#[actix_web::test]
async fn what_bedrock_refuses_or_has_no_place_for_is_done_the_next_best_way() {
    for (plan, unfit, words) in [
        (Plan { refuses: Some(true), ..Plan::default() }, vec![], "Bedrock refuses this job"),
        (Plan::default(), vec![1, 2, 3], "it has no place for this"),
    ] {
        let at = AtBedrock::new(plan, unfit).await;
        let batch = at.run(4).await;
        assert_eq!(batch["outcrop"]["way"], "flex", "{batch}");
        assert!(batch["outcrop"]["reason"].as_str().unwrap().contains(words), "{batch}");
        assert_eq!(at.called(), [1, 2, 3, 4].map(|line| (line, Way::Flex)));
    }
}

#[actix_web::test]
async fn policies_and_too_few_calls_keep_work_from_cheaper_ways() {
    let at = AtBedrock::new(Plan::default(), []).await;
    let batch = at.run(2).await;
    assert_eq!(batch["outcrop"]["way"], "flex");
    assert!(batch["outcrop"]["reason"].as_str().unwrap().contains("takes 3 calls or more"), "{batch}");

    let at = AtBedrock::new(Plan::default(), []).await;
    let policy = |number, target, ways: &[Way]| Policy {
        target,
        model: None,
        rules: Rules { ways: Some(ways.to_vec()), ..Rules::default() },
        ..samples::policy(number)
    };
    let own = Some(samples::team_id(1));
    let other = Some(samples::team_id(2));
    for policy in [
        policy(1, Target::Platform, &[Way::OnDemand, Way::Flex]),
        policy(2, Target::Team { team: own }, &[Way::OnDemand, Way::Batch]),
        policy(3, Target::Team { team: other }, &Way::ALL),
    ] {
        done(at.batches.world.store.insert_policy(&policy, &samples::draft("policy.create")).await);
    }
    let batch = at.run(4).await;
    let reason = batch["outcrop"]["reason"].as_str().unwrap();
    assert_eq!(batch["outcrop"]["way"], "on_demand", "{batch}");
    assert!(
        reason.contains("a policy of the platform") && reason.contains("a policy of this team"),
        "{reason}"
    );
    assert_eq!(at.submissions(), []);
}

#[actix_web::test]
async fn a_cancelled_batch_is_stopped_at_bedrock_and_keeps_what_was_answered() {
    let silent = [2].into();
    let at = AtBedrock::new(Plan { runs: usize::MAX, silent, ..Plan::default() }, []).await;
    let _working = at.batches.work();
    let id = at.begin(4, || at.submissions().len() == 1).await;
    at.batches.cancel(&id).await;
    let batch = at.batches.ended(&id).await;
    assert_eq!(batch["status"], "cancelled", "{batch}");
    // Perhaps more than once: stopping what has ended is no error.
    assert!(*at.bedrock.stopped.lock().unwrap() >= 1);
    assert_eq!(batch["request_counts"], json!({"total": 4, "completed": 3, "failed": 1}), "{batch}");
    assert_eq!(batch["outcrop"]["saved_usd"], "0.000000003", "{batch}");
    at.batches.assert_exactly_once(&batch, 4).await;
    let lines = at.batches.lines(&batch["output_file_id"]).await;
    assert!(lines.iter().all(|line| line["response"]["body"]["by"] == "batch"), "{lines:?}");
    assert_eq!(at.called(), []);
    for left in ["input.jsonl", "output/id1/input.jsonl.out", "output/id1/manifest.json.out", "index"] {
        let left = format!("batches/{id}/bedrock/{left}");
        assert_eq!(at.batches.ports.blobs.size(&left).await.unwrap(), None, "{left}");
    }
}

#[actix_web::test]
async fn a_batch_that_expires_keeps_what_bedrock_has_answered() {
    let at = AtBedrock::new(Plan { runs: usize::MAX, ..Plan::default() }, []).await;
    let id = {
        let _working = at.batches.work();
        at.begin(4, || at.submissions().len() == 1).await
    };
    // Nobody works for a day.
    at.clock.by_hours(25);
    let _working = at.batches.work();
    let batch = at.batches.ended(&id).await;
    assert_eq!(batch["status"], "expired", "{batch}");
    assert_eq!(batch["request_counts"], json!({"total": 4, "completed": 4, "failed": 0}), "{batch}");
    assert!(*at.bedrock.stopped.lock().unwrap() >= 1);
}

#[actix_web::test]
async fn a_submission_whose_answer_was_lost_is_stopped_when_the_batch_is_cancelled() {
    let at = AtBedrock::new(Plan { runs: usize::MAX, refuses: Some(false), ..Plan::default() }, []).await;
    let _working = at.batches.work();
    let id = at.begin(4, || at.submissions().len() == 1).await;
    at.batches.cancel(&id).await;
    let batch = at.batches.ended(&id).await;
    assert!(*at.bedrock.stopped.lock().unwrap() >= 1);
    assert_eq!(batch["request_counts"]["completed"], 4, "{batch}");
}

#[actix_web::test]
async fn what_bedrock_cannot_take_for_now_is_done_otherwise_before_its_time_is_over() {
    let at = AtBedrock::new(Plan { away: true, ..Plan::default() }, []).await;
    let _working = at.batches.work();
    let id = at.begin(4, || at.submissions().len() == 2).await;
    assert_eq!(at.model.written.load(Ordering::Relaxed), 4, "its records are written once");
    let [one, two] = &at.submissions()[..] else { panic!("two tries") };
    assert_eq!(one, two, "the very same");
    at.clock.by_hours(21);
    let batch = at.batches.ended(&id).await;
    assert_eq!(batch["status"], "completed", "{batch}");
    let reason = batch["outcrop"]["reason"].as_str().unwrap();
    assert!(reason.contains("did not take it in time"), "{reason}");
    assert_eq!(at.called().len(), 4);
}

#[actix_web::test]
async fn a_job_that_nobody_can_look_at_is_done_on_demand_in_time() {
    let at = AtBedrock::new(Plan { runs: usize::MAX, ..Plan::default() }, []).await;
    let _working = at.batches.work();
    let id = at.begin(4, || at.submissions().len() == 1).await;
    at.batches.until(&id, |batch| batch["outcrop"]["way"] == "batch").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    at.bedrock.plan.lock().unwrap().away = true;
    at.clock.by_hours(22);
    let batch = at.batches.ended(&id).await;
    assert_eq!((&batch["status"], &batch["request_counts"]["completed"]), (&json!("completed"), &json!(4)));
}

#[actix_web::test]
async fn whoever_takes_over_finds_what_the_dead_one_submitted() {
    let at = AtBedrock::new(Plan { runs: 6, ..Plan::default() }, []).await;
    let dead = at.batches.work_until_killed();
    let (_, batch) = at.batches.submit(at.batches.file(good_lines(5)).await).await;
    let id = batch["id"].as_str().unwrap();
    at.batches.until(id, |_| at.submissions().len() == 1).await;
    dead.abort();
    let _working = at.batches.work();
    let batch = at.batches.ended(id).await;
    assert_eq!((&batch["status"], at.called().len()), (&json!("completed"), 0), "{batch}");
    let names: HashSet<_> = at.submissions().into_iter().map(|job| job.name).collect();
    assert_eq!(names.len(), 1, "one job in Bedrock's eyes");
    at.batches.assert_exactly_once(&batch, 5).await;
}
