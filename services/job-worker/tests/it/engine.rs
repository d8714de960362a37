//! Several workers and many jobs: whose turn it is, who takes over, what is left behind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use outcrop_config::JobsConfig;
use outcrop_job_worker::{JobOptions, JobWorker};
use outcrop_ports::contract::samples;
use outcrop_types::{Job, JobState, Way};
use tokio::task::JoinHandle;

use crate::tries::{new_job, place};
use crate::world::{Scripted, World, calls, developer, ended, scripted, submit, until};

/// With the shortest lease and the most frequent sweep that there are.
fn hasty() -> JobsConfig {
    JobsConfig { lease_ms: 1_000, sweep_ms: 1_000, concurrency: 2, ..JobsConfig::default() }
}

/// One more process over the same ports; aborting it is killing it.
fn start(world: &World, jobs: JobsConfig) -> JoinHandle<()> {
    let worker = JobWorker::new(world.ports.clone(), JobOptions { jobs, ..JobOptions::default() });
    let stop = world.stop.clone();
    actix_web::rt::spawn(async move { worker.run(stop).await })
}

async fn until_idle(world: &World) {
    for _ in 0..400 {
        let depth = world.ports.queue.depth().await.unwrap();
        if (depth.waiting, depth.in_flight) == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", world.ports.queue.depth().await);
}

#[actix_web::test]
async fn what_a_killed_worker_had_is_taken_over() {
    let mut world =
        World::new(Scripted { delay: Duration::from_secs(60), ..scripted([]) }, None, |_| ()).await;
    let first = start(&world, hasty());
    let id = submit(&world, developer(1)).await;
    until(&world, id, |job| job.state == JobState::Running).await;
    while calls(&world) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.abort();
    world.model = Arc::new(scripted([]));
    world.ports.inference = Arc::clone(&world.model) as _;
    start(&world, hasty());
    let job = ended(&world, id).await;
    assert_eq!((job.state, job.attempts, calls(&world)), (JobState::Succeeded, 2, 1));
}

#[actix_web::test]
async fn a_job_without_a_message_is_found_by_the_sweep() {
    let world = World::idle().await;
    let job = new_job(&world);
    world.ports.blobs.put(&job.input, Bytes::from_static(b"{}")).await.unwrap();
    world.ports.jobs.submit_job(&job).await.unwrap();
    start(&world, hasty());
    assert_eq!(ended(&world, job.id).await.state, JobState::Succeeded);
}

#[actix_web::test]
async fn messages_that_come_twice_do_the_work_once() {
    let world = World::idle().await;
    let id = submit(&world, developer(1)).await;
    for _ in 0..9 {
        world.ports.queue.send(id.to_string()).await.unwrap();
    }
    start(&world, hasty());
    let job = ended(&world, id).await;
    until_idle(&world).await;
    assert_eq!((job.state, job.attempts, calls(&world)), (JobState::Succeeded, 1, 1));
    assert_eq!(world.ports.jobs.lookup_job(id).await.unwrap(), Some(job));
}

#[actix_web::test]
async fn a_message_that_names_no_job_is_set_aside() {
    let world = World::working(scripted([])).await;
    world.ports.queue.send("hello".to_owned()).await.unwrap();
    until_idle(&world).await;
    let letters = world.ports.queue.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), letters[0].body.as_str()), (1, "hello"));
}

#[actix_web::test]
async fn a_thousand_jobs_of_one_team_keep_no_other_team_waiting() {
    let world = World::idle().await;
    let many = Job { principal: developer(1), ..new_job(&world) };
    world.ports.blobs.put(&many.input, Bytes::from_static(b"{}")).await.unwrap();
    for number in 1..=1_000 {
        let job = Job { id: samples::job_id(number), ..many.clone() };
        world.ports.jobs.submit_job(&job).await.unwrap();
        world.ports.queue.send(job.id.to_string()).await.unwrap();
    }
    let one = submit(&world, developer(2)).await;
    start(&world, hasty());
    assert_eq!(ended(&world, one).await.state, JobState::Succeeded);
    let calls = world.model.calls.lock().unwrap();
    let turn = calls.iter().position(|call| call.principal.team == developer(2).team).unwrap();
    assert!(turn < 4, "{turn} calls came before it");
}

#[actix_web::test]
async fn no_more_jobs_of_a_team_run_at_once_than_it_may() {
    let world = World::new(Scripted { delay: Duration::from_secs(60), ..scripted([]) }, None, |_| ()).await;
    for _ in 0..4 {
        submit(&world, developer(1)).await;
    }
    start(&world, JobsConfig { max_running_per_team: 1, concurrency: 4, ..JobsConfig::default() });
    let other = submit(&world, developer(2)).await;
    until(&world, other, |job| job.state == JobState::Running).await;
    until(&world, other, |_| calls(&world) == 2).await;
    assert_eq!(world.ports.jobs.backlog(world.ports.clock.now()).await.unwrap().running, 2);
}

#[actix_web::test]
async fn a_job_is_of_no_use_after_its_deadline() {
    let world = World::working(Scripted { delay: Duration::from_secs(60), ..scripted([]) }).await;
    let now = world.ports.clock.now();
    let late = Job { deadline: Some(now - TimeDelta::seconds(1)), ..new_job(&world) };
    place(&world, &late).await;
    assert_eq!(ended(&world, late.id).await.state, JobState::Expired);
    assert_eq!(calls(&world), 0);

    let deadline = Some(world.ports.clock.now() + TimeDelta::milliseconds(500));
    let cut = Job { id: samples::job_id(2), deadline, ..new_job(&world) };
    place(&world, &cut).await;
    assert_eq!(ended(&world, cut.id).await.state, JobState::Expired);
    let calls = world.model.calls.lock().unwrap();
    assert!(calls.len() == 1 && calls[0].deadline <= Duration::from_millis(500), "{calls:?}");
}

#[actix_web::test]
async fn what_has_no_deadline_is_done_on_demand() {
    let world = World::working(scripted([])).await;
    let id = submit(&world, developer(1)).await;
    let job = ended(&world, id).await;
    assert_eq!(job.choice.unwrap().way, Way::OnDemand);
    assert_eq!(world.model.calls.lock().unwrap()[0].way, Way::OnDemand);
}

#[actix_web::test]
async fn what_ended_long_ago_is_forgotten_with_its_blobs() {
    let world = World::idle().await;
    let now = world.ports.clock.now();
    let mut jobs = Vec::new();
    for (number, days) in [(1, 3), (2, 1)] {
        let (input, output) = (format!("jobs/{number}/in"), format!("jobs/{number}/out"));
        for key in [&input, &output] {
            world.ports.blobs.put(key, Bytes::from_static(b"{}")).await.unwrap();
        }
        let ended_at = Some(now - TimeDelta::days(days));
        let (state, output) = (JobState::Succeeded, Some(output));
        let job = Job { id: samples::job_id(number), input, output, state, ended_at, ..new_job(&world) };
        world.ports.jobs.submit_job(&job).await.unwrap();
        jobs.push(job);
    }
    start(&world, JobsConfig { retention_days: 2, ..JobsConfig::default() });
    for _ in 0..200 {
        if world.ports.jobs.lookup_job(jobs[0].id).await.unwrap().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (job, kept) in jobs.iter().zip([false, true]) {
        assert_eq!(world.ports.jobs.lookup_job(job.id).await.unwrap().is_some(), kept);
        for key in [&job.input, job.output.as_ref().unwrap()] {
            assert_eq!(world.ports.blobs.get(key).await.unwrap().is_some(), kept, "{key}");
        }
    }
}
