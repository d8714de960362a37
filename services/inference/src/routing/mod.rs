//! Where a call goes: from the name a client asks for to the targets that may answer, best first.
//!
//! [`Router::plan`] is pure but for what it knows of targets; nothing is called here. Calls are made by `attempts/`,
//! which tells each [`TargetState`] how they went.

mod book;
mod breaker;
mod desk;
mod find;
mod fit;
mod lint;
mod order;
mod plan;
mod profiles;
mod reload;
mod resting;
mod share;
mod state;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_config::RoutingConfig;
use outcrop_ports::{Clock, IdGen, Modality, ModelCatalog, Places, ResolvedModel, TargetHealth};
use outcrop_types::{Bounds, Capability, Money, PriceTier, TeamId, TokenUsage};

pub(crate) use book::{RouteBook, RoutesInForce};
pub(crate) use desk::{RouteActing, RouteDesk, RoutesError, ShownRoutes};
pub use lint::{RouteFindings, RouteLint};
pub(crate) use plan::{Candidate, Plan};
pub(crate) use profiles::profile_region;
pub(crate) use reload::{RoutePorts, Routes};
pub(crate) use state::{TargetState, Trial};
pub(crate) use targets::TargetView;
use targets::Targets;

use find::{Search, Way};
use order::{Choice, Weighed, order};

use crate::ChatError;

/// How many tokens an answer is thought to have, where the client does not say, when prices are compared.
const USUAL_OUTPUT: u32 = 1_000;

/// What a request asks of a route.
#[derive(Debug, Clone)]
pub(crate) struct Asks<'a> {
    pub(crate) team: TeamId,
    /// The name asked for; `None` where the client names none.
    pub(crate) asked: Option<&'a str>,
    /// What the model must write.
    pub(crate) output: Modality,
    /// About how many tokens it reads.
    pub(crate) input_tokens: u64,
    /// How many tokens it may write, as far as the client says.
    pub(crate) output_tokens: Option<u32>,
    pub(crate) tier: PriceTier,
    /// What it asks for that not every model can do.
    pub(crate) uses: &'a [Capability],
    /// What it says of itself.
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// What all requests of one conversation have in common, if their prompt is to be found in a cache again.
    pub(crate) conversation: Option<u64>,
}

/// What a router needs from the world.
pub(crate) struct RouterPorts {
    pub(crate) catalog: Arc<dyn ModelCatalog>,
    pub(crate) places: Arc<dyn Places>,
    pub(crate) health: Arc<dyn TargetHealth>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
}

/// Knows the routes and the targets.
pub(crate) struct Router {
    ports: RouterPorts,
    routes: Arc<RoutesInForce>,
    targets: Targets,
}

impl Router {
    /// A router without routes; see [`routes`](Self::routes).
    pub(crate) fn new(ports: RouterPorts, config: &RoutingConfig) -> Self {
        let targets = Targets::new(Arc::clone(&ports.clock), config.into());
        Self { ports, routes: Arc::default(), targets }
    }

    /// The routes that it goes by. Who reads them replaces them there.
    pub(crate) const fn routes(&self) -> &Arc<RoutesInForce> {
        &self.routes
    }

    /// How every target stands, by name.
    pub(crate) fn targets(&self) -> Vec<TargetView> {
        self.targets.views()
    }

    /// The targets for a request, best first. `allowed` says of a model which bounds hold for calls of it, or that it may
    /// not be called by this principal at all.
    ///
    /// # Errors
    /// Why nothing can be called.
    pub(crate) fn plan(
        &self,
        asks: &Asks<'_>,
        allowed: &dyn Fn(&ResolvedModel) -> Result<Bounds, ChatError>,
    ) -> Result<Plan, ChatError> {
        let book = self.routes.book();
        let way = self.way(asks, &book)?;
        let mut search = Search::new(self, &way, asks, allowed);
        for (number, group) in way.groups().iter().enumerate().filter(|(_, it)| fit::is_for(&it.when, asks)) {
            search.look(number, group);
        }
        let mut found = search.end()?;
        fit::qualify(&mut found, asks, |(_, it)| &it.candidate);
        let candidates = self.in_order(found, &way, asks);
        let mut plan = Plan::new(candidates, Arc::clone(&way.options));
        plan.strategy = way.groups().first().map(|it| it.strategy).unwrap_or_default();
        plan.route = way.route.as_ref().map(|it| it.alias.clone());
        Ok(plan)
    }

    /// Each group in the order of its strategy, one after the other; but what is to be left alone is last.
    fn in_order(&self, mut found: Vec<(usize, Weighed)>, way: &Way, asks: &Asks<'_>) -> Vec<Candidate> {
        let conversation = asks.conversation.filter(|_| way.options.affinity != Some(false));
        let seed = self.seed();
        let cost = |candidate: &Candidate| self.cost(candidate, asks);
        let mut ordered: Vec<Weighed> = Vec::with_capacity(found.len());
        for (number, group) in way.groups().iter().enumerate() {
            let (mut own, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.0 == number);
            found = rest;
            let mut own: Vec<Weighed> = own.drain(..).map(|it| it.1).collect();
            order(&mut own, &Choice { strategy: group.strategy, conversation, seed, cost: &cost });
            ordered.append(&mut own);
        }
        let candidates = ordered.into_iter().map(|it| it.candidate);
        let (mut well, mut resting): (Vec<_>, Vec<_>) = candidates.partition(|it| it.state.wanted());
        well.append(&mut resting);
        well
    }

    /// What a request costs at a target, as far as anybody can tell before; `None` where no price is known.
    fn cost(&self, candidate: &Candidate, asks: &Asks<'_>) -> Option<Money> {
        let today = self.ports.clock.now().date_naive();
        let price = self.ports.catalog.price(&candidate.model, asks.tier, today)?;
        let output = u64::from(asks.output_tokens.unwrap_or(USUAL_OUTPUT));
        let usage = TokenUsage { input: asks.input_tokens, output, ..TokenUsage::default() };
        Some(price.cost(&usage)?.usd)
    }

    fn seed(&self) -> u64 {
        let mut seed = [0; 8];
        self.ports.ids.fill(&mut seed);
        u64::from_le_bytes(seed)
    }
}
