//! A team's prompts over `/mcp`: listed as they are served, filled, and completed.

use std::sync::Arc;

use outcrop_ports::contract::samples::{draft, prompt, prompt_version, team, team_id};
use outcrop_ports::{Changed, PromptStore, TeamStore};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{Permission, Prompt, PromptTemplate, PromptVersion, Scope};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Setup, TestApp};
use crate::mcp_client::Mcp;

fn template(template: Value) -> PromptTemplate {
    serde_json::from_value(template).unwrap()
}

fn review() -> PromptTemplate {
    template(json!({
        "title": "Review code",
        "description": "Looks for mistakes.",
        "arguments": [
            { "name": "language", "description": "Which", "required": true, "values": ["Rust", "Ruby", "Go"] },
            { "name": "tone", "default": "kind" },
        ],
        "messages": [
            { "role": "user", "text": "Review this {{language}}, be {{ tone }}: {{{{" },
            { "role": "assistant", "text": "Gladly." },
        ],
    }))
}

/// A store with these prompts: two of the caller's team, of which one has an older version and a draft, one that is archived, and one of
/// another team.
async fn store() -> (Arc<SqliteStore>, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::connect(&folder.path().join("prompts.db")).await.unwrap();
    store.migrate().await.unwrap();
    for number in [2, 3] {
        assert_eq!(store.insert_team(&team(number), &draft("team.create")).await.unwrap(), Changed::Done);
    }
    for (number, of, name, current) in [
        (1, 2, "summary", Some(1)),
        (2, 2, "review", Some(1)),
        (3, 2, "old", None),
        (4, 3, "theirs", Some(1)),
    ] {
        let prompt = Prompt { team: team_id(of), name: name.to_owned(), current, ..prompt(number) };
        assert_eq!(store.insert_prompt(&prompt, &draft("prompt.create")).await.unwrap(), Changed::Done);
    }
    let mut second = Prompt { team: team_id(2), current: Some(2), latest: 2, ..prompt(2) };
    second.version = prompt_version(2, 2);
    second.version.template = review();
    assert_eq!(store.add_prompt_version(&second, &draft("prompt.add_version")).await.unwrap(), Changed::Done);
    let mut unserved = Prompt { latest: 3, revision: 1, ..second };
    unserved.version = PromptVersion { served_after: None, ..prompt_version(2, 3) };
    let added = store.add_prompt_version(&unserved, &draft("prompt.add_version")).await.unwrap();
    assert_eq!(added, Changed::Done);
    (Arc::new(store), folder)
}

async fn start(scope: Scope) -> (TestApp, TempDir) {
    let (prompts, folder) = store().await;
    (TestApp::with(Setup { prompts, scope, ..Setup::default() }).await, folder)
}

#[tokio::test]
async fn what_the_team_serves_is_listed_by_name() {
    let (app, _folder) = start(Scope::default()).await;
    for client in Mcp::both(&app).await {
        let listed = client.result("prompts/list", json!({})).await;
        let expected = json!([
            {
                "name": "review",
                "title": "Review code",
                "description": "Looks for mistakes.",
                "arguments": [
                    { "name": "language", "description": "Which", "required": true },
                    { "name": "tone", "required": false },
                ],
            },
            { "name": "summary" },
        ]);
        assert_eq!(listed["prompts"], expected);
    }
}

#[tokio::test]
async fn a_prompt_is_filled() {
    let (app, _folder) = start(Scope::default()).await;
    let said = |role: &str, text: &str| json!({ "role": role, "content": { "type": "text", "text": text } });
    for client in Mcp::both(&app).await {
        let get = async |name: &str, arguments: Value| {
            client.result("prompts/get", json!({ "name": name, "arguments": arguments })).await
        };
        let filled = get("review", json!({ "language": "Go", "tone": "{{language}}" })).await;
        let expected = [said("user", "Review this Go, be {{language}}: {{"), said("assistant", "Gladly.")];
        assert_eq!(
            (&filled["messages"], &filled["description"]),
            (&json!(expected), &json!("Looks for mistakes."))
        );
        let filled = get("review@2", json!({ "language": "Rust" })).await;
        assert_eq!(filled["messages"][0], said("user", "Review this Rust, be kind: {{"));
        let first = get("review@1", json!({})).await;
        assert_eq!(first["messages"], json!([said("user", "Version 1 of 2")]), "versions stay");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (app, _folder) = start(Scope::default()).await;
    for client in Mcp::both(&app).await {
        for (name, arguments, param, says) in [
            ("review", json!({}), "params.arguments.language", "`language` is required"),
            (
                "review",
                json!({ "language": "C" }),
                "params.arguments.language",
                "one of `Rust`, `Ruby`, `Go`",
            ),
            ("review", json!({ "language": 7 }), "params.arguments.language", "must be a text"),
            ("summary", json!({ "colour": "red" }), "params.arguments.colour", "no argument `colour`"),
            (
                "review",
                json!({ "language": "Go", "tone": "x".repeat(1 << 20) }),
                "params.arguments",
                "1048576 bytes",
            ),
            ("review@3", json!({}), "params.name", "`review` has no such version that was ever served"),
            ("review@4", json!({}), "params.name", "`review` has no such version that was ever served"),
            ("review@x", json!({}), "params.name", "no such version"),
            ("review@01", json!({}), "params.name", "no such version"),
            ("review@+1", json!({}), "params.name", "no such version"),
            ("old", json!({}), "params.name", "no such prompt"),
            ("old@1", json!({}), "params.name", "no such prompt"),
            ("theirs", json!({}), "params.name", "no such prompt"),
        ] {
            let heard = client.request("prompts/get", json!({ "name": name, "arguments": arguments })).await;
            let error = &heard.answer["error"];
            assert_eq!(
                (&error["code"], &error["data"]["param"]),
                (&json!(-32602), &json!(param)),
                "{heard:?}"
            );
            assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        }
    }
}

#[tokio::test]
async fn arguments_are_completed_by_what_they_may_be() {
    let (app, _folder) = start(Scope::default()).await;
    for client in Mcp::both(&app).await {
        let complete = async |name: &str, argument: &str, begun: &str| {
            let params = json!({
                "ref": { "type": "ref/prompt", "name": name },
                "argument": { "name": argument, "value": begun },
            });
            client.request("completion/complete", params).await.answer
        };
        for (argument, begun, values) in [
            ("language", "", json!(["Rust", "Ruby", "Go"])),
            ("language", "ru", json!(["Rust", "Ruby"])),
            ("language", "x", json!([])),
            ("tone", "", json!([])),
        ] {
            let answer = complete("review", argument, begun).await;
            let completion = &answer["result"]["completion"];
            assert_eq!((&completion["values"], &completion["hasMore"]), (&values, &json!(false)), "{answer}");
        }
        let answer = complete("review", "colour", "").await;
        assert_eq!(answer["error"]["data"]["param"], "params.argument.name", "{answer}");
        let answer = complete("theirs", "a", "").await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
}

#[tokio::test]
async fn whoever_may_not_use_it_is_refused() {
    let scope = Scope { permissions: Some(vec![Permission::InvokeModel]), ..Scope::default() };
    let (app, _folder) = start(scope).await;
    let client = Mcp::modern(&app, json!({}));
    for (method, params) in [("prompts/list", json!({})), ("prompts/get", json!({ "name": "summary" }))] {
        assert_eq!(client.send(method, params).await.status(), 403, "{method}");
    }
}
