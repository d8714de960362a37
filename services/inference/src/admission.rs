//! Whether a call may be made now: all limits that are for it, taken in one step, and what it takes given back at its end.
//!
//! Read [`AdmissionControl::admit`] first. What policies say of a call is `policies/`; how a limit becomes a meter is
//! `meters.rs`, how much a call may write is `output.rs`; what a call held is settled by `hold.rs` and `settle.rs`; what
//! was spent before the count began comes from the ledger by `seed.rs`; `away.rs` stands in for a limiter that is away.

mod away;
mod budgets;
mod dearest;
mod exceeded;
#[cfg(test)]
mod exceeded_tests;
mod hold;
mod made;
mod meters;
mod output;
mod raise;
mod recount;
mod refusals;
mod reserve;
mod seed;
mod settle;
#[cfg(test)]
mod settle_tests;
mod standing;
#[cfg(test)]
mod test_limiter;
#[cfg(test)]
mod upkeep_tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_config::LimitsConfig;
use outcrop_ports::{Clock, Hold, IdGen, Kind, Ledger, Limiter, Meter, ModelCatalog, Settlement};
use outcrop_types::{Money, PriceTier, TokenUsage};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ChatError;
use crate::chat::{AskedModel, Caller};
use crate::guarding::Texts;
use crate::metering::Telling;
use crate::policies::{Clamp, Limit, Named, NotRead, Policies, Terms};
use crate::spool::Spool;

use away::Away;
use budgets::Budgets;
use dearest::dearest;
use hold::LocalHold;
use meters::{Ended, Estimate};
use output::{Bound, Known, Refused};
use reserve::Question;
use seed::Seeder;
use settle::{Ending, Settler};

pub(crate) use dearest::Kept;
pub use exceeded::Exceeded;
pub(crate) use exceeded::whose;
pub(crate) use hold::{OpenHold, Used};
pub(crate) use standing::{LimitStanding, Standing};

/// How long a call holds its limits at most, whatever became of it. As long as its process lives every call ends by being
/// settled, so this is only for what was forgotten; streams are not bounded in time, but one that takes longer than
/// this, and then is not held against its limits until it ends, is very rare.
const LONGEST_HELD: Duration = Duration::from_secs(6 * 60 * 60);

/// What a request is about to take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Need {
    /// Calls of the model.
    pub(crate) calls: usize,
    /// About how many tokens each of them reads.
    pub(crate) input: u64,
    /// What the prompt cache is to keep of that.
    pub(crate) kept: Kept,
    /// What each of them may write.
    pub(crate) output: Output,
    /// How many answers each of them gives, where what they may write is not said of all together.
    pub(crate) answers: u32,
    /// What the dialect lets each write where neither the client nor a policy says.
    pub(crate) usual_output: Option<u32>,
    /// Pictures that each of them makes.
    pub(crate) images: u64,
    /// Queries of a reranker in each of them.
    pub(crate) queries: u64,
    /// The tier that is asked for.
    pub(crate) tier: PriceTier,
    /// What the request says of itself; settings say which of it is kept.
    pub(crate) tags: BTreeMap<String, String>,
    /// The texts that guardrails look at, where they are no conversation.
    pub(crate) texts: Texts,
}

/// Tokens that a call may write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Output {
    /// None: it makes vectors, scores or pictures.
    #[default]
    None,
    /// Text.
    Tokens {
        /// As many as the client asks for, if it says.
        asked: Option<u32>,
        /// Where the client said so, in its own words: `max_completion_tokens`. `None` where the request is passed on as it
        /// is, so that nobody can put another number there.
        field: Option<&'static str>,
    },
}

/// A request that was let in.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// One for each call.
    pub(crate) holds: Vec<OpenHold>,
    /// The most tokens that each call may be asked to write; `None` leaves that to the client and the model.
    pub(crate) max_output: Option<u32>,
    /// The limits that a client hears of.
    pub(crate) standings: Vec<Standing>,
}

/// What admission needs from the world.
pub(crate) struct AdmissionPorts {
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) local: Arc<dyn Limiter>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) catalog: Arc<dyn ModelCatalog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
    pub(crate) telling: Arc<Telling>,
}

