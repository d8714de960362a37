//! What is said of a job, and what it was answered.

use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{ClaimTerms, Finish, JobStore as _};
use outcrop_types::{JobId, Principal, Role};
use serde_json::{Value, json};

use crate::world::{Scripted, World, answer, client, developer, ended, scripted, submit};

#[actix_web::test]
async fn a_job_shows_what_was_said_of_it() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let job = json!({"path": "/generate", "body": {"prompt": "Hi"}, "priority": "low", "deadline": 3600,
        "metadata": {"run": "7"}});
    let sent = client().post(format!("{}/v1/jobs", server.url)).json(&job).send().await.unwrap();
    let location = sent.headers()["location"].to_str().unwrap().to_owned();
    let job: Value = sent.json().await.unwrap();
    assert_eq!(location, format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
    assert_eq!(
        (&job["kind"], &job["priority"], &job["metadata"]["run"]),
        (&json!("call"), &json!("low"), &json!("7"))
    );
    let time = |name: &str| job[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((time("deadline") - time("created_at")).num_seconds(), 3600);
    assert_eq!(
        (&job["cost_usd"], &job["saved_usd"], &job["dead"]),
        (&json!("0"), &json!("0"), &json!(false))
    );
    for name in ["choice", "started_at", "ended_at", "response", "error", "batch_id", "response_id"] {
        assert_eq!(job[name], Value::Null, "{name}");
    }
    assert_eq!(job["usage"]["input"], 0);
    let (_, again) = answer(client().get(format!("{}{location}", server.url))).await;
    assert_eq!(again, job);
}

#[actix_web::test]
async fn what_is_wrong_is_refused_by_name() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let past = "2001-01-01T00:00:00Z";
    let many: serde_json::Map<_, _> = (0..17).map(|number| (number.to_string(), json!("x"))).collect();
    let cases = [
        ("priority", json!("urgent"), "priority"),
        ("deadline", json!(past), "deadline"),
        ("deadline", json!("soon"), "deadline"),
        ("deadline", json!(0), "deadline"),
        ("deadline", json!(-5), "deadline"),
        ("deadline", json!(31 * 24 * 3600), "deadline"),
        ("metadata", json!(many), "metadata"),
        ("metadata", json!({"": "x"}), "metadata"),
        ("metadata", json!({"k".repeat(65): "x"}), "metadata"),
        ("metadata", json!({"k": "v".repeat(513)}), "metadata"),
        ("metadata", json!({"k": 1}), "metadata.k"),
        ("urgency", json!(1), "urgency"),
        ("body", json!({"async": true}), "body.async"),
        ("body", json!({"background": true}), "body.background"),
        ("body", json!({"stream": true}), "body.stream"),
        ("body", json!("text"), "body"),
    ];
    for (field, value, param) in cases {
        let mut job = json!({"path": "/generate", "body": {}});
        job[field] = value;
        let (status, told) = answer(client().post(format!("{}/v1/jobs", server.url)).json(&job)).await;
        assert_eq!((status, &told["param"]), (400, &json!(param)), "{job}: {told}");
    }
    let at_the_bounds = json!({"path": "/generate", "body": {"background": "opaque"}, "deadline": 1,
        "metadata": {"k".repeat(64): "é".repeat(512)}});
    let taken = answer(client().post(format!("{}/v1/jobs", server.url)).json(&at_the_bounds)).await;
    assert_eq!(taken.0, 202, "{}", taken.1);
}

#[actix_web::test]
async fn a_key_is_for_one_request_in_all_that_it_says() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let submit = async |job: &Value| {
        answer(client().post(format!("{}/v1/jobs", server.url)).header("idempotency-key", "k").json(job))
            .await
    };
    let first = json!({"path": "/generate", "body": {}, "deadline": 60, "metadata": {"a": "b"}});
    let (_, job) = submit(&first).await;
    assert_eq!(submit(&first).await, (202, job), "so many seconds from now are the same request later on");
    for (field, value) in [("deadline", json!(61)), ("priority", json!("high")), ("metadata", json!({}))] {
        let mut other = first.clone();
        other[field] = value;
        let (status, told) = submit(&other).await;
        assert_eq!((status, &told["param"]), (409, &json!("Idempotency-Key")), "{told}");
    }
    let bad = client().post(format!("{}/v1/jobs", server.url)).header("idempotency-key", "a b").json(&first);
    assert_eq!(answer(bad).await.1["param"], "Idempotency-Key");
}

