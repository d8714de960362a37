//! One usage record per model call that cost something, however the call ended.

mod call_span;
mod estimate;
mod heard;
mod kept;
mod need;
mod open_call;
mod pricing;
mod reserve;
mod tell;
mod telling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use outcrop_http::Spent;
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Clock, Hold, IdGen, ModelCatalog, Place, ResolvedModel};
use outcrop_types::{CacheState, GuardrailState, Outcome, PriceTier, TokenUsage, UsageId, UsageRecord};

use self::call_span::CallSpan;
pub(crate) use self::call_span::PROVIDER;
pub(crate) use self::estimate::{Scale, estimate_input, estimate_text};
pub(crate) use self::kept::kept_in;
pub(crate) use self::need::{most, price_tier};
use self::open_call::Begun;
pub(crate) use self::open_call::{OpenCall, Reused};
use self::pricing::Pricing;
pub(crate) use self::reserve::{reserve_body, reserve_input, reserve_text};
pub(crate) use self::telling::Telling;
pub use self::telling::TellingOptions;
use crate::admission::OpenHold;
use crate::chat::Caller;
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
    /// A guardrail alone.
    Guardrail,
}

impl Operation {
    /// The name in usage records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Invoke => "invoke",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Images => "images",
            Self::Guardrail => outcrop_ports::usage_sums::LOOK,
        }
    }
}

/// A model at a place.
pub(crate) type At<'a> = (&'a Place, &'a ResolvedModel);

/// What is known of a call that is about to be made.
pub(crate) struct Opening<'a> {
    pub(crate) caller: Caller<'a>,
    /// As the client named the model.
    pub(crate) asked: &'a str,
    /// Where it goes.
    pub(crate) at: At<'a>,
    /// Which attempt of its request's it is, from 1.
    pub(crate) attempt: u8,
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
    /// The name of the route that led there, if there was one.
    pub(crate) route: Option<&'a str>,
}

/// Opens records and keeps them safe when they are closed.
pub(crate) struct Metering {
    pub(crate) spool: Arc<Spool>,
    pub(crate) tags: TagNames,
    pub(crate) telling: Arc<Telling>,
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
        telling: Telling,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        open_calls: InFlight,
    ) -> Self {
        Self { spool, tags, telling: Arc::new(telling), catalog, clock, ids, open_calls }
    }

    /// Opens the record of a call that is about to be made, and marks it in the spool: if this process dies, the call
    /// counts as it was reserved.
    ///
    /// # Errors
    /// [`MarkError`]: the call must not be made. What it holds of its limits is given back.
    pub(crate) fn open(&self, opening: Opening<'_>) -> Result<OpenCall, MarkError> {
        let begun = self.begun(opening);
        if let Some(record) = &begun.record {
            self.spool.begin(record, begun.hold.as_ref().and_then(OpenHold::hold))?;
        }
        Ok(OpenCall::new(begun))
    }

    /// Opens the record of a request that an answer is given to which was there already. It needs no mark: there is
    /// nothing that could be lost.
    pub(crate) fn open_reused(&self, opening: Opening<'_>, reused: Reused) -> OpenCall {
        let mut begun = self.begun(opening);
        begun.pricing = None;
        OpenCall::reused(begun, reused)
    }

    /// What stands in the place of an open call where another one's record is about this one: it records nothing.
    pub(crate) fn aside(&self, arrived: Instant) -> OpenCall {
        OpenCall::new(Begun {
            record: None,
            spool: Arc::clone(&self.spool),
            arrived,
            input_estimate: 0,
            pricing: None,
            hold: None,
            spent: Spent::default(),
            span: None,
            open: self.open_calls.enter(),
        })
    }

    /// Another attempt of an open call begins, at this target.
    pub(crate) fn begin(&self, open: &mut OpenCall, to: At<'_>, attempt: u8) {
        if let Some((tier, at)) = open.priced() {
            let model = to.1.clone();
            open.begin(to, attempt, Pricing::new(Arc::clone(&self.catalog), model, tier, at.date_naive()));
        }
    }

    fn begun(&self, opening: Opening<'_>) -> Begun {
        let Opening {
            caller,
            asked,
            at: (place, model),
            attempt,
            operation,
            input,
            reserved,
            tier,
            tags,
            hold,
            route,
        } = opening;
        let (principal, context) = (caller.principal, caller.context);
        let held = hold.as_ref().and_then(OpenHold::hold);
        // The limiter and the ledger speak of the same call, and of the same moment: a call that was let in before
        // midnight counts in the day that ends.
        let at = held.and_then(moment).unwrap_or_else(|| self.clock.now());
        let id = held.map_or_else(|| self.ids.uuid(), |hold| hold.call);
        let pricing = Pricing::new(Arc::clone(&self.catalog), model.clone(), tier, at.date_naive());
        let of = (operation, context.dialect);
        let span = CallSpan::begin(&self.telling, &context.trace, of, (place, model), route);
        let record = UsageRecord {
            id: UsageId::new(id),
            request_id: context.request_id.clone(),
            at,
            team: principal.team,
            subject: principal.subject,
            key: principal.key.clone(),
            dialect: context.dialect.name().to_owned(),
            operation: operation.name().to_owned(),
            model_asked: shorten(asked).to_owned(),
            model_served: shorten(&model.bedrock_id).to_owned(),
            region: place.region.to_string(),
            tier,
            tags,
            cache: CacheState::Bypass,
            cache_age_ms: None,
            cache_saved: None,
            attempt,
            again: false,
            account: place.account.clone(),
            guardrail: GuardrailState::None,
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
        Begun {
            record: Some(record),
            spool: Arc::clone(&self.spool),
            arrived: context.arrived,
            // No model reads more than its window holds.
            input_estimate: input.min(model.info.context_window.map_or(u64::MAX, u64::from)),
            pricing: Some(pricing),
            hold,
            spent: context.spent.clone(),
            span: Some(span),
            open: self.open_calls.enter(),
        }
    }
}

/// When a call was let in.
fn moment(hold: &Hold) -> Option<DateTime<Utc>> {
    i64::try_from(hold.at_ms).ok().and_then(DateTime::from_timestamp_millis)
}

fn shorten(name: &str) -> &str {
    &name[..name.floor_char_boundary(MODEL_NAME_BYTES)]
}
