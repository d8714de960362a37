//! A small world to route in: a clock that stands, dice that can be foreseen, a catalogue with every kind of model.

mod breakers;
mod budgets;
mod choices;
mod plans;
mod residency;
mod sharing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use outcrop_config::RoutingConfig;
use outcrop_embedded::MemoryTargetHealth;
use outcrop_ports::{
    Clock, IdGen, Modality, ModelCatalog, ModelInfo, Models, Place, Places, ResolvedModel, TargetHealth,
    UnknownPlace,
};
use outcrop_types::{
    Bounds, Geography, Group, Price, PriceTier, Rate, Region, Residency, Route, RouteTable, RouteTarget,
    Strategy, TeamId, TokenRates,
};
use uuid::Uuid;

use super::{Asks, Candidate, Plan, RouteBook, Router, RouterPorts, TargetState, Trial};
use crate::ChatError;

/// A clock that stands until told.
#[derive(Default)]
pub(super) struct HandClock(AtomicU64);

impl HandClock {
    pub(super) fn forward(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        let since = i64::try_from(self.0.load(Ordering::SeqCst)).unwrap();
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(since)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Dice that fall the same way in every run.
#[derive(Default)]
struct Dice(AtomicU64);

impl IdGen for Dice {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }

    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let drawn = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            *byte = drawn.wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes()[0];
        }
    }
}

/// The places are known by name only: nothing is called here.
struct Names(Vec<Region>);

impl Places for Names {
    fn regions(&self) -> &[Region] {
        &self.0
    }

    fn at(&self, place: &Place) -> Result<Arc<dyn Models>, UnknownPlace> {
        Err(UnknownPlace::Region(place.clone()))
    }
}

/// A model of the world.
pub(super) struct Offer {
    pub(super) info: ModelInfo,
    /// Where its bare id is called; nothing is everywhere.
    pub(super) on_demand: Option<Vec<&'static str>>,
    /// Dollars for a million tokens, read and written.
    pub(super) price: Option<(&'static str, &'static str)>,
}

pub(super) fn offer(id: &str) -> Offer {
    let info = ModelInfo {
        id: id.to_owned(),
        base_id: format!("vendor.{id}-v1:0"),
        bedrock_id: format!("vendor.{id}-v1:0"),
        context_window: Some(100_000),
        ..ModelInfo::default()
    };
    Offer { info, on_demand: None, price: None }
}

pub(super) struct Offers {
    pub(super) all: Vec<Offer>,
    /// Whether it looks at bounds at all; the router must not rely on it.
    pub(super) is_careless: bool,
}

impl Offers {
    /// The model of an id or ARN that says more than the model, and its profile.
    fn by_id(&self, asked: &str) -> Option<ModelInfo> {
        if asked.starts_with("arn:") {
            let (kind, id) = asked.rsplit(':').next()?.split_once('/').or_else(|| asked.split_once("/"))?;
            let id = if asked.contains("foundation-model") || asked.contains(":inference-profile") {
                return self.by_id(asked.split_once('/')?.1);
            } else {
                id
            };
            // An own profile or throughput is called by its model and its geography: `small.eu`.
            let (model, over) = id.split_once('.').unwrap_or((id, ""));
            let mut info = self.all.iter().find(|it| it.info.id == model)?.info.clone();
            if kind.ends_with("application-inference-profile") {
                info.id = asked.to_owned();
                info.routes_over = Some(over).filter(|it| !it.is_empty()).map(str::to_owned);
            }
            return Some(info);
        }
        let known = |it: &&Offer| asked.strip_suffix(it.info.base_id.as_str()).is_some();
        Some(self.all.iter().find(known)?.info.clone())
    }
}

impl ModelCatalog for Offers {
    fn resolve_for(&self, asked: Option<&str>, _: Modality) -> Option<ResolvedModel> {
        let asked = asked.unwrap_or("small");
        let named = self.all.iter().find(|it| it.info.id == asked);
        let (id, info) = match named {
            Some(offer) => (offer.info.bedrock_id.clone(), offer.info.clone()),
            None => (asked.to_owned(), self.by_id(asked)?),
        };
        Some(ResolvedModel { bedrock_id: id, info: Arc::new(info) })
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.all.iter().map(|it| Arc::new(it.info.clone())).collect()
    }

    fn resolve_at(
        &self,
        asked: &str,
        output: Modality,
        region: &Region,
        within: &Bounds,
    ) -> Option<ResolvedModel> {
        let Some(offer) = self.all.iter().find(|it| it.info.id == asked) else {
            return self.resolve_for(Some(asked), output);
        };
        let base = &offer.info.base_id;
        let is_here = offer.on_demand.as_ref().is_none_or(|it| it.contains(&region.as_str()));
        let has = |name: &&String| Geography::parse(name).is_some_and(|it| it.has(region));
        let own = is_here.then(|| base.clone());
        let profiles = offer.info.profiles.iter();
        let near = profiles.clone().filter(has).map(|it| format!("{it}.{base}"));
        let far = profiles.filter(|it| *it == "global").map(|it| format!("{it}.{base}"));
        let info = Arc::new(offer.info.clone());
        let all = own.into_iter().chain(near).chain(far);
        let mut all = all.map(|bedrock_id| ResolvedModel { bedrock_id, info: Arc::clone(&info) });
        all.find(|it| self.is_careless || within.hold(&it.reach(region)))
    }

