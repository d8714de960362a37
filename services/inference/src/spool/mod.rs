//! The usage spool: what keeps a record safe between the end of a call and the ledger.
//!
//! A record is one `write()` to an append-only segment file, after which it survives the death of the process
//! (it is in the page cache), whatever the ledger does. [`ship::Shipper`] moves records to the ledger in batches
//! and deletes what has arrived; repeating is harmless because records have ids. The spool is bounded: when it
//! is full, [`Spool::has_room`] says so and model calls are refused rather than unmetered.

mod folder;
mod segment;
pub(crate) mod ship;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use outcrop_types::UsageRecord;

pub use folder::SpoolError;

use folder::Folder;
use segment::Scan;

/// A segment is closed at this size: small enough to be read whole, large enough to keep files few.
const SEGMENT_BYTES: u64 = 2 * 1024 * 1024;
/// Most records kept in memory while the disk takes none; more calls than that are not in flight at once.
const MOST_STRANDED: usize = 4096;

/// The writing side, shared by all calls.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: Folder,
    max_bytes: u64,
    segment_bytes: u64,
    /// Bytes of all segments; read without the lock before every call.
    bytes: AtomicU64,
    /// Whether the disk refused the last record.
    failing: AtomicBool,
    /// Whether the last caller was told that there is no room; only so that each change is logged once.
    refusing: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    next_sequence: u64,
    active: Option<Active>,
    closed: Vec<Closed>,
    /// Frames that the disk refused.
    stranded: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Active {
    sequence: u64,
    bytes: u64,
    file: File,
}

#[derive(Debug)]
struct Closed {
    sequence: u64,
    bytes: u64,
    /// The file, as long as it has not been forced to the disk.
    unsynced: Option<File>,
}

/// What there is to ship of one segment: everything before `upto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) sequence: u64,
    pub(crate) upto: u64,
    pub(crate) closed: bool,
}

impl Spool {
    /// Opens a folder of its own below `root`, with what dead processes left there.
    pub(crate) fn open(root: PathBuf, instance: &str, max_bytes: u64) -> Result<Self, SpoolError> {
        let (folder, found) = Folder::open(root, instance)?;
        let closed: Vec<_> = found
            .iter()
            .map(|it| Closed { sequence: it.sequence, bytes: it.bytes, unsynced: None })
            .collect();
        if !closed.is_empty() {
            tracing::info!(segments = closed.len(), "found usage records of an earlier run; shipping them");
        }
        let next_sequence = closed.last().map_or(1, |last| last.sequence + 1);
        Ok(Self {
            folder,
            max_bytes,
            segment_bytes: SEGMENT_BYTES.min(max_bytes / 4).max(1),
            bytes: AtomicU64::new(closed.iter().map(|it| it.bytes).sum()),
            failing: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            inner: Mutex::new(Inner { next_sequence, active: None, closed, stranded: Vec::new() }),
        })
    }

    /// Whether another call may be made: its record will find room.
    pub(crate) fn has_room(&self) -> bool {
        let failing = self.failing.load(Ordering::Relaxed);
        let room = !failing && self.bytes.load(Ordering::Relaxed) < self.max_bytes;
        if room == self.refusing.load(Ordering::Relaxed)
            && room == self.refusing.swap(!room, Ordering::Relaxed)
        {
            if room {
                tracing::info!("the usage spool has room again; model calls are admitted");
            } else {
                tracing::error!(failing, "the usage spool takes no more records; model calls are refused");
            }
        }
        room
    }

    /// Writes one record. Afterwards it outlives the process.
    ///
    /// The bound is not enforced here: the call has been made, so its record is kept. If the disk refuses it, it
    /// waits in memory, further calls are refused, and the shipper tries again.
    pub(crate) fn append(&self, record: &UsageRecord) {
        match segment::encode(record) {
            Ok(frame) => self.append_frame(&mut self.lock(), frame),
            Err(error) => tracing::error!(%error, usage.id = %record.id, "a usage record is lost"),
        }
    }

