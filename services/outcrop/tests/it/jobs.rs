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
