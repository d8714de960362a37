//! Work that can wait, as tools of `/mcp`: what is handed to the desk, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use outcrop_types::{Permission, Scope};
use serde_json::{Value, json};

use crate::desk::MemoryDesk;
use crate::harness::{MODEL, Setup, TestApp};
use crate::mcp_client::{Heard, Mcp, misfits, tool};

const JOB: &str = "job_00000000000000000000000000000005";
/// A model that writes no text.
const EMBEDS: &str = "titan-embed-text-v2";
const BATCH: &str = "batch_00000000000000000000000000000005";

async fn started() -> (TestApp, Arc<MemoryDesk>) {
    let desk = Arc::new(MemoryDesk::default());
    let app = TestApp::with(Setup { desk: desk.clone(), ..Setup::default() }).await;
    (app, desk)
}

/// A job as the job worker shows it.
fn job(status: &str, beside: &Value) -> Value {
    let mut job = json!({
        "id": JOB, "object": "job", "kind": "call", "status": status, "path": "/generate", "priority": "normal",
        "deadline": null, "metadata": { "a": "b" }, "attempts": 1, "dead": false, "choice": null,
        "usage": { "input": 3 }, "cost_usd": "0.01", "saved_usd": "0", "created_at": "2026-01-01T00:00:00Z",
        "started_at": null, "ended_at": null, "updated_at": "2026-01-01T00:00:00Z", "response": null,
        "error": null, "batch_id": null, "response_id": null,
    });
    for (name, value) in beside.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

fn answered(body: &Value) -> Value {
    job("succeeded", &json!({ "response": { "status_code": 200, "body": body } }))
}

/// What a tool says first, and its values, which fit what it promises.
async fn called(client: &Mcp<'_>, name: &str, arguments: Value) -> (String, Value) {
    let listed = client.result("tools/list", json!({})).await;
    let result = client.call(name, arguments).await;
    assert_ne!(result["isError"], true, "{result}");
    let values = result["structuredContent"].clone();
    let misfits = misfits(&tool(&listed, name)["outputSchema"], &values);
    assert!(misfits.is_empty(), "{misfits:?}: {values}");
    assert!(result["_meta"]["outcrop/request_id"].is_string(), "{result}");
    (result["content"][0]["text"].as_str().unwrap().to_owned(), values)
}

/// What a failed tool says, and which name and argument are told beside.
async fn refused(client: &Mcp<'_>, name: &str, arguments: Value) -> (String, Value, Value) {
    let result = client.call(name, arguments).await;
    assert_eq!(result["isError"], true, "{result}");
    let told = &result["_meta"]["outcrop/error"];
    (result["content"][0]["text"].to_string(), told["code"].clone(), told["param"].clone())
}

#[tokio::test]
async fn a_prompt_or_a_call_is_handed_over() {
    let (app, desk) = started().await;
    let whole = json!({
        "prompt": "hi", "model": MODEL, "priority": "low", "deadline_s": 60, "metadata": { "run": "7" },
        "idempotency_key": "k-1",
    });
    let call = json!({ "path": "/v1/messages", "body": { "max_tokens": 5, "messages": [] } });
    let cases = [
        (json!({ "prompt": "hi" }), json!({ "path": "/generate", "body": { "prompt": "hi" } })),
        (
            whole,
            json!({
                "path": "/generate", "body": { "prompt": "hi", "model": MODEL }, "priority": "low",
                "deadline": 60, "metadata": { "run": "7" },
            }),
        ),
        (call.clone(), call),
    ];
    for client in Mcp::both(&app).await {
        for (arguments, handed) in &cases {
            let (words, values) = called(&client, "submit_job", arguments.clone()).await;
            assert_eq!(desk.asked(), *handed, "{arguments}");
            assert_eq!((&values["id"], &values["status"]), (&json!(JOB), &json!("queued")));
            assert_eq!(values["uri"], format!("outcrop://jobs/{JOB}"));
            assert!(words.contains(JOB) && words.contains("get_job"), "{words}");
        }
        let asks = desk.asks.lock().unwrap();
        let keys: Vec<_> = asks.iter().rev().take(3).map(|it| it.idempotency_key.is_some()).collect();
        assert_eq!(keys, [false, true, false]);
    }
}

#[tokio::test]
async fn what_cannot_be_handed_over_names_the_argument() {
    let (app, desk) = started().await;
    let cases = [
        (json!({}), "prompt"),
        (json!({ "prompt": "a", "path": "/generate" }), "path"),
        (json!({ "prompt": "a", "body": {} }), "body"),
        (json!({ "path": "/generate" }), "body"),
        (json!({ "body": {} }), "path"),
        (json!({ "path": "/generate", "body": {}, "model": "a" }), "model"),
        (json!({ "prompt": "a", "priority": "urgent" }), "priority"),
        (json!({ "prompt": "a", "deadline_s": -1 }), "deadline_s"),
        (json!({ "prompt": "a", "idempotency_key": "a b" }), "idempotency_key"),
        (json!({ "prompt": "a", "promt": "a" }), "promt"),
        (json!({ "prompt": " " }), "prompt"),
        (json!({ "prompt": "a", "model": null }), "model"),
        (json!({ "prompt": "a", "model": EMBEDS }), "model"),
        (json!({ "path": "/v1/messages", "body": { "model": EMBEDS } }), "body.model"),
        (json!({ "path": "/api/v1/embeddings", "body": { "model": MODEL } }), "body.model"),
        (json!({ "path": "/v1/images/generations", "body": { "model": MODEL } }), "body.model"),
        (json!({ "path": "/v2/rerank", "body": { "model": MODEL } }), "body.model"),
    ];
    let client = Mcp::modern(&app, json!({}));
    for (arguments, param) in cases {
        let (words, code, told) = refused(&client, "submit_job", arguments.clone()).await;
        assert_eq!((code, told), (json!("invalid_request"), json!(param)), "{arguments}: {words}");
    }
    let (_, code, _) = refused(&client, "submit_job", json!({ "prompt": "a", "model": "nonesuch" })).await;
    assert_eq!(code, "model_not_found", "before a job is made of it");
    let elsewhere = json!({ "path": "/v1/embeddings", "body": { "model": "nonesuch", "input": "a" } });
    let (_, code, param) = refused(&client, "submit_job", elsewhere).await;
    assert_eq!((code, param), (json!("model_not_found"), json!("body.model")));
    assert!(desk.asks.lock().unwrap().is_empty());
    desk.refuses(429, json!({ "detail": "too many jobs", "code": "rate_limited" }));
    let (words, code, _) = refused(&client, "submit_job", json!({ "prompt": "a" })).await;
    assert_eq!((words.contains("too many jobs"), code), (true, json!("rate_limited")), "{words}");
}

#[tokio::test]
async fn a_job_is_told_of_with_what_the_model_said() {
    let (app, desk) = started().await;
    let chat = json!({ "choices": [{ "message": { "content": "said" } }] });
    let of_chat = |body: &Value| {
        let mut job = answered(body);
        job["path"] = "/v1/chat/completions".into();
        job
    };
    let refusal = json!({ "detail": "no" });
    let cases = [
        (job("queued", &json!({})), "has not ended", json!(null), json!(null), json!(null)),
        (answered(&json!({ "text": "said" })), "said", json!("said"), json!({ "text": "said" }), json!(200)),
        (of_chat(&chat), "said", json!("said"), chat.clone(), json!(200)),
        (answered(&json!({ "data": [1] })), "`answer`", json!(null), json!({ "data": [1] }), json!(200)),
        (
            job("failed", &json!({ "response": { "status_code": 400, "body": refusal } })),
            "failed",
            json!(null),
            refusal.clone(),
            json!(400),
        ),
        (
            job("failed", &json!({ "error": "workers died" })),
            "workers died",
            json!(null),
            json!(null),
            json!(null),
        ),
        (job("cancelled", &json!({})), "cancelled", json!(null), json!(null), json!(null)),
    ];
    for client in Mcp::both(&app).await {
        for (job, words, text, answer, status) in &cases {
            desk.stands(job.clone());
            let (said, values) = called(&client, "get_job", json!({ "id": JOB })).await;
            assert!(said.contains(words), "{said}");
            assert_eq!((&values["text"], &values["answer"], &values["status_code"]), (text, answer, status));
            let uri = answer.is_object().then(|| format!("outcrop://jobs/{JOB}/result"));
            assert_eq!(values["result_uri"], json!(uri));
            assert_eq!((&values["status"], &values["metadata"]), (&job["status"], &json!({ "a": "b" })));
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_to_be_had_elsewhere() {
    let (app, desk) = started().await;
    desk.stands(answered(&json!({ "text": "x".repeat(2 << 20) })));
    let client = Mcp::modern(&app, json!({}));
    let result = client.call("get_job", json!({ "id": JOB })).await;
    assert!(result.to_string().len() < 4096, "{}", result.to_string().len());
    let words = result["content"][0]["text"].as_str().unwrap();
    assert!(words.contains(&format!("GET /v1/jobs/{JOB}/result")), "{words}");
    assert_eq!(result["structuredContent"]["answer"], Value::Null);
}

#[tokio::test]
async fn waiting_tells_progress_until_the_end() {
    let (app, desk) = started().await;
    for client in Mcp::both(&app).await {
        desk.stands(job("running", &json!({})));
        let ends = {
            let desk = desk.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(1_300)).await;
                desk.stands(answered(&json!({ "text": "said" })));
            })
        };
        let params = json!({
            "name": "get_job", "arguments": { "id": JOB, "wait_s": 30 }, "_meta": { "progressToken": "t" },
        });
        let Heard { notifications, answer } = client.request("tools/call", params).await;
        ends.await.unwrap();
        assert_eq!(answer["result"]["structuredContent"]["text"], "said", "{answer}");
        let of = |it: &&Value| it["method"] == "notifications/progress";
        let told: Vec<f64> = notifications
            .iter()
            .filter(of)
            .map(|it| {
                assert_eq!(it["params"]["message"], "the job is running");
                it["params"]["progress"].as_f64().unwrap()
            })
            .collect();
        assert!(told.len() >= 2 && told.is_sorted(), "{told:?}");
    }
}

#[tokio::test]
async fn a_wait_has_an_end() {
    let (app, desk) = started().await;
    desk.stands(job("queued", &json!({})));
    let client = Mcp::modern(&app, json!({}));
    let (words, values) = called(&client, "get_job", json!({ "id": JOB, "wait_s": 1 })).await;
    assert_eq!(values["status"], "queued");
    assert!(words.contains("ask again"), "{words}");
    let (_, _, param) = refused(&client, "get_job", json!({ "id": JOB, "wait_s": 61 })).await;
    assert_eq!(param, "wait_s");
    desk.stands(Value::Null);
    for id in [JOB, "7", "file_00000000000000000000000000000005"] {
        let (_, code, param) = refused(&client, "get_job", json!({ "id": id })).await;
        assert_eq!((code, param), (json!("not_found"), json!("id")), "{id}");
    }
    *desk.away.lock().unwrap() = true;
    let (_, code, _) = refused(&client, "get_job", json!({ "id": JOB })).await;
    assert_eq!(code, "unavailable");
}

#[tokio::test]
async fn a_batch_tells_its_lines_its_cost_and_its_files() {
    let (app, desk) = started().await;
    let file = format!("file_{:032}", 8);
    let batch = json!({
        "id": BATCH, "object": "batch", "endpoint": "/v1/responses", "model": MODEL, "errors": null,
        "input_file_id": file, "completion_window": "24h", "status": "completed", "output_file_id": file,
        "error_file_id": null, "created_at": 1, "in_progress_at": 2, "expires_at": 3, "completed_at": 2,
        "request_counts": { "total": 3, "completed": 2, "failed": 1 }, "metadata": { "run": "7" },
        "outcrop": { "job_id": JOB, "way": "flex", "reason": "cheaper", "cost_usd": "0.5", "saved_usd": "0.5", "unpriced_calls": 0 },
    });
    desk.keeps(format!("/v1/batches/{BATCH}"), batch.to_string());
    let client = Mcp::modern(&app, json!({}));
    for id in [BATCH, JOB] {
        let (words, values) = called(&client, "get_batch", json!({ "id": id })).await;
        assert!(words.contains("2 of 3"), "{words}");
        assert_eq!(values["request_counts"], json!({ "total": 3, "completed": 2, "failed": 1 }));
        assert_eq!((&values["cost_usd"], &values["way"]), (&json!("0.5"), &json!("flex")));
        assert_eq!(values["output_uri"], format!("outcrop://files/{file}"));
        assert_eq!((&values["error_file_id"], &values["error_uri"]), (&Value::Null, &Value::Null));
    }
    let other = format!("batch_{:032}", 9);
    let (_, code, param) = refused(&client, "get_batch", json!({ "id": other })).await;
    assert_eq!((code, param), (json!("not_found"), json!("id")));
    // Its job is waited for by its lines.
    desk.stands(job("running", &json!({ "kind": "batch", "batch_id": BATCH })));
    let params = json!({
        "name": "get_job", "arguments": { "id": BATCH, "wait_s": 1 }, "_meta": { "progressToken": "t" },
    });
    let heard = client.request("tools/call", params).await;
    let told = heard.notifications.iter().find(|it| it["method"] == "notifications/progress").unwrap();
    assert_eq!((&told["params"]["progress"], &told["params"]["total"]), (&json!(3.0), &json!(3.0)));
}

#[tokio::test]
async fn jobs_are_listed_as_they_are_asked_for() {
    let (app, desk) = started().await;
    let list = |jobs: &[Value], more| json!({ "object": "list", "data": jobs, "has_more": more }).to_string();
    desk.keeps("/v1/jobs?limit=20", list(&[job("queued", &json!({}))], true));
    let asked = format!("/v1/jobs?limit=2&status=failed&kind=call&after={JOB}");
    desk.keeps(asked, list(&[job("failed", &json!({}))], false));
    let client = Mcp::modern(&app, json!({}));
    let (words, values) = called(&client, "list_jobs", json!({})).await;
    assert_eq!((values["jobs"][0]["status"].as_str(), &values["has_more"]), (Some("queued"), &json!(true)));
    assert!(words.contains("`after`"), "{words}");
    let arguments = json!({ "limit": 2, "status": "failed", "kind": "call", "after": JOB });
    let (_, values) = called(&client, "list_jobs", arguments).await;
    assert_eq!((values["jobs"][0]["status"].as_str(), &values["has_more"]), (Some("failed"), &json!(false)));
    for (arguments, name) in [
        (json!({ "limit": 0 }), "limit"),
        (json!({ "limit": 101 }), "limit"),
        (json!({ "status": "done" }), "status"),
        (json!({ "after": "x" }), "after"),
    ] {
        assert_eq!(refused(&client, "list_jobs", arguments).await.2, name);
    }
}

#[tokio::test]
async fn a_job_is_cancelled_once_somebody_agrees() {
    let (app, desk) = started().await;
    desk.stands(job("running", &json!({})));
    let client = Mcp::modern(&app, json!({ "elicitation": {} }));
    let cancelled = || std::mem::take(&mut *desk.cancelled.lock().unwrap()).len();
    let params = json!({ "name": "cancel_job", "arguments": { "id": JOB } });
    let answers = [
        (json!({ "action": "accept", "content": { "confirm": true } }), 1),
        (json!({ "action": "accept", "content": { "confirm": false } }), 0),
        (json!({ "action": "decline" }), 0),
        (json!({ "action": "cancel" }), 0),
    ];
    for (answer, count) in answers {
        let asked = client.result("tools/call", params.clone()).await;
        assert_eq!((&asked["resultType"], cancelled()), (&json!("input_required"), 0), "{asked}");
        let form = &asked["inputRequests"]["confirm"]["params"];
        assert!(form["message"].as_str().unwrap().contains(JOB), "{asked}");
        assert_eq!(form["requestedSchema"]["properties"]["confirm"]["type"], "boolean");
        let mut again = params.clone();
        again["requestState"] = asked["requestState"].clone();
        again["inputResponses"] = json!({ "confirm": answer });
        let result = client.result("tools/call", again).await;
        assert_eq!(cancelled(), count, "{answer}: {result}");
        assert_eq!(result["structuredContent"]["cancelled"], count == 1, "{result}");
        let words = result["content"][0]["text"].as_str().unwrap();
        assert!(words.contains(if count == 1 { "cancelled" } else { "declined" }), "{words}");
    }
    // Agreed before, or nobody to be asked.
    let (_, values) = called(&client, "cancel_job", json!({ "id": JOB, "confirm": true })).await;
    assert_eq!((&values["cancelled"], cancelled()), (&json!(true), 1));
    for client in Mcp::both(&app).await {
        let (_, values) = called(&client, "cancel_job", json!({ "id": BATCH })).await;
        assert_eq!((&values["cancelled"], cancelled()), (&json!(true), 1));
    }
    desk.stands(job("succeeded", &json!({})));
    let (words, values) = called(&client, "cancel_job", json!({ "id": JOB })).await;
    assert_eq!((&values["cancelled"], cancelled()), (&json!(false), 0), "{words}");
    desk.stands(Value::Null);
    assert_eq!(refused(&client, "cancel_job", json!({ "id": JOB })).await.1, "not_found");
}

#[tokio::test]
async fn what_is_listed_is_what_may_be_called() {
    let permissions = Some(vec![Permission::UseMcp, Permission::ReadJobs]);
    let scope = Scope { permissions, ..Scope::default() };
    let app = TestApp::with(Setup { scope, ..Setup::default() }).await;
    for client in Mcp::both(&app).await {
        let listed = client.result("tools/list", json!({})).await;
        for name in ["get_job", "list_jobs", "get_batch"] {
            assert_eq!(tool(&listed, name)["annotations"]["readOnlyHint"], true);
        }
        for name in ["submit_job", "cancel_job"] {
            assert!(!listed.to_string().contains(&format!("\"{name}\"")), "{listed}");
            let params = json!({ "name": name, "arguments": { "prompt": "a", "id": JOB } });
            let answer = client.request("tools/call", params).await.answer;
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
        }
    }
    let app = TestApp::start().await;
    let listed = Mcp::modern(&app, json!({})).result("tools/list", json!({})).await;
    assert_eq!(tool(&listed, "cancel_job")["annotations"]["destructiveHint"], true);
    assert_eq!(tool(&listed, "submit_job")["annotations"]["openWorldHint"], true);
}

/// Which of the tools that call or change something are listed for a credential.
async fn changing(scope: Scope) -> Vec<&'static str> {
    let app = TestApp::with(Setup { scope, ..Setup::default() }).await;
    let listed = Mcp::modern(&app, json!({})).result("tools/list", json!({})).await;
    let listed = listed["tools"].as_array().unwrap().clone();
    let is_listed = |name: &&str| listed.iter().any(|it| it["name"] == **name);
    ["generate", "submit_job", "cancel_job"].into_iter().filter(is_listed).collect()
}

