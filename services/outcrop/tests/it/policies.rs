//! `outcrop policies`, with and without a running server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, eventually, text};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn a_policy_is_set_shown_changed_and_deleted() {
    let home = Home::new();
    let team = home.succeed(&["teams", "create", "acme"]).await;
    let line = [
        &["policies", "set", "--team", "acme", "--requests-per-minute", "600", "--budget", "month=50USD"][..],
        &["--budget", "7d=20", "--time-zone", "Europe/Zurich", "--alert-at", "100,80"],
        &["--max-output-tokens", "4096", "--allow-model", "claude-*", "--allow-model", "nova-*", "--json"],
    ]
    .concat();
    let made = read(&home.succeed(&line).await);
    assert_eq!(made["target"], json!({"level": "team", "team": team.trim()}));
    let month = json!({"usd": "50", "period": "month", "time_zone": "Europe/Zurich", "alert_at": [80, 100]});
    let week = json!({"usd": "20", "period": "rolling", "days": 7, "alert_at": [80, 100]});
    let rules = json!({
        "requests_per_minute": 600, "budgets": [month, week], "max_output_tokens": 4096,
        "models": ["claude-*", "nova-*"],
    });
    assert_eq!((&made["rules"], &made["revision"]), (&rules, &json!(0)));

    let line = [
        &["policies", "set", "--team", "acme", "--tokens-per-minute", "0", "--budget", "month=60"][..],
        &["--remove", "models", "--remove", "requests-per-minute", "--json"],
    ]
    .concat();
    let changed = read(&home.succeed(&line).await);
    let month = json!({"usd": "60", "period": "month", "time_zone": "Europe/Zurich", "alert_at": [80, 100]});
    let rules = json!({"tokens_per_minute": 0, "budgets": [week, month], "max_output_tokens": 4096});
    assert_eq!((&changed["rules"], &changed["revision"]), (&rules, &json!(1)), "what is not named stays");
    assert_eq!(changed["id"], made["id"]);

    let id = made["id"].as_str().unwrap();
    let shown = home.succeed(&["policies", "show", id]).await;
    for words in [
        team.trim(),
        "0 tokens a minute",
        "60 USD a month (Europe/Zurich), alert at 80 % and 100 %",
        "20 USD in 7 days, alert at 80 % and 100 %",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(read(&home.succeed(&["policies", "show", id, "--json"]).await), changed);
    assert_eq!(home.succeed(&["policies", "delete", id]).await, format!("Policy {id} is deleted.\n"));
    let output = home.run(&["policies", "show", id]).await;
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(1), "outcrop: there is no such policy\n")
    );
}

#[tokio::test]
async fn zone_and_alerts_alone_change_the_budgets_that_are_there() {
    let home = Home::new();
    let set = ["policies", "set", "--platform", "--json"];
    for alone in [["--time-zone", "Asia/Tokyo"], ["--alert-at", "50"]] {
        let output = home.run(&[&set[..], &alone].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains("there are none"), "{output:?}");
    }
    home.succeed(&[&set[..], &["--budget", "7d=20"]].concat()).await;
    let output = home.run(&[&set[..], &["--time-zone", "UTC"]].concat()).await;
    assert!(text(&output.stderr).contains("of a day, week or month"), "{output:?}");
    home.succeed(&[&set[..], &["--budget", "month=50", "--alert-at", "90"]].concat()).await;
    home.succeed(&[&set[..], &["--time-zone", "Asia/Tokyo"]].concat()).await;
    let rolling = json!({"usd": "20", "period": "rolling", "days": 7});
    let month = json!({"usd": "50", "period": "month", "time_zone": "Asia/Tokyo", "alert_at": [90]});
    let shown = read(&home.succeed(&[&set[..], &["--requests-per-minute", "5"]].concat()).await);
    assert_eq!(shown["rules"]["budgets"], json!([rolling, month]));
    let shown = read(&home.succeed(&[&set[..], &["--alert-at", "50,80"]].concat()).await);
    let budgets = shown["rules"]["budgets"].as_array().unwrap();
    assert!(budgets.iter().all(|it| it["alert_at"] == json!([50, 80])), "{shown}");
    assert_eq!(budgets[1]["time_zone"], "Asia/Tokyo");
}

