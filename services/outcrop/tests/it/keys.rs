//! `outcrop keys`: narrow keys and rotation.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, eventually, finish, text};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn a_key_can_be_narrowed() {
    let home = Home::new();
    let line = [
        &["keys", "create", "--json", "--tag", "cost=42", "--tag", "app=a=b"][..],
        &[
            "--model",
            "nova-*",
            "--model",
            "claude-haiku-*",
            "--route",
            "/v1/chat/*",
            "--network",
            "127.0.0.0/8",
        ],
        &["--permission", "inference:invoke"],
    ]
    .concat();
    let key = read(&home.succeed(&line).await);
    assert_eq!(key["tags"], json!({"app": "a=b", "cost": "42"}));
    let scope = json!({
        "permissions": ["inference:invoke"], "routes": ["/v1/chat/*"], "models": ["nova-*", "claude-haiku-*"],
        "networks": ["127.0.0.0/8"],
    });
    assert_eq!(key["scope"], scope);
    for bad in [
        &["--permission", "all"][..],
        &["--network", "10.0.0.1/8"],
        &["--model", ""],
        &["--tag", "x"],
        &["--user", "a", "--service-account", "svc_00000000000000000000000000000001"],
    ] {
        let output = home.run(&[&["keys", "create"], bad].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
    }
    let output = home.run(&["keys", "create", "--route", "v1/chat"]).await;
    assert!(text(&output.stderr).contains("`scope.routes[0]`"), "{output:?}");
}

#[tokio::test]
async fn a_key_is_rotated_with_an_overlap() {
    let home = Home::new();
    let server = home.start().await;
    let old = home.succeed(&["keys", "create", "--name", "app"]).await;
    let output = home.run(&["keys", "rotate", old.trim()]).await;
    let new = text(&output.stdout);
    assert!(new.starts_with("ock_") && text(&output.stderr).contains("is replaced and ends: "), "{output:?}");
    for key in [&old, &new] {
        server.answer(key.trim(), "Hello").await;
    }
    let listed = home.succeed(&["keys", "list", "--active", "--team", "default"]).await;
    assert!(listed.contains("replaced"), "{listed}");
    let output = home.run(&["keys", "rotate", old.trim(), "--overlap", "0s"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("outcrop: the key was rotated before; `"), "{output:?}");
    let last = read(&home.succeed(&["keys", "rotate", new.trim(), "--overlap", "0s", "--json"]).await);
    server.answer(last["key"].as_str().unwrap(), "Hello").await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_the_shell_revokes_is_heard_by_running_servers() {
    let home = Home::new();
    let redis = [("OUTCROP__CACHE__URL".to_owned(), outcrop_testkit::redis_url())];
    let server = home.start_with(&redis).await;
    let created = read(&home.succeed(&["keys", "create", "--json"]).await);
    let key = created["key"].as_str().unwrap();
    server.answer(key, "Hello").await;
    let mut command = home.command(&["keys", "revoke", created["id"].as_str().unwrap()]);
    command.envs(redis);
    assert!(finish(command).await.status.success());
    // What is pushed is remembered for 30 seconds: only by hearing of it can the server know sooner.
    eventually(Duration::from_secs(5), async || {
        (server.ask(key, "Hello", false).await.status() == 401).then_some(())
    })
    .await;
}
