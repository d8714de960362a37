//! Work over MCP within one process: submitted, waited for, told of, read and cancelled.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::home::{Home, Running, client, eventually};

const VERSION: &str = "2025-11-25";
/// Longest wait for any one message.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client with a session, whose user fills forms.
struct Client<'a> {
    server: &'a Running,
    session: Option<String>,
}

impl<'a> Client<'a> {
    async fn begin(server: &'a Running) -> Self {
        let mut this = Self { server, session: None };
        let params = json!({
            "protocolVersion": VERSION,
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "tests", "version": "1" },
        });
        let answer = this.send("initialize", &params).await;
        assert_eq!(answer.status(), 200);
        this.session = Some(answer.headers()["mcp-session-id"].to_str().unwrap().to_owned());
        this.tell(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        this
    }

    fn request(&self, method: Method) -> reqwest::RequestBuilder {
        let request = client()
            .request(method, format!("{}/mcp", self.server.url))
            .bearer_auth(self.server.key())
            .header("accept", "application/json, text/event-stream");
        match &self.session {
            Some(id) => request.header("mcp-session-id", id).header("mcp-protocol-version", VERSION),
            None => request,
        }
    }

    async fn send(&self, method: &str, params: &Value) -> Response {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.request(Method::POST).json(&message).send().await.unwrap()
    }

    /// Sends what has no answer: a notification, or an answer.
    async fn tell(&self, message: &Value) {
        let answer = self.request(Method::POST).json(message).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }

    async fn result(&self, method: &str, params: Value) -> Value {
        let mut messages = Messages::of(self.send(method, &params).await);
        messages.until(|it| it["id"] == 1).await["result"].clone()
    }

    /// Calls a tool, and wants to be told of progress.
    async fn call(&self, tool: &str, arguments: Value) -> Messages {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } });
        Messages::of(self.send("tools/call", &params).await)
    }

    /// The values of a tool's result.
    async fn values(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments).await.until(|it| it["id"] == 1).await;
        assert!(answer["result"]["structuredContent"].is_object(), "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    async fn read(&self, uri: &str) -> Value {
        self.result("resources/read", json!({ "uri": uri })).await["contents"][0].clone()
    }
}

/// The messages of an answer, as they come.
struct Messages {
    response: Response,
    rest: String,
    /// Those that came before what was waited for.
    heard: Vec<Value>,
}

impl Messages {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        Self { response, rest: String::new(), heard: Vec::new() }
    }

    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.next()).await.expect("a message comes");
            if wanted(&message) {
                return message;
            }
            self.heard.push(message);
        }
    }

    async fn next(&mut self) -> Value {
        let is_stream = self.response.headers()["content-type"].to_str().unwrap().contains("event-stream");
        loop {
            while let Some((line, rest)) = self.rest.split_once('\n').filter(|_| is_stream) {
                let message = line.strip_prefix("data:").and_then(|it| serde_json::from_str(it.trim()).ok());
                self.rest = rest.to_owned();
                if let Some(message) = message {
                    return message;
                }
            }
            match self.response.chunk().await.unwrap() {
                Some(chunk) => self.rest.push_str(std::str::from_utf8(&chunk).unwrap()),
                None => return serde_json::from_str(&self.rest).expect("a message before the end"),
            }
        }
    }
}

