//! What a program has started, and what that has started in its turn.
//!
//! By parents, as Linux knows them: a daemon is in a session of its own, so that no group of processes holds all, and a group of
//! ours would be out of reach of Ctrl-C.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::bounded::pause;

/// A process; with its start, since numbers are given again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process {
    id: u32,
    started: u64,
}

/// All that descend from a process now; none where there is no `/proc`.
pub(super) fn of(root: u32) -> Vec<Process> {
    let all: Vec<(Process, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|it| look(it.ok()?.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut parents = vec![root];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(it, _)| *it);
        for child in children {
            parents.push(child.id);
            found.push(child);
        }
    }
    found
}

/// Tells those that are left to end, and ends who does not within `grace`. Only those are told whose parents are not among them:
/// a daemon needs what it started to end its containers.
pub(super) fn end(mut left: Vec<Process>, grace: Duration) {
    left.retain(|it| it.lives());
    let heads = left
        .iter()
        .filter(|it| look(it.id).is_some_and(|(_, parent)| left.iter().all(|other| other.id != parent)));
    tell("TERM", heads.map(|it| it.id));
    let began = Instant::now();
    while !left.is_empty() && began.elapsed() < grace {
        pause();
        left.retain(|it| it.lives());
    }
    tell("KILL", left.iter().map(|it| it.id));
}

/// Sends a signal. The shell's own `kill`: not every machine has the program. Who is gone already need not be told.
pub(super) fn tell(signal: &str, ids: impl Iterator<Item = u32>) {
    for id in ids {
        let kill = format!("kill -s {signal} {id} 2>/dev/null");
        let _ = Command::new("/bin/sh").args(["-c", &kill]).status();
    }
}

// === impl Process ===

impl Process {
    fn lives(self) -> bool {
        look(self.id).is_some_and(|(it, _)| it == self)
    }
}

/// A process that runs, and its parent. <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn look(id: u32) -> Option<(Process, u32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before may hold anything, brackets too.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let (state, parent, started) = (fields.first()?, fields.get(1)?, fields.get(19)?);
    // Ended, and nobody has asked how.
    if *state == "Z" {
        return None;
    }
    Some((Process { id, started: started.parse().ok()? }, parent.parse().ok()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Process, end, look, of};
    use std::process::{Child, Command};
    use std::time::Duration;

    /// A shell with a child of its own.
    fn family() -> (Child, Vec<Process>) {
        let parent = Command::new("/bin/sh").args(["-c", "sleep 600; true"]).spawn().expect("starts");
        let found = (0..200).find_map(|_| {
            super::pause();
            Some(of(parent.id())).filter(|it| !it.is_empty())
        });
        (parent, found.expect("the shell's child"))
    }

    #[test]
    fn whom_a_parent_leaves_behind_is_still_ended() {
        let (mut parent, found) = family();
        parent.kill().expect("is ended");
        parent.wait().expect("has ended");
        assert!(found.iter().all(|it| it.lives()), "it outlives its parent");
        end(found.clone(), Duration::from_secs(60));
        assert!(!found.iter().any(|it| it.lives()));
    }

    #[test]
    fn another_of_the_same_number_is_not_touched() {
        let (mut parent, found) = family();
        let (own, _) = look(parent.id()).expect("runs");
        end(vec![Process { started: own.started + 1, ..own }], Duration::ZERO);
        assert!(own.lives());
        end(found, Duration::from_secs(60));
        parent.wait().expect("ends with its child");
    }
}
