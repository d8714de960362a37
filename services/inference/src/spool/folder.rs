//! The spool's folder: one sub-folder per process, held by a lock, adopted when its process is gone.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often, and how long apart, the lock on the whole spool is tried: it is held only for some renames.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

const LOCK: &str = "lock";
const SEGMENT: &str = "seg";
/// Where what cannot be read is kept for people to look at.
const BAD: &str = "bad";

/// What went wrong with the spool's folder.
#[derive(Debug, thiserror::Error)]
#[error("could not {attempted} `{}`", path.display())]
pub struct SpoolError {
    attempted: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl SpoolError {
    fn new(attempted: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { attempted, path, source }
    }
}

/// The sub-folder of this process; no other process touches it while this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    own: PathBuf,
    _lock: File,
}

/// A segment found at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) sequence: u64,
    pub(crate) bytes: u64,
}

impl Folder {
    /// Makes and locks `<root>/<instance>`, and moves the segments of dead processes into it.
    pub(crate) fn open(root: PathBuf, instance: &str) -> Result<(Self, Vec<Found>), SpoolError> {
        fs::create_dir_all(&root).map_err(SpoolError::new("create the spool folder", &root))?;
        // Held until the end of this function, so that nobody adopts a folder between its making and its locking.
        let _gate = lock_patiently(&root.join(LOCK))?;
        let own = root.join(instance);
        fs::create_dir_all(&own).map_err(SpoolError::new("create the spool folder", &own))?;
        let lock = lock_patiently(&own.join(LOCK))?;
        let this = Self { root, own, _lock: lock };
        let found = this.adopt()?;
        Ok((this, found))
    }

    /// Where a segment is.
    pub(crate) fn segment(&self, sequence: u64) -> PathBuf {
        self.own.join(format!("{sequence:016x}.{SEGMENT}"))
    }

    /// Moves a segment out of the way, to be looked at by people; says where it is.
    pub(crate) fn set_aside(&self, sequence: u64) -> io::Result<PathBuf> {
        let folder = self.root.join(BAD);
        fs::create_dir_all(&folder)?;
        let instance = self.own.file_name().unwrap_or_default().to_string_lossy();
        let path = folder.join(format!("{instance}-{sequence:016x}.bad"));
        fs::rename(self.segment(sequence), &path)?;
        Ok(path)
    }

    fn adopt(&self) -> Result<Vec<Found>, SpoolError> {
        let failed = |source| SpoolError::new("read the spool folder", &self.root)(source);
        let mut found = self.own_segments()?;
        let mut next = found.last().map_or(1, |last| last.sequence + 1);
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path == self.own || path.file_name().is_some_and(|name| name == BAD) {
                continue;
            }
            // Without a lock file it is none of ours; with a held one, its process lives.
            let Ok(lock) = File::options().read(true).write(true).open(path.join(LOCK)) else { continue };
            if lock.try_lock().is_err() {
                continue;
            }
            for (_, segment, bytes) in
                segments(&path).map_err(SpoolError::new("read the spool folder", &path))?
            {
                fs::rename(&segment, self.segment(next))
                    .map_err(SpoolError::new("adopt the usage segment", &segment))?;
                found.push(Found { sequence: next, bytes });
                next += 1;
            }
            // Best effort: a folder that stays is looked at again at the next start.
            let _ = fs::remove_file(path.join(LOCK)).and_then(|()| fs::remove_dir(&path));
        }
        Ok(found)
    }

    fn own_segments(&self) -> Result<Vec<Found>, SpoolError> {
        let all = segments(&self.own).map_err(SpoolError::new("read the spool folder", &self.own))?;
        Ok(all.into_iter().map(|(sequence, _, bytes)| Found { sequence, bytes }).collect())
    }
}

/// The segments in a folder, oldest first: sequence, path, bytes.
fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf, u64)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let sequence = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .filter(|_| path.extension().is_some_and(|it| it == SEGMENT))
            .and_then(|stem| u64::from_str_radix(stem, 16).ok());
        if let Some(sequence) = sequence {
            all.push((sequence, path, entry.metadata()?.len()));
        }
    }
    all.sort_unstable_by_key(|(sequence, ..)| *sequence);
    Ok(all)
}

/// Opens and locks a lock file, waiting a bounded time for whoever holds it.
fn lock_patiently(path: &Path) -> Result<File, SpoolError> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(SpoolError::new("open the lock file", path))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            #[expect(clippy::disallowed_methods, reason = "only at the start of a process, before it serves")]
            Err(fs::TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(fs::TryLockError::Error(source)) => {
                return Err(SpoolError::new("lock", path)(source));
            }
        }
    }
    Err(SpoolError::new("lock", path)(io::ErrorKind::WouldBlock.into()))
}