#[tokio::test]
async fn where_calls_stay_who_looks_on_and_what_is_kept() {
    let home = Home::new();
    let set = ["policies", "set", "--platform", "--json"];
    let made = read(
        &home
            .succeed(
                &[
                    &set[..],
                    &[
                        "--residency",
                        "eu,us-east-1",
                        "--guardrail",
                        "gr1:3:monitor",
                        "--guardrail",
                        "gr2:DRAFT:input",
                    ],
                    &["--cache-ttl", "300", "--cache-request-control", "off"],
                ]
                .concat(),
            )
            .await,
    );
    let rules = &made["rules"];
    assert_eq!(rules["residency"], json!(["eu", "us-east-1"]));
    assert_eq!(
        (&rules["guardrails"][0]["mode"], &rules["guardrails"][1]["output"]),
        (&json!("monitor"), &json!(false))
    );
    let kept = json!({"enabled": true, "ttl_s": 300, "tools": false, "request_control": false});
    assert_eq!(rules["cache"], kept);
    // What is not named of it stays.
    let changed =
        read(&home.succeed(&[&set[..], &["--cache", "off", "--remove", "residency"]].concat()).await);
    let off = json!({"enabled": false, "ttl_s": 300, "tools": false, "request_control": false});
    assert_eq!((&changed["rules"]["cache"], changed["rules"].get("residency")), (&off, None));
    let shown = home.succeed(&["policies", "show", made["id"].as_str().unwrap()]).await;
    for part in
        ["guardrail gr1 version 3, only told of", "over input", "answers not kept, whatever requests say"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for bad in [["--residency", "moon"], ["--guardrail", "gr1"], ["--cache", "maybe"]] {
        assert!(!home.run(&[&set[..], &bad].concat()).await.status.success(), "{bad:?}");
    }
}

#[tokio::test]
async fn policies_are_for_whom_they_say() {
    let home = Home::new();
    let team = home.succeed(&["teams", "create", "acme"]).await.trim().to_owned();
    home.succeed(&["users", "create", "dan", "--team", "acme"]).await;
    let user = read(home.succeed(&["users", "list", "--team", "acme", "--json"]).await.trim())["id"].clone();
    let key = read(&home.succeed(&["keys", "create", "--user", "dan", "--json"]).await)["id"].clone();
    let key_id = key.as_str().unwrap();
    for (whom, target) in [
        (&["--platform"][..], json!({"level": "platform"})),
        (&["--each", "team"], json!({"level": "team"})),
        (&["--each", "user"], json!({"level": "user"})),
        (&["--each", "key", "--team", "acme"], json!({"level": "key", "team": team})),
        (&["--user", "dan"], json!({"level": "user", "user": user})),
        (&["--user", "dan", "--team", &team], json!({"level": "user", "user": user, "team": team})),
        (&["--key", key_id], json!({"level": "key", "key": key})),
        (&["--key", key_id, "--team", "acme"], json!({"level": "key", "key": key, "team": team})),
    ] {
        let line =
            [&["policies", "set", "--concurrent-requests", "5", "--model", "claude-*", "--json"], whom]
                .concat();
        let made = read(&home.succeed(&line).await);
        assert_eq!((&made["target"], &made["model"]), (&target, &json!("claude-*")), "{whom:?}");
    }
    let lines = |listed: String| listed.lines().count();
    assert_eq!(lines(home.succeed(&["policies", "list", "--json"]).await), 8);
    assert_eq!(lines(home.succeed(&["policies", "list", "--team", "acme", "--json"]).await), 3);
    let listed = home.succeed(&["policies", "list", "--level", "user"]).await;
    assert_eq!(lines(listed.clone()), 4, "a heading and three: {listed}");
    assert!(
        listed.contains("each user") && listed.contains("claude-*") && listed.contains("5 requests at"),
        "{listed}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let home = Home::new();
    home.succeed(&["teams", "create", "acme"]).await;
    for bad in [
        &["--requests-per-minute", "5"][..],
        &["--team", "acme"],
        &["--team", "acme", "--requests-per-minute", "-1"],
        &["--team", "acme", "--each", "team", "--requests-per-minute", "5"],
        &["--platform", "--team", "acme", "--requests-per-minute", "5"],
        &["--user", "dan", "--each", "user", "--requests-per-minute", "5"],
        &["--each", "platform", "--requests-per-minute", "5"],
        &["--platform", "--budget", "year=5"],
        &["--platform", "--budget", "month=5", "--time-zone", "Mars"],
        &["--platform", "--requests-per-minute", "5", "--time-zone", "UTC"],
        &["--platform", "--remove", "colour"],
    ] {
        let output = home.run(&[&["policies", "set"], bad].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
    }
    for (bad, says) in [
        (&["--team", "blue", "--requests-per-minute", "5"][..], "there is no team named `blue`"),
        (&["--platform", "--budget", "month=0"], "`rules.budgets[0].usd` must be more than 0"),
        (&["--platform", "--remove", "models"], "`rules` must say something"),
        (&["--user", "nobody", "--requests-per-minute", "5"], "there is no user named `nobody`"),
    ] {
        let output = home.run(&[&["policies", "set"], bad].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{bad:?}: {output:?}");
        assert!(text(&output.stderr).contains(says), "{bad:?}: {output:?}");
    }
}

#[tokio::test]
async fn a_running_server_goes_by_what_the_shell_sets() {
    let home = Home::new();
    let server = home.start().await;
    let key = server.key.clone().unwrap();
    server.answer(&key, "Hello").await;
    let soon = async |status: u16| {
        eventually(Duration::from_secs(3), async || {
            (server.ask(&key, "Hello", false).await.status() == status).then_some(())
        })
        .await;
    };
    let set = ["policies", "set", "--team", "default", "--requests-per-minute", "0", "--json"];
    let made = read(&home.succeed(&set).await);
    soon(429).await;
    home.succeed(&["policies", "delete", made["id"].as_str().unwrap()]).await;
    soon(200).await;
}
