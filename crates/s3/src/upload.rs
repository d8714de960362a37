//! An object that is written piece by piece: a multipart upload, or one `PutObject` where it fits a part.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use outcrop_ports::{BlobUpload, PortError};
use tokio::task::{JoinError, JoinSet};

use crate::blobs::{LARGE, S3Error, port_error, tries, within};
use crate::place::{Encryption, Place};

/// Size of every part but the last: the least that S3 takes, of 10,000 in all, which is enough for 48 GiB.
const PART: usize = 5 * 1024 * 1024;
/// Most parts of an object.
const MOST_PARTS: i32 = 10_000;
/// Parts that are on their way at once.
const AT_ONCE: usize = 1;
/// One try of sending a part: at about 175 KiB/s.
const PART_ATTEMPT: Duration = Duration::from_secs(30);
/// All tries of sending a part.
const PART_IN_ALL: Duration = Duration::from_secs(90);

/// See [`BlobUpload`]. Holds [`AT_ONCE`] parts that are on their way, and the one that is being filled.
pub(crate) struct S3Upload {
    place: Place,
    filling: BytesMut,
    begun: Option<Multipart>,
    sending: JoinSet<Result<CompletedPart, PortError>>,
    sent: Vec<CompletedPart>,
    number: i32,
    size: u64,
    broken: bool,
}

impl S3Upload {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            filling: BytesMut::new(),
            begun: None,
            sending: JoinSet::new(),
            sent: Vec::new(),
            number: 0,
            size: 0,
            broken: false,
        }
    }

    async fn fill(&mut self, mut bytes: Bytes) -> Result<(), PortError> {
        while !bytes.is_empty() {
            // Only now: what is exactly a part may be all there is.
            if self.filling.len() == PART {
                self.send_part().await?;
            }
            let piece = bytes.split_to(bytes.len().min(PART - self.filling.len()));
            self.filling.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Sends what was filled as the next part, once there is room for it on the way.
    async fn send_part(&mut self) -> Result<(), PortError> {
        while self.sending.len() >= AT_ONCE {
            self.arrived().await?;
        }
        let id = match &self.begun {
            Some(begun) => begun.id.clone(),
            None => self.begun.insert(Multipart::begin(&self.place).await?).id.clone(),
        };
        self.number += 1;
        if self.number > MOST_PARTS {
            let error = S3Error(format!("it has more than {MOST_PARTS} parts of {PART} bytes"));
            return Err(PortError::broken(self.place.attempted("write"), error));
        }
        let bytes = std::mem::take(&mut self.filling).freeze();
        self.sending.spawn(send(self.place.clone(), id, self.number, bytes));
        Ok(())
    }

    /// Waits for a part to arrive.
    async fn arrived(&mut self) -> Result<(), PortError> {
        if let Some(ended) = self.sending.join_next().await {
            self.sent.push(ended.unwrap_or_else(|error| Err(stopped(&self.place, error)))?);
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), PortError> {
        if self.begun.is_none() {
            return self.place.put(std::mem::take(&mut self.filling).freeze()).await;
        }
        if !self.filling.is_empty() {
            self.send_part().await?;
        }
        while !self.sending.is_empty() {
            self.arrived().await?;
        }
        let Some(begun) = self.begun.take() else { return Ok(()) };
        let mut parts = std::mem::take(&mut self.sent);
        parts.sort_unstable_by_key(|part| part.part_number);
        // A task of its own: it goes on if the caller goes away, and is then whole.
        let place = self.place.clone();
        let completed = tokio::spawn(async move { begun.complete(parts).await }).await;
        completed.unwrap_or_else(|error| Err(stopped(&place, error)))
    }

    fn check(&self) -> Result<(), PortError> {
        if !self.broken {
            return Ok(());
        }
        let error = S3Error("an earlier write failed".to_owned());
        Err(PortError::unavailable(self.place.attempted("write"), error))
    }
}

#[async_trait]
impl BlobUpload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), PortError> {
        self.check()?;
        // Stays so if this future is dropped half way: nobody could know what was taken.
        self.broken = true;
        self.size += bytes.len() as u64;
        self.fill(bytes).await?;
        self.broken = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, PortError> {
        self.check()?;
        self.end().await?;
        Ok(self.size)
    }

    async fn abort(mut self: Box<Self>) {
        self.sending.shutdown().await;
        if let Some(begun) = self.begun.take() {
            begun.abort().await;
        }
    }
}

impl Drop for S3Upload {
    fn drop(&mut self) {
        // Without a runtime the process is ending; the bucket's lifecycle removes what stays.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if let Some(begun) = self.begun.take() {
            let mut sending = std::mem::take(&mut self.sending);
            runtime.spawn(async move {
                // First: a part that arrives after its upload was given up stays, and is paid for.
                sending.shutdown().await;
                begun.abort().await;
            });
        }
    }
}

