//! The usage spool: what keeps a record safe between the end of a call and the ledger.
//!
//! A record is one `write()` to an append-only segment file, after which it survives the death of the process
//! (it is in the page cache), whatever the ledger does. [`ship::Shipper`] moves records to the ledger in batches
//! and deletes what has arrived; repeating is harmless because records have ids. The spool is bounded: when it
//! is full, [`Spool::has_room`] says so and model calls are refused rather than unmetered.
//!
//! Before a call is made its mark is written ([`Spool::begin`]), and at its end the record ([`Spool::append`]) or that it
//! cost nothing ([`Spool::void`]). A mark without an end becomes a record at the next start.

mod calls;
mod folder;
mod found;
mod segment;
pub(crate) mod ship;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use outcrop_ports::Hold;
use outcrop_types::{UsageId, UsageRecord};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use folder::SpoolError;

use crate::admission::Used;
use calls::Calls;
use folder::Folder;
use segment::{EncodeError, Scan};

/// A segment is closed at this size: small enough to be read whole, large enough to keep files few.
const SEGMENT_BYTES: u64 = 2 * 1024 * 1024;
/// Most records kept in memory while the disk takes none; more calls than that are not in flight at once.
const MOST_STRANDED: usize = 4096;
/// What must find room on a disk that was full before calls are made again: the mark and the record of some.
const PROBE: [u8; 16 * 1024] = [0; 16 * 1024];

/// Why a call has no mark.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MarkError {
    /// It cannot be put down.
    #[error("the mark of a call cannot be written down")]
    Encode(#[source] EncodeError),
    /// The disk does not take it.
    #[error("the disk refuses the mark of a call")]
    Disk(#[source] io::Error),
}

/// The writing side, shared by all calls.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: Folder,
    max_bytes: u64,
    segment_bytes: u64,
    /// Bytes of all segments; read without the lock before every call.
    bytes: AtomicU64,
    /// Whether the disk refused something, and has taken nothing since.
    failing: AtomicBool,
    /// Whether the last caller was told that there is no room; only so that each change is logged once.
    refusing: AtomicBool,
    /// What dead processes left has been read.
    recovered: CancellationToken,
    /// It has arrived in the ledger.
    caught_up: CancellationToken,
    /// Somebody cannot wait for the shipper's next time.
    hurry: Notify,
    /// How often the shipper tried.
    rounds: watch::Sender<Rounds>,
    inner: Mutex<Inner>,
}

/// The shipper's tries: there is one shipper, so they follow each other.
#[derive(Debug, Clone, Copy, Default)]
struct Rounds {
    begun: u64,
    ended: u64,
    /// Whether the last that ended moved everything.
    worked: bool,
}

#[derive(Debug)]
struct Inner {
    next_sequence: u64,
    active: Option<Active>,
    closed: Vec<Closed>,
    /// Segments that dead processes left, until they are read.
    found: Vec<u64>,
    /// What their calls held of limits, until somebody asks.
    settle: Vec<(Hold, Used)>,
    calls: Calls,
    /// Ends of calls that the disk refused.
    stranded: Vec<(UsageId, Vec<u8>)>,
}

#[derive(Debug)]
struct Active {
    sequence: u64,
    bytes: u64,
    file: File,
    needs: BTreeSet<u64>,
}

