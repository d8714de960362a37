//! What four services write while everything is done with them that has a secret: lines that parse, one for each failure, and
//! no secret and no prompt in any of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client, MODEL, answer, ask, ask_streamed, http};
use crate::person::{PASSWORD, Person, new_team};
use crate::platform::{INTERNAL_SECRET, Platform};
use crate::receiver::Collector;
use crate::secrets::Secrets;
use crate::session::Session;
use crate::wait::until;
use crate::world::{World, apart, settings};

/// In every prompt here.
const PROMPT: &str = "xylophone-prompt-of-nobodys-business";
/// In every answer here.
const SAID: &str = "ocelot-answer-of-nobodys-business";
/// A password that is wrong.
const WRONG: &str = "a mule, a candle, a paperclip";
/// Signs what the services ask of AWS.
const AWS_SECRET: &str = "aws-secret-of-nobodys-business";
/// In the query of a request.
const IN_QUERY: &str = "query-secret-of-nobodys-business";
/// What breaks off a stream in its middle, and how that is told.
const BREAKS: [(&str, &str, &str); 3] = [
    ("streamModelError", "ERROR", "upstream"),
    ("cut", "ERROR", "unavailable"),
    // Of a mistake in the request: nothing of it was refused before the answer had begun.
    ("streamValidation", "WARN", "invalid_request"),
];

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn nothing_that_is_told_holds_a_secret_or_a_prompt() {
    nothing_is_told_at("debug").await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_told_in_one_line() {
    let world = World::together(&[]).await;
    let broken = broken_streams(&world.platform.admin).await;
    let log =
        || world.platform.services.all().iter().map(|it| (it.url.clone(), it.log())).collect::<Vec<_>>();
    for (id, (_, level, code)) in broken.iter().zip(BREAKS) {
        until("the line", async || (!lines_of(&log(), id).is_empty()).then_some(())).await;
        told_once(&log(), id, (level, code));
    }
}

/// Not even what the crates below us would tell.
#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn whoever_asks_for_everything_is_told_no_secret_and_no_prompt() {
    nothing_is_told_at("trace").await;
}

