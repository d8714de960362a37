//! `outcrop audit`: the log tells what was done, and whether somebody was at it.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::home::{Home, finish, text};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn the_log_tells_what_the_shell_did() {
    let home = Home::new();
    home.succeed(&["teams", "create", "red"]).await;
    home.succeed(&["users", "create", "dan", "--team", "red"]).await;
    let listed = home.succeed(&["audit", "list", "--json"]).await;
    let rows: Vec<Value> = listed.lines().map(read).collect();
    let actions: Vec<_> = rows.iter().rev().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["platform.bootstrap", "key.revoke", "team.create", "user.create"]);
    assert!(rows.iter().all(|row| row["actor"]["kind"] == "command_line"), "{rows:?}");
    let table = home.succeed(&["audit", "list", "--team", "red", "--action", "user."]).await;
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(home.succeed(&["audit", "list", "--refused"]).await.lines().count() == 1);
}

#[tokio::test]
async fn an_untouched_log_holds_and_gives_its_head() {
    let home = Home::new();
    home.succeed(&["teams", "create", "red"]).await;
    let output = home.run(&["audit", "verify"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let head = text(&output.stdout);
    assert!(head.starts_with("3:") && text(&output.stderr).contains("holds: 3 rows"), "{output:?}");
    home.succeed(&["teams", "create", "blue"]).await;
    let report = read(&home.succeed(&["audit", "verify", "--json", "--head", head.trim()]).await);
    assert_eq!((&report["holds"], &report["rows"], &report["faults"]), (&json!(true), &json!(4), &json!([])));
    let unknown = format!("9:{}", "0".repeat(64));
    let output = home.run(&["audit", "verify", "--head", &unknown]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "row 9 is not the one whose hash was given as --head\n");
    assert_eq!(home.run(&["audit", "verify", "--head", "nonsense"]).await.status.code(), Some(2));
}

/// Runs SQL on the platform's database, as somebody would who has got at the file.
async fn tamper(home: &Home, sql: &str) {
    let script =
        "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.executescript(sys.argv[2])\ndb.close()";
    let file = home.data_dir().join("outcrop.db");
    let mut command = Command::new(outcrop_testkit::python());
    command.args(["-c", script, file.to_str().unwrap(), sql]);
    let output = finish(command).await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn whoever_was_at_the_file_is_found_out() {
    const OPEN: &str = "DROP TRIGGER audit_log_refuses_update; DROP TRIGGER audit_log_refuses_delete; ";
    for (sql, told) in [
        ("UPDATE audit_log SET record = replace(record, 'red', 'tan') WHERE seq = 3;", "row 3: "),
        ("UPDATE audit_log SET actor = 'system' WHERE seq = 2;", "row 2: "),
        ("DELETE FROM audit_log WHERE seq = 2;", "row 2 is missing\n"),
        ("DELETE FROM audit_log WHERE seq > 3;", "row 4 is missing at the end\n"),
        (
            "DELETE FROM audit_log; UPDATE audit_head SET seq = 0, hash = zeroblob(32);",
            "the log is empty, but the platform was set up\n",
        ),
        ("DELETE FROM audit_log; DELETE FROM audit_head;", "the log is empty, but the platform was set up\n"),
        ("DELETE FROM audit_head;", "the head, kept apart from the rows, is not that of row 4\n"),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE audit_log SET seq = 0 WHERE seq = 4;",
            "row 0: rows are numbered from 1 on\nrow 4 is missing at the end\n",
        ),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE audit_log SET seq = -1 WHERE seq = 4;",
            "row 1, or the next one there is: it cannot be read",
        ),
        (
            "UPDATE audit_log SET seq = 9 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 3;
             UPDATE audit_log SET seq = 3 WHERE seq = 9;",
            "row 2: the row was changed or moved: its hash does not fit\nrow 3: ",
        ),
    ] {
        let home = Home::new();
        home.succeed(&["teams", "create", "red"]).await;
        home.succeed(&["teams", "create", "blue"]).await;
        home.succeed(&["audit", "verify"]).await;
        tamper(&home, &format!("{OPEN}{sql}")).await;
        let output = home.run(&["audit", "verify"]).await;
        assert_eq!(output.status.code(), Some(1), "{sql}: {output:?}");
        assert!(text(&output.stdout).starts_with(told), "{sql}: {output:?}");
        assert!(text(&output.stderr).starts_with("outcrop: the audit log does not hold: "), "{output:?}");
    }
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn an_end_cut_off_cleanly_is_found_by_the_head_kept_elsewhere() {
    let home = Home::new();
    home.succeed(&["teams", "create", "red"]).await;
    let head = home.succeed(&["audit", "verify"]).await;
    tamper(
        &home,
        "DROP TRIGGER audit_log_refuses_delete; DELETE FROM audit_log WHERE seq = 3;
         UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit_log WHERE seq = 2);",
    )
    .await;
    home.succeed(&["audit", "verify"]).await;
    let output = home.run(&["audit", "verify", "--head", head.trim()]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