#[derive(Debug)]
struct Closed {
    sequence: u64,
    bytes: u64,
    /// The file, as long as it has not been forced to the disk.
    unsynced: Option<File>,
    /// Segments with the marks of calls whose ends stand here: they go first.
    needs: BTreeSet<u64>,
    /// Where the ends of calls stand whose marks stand here: segments, and up to where. They are shipped first.
    ends: BTreeMap<u64, u64>,
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
            .map(|it| Closed {
                sequence: it.sequence,
                bytes: it.bytes,
                unsynced: None,
                needs: BTreeSet::new(),
                ends: BTreeMap::new(),
            })
            .collect();
        if !closed.is_empty() {
            tracing::info!(segments = closed.len(), "found usage records of an earlier run; shipping them");
        }
        let next_sequence = closed.last().map_or(1, |last| last.sequence + 1);
        let (recovered, caught_up) = (CancellationToken::new(), CancellationToken::new());
        if closed.is_empty() {
            recovered.cancel();
            caught_up.cancel();
        }
        let inner = Inner {
            next_sequence,
            active: None,
            found: closed.iter().map(|it| it.sequence).collect(),
            settle: Vec::new(),
            calls: Calls::default(),
            stranded: Vec::new(),
            closed,
        };
        Ok(Self {
            folder,
            max_bytes,
            segment_bytes: SEGMENT_BYTES.min(max_bytes / 4).max(1),
            bytes: AtomicU64::new(inner.closed.iter().map(|it| it.bytes).sum()),
            failing: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            recovered,
            caught_up,
            hurry: Notify::new(),
            rounds: watch::Sender::default(),
            inner: Mutex::new(inner),
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

    /// Writes the mark of a call that is about to be made: the record that it leaves if this process dies, and what it
    /// holds of its limits.
    ///
    /// # Errors
    /// [`MarkError`], logged: the call must not be made, since nobody would know of it.
    pub(crate) fn begin(&self, record: &UsageRecord, hold: Option<&Hold>) -> Result<(), MarkError> {
        let frame = segment::encode_mark(record, hold).map_err(|error| {
            tracing::error!(%error, usage.id = %record.id, "a model is not called: its mark cannot be written");
            MarkError::Encode(error)
        })?;
        let mut inner = self.lock();
        let sequence = self.write(&mut inner, &frame).map_err(|error| {
            self.fail(&error);
            MarkError::Disk(error)
        })?;
        inner.calls.begun(record.id, frame, vec![sequence]);
        Ok(())
    }

    /// Marks that a call goes on elsewhere: if the process dies, this is what it leaves. A mark that cannot be written
    /// leaves the one before it, which says the same of all but the place.
    pub(crate) fn moved(&self, record: &UsageRecord, hold: Option<&Hold>) {
        let Ok(frame) = segment::encode_mark(record, hold) else { return };
        let mut inner = self.lock();
        match self.write(&mut inner, &frame) {
            Ok(sequence) => inner.calls.moved(record.id, frame, sequence),
            Err(error) => self.fail(&error),
        }
    }

    /// Writes the record of a call that has ended. Afterwards it outlives the process.
    ///
    /// The bound is not enforced here: the call has been made, so its record is kept. If the disk refuses it, it
    /// waits in memory, further calls are refused, and the shipper tries again.
    pub(crate) fn append(&self, record: &UsageRecord) {
        self.end(record.id, segment::encode(record));
    }

    /// Writes that a call has ended and cost nothing.
    pub(crate) fn void(&self, call: UsageId) {
        self.end(call, segment::encode_void(call));
    }

    fn end(&self, call: UsageId, frame: Result<Vec<u8>, EncodeError>) {
        match frame {
            Ok(frame) => self.append_frame(&mut self.lock(), call, frame),
            Err(error) => tracing::error!(%error, usage.id = %call, "a usage record is lost"),
        }
    }

    fn append_frame(&self, inner: &mut Inner, call: UsageId, frame: Vec<u8>) {
        let Err(error) = self.write_end(inner, call, &frame) else { return };
        self.fail(&error);
        if inner.stranded.len() < MOST_STRANDED {
            inner.stranded.push((call, frame));
        } else {
            tracing::error!(record = %String::from_utf8_lossy(&frame), "a usage record is lost: no disk, no memory");
        }
    }

    fn fail(&self, error: &io::Error) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "could not write to the usage spool; records wait in memory");
        }
    }

    /// The end of a call, which holds back its segment until the marks of the call are gone.
    fn write_end(&self, inner: &mut Inner, call: UsageId, frame: &[u8]) -> io::Result<()> {
        let sequence = self.write(inner, frame)?;
        let marks = inner.calls.ended(call);
        let Some(active) = inner.active.as_mut().filter(|it| it.sequence == sequence) else { return Ok(()) };
        for segment in marks.into_iter().filter(|it| *it != sequence) {
            active.needs.insert(segment);
            if let Some(closed) = inner.closed.iter_mut().find(|it| it.sequence == segment) {
                closed.ends.insert(sequence, active.bytes);
            }
        }
        Ok(())
    }

    /// Appends a frame; says to which segment.
    fn write(&self, inner: &mut Inner, frame: &[u8]) -> io::Result<u64> {
        let size = frame.len() as u64;
        if inner.active.as_ref().is_some_and(|it| it.bytes + size > self.segment_bytes) {
            inner.close_active();
        }
        let active = self.active(inner)?;
        if let Err(error) = active.file.write_all(frame) {
            // Half a record must not stand before a whole one; if it cannot be cut off, nothing more goes there.
            if active.file.set_len(active.bytes).is_err() {
                inner.close_active();
            }
            return Err(error);
        }
        active.bytes += size;
        self.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(active.sequence)
    }

    /// The segment that is written to.
    fn active<'a>(&self, inner: &'a mut Inner) -> io::Result<&'a mut Active> {
        match &mut inner.active {
            Some(active) => Ok(active),
            none => {
                let sequence = inner.next_sequence;
                let file =
                    File::options().append(true).create_new(true).open(self.folder.segment(sequence))?;
                inner.next_sequence += 1;
                Ok(none.insert(Active { sequence, bytes: 0, file, needs: BTreeSet::new() }))
            }
        }
    }

    /// Writes something and takes it back: whether the disk has room again. What a process that dies meanwhile leaves is
    /// read as a record that was never written whole.
    fn probe(&self, inner: &mut Inner) -> io::Result<()> {
        let active = self.active(inner)?;
        let written = active.file.write_all(&PROBE);
        if let Err(error) = active.file.set_len(active.bytes) {
            inner.close_active();
            return Err(error);
        }
        written
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

    /// Makes a closed segment one that can go: marks in it of calls still under way are written again. `false` if others
    /// have to go first, or ends of its calls are not shipped; `shipped` knows up to where a segment is.
    ///
    /// A full disk takes no mark, and has room again when the segment is gone: the mark is then written.
    fn release(&self, sequence: u64, shipped: impl Fn(u64, u64) -> bool) -> bool {
        let mut inner = self.lock();
        let waits =
            |it: &Closed| !it.needs.is_empty() || !it.ends.iter().all(|(at, upto)| shipped(*at, *upto));
        if inner.closed.iter().any(|it| it.sequence == sequence && waits(it)) {
            return false;
        }
        let marks = inner.calls.only_in(sequence);
        self.write_again(&mut inner, marks);
        true
    }

    /// Writes marks of calls under way once more; whether the disk took them all.
    fn write_again(&self, inner: &mut Inner, marks: Vec<(UsageId, Vec<u8>)>) -> bool {
        for (call, frame) in marks {
            match self.write(inner, &frame) {
                Ok(segment) => inner.calls.also_in(call, segment),
                Err(error) => {
                    self.fail(&error);
                    return false;
                }
            }
        }
        true
    }

    /// Deletes a closed segment that was released and all of whose records have arrived.
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
        inner.calls.gone(sequence);
        let Inner { closed, active, .. } = &mut *inner;
        let others =
            closed.iter_mut().map(|it| &mut it.needs).chain(active.iter_mut().map(|it| &mut it.needs));
        others.for_each(|needs| {
            needs.remove(&sequence);
        });
    }

    /// Forces closed segments to the disk: they have to wait, so they should outlive the machine too. Blocks.
    fn sync(&self) -> io::Result<()> {
        let files: Vec<_> = self.lock().closed.iter_mut().filter_map(|it| it.unsynced.take()).collect();
        files.iter().try_for_each(File::sync_all)
    }

    /// Tries again to write what the disk refused; says how much still waits.
    fn retry_stranded(&self) -> usize {
        let mut inner = self.lock();
        for (call, frame) in std::mem::take(&mut inner.stranded) {
            if self.write_end(&mut inner, call, &frame).is_err() {
                inner.stranded.push((call, frame));
            }
        }
        let marks = inner.calls.in_none();
        let marked = self.write_again(&mut inner, marks);
        // That nothing waits says nothing about the disk: calls whose marks it refused were not made.
        if marked
            && inner.stranded.is_empty()
            && self.failing.load(Ordering::Relaxed)
            && self.probe(&mut inner).is_ok()
        {
            self.failing.store(false, Ordering::Relaxed);
            tracing::info!("the usage spool can be written again");
        }
        inner.stranded.len()
    }

    /// Whether a full disk is to be given back what can be, and no call under way has its mark there.
    fn wants_room(&self) -> bool {
        self.failing.load(Ordering::Relaxed) && self.lock().calls.is_empty()
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
        if let Some(Active { sequence, bytes, file, needs }) = self.active.take() {
            self.closed.push(Closed { sequence, bytes, unsynced: Some(file), needs, ends: BTreeMap::new() });
        }
    }
}

#[cfg(test)]
mod marks_tests;
#[cfg(test)]
mod tests;
