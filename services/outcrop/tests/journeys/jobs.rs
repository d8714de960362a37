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