async fn nothing_is_told_at(filter: &str) {
    let collector = Collector::start();
    let over = [
        ("TELEMETRY__FILTER", filter),
        ("METRICS__EMF", "stdout"),
        ("TELEMETRY__OTLP_HEADERS", "x-token=collector-token-of-nobodys-business"),
        ("AUTH__STATIC_KEY", "a-static-key-of-more-than-thirty-two-bytes"),
    ];
    let mut env = settings(&collector.url, &over);
    env.push(("AWS_SECRET_ACCESS_KEY".to_owned(), AWS_SECRET.to_owned()));
    let world = World { platform: apart(&env).await, collector };
    let mut secrets = Secrets::default();
    secrets.add("AWS's secret access key", AWS_SECRET);
    secrets.add("what Bedrock repeats of a request", outcrop_emulator::QUOTED);
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
    let broken = broken_streams(&client).await;
    let anew = asked_anew(&world.platform).await;
    tool(&world.platform, &mut secrets).await;
    let failed = failures(&world.platform, &client, &mut secrets).await;

    let logs = settled(&world.platform, &failed).await;
    every_line_is_json(&logs);
    for (id, status) in &failed {
        one_line_for(&logs, id, *status);
    }
    for (id, (_, level, code)) in broken.iter().zip(BREAKS) {
        told_once(&logs, id, (level, code));
        let line = access_line(&logs, id);
        assert_eq!(
            (&line["outcrop.outcome"], &line["error"]),
            (&json!("broken_off"), &Value::Null),
            "{line:#}"
        );
    }
    one_line_for(&logs, &anew, 400);
    let attempts = lines_of(&logs, &anew);
    let attempt = attempts.iter().find(|it| it["outcrop.attempt"] == 1 && it["error"].is_string());
    let attempt = attempt.unwrap_or_else(|| panic!("no line of the first attempt: {attempts:#?}"));
    assert!(attempt["aws.request_id"].is_string() && attempt["outcrop.outcome"] == "invalid", "{attempt:#}");
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

/// Answers that break off in their middle; the ids of the requests.
async fn broken_streams(client: &Client) -> Vec<String> {
    let mut broken = Vec::new();
    for (fault, ..) in BREAKS {
        let prompt =
            format!("{PROMPT} [[say: {SAID} and three or four more words]] [[fault: {fault} after 4]]");
        let stream = client.chat_stream(&ask_streamed(&prompt)).await;
        let id = stream.header("x-request-id");
        let events = stream.rest().await;
        assert!(events.last().is_some_and(|it| it.json()["error"].is_object()), "{fault}: {events:#?}");
        broken.push(id);
    }
    broken
}

/// Bedrock refuses a request, repeating what it refuses, and is asked again: what an attempt came to has lines of its own. The
/// request's id.
async fn asked_anew(platform: &Platform) -> String {
    let path = "/admin/v1/routes";
    let shown = platform.admin.get(path).await.expect(200);
    let route = json!({
        "alias": "anew", "options": { "attempts": 2, "retry": { "invalid": "here" } },
        "groups": [{ "targets": [{ "model": MODEL }] }],
    });
    let put = platform.admin.request(Method::PUT, path).header("if-match", shown.header("etag"));
    answer(put.json(&json!({ "routes": [route] }))).await.expect(200);
    let prompt = format!("{} [[fault: validation]]", prompt());
    let body = json!({ "model": "anew", "messages": ask(&prompt)["messages"] });
    let refused = until("the route", async || {
        let answer = platform.admin.chat(&body).await;
        (answer.status != 404).then_some(answer)
    });
    refused.await.expect(400).request_id()
}

/// A tool is called, once well and once not.
async fn tool(platform: &Platform, secrets: &mut Secrets) {
    let session = Session::begin(&platform.services.front().url, &platform.key).await;
    secrets.add("the id of a session", session.id.as_deref().unwrap());
    for (prompt, failed) in [(prompt(), false), (format!("{} [[fault: internalServer]]", prompt()), true)] {
        let call = json!({ "name": "generate", "arguments": { "prompt": prompt } });
        let told = session.ask("tools/call", &call).await;
        assert_eq!(told.body["result"]["isError"] == true, failed, "{told:#?}");
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
    let in_query = format!("/v1/models?api_key={IN_QUERY}");
    secrets.add("a key in a query", IN_QUERY);
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

/// Of all services one says loudly that a stream broke off, and says all of it.
fn told_once(logs: &[(String, String)], id: &str, (level, code): (&str, &str)) {
    let all = lines_of(logs, id);
    let loud: Vec<_> =
        all.iter().filter(|it| ["WARN", "ERROR"].iter().any(|level| it["level"] == *level)).collect();
    let [line] = loud[..] else { panic!("one loud line of {id}: {all:#?}") };
    assert_eq!(all.iter().filter(|it| it["message"] == "request failed").count(), 1, "{all:#?}");
    assert_eq!(
        (&line["message"], &line["level"], &line["error.code"]),
        (&json!("request failed"), &json!(level), &json!(code)),
        "{line:#}"
    );
    assert!(line["error"].as_str().unwrap().starts_with("the answer broke off: "), "{line:#}");
    assert!(line["aws.request_id"].is_string(), "{line:#}");
}

/// What the gateway says of a request that was answered.
fn access_line(logs: &[(String, String)], id: &str) -> Value {
    let all = lines_of(logs, id);
    let mut told = all.iter().filter(|it| it["target"] == "outcrop::access");
    let (Some(line), None) = (told.next(), told.next()) else { panic!("one access line of {id}: {all:#?}") };
    line.clone()
}

/// What the gateway says of an answer.
fn access_line_of(logs: &[(String, String)], answer: &Answer) {
    let line = access_line(logs, &answer.request_id());
    for name in ["trace.id", "team.id", "subject.id", "http.route"] {
        assert!(line[name].is_string(), "{name} of {line:#}");
    }
    assert_eq!(line["http.response.status_code"], answer.status);
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
}
