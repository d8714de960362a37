//! The [`Blobs`](outcrop_ports::Blobs) port on Amazon S3, or on a store that speaks its protocol.
//!
//! One bucket and one prefix per value. This crate makes no buckets and sets no lifecycle: both belong to whoever
//! runs the platform. Start reading at [`S3Blobs`].

mod blobs;
mod place;
mod read;
mod sign;
mod upload;

pub use blobs::S3Blobs;
pub use place::Encryption;
