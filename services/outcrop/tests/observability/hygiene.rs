//! What four services write while everything is done with them that has a secret: lines that parse, one for each failure, and
//! no secret and no prompt in any of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client, MODEL, answer, ask, ask_streamed, http};
use crate::person::{PASSWORD, Person, new_team};
use crate::platform::{INTERNAL_SECRET, Platform};
use crate::secrets::Secrets;
use crate::wait::until;
use crate::world::World;

/// In every prompt here.
const PROMPT: &str = "xylophone-prompt-of-nobodys-business";
/// In every answer here.
const SAID: &str = "ocelot-answer-of-nobodys-business";
/// A password that is wrong.
const WRONG: &str = "a mule, a candle, a paperclip";
const AWS_SECRET: &str = "aws-secret-of-nobodys-business";

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn nothing_that_is_told_holds_a_secret_or_a_prompt() {
    nothing_is_told_at("debug").await;
}

/// Not even what the crates below us would tell.
#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn whoever_asks_for_everything_is_told_no_secret_and_no_prompt() {
    nothing_is_told_at("trace").await;
}

async fn nothing_is_told_at(filter: &str) {
    let world = World::apart(&[
        ("TELEMETRY__FILTER", filter),
        ("METRICS__EMF", "stdout"),
        ("TELEMETRY__OTLP_HEADERS", "x-token=collector-token-of-nobodys-business"),
        ("AUTH__STATIC_KEY", "a-static-key-of-more-than-thirty-two-bytes"),
    ])
    .await;
    let mut secrets = Secrets::default();
    secrets.add("the prompt", PROMPT);
    secrets.add("the answer", SAID);
    secrets.add("the collector's token", "collector-token-of-nobodys-business");
    secrets.add("the static key", "a-static-key-of-more-than-thirty-two-bytes");
    secrets.add("the internal secret", INTERNAL_SECRET);
    secrets.add("a wrong password", WRONG);
    secrets.add("a password", PASSWORD);
    secrets.add("the secret of hashes of keys", "journeys-key-secret-of-at-least-32-bytes");
    secrets.add("the first key", &world.platform.key);
    people(&world.platform, &mut secrets).await;
    let client = keys(&world.platform, &mut secrets).await;
    let answered = chats(&client).await;
    webhooks(&world.platform, &mut secrets).await;
    let failed = failures(&world.platform, &client, &mut secrets).await;

    let logs = settled(&world.platform, &failed).await;
    every_line_is_json(&logs);
    for (id, status) in &failed {
        one_line_for(&logs, id, *status);
    }
    for answer in &answered {
        access_line_of(&logs, answer);
    }
    let mut texts = logs;
    let spans = world.collector.spans();
    assert!(spans.len() > 50, "{}", spans.len());
    texts.push(("a span".into(), spans.iter().map(|it| format!("{}\n", it.whole())).collect()));
    for service in world.platform.services.all() {
        let page = http().get(format!("{}/metrics", service.url)).send().await.unwrap();
        texts.push((format!("the metrics of {}", service.url), page.text().await.unwrap()));
    }
    secrets.are_not_in(&texts);
}

/// Somebody is invited, logs in, goes on with another token, and gets the password wrong.
async fn people(platform: &Platform, secrets: &mut Secrets) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "developer").await;
    let login = person.log_in(platform).await;
    secrets.add("an access token", login.client.key());
    secrets.add("a refresh token", &login.refresh);
    login.client.chat(&ask(&prompt())).await.expect(200);
    let refreshed = login.refreshed(platform).await.expect(200).body;
    secrets.add("another access token", refreshed["access_token"].as_str().unwrap());
    person.grant(platform, WRONG).await;
    let asked = json!({ "name": "invited", "team": team, "role": "viewer" });
    let invited = platform.admin.post("/admin/v1/users", &asked).await.expect(201).body;
    secrets.add("an invitation", invited["invitation"].as_str().unwrap());
    let browser = platform.admin.without_key();
    let form = json!({ "username": person.name, "password": PASSWORD, "team": team });
    let page = browser.request(Method::POST, "/auth/login").json(&form).send().await.unwrap();
    for cookie in page.headers().get_all("set-cookie") {
        let value = cookie.to_str().unwrap().split([';', '=']).nth(1).unwrap_or_default().to_owned();
        if value.len() >= 12 {
            secrets.add("a cookie", &value);
        }
    }
}

/// A key is made, and another takes its place; who has it.
async fn keys(platform: &Platform, secrets: &mut Secrets) -> Client {
    let created = platform.create_key(&json!({ "name": "short-lived", "role": "developer" })).await.body;
    secrets.add("a key", created["key"].as_str().unwrap());
    let path = format!("/admin/v1/keys/{}/rotate", created["id"].as_str().unwrap());
    let rotated = platform.admin.post(&path, &json!({})).await;
    let key = rotated.body["key"].as_str().unwrap_or_else(|| panic!("{rotated:#?}")).to_owned();
    secrets.add("its successor", &key);
    platform.admin.with_key(&key)
}

fn prompt() -> String {
    format!("{PROMPT} [[say: {SAID}]]")
}

