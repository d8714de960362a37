//! An answer's body that counts as open work until it has been sent or given up, and then has it told.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use outcrop_lifecycle::Guard;
use outcrop_types::{ErrorCode, without_secrets};

use crate::failure;
use crate::record::Record;

tokio::task_local! {
    /// The failure that the piece of a body tells of which is being made.
    static TOLD: Cell<Option<Told>>;
}

/// A failure in the middle of an answer, by where its line in the log is.
enum Told {
    Here(BrokenOff),
    Elsewhere(ErrorCode),
}

/// A failure in the middle of an answer that had begun well, as the log hears of it.
#[derive(Debug)]
pub struct BrokenOff {
    pub(crate) code: ErrorCode,
    /// It and its causes.
    pub(crate) chain: String,
    /// AWS's id of the call that failed.
    pub(crate) aws_request_id: Option<String>,
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain)?;
        match &self.aws_request_id {
            Some(id) => write!(f, " (the call {id} of AWS)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BrokenOff {}

/// Says that the body which is being made tells its client of a failure in the middle of an answer that had begun well: for
/// those who read the status alone it would be a success. To be called while a piece is made: the line about the request is
/// the failure's, too. Elsewhere it has a line of its own.
pub fn broke_off(code: ErrorCode, error: &dyn StdError, aws_request_id: Option<&str>) {
    let chain = failure::log_text(code, error);
    let aws_request_id = aws_request_id.map(str::to_owned);
    if let Err(unheard) = tell(Told::Here(BrokenOff { code, chain, aws_request_id }))
        && let Told::Here(it) = unheard
    {
        tracing::warn!(
            error.code = it.code.name(),
            error = %without_secrets(&it.chain),
            aws.request_id = it.aws_request_id,
            "an answer broke off"
        );
    }
}

/// The same of an answer that another service gave, which knows why and has told it: here it is no second line.
pub fn passed_on_broken(code: ErrorCode) {
    // Outside of a body there is nothing to be told of.
    let _ = tell(Told::Elsewhere(code));
}

/// Makes a piece of an answer, and takes what it says of a failure by [`broke_off`]: for those who read an answer themselves,
/// and have a line of their own for what failed.
pub fn hear<T>(make: impl FnOnce() -> T) -> (T, Option<BrokenOff>) {
    let (made, told) = listen(make);
    let heard = told.and_then(|told| if let Told::Here(it) = told { Some(it) } else { None });
    (made, heard)
}

fn listen<T>(make: impl FnOnce() -> T) -> (T, Option<Told>) {
    TOLD.sync_scope(Cell::default(), || {
        let made = make();
        (made, TOLD.with(Cell::take))
    })
}

/// Tells whoever has the piece made; gives it back where there is nobody. The first failure counts.
fn tell(told: Told) -> Result<(), Told> {
    let mut told = Some(told);
    let _ = TOLD.try_with(|slot| {
        let new = told.take();
        slot.set(slot.take().or(new));
    });
    told.map_or(Ok(()), Err)
}

/// A body with the guard of its request, if the request counts, and what is told of it, if anything is.
pub struct TrackedBody {
    body: BoxBody,
    record: Option<Record>,
    guard: Option<Guard>,
}

impl TrackedBody {
    pub(crate) const fn new(body: BoxBody, record: Option<Record>, guard: Option<Guard>) -> Self {
        Self { body, record, guard }
    }

    fn take_body(&mut self) -> BoxBody {
        std::mem::replace(&mut self.body, BoxBody::new(()))
    }
}

impl fmt::Debug for TrackedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedBody")
            .field("body", &self.body)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl MessageBody for TrackedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Self { body, record, .. } = &mut *self;
        let Some(record) = record else { return Pin::new(body).poll_next(cx) };
        // What is made on the way is made for this request.
        let (polled, told) = record.current().enter(|| listen(|| Pin::new(body).poll_next(cx)));
        match told {
            Some(Told::Here(failure)) => record.told_failure(failure),
            Some(Told::Elsewhere(code)) => record.passed_on_broken(code),
            None => {}
        }
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => record.sent(bytes.len()),
            Poll::Ready(Some(Err(error))) => record.broke_off(error.as_ref()),
            Poll::Ready(None) => record.ended(0),
            Poll::Pending => {}
        }
        polled
    }

    fn try_into_bytes(mut self) -> Result<Bytes, Self> {
        match self.take_body().try_into_bytes() {
            Ok(bytes) => {
                if let Some(record) = &mut self.record {
                    record.ended(bytes.len());
                }
                Ok(bytes)
            }
            Err(body) => {
                self.body = body;
                Err(self)
            }
        }
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        let body = self.take_body();
        match &self.record {
            // Streams tell at their end what they used: that is of this request too, and before the last word on it.
            Some(record) => record.current().enter(|| drop(body)),
            None => drop(body),
        }
        drop(self.record.take());
        drop(self.guard.take());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn of_a_piece_the_first_failure_is_heard() {
        let (made, heard) = hear(|| {
            broke_off(ErrorCode::Upstream, &Error::other("it went `away`"), Some("aws-1"));
            broke_off(ErrorCode::Timeout, &Error::other("too late"), None);
            7
        });
        assert_eq!(
            (made, heard.unwrap().to_string().as_str()),
            (7, "it went `away` (the call aws-1 of AWS)")
        );
        assert!(hear(|| passed_on_broken(ErrorCode::Upstream)).1.is_none(), "somebody else's");
    }

    #[test]
    fn what_was_wrong_with_a_request_is_heard_in_our_words() {
        let (_, heard) = hear(|| {
            broke_off(ErrorCode::InvalidRequest, &Error::other("Value 'a prompt' at 'x' failed"), None)
        });
        assert_eq!(heard.unwrap().to_string(), "Value … failed");
    }
}
