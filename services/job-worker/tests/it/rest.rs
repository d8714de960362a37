//! Parts of batches make room for others.

use std::time::Duration;

use bytes::Bytes;
use outcrop_config::{BatchesConfig, JobsConfig};
use outcrop_job_worker::JobOptions;
use outcrop_ports::contract::samples;
use outcrop_types::Job;

use crate::batches_world::{Batches, LineModel, good_lines, small_parts};
use crate::world::developer;

/// One worker that calls one line at a time: a part takes half a minute.
fn slow() -> (LineModel, JobOptions) {
    let options = small_parts();
    let batches = BatchesConfig { part_lines: 300, lines_at_once: 1, ..options.batches };
    let jobs = JobsConfig { concurrency: 1, ..JobsConfig::default() };
    let model = LineModel { delay: Duration::from_millis(100), ..LineModel::good() };
    (model, JobOptions { batches, jobs, ..options })
}

#[actix_web::test]
async fn a_call_begins_soon_while_a_batch_holds_all_places() {
    let (model, options) = slow();
    let batches = Batches::idle(model, options).await;
    let _working = batches.work();
    let (_, batch) = batches.submit(batches.file(good_lines(600)).await).await;
    let id = batch["id"].as_str().unwrap();
    batches.until(id, |batch| batch["request_counts"]["completed"].as_u64() >= Some(1)).await;
    // Another team's, and one of the batch's own team.
    for (number, team) in [(2_u32, 2_u128), (1, 1)] {
        let now = batches.ports.clock.now();
        let job = Job {
            created_at: now,
            updated_at: now,
            principal: developer(team),
            ..samples::job(70 + number, samples::team_id(number))
        };
        let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        batches.ports.blobs.put(&job.input, Bytes::from_static(body)).await.unwrap();
        batches.ports.jobs.submit_job(&job).await.unwrap();
        batches.ports.queue.send(job.id.to_string()).await.unwrap();
        let began = async {
            while batches.ports.jobs.lookup_job(job.id).await.unwrap().unwrap().started_at.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), began).await.unwrap();
    }
    // Nothing was called twice for it.
    let counts = batches.get(id).await["request_counts"].clone();
    assert!(counts["completed"].as_u64() < Some(300) && counts["failed"] == 0, "{counts}");
    assert!(batches.model.calls.lock().unwrap().values().all(|times| *times == 1));
}