    fn price(&self, model: &ResolvedModel, _: PriceTier, _: NaiveDate) -> Option<Price> {
        let (input, output) = self.all.iter().find(|it| it.info.id == model.info.id)?.price?;
        let rate = |text| Some(Rate::parse(text, 1_000_000).unwrap());
        let tokens = TokenRates { input: rate(input), output: rate(output), ..TokenRates::default() };
        Some(Price { row: String::new(), tokens, bands: Vec::new(), images: None, queries: None })
    }
}

/// A router, and what it lives in.
pub(super) struct World {
    pub(super) clock: Arc<HandClock>,
    pub(super) router: Router,
}

pub(super) fn regions(names: &[&str]) -> Vec<Region> {
    names.iter().map(|it| it.parse().unwrap()).collect()
}

impl World {
    /// In these regions, with models `small` and `large`, which every region has.
    pub(super) fn new(names: &[&str]) -> Self {
        Self::with(names, Offers { all: vec![offer("small"), offer("large")], is_careless: false })
    }

    pub(super) fn with(names: &[&str], offers: Offers) -> Self {
        let clock = Arc::new(HandClock::default());
        clock.forward(1_000_000);
        let health = Arc::new(MemoryTargetHealth::new(Arc::clone(&clock) as Arc<dyn Clock>));
        Self::next_to(clock, health, names, offers)
    }

    /// With others that it may hear of.
    pub(super) fn next_to(
        clock: Arc<HandClock>,
        health: Arc<dyn TargetHealth>,
        names: &[&str],
        offers: Offers,
    ) -> Self {
        let ports = RouterPorts {
            catalog: Arc::new(offers),
            places: Arc::new(Names(regions(names))),
            health,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(Dice::default()),
        };
        Self { clock, router: Router::new(ports, &RoutingConfig::default()) }
    }

    pub(super) fn routed(self, table: RouteTable) -> Self {
        self.router.routes().replace(RouteBook::new(table));
        self
    }

    /// The plan for somebody whom nothing is forbidden.
    pub(super) fn plan(&self, asks: &Asks<'_>) -> Result<Plan, ChatError> {
        self.router.plan(asks, &|_| Ok(Bounds::default()))
    }

    /// Where the plan leads, as `place id`.
    pub(super) fn names(&self, asks: &Asks<'_>) -> Vec<String> {
        names(&self.plan(asks).unwrap())
    }
}

pub(super) fn names(plan: &Plan) -> Vec<String> {
    plan.candidates().iter().map(|it| it.state.name().to_owned()).collect()
}

pub(super) static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

/// A short question to this name.
pub(super) fn asks(name: &str) -> Asks<'_> {
    Asks {
        team: TeamId::new(Uuid::from_u128(1)),
        asked: Some(name),
        output: Modality::Text,
        input_tokens: 100,
        output_tokens: None,
        tier: PriceTier::Standard,
        uses: &[],
        tags: &NO_TAGS,
        conversation: None,
    }
}

/// `model`, `model@region` or `model@account/region`.
pub(super) fn target(text: &str) -> RouteTarget {
    let (model, place) = text.split_once('@').map_or((text, None), |(model, place)| (model, Some(place)));
    let (account, region) = match place.map(|it| it.split_once('/').unwrap_or(("", it))) {
        Some((account, region)) => (account.parse().ok(), Some(region.parse().unwrap())),
        None => (None, None),
    };
    RouteTarget { model: model.to_owned(), region, account, weight: None }
}

pub(super) fn group(strategy: Strategy, targets: &[&str]) -> Group {
    Group { strategy, targets: targets.iter().map(|it| target(it)).collect(), ..Group::default() }
}

pub(super) fn route(alias: &str, groups: Vec<Group>) -> Route {
    Route { alias: alias.to_owned(), groups, ..Route::default() }
}

pub(super) fn table(routes: Vec<Route>) -> RouteTable {
    RouteTable { routes, ..RouteTable::default() }
}

pub(super) fn residency(areas: &[&str]) -> Residency {
    let areas: Vec<_> = areas.iter().map(|it| it.parse().unwrap()).collect();
    areas.try_into().unwrap()
}

/// The state of the target of this name, which a plan must have had.
pub(super) fn state(world: &World, name: &str) -> Arc<TargetState> {
    world.router.targets.all().into_iter().find(|it| it.name() == name).unwrap()
}
