//! A job taken in, worked off and answered within one process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, client, eventually};

#[tokio::test]
async fn a_job_is_answered() {
    let home = Home::new();
    let server = home.start().await;
    let jobs = format!("{}/v1/jobs", server.url);
    let job = json!({
        "path": "/v1/chat/completions",
        "body": {"messages": [{"role": "user", "content": "[[say: later]]"}]},
    });
    let taken = client().post(&jobs).bearer_auth(server.key()).json(&job).send().await.unwrap();
    assert_eq!(taken.status(), 202);
    let taken: Value = taken.json().await.unwrap();
    let url = format!("{jobs}/{}", taken["id"].as_str().unwrap());
    let done = eventually(Duration::from_secs(10), async || {
        let job = client().get(&url).bearer_auth(server.key()).send().await.unwrap();
        let job: Value = job.json().await.unwrap();
        (job["status"] != "queued" && job["status"] != "running").then_some(job)
    })
    .await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(done["response"]["body"]["choices"][0]["message"]["content"], "later", "{done}");
}
