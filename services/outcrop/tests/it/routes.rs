//! `outcrop routes` and `outcrop config check`, with and without a running server.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, client, eventually, text};

const GOOD: &str = r#"
[[routes]]
alias = "fast"
[[routes.groups]]
targets = [{ model = "claude-haiku-4-5", weight = 3 }]
"#;

/// Three things are wrong with it.
const BAD: &str = r#"
[[routes]]
alias = "fast"
[[routes.groups]]
targets = [
    { model = "no-such-model" },
    { model = "claude-haiku-4-5", account = "nobodys" },
    { model = "us.anthropic.claude-haiku-4-5-20251001-v1:0" },
]
[routes.options]
residency = ["eu"]
"#;

fn write(home: &Home, name: &str, content: &str) -> String {
    let file = home.path().join(name);
    fs::write(&file, content).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_is_checked_without_a_network_or_a_database() {
    let home = Home::new();
    let good = write(&home, "good.toml", GOOD);
    assert_eq!(home.succeed(&["routes", "check", &good]).await, "The routes are good: 1 route.\n");
    let bad = write(&home, "bad.toml", BAD);
    let output = home.run(&["routes", "check", &bad]).await;
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    for (number, words) in
        [(0, "there is no model `no-such-model`"), (1, "no account `nobodys`"), (2, "does not stay in eu")]
    {
        let line = said.lines().find(|it| it.contains(&format!("targets[{number}]"))).unwrap_or_default();
        assert!(line.starts_with(&format!("outcrop: {bad}: routes[0].")) && line.contains(words), "{said}");
    }
    let slip = write(&home, "slip.toml", &GOOD.replace("weight", "wieght"));
    let output = home.run(&["routes", "check", &slip]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("did you mean `weight`?"), "{output:?}");
    let output = home.run(&["routes", "check", "nowhere.toml"]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(!home.data_dir().exists(), "nothing is made by looking");
}

#[tokio::test]
async fn the_check_of_settings_looks_at_the_routes_too() {
    let home = Home::new();
    let check = async |file: &str| {
        let mut command = home.command(&["config", "check"]);
        command.env("OUTCROP__ROUTING__ROUTES", file);
        crate::home::finish(command).await
    };
    let good = check(&write(&home, "routes.toml", GOOD)).await;
    assert_eq!((good.status.code(), text(&good.stdout).as_str()), (Some(0), "The settings are good.\n"));
    let file = write(&home, "routes.toml", BAD);
    let bad = check(&file).await;
    assert_eq!(bad.status.code(), Some(78));
    let line = format!("outcrop: `routing.routes`: {file}: routes[0].groups[0].targets[0].model: ");
    assert!(text(&bad.stderr).contains(&line), "{}", text(&bad.stderr));
    // What the check refuses, no server starts with.
    let mut start = home.command(&["--port", "0"]);
    start.env("OUTCROP__ROUTING__ROUTES", &file);
    let refused = crate::home::finish(start).await;
    assert_eq!(refused.status.code(), Some(78));
    assert!(text(&refused.stderr).contains(&line), "{}", text(&refused.stderr));
}

#[tokio::test]
async fn routes_are_applied_shown_and_applied_again() {
    let home = Home::new();
    let good = write(&home, "good.toml", GOOD);
    let applied = home.succeed(&["routes", "apply", &good]).await;
    assert_eq!(applied, "The routes are at revision 1: 1 route.\n");
    let shown = home.succeed(&["routes", "show"]).await;
    assert!(shown.starts_with("# revision 1, changed "), "{shown}");
    let again = write(&home, "shown.toml", &shown);
    let said = home.succeed(&["routes", "apply", &again]).await;
    assert_eq!(said, "The routes are so already, at revision 1.\n");
    let as_json = home.succeed(&["routes", "show", "--json"]).await;
    let table: Value = serde_json::from_str(&as_json).unwrap();
    assert_eq!(table["routes"][0]["groups"][0]["targets"][0]["weight"], 3);
    let as_json = write(&home, "shown.json", &as_json.replace("fast", "quick"));
    let stale = home.run(&["routes", "apply", &as_json, "--revision", "7"]).await;
    assert_eq!(stale.status.code(), Some(1), "{stale:?}");
    home.succeed(&["routes", "apply", &as_json, "--revision", "1"]).await;
    assert!(home.succeed(&["routes", "show"]).await.contains("alias = \"quick\""));
    let bad = write(&home, "bad.toml", BAD);
    assert_eq!(home.run(&["routes", "apply", &bad]).await.status.code(), Some(78));
    assert!(home.succeed(&["routes", "show"]).await.contains("# revision 2"));
    let audit = home.succeed(&["audit", "list"]).await;
    assert_eq!(audit.matches("routes.replace").count(), 2, "{audit}");
    home.succeed(&["audit", "verify"]).await;
}

#[tokio::test]
async fn a_file_of_the_settings_is_shown_and_not_applied_over() {
    let home = Home::new();
    let file = write(&home, "routes.toml", GOOD);
    let with_file = async |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("OUTCROP__ROUTING__ROUTES", &file);
        crate::home::finish(command).await
    };
    let shown = with_file(&["routes", "show"]).await;
    assert!(text(&shown.stdout).starts_with(&format!("# from {file}\n")), "{shown:?}");
    let refused = with_file(&["routes", "apply", &file]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("`routing.routes`"), "{refused:?}");
}

#[tokio::test]
async fn a_running_server_goes_by_what_is_applied() {
    let home = Home::new();
    let server = home.start().await;
    let key = server.key();
    let ask = async || {
        let body = json!({"model": "fast", "messages": [{"role": "user", "content": "[[say: hello]]"}]});
        let asked = client().post(format!("{}/v1/chat/completions", server.url)).bearer_auth(key).json(&body);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 404);
    home.succeed(&["routes", "apply", &write(&home, "good.toml", GOOD)]).await;
    eventually(Duration::from_secs(5), async || (ask().await == 200).then_some(())).await;

    let targets = home.command(&["routes", "targets", "--url", &server.url, "--key", key]);
    let listed = text(&crate::home::finish(targets).await.stdout);
    assert!(listed.starts_with("TARGET") && listed.contains("closed"), "{listed}");
    let keyless = home.run(&["routes", "targets", "--url", &server.url]).await;
    assert_eq!(keyless.status.code(), Some(2));
    let refused = home.run(&["routes", "targets", "--url", &server.url, "--key", "ock_of_nobody"]).await;
    assert_eq!(refused.status.code(), Some(1));
}
