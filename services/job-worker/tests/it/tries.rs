//! How often a job is tried, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use outcrop_config::JobsConfig;
use outcrop_ports::contract::samples;
use outcrop_ports::{
    BatchRecord, Blobs, ClaimTerms, Inference, InferenceAnswer, InferenceCall, PortError, RecordOutput,
    Recorded,
};
use outcrop_types::{Job, JobState};

use crate::world::{PANIC, Scripted, World, calls, developer, ended, scripted, submit, until};

fn tries(max_attempts: u32) -> Option<JobsConfig> {
    Some(JobsConfig { max_attempts, ..JobsConfig::default() })
}

fn terms(now: DateTime<Utc>) -> ClaimTerms {
    ClaimTerms { now, lease_until: now + TimeDelta::hours(1), most_per_team: 64 }
}

/// A job as the store may hold it, and its nudge.
pub(crate) async fn place(world: &World, job: &Job) {
    world.ports.blobs.put(&job.input, Bytes::from_static(b"{}")).await.unwrap();
    world.ports.jobs.submit_job(job).await.unwrap();
    world.ports.queue.send(job.id.to_string()).await.unwrap();
}

pub(crate) fn new_job(world: &World) -> Job {
    let now = world.ports.clock.now();
    Job { created_at: now, updated_at: now, principal: developer(1), ..samples::job(1, samples::team_id(1)) }
}

#[actix_web::test]
async fn a_panic_is_a_failed_attempt_and_the_workers_live_on() {
    // One for each worker.
    let world = World::working(scripted([PANIC, PANIC])).await;
    for id in [submit(&world, developer(1)).await, submit(&world, developer(1)).await] {
        let job = ended(&world, id).await;
        assert_eq!((job.state, job.attempts), (JobState::Succeeded, 2));
    }
}

#[actix_web::test]
async fn a_job_that_panics_at_every_try_has_failed() {
    let world = World::new(scripted([PANIC]), tries(1), |_| ()).await;
    let id = submit(&world, developer(1)).await;
    let job = ended(&world, id).await;
    assert_eq!(
        (job.state, job.error.as_deref()),
        (JobState::Failed, Some("every attempt at the job failed"))
    );
}

/// Takes bodies and no answers.
struct NoAnswers(Arc<dyn Blobs>);

blobs_but_put!(NoAnswers {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        if key.ends_with("output.json") {
            return Err(PortError::broken("keep a blob", "no such folder"));
        }
        self.0.put(key, body).await
    }
});

#[actix_web::test]
async fn an_answer_that_cannot_be_kept_is_not_asked_for_for_ever() {
    let world = World::new(scripted([]), tries(1), |ports| {
        ports.blobs = Arc::new(NoAnswers(ports.blobs.clone()));
    })
    .await;
    let id = submit(&world, developer(1)).await;
    let job = ended(&world, id).await;
    assert_eq!((job.state, job.error.as_deref()), (JobState::Failed, Some("the answer could not be kept")));
    assert_eq!(calls(&world), 1);
}

#[actix_web::test]
async fn a_job_that_killed_its_workers_is_given_up_without_a_call() {
    let world = World::working(scripted([])).await;
    let job = Job { attempts: JobsConfig::default().max_attempts, ..new_job(&world) };
    place(&world, &job).await;
    let job = ended(&world, job.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("too often"));
    assert_eq!(calls(&world), 0);
}

