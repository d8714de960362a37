//! Jobs: the same calls, answered later.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, answer, ask, ask_streamed};
use crate::platform::Platform;
use crate::wait::until;

pub(crate) async fn journey(platform: &Platform) {
    a_job_is_done(platform).await;
    a_refused_call_is_the_answer(platform).await;
    the_same_job_is_taken_once(platform).await;
    what_is_no_job_is_refused(platform).await;
    a_prompt_is_answered_later(platform).await;
    a_job_tells_what_happens(platform).await;
    a_response_is_made_in_the_background(platform).await;
    a_background_response_is_cancelled(platform).await;
    the_backlog_is_for_those_who_run_the_platform(platform).await;
}

fn job(body: &Value) -> Value {
    json!({ "path": "/v1/chat/completions", "body": body })
}

/// The job, once it has ended.
pub(crate) async fn ended(client: &Client, id: &Value) -> Value {
    let path = format!("/v1/jobs/{}", id.as_str().unwrap());
    until("the job's end", async || {
        let job = client.get(&path).await.expect(200).body;
        let open = ["queued", "running"].iter().any(|status| job["status"] == *status);
        (!open).then_some(job)
    })
    .await
}

async fn a_job_is_done(platform: &Platform) {
    let taken = platform.admin.post("/v1/jobs", &job(&ask("[[say: done later]]"))).await.expect(202);
    assert_eq!((&taken.body["object"], &taken.body["response"]), (&json!("job"), &Value::Null));
    let job = ended(&platform.admin, &taken.body["id"]).await;
    assert_eq!((&job["response"]["status_code"], &job["error"]), (&json!(200), &Value::Null), "{job:#}");
    let body = &job["response"]["body"];
    assert_eq!(body["choices"][0]["message"]["content"], "done later");
    let listed = platform.admin.get("/v1/jobs").await.expect(200);
    let ids: Vec<_> = listed.body["data"].as_array().unwrap().iter().map(|job| &job["id"]).collect();
    assert!(ids.contains(&&taken.body["id"]), "{ids:?}");
}

async fn a_refused_call_is_the_answer(platform: &Platform) {
    let wrong = json!({ "model": "no-such-model", "messages": [{ "role": "user", "content": "Hi" }] });
    let taken = platform.admin.post("/v1/jobs", &job(&wrong)).await.expect(202);
    let job = ended(&platform.admin, &taken.body["id"]).await;
    assert_eq!(job["response"]["status_code"], 404, "{job:#}");
    assert_eq!(job["response"]["body"]["error"]["code"], "model_not_found");
}

async fn the_same_job_is_taken_once(platform: &Platform) {
    let submit = async || {
        let request = platform.admin.request(Method::POST, "/v1/jobs").header("idempotency-key", "same");
        answer(request.json(&job(&ask("[[say: once]]")))).await.expect(202).body["id"].clone()
    };
    let (first, again) = (submit().await, submit().await);
    assert_eq!(first, again);
    ended(&platform.admin, &first).await;
}

async fn what_is_no_job_is_refused(platform: &Platform) {
    let streamed = platform.admin.post("/v1/jobs", &job(&ask_streamed("Hi"))).await.expect(400);
    assert!(streamed.body.to_string().contains("body.stream"), "{:#}", streamed.body);
    platform.admin.post("/v1/jobs", &json!({ "path": "/admin/v1/keys", "body": {} })).await.expect(400);
    platform.admin.get("/v1/jobs/job_nothing").await.expect(404);
    let viewer = platform.caller("viewer").await;
    viewer.post("/v1/jobs", &job(&ask("Hi"))).await.expect(403);
    viewer.get("/v1/jobs").await.expect(200);
}

async fn a_prompt_is_answered_later(platform: &Platform) {
    let asked = json!({ "prompt": "[[say: later]]", "async": true, "deadline": 3600, "priority": "low" });
    let taken = platform.admin.post("/generate", &asked).await.expect(202);
    assert_eq!((&taken.body["object"], &taken.body["priority"]), (&json!("job"), &json!("low")));
    let job = ended(&platform.admin, &taken.body["id"]).await;
    assert_eq!(
        (&job["status"], &job["response"]["body"]["text"]),
        (&json!("succeeded"), &json!("later")),
        "{job:#}"
    );
    let result = platform.admin.get(&format!("/v1/jobs/{}/result", job["id"].as_str().unwrap())).await;
    assert_eq!(result.expect(200).body["text"], "later");
    let wrong = json!({ "prompt": "Hi", "async": true, "priority": "urgent" });
    assert_eq!(platform.admin.post("/generate", &wrong).await.expect(400).body["param"], "priority");
}