#[tokio::test]
async fn a_job_is_offered_to_those_who_may_make_its_call() {
    let permissions = Some(vec![Permission::UseMcp, Permission::ReadJobs, Permission::WriteJobs]);
    assert_eq!(changing(Scope { permissions, ..Scope::default() }).await, ["cancel_job"]);
    for (routes, offered) in [
        (&["/mcp"][..], &["generate", "cancel_job"][..]),
        (&["/mcp", "/v1/jobs*"], &["generate", "cancel_job"]),
        (&["/mcp", "/generate"], &["generate", "submit_job", "cancel_job"]),
        (&["/mcp", "/v1/embeddings"], &["generate", "submit_job", "cancel_job"]),
        (&["/mcp", "/v1/*"], &["generate", "submit_job", "cancel_job"]),
    ] {
        let scope =
            Scope { routes: routes.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() };
        assert_eq!(changing(scope).await, offered, "{routes:?}");
    }
}

#[tokio::test]
async fn a_prompt_goes_where_the_credential_may_call() {
    let desk = Arc::new(MemoryDesk::default());
    let routes = ["/mcp", "/v1/*"].map(|it| it.parse().unwrap()).to_vec();
    let scope = Scope { routes, ..Scope::default() };
    let app = TestApp::with(Setup { desk: desk.clone(), scope, ..Setup::default() }).await;
    called(&Mcp::modern(&app, json!({})), "submit_job", json!({ "prompt": "hi", "deadline_s": 60.0 })).await;
    assert_eq!((&desk.asked()["path"], &desk.asked()["deadline"]), (&json!("/v1/generate"), &json!(60)));
}

