//! `/v1/batches`, from submission to the files that a batch makes.

use std::time::Duration;

use outcrop_types::{FileId, FilePurpose};
use serde_json::{Value, json};

use crate::batches_world::{Batches, LineModel, good_lines, small_parts};
use crate::world::{answer, client, developer};

#[actix_web::test]
async fn a_batch_is_answered_line_by_line_in_the_order_of_its_file() {
    let (batches, _working) = Batches::working(LineModel::good()).await;
    let file = batches.file(good_lines(3)).await;
    let (status, batch) = batches
        .post(&json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
                      "metadata": {"project": "atlas"}}))
        .await;
    assert_eq!((status, &batch["object"], &batch["status"]), (200, &json!("batch"), &json!("validating")));
    let batch = batches.ended(batch["id"].as_str().unwrap()).await;
    assert_eq!(batch["status"], "completed", "{batch}");
    assert_eq!(batch["request_counts"], json!({"total": 3, "completed": 3, "failed": 0}));
    assert_eq!((&batch["model"], &batch["metadata"]), (&json!("m"), &json!({"project": "atlas"})));
    assert_eq!((&batch["error_file_id"], &batch["errors"]), (&Value::Null, &Value::Null));
    for time in ["created_at", "in_progress_at", "finalizing_at", "completed_at", "expires_at"] {
        assert!(batch[time].is_u64(), "{time}: {batch}");
    }
    assert_eq!((&batch["usage"]["input_tokens"], &batch["usage"]["total_tokens"]), (&json!(9), &json!(15)));
    assert_eq!(
        (&batch["outcrop"]["cost_usd"], &batch["outcrop"]["way"]),
        (&json!("0.000003"), &json!("on_demand"))
    );
    let lines = batches.lines(&batch["output_file_id"]).await;
    for (place, line) in lines.iter().enumerate() {
        let (number, id) = (place + 1, batch["id"].as_str().unwrap());
        assert!(line["id"].as_str().unwrap().starts_with("batch_req_"), "{line}");
        assert_eq!(line["custom_id"], format!("line-{number}"));
        assert_eq!(line["error"], Value::Null);
        assert_eq!(line["response"]["status_code"], 200);
        assert_eq!(line["response"]["request_id"], format!("{id}-{number}"));
        assert_eq!(line["response"]["body"]["echo"], format!("say {number}"));
    }
    assert_eq!(lines.len(), 3);
}

#[actix_web::test]
async fn the_job_of_a_batch_runs_once_it_is_begun_and_is_found_by_its_metadata() {
    let model = LineModel { delay: Duration::from_secs(30), ..LineModel::good() };
    let (batches, _working) = Batches::working(model).await;
    let file = batches.file(good_lines(3)).await;
    let (_, batch) = batches
        .post(&json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
                      "metadata": {"project": "atlas"}}))
        .await;
    batches.until(batch["id"].as_str().unwrap(), |batch| batch["status"] == "in_progress").await;
    let url = &batches.server.url;
    let listed =
        async |query: &str| answer(client().get(format!("{url}/v1/jobs?{query}"))).await.1["data"].clone();
    for query in ["status=running&kind=batch", "metadata[project]=atlas", "path=/v1/chat/completions"] {
        let found = listed(query).await;
        assert_eq!(
            (&found[0]["batch_id"], &found[0]["status"]),
            (&batch["id"], &json!("running")),
            "{query}"
        );
    }
    assert_eq!(listed("status=queued").await, json!([]));
    for (query, param) in
        [("limit=0", "limit"), ("limit=abc", "limit"), ("foo=1", "foo"), ("after=x", "after")]
    {
        let (status, told) = answer(client().get(format!("{url}/v1/batches?{query}"))).await;
        assert_eq!((status, &told["error"]["param"]), (400, &json!(param)), "{told}");
    }
}