#[tokio::test]
async fn a_job_is_submitted_waited_for_told_of_and_read() {
    let home = Home::new();
    let server = home.start().await;
    let client = Client::begin(&server).await;
    let prompt = json!({ "prompt": "[[latency: 2000]] [[say: later]]", "metadata": { "run": "7" } });
    let job = client.values("submit_job", prompt).await;
    let uri = job["uri"].as_str().unwrap();
    client.result("resources/subscribe", json!({ "uri": uri })).await;
    let mut news = Messages::of(client.request(Method::GET).send().await.unwrap());
    let mut waiting = client.call("get_job", json!({ "id": job["id"], "wait_s": 20 })).await;
    let done = waiting.until(|it| it["id"] == 1).await["result"]["structuredContent"].clone();
    assert_eq!((&done["status"], &done["text"]), (&json!("succeeded"), &json!("later")), "{done}");
    assert_eq!(done["metadata"], json!({ "run": "7" }));
    assert!(done["usage"]["output"].as_u64().unwrap() > 0, "{done}");
    let progress = waiting.heard.iter().filter(|it| it["method"] == "notifications/progress").count();
    assert!(progress > 0, "{:?}", waiting.heard);
    let of_the_job = |it: &Value| {
        it["method"] == "notifications/resources/updated" && it["params"]["uri"].as_str() == Some(uri)
    };
    // It began before it ended: what is heard last is the end.
    let ended = async {
        loop {
            news.until(of_the_job).await;
            let shown = client.read(uri).await;
            let shown: Value = serde_json::from_str(shown["text"].as_str().unwrap()).unwrap();
            if shown["status"] == "succeeded" {
                return shown;
            }
        }
    };
    assert_eq!(ended.await["id"], job["id"]);
    let result = client.read(done["result_uri"].as_str().unwrap()).await;
    let result: Value = serde_json::from_str(result["text"].as_str().unwrap()).unwrap();
    assert_eq!((&result["text"], &result), (&json!("later"), &done["answer"]));
    let listed = client.result("resources/list", json!({})).await;
    assert!(listed.to_string().contains(uri), "{listed}");
}

#[tokio::test]
async fn a_file_and_a_batch_are_read() {
    let home = Home::new();
    let server = home.start().await;
    let client_of = Client::begin(&server).await;
    let line = r#"{"custom_id":"q1","method":"POST","url":"/v1/chat/completions","body":{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"[[say: done]]"}]}}"#;
    let form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x\r\ncontent-disposition: form-data; \
         name=\"file\"; filename=\"lines.jsonl\"\r\n\r\n{line}\n\r\n--x--\r\n"
    );
    let post = |path: &str| client().post(format!("{}{path}", server.url)).bearer_auth(server.key());
    let sent = post("/v1/files").header("content-type", "multipart/form-data; boundary=x").body(form);
    let file: Value = sent.send().await.unwrap().json().await.unwrap();
    let shown = client_of.read(&format!("outcrop://files/{}", file["id"].as_str().unwrap())).await;
    assert_eq!(
        (&shown["text"], &shown["mimeType"]),
        (&json!(format!("{line}\n")), &json!("application/jsonl"))
    );
    let batch =
        json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch: Value = post("/v1/batches").json(&batch).send().await.unwrap().json().await.unwrap();
    let done = eventually(PATIENCE, async || {
        let batch = client_of.values("get_batch", json!({ "id": batch["id"] })).await;
        (batch["status"] == "completed").then_some(batch)
    })
    .await;
    assert_eq!(done["request_counts"], json!({ "total": 1, "completed": 1, "failed": 0 }), "{done}");
    let output = client_of.read(done["output_uri"].as_str().unwrap()).await;
    assert!(output["text"].as_str().unwrap().contains("\"q1\""), "{output}");
    let listed = client_of.values("list_jobs", json!({ "kind": "batch" })).await;
    assert_eq!(listed["jobs"][0]["batch_id"], batch["id"], "{listed}");
}

#[tokio::test]
async fn a_job_is_cancelled_once_its_person_agrees() {
    let home = Home::new();
    let server = home.start().await;
    let client = Client::begin(&server).await;
    let slow = json!({ "prompt": "[[latency: 20000]] [[say: never]]" });
    let job = client.values("submit_job", slow).await;
    for (agreed, status) in [(false, ["queued", "running"]), (true, ["cancelled", "cancelled"])] {
        let mut call = client.call("cancel_job", json!({ "id": job["id"] })).await;
        let form = call.until(|it| it["method"] == "elicitation/create").await;
        assert!(form["params"]["message"].as_str().unwrap().contains(job["id"].as_str().unwrap()), "{form}");
        let said = json!({ "action": "accept", "content": { "confirm": agreed } });
        client.tell(&json!({ "jsonrpc": "2.0", "id": form["id"], "result": said })).await;
        let answer = call.until(|it| it["id"] == 1 && it.get("result").is_some()).await;
        assert_eq!(answer["result"]["structuredContent"]["cancelled"], agreed, "{answer}");
        let shown = client.values("get_job", json!({ "id": job["id"] })).await;
        assert!(status.contains(&shown["status"].as_str().unwrap()), "{agreed}: {shown}");
    }
}
