//! One object: writing it whole, and asking for its size.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use outcrop_ports::PortError;

use crate::blobs::{LARGE, port_error, within};

/// How S3 encrypts what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of S3 (`AES256`).
    S3,
    /// With a key of KMS (`aws:kms`).
    Kms {
        /// Its id, ARN or alias; `None` is the account's own key for S3.
        key: Option<String>,
    },
}

impl Encryption {
    pub(crate) fn algorithm(&self) -> ServerSideEncryption {
        match self {
            Self::S3 => ServerSideEncryption::Aes256,
            Self::Kms { .. } => ServerSideEncryption::AwsKms,
        }
    }

    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::S3 => None,
            Self::Kms { key } => key.clone(),
        }
    }
}

/// Where one blob lies, and how it is written there.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) bucket: Arc<str>,
    /// The whole key, with the prefix.
    pub(crate) object: Arc<str>,
    pub(crate) encryption: Option<Encryption>,
    /// Not at AWS itself: nothing is asked for that other stores may not know.
    pub(crate) elsewhere: bool,
}

impl Place {
    /// Writes it whole.
    pub(crate) async fn put(&self, bytes: Bytes) -> Result<(), PortError> {
        self.client
            .put_object()
            .bucket(&*self.bucket)
            .key(&*self.object)
            .set_server_side_encryption(self.encryption.as_ref().map(Encryption::algorithm))
            .set_ssekms_key_id(self.encryption.as_ref().and_then(Encryption::key))
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(within(LARGE))
            .send()
            .await
            .map(drop)
            .map_err(|error| port_error(&self.attempted("write"), &error))
    }

    /// Copies what lies at another place here, without a byte of it passing us: whether there was anything.
    pub(crate) async fn copy_from(&self, source: &str) -> Result<bool, PortError> {
        let copied = self
            .client
            .copy_object()
            .bucket(&*self.bucket)
            .key(&*self.object)
            // Keys hold nothing that would have to be encoded.
            .copy_source(format!("{}/{source}", self.bucket))
            .set_server_side_encryption(self.encryption.as_ref().map(Encryption::algorithm))
            .set_ssekms_key_id(self.encryption.as_ref().and_then(Encryption::key))
            .customize()
            // S3 may take minutes for gigabytes, and answers only then.
            .config_override(within(LARGE * 5))
            .send()
            .await;
        match copied {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(false),
            Err(error) => Err(port_error(&self.attempted("copy to"), &error)),
        }
    }

    /// How large it is, if it is there; a bucket that is not there looks the same.
    pub(crate) async fn size(&self) -> Result<Option<u64>, PortError> {
        let head = self.client.head_object().bucket(&*self.bucket).key(&*self.object).send().await;
        match head {
            Ok(head) => Ok(Some(head.content_length.and_then(|it| u64::try_from(it).ok()).unwrap_or(0))),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(port_error(&self.attempted("measure"), &error)),
        }
    }

    /// What was attempted, for an error: `write the object …`.
    pub(crate) fn attempted(&self, what: &str) -> String {
        format!("{what} the object `{}` in S3", self.object)
    }
}
