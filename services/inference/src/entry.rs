//! The way in: limits, and room for what will be used, are asked before anything is done for a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outcrop_ports::{Place, ResolvedModel};
use outcrop_types::{CacheState, GuardrailState, Level, PriceTier, TeamId, TokenUsage, Way};

use crate::admission::{Admitted, Need, OpenHold, Output, Standing};
use crate::attempts::Attempts;
use crate::chat::{AskedModel, Caller, Facts};
use crate::guarding::Texts;
use crate::metering::{At, OpenCall, Opening, Operation, Reused, most};
use crate::policies::Named;
use crate::response_cache::Terms;
use crate::routing::Candidate;
use crate::{ChatError, InferenceService};

/// A request that was let in: its calls of models are counted, and may be made. Clones are one entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) team: TeamId,
    /// The most tokens that a call may be asked to write, where policies say.
    pub(crate) max_output: Option<u32>,
    /// What each call uses at most.
    reserved: TokenUsage,
    /// How many calls are made for one record.
    together: usize,
    need: Arc<Need>,
    /// What the calls hold that are not made yet.
    holds: Arc<Mutex<Vec<OpenHold>>>,
    /// Where limits stand.
    standings: Vec<Standing>,
    /// What is done with the answer; `None` where it is neither kept nor looked for.
    cache: Option<Terms>,
    /// Whether it can wait, and is done in Bedrock's flex tier where that is to be had.
    pub(crate) flex: bool,
    /// Whether the tier of its calls is one that nobody asked for: then no answer tells of it.
    pub(crate) quiet_tier: bool,
}

impl Entry {
    fn new(team: TeamId, model: Option<&AskedModel>, need: Need, admitted: Admitted) -> Self {
        let Admitted { holds, max_output, standings } = admitted;
        let reserved = model.map(|model| most(&need, max_output, &model.model.info));
        Self {
            team,
            max_output,
            reserved: reserved.unwrap_or_default(),
            together: 1,
            need: Arc::new(need),
            holds: Arc::new(Mutex::new(holds)),
            standings,
            cache: None,
            flex: false,
            quiet_tier: false,
        }
    }

    /// What is done with the answers.
    pub(crate) fn keeping(self, cache: Option<Terms>) -> Self {
        Self { cache, ..self }
    }

    /// What is done with the answers, if anything is.
    pub(crate) const fn cache_terms(&self) -> Option<&Terms> {
        self.cache.as_ref()
    }

    /// So many calls are made for one record: it is about all of them.
    pub(crate) fn of_calls(mut self, calls: usize) -> Self {
        let one = self.reserved;
        (self.together..calls).for_each(|_| self.reserved += one);
        self.together = calls.max(1);
        self
    }

    /// How many calls are made for one record.
    pub(crate) const fn together(&self) -> usize {
        self.together
    }