#[actix_web::test]
async fn what_was_set_aside_says_why_and_can_be_sent_back() {
    let world = World::working(scripted([])).await;
    let job = Job { attempts: JobsConfig::default().max_attempts, ..new_job(&world) };
    place(&world, &job).await;
    let job = ended(&world, job.id).await;
    assert!(job.dead);
    let letter = loop {
        // The row is written before the message is set aside.
        if let Some(letter) = world.ports.queue.dead_letters(10).await.unwrap().pop() {
            break letter;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((letter.body, letter.reason), (job.id.to_string(), job.error.clone()));

    assert!(world.worker.redrive(job.id).await.unwrap().is_some());
    let job = ended(&world, job.id).await;
    assert_eq!((job.state, job.attempts, job.dead), (JobState::Succeeded, 1, false));
    assert_eq!(world.ports.queue.dead_letters(10).await.unwrap(), [], "its message went with it");
    assert_eq!(world.worker.redrive(job.id).await.unwrap(), None, "it is not set aside any more");
}

#[actix_web::test]
async fn being_over_a_limit_is_no_attempt() {
    let world = World::new(scripted([429]), tries(1), |_| ()).await;
    let id = submit(&world, developer(1)).await;
    let job = ended(&world, id).await;
    assert_eq!((job.state, job.attempts, calls(&world)), (JobState::Succeeded, 1, 2));
}

#[actix_web::test]
async fn being_over_a_limit_for_a_day_is_a_failure() {
    let world = World::working(scripted([429])).await;
    let created_at = world.ports.clock.now() - TimeDelta::hours(25);
    let job = Job { created_at, ..new_job(&world) };
    place(&world, &job).await;
    let job = ended(&world, job.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("limits"));
}

#[actix_web::test]
async fn an_answer_says_when_to_come_back() {
    for (status, attempts) in [(503, 1), (429, 0)] {
        let world =
            World::working(Scripted { retry_after: Some(Duration::from_secs(300)), ..scripted([status]) })
                .await;
        let id = submit(&world, developer(1)).await;
        let before = world.ports.clock.now();
        let job =
            until(&world, id, |job| job.state == JobState::Queued && job.updated_at > job.created_at).await;
        assert_eq!(job.attempts, attempts, "{status}");
        let early = before + TimeDelta::seconds(290);
        let claim = world.ports.jobs.claim_job(terms(early)).await.unwrap();
        assert_eq!(claim, None, "{status}");
        assert!(world.ports.jobs.nudge_stale_jobs(early, early, 10).await.unwrap().is_empty(), "{status}");
    }
}

#[actix_web::test]
async fn a_worker_that_stops_gives_back_what_it_has_as_if_untried() {
    let world = World::working(Scripted { delay: Duration::from_secs(60), ..scripted([]) }).await;
    let id = submit(&world, developer(1)).await;
    until(&world, id, |job| job.state == JobState::Running).await;
    world.stop.cancel();
    let job = until(&world, id, |job| job.state == JobState::Queued).await;
    assert_eq!(job.attempts, 0);
    let now = world.ports.clock.now();
    assert!(world.ports.jobs.claim_job(terms(now)).await.unwrap().is_some());
    let message = world.ports.queue.receive(Duration::from_secs(5), Duration::from_secs(5)).await.unwrap();
    assert_eq!(message.unwrap().body, id.to_string(), "given back at once");
}

/// Fails so many times, as what is away does.
struct Away<T: ?Sized>(Arc<T>, AtomicUsize);

impl<T: ?Sized> Away<T> {
    fn fails(&self) -> bool {
        self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

blobs_but_put!(Away<dyn Blobs> {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        if key.ends_with("output.json") && self.fails() {
            return Err(PortError::unavailable("keep a blob", "the blobs are away"));
        }
        self.0.put(key, body).await
    }
});

#[async_trait]
impl Inference for Away<dyn Inference> {
    async fn record(&self, call: InferenceCall) -> Result<Recorded, PortError> {
        self.0.record(call).await
    }

    async fn recorded(
        &self,
        call: InferenceCall,
        record: BatchRecord,
        output: RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        self.0.recorded(call, record, output).await
    }

    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        if self.fails() {
            return Err(PortError::unavailable("call a model", "connection refused"));
        }
        self.0.call(call).await
    }
}

#[actix_web::test]
async fn a_service_that_is_away_costs_no_attempt() {
    let world = World::new(scripted([]), tries(1), |ports| {
        ports.inference = Arc::new(Away(ports.inference.clone(), AtomicUsize::new(2)));
    })
    .await;
    let id = submit(&world, developer(1)).await;
    let job = ended(&world, id).await;
    assert_eq!((job.state, job.attempts, calls(&world)), (JobState::Succeeded, 1, 1));
}

#[actix_web::test]
async fn an_answer_waits_for_blobs_that_are_away() {
    let world = World::new(scripted([]), tries(1), |ports| {
        ports.blobs = Arc::new(Away(ports.blobs.clone(), AtomicUsize::new(2)));
    })
    .await;
    let id = submit(&world, developer(1)).await;
    let job = ended(&world, id).await;
    assert_eq!((job.state, job.attempts, calls(&world)), (JobState::Succeeded, 1, 1));
}
