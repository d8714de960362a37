//! The objects that the emulator's batch jobs read and write: those in S3, through the adapter that everybody uses.

use async_trait::async_trait;
use aws_types::SdkConfig;
use bytes::Bytes;
use outcrop_aws::AwsOptions;
use outcrop_emulator::{ObjectBytes, ObjectWriter, Objects, ObjectsError};
use outcrop_ports::{BlobUpload, Blobs as _, PortError};
use outcrop_s3::S3Blobs;

use futures::StreamExt as _;

/// S3 as the AWS environment has it, in any bucket that a job names.
#[derive(Debug)]
pub struct S3Objects {
    sdk: SdkConfig,
    path_style: bool,
}

impl S3Objects {
    /// For an emulator of `region`. Reads environment and profile files, and calls nobody.
    pub async fn connect(region: &str, path_style: Option<bool>) -> Self {
        let options = AwsOptions { region: Some(region.to_owned()), ..AwsOptions::default() };
        let sdk = outcrop_aws::sdk_config(&options).await;
        let path_style = path_style.unwrap_or_else(|| outcrop_aws::has_endpoint_override(&sdk, "S3"));
        Self { sdk, path_style }
    }

    fn bucket(&self, bucket: &str) -> Result<S3Blobs, ObjectsError> {
        S3Blobs::connect(&self.sdk, bucket, "", self.path_style).map_err(told)
    }
}

/// What a job's message says of it.
#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn told(error: PortError) -> ObjectsError {
    ObjectsError(error.chain())
}

#[async_trait]
impl Objects for S3Objects {
    async fn read(&self, bucket: &str, key: &str) -> Result<Option<ObjectBytes>, ObjectsError> {
        let found = self.bucket(bucket)?.read(key, None).await.map_err(told)?;
        Ok(found.map(|it| Box::pin(it.bytes.map(|piece| piece.map_err(told))) as ObjectBytes))
    }

    async fn write(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        let upload = self.bucket(bucket)?.upload(key).await.map_err(told)?;
        Ok(Box::new(Upload(upload)))
    }
}

struct Upload(Box<dyn BlobUpload>);

#[async_trait]
impl ObjectWriter for Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        self.0.write(bytes).await.map_err(told)
    }

    async fn finish(self: Box<Self>) -> Result<(), ObjectsError> {
        self.0.finish().await.map(drop).map_err(told)
    }
}
