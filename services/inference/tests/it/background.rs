//! Responses in the background: begun, made by a job, come back to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_inference::LocalInference;
use outcrop_ports::{Inference as _, InferenceAnswer, InferenceCall};
use outcrop_types::{RequestId, ResponseId, Role, TeamId};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::MemoryDesk;
use crate::harness::{Answer, MODEL, Setup, TestApp, principal};

async fn started() -> (TestApp, Arc<MemoryDesk>) {
    let desk = Arc::new(MemoryDesk::default());
    desk.stands(json!({ "status": "queued" }));
    (TestApp::with(Setup { desk: desk.clone(), ..Setup::default() }).await, desk)
}

fn asked() -> Value {
    json!({ "model": MODEL, "input": "[[say: later]]", "background": true, "metadata": { "a": "b" } })
}

async fn begun(app: &TestApp) -> Value {
    let answer = app.post("/v1/responses", &asked()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn shown(app: &TestApp, response: &Value) -> Value {
    let answer = app.get(&format!("/v1/responses/{}", response["id"].as_str().unwrap())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// What the job worker does in its time.
async fn run(app: &TestApp, response: &Value, body: &Value) -> InferenceAnswer {
    let call = InferenceCall {
        way: outcrop_types::Way::OnDemand,
        response: Some(response["id"].as_str().unwrap().parse().unwrap()),
        principal: principal(Role::Developer),
        path: "/v1/responses".into(),
        body: body.to_string().into(),
        request_id: RequestId::parse("job-1").unwrap(),
        deadline: Duration::from_secs(10),
    };
    LocalInference::new(app.service.clone()).call(call).await.unwrap()
}

#[tokio::test]
async fn a_response_is_begun_made_and_come_back_to() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    assert_eq!((&first["status"], &first["background"]), (&json!("queued"), &json!(true)));
    assert_eq!(
        (&first["output"], &first["usage"], &first["store"]),
        (&json!([]), &Value::Null, &json!(true))
    );
    assert_eq!(desk.asked(), json!({ "path": "/v1/responses", "body": asked() }));
    let id: ResponseId = first["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(desk.asks.lock().unwrap()[0].response, Some(id), "the job has the response's UUID");
    assert_eq!(shown(&app, &first).await, first);
    desk.stands(json!({ "status": "running" }));
    assert_eq!(shown(&app, &first).await["status"], "in_progress");
    let answer = run(&app, &first, &desk.asked()["body"]).await;
    assert_eq!(answer.status, 200);
    // The job has not ended yet: what is kept is the answer all the same.
    let done = shown(&app, &first).await;
    assert_eq!(done, serde_json::from_slice::<Value>(&answer.body).unwrap());
    assert_eq!((&done["status"], &done["id"]), (&json!("completed"), &first["id"]));
    assert_eq!(done["output"][0]["content"][0]["text"], "later");
    assert_eq!((&done["created_at"], &done["background"]), (&first["created_at"], &json!(true)));
    let next = json!({ "model": MODEL, "input": "[[say: and on]]", "previous_response_id": first["id"] });
    assert_eq!(app.post("/v1/responses", &next).await.status, 200);
}

#[tokio::test]
async fn what_was_not_kept_in_its_place_the_job_has() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    app.responses.away.store(true, Ordering::SeqCst);
    let answer = run(&app, &first, &asked()).await;
    assert_eq!(answer.status, 200, "a store that is away costs nobody an answer");
    app.responses.away.store(false, Ordering::SeqCst);
    assert_eq!(shown(&app, &first).await["status"], "queued");
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    desk.stands(json!({ "status": "succeeded", "response": { "status_code": 200, "body": body } }));
    assert_eq!(shown(&app, &first).await, body);
    desk.stands(Value::Null);
    assert_eq!(shown(&app, &first).await, body, "kept from then on");
}

#[tokio::test]
async fn a_failure_is_told_and_stays() {
    let refused = json!({ "error": { "message": "no such thing", "code": "x" } });
    let cases = [
        (
            json!({ "status": "failed", "response": { "status_code": 400, "body": refused } }),
            "failed",
            json!({ "code": "invalid_prompt", "message": "no such thing" }),
        ),
        (
            json!({ "status": "failed", "response": { "status_code": 429, "body": refused } }),
            "failed",
            json!({ "code": "rate_limit_exceeded", "message": "no such thing" }),
        ),
        (
            json!({ "status": "failed", "error": "given up" }),
            "failed",
            json!({ "code": "server_error", "message": "given up" }),
        ),
        (
            json!({ "status": "expired" }),
            "failed",
            json!({ "code": "server_error", "message": "The response was not made in time." }),
        ),
        (
            Value::Null,
            "failed",
            json!({ "code": "server_error", "message": "The response was not made, and is no longer." }),
        ),
        (json!({ "status": "cancelled" }), "cancelled", Value::Null),
    ];
    for (job, status, error) in cases {
        let (app, desk) = started().await;
        let first = begun(&app).await;
        desk.stands(job.clone());
        let ended = shown(&app, &first).await;
        assert_eq!((&ended["status"], &ended["error"]), (&json!(status), &error), "{job}");
        assert_eq!(ended["output"], json!([]));
        // What comes late changes nothing.
        run(&app, &first, &asked()).await;
        desk.stands(json!({ "status": "queued" }));
        assert_eq!(shown(&app, &first).await, ended);
    }
}

#[tokio::test]
async fn a_cancelled_response_stays_cancelled() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    let cancel = format!("/v1/responses/{}/cancel", first["id"].as_str().unwrap());
    for _ in 0..2 {
        let answer = app.post(&cancel, &json!({})).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")), "{}", answer.text);
    }
    let id: ResponseId = first["id"].as_str().unwrap().parse().unwrap();
    let cancelled: Vec<_> = desk.cancelled.lock().unwrap().iter().map(|it| it.uuid()).collect();
    assert_eq!(cancelled, [id.uuid()], "once");
    run(&app, &first, &asked()).await;
    assert_eq!(shown(&app, &first).await["status"], "cancelled");
    let plain = app.post("/v1/responses", &json!({ "model": MODEL, "input": "[[say: hi]]" })).await.json();
    let cancel = format!("/v1/responses/{}/cancel", plain["id"].as_str().unwrap());
    let refused = app.post(&cancel, &json!({})).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("synchronous"), "{}", refused.text);
}

#[tokio::test]
async fn a_deleted_response_does_not_come_back() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    *desk.away.lock().unwrap() = true;
    let delete = async || Answer::of(app.request(Method::DELETE, &path).send().await.unwrap()).await.status;
    assert_eq!(delete().await, 503, "not before its job is called off");
    *desk.away.lock().unwrap() = false;
    assert_eq!(delete().await, 200);
    assert_eq!(desk.forgotten.lock().unwrap().len(), 1);
    run(&app, &first, &asked()).await;
    assert_eq!(app.get(&path).await.status, 404);
    assert!(app.responses.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_team_knows_nothing_of_it() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    let team = TeamId::new(Uuid::from_u128(9));
    let setup = Setup { team, responses: app.responses.clone(), desk: desk.clone(), ..Setup::default() };
    let stranger = TestApp::with(setup).await;
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(stranger.post(&format!("{path}/cancel"), &json!({})).await.status, 404);
    assert!(desk.cancelled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_begun_is_refused_at_once() {
    let (app, desk) = started().await;
    let with = |field: &str, value: Value| {
        let mut body = asked();
        body[field] = value;
        body
    };
    let cases = [
        (with("stream", json!(true)), 400, "stream"),
        (with("store", json!(false)), 400, "store"),
        (with("model", json!("nonesuch")), 404, "model"),
        (with("input", json!([])), 400, "input"),
        (with("temperature", json!(7)), 400, "temperature"),
    ];
    for (body, status, param) in cases {
        let answer = app.post("/v1/responses", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text);
    }
    let first = begun(&app).await;
    let next = json!({ "model": MODEL, "input": "x", "previous_response_id": first["id"] });
    let answer = app.post("/v1/responses", &next).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json()["error"]["param"], "previous_response_id");
    assert_eq!(desk.asks.lock().unwrap().len(), 1);
    let forgetful = TestApp::with(Setup { retention_days: 0, ..Setup::default() }).await;
    let answer = forgetful.post("/v1/responses", &asked()).await;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!("background")));
}

