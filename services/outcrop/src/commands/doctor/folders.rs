//! Folders on this machine: whether they can be written to.

use std::fs;
use std::io;
use std::path::Path;

use super::Patient;
use super::finding::Finding;

/// Written and removed again.
const PROBE: &str = ".outcrop-doctor";

pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    let data = &config.data_dir.0;
    let spool = config.usage.spool_dir.clone().unwrap_or_else(|| data.join("spool"));
    let mut findings =
        vec![folder("data folder", "data_dir", data), folder("usage spool", "usage.spool_dir", &spool)];
    if let Some(path) = config.blobs.url.as_deref().and_then(|it| it.strip_prefix("file://")) {
        findings.push(folder("files", "blobs.url", Path::new(path)));
    }
    findings
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
    let probe = folder.join(format!("{PROBE}-{}", std::process::id()));
    let done = fs::write(&probe, b"outcrop doctor\n");
    let removed = fs::remove_file(&probe);
    done.and(removed)
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

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