async fn a_job_tells_what_happens(platform: &Platform) {
    let taken = platform.admin.post("/v1/jobs", &job(&ask("[[say: news]]"))).await.expect(202);
    let path = format!("/v1/jobs/{}/events", taken.body["id"].as_str().unwrap());
    let events = async |after: &str| {
        let request = platform.admin.request(Method::GET, &path).header("last-event-id", after);
        request.send().await.unwrap().text().await.unwrap()
    };
    let all = events("0").await;
    for name in ["job.queued", "job.running", "job.succeeded"] {
        assert!(all.contains(&format!("event: {name}\n")), "{name}: {all}");
    }
    let rest = events("1").await;
    assert!(!rest.contains("job.queued") && rest.contains("job.succeeded"), "{rest}");
}

/// A response, once it has ended.
async fn made(client: &Client, id: &Value) -> Value {
    let path = format!("/v1/responses/{}", id.as_str().unwrap());
    until("the response's end", async || {
        let response = client.get(&path).await.expect(200).body;
        let open = ["queued", "in_progress"].iter().any(|status| response["status"] == *status);
        (!open).then_some(response)
    })
    .await
}

async fn a_response_is_made_in_the_background(platform: &Platform) {
    let asked = json!({ "input": "[[say: made]]", "background": true });
    let begun = platform.admin.post("/v1/responses", &asked).await.expect(200).body;
    assert_eq!((&begun["status"], &begun["background"]), (&json!("queued"), &json!(true)), "{begun:#}");
    let done = made(&platform.admin, &begun["id"]).await;
    assert_eq!((&done["status"], &done["id"]), (&json!("completed"), &begun["id"]), "{done:#}");
    assert_eq!(done["output"][0]["content"][0]["text"], "made");
    let next = json!({ "input": "[[say: on]]", "previous_response_id": begun["id"] });
    platform.admin.post("/v1/responses", &next).await.expect(200);
    // No client says under which id an answer is kept.
    let forged = platform.admin.request(Method::POST, "/v1/responses");
    let forged = forged.header("x-outcrop-response-id", begun["id"].as_str().unwrap());
    let forged = answer(forged.json(&json!({ "input": "[[say: forged]]" }))).await.expect(200).body;
    assert_ne!(forged["id"], begun["id"]);
    // Its job is gone with a model that is not there; the response says what became of it.
    let wrong = json!({ "input": "x", "background": true, "model": "no-such-model" });
    platform.admin.post("/v1/responses", &wrong).await.expect(404);
}

async fn a_background_response_is_cancelled(platform: &Platform) {
    let asked = json!({ "input": "[[latency: 20000]] [[say: never]]", "background": true });
    let begun = platform.admin.post("/v1/responses", &asked).await.expect(200).body;
    let path = format!("/v1/responses/{}", begun["id"].as_str().unwrap());
    let cancelled = platform.admin.post(&format!("{path}/cancel"), &json!({})).await.expect(200).body;
    assert_eq!(cancelled["status"], "cancelled", "{cancelled:#}");
    assert_eq!(made(&platform.admin, &begun["id"]).await["status"], "cancelled");
}

async fn the_backlog_is_for_those_who_run_the_platform(platform: &Platform) {
    let backlog = platform.admin.get("/admin/v1/jobs/backlog").await.expect(200);
    assert_eq!(backlog.body["object"], "jobs.backlog");
    platform.admin.get("/admin/v1/jobs/dead").await.expect(200);
    let developer = platform.caller("developer").await;
    for path in ["/admin/v1/jobs/backlog", "/admin/v1/jobs/dead"] {
        developer.get(path).await.expect(403);
    }
    developer.post("/admin/v1/jobs/redrive", &json!({ "all": true })).await.expect(403);
}