#[tokio::test]
async fn a_refused_job_leaves_nothing_behind() {
    let (app, desk) = started().await;
    desk.refuses(429, json!({ "detail": "the team has 1 unfinished jobs", "code": "rate_limited" }));
    let answer = app.post("/v1/responses", &asked()).await;
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("unfinished jobs"));
    assert!(app.responses.kept.lock().unwrap().is_empty());
}

/// Asks for a response under an idempotency key.
async fn with_key(app: &TestApp) -> Answer {
    let request = app.request(Method::POST, "/v1/responses").header("idempotency-key", "k-1");
    let request = request.header("content-type", "application/json").body(asked().to_string());
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_response_whose_job_was_begun_unheard_is_found_again_by_its_key() {
    let (app, desk) = started().await;
    *desk.mute.lock().unwrap() = true;
    assert_eq!(with_key(&app).await.status, 503);
    *desk.mute.lock().unwrap() = false;
    let job = desk.existing.lock().unwrap().unwrap();
    let first = json!({ "id": ResponseId::new(job.uuid()) });
    assert_eq!(app.responses.kept.lock().unwrap().len(), 1, "its place is kept for it");
    run(&app, &first, &asked()).await;
    let again = with_key(&app).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &first["id"]), "{}", again.text);
    assert_eq!(again.json()["output"][0]["content"][0]["text"], "later");
    assert_eq!(app.responses.kept.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_response_that_lost_its_place_gets_it_back_unless_it_was_deleted() {
    let (app, desk) = started().await;
    let first = with_key(&app).await.json();
    let job = desk.asks.lock().unwrap()[0].response.unwrap();
    *desk.existing.lock().unwrap() = Some(outcrop_types::JobId::new(job.uuid()));
    app.responses.kept.lock().unwrap().clear();
    let again = with_key(&app).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("queued")), "{}", again.text);
    assert_eq!((again.json()["id"].clone(), shown(&app, &first).await["id"].clone()), {
        (first["id"].clone(), first["id"].clone())
    });
    app.responses.kept.lock().unwrap().clear();
    let emptied = json!({ "status": "succeeded", "response": { "status_code": 200, "body": null } });
    for gone in [json!({ "status": "cancelled" }), emptied] {
        desk.stands(gone);
        assert_eq!(with_key(&app).await.status, 404);
        assert!(app.responses.kept.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_finished_response_that_is_deleted_takes_what_its_job_has_along() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    run(&app, &first, &asked()).await;
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    let deleted = app.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    let id: ResponseId = first["id"].as_str().unwrap().parse().unwrap();
    let forgotten: Vec<_> = desk.forgotten.lock().unwrap().iter().map(|it| it.uuid()).collect();
    assert_eq!(forgotten, [id.uuid()]);
    let plain = app.post("/v1/responses", &json!({ "model": MODEL, "input": "[[say: hi]]" })).await.json();
    let path = format!("/v1/responses/{}", plain["id"].as_str().unwrap());
    assert_eq!(app.request(Method::DELETE, &path).send().await.unwrap().status(), 200);
    assert_eq!(desk.forgotten.lock().unwrap().len(), 1, "others have no job");
}

#[tokio::test]
async fn what_an_earlier_attempt_has_made_is_not_made_again() {
    let (app, _desk) = started().await;
    let first = begun(&app).await;
    let one = run(&app, &first, &asked()).await;
    let again = run(&app, &first, &asked()).await;
    let read = |it: &InferenceAnswer| serde_json::from_slice::<Value>(&it.body).unwrap();
    assert_eq!((again.status, read(&again)), (200, read(&one)));
    assert_eq!(app.records(1).await.len(), 1, "one call of the model");
    assert_eq!(shown(&app, &first).await, read(&one));
}

#[tokio::test]
async fn what_is_continued_stands_as_its_job_says() {
    let (app, desk) = started().await;
    let first = begun(&app).await;
    app.responses.away.store(true, Ordering::SeqCst);
    let body: Value = serde_json::from_slice(&run(&app, &first, &asked()).await.body).unwrap();
    app.responses.away.store(false, Ordering::SeqCst);
    desk.stands(json!({ "status": "succeeded", "response": { "status_code": 200, "body": body } }));
    let next = json!({ "model": MODEL, "input": "[[say: and on]]", "previous_response_id": first["id"] });
    let answer = app.post("/v1/responses", &next).await;
    assert_eq!(answer.status, 200, "nobody had to look before: {}", answer.text);
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_response() {
    let (app, desk) = started().await;
    let send = async || {
        let request = app.request(Method::POST, "/v1/responses").header("idempotency-key", "k-1");
        let request = request.header("content-type", "application/json").body(asked().to_string());
        Answer::of(request.send().await.unwrap()).await
    };
    let first = send().await.json();
    let id: ResponseId = first["id"].as_str().unwrap().parse().unwrap();
    *desk.existing.lock().unwrap() = Some(outcrop_types::JobId::new(id.uuid()));
    let again = send().await;
    assert_eq!((again.status, again.json()), (200, first));
    assert_eq!(app.responses.kept.lock().unwrap().len(), 1);
    let keys: Vec<_> =
        desk.asks.lock().unwrap().iter().map(|it| it.idempotency_key.clone().unwrap().to_string()).collect();
    assert_eq!(keys, ["k-1", "k-1"]);
}

#[tokio::test]
async fn what_is_done_later_already_is_not_begun_once_more() {
    let (app, desk) = started().await;
    let call = InferenceCall {
        way: outcrop_types::Way::OnDemand,
        response: None,
        principal: principal(Role::Developer),
        path: "/v1/responses".into(),
        body: asked().to_string().into(),
        request_id: RequestId::parse("job-1").unwrap(),
        deadline: Duration::from_secs(10),
    };
    let answer = LocalInference::new(app.service.clone()).call(call).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(String::from_utf8_lossy(&answer.body).contains("background"));
    // No client says under which id an answer is kept: the header is for our own services.
    let mut body = asked();
    body["background"] = json!(false);
    let request = app.request(Method::POST, "/v1/responses").header("x-outcrop-response-id", "resp_x");
    let request = request.header("content-type", "application/json").body(body.to_string());
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(desk.asks.lock().unwrap().is_empty());
}
