//! Makes pictures.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ModelError, ResolvedModel, Tally};

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
    /// Whether the better and dearer of two qualities is wanted; `None` leaves it to the model.
    pub premium: Option<bool>,
    /// What chance begins with: the same, and the same request, make the same pictures. Where they are made one by one,
    /// it counts up from this.
    pub seed: u64,
    /// How closely the model keeps to the prompt; `None` leaves it to the model.
    pub cfg_scale: Option<f64>,
    /// Up to 16 pairs that go to Bedrock's invocation log.
    pub metadata: BTreeMap<String, String>,
    /// How long the caller waits for all of them.
    pub deadline: Duration,
    /// Learns how many were made.
    pub tally: Tally,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadeImages {
    /// As many pictures as were asked for: their files in base64, as Bedrock sends them. They need no escaping.
    All(Vec<Bytes>),
    /// The model's filter held one back, for this reason. Others may have been made, and cost.
    Filtered(String),
}

/// Makes pictures.
#[async_trait]
pub trait ImageModel: Send + Sync + 'static {
    /// As many as were asked for, or none. How many were made is in the tally, however the call ended.
    async fn make_images(&self, call: ImageCall) -> Result<MadeImages, ModelError>;
}
