//! `/v1/jobs`, and what becomes of a job.

use std::sync::Arc;
use std::time::Duration;

use outcrop_config::JobsConfig;
use outcrop_job_worker::{JobOptions, JobWorker};
use outcrop_types::Role;
use serde_json::{Value, json};

use crate::keeper::SetClock;
use crate::world::{Scripted, World, answer, client, developer};

fn chat() -> Value {
    json!({"path": "/v1/chat/completions", "body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}})
}

/// Asks for the job until it has ended.
async fn ended(url: &str, id: &str) -> Value {
    for _ in 0..200 {
        let (status, job) = answer(client().get(format!("{url}/v1/jobs/{id}"))).await;
        assert_eq!(status, 200);
        if !matches!(job["status"].as_str().unwrap(), "queued" | "running") {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the job did not end");
}

#[actix_web::test]
async fn a_job_is_answered_later_with_what_the_call_would_have_answered() {
    let world = World::working(Scripted::default()).await;
    let server = world.serve(developer(1));
    let (status, job) = answer(client().post(format!("{}/v1/jobs", server.url)).json(&chat())).await;
    assert_eq!((status, &job["status"]), (202, &json!("queued")), "{job}");
    let job = ended(&server.url, job["id"].as_str().unwrap()).await;
    assert_eq!(job["status"], "succeeded");
    assert_eq!(job["response"], json!({"status_code": 200, "body": {"status": 200}}));
    let calls = world.model.calls.lock().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].principal, developer(1), "the call is made as the job's owner");
    assert_eq!(serde_json::from_slice::<Value>(&calls[0].body).unwrap(), chat()["body"]);
}

#[actix_web::test]
async fn a_passing_failure_is_tried_again_and_a_lasting_one_is_the_answer() {
    let statuses = [503, 200, 400].into_iter().collect::<std::collections::VecDeque<_>>();
    let world = World::working(Scripted { statuses: statuses.into(), ..Scripted::default() }).await;
    let server = world.serve(developer(1));
    let jobs = format!("{}/v1/jobs", server.url);
    let (_, job) = answer(client().post(&jobs).json(&chat())).await;
    let job = ended(&server.url, job["id"].as_str().unwrap()).await;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("succeeded"), &json!(2)), "{job}");
    let (_, job) = answer(client().post(&jobs).json(&chat())).await;
    let job = ended(&server.url, job["id"].as_str().unwrap()).await;
    assert_eq!((&job["status"], &job["response"]["status_code"]), (&json!("failed"), &json!(400)), "{job}");
}

#[actix_web::test]
async fn the_same_idempotency_key_is_the_same_job_within_a_team() {
    let world = World::idle().await;
    let (one, other) = (world.serve(developer(1)), world.serve(developer(2)));
    let submit = async |url: &str| {
        let request = client().post(format!("{url}/v1/jobs")).header("idempotency-key", "abc");
        answer(request.json(&chat())).await.1["id"].as_str().unwrap().to_owned()
    };
    let first = submit(&one.url).await;
    assert_eq!(submit(&one.url).await, first);
    assert_ne!(submit(&other.url).await, first);
    let (_, list) = answer(client().get(format!("{}/v1/jobs", one.url))).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn an_idempotency_key_is_for_one_request() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let jobs = format!("{}/v1/jobs", server.url);
    let submit =
        async |job: &Value| answer(client().post(&jobs).header("idempotency-key", "abc").json(job)).await;
    assert_eq!(submit(&chat()).await.0, 202);
    let mut other_path = chat();
    other_path["path"] = json!("/generate");
    let mut other_body = chat();
    other_body["body"]["model"] = json!("n");
    for other in [other_path, other_body] {
        let (status, answer) = submit(&other).await;
        assert_eq!(status, 409, "{answer}");
        assert!(answer.to_string().contains("Idempotency-Key"), "{answer}");
    }
    assert_eq!(submit(&chat()).await.0, 202, "the first request is still that job");
}

