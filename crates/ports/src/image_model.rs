//! Makes pictures.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{ModelError, ResolvedModel};

/// A picture to be made.
#[derive(Debug, Clone)]
pub struct ImageCall {
    /// Which model, and where.
    pub model: ResolvedModel,
    /// What it is to show.
    pub prompt: String,
    /// What it is not to show.
    pub negative_prompt: Option<String>,
    /// How many are wanted, at least 1.
    pub count: u32,
    /// Width and height, pixels; `None` leaves them to the model.
    pub size: Option<(u32, u32)>,
    /// `standard`, `premium`: in Bedrock's words.
    pub quality: Option<String>,
    /// For an answer that can be had again.
    pub seed: Option<u64>,
    /// Fields of the model's own, merged into its body.
    pub additional: Map<String, Value>,
    /// How long the caller waits for all of them.
    pub deadline: Duration,
}

/// A picture that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeImage {
    /// Its file in base64, as Bedrock sends it.
    pub base64: Bytes,
}

/// Makes pictures.
#[async_trait]
pub trait ImageModel: Send + Sync + 'static {
    /// As many as were asked for, or none: a picture that the model's filter held back is `Invalid`, with its reason.
    async fn make_images(&self, call: ImageCall) -> Result<Vec<MadeImage>, ModelError>;
}
