//! Answers that are kept and given again, and identical calls that become one.
//!
//! A call takes part where a policy, its route or its request says so: `control.rs`. Its key holds all that shapes its
//! answer: `key.rs`. What is kept under it (`entry.rs`) is given again; else the call is made by a task of its own, which
//! everybody follows who asks for the same meanwhile: `flight.rs`. Whole and streamed chats share what is kept
//! (`kept.rs`, `replay.rs`), not what is under way: who wants pieces is not made to wait for all of them.
//!
//! Nothing is kept that failed, that a guardrail or filter stepped into, or that another model than the asked one said.
//! What is kept knows where and by whom it was said, and is given to those alone who may be answered from there.

mod chat;
mod control;
mod entry;
mod flight;
mod kept;
mod key;
mod raw;
mod replay;
mod tallied;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_chat::{Event, Response};
use outcrop_config::ResponseCacheConfig;
use outcrop_http::{ApiError, RequestContext};
use outcrop_ports::{CacheKey, InvokeAnswer, Place, ResolvedModel};
use outcrop_types::{CacheState, GuardrailState, Money, PriceTier, Principal, TokenUsage};
use outcrop_wire::cache_control::CacheControl;

pub(crate) use chat::{chat, stream};
pub(crate) use control::{NAMES, Terms, Wish, is_namespace};
pub(crate) use raw::{invoke, invoke_stream};
pub(crate) use tallied::Keeping;

use crate::chat::{AskedModel, Caller, Facts};
use crate::entry::Entry as Admitted;
use crate::metering::{OpenCall, Operation, Reused};
use crate::{ChatError, InferenceService, guarding};
use entry::{Entry, Head};
use flight::Flights;

/// What a hit saved, US dollars.
const SAVED: &str = "x-outcrop-cache-saved-usd";

/// Settings, and the calls under way.
pub(crate) struct ResponseCache {
    settings: ResponseCacheConfig,
    /// Longest time for a call that many wait for, whoever asked first.
    longest: Duration,
    whole: Arc<Flights<Arc<Response>>>,
    streamed: Arc<Flights<Event>>,
    raw: Arc<Flights<InvokeAnswer>>,
    chunks: Arc<Flights<Bytes>>,
}

impl ResponseCache {
    pub(crate) fn new(settings: ResponseCacheConfig, longest: Duration) -> Self {
        Self {
            settings,
            longest,
            whole: Arc::default(),
            streamed: Arc::default(),
            raw: Arc::default(),
            chunks: Arc::default(),
        }
    }
}

impl InferenceService {
    /// What is done with a request's answer, by all who have a say in it; `None` is nothing.
    ///
    /// # Errors
    /// What the request says wrong, by name; that policies are not known yet.
    pub(crate) async fn cache_terms(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        headers: &Wish,
        body: Option<&[u8]>,
    ) -> Result<Option<Terms>, ApiError> {
        if self.batching().is_some() {
            return Ok(None);
        }
        let settings = &self.inner().response_cache.settings;
        let body = body.map(CacheControl::read).transpose()?.flatten();
        let wish = headers.clone().with_body(body.as_ref())?;
        let book = self.inner().policies.book().await.map_err(ChatError::from)?;
        let policy = book.cache_rule(caller.principal, model.named(), settings.ttl_s);
        wish.terms(policy.as_ref(), model.plan.options.cache.as_ref(), settings)
    }

    /// Forgets what is kept of a team, all or under one name.
    pub(crate) async fn forget_answers(
        &self,
        team: outcrop_types::TeamId,
        namespace: Option<&str>,
    ) -> Result<(), outcrop_ports::PortError> {
        self.inner().cache.clear(&Terms::space(&team, namespace)).await
    }
}

/// A call that takes part.
#[derive(Clone)]
struct Asked {
    service: InferenceService,
    model: AskedModel,
    operation: Operation,
    terms: Terms,
    space: String,
    key: CacheKey,
    /// Whether nothing of the request may go without effect.
    strict: bool,
}

