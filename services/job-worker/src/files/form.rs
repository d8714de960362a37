//! A multipart form that is read as it comes, with bounds on what may come without being read.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use multer::Multipart;
use tokio::sync::mpsc::{self, Sender};

use super::FileError;

/// Most bytes that go in without anything coming out: a boundary that never comes, headers without an end.
const MOST_UNREAD: usize = 1 << 20;
/// Longest value of a field that is no file, bytes.
const LONGEST_TEXT: usize = 1_024;

/// The end at which bytes go in.
pub(super) struct Inlet {
    sender: Sender<Bytes>,
    unread: Arc<AtomicUsize>,
}

/// The end at which fields come out.
pub(super) struct Form {
    multipart: Multipart<'static>,
    unread: Arc<AtomicUsize>,
}

/// One field.
pub(super) struct Field {
    field: multer::Field<'static>,
    unread: Arc<AtomicUsize>,
}

/// A form whose parts are separated by this.
///
/// The body cannot be handed to the reader as it is: it is bound to its thread, and the reader takes all there is before it
/// gives anything out. Between the two is room for one piece.
pub(super) fn open(boundary: String) -> (Inlet, Form) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let unread = Arc::<AtomicUsize>::default();
    let pieces = stream::poll_fn(move |context| receiver.poll_recv(context)).map(Ok::<_, Infallible>);
    let form = Form { multipart: Multipart::new(pieces, boundary), unread: Arc::clone(&unread) };
    (Inlet { sender, unread }, form)
}

impl Inlet {
    /// Takes a body in until it ends or nobody reads it any more.
    pub(super) async fn fill<E>(
        self,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        idle: Duration,
    ) -> Result<(), FileError> {
        loop {
            let piece = match tokio::time::timeout(idle, body.next()).await {
                Err(_) => {
                    return Err(FileError::Idle { idle_ms: idle.as_millis().try_into().unwrap_or(u64::MAX) });
                }
                Ok(None) => return Ok(()),
                Ok(Some(Err(_))) => return Err(FileError::Broken),
                Ok(Some(Ok(piece))) => piece,
            };
            let Ok(place) = self.sender.reserve().await else { return Ok(()) };
            if self.unread.fetch_add(piece.len(), Ordering::Relaxed) > MOST_UNREAD {
                return Err(FileError::Malformed);
            }
            place.send(piece);
        }
    }
}

impl Form {
    /// The next field; the one before must have been dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Field>, FileError> {
        let field = self.multipart.next_field().await.map_err(|error| unreadable(&error))?;
        self.unread.store(0, Ordering::Relaxed);
        Ok(field.map(|field| Field { field, unread: Arc::clone(&self.unread) }))
    }
}

impl Field {
    pub(super) fn name(&self) -> Option<&str> {
        self.field.name()
    }

    pub(super) fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// Its next bytes.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, FileError> {
        let chunk = self.field.chunk().await.map_err(|error| unreadable(&error))?;
        self.unread.store(0, Ordering::Relaxed);
        Ok(chunk)
    }

    /// All of it, as text.
    pub(super) async fn text(mut self) -> Result<String, FileError> {
        let name: String = self.name().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if bytes.len() + chunk.len() > LONGEST_TEXT {
                return Err(FileError::invalid(&name, format!("`{name}` is too long.")));
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| FileError::invalid(&name, format!("`{name}` is not UTF-8.")))
    }
}

fn unreadable(error: &multer::Error) -> FileError {
    use multer::Error as E;
    match error {
        E::IncompleteFieldData { .. } | E::IncompleteHeaders | E::IncompleteStream => FileError::Broken,
        _ => FileError::Malformed,
    }
}