/// Asks the limiter, and knows what to do when it is away.
pub(crate) struct AdmissionControl {
    limiter: Arc<dyn Limiter>,
    local: Arc<dyn Limiter>,
    catalog: Arc<dyn ModelCatalog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    config: LimitsConfig,
    policies: Arc<Policies>,
    spool: Arc<Spool>,
    settler: Arc<Settler>,
    seeder: Arc<Seeder>,
    budgets: Arc<Budgets>,
    away: Away,
    telling: Arc<Telling>,
}

impl AdmissionControl {
    pub(crate) fn new(
        ports: AdmissionPorts,
        policies: Arc<Policies>,
        spool: Arc<Spool>,
        config: LimitsConfig,
    ) -> Self {
        let AdmissionPorts { limiter, local, ledger, catalog, clock, ids, telling } = ports;
        let budgets = Arc::new(Budgets::default());
        let settler =
            Settler::new(Arc::clone(&limiter), Arc::clone(&local), Arc::clone(&clock), Arc::clone(&budgets));
        let seeder = Seeder::new(
            Arc::clone(&limiter),
            ledger,
            (Arc::clone(&catalog), Arc::clone(&clock)),
            Arc::clone(&spool),
            Arc::clone(&budgets),
        );
        Self {
            limiter,
            local,
            catalog,
            clock,
            ids,
            config,
            policies,
            spool,
            settler: Arc::new(settler),
            seeder: Arc::new(seeder),
            budgets,
            away: Away::default(),
            telling,
        }
    }

    /// Lets all calls of a request in, or none: one question to the limiter over all limits that are for them.
    pub(crate) async fn admit(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: &Need,
    ) -> Result<Admitted, ChatError> {
        let now = self.clock.now();
        let (book, generation) = self.policies.generation().await?;
        let terms = book.terms(caller.principal, Some(model.named()), &self.config);
        let bound = self.bound(&terms, model, need)?;
        let estimate = self.estimate(&terms, model, (need, bound), now);
        let (limits, meters) = metered(&terms, model, estimate, now)?;
        let calls: Vec<_> = (0..need.calls).map(|_| self.ids.uuid()).collect();
        let longest = LONGEST_HELD;
        let question = Question {
            limits: &limits,
            meters: &meters,
            calls: &calls,
            longest,
            generation,
            is_local: false,
        };
        let reserved = self.counted(caller, self.reserve(question, now).await)?;
        let burndown = model.model.info.output_burndown;
        let hold = |call: &Uuid| {
            let hold = Hold { call: *call, at_ms: meters::millis(now), meters: meters.clone() };
            let local = reserved.local.as_ref().map(|local| LocalHold::new(&hold, local.clone()));
            OpenHold::new(hold, local, burndown, Arc::clone(&self.settler))
        };
        Ok(Admitted {
            holds: calls.iter().map(hold).collect(),
            max_output: bound.sent,
            standings: reserved.standings,
        })
    }

    /// What policies say of a call of this model.
    pub(crate) async fn terms(&self, caller: Caller<'_>, model: Named<'_>) -> Result<Terms, NotRead> {
        Ok(self.policies.book().await?.terms(caller.principal, Some(model), &self.config))
    }

    /// Lets a request in that calls no model: limits of requests hold.
    pub(crate) async fn admit_free(&self, caller: Caller<'_>) -> Result<Admitted, ChatError> {
        let now = self.clock.now();
        let book = self.policies.book().await?;
        let mut limits = book.terms(caller.principal, None, &self.config).limits;
        limits.retain(|limit| limit.kind() == Kind::Requests);
        let meters: Vec<_> = limits.iter().map(|limit| limit.meter(1, now)).collect();
        let limits: Vec<_> = limits.iter().collect();
        let question = Question {
            limits: &limits,
            meters: &meters,
            calls: &[self.ids.uuid()],
            longest: Duration::ZERO,
            generation: 0,
            is_local: false,
        };
        let standings = self.counted(caller, self.count(question, now).await)?;
        Ok(Admitted { standings, ..Admitted::default() })
    }