/// A multipart upload; given up when this goes before it is complete.
struct Multipart {
    place: Place,
    id: String,
    open: bool,
}

impl Multipart {
    async fn begin(place: &Place) -> Result<Self, PortError> {
        let place = place.clone();
        let attempted = place.attempted("write");
        // A task of its own: if the caller goes away meanwhile, what it began is given up by being dropped.
        let begun = tokio::spawn(async move {
            let created = place
                .client
                .create_multipart_upload()
                .bucket(&*place.bucket)
                .key(&*place.object)
                .set_checksum_algorithm(checksum(&place))
                .set_server_side_encryption(place.encryption.as_ref().map(Encryption::algorithm))
                .set_ssekms_key_id(place.encryption.as_ref().and_then(Encryption::key))
                .send()
                .await
                .map_err(|error| port_error(&place.attempted("write"), &error))?;
            let id = created.upload_id.ok_or_else(|| {
                PortError::broken(place.attempted("write"), S3Error("the upload has no id".to_owned()))
            })?;
            Ok(Self { place, id, open: true })
        });
        begun.await.unwrap_or_else(|error| Err(PortError::unavailable(attempted, error)))
    }

    async fn complete(mut self, parts: Vec<CompletedPart>) -> Result<(), PortError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self
            .place
            .client
            .complete_multipart_upload()
            .bucket(&*self.place.bucket)
            .key(&*self.place.object)
            .upload_id(&self.id)
            .multipart_upload(parts)
            .customize()
            // S3 may take minutes to put many parts together, and answers only then.
            .config_override(within(LARGE * 5))
            .send()
            .await;
        self.open = completed.is_err();
        completed.map(drop).map_err(|error| port_error(&self.place.attempted("write"), &error))
    }

    async fn abort(mut self) {
        self.open = false;
        give_up(self.place.clone(), std::mem::take(&mut self.id)).await;
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        // Without a runtime the process is ending; the bucket's lifecycle removes what stays.
        if self.open
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(give_up(self.place.clone(), std::mem::take(&mut self.id)));
        }
    }
}

async fn give_up(place: Place, id: String) {
    let aborted = place
        .client
        .abort_multipart_upload()
        .bucket(&*place.bucket)
        .key(&*place.object)
        .upload_id(id)
        .send()
        .await;
    if let Err(error) = aborted {
        let error = port_error(&place.attempted("give up writing"), &error);
        tracing::warn!(error = %error.chain(), "parts of an upload stay until the bucket's lifecycle removes them");
    }
}

async fn send(place: Place, id: String, number: i32, bytes: Bytes) -> Result<CompletedPart, PortError> {
    let sent = place
        .client
        .upload_part()
        .bucket(&*place.bucket)
        .key(&*place.object)
        .upload_id(id)
        .part_number(number)
        .set_checksum_algorithm(checksum(&place))
        .body(ByteStream::from(bytes))
        .customize()
        .config_override(tries(PART_ATTEMPT, PART_IN_ALL))
        .send()
        .await
        .map_err(|error| port_error(&place.attempted("write"), &error))?;
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(sent.e_tag)
        .set_checksum_crc32(sent.checksum_crc32)
        .build())
}

/// Named with the upload and with every part, so that S3 checks each of them and the whole.
fn checksum(place: &Place) -> Option<ChecksumAlgorithm> {
    (!place.elsewhere).then_some(ChecksumAlgorithm::Crc32)
}

fn stopped(place: &Place, error: JoinError) -> PortError {
    PortError::unavailable(place.attempted("write"), error)
}
