//! An answer's body that counts as open work until it has been sent or given up, and then has it told.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use outcrop_lifecycle::Guard;
use outcrop_types::ErrorCode;

use crate::record::Record;

tokio::task_local! {
    /// The failure that the piece of a body tells of which is being made.
    static TOLD: Cell<Option<ErrorCode>>;
}

/// Says that the body which is being made tells its client of a failure in the middle of an answer that had begun well: for
/// those who read the status alone it would be a success. To be called while a piece is made; elsewhere nobody hears it.
pub fn broke_off(code: ErrorCode) {
    // Outside of a body there is nothing to be told of.
    let _ = TOLD.try_with(|told| told.set(Some(code)));
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
        let make = || (Pin::new(body).poll_next(cx), TOLD.with(Cell::take));
        let (polled, told) = record.current().enter(|| TOLD.sync_scope(Cell::default(), make));
        if let Some(code) = told {
            record.told_failure(code);
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
