//! The first start, and what is left of it after a `kill -9`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::home::{Home, client, eventually, finish, text};

#[tokio::test]
async fn the_first_start_prints_a_key_that_works() {
    let home = Home::new();
    let server = home.start().await;
    assert!(server.answer(server.key(), "Hello").await.contains("Hello"));
    let body = server.ask(server.key(), "Hello", true).await.text().await.unwrap();
    assert!(body.starts_with("data: {") && body.ends_with("data: [DONE]\n\n"), "{body}");
    let ready = client().get(format!("{}/readyz", server.url)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let mode = std::fs::metadata(home.data_dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "only the owner may look into the data folder");
}

#[tokio::test]
async fn state_outlives_kill_9() {
    let home = Home::new();
    let server = home.start().await;
    let key = server.key().to_owned();
    let response = server.ask(&key, "Remember me", false).await;
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
    server.kill().await;

    let server = home.start().await;
    assert_eq!(server.key, None, "the key is shown only once: {}", server.printed);
    assert!(!server.printed.contains("ock_"), "{}", server.printed);
    server.answer(&key, "Again").await;
    let record = eventually(Duration::from_secs(10), async || {
        let listed = home.succeed(&["usage", "--json"]).await;
        let records = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.into_iter().find(|record| record["request_id"] == request_id.as_str())
    })
    .await;
    assert_eq!(record["outcome"], "completed");
    assert!(record["tokens"]["output"].as_u64().unwrap() > 0, "{record}");
}

#[tokio::test]
#[ignore = "needs curl and a Python with openai: cargo xtask test"]
async fn the_printed_lines_work_when_pasted() {
    let home = Home::new();
    let server = home.start().await;
    let printed_line = |start: &str| {
        let line = server.printed.lines().find(|line| line.trim_start().starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} line in {}", server.printed)).to_owned()
    };
    let paste = async |line: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        let output = finish(command).await;
        assert!(output.status.success(), "{line}: {output:?}");
        text(&output.stdout)
    };
    let streamed = paste(&printed_line("curl ")).await;
    assert!(streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    let python = outcrop_testkit::python();
    let answer = paste(&printed_line("python3 ").replacen("python3", &python, 1)).await;
    assert!(answer.contains("Hello"), "{answer}");
    assert!(paste(&printed_line("OUTCROP_API_KEY=")).await.contains("Hello"));
}
