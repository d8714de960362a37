//! Guardrails applied to text by itself, apart from a model call.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::ModelError;

/// Which side of a conversation is looked at (ApplyGuardrail `source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardedSide {
    /// What is asked.
    Input,
    /// What is answered.
    Output,
}

/// One look of a guardrail at some texts.
#[derive(Debug, Clone)]
pub struct GuardrailCall {
    /// Its id or ARN.
    pub id: String,
    /// Its version, or `DRAFT`.
    pub version: String,
    /// Which side the texts are of.
    pub side: GuardedSide,
    /// The texts, none of them blank.
    pub texts: Vec<String>,
    /// How long the caller waits.
    pub deadline: Duration,
}

/// What a guardrail says of texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GuardrailVerdict {
    /// Whether it steps in (`action` is `GUARDRAIL_INTERVENED`).
    pub intervened: bool,
    /// What is said instead, if it steps in: the blocked message, or the texts with what is sensitive masked.
    pub texts: Vec<String>,
    /// Whether it only masked: the texts may be used in the place of those that were looked at.
    pub masked: bool,
    /// What it found, in Bedrock's shape (`assessments`).
    pub assessments: Value,
    /// Text units it counts, over all kinds of policies (`usage`).
    pub units: u64,
}

/// Applies guardrails of the place (ApplyGuardrail).
#[async_trait]
pub trait Guardrails: Send + Sync + 'static {
    /// What the guardrail says.
    async fn apply(&self, call: GuardrailCall) -> Result<GuardrailVerdict, ModelError>;
}
