//! Programs that may not run for ever.

use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::descendants;

/// How long what a program leaves behind may take to end: a daemon with its containers.
const LEFT_GRACE: Duration = Duration::from_secs(30);

/// What became of a program.
pub(super) struct Ended {
    /// Whether it ended by itself, successfully.
    pub(super) fine: bool,
    /// All that it printed, in the order in which it did.
    pub(super) said: String,
}

/// Runs a program to its end. After `limit` it is told to end, and `grace` later it is ended, with all that it started.
pub(super) fn run(mut command: Command, limit: Duration, grace: Duration) -> anyhow::Result<Ended> {
    // A file and no pipe: what the program leaves behind may hold a pipe open for as long as it likes.
    let mut output = tempfile::tempfile()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let ended = within(&mut child, limit)?;
    if ended.is_none() {
        end(&mut child, grace)?;
    }
    let mut bytes = Vec::new();
    output.rewind()?;
    output.read_to_end(&mut bytes)?;
    let mut said = String::from_utf8_lossy(&bytes).into_owned();
    if ended.is_none() {
        said += &format!("\nnot done after {} s, the most it may take: ended", limit.as_secs());
    }
    Ok(Ended { fine: ended.is_some_and(|it| it.success()), said })
}

/// How it ended, if it has by then.
fn within(child: &mut Child, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() >= limit {
            return Ok(None);
        }
        pause();
    }
}

/// Asks first: only the program itself knows how to tidy up.
fn end(child: &mut Child, grace: Duration) -> anyhow::Result<()> {
    // Whom it leaves has another parent afterwards: looked up before.
    let mut left = descendants::of(child.id());
    descendants::tell("TERM", [child.id()].into_iter());
    if !matches!(within(child, grace), Ok(Some(_))) {
        left.extend(descendants::of(child.id()));
        child.kill()?;
        child.wait()?;
    }
    descendants::end(left, LEFT_GRACE);
    Ok(())
}

pub(super) fn pause() {
    #[expect(clippy::disallowed_methods, reason = "no async runtime here")]
    std::thread::sleep(Duration::from_millis(50));
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::process::Command;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(600);
    /// Enough for a shell to begin, on a machine that is busy with other things.
    const SHORT: Duration = Duration::from_secs(3);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_ends_in_time_says_all_and_how_it_went() {
        let fine = run(shell("echo one; echo two >&2"), LONG, LONG).expect("runs");
        assert!(fine.fine);
        assert_eq!(fine.said, "one\ntwo\n");
        assert!(!run(shell("exit 3"), LONG, LONG).expect("runs").fine);
    }

    #[test]
    fn what_hangs_is_told_to_end_and_tidies_up() {
        let script = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.05; done";
        let ended = run(shell(script), SHORT, LONG).expect("runs");
        assert!(!ended.fine, "it did not come to its end by itself");
        assert!(ended.said.starts_with("begun\ntidied\n\nnot done after"), "{}", ended.said);
    }

    #[test]
    fn what_does_not_listen_is_ended() {
        let script = "trap '' TERM; while :; do sleep 0.05; done";
        let ended = run(shell(script), SHORT, SHORT).expect("runs");
        assert!(!ended.fine && ended.said.contains("the most it may take: ended"), "{}", ended.said);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_it_started_is_ended_with_it() {
        let script = "sleep 600 & echo $!; trap '' TERM; while :; do sleep 0.05; done";
        let ended = run(shell(script), SHORT, SHORT).expect("runs");
        let child = ended.said.lines().next().expect("its child's number");
        let left = std::fs::read_to_string(format!("/proc/{child}/stat"));
        assert!(left.is_err() || left.is_ok_and(|it| it.contains(") Z ")), "{child} is still there");
    }
}