async fn result(url: &str, id: JobId) -> (u16, String, Bytes) {
    let answer = client().get(format!("{url}/v1/jobs/{id}/result")).send().await.unwrap();
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), content_type, answer.bytes().await.unwrap())
}

#[actix_web::test]
async fn a_result_is_the_answer_as_the_call_would_have_had_it() {
    let world = World::working(scripted([200, 422])).await;
    let server = world.serve(developer(1));
    let good = submit(&world, developer(1)).await;
    ended(&world, good).await;
    let json = "application/json".to_owned();
    assert_eq!(result(&server.url, good).await, (200, json, Bytes::from(r#"{"status":200}"#)));
    let bad = submit(&world, developer(1)).await;
    let job = ended(&world, bad).await;
    let problem = "application/problem+json".to_owned();
    assert_eq!(result(&server.url, bad).await, (422, problem, Bytes::from(r#"{"status":422}"#)));
    world.ports.blobs.delete(&job.output.unwrap()).await.unwrap();
    assert_eq!(result(&server.url, bad).await.0, 410, "what was removed is gone");
    let stranger = world.serve(developer(2));
    assert_eq!(result(&stranger.url, good).await.0, 404);
}

#[actix_web::test]
async fn there_is_no_result_before_the_end_nor_of_what_was_cancelled() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    let (status, _, body) = result(&server.url, id).await;
    assert_eq!(status, 409);
    assert!(String::from_utf8_lossy(&body).contains("has not ended yet"));
    answer(client().delete(format!("{}/v1/jobs/{id}", server.url))).await;
    let (status, _, body) = result(&server.url, id).await;
    assert_eq!(status, 409);
    assert!(String::from_utf8_lossy(&body).contains("cancelled"));
}

/// A job that was set aside.
async fn dead(world: &World) -> JobId {
    let id = submit(world, developer(1)).await;
    let now = world.ports.clock.now();
    let terms = ClaimTerms { now, lease_until: now + chrono::TimeDelta::seconds(60), most_per_team: 9 };
    let (job, lease) = world.store.claim_job(terms).await.unwrap().unwrap();
    assert_eq!(job.id, id);
    let finish = Finish::GaveUp { error: "it never ended".into(), dead: true };
    assert!(world.store.finish_job(id, lease, &finish, now).await.unwrap());
    id
}

#[actix_web::test]
async fn what_was_set_aside_goes_back_to_the_queue_when_told() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let id = dead(&world).await;
    let one = format!("{}/v1/jobs/{id}", server.url);
    let (_, job) = answer(client().get(&one)).await;
    assert_eq!(
        (&job["status"], &job["dead"], &job["error"]),
        (&json!("failed"), &json!(true), &json!("it never ended"))
    );
    let (_, list) = answer(client().get(format!("{}/v1/jobs?dead=true", server.url))).await;
    assert_eq!(list["data"][0]["id"], json!(id));
    let stranger = world.serve(developer(2));
    let redrive = |url: &str| client().post(format!("{url}/v1/jobs/{id}/redrive"));
    assert_eq!(answer(redrive(&stranger.url)).await.0, 404);
    let viewer = world.serve(Principal { role: Role::Viewer, ..developer(1) });
    assert_eq!(answer(redrive(&viewer.url)).await.0, 403);
    let (status, job) = answer(redrive(&server.url)).await;
    assert_eq!((status, &job["status"], &job["dead"]), (202, &json!("queued"), &json!(false)), "{job}");
    assert_eq!(answer(redrive(&server.url)).await.0, 409, "it is not set aside any more");
}

#[actix_web::test]
async fn those_who_run_the_platform_see_the_work_of_all_teams() {
    let world = World::idle().await;
    let id = dead(&world).await;
    let waiting = submit(&world, developer(2)).await;
    for role in [Role::Developer, Role::TeamAdmin] {
        let server = world.serve(Principal { role, ..developer(1) });
        for path in ["backlog", "dead"] {
            assert_eq!(answer(client().get(format!("{}/admin/v1/jobs/{path}", server.url))).await.0, 403);
        }
        let redrive = client().post(format!("{}/admin/v1/jobs/redrive", server.url));
        assert_eq!(answer(redrive.json(&json!({"all": true}))).await.0, 403);
    }
    let server = world.serve(Principal { role: Role::PlatformAdmin, ..developer(1) });
    let (_, backlog) = answer(client().get(format!("{}/admin/v1/jobs/backlog", server.url))).await;
    assert_eq!(
        (&backlog["due"], &backlog["dead"], &backlog["running"]),
        (&json!(1), &json!(1), &json!(0)),
        "{backlog}"
    );
    assert_eq!(backlog["queue"]["waiting"], 2, "{backlog}");
    assert_eq!((&backlog["workers"], &backlog["backlog_per_worker"]), (&json!(0), &json!(1.0)), "{backlog}");
    let (_, found) = answer(client().get(format!("{}/admin/v1/jobs/dead", server.url))).await;
    assert_eq!(
        (&found["data"][0]["id"], &found["data"][0]["team_id"]),
        (&json!(id), &json!(developer(1).team))
    );
    let after = format!("{}/admin/v1/jobs/dead?limit=1&after={id}", server.url);
    let (_, next) = answer(client().get(&after)).await;
    assert_eq!((&next["data"], &next["has_more"]), (&json!([]), &json!(false)), "{next}");
    for (query, param) in [("limit=101", "limit"), ("after=x", "after"), ("team=1", "team")] {
        let (status, told) = answer(client().get(format!("{}/admin/v1/jobs/dead?{query}", server.url))).await;
        assert_eq!((status, &told["param"]), (400, &json!(param)), "{told}");
    }
    let redrive = async |body: Value| {
        answer(client().post(format!("{}/admin/v1/jobs/redrive", server.url)).json(&body)).await
    };
    for wrong in [json!({}), json!({"all": false}), json!({"ids": [], "all": true}), json!({"ids": ["x"]})] {
        assert_eq!(redrive(wrong.clone()).await.0, 400, "{wrong}");
    }
    let (status, told) = redrive(json!({"ids": [id, waiting]})).await;
    assert_eq!((status, &told["jobs"], &told["not_dead"]), (200, &json!([id]), &json!([waiting])), "{told}");
    let (_, told) = redrive(json!({"all": true})).await;
    assert_eq!((&told["jobs"], &told["has_more"]), (&json!([]), &json!(false)));
}

#[actix_web::test]
async fn all_that_was_set_aside_goes_back_at_once() {
    let world = World::idle().await;
    let ids = [dead(&world).await, dead(&world).await];
    let server = world.serve(Principal { role: Role::PlatformAdmin, ..developer(2) });
    let redrive = client().post(format!("{}/admin/v1/jobs/redrive", server.url));
    let (_, told) = answer(redrive.json(&json!({"all": true}))).await;
    assert_eq!(told["jobs"].as_array().unwrap().len(), ids.len(), "{told}");
    for id in ids {
        assert!(!world.store.lookup_job(id).await.unwrap().unwrap().dead);
    }
}

#[actix_web::test]
async fn a_call_that_is_cancelled_while_it_runs_is_told_so() {
    let world = World::working(Scripted { delay: Duration::from_secs(30), ..Scripted::default() }).await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    crate::world::until(&world, id, |job| job.started_at.is_some()).await;
    let (status, job) = answer(client().delete(format!("{}/v1/jobs/{id}", server.url))).await;
    assert_eq!((status, &job["status"]), (200, &json!("cancelled")));
    assert!(job["ended_at"].is_string() && job["started_at"].is_string(), "{job}");
}