    /// Settles what calls of dead processes held. It may have been settled already: that is then left as it is.
    async fn settle_found(&self) {
        for (hold, used) in self.spool.found_calls().await {
            // What a token of output takes of a quota is not written down; those minutes are over.
            let used = meters::used(&hold.meters, Ended::Used(&used), 1);
            self.settler.settle(Ending::Shared(Settlement { hold, used, unreserved: false }));
        }
    }

    /// Settles what has ended, and keeps budgets at what the ledger knows. `over`: no call is open any more.
    pub(crate) async fn run(&self, over: &CancellationToken) {
        let others = async {
            tokio::select! {
                () = over.cancelled() => {}
                () = async { tokio::join!(self.settle_found(), self.raise(), self.heed_losses()); } => {}
            }
        };
        tokio::join!(self.settler.run(over), others);
    }

    fn bound(&self, terms: &Terms, model: &AskedModel, need: &Need) -> Result<Bound, ChatError> {
        let info = &model.model.info;
        let counted = terms.limits.iter().any(|it| matches!(it.kind(), Kind::Tokens | Kind::Money));
        let assumed = self.config.assumed_output_tokens;
        let (most, usual) = (info.max_output_tokens, need.usual_output);
        let known = Known { terms, counted, usual, most, assumed, answers: need.answers.max(1) };
        output::bound(need.output, known).map_err(|refused| match refused {
            Refused::OverClamp { asked, clamp: Clamp { tokens: most, level } } => {
                ChatError::OverClamp { asked, most, level }
            }
            Refused::Unbounded => ChatError::Unbounded { model: model.shown() },
        })
    }

    /// What one call takes at most.
    fn estimate(
        &self,
        terms: &Terms,
        model: &AskedModel,
        (need, bound): (&Need, Bound),
        now: DateTime<Utc>,
    ) -> Estimate {
        let usage = TokenUsage {
            input: need.input,
            output: bound.reserved,
            images: need.images,
            queries: need.queries,
            ..TokenUsage::default()
        };
        let has_budget = terms.limits.iter().any(|it| it.kind() == Kind::Money);
        let money = has_budget.then(|| self.most(model, need, &usage, now)).flatten();
        Estimate { tokens: need.input.saturating_add(bound.reserved), money }
    }

    /// What so much usage costs at most, in the tier that is asked for. Bedrock takes no call from one tier to a dearer
    /// one: only what finds no room in reserved capacity goes elsewhere, and that is priced as standard at once (Amazon
    /// Bedrock user guide, service tiers).
    fn most(&self, model: &AskedModel, need: &Need, usage: &TokenUsage, now: DateTime<Utc>) -> Option<Money> {
        let price = self.catalog.price(&model.model, need.tier, now.date_naive())?;
        let kept = need.kept.by(model.model.info.family, &price);
        dearest(&price, usage, kept)
    }
}

/// The limits that count a call, and their meters. A budget refuses what has no price, unless its level allows that.
fn metered<'a>(
    terms: &'a Terms,
    model: &AskedModel,
    estimate: Estimate,
    now: DateTime<Utc>,
) -> Result<(Vec<&'a Limit>, Vec<Meter>), ChatError> {
    let mut limits = Vec::with_capacity(terms.limits.len());
    let mut meters = Vec::with_capacity(terms.limits.len());
    for limit in &terms.limits {
        match limit.amount(estimate) {
            Some(amount) => {
                meters.push(limit.meter(amount, now));
                limits.push(limit);
            }
            None if terms.unpriced.contains(&(limit.level, limit.owner)) => {}
            None => return Err(ChatError::Unpriced { model: model.shown(), level: limit.level }),
        }
    }
    Ok((limits, meters))
}

impl From<NotRead> for ChatError {
    fn from(_: NotRead) -> Self {
        Self::PoliciesUnknown
    }
}

/// The time as the limiter counts it.
fn since_epoch(clock: &dyn Clock) -> Duration {
    clock.now().signed_duration_since(DateTime::UNIX_EPOCH).to_std().unwrap_or_default()
}
