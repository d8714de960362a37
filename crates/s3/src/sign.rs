//! Addresses at which a client reads or writes an object past us.

use std::time::Duration;

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outcrop_ports::{PortError, SignedUrl, SignedUse, content_disposition};

use crate::blobs::port_error;
use crate::place::{Encryption, Place};

/// Longest that S3 takes an address (`X-Amz-Expires`); credentials that end earlier end it too.
const LONGEST: Duration = Duration::from_hours(7 * 24);

impl Place {
    /// Signs, without a call to S3; credentials may have to be fetched.
    pub(crate) async fn sign(&self, usage: &SignedUse, valid: Duration) -> Result<SignedUrl, PortError> {
        let attempted = self.attempted("sign an address of");
        let valid = PresigningConfig::expires_in(valid.clamp(Duration::from_secs(1), LONGEST))
            .map_err(|error| PortError::broken(&attempted, error))?;
        let signed = match usage {
            SignedUse::Get { filename } => self
                .client
                .get_object()
                .bucket(&*self.bucket)
                .key(&*self.object)
                .response_content_disposition(content_disposition(filename))
                .presigned(valid)
                .await
                .map_err(|error| port_error(&attempted, &error))?,
            SignedUse::Put { bytes, sha256 } => self.sign_put(*bytes, sha256.as_ref(), valid).await?,
        };
        let headers = signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(SignedUrl { url: signed.uri().to_owned(), headers })
    }

    async fn sign_put(
        &self,
        bytes: u64,
        sha256: Option<&[u8; 32]>,
        valid: PresigningConfig,
    ) -> Result<PresignedRequest, PortError> {
        // The checksum that the SDK adds by itself would be that of no bytes.
        let config = aws_sdk_s3::config::Config::builder()
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        self.client
            .put_object()
            .bucket(&*self.bucket)
            .key(&*self.object)
            .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
            .set_checksum_sha256(sha256.map(|digest| STANDARD.encode(digest)))
            .set_server_side_encryption(self.encryption.as_ref().map(Encryption::algorithm))
            .set_ssekms_key_id(self.encryption.as_ref().and_then(Encryption::key))
            .customize()
            .config_override(config)
            .presigned(valid)
            .await
            .map_err(|error| port_error(&self.attempted("sign an address of"), &error))
    }
}