#[actix_web::test]
async fn a_team_has_so_many_unfinished_jobs_and_no_more() {
    let world = World::full_at(2).await;
    let (one, other) = (world.serve(developer(1)), world.serve(developer(2)));
    let submit = async |url: &str| answer(client().post(format!("{url}/v1/jobs")).json(&chat())).await;
    submit(&one.url).await;
    let (_, job) = submit(&one.url).await;
    let (status, refused) = submit(&one.url).await;
    assert_eq!(status, 429, "{refused}");
    assert_eq!(submit(&other.url).await.0, 202);
    answer(client().delete(format!("{}/v1/jobs/{}", one.url, job["id"].as_str().unwrap()))).await;
    assert_eq!(submit(&one.url).await.0, 202, "an ended job makes room");
}

#[actix_web::test]
async fn what_was_taken_in_is_told_again_however_late_and_full_it_is() {
    let clock = Arc::new(SetClock::at("2026-11-22T05:00:00Z"));
    let set = clock.clone();
    let one = JobsConfig { max_open_jobs_per_team: 1, ..JobsConfig::default() };
    let mut world = World::new(Scripted::default(), None, |ports| ports.clock = set).await;
    let options = JobOptions { jobs: one, ..JobOptions::default() };
    world.worker = JobWorker::new(world.ports.clone(), options);
    let server = world.serve(developer(1));
    let mut job = chat();
    job["deadline"] = json!("2026-11-22T05:10:00Z");
    let submit = async |job: &Value| {
        let request = client().post(format!("{}/v1/jobs", server.url)).header("idempotency-key", "abc");
        answer(request.json(job)).await
    };
    let (status, first) = submit(&job).await;
    assert_eq!(status, 202, "{first}");
    clock.forward(3_600);
    let (status, again) = submit(&job).await;
    assert_eq!((status, &again["id"]), (202, &first["id"]), "{again}");
    assert_eq!(submit(&chat()).await.0, 409, "another request under the key");
}

#[actix_web::test]
async fn another_teams_job_does_not_exist() {
    let world = World::idle().await;
    let (owner, stranger) = (world.serve(developer(1)), world.serve(developer(2)));
    let (_, job) = answer(client().post(format!("{}/v1/jobs", owner.url)).json(&chat())).await;
    let path = format!("{}/v1/jobs/{}", stranger.url, job["id"].as_str().unwrap());
    assert_eq!(answer(client().get(&path)).await.0, 404);
    assert_eq!(answer(client().delete(&path)).await.0, 404);
    assert_eq!(answer(client().get(format!("{}/v1/jobs", stranger.url))).await.1["data"], json!([]));
}

#[actix_web::test]
async fn a_cancelled_job_stays_cancelled() {
    let world = World::working(Scripted { delay: Duration::from_millis(300), ..Scripted::default() }).await;
    let server = world.serve(developer(1));
    let (_, job) = answer(client().post(format!("{}/v1/jobs", server.url)).json(&chat())).await;
    let one = format!("{}/v1/jobs/{}", server.url, job["id"].as_str().unwrap());
    let (status, cancelled) = answer(client().delete(&one)).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(answer(client().get(&one)).await.1["status"], "cancelled");
}

#[actix_web::test]
async fn what_cannot_be_a_job_is_refused_by_name() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let jobs = format!("{}/v1/jobs", server.url);
    let cases = [
        (json!({"path": "/admin/v1/keys", "body": {}}), "path"),
        (json!({"path": "/generate"}), "body"),
        (json!({"path": "/generate", "body": {"stream": true}}), "stream"),
        (json!({"path": "/generate", "body": [1]}), "body"),
    ];
    for (body, field) in cases {
        let (status, answer) = answer(client().post(&jobs).json(&body)).await;
        assert_eq!(status, 400, "{body} -> {answer}");
        assert!(answer.to_string().contains(field), "{body} -> {answer}");
    }
    let viewer = world.serve(outcrop_types::Principal { role: Role::Viewer, ..developer(1) });
    assert_eq!(answer(client().post(format!("{}/v1/jobs", viewer.url)).json(&chat())).await.0, 403);
    assert_eq!(answer(client().get(format!("{}/v1/jobs", viewer.url))).await.0, 200);
}
