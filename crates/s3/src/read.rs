//! An object that is read piece by piece.
//!
//! S3 closes connections on which nobody reads for a while, and a client may be that slow. What is left is then asked for
//! again, of the same version.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use outcrop_ports::{BlobRead, PortError};

use crate::blobs::{S3Error, port_error};
use crate::place::Place;

/// Largest piece.
const PIECE: usize = 1024 * 1024;
/// Longest wait for a piece.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often in a row what is left is asked for without a byte of it.
const ATTEMPTS: u32 = 3;

/// Begins to read.
pub(crate) async fn read(place: Place, range: Option<Range<u64>>) -> Result<Option<BlobRead>, PortError> {
    let range = range.unwrap_or(0..u64::MAX);
    let whole = range == (0..u64::MAX);
    if range.is_empty() {
        return nothing(&place).await;
    }
    let header = (!whole).then(|| range_header(&range));
    let answer = match get(&place, header, None).await? {
        Got::Answer(answer) => *answer,
        Got::NotThere => return Ok(None),
        Got::Beyond => return nothing(&place).await,
    };
    let length = answer.content_length.and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
    let (from, size) = match answer.content_range.as_deref() {
        Some(text) => told(text).ok_or_else(|| {
            PortError::broken(place.attempted("read"), S3Error("its range is unreadable".to_owned()))
        })?,
        None => (0, length),
    };
    let left = Left {
        end: from.saturating_add(length),
        next: from,
        tag: answer.e_tag,
        body: answer.body,
        rest: Bytes::new(),
        failed: 0,
        place,
    };
    let bytes = futures::stream::try_unfold(left, |mut left| async move {
        Ok(left.piece().await?.map(|piece| (piece, left)))
    });
    Ok(Some(BlobRead { size, bytes: Box::pin(bytes) }))
}

/// A range with nothing of the object in it.
async fn nothing(place: &Place) -> Result<Option<BlobRead>, PortError> {
    let size = place.size().await?;
    Ok(size.map(|size| BlobRead { size, bytes: Box::pin(futures::stream::empty()) }))
}

/// What is still to be read.
struct Left {
    place: Place,
    next: u64,
    end: u64,
    tag: Option<String>,
    body: ByteStream,
    /// What came and was more than a piece.
    rest: Bytes,
    failed: u32,
}

impl Left {
    async fn piece(&mut self) -> Result<Option<Bytes>, PortError> {
        loop {
            if !self.rest.is_empty() {
                let piece = self.rest.split_to(self.rest.len().min(PIECE));
                self.next += piece.len() as u64;
                return Ok(Some(piece));
            }
            if self.next >= self.end {
                return Ok(None);
            }
            let error = match tokio::time::timeout(PIECE_TIMEOUT, self.body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    self.failed = 0;
                    self.rest = bytes;
                    continue;
                }
                Ok(Some(Err(error))) => S3Error(outcrop_aws::explain(&error)),
                Ok(None) => S3Error("it ended early".to_owned()),
                Err(late) => S3Error(late.to_string()),
            };
            self.failed += 1;
            if self.failed >= ATTEMPTS {
                return Err(PortError::unavailable(self.place.attempted("read"), error));
            }
            self.body = self.again().await?;
        }
    }

    async fn again(&self) -> Result<ByteStream, PortError> {
        let header = range_header(&(self.next..self.end));
        match get(&self.place, Some(header), self.tag.clone()).await? {
            Got::Answer(answer) => Ok(answer.body),
            Got::NotThere | Got::Beyond => Err(PortError::unavailable(
                self.place.attempted("read"),
                S3Error("it was removed meanwhile".to_owned()),
            )),
        }
    }
}

enum Got {
    Answer(Box<GetObjectOutput>),
    NotThere,
    /// The range begins behind the end.
    Beyond,
}

async fn get(place: &Place, range: Option<String>, version: Option<String>) -> Result<Got, PortError> {
    let answer = place
        .client
        .get_object()
        .bucket(&*place.bucket)
        .key(&*place.object)
        .set_range(range)
        .set_if_match(version)
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(Got::Answer(Box::new(answer))),
        Err(error) if error.code() == Some("NoSuchKey") => Ok(Got::NotThere),
        Err(error) if error.code() == Some("InvalidRange") => Ok(Got::Beyond),
        Err(error) => Err(port_error(&place.attempted("read"), &error)),
    }
}

fn range_header(range: &Range<u64>) -> String {
    match range.end {
        u64::MAX => format!("bytes={}-", range.start),
        end => format!("bytes={}-{}", range.start, end - 1),
    }
}

/// Where the bytes begin and how many there are in all, by `bytes 3-6/10`.
fn told(content_range: &str) -> Option<(u64, u64)> {
    let (range, size) = content_range.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}
