//! The MCP Inspector's command line.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fleet::Fleet;
use crate::programs::{bin, printed, run};

/// What the Inspector prints of one method.
async fn inspect(fleet: &Fleet, method: &str, more: &[&str]) -> Value {
    let home = TempDir::new().unwrap();
    let mut command = bin("mcp-inspector");
    command
        .args([
            "--cli",
            "--method",
            method,
            "--transport",
            "http",
            "--server-url",
            &format!("{}/mcp", fleet.url),
        ])
        .args(["--header", &format!("Authorization: Bearer {}", fleet.key)])
        .args(more)
        .env("HOME", home.path())
        .current_dir(home.path());
    let printed = printed(&run(&mut command).await);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and Node.js: cargo xtask test"]
async fn the_inspector_lists_and_calls_tools() {
    let fleet = Fleet::together(&[]).await;
    let listed = inspect(&fleet, "tools/list", &[]).await;
    let names: Vec<_> = listed["tools"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    for name in ["generate", "chat", "embed", "rerank", "list_models", "count_tokens", "usage_me"] {
        assert!(names.contains(&json!(name)), "{name} is not in {names:?}");
    }

    let called = inspect(&fleet, "tools/call", &["--tool-name", "list_models"]).await;
    assert_ne!(called["isError"], true, "{called:#}");
    assert!(called["structuredContent"].is_object(), "{called:#}");

    let arguments =
        ["--tool-name", "generate", "--tool-arg", "model=claude-haiku-4-5", "prompt=[[say: river]]"];
    let called = inspect(&fleet, "tools/call", &arguments).await;
    assert_eq!(called["content"][0]["type"], "text", "{called:#}");
    assert!(called["content"][0]["text"].as_str().unwrap().contains("river"), "{called:#}");
}
