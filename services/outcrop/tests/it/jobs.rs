//! A job taken in, worked off and answered within one process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, client, eventually};

/// A call of every path that a job can be made of, and where its answer says something.
fn calls() -> Vec<(&'static str, Value, &'static str)> {
    let turns = json!([{"role": "user", "content": "[[say: later]]"}]);
    let (chat, prompt) = (json!({"messages": turns}), json!({"prompt": "[[say: later]]"}));
    let rerank = json!({"model": "amazon-rerank-v1", "query": "q", "documents": ["d"]});
    vec![
        ("/v1/chat/completions", chat.clone(), "/choices/0/message/content"),
        ("/api/v1/chat/completions", chat, "/choices/0/message/content"),
        ("/v1/completions", prompt.clone(), "/choices/0/text"),
        ("/v1/responses", json!({"input": "[[say: later]]"}), "/output/0/content/0/text"),
        ("/v1/messages", json!({"messages": turns, "max_tokens": 50}), "/content/0/text"),
        ("/v1/embeddings", json!({"model": "titan-embed-text-v2", "input": "x"}), "/data/0/embedding/0"),
        ("/v1/rerank", rerank.clone(), "/results/0/index"),
        ("/v2/rerank", rerank, "/results/0/index"),
        ("/v1/images/generations", json!({"model": "nova-canvas", "prompt": "a cat"}), "/data/0/b64_json"),
        ("/v1/generate", prompt.clone(), "/text"),
        ("/generate", prompt, "/text"),
    ]
}

#[tokio::test]
async fn a_job_of_every_path_is_answered() {
    let home = Home::new();
    let server = home.start().await;
    let jobs = format!("{}/v1/jobs", server.url);
    let mut taken = Vec::new();
    for (path, body, place) in calls() {
        let job = json!({"path": path, "body": body});
        let answer = client().post(&jobs).bearer_auth(server.key()).json(&job).send().await.unwrap();
        let (status, job) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 202, "{path}: {job}");
        taken.push((path, format!("{jobs}/{}", job["id"].as_str().unwrap()), place));
    }
    for (path, url, place) in taken {
        let done = eventually(Duration::from_secs(20), async || {
            let job = client().get(&url).bearer_auth(server.key()).send().await.unwrap();
            let job: Value = job.json().await.unwrap();
            (job["status"] != "queued" && job["status"] != "running").then_some(job)
        })
        .await;
        assert_eq!(done["status"], "succeeded", "{path}: {done}");
        let told = done["response"]["body"].pointer(place);
        assert!(told.is_some(), "{path}: {done}");
        assert!(told.unwrap().as_str().is_none_or(|it| it == "later" || it.len() > 100), "{path}: {done}");
    }
    let job = json!({"path": "/v1/models", "body": {}});
    let refused = client().post(&jobs).bearer_auth(server.key()).json(&job).send().await.unwrap();
    assert_eq!(refused.status(), 400);
}

/// What is there once it has ended, asked for again and again.
async fn ended(url: &str, key: &str) -> Value {
    eventually(Duration::from_secs(20), async || {
        let shown = client().get(url).bearer_auth(key).send().await.unwrap();
        let shown: Value = shown.json().await.unwrap();
        (!["queued", "running", "in_progress"].iter().any(|status| shown["status"] == *status))
            .then_some(shown)
    })
    .await
}

#[tokio::test]
async fn a_prompt_is_answered_later_and_its_events_are_told() {
    let home = Home::new();
    let server = home.start().await;
    let body = json!({"prompt": "[[say: later]]", "async": true, "priority": "high"});
    let generate = format!("{}/generate", server.url);
    let answer = client().post(generate).bearer_auth(server.key()).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let url = format!("{}{location}", server.url);
    let get = async |path: &str| {
        client().get(format!("{url}{path}")).bearer_auth(server.key()).send().await.unwrap()
    };
    // Ends by itself, with the job.
    let events = get("/events").await.text().await.unwrap();
    for event in ["id: 1\nevent: job.queued\n", "\nevent: job.succeeded\n"] {
        assert!(events.contains(event), "{events}");
    }
    let job = ended(&url, server.key()).await;
    assert_eq!((&job["status"], &job["priority"]), (&json!("succeeded"), &json!("high")), "{job}");
    assert!(job["usage"]["output"].as_u64().unwrap() > 0, "{job}");
    let result = get("/result").await;
    assert_eq!(result.status(), 200);
    assert_eq!(result.json::<Value>().await.unwrap()["text"], "later");
    let backlog = client().get(format!("{}/admin/v1/jobs/backlog", server.url)).bearer_auth(server.key());
    let backlog: Value = backlog.send().await.unwrap().json().await.unwrap();
    assert_eq!((&backlog["due"], &backlog["running"]), (&json!(0), &json!(0)), "{backlog}");
}

#[tokio::test]
async fn a_response_is_made_in_the_background() {
    let home = Home::new();
    let server = home.start().await;
    let responses = format!("{}/v1/responses", server.url);
    let post = async |url: &str, body: Value| {
        let answer = client().post(url).bearer_auth(server.key()).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, begun) = post(&responses, json!({"input": "[[say: later]]", "background": true})).await;
    assert_eq!((status, &begun["status"]), (200, &json!("queued")), "{begun}");
    let url = format!("{responses}/{}", begun["id"].as_str().unwrap());
    let done = ended(&url, server.key()).await;
    assert_eq!((&done["status"], &done["id"]), (&json!("completed"), &begun["id"]), "{done}");
    assert_eq!(done["output"][0]["content"][0]["text"], "later");
    let next = json!({"input": "[[say: and on]]", "previous_response_id": begun["id"]});
    assert_eq!(post(&responses, next).await.0, 200);
    // One that is cancelled before it ends stays so.
    let slow = json!({"input": "[[latency: 20000]] [[say: never]]", "background": true});
    let (_, slow) = post(&responses, slow).await;
    let url = format!("{responses}/{}", slow["id"].as_str().unwrap());
    let (status, cancelled) = post(&format!("{url}/cancel"), json!({})).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")), "{cancelled}");
    let deleted = client().delete(&url).bearer_auth(server.key()).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    let gone = client().get(&url).bearer_auth(server.key()).send().await.unwrap();
    assert_eq!(gone.status(), 404);
}