    /// What the request says of itself, as far as it is kept.
    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        &self.need.tags
    }

    /// The texts that guardrails look at, where they are no conversation.
    pub(crate) fn texts(&self) -> &Texts {
        &self.need.texts
    }

    /// What the dialect lets each call write where nobody says.
    pub(crate) fn usual_output(&self) -> Option<u32> {
        self.need.usual_output
    }

    /// What one record of the request took, to be asked for once more.
    pub(crate) fn need_again(&self) -> Need {
        Need { calls: self.together, ..(*self.need).clone() }
    }

    /// Its calls go to a tier that nobody asked for in the request itself.
    pub(crate) fn in_tier(mut self, tier: PriceTier) -> Self {
        Arc::make_mut(&mut self.need).tier = tier;
        self.quiet_tier = true;
        self
    }

    /// What is known of a call before it is made.
    pub(crate) fn facts(&self, model: &AskedModel) -> Facts {
        let place = model.plan.candidates().first().map(|it| it.place.clone());
        self.facts_of(model, &model.model, place)
    }

    /// What is known of a call at this target.
    pub(crate) fn facts_at(&self, model: &AskedModel, target: &Candidate) -> Facts {
        self.facts_of(model, &target.model, Some(target.place.clone()))
    }

    fn facts_of(&self, asked: &AskedModel, model: &ResolvedModel, place: Option<Place>) -> Facts {
        Facts {
            model: model.bedrock_id.clone(),
            model_id: model.info.id.clone(),
            place,
            route: asked.plan.route.clone(),
            attempts: Attempts::default(),
            cache: CacheState::Bypass,
            age: None,
            guardrail: GuardrailState::None,
            standings: self.standings.clone(),
            upstream: Duration::ZERO,
            told: Vec::new(),
            anew: None,
            dropped: None,
        }
    }

    /// Whether its calls write text.
    pub(crate) fn writes(&self) -> bool {
        self.need.output != Output::None
    }

    /// What one record of the request was to hold is given back.
    pub(crate) fn give_back(&self) {
        for _ in 0..self.together {
            drop(self.take());
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
        let mut need = need;
        let admitted = match self.batching() {
            None => self.inner().admission.admit(caller, model, &need).await?,
            Some(batching) => batching.admit(self, caller, model, &mut need).await?,
        };
        let entry = Entry::new(caller.principal.team, Some(model), need, admitted);
        let flex = caller.context.way == Some(Way::Flex)
            && self.forbids_way(caller, model, Way::Flex).await?.is_none();
        Ok(Entry { flex, ..entry })
    }

    /// The level of a policy that does not let such a call be done this way, if one does not. What is said of any model that
    /// may have to answer holds, by whichever of its names.
    pub(crate) async fn forbids_way(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        way: Way,
    ) -> Result<Option<Level>, ChatError> {
        let book = self.inner().policies.book().await?;
        let candidates =
            model.plan.candidates().iter().map(|it| Named { asked: &model.asked, model: &it.model });
        let mut names = std::iter::once(model.named()).chain(candidates);
        Ok(names.find_map(|named| book.forbids_way(caller.principal, named, way)))
    }

    /// Lets a request in that costs nothing: limits of requests hold, and there will be no record.
    pub(crate) async fn enter_free(&self, caller: Caller<'_>) -> Result<Entry, ChatError> {
        let need = Need { calls: 1, ..Need::default() };
        let admitted = self.inner().admission.admit_free(caller).await?;
        Ok(Entry::new(caller.principal.team, None, need, admitted))
    }

    /// Opens the record of one call of a request that was let in: what it is for, about how many tokens it reads, where
    /// it goes and which attempt that is.
    ///
    /// # Errors
    /// [`ChatError::SpoolFull`] if the call could not be accounted for: it must not be made.
    pub(crate) fn open_at(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        cost: (Operation, u64),
        (target, attempt): (&Candidate, u8),
    ) -> Result<OpenCall, ChatError> {
        let at = (&target.place, &target.model);
        let opening = opening((caller, model, entry), cost, (at, attempt));
        let mut open = self.inner().metering.open(opening).map_err(|_| ChatError::SpoolFull)?;
        if entry.together > 1 {
            open.keeps(entry.clone());
        }
        Ok(open)
    }

    /// Opens the record of a call that batch inference made there.
    ///
    /// # Errors
    /// [`ChatError::SpoolFull`].
    pub(crate) fn open_made(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        cost: (Operation, u64),
        at: At<'_>,
    ) -> Result<(OpenCall, Facts), ChatError> {
        let opening = opening((caller, model, entry), cost, (at, 1));
        let open = self.inner().metering.open(opening).map_err(|_| ChatError::SpoolFull)?;
        Ok((open, entry.facts_of(model, at.1, Some(at.0.clone()))))
    }

    /// Opens the record of a request that was let in and will be answered, by somebody else than the model, as the record
    /// of a call of its first target.
    ///
    /// # Errors
    /// [`ChatError::SpoolFull`]; [`ChatError::NoModel`] where there is no target.
    pub(crate) fn open_unasked(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        cost: (Operation, u64),
    ) -> Result<(OpenCall, Facts), ChatError> {
        let target = model.plan.candidates().first().ok_or(ChatError::NoModel)?;
        let open = self.open_at(caller, model, entry, cost, (target, 1))?;
        Ok((open, entry.facts_at(model, target)))
    }

    /// Opens the record of a request that an answer is given to which was there already. It counts as a request, and uses
    /// nothing: what it holds of its limits is given back when it ends. `at` is where the answer was given.
    pub(crate) fn open_reused(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        (operation, at): (Operation, At<'_>),
        reused: Reused,
    ) -> (OpenCall, Facts) {
        let opening = opening((caller, model, entry), (operation, 0), (at, 1));
        let open = self.inner().metering.open_reused(opening, reused);
        let facts = entry.facts_of(model, at.1, Some(at.0.clone()));
        (open, Facts { cache: reused.state, age: Some(reused.age), ..facts })
    }

    /// What a client holds whose call somebody else makes and records: nothing is recorded by it, and nothing held.
    pub(crate) fn open_aside(&self, caller: Caller<'_>) -> OpenCall {
        self.inner().metering.aside(caller.context.arrived)
    }
}

fn opening<'a>(
    (caller, model, entry): (Caller<'a>, &'a AskedModel, &Entry),
    (operation, input): (Operation, u64),
    (at, attempt): (At<'a>, u8),
) -> Opening<'a> {
    Opening {
        caller,
        asked: &model.asked,
        at,
        attempt,
        operation,
        input,
        reserved: entry.reserved,
        tier: entry.need.tier,
        tags: entry.need.tags.clone(),
        hold: entry.take(),
        route: model.plan.route.as_deref(),
    }
}
