//! All in turns of a fraction of a second: the machine changes from second to second by more than is looked for, and that meets
//! all alike then. Each has the core for itself in its turn, with its code and its data in the caches; the others are stopped. What
//! goes by the clock goes as much slower, as an answer would pay for the time of the others else.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::super::{CHAT_CONNECTIONS, load, machine};
use super::{PAUSE, SCRAPE_MS, Subject};

/// For so long all are measured.
const ALL: Duration = Duration::from_secs(24);
/// A turn: long beside what it takes until the caches are filled, and short beside what the machine does.
const TURN: Duration = Duration::from_millis(300);

/// Measures what an answer of each takes.
pub(super) fn measure(runtime: &tokio::runtime::Runtime, subjects: &mut [Subject]) -> anyhow::Result<()> {
    // Usage of what was measured before is written in nobody's time, and that of this in everybody's own.
    runtime.block_on(async { tokio::time::sleep(PAUSE).await });
    let before: Vec<_> = subjects.iter().map(|it| machine::cpu(it.process.id())).collect();
    let slower = SCRAPE_MS * subjects.len() as u64;
    subjects.iter().for_each(|it| it.scrape_every(slower));
    let stopped = Stopped::all(subjects.iter().map(|it| it.process.id()).collect())?;
    let answers = runtime.block_on(async {
        let chats: Vec<_> = subjects.iter().map(|it| Arc::clone(&it.chat)).collect();
        let loops = chats
            .into_iter()
            .map(|chat| tokio::spawn(async move { load::closed_loop(&chat, CHAT_CONNECTIONS, ALL).await }));
        let loops: Vec<_> = loops.collect();
        let began = Instant::now();
        for at in turns(subjects.len()) {
            if began.elapsed() >= ALL {
                break;
            }
            stopped.go(at)?;
            tokio::time::sleep(TURN).await;
            stopped.stop(at)?;
        }
        // What was asked is answered still, and written down.
        stopped.go_all()?;
        let mut answers = Vec::new();
        for one in loops {
            answers.push(one.await??.answers);
        }
        tokio::time::sleep(PAUSE).await;
        anyhow::Ok(answers)
    })?;
    for ((subject, before), answers) in subjects.iter_mut().zip(before).zip(answers) {
        let spent = machine::cpu(subject.process.id()).saturating_sub(before);
        subject.turns_us = spent.as_micros() as f64 / answers.max(1) as f64;
        subject.scrape_every(SCRAPE_MS);
    }
    Ok(())
}

/// Whose turn it is. Each round begins with the next one, and nobody has two turns in a row.
fn turns(count: usize) -> impl Iterator<Item = usize> {
    (0..).flat_map(move |round| (0..count).map(move |at| (round + at) % count))
}

/// Processes that do not run.
struct Stopped(Vec<u32>);

impl Stopped {
    fn all(processes: Vec<u32>) -> anyhow::Result<Self> {
        let stopped = Self(processes);
        (0..stopped.0.len()).try_for_each(|at| stopped.stop(at))?;
        Ok(stopped)
    }

    fn go(&self, at: usize) -> anyhow::Result<()> {
        self.signal(at, "-CONT")
    }

    fn stop(&self, at: usize) -> anyhow::Result<()> {
        self.signal(at, "-STOP")
    }

    fn go_all(&self) -> anyhow::Result<()> {
        (0..self.0.len()).try_for_each(|at| self.go(at))
    }

    /// Of one that is gone, whoever asks it something hears.
    fn signal(&self, at: usize, signal: &str) -> anyhow::Result<()> {
        let Some(process) = self.0.get(at) else { return Ok(()) };
        let mut command = Command::new("kill");
        command.args([signal, &process.to_string()]).stderr(Stdio::null());
        command.status().map(drop).context("turns need the program kill")
    }
}

impl Drop for Stopped {
    /// One that is stopped does not end when it is told to.
    fn drop(&mut self) {
        let _ = self.go_all();
    }
}

#[cfg(test)]
mod tests {
    use super::turns;

    #[test]
    fn nobody_has_two_turns_in_a_row_and_each_begins_a_round() {
        let some: Vec<_> = turns(3).take(9).collect();
        assert_eq!(some, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
    }
}
