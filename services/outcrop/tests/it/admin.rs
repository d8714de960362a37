//! The commands that administer a platform, beside a running server or without one.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{Home, eventually, finish, text};

#[tokio::test]
async fn a_key_works_until_it_is_revoked() {
    let home = Home::new();
    let server = home.start().await;
    let created = home.succeed(&["keys", "create", "--name", "ci", "--role", "developer", "--json"]).await;
    let created: Value = serde_json::from_str(&created).unwrap();
    let (key, id) = (created["key"].as_str().unwrap(), created["id"].as_str().unwrap());
    server.answer(key, "Hello").await;
    let listed = home.succeed(&["keys", "list"]).await;
    assert!(listed.contains(id) && listed.contains("ci"), "{listed}");
    assert!(!listed.contains(key), "no list shows a key");

    home.succeed(&["keys", "revoke", id]).await;
    let revoked = Instant::now();
    eventually(Duration::from_secs(3), async || {
        (server.ask(key, "Hello", false).await.status() == 401).then_some(())
    })
    .await;
    // One second is the promise; the rest is for a slow machine.
    assert!(revoked.elapsed() < Duration::from_millis(2_000), "took {:?}", revoked.elapsed());
    server.answer(server.key(), "Hello").await;
    assert!(home.succeed(&["keys", "list"]).await.contains("revoked"));
}

#[tokio::test]
async fn a_key_can_be_limited() {
    let home = Home::new();
    let server = home.start().await;
    let key = home.succeed(&["keys", "create", "--requests-per-minute", "2", "--expires-in", "1h"]).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(server.ask(key.trim(), "Hello", false).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn keys_can_be_made_before_the_first_start() {
    let home = Home::new();
    let output = home.run(&["keys", "create"]).await;
    assert!(output.status.success(), "{output:?}");
    let key = text(&output.stdout);
    let server = home.start().await;
    assert_eq!(server.key, None, "the admin is there already");
    server.answer(key.trim(), "Hello").await;
    let keys = home.succeed(&["keys", "list", "--json"]).await;
    let active = keys.lines().filter(|line| line.contains(r#""revoked_at":null"#)).count();
    assert_eq!(active, 1, "no key is good that nobody has seen: {keys}");
}

#[tokio::test]
async fn looking_makes_no_platform() {
    let home = Home::new();
    for command in [&["keys", "list"][..], &["keys", "revoke", "aaaaaaaaaaaaaaaa"], &["usage"]] {
        let output = home.run(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(text(&output.stderr).starts_with("outcrop: there is no database "), "{output:?}");
    }
    home.succeed(&["keys", "create"]).await;
    assert!(home.succeed(&["keys", "list"]).await.contains("active"));
}

#[tokio::test]
async fn wrong_key_ids_are_told() {
    let home = Home::new();
    assert_eq!(home.run(&["keys", "revoke", "nonsense"]).await.status.code(), Some(2));
    home.succeed(&["migrate"]).await;
    let output = home.run(&["keys", "revoke", "aaaaaaaaaaaaaaaa"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "outcrop: there is no such key\n");
    let output = home.run(&["keys", "create", "--team", "nobody"]).await;
    assert_eq!(text(&output.stderr), "outcrop: there is no team named `nobody`\n");
}

#[tokio::test]
async fn migrations_are_checked_and_applied() {
    let home = Home::new();
    let output = home.run(&["migrate", "--check"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!home.data_dir().exists(), "a check makes nothing");
    assert!(home.succeed(&["migrate"]).await.starts_with("Applied "));
    assert_eq!(home.succeed(&["migrate"]).await, "The database is up to date.\n");
    home.succeed(&["migrate", "--check"]).await;
}

#[tokio::test]
async fn settings_are_shown_with_their_sources() {
    let home = Home::new();
    let mut command = home.command(&["config", "show"]);
    command
        .env("OUTCROP__AUTH__KEY_SECRET", "a-secret-that-is-long-enough-0123")
        .env("OUTCROP__SERVER__PORT", "9000");
    let shown = text(&finish(command).await.stdout);
    assert!(shown.contains("port = 9000  # OUTCROP__SERVER__PORT"), "{shown}");
    assert!(!shown.contains("long-enough"), "{shown}");
    home.succeed(&["config", "check"]).await;
    let mut command = home.command(&["config", "check"]);
    command.env("OUTCROP__CACHE__URL", "localhost");
    assert_eq!(finish(command).await.status.code(), Some(78));
}

#[tokio::test]
async fn health_is_an_exit_code() {
    let home = Home::new();
    let server = home.start().await;
    home.succeed(&["healthcheck", "--url", &server.url]).await;
    home.succeed(&["healthcheck", "--ready", "--url", &server.url]).await;
    let url = server.url.clone();
    server.kill().await;
    assert_eq!(home.run(&["healthcheck", "--url", &url]).await.status.code(), Some(1));
}

#[tokio::test]
async fn help_and_version_are_there() {
    let home = Home::new();
    assert!(home.succeed(&["--version"]).await.starts_with("outcrop "));
    let help = home.succeed(&["--help"]).await;
    for command in [
        "serve",
        "keys",
        "users",
        "teams",
        "audit",
        "chat",
        "usage",
        "ledger",
        "migrate",
        "config",
        "healthcheck",
    ] {
        assert!(help.contains(command), "{help}");
    }
}