/// A kept answer that was found.
struct Found {
    entry: Entry,
    age: Duration,
    /// Who gave it.
    model: ResolvedModel,
}

impl Asked {
    /// The call as it is looked for; `None` where a guardrail looks on that may change from one moment to the next.
    /// `name` makes its key from what all keys have in common.
    async fn new(
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        (operation, choice): (Operation, usize),
        terms: Terms,
        name: impl FnOnce(&key::Scope<'_>) -> CacheKey,
    ) -> Result<Option<Self>, ChatError> {
        let guardrails = guarding::holding(service, caller, model).await?;
        if guardrails.iter().any(|it| is_draft(&it.version)) {
            return Ok(None);
        }
        let ways = ways(model);
        let key = name(&key::Scope {
            team: caller.principal.team,
            namespace: terms.namespace.as_deref(),
            operation: operation.name(),
            model: itself(&model.model.info.id, &model.model.bedrock_id),
            ways: &ways,
            choice,
            guardrails: &guardrails,
        });
        let space = Terms::space(&caller.principal.team, terms.namespace.as_deref());
        let (service, model) = (service.clone(), model.clone());
        Ok(Some(Self { service, model, operation, terms, space, key, strict: false }))
    }

    /// The target that was called, if it is one of those that this call may go to: all of them are within the bounds that
    /// hold for it, and are models that it may call.
    fn target(&self, place: &Place, bedrock_id: &str) -> Option<&ResolvedModel> {
        let mut targets = self.model.plan.candidates().iter();
        let called = targets.find(|it| it.place.region == place.region && it.model.bedrock_id == bedrock_id);
        called.map(|it| &it.model)
    }

    fn settings(&self) -> &ResponseCacheConfig {
        &self.service.inner().response_cache.settings
    }

    /// What is kept, if that will do.
    async fn look(&self) -> Option<Found> {
        if !self.terms.look {
            return None;
        }
        let found = self.service.inner().cache.get(&self.space, &self.key).await;
        let kept = found.unwrap_or_else(|error| {
            tracing::debug!(error = error.chain(), "kept answers cannot be looked for");
            None
        })?;
        let entry = Entry::decode(&self.key, &kept, self.settings().max_entry_bytes)?;
        let age_ms = self.service.inner().clock.now().timestamp_millis().saturating_sub(entry.head.at_ms);
        // A clock that is behind sees answers from a moment ahead.
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or_default());
        if self.terms.max_age.is_some_and(|most| age > most) {
            return None;
        }
        let model = self.target(&entry.head.place(), &entry.head.model)?.clone();
        Some(Found { entry, age, model })
    }

    /// Keeps an answer that is whole, if that is asked for and it is no other model's.
    async fn keep(
        &self,
        (open, facts): (&OpenCall, &Facts),
        usage: TokenUsage,
        tier: PriceTier,
        body: impl FnOnce() -> Option<Bytes>,
    ) {
        let ResolvedModel { info, bedrock_id } = &self.model.model;
        let own = itself(&facts.model_id, &facts.model) == itself(&info.id, bedrock_id);
        // What is found in a stream is known at its end.
        let intervened = GuardrailState::Intervened;
        if !self.terms.store || !own || facts.guardrail == intervened || open.found() == intervened {
            return;
        }
        let Some(Place { account, region }) = facts.place.clone() else { return };
        let Some(body) = body().filter(|body| body.len() <= self.settings().max_entry_bytes) else { return };
        let at_ms = self.service.inner().clock.now().timestamp_millis();
        let head = Head { at_ms, model: facts.model.clone(), region, account, tier, usage };
        let entry = Entry { head, body };
        let Some(kept) = entry.encode(&self.key, self.settings().compress_from_bytes) else { return };
        let put = self.service.inner().cache.put(&self.space, &self.key, kept, self.terms.ttl).await;
        if let Err(error) = put {
            tracing::debug!(error = error.chain(), "an answer is not kept");
        }
    }

