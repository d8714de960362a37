//! Batches: a file of calls, through OpenAI's SDKs and through our own command line.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::MODEL;
use crate::clients::{module, script};
use crate::platform::Platform;
use crate::wait::{LIMIT, until};

pub(crate) async fn journey(platform: &Platform) {
    a_file_is_worked_off(platform).await;
    a_killed_run_goes_on_where_it_was(platform).await;
    what_failed_is_told(platform).await;
    a_batch_goes_on_without_its_program_until_it_is_cancelled(platform).await;
    jobs_are_listed_and_shown(platform).await;
}

#[tokio::test]
#[ignore = "needs python: cargo xtask test"]
async fn openais_sdk_for_python_works_batches_off() {
    script(&Platform::together().await, outcrop_testkit::python(), "openai_batches.py", 8).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn openais_sdk_for_python_works_batches_off_with_four_services() {
    script(&Platform::apart().await, outcrop_testkit::python(), "openai_batches.py", 8).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and Node.js: cargo xtask test"]
async fn openais_sdk_for_javascript_works_batches_off() {
    let (together, apart) = tokio::join!(Platform::together(), Platform::apart());
    for platform in [&together, &apart] {
        module(platform, "openai_batches.mjs", 6).await;
    }
}

/// A folder with an input, and the program run in it.
struct Desk {
    folder: TempDir,
    url: String,
    key: String,
}

impl Desk {
    fn new(platform: &Platform, calls: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
        std::fs::write(folder.path().join("in.jsonl"), lines).unwrap();
        Self { folder, url: platform.services.front().url.clone(), key: platform.key.clone() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outcrop"));
        command
            .args(arguments)
            .env_clear()
            .env("OUTCROP_URL", &self.url)
            .env("OUTCROP_API_KEY", &self.key)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn batch(&self, more: &[&str]) -> Command {
        self.command(&[&["batch", "run", "in.jsonl", "-o", "out.jsonl"], more].concat())
    }

    /// What the program remembers of the run.
    fn state(&self) -> Option<Value> {
        let text = std::fs::read(self.path("out.jsonl.outcrop-batch.json")).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Waits until it remembers a batch.
    async fn batch_id(&self) -> String {
        let id = || self.state()?["batch_id"].as_str().map(str::to_owned);
        until("the batch", async || id()).await
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Besides the input and these, nothing is left.
    #[track_caller]
    fn assert_holds(&self, names: &[&str]) {
        let mut found: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "in.jsonl")
            .collect();
        found.sort();
        assert_eq!(found, names);
    }
}

async fn finish(mut command: Command) -> Output {
    tokio::time::timeout(LIMIT, command.output()).await.expect("it ends").unwrap()
}

async fn end(child: Child) -> Output {
    tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("it ends").unwrap()
}

#[track_caller]
fn complaint(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn call(name: &str, prompt: &str) -> Value {
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": prompt }] });
    json!({ "custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body })
}

/// How many batches the team has.
async fn batches(platform: &Platform) -> usize {
    let listed = platform.admin.get("/v1/batches?limit=100").await.expect(200).body;
    listed["data"].as_array().unwrap().len()
}

async fn a_file_is_worked_off(platform: &Platform) {
    let calls: Vec<_> = (0..30).map(|it| call(&format!("{it}"), &format!("[[say: answer {it}]]"))).collect();
    let desk = Desk::new(platform, &calls);
    let said = complaint(&finish(desk.batch(&[])).await, 0);
    assert!(said.contains("30 lines answered") && said.contains("out.jsonl"), "{said}");
    desk.assert_holds(&["out.jsonl"]);
    let lines = desk.lines("out.jsonl");
    assert_eq!(lines.len(), 30);
    for line in lines {
        let said = &line["response"]["body"]["choices"][0]["message"]["content"];
        assert_eq!(said, &format!("answer {}", line["custom_id"].as_str().unwrap()));
    }
}

async fn a_killed_run_goes_on_where_it_was(platform: &Platform) {
    let before = batches(platform).await;
    // Two seconds each, so that there is a middle to be killed in.
    let calls: Vec<_> =
        (0..12).map(|it| call(&format!("killed {it}"), "[[tokens: 20]][[rate: 10]]")).collect();
    let desk = Desk::new(platform, &calls);
    let mut child = desk.batch(&[]).spawn().unwrap();
    let id = desk.batch_id().await;
    child.kill().await.unwrap();
    // As if it had been killed a moment sooner: after the batch was made, before it was remembered, and then
    // after the file was sent.
    for forgotten in ["batch_id", "file_id"] {
        let mut state = desk.state().unwrap();
        state[forgotten] = Value::Null;
        state["batch_id"] = Value::Null;
        std::fs::write(desk.path("out.jsonl.outcrop-batch.json"), state.to_string()).unwrap();
        let mut child = desk.batch(&[]).spawn().unwrap();
        assert_eq!(desk.batch_id().await, id, "it is the same batch");
        child.kill().await.unwrap();
    }
    complaint(&finish(desk.batch(&[])).await, 0);
    desk.assert_holds(&["out.jsonl"]);
    assert_eq!(desk.lines("out.jsonl").len(), 12);
    assert_eq!(batches(platform).await, before + 1, "one batch was made");
    let files = platform.admin.get("/v1/files?purpose=batch&limit=100").await.expect(200).body;
    let name = &platform.admin.get(&format!("/v1/batches/{id}")).await.expect(200).body["input_file_id"];
    let files = files["data"].as_array().unwrap().clone();
    let sent = files.iter().find(|file| &file["id"] == name).unwrap();
    assert_eq!(files.iter().filter(|file| file["filename"] == sent["filename"]).count(), 1, "sent once");
    // Done is done: the same work is not paid for twice unless that is asked for.
    complaint(&finish(desk.batch(&[])).await, 0);
    assert_eq!(batches(platform).await, before + 1);
    complaint(&finish(desk.batch(&["--again"])).await, 0);
    assert_eq!(batches(platform).await, before + 2);
}

async fn what_failed_is_told(platform: &Platform) {
    let mut wrong = call("wrong", "Hi");
    wrong["body"]["model"] = json!("no-such-model");
    let desk = Desk::new(platform, &[call("right", "[[say: yes]]"), wrong]);
    let said = complaint(&finish(desk.batch(&[])).await, 1);
    assert!(said.contains("1 of 2 lines failed: out.errors.jsonl"), "{said}");
    desk.assert_holds(&["out.errors.jsonl", "out.jsonl"]);
    assert_eq!(desk.lines("out.errors.jsonl")[0]["custom_id"], "wrong");
    complaint(&finish(desk.batch(&["--allow-failures"])).await, 0);

    let bad = Desk::new(platform, &[call("same", "a"), json!({ "custom_id": "b" }), call("same", "c")]);
    let said = complaint(&finish(bad.batch(&[])).await, 1);
    assert!(said.contains("line 2: ") && said.contains("line 3: "), "{said}");
    bad.assert_holds(&[]);
}

async fn a_batch_goes_on_without_its_program_until_it_is_cancelled(platform: &Platform) {
    let slow = (0..50).map(|it| call(&format!("slow {it}"), "[[tokens: 300]][[rate: 5]]"));
    let calls: Vec<_> = slow.collect();
    let desk = Desk::new(platform, &calls);
    let child = desk.batch(&[]).spawn().unwrap();
    let id = desk.batch_id().await;
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("/bin/sh").args(["-c", &format!("kill -INT {pid}")]).status().await.unwrap();
    assert!(sent.success());
    let said = complaint(&end(child).await, 130);
    assert!(said.contains(&id) && said.contains("goes on"), "{said}");
    let other = finish(desk.batch(&["--window", "2h"])).await;
    assert!(complaint(&other, 2).contains("the window was 24h"), "{other:?}");

    let said = complaint(&finish(desk.batch(&["--cancel"])).await, 0);
    assert!(said.contains("Cancelled."), "{said}");
    let batch = platform.admin.get(&format!("/v1/batches/{id}")).await.expect(200).body;
    assert_eq!(batch["status"], "cancelled");
    let (done, failed) = (desk.lines("out.jsonl"), desk.lines("out.errors.jsonl"));
    assert_eq!(done.len() + failed.len(), 50, "each line is in one of them");
    let said = complaint(&finish(desk.batch(&["--cancel"])).await, 1);
    assert!(said.contains("nothing is running"), "{said}");
}

async fn jobs_are_listed_and_shown(platform: &Platform) {
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "[[say: later]]" }] });
    let asked = json!({ "path": "/v1/chat/completions", "body": body, "metadata": { "who": "cli" } });
    let taken = platform.admin.post("/v1/jobs", &asked).await.expect(202).body;
    let job = crate::jobs::ended(&platform.admin, &taken["id"]).await;
    let (desk, id) = (Desk::new(platform, &[]), job["id"].as_str().unwrap());
    let succeed = async |arguments: &[&str]| {
        let output = finish(desk.command(&[&["jobs"], arguments].concat())).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = succeed(&["list", "--kind", "call", "--metadata", "who=cli", "--json"]).await;
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.iter().map(|job| &job["id"]).collect::<Vec<_>>(), [id]);
    assert!(succeed(&["list", "--kind", "batch"]).await.contains("cancelled"));
    assert!(succeed(&["show", id]).await.contains("later"));
    let answer: Value = serde_json::from_str(&succeed(&["show", id, "--answer"]).await).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "later");
    assert_eq!(succeed(&["cancel", id]).await.trim(), format!("{id} succeeded"), "it stays as it ended");
    assert_eq!(succeed(&["dead", "--all"]).await.lines().count(), 1, "a heading and nothing below");
    let refused = finish(desk.command(&["jobs", "redrive", id])).await;
    assert!(complaint(&refused, 1).contains("409"), "{refused:?}");
}
