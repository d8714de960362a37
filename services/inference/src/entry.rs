//! The way in: limits, and room for what will be used, are asked before anything is done for a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outcrop_types::{PriceTier, TeamId, TokenUsage};

use crate::admission::{Admitted, Need, OpenHold, Standing};
use crate::chat::{AskedModel, Caller, Facts};
use crate::metering::{OpenCall, Opening, Operation, most};
use crate::{ChatError, InferenceService};

/// A request that was let in: its calls of models are counted, and may be made. Clones are one entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) team: TeamId,
    /// The most tokens that a call may be asked to write, where policies say.
    pub(crate) max_output: Option<u32>,
    /// What each call uses at most.
    reserved: TokenUsage,
    tier: PriceTier,
    tags: Arc<BTreeMap<String, String>>,
    /// What the calls hold that are not made yet.
    holds: Arc<Mutex<Vec<OpenHold>>>,
    /// Where limits stand.
    standings: Vec<Standing>,
}

impl Entry {
    fn new(team: TeamId, model: Option<&AskedModel>, need: Need, admitted: Admitted) -> Self {
        let Admitted { holds, max_output, standings } = admitted;
        let reserved = model.map(|model| most(&need, max_output, &model.model.info));
        Self {
            team,
            max_output,
            reserved: reserved.unwrap_or_default(),
            tier: need.tier,
            tags: Arc::new(need.tags),
            holds: Arc::new(Mutex::new(holds)),
            standings,
        }
    }

    /// So many calls are made for one record: it is about all of them.
    pub(crate) fn of_calls(mut self, calls: usize) -> Self {
        let one = self.reserved;
        (1..calls).for_each(|_| self.reserved += one);
        self
    }

    /// What is known of a call before it is made.
    pub(crate) fn facts(&self, model: &AskedModel) -> Facts {
        Facts {
            model: model.model.bedrock_id.clone(),
            standings: self.standings.clone(),
            upstream: Duration::ZERO,
            told: Vec::new(),
        }
    }

    /// What the next call holds.
    fn take(&self) -> Option<OpenHold> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl InferenceService {
    /// Lets a request in with all of its calls, or not. What it asks for is looked at after this, and media are fetched
    /// after this: who is over a limit has nothing done for it.
    pub(crate) async fn enter(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: Need,
    ) -> Result<Entry, ChatError> {
        if !self.inner().metering.spool.has_room() {
            return Err(ChatError::SpoolFull);
        }
        let admitted = self.inner().admission.admit(caller, model, &need).await?;
        Ok(Entry::new(caller.principal.team, Some(model), need, admitted))
    }

    /// Lets a request in that costs nothing: limits of requests hold, and there will be no record.
    pub(crate) async fn enter_free(&self, caller: Caller<'_>) -> Result<Entry, ChatError> {
        let need = Need { calls: 1, ..Need::default() };
        let admitted = self.inner().admission.admit_free(caller).await?;
        Ok(Entry::new(caller.principal.team, None, need, admitted))
    }

    /// Opens the record of one call of a request that was let in: what it is for, and about how many tokens it reads.
    ///
    /// # Errors
    /// [`ChatError::SpoolFull`] if the call could not be accounted for: it must not be made.
    pub(crate) fn open(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        (operation, input): (Operation, u64),
    ) -> Result<(OpenCall, Facts), ChatError> {
        let inner = self.inner();
        let opening = Opening {
            caller,
            model,
            region: inner.model.region(),
            operation,
            input,
            reserved: entry.reserved,
            tier: entry.tier,
            tags: (*entry.tags).clone(),
            hold: entry.take(),
        };
        let open = inner.metering.open(opening).map_err(|_| ChatError::SpoolFull)?;
        Ok((open, entry.facts(model)))
    }

    /// Lets a request in that makes one call, or not, and opens its record.
    pub(crate) async fn admit(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: Need,
        cost: (Operation, u64),
    ) -> Result<(OpenCall, Facts), ChatError> {
        let entry = self.enter(caller, model, need).await?;
        self.open(caller, model, &entry, cost)
    }
}