    /// What a call would cost today that uses so much; `None` where the list states no price.
    fn price(&self, model: &ResolvedModel, tier: PriceTier, usage: &TokenUsage) -> Option<Money> {
        let (catalog, day) = (&self.service.inner().catalog, self.service.inner().clock.now().date_naive());
        let price = catalog.price(model, tier, day)?;
        price.cost(usage).map(|cost| cost.usd)
    }

    /// The record of a hit, and what is told of it: where the answer is from, and the way that was asked for.
    fn given(&self, caller: Caller<'_>, admitted: &Admitted, found: &Found) -> (OpenCall, Facts) {
        let Head { tier, usage, .. } = &found.entry.head;
        let saved = self.price(&found.model, *tier, usage);
        let reused = Reused { state: CacheState::Hit, saved, age: found.age };
        let at = (&found.entry.head.place(), &found.model);
        let opened = self.service.open_reused(caller, &self.model, admitted, (self.operation, at), reused);
        let (open, mut facts) = opened;
        facts.told.extend(saved.map(|usd| (SAVED, usd.to_string())));
        (open, facts)
    }
}

/// Who asked first, for the task that makes the call.
struct Owner {
    principal: Principal,
    context: RequestContext,
}

impl Owner {
    /// With the time of whoever waits longest: others may join.
    fn of(service: &InferenceService, caller: Caller<'_>) -> Self {
        let longest = service.inner().response_cache.longest;
        let deadline = caller.context.deadline.max(longest);
        Self {
            principal: caller.principal.clone(),
            context: RequestContext { deadline, ..caller.context.clone() },
        }
    }

    /// Whether its time is over.
    fn is_late(&self) -> bool {
        self.context.remaining().is_zero()
    }

    const fn caller(&self) -> Caller<'_> {
        Caller { principal: &self.principal, context: &self.context }
    }
}

/// The facts of a call for somebody who follows it: limits and the route are one's own.
fn followed(told: &Facts, own: Facts) -> Facts {
    let Facts { standings, route, .. } = own;
    Facts { cache: CacheState::Coalesced, age: None, standings, route, ..told.clone() }
}

/// Where a request may be answered, and by which models. Accounts are not in it: whose region it is does not change what
/// is said there.
fn ways(model: &AskedModel) -> Vec<(&str, &str)> {
    let candidates = model.plan.candidates().iter();
    let mut ways: Vec<_> =
        candidates.map(|it| (it.place.region.as_str(), it.model.bedrock_id.as_str())).collect();
    ways.sort_unstable();
    ways.dedup();
    ways
}

/// What says whose words an answer has: a model is the same by each of its profiles, but what else has an ARN may be
/// anything, whatever it is listed as.
fn itself<'a>(id: &'a str, bedrock_id: &'a str) -> &'a str {
    let kind = || bedrock_id.splitn(6, ':').nth(5).and_then(|it| it.split('/').next());
    let is_profile = |kind| {
        matches!(kind, Some("inference-profile" | "application-inference-profile" | "foundation-model"))
    };
    if bedrock_id.starts_with("arn:") && !is_profile(kind()) { bedrock_id } else { id }
}

/// Whether a guardrail of this version looks at other things whenever somebody edits it.
fn is_draft(version: &str) -> bool {
    version.eq_ignore_ascii_case("DRAFT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_arn_and_is_no_profile_is_a_model_of_its_own() {
        let arn = |kind: &str| format!("arn:aws:bedrock:us-east-1:111122223333:{kind}/x");
        for kind in ["inference-profile", "application-inference-profile", "foundation-model"] {
            assert_eq!(itself("nova", &arn(kind)), "nova", "{kind}");
        }
        assert_eq!(itself("nova", "us.amazon.nova"), "nova");
        for kind in
            ["provisioned-model", "custom-model-deployment", "imported-model", "default-prompt-router", ""]
        {
            assert_eq!(itself("nova", &arn(kind)), arn(kind), "{kind}");
        }
        assert_eq!(itself("nova", "arn:"), "arn:");
    }
}
