//! What the workers share.

use crate::batch::JobsState;
use crate::cache::PromptCache;
use crate::charges::Charges;
use crate::config::EmulatorConfig;
use crate::counters::Counters;
use crate::faults::FaultState;
use crate::guardrails::GuardrailState;
use crate::hash;
use crate::listing::ListingState;
use crate::models::Catalog;
use crate::objects::Objects;
use crate::ollama::Ollama;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by all workers.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) cache: PromptCache,
    pub(crate) counters: Counters,
    pub(crate) charges: Charges,
    pub(crate) faults: FaultState,
    pub(crate) guardrails: GuardrailState,
    pub(crate) listing: ListingState,
    pub(crate) batches: JobsState,
    /// Where batch jobs read and write.
    pub(crate) objects: Option<Arc<dyn Objects>>,
    /// Who answers instead of the script.
    pub(crate) ollama: Option<Ollama>,
    pub(crate) region: String,
    pub(crate) account_id: String,
    ids: AtomicU64,
}

impl State {
    pub(crate) fn new(catalog: Catalog, config: &EmulatorConfig) -> Result<Self, reqwest::Error> {
        let model = config.ollama_model.clone();
        Ok(Self {
            catalog,
            cache: PromptCache::default(),
            counters: Counters::default(),
            charges: Charges::default(),
            faults: FaultState::new(config.faults.clone()),
            guardrails: GuardrailState::default(),
            listing: ListingState::default(),
            batches: JobsState::new(config.batches.clone()),
            objects: config.objects.clone(),
            ollama: config.ollama.as_deref().map(|it| Ollama::new(it, model)).transpose()?,
            region: config.region.clone(),
            account_id: config.account_id.clone(),
            // Ids differ from one run to the next, then count up: they need to be unique, not secret.
            ids: AtomicU64::new(RandomState::new().build_hasher().finish()),
        })
    }

    /// The ARN of an application inference profile.
    pub(crate) fn application_arn(&self, region: &str, id: &str) -> String {
        format!("arn:aws:bedrock:{region}:{}:application-inference-profile/{id}", self.account_id)
    }

    /// A request id in the form AWS gives them.
    pub(crate) fn request_id(&self) -> uuid::Uuid {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&hash::mix(id).to_be_bytes());
        bytes[8..].copy_from_slice(&hash::mix(!id).to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