#[actix_web::test]
async fn several_parts_become_one_output() {
    let (batches, _working) = Batches::working(LineModel::good()).await;
    let batch = batches.run(good_lines(30)).await;
    let lines = batches.lines(&batch["output_file_id"]).await;
    let ids: Vec<_> =
        lines.iter().map(|line| line["custom_id"].as_str().unwrap()[5..].parse::<u32>().unwrap()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!(ids, sorted, "in the order of the file");
    batches.assert_exactly_once(&batch, 30).await;
    assert_eq!(batches.model.count(), 30);
}

#[actix_web::test]
async fn blank_lines_ends_of_windows_and_a_byte_order_mark_do_no_harm() {
    let (batches, _working) = Batches::working(LineModel::good()).await;
    let text = format!("\u{feff}\r\n\n{}\r\n\r\n  ", good_lines(2).trim_end().replace('\n', "\r\n\n"));
    let batch = batches.run(text).await;
    assert_eq!(
        (&batch["status"], &batch["request_counts"]["total"]),
        (&json!("completed"), &json!(2)),
        "{batch}"
    );
    batches.assert_exactly_once(&batch, 2).await;
}

#[actix_web::test]
async fn a_lasting_failure_is_in_the_file_of_errors_with_its_answer() {
    let refuses = |text: &str, _| if text == "say 2" { (400, None) } else { (200, None) };
    let (batches, _working) = Batches::working(LineModel::new(refuses)).await;
    let batch = batches.run(good_lines(6)).await;
    assert_eq!(batch["request_counts"], json!({"total": 6, "completed": 5, "failed": 1}), "{batch}");
    assert_eq!(batch["status"], "completed");
    let errors = batches.lines(&batch["error_file_id"]).await;
    assert_eq!(errors.len(), 1);
    assert_eq!((&errors[0]["custom_id"], &errors[0]["error"]), (&json!("line-2"), &Value::Null));
    assert_eq!(
        (&errors[0]["response"]["status_code"], &errors[0]["response"]["body"]["status"]),
        (&json!(400), &json!(400))
    );
    batches.assert_exactly_once(&batch, 6).await;
}

#[actix_web::test]
async fn without_a_good_line_there_is_no_output() {
    let (batches, _working) = Batches::working(LineModel::new(|_, _| (404, None))).await;
    let batch = batches.run(good_lines(2)).await;
    assert_eq!((&batch["output_file_id"], &batch["status"]), (&Value::Null, &json!("completed")), "{batch}");
    batches.assert_exactly_once(&batch, 2).await;
}

#[actix_web::test]
async fn a_passing_failure_is_tried_again_under_the_same_id() {
    let fails_once =
        |text: &str, times| if text == "say 1" && times == 1 { (500, None) } else { (200, None) };
    let (batches, _working) = Batches::working(LineModel::new(fails_once)).await;
    let batch = batches.run(good_lines(2)).await;
    assert_eq!(batch["request_counts"], json!({"total": 2, "completed": 2, "failed": 0}), "{batch}");
    let calls = batches.model.calls.lock().unwrap().clone();
    assert_eq!(calls[&format!("{}-1", batch["id"].as_str().unwrap())], 2);
}

#[actix_web::test]
async fn a_limit_is_waited_for_and_fails_nothing() {
    let limited =
        |_: &str, times| if times <= 2 { (429, Some(Duration::from_millis(50))) } else { (200, None) };
    let (batches, _working) = Batches::working(LineModel::new(limited)).await;
    let batch = batches.run(good_lines(5)).await;
    assert_eq!(batch["request_counts"], json!({"total": 5, "completed": 5, "failed": 0}), "{batch}");
}

#[actix_web::test]
async fn a_long_wait_gives_the_part_back_and_counts_no_attempt() {
    let limited =
        |_: &str, times| if times == 1 { (429, Some(Duration::from_secs(11))) } else { (200, None) };
    let (batches, _working) = Batches::working(LineModel::new(limited)).await;
    let (_, batch) = batches.submit(batches.file(good_lines(1)).await).await;
    let id = batch["id"].as_str().unwrap();
    let asked = || batches.model.count() == 1;
    batches.until(id, |_| asked()).await;
    let mut part = None;
    for _ in 0..100 {
        let parts = batches.ports.batches.batch_parts(id.parse().unwrap()).await.unwrap();
        let job = batches.ports.jobs.lookup_job(parts[0].job).await.unwrap().unwrap();
        if job.state == outcrop_types::JobState::Queued && job.started_at.is_some() {
            part = Some(job);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(part.unwrap().attempts, 0, "nobody holds it, and it has all its attempts before it");
}

#[actix_web::test]
async fn long_answers_come_whole() {
    let model = LineModel { pad: 300_000, ..LineModel::good() };
    let (batches, _working) = Batches::working(model).await;
    let batch = batches.run(good_lines(5)).await;
    let lines = batches.lines(&batch["output_file_id"]).await;
    assert!(lines.iter().all(|line| line["response"]["body"]["pad"].as_str().unwrap().len() == 300_000));
    batches.assert_exactly_once(&batch, 5).await;
}

#[actix_web::test]
async fn what_is_finished_is_kept_when_a_batch_is_cancelled() {
    let slow = |text: &str, _| {
        if text == "say 1" || text == "say 2" { (200, None) } else { (429, Some(Duration::from_secs(9))) }
    };
    let (batches, _working) = Batches::working(LineModel::new(slow)).await;
    let (_, batch) = batches.submit(batches.file(good_lines(10)).await).await;
    let id = batch["id"].as_str().unwrap();
    batches.until(id, |batch| batch["request_counts"]["completed"] == 2).await;
    let (status, cancelled) = batches.cancel(id).await;
    assert_eq!(status, 200);
    assert!(["cancelling", "cancelled"].contains(&cancelled["status"].as_str().unwrap()), "{cancelled}");
    let batch = batches.ended(id).await;
    assert_eq!(batch["status"], "cancelled");
    assert_eq!(batch["request_counts"], json!({"total": 10, "completed": 2, "failed": 8}));
    assert!(batch["cancelling_at"].is_u64() && batch["cancelled_at"].is_u64(), "{batch}");
    assert_eq!(batch["usage"]["total_tokens"], 10, "what was used is told");
    let errors = batches.lines(&batch["error_file_id"]).await;
    assert!(errors.iter().all(|line| line["error"]["code"] == "batch_cancelled"), "{errors:?}");
    batches.assert_exactly_once(&batch, 10).await;
    assert_eq!(batches.cancel(id).await.1["status"], "cancelled", "again changes nothing");
}

#[actix_web::test]
async fn who_may_not_call_any_more_gets_failures_and_no_calls() {
    let batches = Batches::idle(LineModel::good(), small_parts()).await;
    let (_, batch) = batches.submit(batches.file(good_lines(5)).await).await;
    let membership = outcrop_ports::contract::samples::membership(1, 1, outcrop_types::Role::Viewer);
    let draft = outcrop_ports::contract::samples::draft("member.set");
    crate::world::done(
        outcrop_ports::TeamStore::set_membership(&*batches.world.store, &membership, &draft).await,
    );
    let _working = batches.work();
    let batch = batches.ended(batch["id"].as_str().unwrap()).await;
    assert_eq!(batch["request_counts"], json!({"total": 5, "completed": 0, "failed": 5}), "{batch}");
    let errors = batches.lines(&batch["error_file_id"]).await;
    assert!(errors.iter().all(|line| line["error"]["code"] == "not_allowed"), "{errors:?}");
    assert_eq!(batches.model.count(), 0);
}

#[actix_web::test]
async fn batches_are_listed_page_by_page_and_only_to_their_team() {
    let batches = Batches::idle(LineModel::good(), small_parts()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (_, batch) = batches.submit(batches.file(good_lines(1)).await).await;
        ids.insert(0, batch["id"].as_str().unwrap().to_owned());
    }
    let list = format!("{}/v1/batches", batches.server.url);
    let (_, page) = answer(client().get(format!("{list}?limit=2"))).await;
    assert_eq!((&page["object"], &page["has_more"]), (&json!("list"), &json!(true)));
    assert_eq!((&page["first_id"], &page["last_id"]), (&json!(ids[0]), &json!(ids[1])));
    let (_, page) = answer(client().get(format!("{list}?limit=2&after={}", ids[1]))).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (1, &json!(false)));
    let stranger = batches.world.serve(developer(2));
    let (_, page) = answer(client().get(format!("{}/v1/batches", stranger.url))).await;
    assert_eq!((&page["data"], &page["first_id"]), (&json!([]), &Value::Null));
    for request in [
        client().get(format!("{}/v1/batches/{}", stranger.url, ids[0])),
        client().post(format!("{}/v1/batches/{}/cancel", stranger.url, ids[0])),
    ] {
        let (status, refused) = answer(request).await;
        assert_eq!((status, &refused["error"]["type"]), (404, &json!("invalid_request_error")), "{refused}");
    }
}

#[actix_web::test]
async fn what_cannot_be_a_batch_is_refused_by_name() {
    let batches = Batches::idle(LineModel::good(), small_parts()).await;
    let good = batches.file(good_lines(1)).await;
    let vision = batches.file_of("x", 1, FilePurpose::Vision).await;
    let foreign = batches.file_of(good_lines(1), 2, FilePurpose::Batch).await;
    let nothing = FileId::new(uuid::Uuid::from_u128(7));
    let with = |field: &str, value: Value| {
        let mut body =
            json!({"input_file_id": good, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
        body[field] = value;
        body
    };
    let many: Value =
        (0..17).map(|number| (format!("k{number}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    let cases = [
        (with("input_file_id", Value::Null), 400, "input_file_id"),
        (with("input_file_id", json!("file-abc")), 400, "input_file_id"),
        (with("input_file_id", json!(vision)), 400, "input_file_id"),
        (with("input_file_id", json!(foreign)), 404, "input_file_id"),
        (with("input_file_id", json!(nothing)), 404, "input_file_id"),
        (with("endpoint", json!("/v1/jobs")), 400, "endpoint"),
        (with("completion_window", json!("0h")), 400, "completion_window"),
        (with("completion_window", json!("8d")), 400, "completion_window"),
        (with("completion_window", json!("24")), 400, "completion_window"),
        (with("completion_window", Value::Null), 400, "completion_window"),
        (with("metadata", many), 400, "metadata"),
        (with("metadata", json!({"k".repeat(65): "v"})), 400, "metadata"),
        (with("metadata", json!({"k": "v".repeat(513)})), 400, "metadata"),
        (
            with("output_expires_after", json!({"anchor": "now", "seconds": 3600})),
            400,
            "output_expires_after.anchor",
        ),
        (
            with("output_expires_after", json!({"anchor": "created_at", "seconds": 5})),
            400,
            "output_expires_after.seconds",
        ),
        (with("colour", json!("red")), 400, "colour"),
    ];
    for (body, status, field) in cases {
        let (told, refused) = batches.post(&body).await;
        assert_eq!((told, &refused["error"]["param"]), (status, &json!(field)), "{body} -> {refused}");
    }
    for window in ["1h", "24h", "168h", "7d"] {
        assert_eq!(batches.post(&with("completion_window", json!(window))).await.0, 200, "{window}");
    }
}

#[actix_web::test]
async fn the_same_idempotency_key_is_the_same_batch() {
    let batches = Batches::idle(LineModel::good(), small_parts()).await;
    let file = batches.file(good_lines(1)).await;
    let submit = async |window: &str| {
        let body =
            json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": window});
        let url = format!("{}/v1/batches", batches.server.url);
        answer(client().post(url).header("idempotency-key", "abc").json(&body)).await
    };
    let first = submit("24h").await.1["id"].clone();
    assert_eq!(submit("24h").await.1["id"], first);
    assert_eq!(submit("48h").await.0, 409);
}

#[actix_web::test]
async fn a_repeat_is_answered_where_no_further_batch_would_be_taken() {
    let mut options = small_parts();
    options.batches.max_open_per_team = 1;
    let batches = Batches::idle(LineModel::good(), options).await;
    let file = batches.file(good_lines(1)).await;
    let body = json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let submit = async |key: &str| {
        let url = format!("{}/v1/batches", batches.server.url);
        answer(client().post(url).header("idempotency-key", key).json(&body)).await
    };
    let (status, first) = submit("abc").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(submit("abc").await.1["id"], first["id"], "whoever lost the answer gets it");
    assert_eq!(submit("def").await.0, 429);
}

#[actix_web::test]
async fn a_team_has_so_many_open_batches_and_no_more() {
    let mut options = small_parts();
    options.batches.max_open_per_team = 2;
    let batches = Batches::idle(LineModel::good(), options).await;
    let file = batches.file(good_lines(1)).await;
    for _ in 0..2 {
        assert_eq!(batches.submit(file).await.0, 200);
    }
    assert_eq!(batches.submit(file).await.0, 429);
}

#[actix_web::test]
async fn outputs_are_kept_as_long_as_asked() {
    let (batches, _working) = Batches::working(LineModel::good()).await;
    let file = batches.file(good_lines(1)).await;
    let (_, batch) = batches
        .post(&json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
                      "output_expires_after": {"anchor": "created_at", "seconds": 3600}}))
        .await;
    let batch = batches.ended(batch["id"].as_str().unwrap()).await;
    let id = batch["output_file_id"].as_str().unwrap().parse().unwrap();
    let made = batches.ports.files.lookup_file(id, batches.ports.clock.now()).await.unwrap().unwrap();
    assert_eq!((made.expires_at.unwrap() - made.created_at).num_seconds(), 3600);
}

/// A clock that can be set forward.
struct Forward(outcrop_embedded::SystemClock, std::sync::atomic::AtomicI64);

impl outcrop_ports::Clock for Forward {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.now() + chrono::TimeDelta::seconds(self.1.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

#[actix_web::test]
async fn a_batch_whose_time_ends_before_anybody_looks_at_it_expires() {
    let mut batches = Batches::idle(LineModel::good(), small_parts()).await;
    let clock = std::sync::Arc::new(Forward(outcrop_embedded::SystemClock::default(), 0.into()));
    batches.ports.clock = clock.clone();
    let (_, batch) = batches.submit(batches.file(good_lines(6)).await).await;
    clock.1.store(25 * 3_600, std::sync::atomic::Ordering::Relaxed);
    let _working = batches.work();
    let batch = batches.ended(batch["id"].as_str().unwrap()).await;
    assert_eq!((&batch["status"], batch["expired_at"].is_u64()), (&json!("expired"), true), "{batch}");
    assert_eq!(batches.model.count(), 0);
}

#[actix_web::test]
async fn nothing_but_its_files_is_left_of_a_batch() {
    let model = LineModel { pad: 100_000, ..LineModel::good() };
    let (batches, _working) = Batches::working(model).await;
    let batch = batches.run(good_lines(8)).await;
    batches.assert_exactly_once(&batch, 8).await;
    let mut left = Vec::new();
    for _ in 0..250 {
        left = batches.ports.jobs.leftovers("", 100).await.unwrap();
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(left.is_empty(), "{left:?}");
    let part = format!("batches/{}/parts/0/output-1.jsonl", batch["id"].as_str().unwrap());
    assert_eq!(batches.ports.blobs.size(&part).await.unwrap(), None);
}

#[actix_web::test]
async fn what_is_not_done_in_time_is_told_and_what_is_done_is_kept() {
    let busy =
        |text: &str, _| if text == "say 1" { (200, None) } else { (429, Some(Duration::from_secs(9))) };
    let mut batches = Batches::idle(LineModel::new(busy), small_parts()).await;
    let clock = std::sync::Arc::new(Forward(outcrop_embedded::SystemClock::default(), 0.into()));
    batches.ports.clock = clock.clone();
    let _working = batches.work();
    let (_, batch) = batches.submit(batches.file(good_lines(6)).await).await;
    let id = batch["id"].as_str().unwrap();
    batches.until(id, |batch| batch["request_counts"]["completed"] == 1).await;
    clock.1.store(25 * 3_600, std::sync::atomic::Ordering::Relaxed);
    let batch = batches.ended(id).await;
    assert_eq!((&batch["status"], batch["expired_at"].is_u64()), (&json!("expired"), true), "{batch}");
    assert_eq!(batch["request_counts"], json!({"total": 6, "completed": 1, "failed": 5}));
    let errors = batches.lines(&batch["error_file_id"]).await;
    assert!(errors.iter().all(|line| line["error"]["code"] == "batch_expired"), "{errors:?}");
    batches.assert_exactly_once(&batch, 6).await;
}
