//! `outcrop usage report` and `outcrop ledger`: sums, prices worked out anew, months put away.

use serde_json::{Value, json};

use crate::home::{Home, finish, text};

/// Ten times what the list says, and no more for profiles.
const DEARER: &str = r#"
[[price]]
models = ["anthropic.claude-haiku-4-5-20251001-v1:0"]
valid_from = "2026-11-20"
source = "ours"
geo = { us = "1" }
input = "10"
output = "50"
"#;

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// A platform with two calls in its ledger: 3,000 tokens of input and 1,500 of output in all.
async fn used() -> Home {
    let home = Home::new();
    let mut server = home.start().await;
    let key = server.key().to_owned();
    for prompt in
        ["[[say: a]] [[usage: input=1000,output=500]]", "[[say: b]] [[usage: input=2000,output=1000]]"]
    {
        server.answer(&key, prompt).await;
    }
    server.signal("INT").await;
    assert_eq!(server.ended().await, Some(0), "{}", home.log());
    home
}

async fn sums(home: &Home) -> Value {
    read(home.succeed(&["usage", "report", "--json"]).await.trim())
}

/// The month of the two calls.
async fn month(home: &Home) -> String {
    let months = home.succeed(&["ledger", "months", "--json"]).await;
    read(months.trim())["month"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sums_come_as_table_csv_and_json() {
    let home = used().await;
    let all = sums(&home).await;
    assert_eq!(
        (&all["requests"], &all["tokens"]["input"], &all["tokens"]["output"]),
        (&json!(2), &json!(3000), &json!(1500))
    );
    // 3,000 at 1.1 and 1,500 at 5.5 dollars a million.
    assert_eq!(all["cost_usd"], "0.01155");
    let table = home.succeed(&["usage", "report", "--by", "team,model"]).await;
    let lines: Vec<_> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("TEAM") && lines[0].contains("MODEL"), "{table}");
    assert!(lines[1].contains("0.01155") && lines[1].contains("us.anthropic.claude-haiku-4-5"), "{table}");
    let csv =
        home.succeed(&["usage", "report", "--by", "model", "--csv", "--model", "claude-haiku-4-5"]).await;
    assert!(
        csv.starts_with("model,requests,") && csv.contains(",0.01155,") && csv.lines().count() == 2,
        "{csv}"
    );
    assert_eq!(
        home.succeed(&["usage", "report", "--month", "2020-01", "--by", "model"]).await.lines().count(),
        1
    );
    let user = read(home.succeed(&["users", "list", "--json"]).await.lines().next().unwrap());
    for name in [&user["name"], &user["id"]] {
        let line = ["usage", "report", "--user", name.as_str().unwrap()];
        assert!(home.succeed(&line).await.contains("0.01155"), "{name}");
    }
    let nobody = home.run(&["usage", "report", "--user", "nobody"]).await;
    assert!(text(&nobody.stderr).contains("there is no user named `nobody`"), "{nobody:?}");
    assert_eq!(home.succeed(&["usage"]).await.lines().count(), 3, "the list of records stays");
    for (arguments, said) in [
        (&["--by", "colour"][..], "--by takes team"),
        (&["--month", "2026-13"], "--month must be a month"),
        (&["--from", "2026-11-02", "--until", "2026-11-01"], "--from must be before"),
        (&["--time-zone", "Mars/Olympus"], "--time-zone must be"),
    ] {
        let output = home.run(&[&["usage", "report"][..], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {output:?}");
    }
}

#[tokio::test]
async fn other_prices_are_shown_first_and_kept_after_a_yes() {
    let home = used().await;
    std::fs::write(home.path().join("dearer.toml"), DEARER).unwrap();
    let reprice = async |arguments: &[&str]| {
        let mut command =
            home.command(&[&["ledger", "reprice", "--from", "2026-11-01"][..], arguments].concat());
        command.env("OUTCROP__MODELS__PRICES", "dearer.toml");
        let output = finish(command).await;
        // Where nobody can be asked, nobody has agreed.
        assert_eq!(output.status.success(), !arguments.is_empty(), "{output:?}");
        (text(&output.stdout), text(&output.stderr))
    };
    let (shown, said) = reprice(&[]).await;
    let row = shown.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    // 3,000 at 10 and 1,500 at 50 dollars a million.
    assert_eq!(row[2..], ["2", "0.01155", "0.105", "0.09345", "2", "0", "0"], "{shown}");
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(sums(&home).await["cost_usd"], "0.01155", "nobody has agreed");
    let (_, said) = reprice(&["--yes"]).await;
    assert!(said.contains("2 records have another cost now"), "{said}");
    assert!(said.contains("POST /admin/v1/usage/recount"), "{said}");
    assert_eq!(sums(&home).await["cost_usd"], "0.105");
    let (_, said) = reprice(&["--yes"]).await;
    assert!(said.contains("Nothing is to be changed"), "{said}");
    let (_, said) = reprice(&["--until", "2026-11-02", "--yes"]).await;
    assert!(said.contains("Nothing is to be changed"), "{said}");
    let listed = home.succeed(&["usage", "--json"]).await;
    let costs: Vec<_> = listed.lines().map(|line| read(line)["cost"]["usd"].clone()).collect();
    assert_eq!(costs, [json!("0.07"), json!("0.035")]);
    let output = home.run(&["ledger", "reprice", "--from", "soon"]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[tokio::test]
async fn a_month_is_removed_once_it_is_exported() {
    let home = used().await;
    let month = month(&home).await;
    let file = home.path().join("month.ndjson");
    let export = async |file: &str| home.run(&["ledger", "export", "--month", &month, "-o", file]).await;
    assert!(export("month.ndjson").await.status.success());
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        (lines.lines().count(), &read(lines.lines().next().unwrap())["tokens"]["input"]),
        (2, &json!(1000))
    );
    assert!(export("month.csv").await.status.success());
    let csv = std::fs::read_to_string(home.path().join("month.csv")).unwrap();
    assert!(csv.starts_with("id,request_id,at,") && csv.split("\r\n").count() == 4, "{csv}");
    assert!(export("month.ndjson.gz").await.status.success());
    assert!(std::fs::read(home.path().join("month.ndjson.gz")).unwrap().starts_with(&[0x1f, 0x8b]));
    for (bad, why) in [("month.ndjson", "is there already"), ("nowhere/month.ndjson", "no such folder")] {
        let output = export(bad).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(said.contains(why) && !said.contains("os error"), "{said}");
    }
    assert_eq!(export("month.parquet").await.status.code(), Some(2));

    let drop = ["ledger", "drop", "--month", &month, "--force"];
    let refused = home.run(&drop[..4]).await;
    assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains("is not over"), "{refused:?}");
    home.succeed(&["ledger", "export", "--month", &month]).await;
    assert_eq!(read(home.succeed(&["ledger", "months", "--json"]).await.trim())["exported_records"], 2);
    home.succeed(&drop).await;
    assert_eq!(home.succeed(&["ledger", "months", "--json"]).await, "");
    assert_eq!(home.succeed(&["usage", "--json"]).await, "");
    assert_eq!(sums(&home).await["requests"], 2, "sums stay");
    assert_eq!(home.run(&drop).await.status.code(), Some(1));
    // What is gone cannot be given another price, and that is said.
    let repriced = home.run(&["ledger", "reprice", "--from", &format!("{month}-01"), "--yes"]).await;
    let said = text(&repriced.stderr);
    assert!(said.contains(&format!("The records of {month} are removed")), "{said}");
}

#[tokio::test]
async fn what_is_not_exported_goes_only_by_force() {
    let home = used().await;
    let month = month(&home).await;
    home.succeed(&["ledger", "drop", "--month", &month, "--force"]).await;
    assert_eq!(home.succeed(&["usage", "--json"]).await, "");
}
