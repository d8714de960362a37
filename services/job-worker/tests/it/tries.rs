//! How often a job is tried, and when.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use outcrop_config::JobsConfig;
use outcrop_ports::contract::samples;
use outcrop_ports::{Blobs, Claim, PortError};
use outcrop_types::{Job, JobState};

use crate::world::{PANIC, Scripted, World, calls, developer, ended, scripted, submit, until};

fn tries(max_attempts: u32) -> Option<JobsConfig> {
    Some(JobsConfig { max_attempts, ..JobsConfig::default() })
}

/// A job as the store may hold it, and its nudge.
async fn place(world: &World, job: &Job) {
    world.ports.blobs.put(&job.input, Bytes::from_static(b"{}")).await.unwrap();
    world.ports.jobs.submit_job(job).await.unwrap();
    world.ports.queue.send(job.id.to_string()).await.unwrap();
}

fn new_job(world: &World) -> Job {
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
    assert_eq!((job.state, job.error.as_deref()), (JobState::Failed, Some("the call failed")));
}

/// Takes bodies and no answers.
struct NoAnswers(Arc<dyn Blobs>);

#[async_trait]
impl Blobs for NoAnswers {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        if key.ends_with("output.json") {
            return Err(PortError::unavailable("keep a blob", "the disk is full"));
        }
        self.0.put(key, body).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        self.0.get(key).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.0.delete(key).await
    }
}

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
        let claim = world.ports.jobs.claim_job(id, early, early + TimeDelta::hours(1)).await.unwrap();
        assert!(matches!(claim, Claim::Busy { until } if until > early), "{status}: {claim:?}");
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
    let claim = world.ports.jobs.claim_job(id, now, now + TimeDelta::hours(1)).await.unwrap();
    assert!(matches!(claim, Claim::Taken(..)), "{claim:?}");
}

#[actix_web::test]
async fn a_dead_workers_job_is_taken_over_when_its_lease_is_over() {
    let world = World::working(scripted([])).await;
    let job = new_job(&world);
    world.ports.blobs.put(&job.input, Bytes::from_static(b"{}")).await.unwrap();
    world.ports.jobs.submit_job(&job).await.unwrap();
    let until = world.ports.clock.now() + TimeDelta::milliseconds(500);
    let claim = world.ports.jobs.claim_job(job.id, world.ports.clock.now(), until).await.unwrap();
    assert!(matches!(claim, Claim::Taken(..)), "{claim:?}");
    // Delivered while the other one's lease holds; there is no further nudge before the first sweep.
    world.ports.queue.send(job.id.to_string()).await.unwrap();
    let job = ended(&world, job.id).await;
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 2));
}
