//! What a run remembers in a small file beside its output.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::input::hex;
use crate::failure::Failure;

/// What is to be done; a run that was interrupted goes on only for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) url: String,
    pub(super) sha256: String,
    pub(super) endpoint: String,
    pub(super) window: String,
}

/// A run and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(skip)]
    path: PathBuf,
    #[serde(flatten)]
    pub(super) run: Run,
    /// The idempotency key of the batch.
    pub(super) key: String,
    pub(super) file_id: Option<String>,
    pub(super) batch_id: Option<String>,
}

/// Where a run that writes to this output remembers itself.
pub(super) fn path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".outcrop-batch.json");
    PathBuf::from(name)
}

impl State {
    /// The run that is under way for this output, if there is one.
    pub(super) fn read(output: &Path) -> Result<Option<Self>, Failure> {
        let path = path(output);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| failed("read", &path, &error))?,
        };
        let state: Self =
            serde_json::from_slice(&bytes).map_err(|error| failed("read", &path, &error.into()))?;
        Ok(Some(Self { path, ..state }))
    }

    /// Begins a run, before anything is sent. The same work has the same key, so that it is done once; `again` makes it
    /// another.
    pub(super) fn begin(output: &Path, run: Run, again: Option<i64>) -> Result<Self, Failure> {
        let mut digest = Sha256::new();
        for part in [&run.sha256, &run.endpoint, &run.window, &again.unwrap_or_default().to_string()] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let key = format!("outcrop-batch-{}", hex(&digest.finalize()));
        let state = Self { path: path(output), run, key, file_id: None, batch_id: None };
        state.write()?;
        Ok(state)
    }

    /// Remembers something before the next step is taken.
    pub(super) fn learn(&mut self, what: impl FnOnce(&mut Self)) -> Result<(), Failure> {
        what(self);
        self.write()
    }

    /// Forgets the run: it is done.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path).map_err(|error| failed("remove", &self.path, &error))
    }

    /// What to say to somebody who asks for something else.
    pub(super) fn of_another(&self, asked: &Run) -> String {
        let mut differences = Vec::new();
        for (name, theirs, ours) in [
            ("server", &self.run.url, &asked.url),
            ("endpoint", &self.run.endpoint, &asked.endpoint),
            ("window", &self.run.window, &asked.window),
        ] {
            if theirs != ours {
                differences.push(format!("the {name} was {theirs}"));
            }
        }
        if self.run.sha256 != asked.sha256 {
            differences.push("the input was another, or has changed since".to_owned());
        }
        let (path, why) = (self.path.display(), differences.join(", "));
        format!("{path} is of a run that is not finished: {why}; remove it to give that run up")
    }

    /// Whole or not at all, however we are ended.
    fn write(&self) -> Result<(), Failure> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| failed("write", &self.path, &error.into()))?;
        let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &self.path));
        written.map_err(|error| failed("write", &self.path, &error))
    }
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("could not {verb} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let [url, sha256, endpoint, window] = ["http://a", "00", "/v1/embeddings", "24h"].map(str::to_owned);
        Run { url, sha256, endpoint, window }
    }

    #[test]
    fn a_run_is_remembered_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.jsonl");
        assert_eq!(State::read(&output).unwrap(), None);
        let mut state = State::begin(&output, run(), None).unwrap();
        state.learn(|state| state.file_id = Some("file_1".to_owned())).unwrap();
        assert_eq!(State::read(&output).unwrap().as_ref(), Some(&state));
        assert!(folder.path().join("out.jsonl.outcrop-batch.json").exists());
        state.remove().unwrap();
        assert_eq!(State::read(&output).unwrap(), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn the_same_work_has_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let key =
            |name: &str, run: Run, again| State::begin(&folder.path().join(name), run, again).unwrap().key;
        let first = key("a", run(), None);
        assert_eq!(first, key("b", run(), None));
        assert_eq!(
            first,
            key("c", Run { url: "http://b".to_owned(), ..run() }, None),
            "keys are a server's own"
        );
        assert_ne!(first, key("d", run(), Some(1)));
        assert_ne!(first, key("e", Run { window: "48h".to_owned(), ..run() }, None));
        assert_ne!(
            first,
            key("f", Run { endpoint: "/v1/embeddings24h".to_owned(), window: String::new(), ..run() }, None)
        );
        assert!((1..=255).contains(&first.len()) && first.is_ascii());
    }

    #[test]
    fn another_run_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::begin(&folder.path().join("out"), run(), None).unwrap();
        let asked = Run { sha256: "01".to_owned(), window: "48h".to_owned(), ..run() };
        let line = state.of_another(&asked);
        assert!(line.contains("the window was 24h, the input was another"), "{line}");
        assert!(!line.contains("server"), "{line}");
    }
}
