//! Workers that die, workers that share, messages that come twice: every line is answered once.

use std::time::Duration;

use outcrop_types::BatchId;
use serde_json::json;

use crate::batches_world::{Batches, LineModel, good_lines, small_parts};

#[actix_web::test]
async fn a_killed_workers_successor_repeats_no_more_than_what_was_under_way() {
    let model = LineModel { delay: Duration::from_millis(30), ..LineModel::good() };
    let batches = Batches::idle(model, small_parts()).await;
    let (_, batch) = batches.submit(batches.file(good_lines(40)).await).await;
    let id = batch["id"].as_str().unwrap();
    let killed = batches.work_until_killed();
    batches.until(id, |batch| batch["request_counts"]["completed"].as_u64() >= Some(10)).await;
    killed.abort();
    let _ = killed.await;
    let _working = batches.work();
    let batch = batches.ended(id).await;
    assert_eq!(batch["request_counts"], json!({"total": 40, "completed": 40, "failed": 0}), "{batch}");
    batches.assert_exactly_once(&batch, 40).await;
    let repeated = batches.model.count() - 40;
    assert!(repeated <= batches.options.batches.lines_at_once, "{repeated} lines were called twice");
    assert_eq!(batch["usage"]["total_tokens"], 200, "and no use is counted twice");
}

#[actix_web::test]
async fn a_stopping_worker_keeps_what_is_under_way_and_gives_its_parts_back_at_once() {
    let model = LineModel { delay: Duration::from_millis(50), ..LineModel::good() };
    let batches = Batches::idle(model, small_parts()).await;
    let (_, batch) = batches.submit(batches.file(good_lines(40)).await).await;
    let id = batch["id"].as_str().unwrap();
    let stopping = batches.work();
    batches.until(id, |batch| batch["request_counts"]["completed"].as_u64() >= Some(8)).await;
    drop(stopping);
    let _working = batches.work();
    let batch = batches.ended(id).await;
    batches.assert_exactly_once(&batch, 40).await;
    assert_eq!(batches.model.count(), 40, "no line was called twice");
}

#[actix_web::test]
async fn two_workers_share_a_batch_and_repeat_nothing() {
    let model = LineModel { delay: Duration::from_millis(5), ..LineModel::good() };
    let batches = Batches::idle(model, small_parts()).await;
    let _workers = [batches.work(), batches.work()];
    let batch = batches.run(good_lines(60)).await;
    batches.assert_exactly_once(&batch, 60).await;
    assert_eq!(batches.model.count(), 60);
}

#[actix_web::test]
async fn messages_that_come_twice_change_nothing() {
    let model = LineModel { delay: Duration::from_millis(10), ..LineModel::good() };
    let batches = Batches::idle(model, small_parts()).await;
    let (_, batch) = batches.submit(batches.file(good_lines(20)).await).await;
    let id: BatchId = batch["id"].as_str().unwrap().parse().unwrap();
    let _workers = [batches.work(), batches.work()];
    for _ in 0..10 {
        batches.ports.queue.send(outcrop_types::JobId::new(id.uuid()).to_string()).await.unwrap();
        for part in batches.ports.batches.batch_parts(id).await.unwrap() {
            batches.ports.queue.send(part.job.to_string()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let batch = batches.ended(&id.to_string()).await;
    batches.assert_exactly_once(&batch, 20).await;
    assert_eq!(batches.model.count(), 20);
}

#[actix_web::test]
async fn a_line_that_panics_is_its_parts_affair_alone() {
    let panics = |text: &str, _| {
        assert_ne!(text, "say 6", "as the script says");
        (200, None)
    };
    let batches = Batches::idle(LineModel::new(panics), small_parts()).await;
    let _working = batches.work();
    let (_, batch) = batches.submit(batches.file(good_lines(12)).await).await;
    let id: BatchId = batch["id"].as_str().unwrap().parse().unwrap();
    let batch = batches.ended(&id.to_string()).await;
    assert_eq!(batch["status"], "completed", "what is done is handed out: {batch}");
    batches.assert_exactly_once(&batch, 12).await;
    let errors = batches.lines(&batch["error_file_id"]).await;
    assert!(errors.iter().any(|line| line["custom_id"] == "line-6"), "{errors:?}");
    assert!(errors.iter().all(|line| line["error"]["code"] == "part_failed"), "{errors:?}");
}

#[actix_web::test]
async fn twenty_thousand_lines_are_done_within_a_minute() {
    let mut options = small_parts();
    options.batches = outcrop_config::BatchesConfig::default();
    options.jobs = outcrop_config::JobsConfig::default();
    let batches = Batches::idle(LineModel::good(), options).await;
    let _working = batches.work();
    let began = std::time::Instant::now();
    let (_, batch) = batches.submit(batches.file(good_lines(20_000)).await).await;
    let batch = batches.ended(batch["id"].as_str().unwrap()).await;
    assert_eq!(batch["request_counts"], json!({"total": 20_000, "completed": 20_000, "failed": 0}));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    batches.assert_exactly_once(&batch, 20_000).await;
    assert_eq!(batches.model.count(), 20_000);
}
