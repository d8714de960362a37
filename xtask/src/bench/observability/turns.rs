//! All in turns of a fraction of a second: the machine changes from second to second by more than is looked for, and that meets
//! all alike then. Each has the core for itself in its turn, with its code and its data in the caches; the others are stopped.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{CHAT_CONNECTIONS, load, machine};
use super::Subject;

/// For so long all are measured.
const ALL: Duration = Duration::from_secs(24);
/// A turn: long beside what it takes until the caches are filled, and short beside what the machine does.
const TURN: Duration = Duration::from_millis(300);

/// Measures what an answer of each takes.
pub(super) fn measure(runtime: &tokio::runtime::Runtime, subjects: &mut [Subject]) -> anyhow::Result<()> {
    let before: Vec<_> = subjects.iter().map(|it| machine::cpu(it.process.id())).collect();
    let stopped = Stopped::all(subjects.iter().map(|it| it.process.id()).collect());
    let answers = runtime.block_on(async {
        let chats: Vec<_> = subjects.iter().map(|it| Arc::clone(&it.chat)).collect();
        let loops = chats
            .into_iter()
            .map(|chat| tokio::spawn(async move { load::closed_loop(&chat, CHAT_CONNECTIONS, ALL).await }));
        let loops: Vec<_> = loops.collect();
        let began = Instant::now();
        for at in stopped.turns() {
            if began.elapsed() >= ALL {
                break;
            }
            stopped.go(at);
            tokio::time::sleep(TURN).await;
            stopped.stop(at);
        }
        // What was asked is answered still.
        stopped.go_all();
        let mut answers = Vec::new();
        for one in loops {
            answers.push(one.await??.answers);
        }
        anyhow::Ok(answers)
    })?;
    for ((subject, before), answers) in subjects.iter_mut().zip(before).zip(answers) {
        let spent = machine::cpu(subject.process.id()).saturating_sub(before);
        subject.turns_us = spent.as_micros() as f64 / answers.max(1) as f64;
    }
    Ok(())
}

/// Processes that do not run.
struct Stopped(Vec<u32>);

impl Stopped {
    fn all(processes: Vec<u32>) -> Self {
        let stopped = Self(processes);
        (0..stopped.0.len()).for_each(|at| stopped.stop(at));
        stopped
    }

    /// Whose turn it is: there and back again, so that nobody always comes behind the same one.
    fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let count = self.0.len();
        (0..count).chain((0..count).rev()).cycle()
    }

    fn go(&self, at: usize) {
        self.signal(at, "-CONT");
    }

    fn stop(&self, at: usize) {
        self.signal(at, "-STOP");
    }

    fn go_all(&self) {
        (0..self.0.len()).for_each(|at| self.go(at));
    }

    fn signal(&self, at: usize, signal: &str) {
        let Some(process) = self.0.get(at) else { return };
        let mut command = Command::new("kill");
        // One that is gone is noticed by whoever asks it something.
        let _ = command.args([signal, &process.to_string()]).stderr(Stdio::null()).status();
    }
}

impl Drop for Stopped {
    /// One that is stopped does not end when it is told to.
    fn drop(&mut self) {
        self.go_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Stopped;

    #[test]
    fn turns_go_there_and_back() {
        let turns: Vec<_> = Stopped(vec![u32::MAX - 1; 3]).turns().take(7).collect();
        assert_eq!(turns, [0, 1, 2, 2, 1, 0, 0]);
    }
}
