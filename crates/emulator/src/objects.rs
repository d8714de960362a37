//! The objects that batch jobs read and write: whoever starts the emulator says where they lie.

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use std::fmt;
use std::pin::Pin;

/// An object's bytes as they come.
pub type ObjectBytes = Pin<Box<dyn Stream<Item = Result<Bytes, ObjectsError>> + Send>>;

/// Why an object could not be read or written, in words for the job's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ObjectsError(pub String);

/// A store of objects, such as S3: the emulator itself knows none.
#[async_trait]
pub trait Objects: fmt::Debug + Send + Sync + 'static {
    /// Reads an object piece by piece. Nothing if it is not there.
    ///
    /// # Errors
    /// When the store does not answer, or refuses.
    async fn read(&self, bucket: &str, key: &str) -> Result<Option<ObjectBytes>, ObjectsError>;

    /// Begins to write an object, which is there once it is finished.
    ///
    /// # Errors
    /// When the store does not answer, or refuses.
    async fn write(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectsError>;
}

/// An object that is being written; dropped before its end, it never was.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the store does not answer, or refuses.
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError>;

    /// Ends it.
    ///
    /// # Errors
    /// When the store does not answer, or refuses.
    async fn finish(self: Box<Self>) -> Result<(), ObjectsError>;
}
