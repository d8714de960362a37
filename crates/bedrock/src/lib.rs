//! The [`ChatModel`](outcrop_ports::ChatModel) and [`ModelCatalog`](outcrop_ports::ModelCatalog) ports on Amazon
//! Bedrock.
//!
//! [`BedrockModel`] speaks Converse and ConverseStream to one region with the AWS SDK's parts (`direct.rs`); [`Catalog`] knows the
//! models (`catalog.toml`). This crate does not retry, fail over, cache or count: one call is one call. The
//! translation is pure and lives in `request/`, `response.rs` and `stream.rs`. Start reading at [`BedrockModel`].

mod as_written;
mod batch;
mod catalog;
mod citations;
mod client;
mod control;
mod converse_body;
mod direct;
mod document;
mod embed;
mod errors;
mod guardrails;
mod images;
mod invoke;
mod json;
mod parts;
mod places;
mod prices;
mod probe;
mod request;
mod rerank;
mod response;
mod stream;
mod trace;
mod tracing_header;

pub use batch::BedrockBatches;
pub use catalog::{
    Catalog, CatalogError, CatalogOptions, LiveCatalog, LiveOptions, RefreshError, RegionsCatalog, geography,
};
pub use client::{BedrockModel, BedrockOptions, BuildError};
pub use control::ControlPlane;
pub use converse_body::converse_body;
pub use places::{BedrockPlaces, PlacesOptions};
pub use prices::PriceError;
