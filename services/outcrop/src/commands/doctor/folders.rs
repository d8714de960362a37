//! Folders on this machine: whether they can be written to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Patient;
use super::finding::Finding;

/// Written and removed again.
const PROBE: &str = ".outcrop-doctor";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    let data = config.data_dir.0.clone();
    let spool = config.usage.spool_dir.clone().unwrap_or_else(|| data.join("spool"));
    let mut folders = vec![("data folder", "data_dir", data), ("usage spool", "usage.spool_dir", spool)];
    let urls = [
        ("files", "blobs.url", &config.blobs.url),
        ("usage export", "usage.export_url", &config.usage.export_url),
    ];
    for (name, setting, url) in urls {
        if let Some(path) = url.as_deref().and_then(|it| it.strip_prefix("file://")) {
            folders.push((name, setting, PathBuf::from(path)));
        }
    }
    let looked = folders.into_iter().map(|(name, setting, path)| async move {
        let shown = path.display().to_string();
        let late = patient.limit / 2;
        let looked = tokio::time::timeout(late, apart(move || folder(name, setting, &path))).await;
        looked.ok().flatten().unwrap_or_else(|| {
            let seen = format!("{shown} does not answer");
            let remedy = "see whether the volume is there: a network volume that its server does not answer for hangs \
                          (security group, mount target)";
            Finding::fail(name, seen, remedy)
        })
    });
    futures::future::join_all(looked).await
}

/// Does what may hang for ever on a volume that does, on a thread that nobody waits for: not one of the runtime's, whose end
/// would wait. Nothing if there can be no thread.
pub(super) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, told) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("doctor-folder".to_owned());
    thread.spawn(move || drop(done.send(work()))).ok()?;
    told.await.ok()
}

fn folder(name: &str, setting: &str, path: &Path) -> Finding {
    let shown = path.display();
    if path.exists() {
        return match written(path) {
            Ok(()) => Finding::ok(name, format!("{shown} can be written to")),
            Err(error) => Finding::fail(
                name,
                format!("{shown} cannot be written to: {error}"),
                format!("give the user of this process a writable volume there, or set `{setting}` to one"),
            ),
        };
    }
    // The first start makes it, if it may.
    let above = path.ancestors().skip(1).find(|it| it.exists() && !it.as_os_str().is_empty());
    match written(above.unwrap_or_else(|| Path::new("."))) {
        Ok(()) => Finding::ok(name, format!("{shown} is not there yet; the first start makes it")),
        Err(error) => Finding::fail(
            name,
            format!("{shown} is not there and cannot be made: {error}"),
            format!("mount a writable volume at {shown}, or set `{setting}` to one"),
        ),
    }
}

fn written(folder: &Path) -> io::Result<()> {
    // Several folders are tried side by side, and what is above them may be the same.
    static TRIED: AtomicU64 = AtomicU64::new(0);
    let number = TRIED.fetch_add(1, Ordering::Relaxed);
    let probe = folder.join(format!("{PROBE}-{}-{number}", std::process::id()));
    let done = fs::write(&probe, b"outcrop doctor\n");
    let removed = fs::remove_file(&probe);
    done.and(removed)
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[tokio::test]
    async fn a_volume_that_hangs_is_waited_for_no_longer_than_the_limit() {
        let root = tempfile::tempdir().unwrap();
        // Opening a pipe that nobody reads hangs as such a volume does.
        let pipe = root.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let hangs = apart(move || fs::write(pipe, b"outcrop doctor"));
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), hangs).await.is_err());
        assert_eq!(apart(|| 7).await, Some(7));
    }

    #[test]
    fn a_folder_is_there_or_can_be_made_or_neither() {
        let root = tempfile::tempdir().unwrap();
        let state = |path: &Path| folder("x", "x", path).state;
        assert_eq!(state(root.path()), State::Ok);
        assert_eq!(state(&root.path().join("a/b/c")), State::Ok);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "nothing is left behind");
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(state(&file), State::Fail);
        assert_eq!(state(&file.join("below")), State::Fail);
    }
}
