//! The way in: limits, and room for what will be used, are asked before anything is done for a request.

use std::time::Duration;

use outcrop_ports::WindowState;
use outcrop_types::TeamId;

use crate::chat::{AskedModel, Caller, Facts};
use crate::metering::{OpenCall, Operation};
use crate::{ChatError, InferenceService};

/// A request that was let in: its calls of models are counted, and may be made.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) team: TeamId,
    /// Where the tightest limit stands.
    rate: Option<WindowState>,
}

impl Entry {
    /// What is known of a call before it is made.
    pub(crate) fn facts(&self, model: &AskedModel) -> Facts {
        Facts {
            model: model.model.bedrock_id.clone(),
            rate: self.rate.clone(),
            upstream: Duration::ZERO,
            told: Vec::new(),
        }
    }
}

impl InferenceService {
    /// Lets a request in that makes so many calls of models, all or none. What it asks for is looked at after this, and
    /// media are fetched after this: who is over a limit has nothing done for it.
    pub(crate) async fn enter(&self, caller: Caller<'_>, calls: usize) -> Result<Entry, ChatError> {
        if !self.inner().metering.spool.has_room() {
            return Err(ChatError::SpoolFull);
        }
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        let rate = self.inner().admission.admit(caller.principal, calls).await?;
        Ok(Entry { team: caller.principal.team, rate })
    }

    /// Lets a request in that costs nothing: limits hold, and there will be no record.
    pub(crate) async fn enter_free(&self, caller: Caller<'_>) -> Result<Entry, ChatError> {
        let rate = self.inner().admission.admit(caller.principal, 1).await?;
        Ok(Entry { team: caller.principal.team, rate })
    }

    /// Opens the record of one call of a request that was let in: what it is for, and about how many tokens it reads.
    pub(crate) fn open(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        cost: (Operation, u64),
    ) -> (OpenCall, Facts) {
        let inner = self.inner();
        let AskedModel { asked, model: served } = model;
        let region = inner.model.region();
        let open = inner.metering.open(caller.principal, caller.context, asked, served, region, cost);
        (open, entry.facts(model))
    }

    /// Lets a request in that makes one call, or not, and opens its record.
    pub(crate) async fn admit(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        cost: (Operation, u64),
    ) -> Result<(OpenCall, Facts), ChatError> {
        let entry = self.enter(caller, 1).await?;
        Ok(self.open(caller, model, &entry, cost))
    }
}
