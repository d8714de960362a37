//! Objects below a prefix.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_types::SdkConfig;
use bytes::{Bytes, BytesMut};
use outcrop_ports::{
    BlobRead, BlobUpload, Blobs, PortError, Probe, SignedUrl, SignedUse, check_blob_key, check_blob_size,
};

use crate::place::{Encryption, Place};
use crate::read;
use crate::upload::S3Upload;

/// One try of a call that moves no blob.
const SMALL_ATTEMPT: Duration = Duration::from_secs(5);
/// All tries of a call that moves no blob.
const SMALL: Duration = Duration::from_secs(12);
/// All tries of writing or reading a blob, its bytes included: the largest at about 1 MiB/s.
pub(crate) const LARGE: Duration = Duration::from_secs(60);

/// Objects in one bucket, below a prefix.
///
/// A write is one `PutObject`, or a multipart upload, which S3 shows whole or not at all. What a process that died left of
/// an upload stays until the bucket's lifecycle removes it (`AbortIncompleteMultipartUpload`). Retries are those of the [`SdkConfig`]. The
/// credentials need `s3:ListBucket` besides the object rights: without it S3 forbids what is not there, instead
/// of saying so.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    client: Client,
    bucket: Arc<str>,
    prefix: Arc<str>,
    encryption: Option<Encryption>,
    elsewhere: bool,
}

/// The SDK's error in words. The error itself holds the raw answer, and with it bytes of blobs.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct S3Error(pub(crate) String);

impl S3Blobs {
    /// Uses a bucket, and the keys below a prefix in it, which may be empty. Calls nobody yet.
    ///
    /// `path_style` puts the bucket's name into the path instead of the host name; it is implied where an
    /// endpoint other than AWS's is set for S3, because such endpoints seldom have a host name per bucket.
    pub fn connect(
        config: &SdkConfig,
        bucket: &str,
        prefix: &str,
        path_style: bool,
    ) -> Result<Self, PortError> {
        let prefix = prefix.trim_matches('/');
        if bucket.is_empty() || bucket.contains('/') {
            let wrong = S3Error(format!("`{bucket}` is not the name of a bucket"));
            return Err(PortError::broken("use the bucket", wrong));
        }
        if !prefix.is_empty() {
            check_blob_key(prefix)?;
        }
        let elsewhere = outcrop_aws::has_endpoint_override(config, "S3");
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(SMALL_ATTEMPT)
            .operation_timeout(SMALL)
            .build();
        let mut builder = aws_sdk_s3::config::Builder::from(config)
            .timeout_config(timeouts)
            .force_path_style(path_style || elsewhere);
        if elsewhere {
            // Not every store that speaks S3 knows the checksums that AWS's own SDKs add since 2025.
            builder = builder
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Ok(Self {
            client: Client::from_conf(builder.build()),
            bucket: bucket.into(),
            prefix: prefix.into(),
            encryption: None,
            elsewhere,
        })
    }

    /// Has S3 encrypt what is written with this key, and not with the bucket's default.
    #[must_use]
    pub fn with_encryption(self, encryption: Option<Encryption>) -> Self {
        Self { encryption, ..self }
    }

    fn place(&self, object: String) -> Place {
        Place {
            client: self.client.clone(),
            bucket: Arc::clone(&self.bucket),
            object: object.into(),
            encryption: self.encryption.clone(),
            elsewhere: self.elsewhere,
        }
    }

    fn object(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    async fn read_whole(&self, object: String, attempted: &str) -> Result<Option<Bytes>, PortError> {
        let answer = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(object)
            .customize()
            .config_override(within(LARGE))
            .send()
            .await;
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(port_error(attempted, &error)),
        };
        // Refused by what the header says before a byte of it is kept, and by what really comes.
        let said = answer.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        check_blob_size(said)?;
        let mut bytes = BytesMut::with_capacity(usize::try_from(said).unwrap_or(0));
        while let Some(piece) = answer.body.next().await {
            let piece = piece
                .map_err(|error| PortError::unavailable(attempted, S3Error(outcrop_aws::explain(&error))))?;
            check_blob_size(bytes.len() as u64 + piece.len() as u64)?;
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes.freeze()))
    }
}

/// A call that may take so long with all its tries.
pub(crate) fn within(limit: Duration) -> aws_sdk_s3::config::Builder {
    tries(limit, limit)
}

/// A call of which each try may take so long, and all of them.
pub(crate) fn tries(attempt: Duration, limit: Duration) -> aws_sdk_s3::config::Builder {
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(limit).build();
    aws_sdk_s3::config::Config::builder().timeout_config(timeouts)
}

