//! Real signals to a real process: this test binary, started once more as the child.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const CHILD: &str = "OUTCROP_TEST_SIGNAL_CHILD";

/// Does nothing but in the child: waits to be told to stop, and then does not.
#[tokio::test]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let stop = outcrop_lifecycle::stop_on_signal().unwrap();
    println!("\nready");
    stop.cancelled().await;
    println!("\nstopping");
    std::future::pending::<()>().await;
}

#[test]
fn the_first_signal_asks_and_the_second_ends() {
    for (first, second) in [("TERM", "INT"), ("INT", "TERM")] {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let id = process.id().to_string();
        let send = |signal: &str| {
            assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        };
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        assert!(lines.any(|line| line == "ready"));
        send(first);
        assert!(lines.any(|line| line == "stopping"));
        send(second);
        let code = process.wait().unwrap().code();
        assert_eq!(code, Some(outcrop_lifecycle::SECOND_SIGNAL_EXIT_CODE));
    }
}