/// Every dialect, whole and in pieces.
async fn chats(client: &Client) -> Vec<Answer> {
    let messages = json!([{ "role": "user", "content": prompt() }]);
    let mut answered = Vec::new();
    for (path, body) in [
        ("/v1/chat/completions", ask(&prompt())),
        ("/v1/messages", json!({ "model": MODEL, "max_tokens": 100, "messages": messages })),
        ("/v1/responses", json!({ "model": MODEL, "input": prompt() })),
        ("/generate", json!({ "prompt": prompt() })),
        (
            &format!("/model/{MODEL}/converse"),
            json!({ "messages": [{ "role": "user", "content": [{ "text": prompt() }] }] }),
        ),
    ] {
        let answer = client.post(path, &body).await.expect(200);
        assert!(answer.body.to_string().contains(SAID), "{path}: {answer:#?}");
        answered.push(answer);
    }
    let stream = client.chat_stream(&ask_streamed(&prompt())).await;
    stream.chunks().await;
    let job = json!({ "path": "/generate", "body": { "prompt": prompt() } });
    let job = client.post("/v1/jobs", &job).await.expect(202);
    let path = format!("/v1/jobs/{}", job.body["id"].as_str().unwrap());
    until("the job", async || (client.get(&path).await.body["status"] == "succeeded").then_some(())).await;
    answered.push(job);
    answered
}

/// An endpoint with a secret is told of something, and gets another secret.
async fn webhooks(platform: &Platform, secrets: &mut Secrets) {
    let url =
        format!("{}/hook-path-of-nobodys-business?token=hook-token-of-nobodys", platform.emulator.url());
    let created = platform.admin.post("/v1/webhooks", &json!({ "url": url })).await.expect(201).body;
    secrets.add("a webhook's secret", created["secret"].as_str().unwrap());
    secrets.add("a webhook's token", "hook-token-of-nobodys");
    let path = format!("/v1/webhooks/{}", created["id"].as_str().unwrap());
    answer(platform.admin.request(Method::POST, &format!("{path}/test"))).await.expect(202);
    let rotated = platform.admin.post(&format!("{path}/rotate"), &json!({})).await;
    if let Some(secret) = rotated.body["secret"].as_str() {
        secrets.add("a webhook's next secret", secret);
    }
}

/// What goes wrong, and each request's id and status.
async fn failures(platform: &Platform, client: &Client, secrets: &mut Secrets) -> Vec<(String, u16)> {
    let mut failed = Vec::new();
    let mut note = |answer: Answer, status: u16| {
        let answer = answer.expect(status);
        failed.push((answer.request_id(), status));
    };
    note(client.chat(&json!({ "model": MODEL, "messages": prompt() })).await, 400);
    note(
        client.chat(&json!({ "model": "no-such-model", "messages": ask(&prompt())["messages"] })).await,
        404,
    );
    let broken = client.chat(&ask(&format!("{} [[fault: internalServer]]", prompt()))).await;
    let status = broken.status;
    note(broken, status);
    assert!(status >= 500, "{status}");
    note(client.get("/admin/v1/audit").await, 403);
    let forged = "ock_0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ_of_nobody";
    secrets.add("a forged key", forged);
    note(platform.admin.with_key(forged).get("/v1/models").await, 401);
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4eWxvcGhvbmUifQ.c2lnbmF0dXJlLW9mLW5vYm9keQ";
    secrets.add("a forged token", token);
    note(platform.admin.with_key(token).chat(&ask(&prompt())).await, 401);
    let in_query = format!("/v1/models?api_key={AWS_SECRET}");
    secrets.add("a key in a query", AWS_SECRET);
    note(platform.admin.without_key().get(&in_query).await, 401);
    failed
}

/// What the services wrote, once the last failure is among it.
async fn settled(platform: &Platform, failed: &[(String, u16)]) -> Vec<(String, String)> {
    let (last, _) = failed.last().unwrap();
    let logs = || -> Vec<(String, String)> {
        platform.services.all().iter().map(|it| (format!("the log of {}", it.url), it.log())).collect()
    };
    until("the last line", async || logs().iter().any(|(_, log)| log.contains(last.as_str())).then_some(()))
        .await;
    // Longer than metrics and spans wait for the next round.
    tokio::time::sleep(Duration::from_secs(3)).await;
    logs()
}

fn every_line_is_json(logs: &[(String, String)]) {
    for (place, log) in logs {
        assert!(log.lines().count() > 10, "{place} says little");
        for line in log.lines() {
            let parsed = serde_json::from_str::<Value>(line);
            assert!(parsed.is_ok_and(|it| it.is_object()), "{place}: {line}");
        }
    }
}

/// The lines of all logs that are about a request.
fn lines_of(logs: &[(String, String)], id: &str) -> Vec<Value> {
    let lines = logs.iter().flat_map(|(_, log)| log.lines()).filter(|line| line.contains(id));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["request.id"] == id).collect()
}

/// A failure is told once, with what it was; attempts at regions, of which some fail, have lines of their own.
fn one_line_for(logs: &[(String, String)], id: &str, status: u16) {
    let all = lines_of(logs, id);
    let told: Vec<_> = all.iter().filter(|line| line["message"] == "request failed").collect();
    assert_eq!(told.len(), 1, "{id} {status}: {all:#?}");
    assert!(told[0]["error.code"].is_string() && told[0]["error"].is_string(), "{:#}", told[0]);
}

/// What the gateway says of an answer.
fn access_line_of(logs: &[(String, String)], answer: &Answer) {
    let id = answer.request_id();
    let all = lines_of(logs, &id);
    let told: Vec<_> = all.iter().filter(|it| it["target"] == "outcrop::access").collect();
    let [line] = told[..] else { panic!("one access line of {id}: {all:#?}") };
    for name in ["trace.id", "team.id", "subject.id", "http.route"] {
        assert!(line[name].is_string(), "{name} of {line:#}");
    }
    assert_eq!(line["http.response.status_code"], answer.status);
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
}
