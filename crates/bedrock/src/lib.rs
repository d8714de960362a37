//! The [`ChatModel`](outcrop_ports::ChatModel) and [`ModelCatalog`](outcrop_ports::ModelCatalog) ports on Amazon
//! Bedrock.
//!
//! [`BedrockModel`] speaks Converse and ConverseStream to one region through the AWS SDK; [`Catalog`] knows the
//! models (`catalog.toml`). This crate does not retry, fail over, cache or count: one call is one call. The
//! translation is pure and lives in `request.rs`, `response.rs` and `stream.rs`. Start reading at [`BedrockModel`].

mod catalog;
mod client;
mod document;
mod embed;
mod errors;
mod images;
mod invoke;
mod probe;
mod raw_json;
mod request;
mod rerank;
mod response;
mod stream;

pub use catalog::{Catalog, CatalogError, CatalogOptions, geography};
pub use client::{BedrockModel, BedrockOptions, BuildError};