/// Whatever S3 says no to (no answer, throttling, a bucket or a right that is missing) can be mended on the
/// other side while we run; what is wrong with keys and sizes was refused before.
pub(crate) fn port_error<E, R>(attempted: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    PortError::unavailable(attempted, S3Error(outcrop_aws::explain(error)))
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        check_blob_key(key)?;
        check_blob_size(bytes.len() as u64)?;
        self.place(self.object(key)).put(bytes).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        check_blob_key(key)?;
        let attempted = format!("read `{key}` from S3");
        // The SDK's own time-outs end with the header.
        let read = tokio::time::timeout(LARGE, self.read_whole(self.object(key), &attempted)).await;
        read.unwrap_or_else(|late| Err(PortError::unavailable(attempted, late)))
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        check_blob_key(key)?;
        let deleted = self.client.delete_object().bucket(&*self.bucket).key(self.object(key)).send().await;
        deleted.map(drop).map_err(|error| port_error(&format!("delete `{key}` from S3"), &error))
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, PortError> {
        check_blob_key(key)?;
        let size = self.place(self.object(key)).size().await?;
        if size.is_none() {
            // A bucket that is not there is not an absent blob, and the answer to this question has no words.
            self.probe().await?;
        }
        Ok(size)
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<BlobRead>, PortError> {
        check_blob_key(key)?;
        read::read(self.place(self.object(key)), range).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn BlobUpload>, PortError> {
        check_blob_key(key)?;
        Ok(Box::new(S3Upload::new(self.place(self.object(key)))))
    }

    async fn copy(&self, from: &str, to: &str) -> Result<Option<u64>, PortError> {
        check_blob_key(from)?;
        check_blob_key(to)?;
        let place = self.place(self.object(to));
        if place.copy_from(&self.object(from)).await? { place.size().await } else { Ok(None) }
    }

    async fn sign(
        &self,
        key: &str,
        usage: &SignedUse,
        valid: Duration,
    ) -> Result<Option<SignedUrl>, PortError> {
        check_blob_key(key)?;
        self.place(self.object(key)).sign(usage, valid).await.map(Some)
    }

    fn s3_uri(&self, key: &str) -> Option<String> {
        Some(format!("s3://{}/{}", self.bucket, self.object(key)))
    }
}

#[async_trait]
impl Probe for S3Blobs {
    fn name(&self) -> &'static str {
        "s3"
    }

    async fn probe(&self) -> Result<(), PortError> {
        let found = self.client.head_bucket().bucket(&*self.bucket).send().await;
        found.map(drop).map_err(|error| port_error(&format!("reach the bucket `{}`", self.bucket), &error))
    }
}

#[cfg(test)]
mod tests {
    use outcrop_ports::PortFailure;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn blobs(endpoint: &str) -> S3Blobs {
        let config = outcrop_aws::local_config(endpoint, "us-east-1");
        S3Blobs::connect(&config, "bucket", "", false).expect("a good bucket")
    }

    #[test]
    fn buckets_and_prefixes_are_checked() {
        let config = outcrop_aws::local_config("http://127.0.0.1:1", "us-east-1");
        let object = |prefix| Some(S3Blobs::connect(&config, "bucket", prefix, false).ok()?.object("a/b"));
        assert_eq!(object("").as_deref(), Some("a/b"));
        assert_eq!(object("/files/x/").as_deref(), Some("files/x/a/b"));
        assert_eq!(object("../x"), None);
        assert!(S3Blobs::connect(&config, "", "x", false).is_err());
        assert!(S3Blobs::connect(&config, "bucket/x", "", false).is_err());
    }

    #[tokio::test]
    async fn away_is_unavailable() {
        let blobs = blobs("http://127.0.0.1:1");
        let failures = [
            blobs.put("a", Bytes::new()).await.map(drop),
            blobs.get("a").await.map(drop),
            blobs.delete("a").await,
            blobs.probe().await,
        ];
        for failure in failures {
            assert_eq!(failure.expect_err("away").failure, PortFailure::Unavailable);
        }
    }

    /// Answers one request with these bytes and closes.
    async fn answering(answer: Vec<u8>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut request = [0; 16 * 1024];
            let _ = stream.read(&mut request).await;
            // The caller may hang up before it has all of it, as it should.
            let _ = stream.write_all(&answer).await;
        });
        endpoint
    }

    #[tokio::test]
    async fn too_large_an_object_is_refused_by_its_header() {
        let large = outcrop_ports::MAX_BLOB_BYTES + 1;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {large}\r\n\r\n");
        let error = blobs(&answering(answer.into_bytes()).await).get("a").await.expect_err("too large");
        assert_eq!(error.failure, PortFailure::Broken, "{}", error.chain());
    }

    #[tokio::test]
    async fn too_large_an_object_is_refused_as_it_comes() {
        let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        answer.resize(outcrop_ports::MAX_BLOB_BYTES + 4_096, b'x');
        let error = blobs(&answering(answer).await).get("a").await.expect_err("too large");
        assert_eq!(error.failure, PortFailure::Broken, "{}", error.chain());
    }

    #[tokio::test]
    async fn an_object_cut_short_is_unavailable() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
        let error = blobs(&answering(answer).await).get("a").await.expect_err("cut");
        assert_eq!(error.failure, PortFailure::Unavailable, "{}", error.chain());
        assert!(!format!("{error:?}").contains("half"), "the bytes stay out of the error");
    }
}
