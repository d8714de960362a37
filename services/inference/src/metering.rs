//! One usage record per model call that cost something, however the call ended.

mod estimate;
mod heard;
mod kept;
mod need;
mod open_call;
mod pricing;
mod reserve;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Clock, Hold, IdGen, ModelCatalog};
use outcrop_types::{CacheState, Outcome, PriceTier, TokenUsage, UsageId, UsageRecord};

pub(crate) use self::estimate::{estimate_input, estimate_text};
pub(crate) use self::kept::kept_in;
pub(crate) use self::need::{most, price_tier};
pub(crate) use self::open_call::OpenCall;
use self::pricing::Pricing;
pub(crate) use self::reserve::{reserve_body, reserve_input, reserve_text};
use crate::admission::OpenHold;
use crate::chat::{AskedModel, Caller};
use crate::spool::{MarkError, Spool};
use crate::tags::TagNames;

/// Longest model name in a record; what a client sends as a name has no bound of its own.
const MODEL_NAME_BYTES: usize = 512;

/// What a call is for, as usage records name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Chat,
    Invoke,
    Embeddings,
    Rerank,
    Images,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Invoke => "invoke",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Images => "images",
        }
    }
}

/// What is known of a call that is about to be made.
pub(crate) struct Opening<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) model: &'a AskedModel,
    pub(crate) region: &'a str,
    pub(crate) operation: Operation,
    /// About how many tokens it reads: what counts if nobody tells.
    pub(crate) input: u64,
    /// What it uses at most: what counts if this process dies.
    pub(crate) reserved: TokenUsage,
    /// The tier that is asked for.
    pub(crate) tier: PriceTier,
    pub(crate) tags: BTreeMap<String, String>,
    /// What it holds of its limits, whose call this is.
    pub(crate) hold: Option<OpenHold>,
}

/// Opens records and keeps them safe when they are closed.
pub(crate) struct Metering {
    pub(crate) spool: Arc<Spool>,
    pub(crate) tags: TagNames,
    catalog: Arc<dyn ModelCatalog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    open_calls: InFlight,
}

impl Metering {
    pub(crate) fn new(
        spool: Arc<Spool>,
        catalog: Arc<dyn ModelCatalog>,
        tags: TagNames,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        open_calls: InFlight,
    ) -> Self {
        Self { spool, tags, catalog, clock, ids, open_calls }
    }

    /// Opens the record of a call that is about to be made, and marks it in the spool: if this process dies, the call
    /// counts as it was reserved.
    ///
    /// # Errors
    /// [`MarkError`]: the call must not be made. What it holds of its limits is given back.
    pub(crate) fn open(&self, opening: Opening<'_>) -> Result<OpenCall, MarkError> {
        let Opening { caller, model, region, operation, input, reserved, tier, tags, hold } = opening;
        let (principal, context) = (caller.principal, caller.context);
        let held = hold.as_ref().and_then(OpenHold::hold);
        // The limiter and the ledger speak of the same call, and of the same moment: a call that was let in before
        // midnight counts in the day that ends.
        let at = held.and_then(moment).unwrap_or_else(|| self.clock.now());
        let id = held.map_or_else(|| self.ids.uuid(), |hold| hold.call);
        let pricing = Pricing::new(Arc::clone(&self.catalog), model.model.clone(), tier, at.date_naive());
        let record = UsageRecord {
            id: UsageId::new(id),
            request_id: context.request_id.clone(),
            at,
            team: principal.team,
            subject: principal.subject,
            key: principal.key.clone(),
            dialect: context.dialect.name().to_owned(),
            operation: operation.name().to_owned(),
            model_asked: shorten(&model.asked).to_owned(),
            model_served: shorten(&model.model.bedrock_id).to_owned(),
            region: region.to_owned(),
            tier,
            tags,
            cache: CacheState::Bypass,
            tokens: reserved,
            estimated: true,
            streamed: false,
            latency_ms: 0,
            first_token_ms: None,
            stop_reason: None,
            outcome: Outcome::Lost,
            error: None,
            cost: pricing.cost(tier, &reserved),
        };
        self.spool.begin(&record, held)?;
        // No model reads more than its window holds.
        let input = input.min(model.model.info.context_window.map_or(u64::MAX, u64::from));
        let guard = self.open_calls.enter();
        Ok(OpenCall::new(record, Arc::clone(&self.spool), context.arrived, input, pricing, hold, guard))
    }
}

/// When a call was let in.
fn moment(hold: &Hold) -> Option<DateTime<Utc>> {
    i64::try_from(hold.at_ms).ok().and_then(DateTime::from_timestamp_millis)
}

fn shorten(name: &str) -> &str {
    &name[..name.floor_char_boundary(MODEL_NAME_BYTES)]
}