#[tokio::test]
async fn who_may_end_jobs_need_not_see_them() {
    let desk = Arc::new(MemoryDesk::default());
    let scope =
        Scope { permissions: Some(vec![Permission::UseMcp, Permission::WriteJobs]), ..Scope::default() };
    let app = TestApp::with(Setup { desk: desk.clone(), scope, ..Setup::default() }).await;
    let cancelled = || std::mem::take(&mut *desk.cancelled.lock().unwrap()).len();
    // What a look would tell: nothing of it may be told.
    desk.stands(job("succeeded", &json!({})));
    for client in Mcp::both(&app).await {
        let (words, values) = called(&client, "cancel_job", json!({ "id": JOB })).await;
        assert_eq!((&values["cancelled"], cancelled()), (&json!(true), 1), "{words}");
        assert!(words.contains("is cancelled"), "{words}");
    }
    let client = Mcp::modern(&app, json!({ "elicitation": {} }));
    let params = json!({ "name": "cancel_job", "arguments": { "id": JOB } });
    for (agrees, count) in [(true, 1), (false, 0)] {
        let asked = client.result("tools/call", params.clone()).await;
        let message = asked["inputRequests"]["confirm"]["params"]["message"].as_str().unwrap();
        assert!(message.contains(JOB) && !message.contains("succeeded"), "{message}");
        let mut again = params.clone();
        again["requestState"] = asked["requestState"].clone();
        again["inputResponses"] =
            json!({ "confirm": { "action": "accept", "content": { "confirm": agrees } } });
        let result = client.result("tools/call", again).await;
        assert_eq!((cancelled(), result["isError"] == true), (count, !agrees), "{result}");
    }
}