    fn append_frame(&self, inner: &mut Inner, frame: Vec<u8>) {
        let Err(error) = self.write(inner, &frame) else { return };
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "could not write to the usage spool; records wait in memory");
        }
        if inner.stranded.len() < MOST_STRANDED {
            inner.stranded.push(frame);
        } else {
            tracing::error!(record = %String::from_utf8_lossy(&frame), "a usage record is lost: no disk, no memory");
        }
    }

    fn write(&self, inner: &mut Inner, frame: &[u8]) -> io::Result<()> {
        let size = frame.len() as u64;
        if inner.active.as_ref().is_some_and(|it| it.bytes + size > self.segment_bytes) {
            inner.close_active();
        }
        let active = match &mut inner.active {
            Some(active) => active,
            none => {
                let sequence = inner.next_sequence;
                let file =
                    File::options().append(true).create_new(true).open(self.folder.segment(sequence))?;
                inner.next_sequence += 1;
                none.insert(Active { sequence, bytes: 0, file })
            }
        };
        if let Err(error) = active.file.write_all(frame) {
            // Half a record must not stand before a whole one; if it cannot be cut off, nothing more goes there.
            if active.file.set_len(active.bytes).is_err() {
                inner.close_active();
            }
            return Err(error);
        }
        active.bytes += size;
        self.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held leaves at worst half a frame, which readers step over.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // === for the shipper ===

    /// What can be shipped now, oldest first.
    fn parts(&self) -> Vec<Part> {
        let inner = self.lock();
        let closed =
            inner.closed.iter().map(|it| Part { sequence: it.sequence, upto: it.bytes, closed: true });
        let active =
            inner.active.iter().map(|it| Part { sequence: it.sequence, upto: it.bytes, closed: false });
        closed.chain(active).collect()
    }

    /// Reads the records of a segment between two places where one ends. Blocks.
    fn read(&self, part: Part, from: u64) -> io::Result<Scan> {
        use std::io::{Read, Seek};
        let mut file = File::open(self.folder.segment(part.sequence))?;
        file.seek(io::SeekFrom::Start(from))?;
        let size = part.upto.saturating_sub(from);
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(size).read_to_end(&mut bytes)?;
        Ok(segment::scan(&bytes))
    }

    /// Ends the active segment if it is still this one, so that it can be discarded once shipped.
    fn close(&self, sequence: u64) {
        let mut inner = self.lock();
        if inner.active.as_ref().is_some_and(|it| it.sequence == sequence) {
            inner.close_active();
        }
    }

    /// Deletes a closed segment, all of whose records have arrived.
    fn discard(&self, sequence: u64) -> io::Result<()> {
        match fs::remove_file(self.folder.segment(sequence)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                self.forget(sequence);
                Ok(())
            }
        }
    }

    /// Keeps a closed segment for people to look at; it is not read again.
    fn set_aside(&self, sequence: u64) -> io::Result<PathBuf> {
        let path = self.folder.set_aside(sequence)?;
        self.forget(sequence);
        Ok(path)
    }

    fn forget(&self, sequence: u64) {
        let mut inner = self.lock();
        if let Some(at) = inner.closed.iter().position(|it| it.sequence == sequence) {
            let closed = inner.closed.remove(at);
            self.bytes.fetch_sub(closed.bytes, Ordering::Relaxed);
        }
    }

    /// Forces closed segments to the disk: they have to wait, so they should outlive the machine too. Blocks.
    fn sync(&self) -> io::Result<()> {
        let files: Vec<_> = self.lock().closed.iter_mut().filter_map(|it| it.unsynced.take()).collect();
        files.iter().try_for_each(File::sync_all)
    }

    /// Tries again to write what the disk refused; says how much still waits.
    fn retry_stranded(&self) -> usize {
        let mut inner = self.lock();
        for frame in std::mem::take(&mut inner.stranded) {
            match self.write(&mut inner, &frame) {
                Ok(()) => {}
                Err(_) => inner.stranded.push(frame),
            }
        }
        if inner.stranded.is_empty() && self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the usage spool can be written again");
        }
        inner.stranded.len()
    }
}

impl Spool {
    /// At the end of the process: says what never reached the disk, after a last try, and how much it is.
    pub(crate) fn report_lost(&self) -> usize {
        let lost = self.retry_stranded();
        if lost > 0 {
            tracing::error!(records = lost, "usage records are lost: the disk refused them to the end");
        }
        lost
    }
}

impl Inner {
    fn close_active(&mut self) {
        if let Some(Active { sequence, bytes, file }) = self.active.take() {
            self.closed.push(Closed { sequence, bytes, unsynced: Some(file) });
        }
    }
}

#[cfg(test)]
mod tests;
