//! Stand-ins for blobs that behave otherwise in one thing.

/// Writes the `impl Blobs` of a wrapper (its first field is the real thing) whose `put` is given.
macro_rules! blobs_but_put {
    ($double:ty { $($put:tt)* }) => {
        #[async_trait::async_trait]
        impl outcrop_ports::Blobs for $double {
            $($put)*

            async fn get(&self, key: &str) -> Result<Option<bytes::Bytes>, outcrop_ports::PortError> {
                self.0.get(key).await
            }

            async fn delete(&self, key: &str) -> Result<(), outcrop_ports::PortError> {
                self.0.delete(key).await
            }

            async fn size(&self, key: &str) -> Result<Option<u64>, outcrop_ports::PortError> {
                self.0.size(key).await
            }

            async fn read(
                &self,
                key: &str,
                range: Option<std::ops::Range<u64>>,
            ) -> Result<Option<outcrop_ports::BlobRead>, outcrop_ports::PortError> {
                self.0.read(key, range).await
            }

            async fn upload(
                &self,
                key: &str,
            ) -> Result<Box<dyn outcrop_ports::BlobUpload>, outcrop_ports::PortError> {
                self.0.upload(key).await
            }

            async fn sign(
                &self,
                key: &str,
                usage: &outcrop_ports::SignedUse,
                valid: std::time::Duration,
            ) -> Result<Option<outcrop_ports::SignedUrl>, outcrop_ports::PortError> {
                self.0.sign(key, usage, valid).await
            }

            fn s3_uri(&self, key: &str) -> Option<String> {
                self.0.s3_uri(key)
            }
        }
    };
}
