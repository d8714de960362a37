//! What metrics tell of work.

use std::time::Duration;

use outcrop_embedded::SystemIdGen;
use outcrop_http::testing::TestServer;
use outcrop_telemetry::testing::recorder;

use crate::batches_world::{Batches, LineModel, good_lines};
use crate::world::{World, client, developer, ended, scripted, submit};

/// Other tests of this process record as well, and more is never less.
async fn grows(name: &str, labels: &[(&str, &str)], from: f64, by: f64) {
    let mut last = 0.0;
    for _ in 0..300 {
        last = recorder().metric(name, labels);
        if last >= from + by {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} {labels:?} came from {from} to {last}");
}

#[actix_web::test]
async fn how_much_work_there_is_is_told() {
    recorder();
    let world = World::idle().await;
    for _ in 0..3 {
        submit(&world, developer(1)).await;
    }
    let expected = [
        ("outcrop.jobs.due", 3.0),
        ("outcrop.jobs.later", 0.0),
        ("outcrop.jobs.running", 0.0),
        ("outcrop.jobs.dead", 0.0),
        ("outcrop.jobs.workers", 0.0),
        ("outcrop.jobs.backlog_per_worker", 3.0),
        ("outcrop.jobs.queue.waiting", 3.0),
        ("outcrop.jobs.queue.in_flight", 0.0),
        ("outcrop.jobs.queue.delayed", 0.0),
        ("outcrop.jobs.queue.dead", 0.0),
    ];
    let mut told = Vec::new();
    for _ in 0..100 {
        // Workers of other tests in this process measure now and then, too.
        world.worker.measure().await.unwrap();
        told = expected.iter().map(|(name, _)| (*name, recorder().metric(name, &[]))).collect();
        if told == expected {
            return;
        }
    }
    assert_eq!(told, expected);
}

#[actix_web::test]
async fn the_public_address_says_nothing_of_it() {
    let world = World::idle().await;
    let public = TestServer::start(
        None,
        std::sync::Arc::new(SystemIdGen),
        Vec::new(),
        outcrop_job_worker::routes(&world.worker),
    );
    let answer = client().get(format!("{}/metrics", public.url)).send().await.unwrap();
    assert_eq!(answer.status(), 404, "not for everybody");
}

#[actix_web::test]
async fn turns_and_waits_of_jobs_are_measured() {
    let recorder = recorder();
    let call = ("outcrop.job.kind", "call");
    let refused = [call, ("outcrop.outcome", "refused")];
    let before =
        (recorder.metric("outcrop.job.duration", &refused), recorder.metric("outcrop.job.wait", &[call]));
    let world = World::working(scripted([403])).await;
    let id = submit(&world, developer(1)).await;
    ended(&world, id).await;
    grows("outcrop.job.duration", &refused, before.0, 1.0).await;
    grows("outcrop.job.wait", &[call], before.1, 1.0).await;
}

#[actix_web::test]
async fn lines_are_counted_by_how_they_ended() {
    let labels = |outcome| [("outcrop.way", "on_demand"), ("outcrop.outcome", outcome)];
    let count = |outcome| recorder().metric("outcrop.batch.lines", &labels(outcome));
    let before = (count("completed"), count("failed"));
    let (batches, _working) = Batches::working(LineModel::new(|text, _| match text {
        "say 2" => (404, None),
        _ => (200, None),
    }))
    .await;
    batches.run(good_lines(3)).await;
    grows("outcrop.batch.lines", &labels("completed"), before.0, 2.0).await;
    grows("outcrop.batch.lines", &labels("failed"), before.1, 1.0).await;
}
