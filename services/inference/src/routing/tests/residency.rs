//! No attempt leaves where it must stay: over random routes, bounds, faults and quotas, judged by tables of this file.
//!
//! Nothing here asks the code under test where anything is: which regions a geography has, and which a profile may go to, is
//! written down below once more, and so is which route is for a request.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;

use outcrop_types::{FailureKind, RouteOptions};
use proptest::prelude::{Just, ProptestConfig, TestCaseError, any, prop, prop_assert, prop_oneof, proptest};
use proptest::sample::select;
use proptest::strategy::Strategy as Random;

use super::*;

/// The regions of the world.
const REGIONS: [&str; 12] = [
    "us-east-1",
    "us-west-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-central-2",
    "ap-northeast-1",
    "ap-northeast-3",
    "ap-southeast-2",
    "ap-south-1",
    "ca-central-1",
    "us-gov-west-1",
];

/// Which of them an area has.
fn regions_of(area: &str) -> Vec<&'static str> {
    match area {
        "us" => vec!["us-east-1", "us-west-2"],
        "eu" => vec!["eu-central-1", "eu-west-1"],
        "apac" => vec!["ap-northeast-1", "ap-northeast-3", "ap-southeast-2", "ap-south-1"],
        "jp" => vec!["ap-northeast-1", "ap-northeast-3"],
        "au" => vec!["ap-southeast-2"],
        "in" => vec!["ap-south-1"],
        "ca" => vec!["ca-central-1"],
        "us-gov" => vec!["us-gov-west-1"],
        region => REGIONS.into_iter().filter(|it| *it == region).collect(),
    }
}

/// Which of them a profile may answer from. `global` may do so from all.
fn regions_over(profile: &str) -> Vec<&'static str> {
    if profile == "global" { REGIONS.to_vec() } else { regions_of(profile) }
}

const AREAS: [&str; 11] =
    ["us", "eu", "apac", "jp", "au", "in", "ca", "us-gov", "eu-west-2", "us-east-1", "eu-central-1"];

/// What requests and targets name: friendly names, ids, profiles, ARNs of every kind.
const MODELS: [&str; 22] = [
    "everywhere",
    "profiled",
    "worldwide",
    "rare",
    "straying",
    "vendor.everywhere-v1:0",
    "us.vendor.everywhere-v1:0",
    "eu.vendor.everywhere-v1:0",
    "apac.vendor.profiled-v1:0",
    "jp.vendor.profiled-v1:0",
    "global.vendor.profiled-v1:0",
    "eu.vendor.straying-v1:0",
    "arn:aws:bedrock:us-west-2::foundation-model/vendor.everywhere-v1:0",
    "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.vendor.profiled-v1:0",
    "arn:aws:bedrock:us-east-1:1:inference-profile/global.vendor.profiled-v1:0",
    "arn:aws:bedrock:eu-central-1:1:application-inference-profile/everywhere",
    "arn:aws:bedrock:eu-central-1:1:application-inference-profile/everywhere.eu",
    "arn:aws:bedrock:us-east-1:1:application-inference-profile/profiled.us",
    "arn:aws:bedrock:eu-west-1:1:application-inference-profile/profiled.global",
    "arn:aws:bedrock:ap-south-1:1:application-inference-profile/straying.eu",
    "arn:aws:bedrock:eu-west-2:1:provisioned-model/rare",
    "arn:aws:bedrock:us-east-1:1:prompt-router/everywhere",
];

/// Every region that hears of a call: the one that is called, and all that the id lets answer.
fn touched(id: &str, called: &str) -> BTreeSet<&'static str> {
    let mut touched: BTreeSet<_> = REGIONS.into_iter().filter(|it| *it == called).collect();
    let profile = |id: &str| {
        let (first, _) = id.split_once('.').unwrap();
        let straying = (id.contains("straying") && first == "eu").then_some("eu-west-2");
        let over = if first == "vendor" { Vec::new() } else { regions_over(first) };
        over.into_iter().chain(straying).collect::<Vec<_>>()
    };
    let Some(arn) = id.strip_prefix("arn:aws:bedrock:") else {
        touched.extend(profile(id));
        return touched;
    };
    touched.extend(REGIONS.into_iter().filter(|it| arn.starts_with(*it)));
    match arn.rsplit_once(':').filter(|_| arn.contains("application-")).map_or("", |it| it.1) {
        "" => {}
        own => {
            let over = own.rsplit_once('.').map_or("", |it| it.1);
            touched.extend(regions_over(over));
            touched.extend((own.contains("straying") && over == "eu").then_some("eu-west-2"));
        }
    }
    if let Some((_, id)) = arn.split_once("profile/vendor.").or_else(|| arn.split_once(":inference-profile/"))
    {
        touched.extend(profile(id));
    }
    if arn.contains("prompt-router") {
        touched.extend(REGIONS);
    }
    touched
}

/// The models of the world.
fn offers(is_careless: bool) -> Offers {
    let mut all = ["everywhere", "profiled", "worldwide", "rare", "straying"].map(offer);
    let profiles = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    all[0].info.profiles = profiles(&["us", "eu", "apac", "global"]);
    all[1].info.profiles = profiles(&["us", "eu", "jp", "apac", "global"]);
    all[1].on_demand = Some(Vec::new());
    all[2].info.profiles = profiles(&["global"]);
    all[2].on_demand = Some(Vec::new());
    all[3].on_demand = Some(vec!["us-east-1", "eu-west-1", "eu-west-2"]);
    all[4].info.profiles = profiles(&["eu"]);
    all[4].info.stray_profiles = profiles(&["eu"]);
    all[4].on_demand = Some(vec!["ap-south-1"]);
    Offers { all: all.into(), is_careless }
}

/// Which model a name is of.
fn model_of(name: &str) -> &'static str {
    let all = ["everywhere", "profiled", "worldwide", "rare", "straying"];
    all.into_iter().find(|it| name.contains(it)).unwrap()
}

/// What somebody's policies say: residency for all models, and for one.
#[derive(Debug, Clone)]
struct Policies {
    for_all: Vec<&'static str>,
    for_one: (&'static str, Vec<&'static str>),
    /// This one may not be called at all.
    forbidden: Option<&'static str>,
}

impl Policies {
    fn allow(&self, model: &ResolvedModel) -> Result<Bounds, ChatError> {
        let is_of = |name: &str| model.info.base_id == format!("vendor.{name}-v1:0");
        if self.forbidden.is_some_and(is_of) {
            return Err(ChatError::OutOfScope { model: model.info.id.clone() });
        }
        let bounds = Bounds::default().and(&residency(&self.for_all));
        let own = is_of(self.for_one.0).then(|| residency(&self.for_one.1));
        Ok(own.map_or_else(|| bounds.clone(), |own| bounds.clone().and(&own)))
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
struct Call {
    asked: &'static str,
    team: u128,
    input_tokens: u64,
    conversation: Option<u64>,
    /// What becomes of each attempt; nothing is an answer.
    fates: Vec<Option<(FailureKind, Option<u64>)>>,
    /// How much time passes afterwards, milliseconds.
    passes: u64,
}

fn areas() -> impl Random<Value = Vec<&'static str>> {
    prop_oneof![
        4 => Just(Vec::new()),
        1 => prop::collection::vec(select(&AREAS[..]), 1..4),
        2 => select(&["eu", "us", "apac"][..]).prop_map(|it| vec![it]),
        1 => Just(vec!["eu", "eu-west-2", "us"]),
    ]
}

fn some_target() -> impl Random<Value = RouteTarget> {
    let region = prop::option::weighted(0.4, select(&REGIONS[..]));
    let account = prop::option::weighted(0.2, Just("prod"));
    (select(&MODELS[..]), region, account, 1..10_u32).prop_map(|(model, region, account, weight)| {
        RouteTarget {
            model: model.to_owned(),
            region: region.map(|it| it.parse().unwrap()),
            account: account.map(|it| it.parse().unwrap()),
            weight: Some(weight),
        }
    })
}

fn some_group() -> impl Random<Value = Group> {
    let strategies = [
        Strategy::Weighted,
        Strategy::Ordered,
        Strategy::LeastLatency,
        Strategy::LeastBusy,
        Strategy::Cheapest,
    ];
    let most = prop::option::weighted(0.1, Just(1_000_u64));
    (select(strategies.to_vec()), most, prop::collection::vec(some_target(), 1..4)).prop_map(
        |(strategy, max_prompt_tokens, targets)| {
            let when = outcrop_types::Condition { max_prompt_tokens, ..Default::default() };
            Group { strategy, when, targets }
        },
    )
}

fn some_route() -> impl Random<Value = Route> {
    let alias = select(&["chat", "everywhere", "profiled", "rare"][..]);
    let team = prop::option::weighted(0.4, 1..3_u128);
    (alias, team, areas(), prop::collection::vec(some_group(), 1..3)).prop_map(
        |(alias, team, areas, groups)| Route {
            alias: alias.to_owned(),
            team: team.map(|it| TeamId::new(Uuid::from_u128(it))),
            options: RouteOptions { residency: residency(&areas), ..RouteOptions::default() },
            groups,
        },
    )
}

fn some_table() -> impl Random<Value = RouteTable> {
    (areas(), prop::collection::vec(some_route(), 0..5)).prop_map(|(areas, mut routes)| {
        // A name is used once for everybody and once for each team.
        let mut seen = BTreeSet::new();
        routes.retain(|it| seen.insert((it.team.map(|it| it.to_string()), it.alias.clone())));
        RouteTable { defaults: RouteOptions { residency: residency(&areas), ..Default::default() }, routes }
    })
}

fn some_policies() -> impl Random<Value = Policies> {
    let one = select(&["everywhere", "profiled", "worldwide", "rare"][..]);
    let forbidden = prop::option::weighted(0.1, select(&["everywhere", "rare"][..]));
    (areas(), one, areas(), forbidden).prop_map(|(for_all, one, own, forbidden)| Policies {
        for_all,
        for_one: (one, own),
        forbidden,
    })
}

fn some_call() -> impl Random<Value = Call> {
    let faults = [
        FailureKind::Throttled,
        FailureKind::QuotaExceeded,
        FailureKind::Unavailable,
        FailureKind::Denied,
        FailureKind::NotFound,
        FailureKind::TimedOut,
        FailureKind::Model,
    ];
    let fault = (select(faults.to_vec()), prop::option::of(1..20_000_u64));
    let fates = prop::collection::vec(prop::option::weighted(0.7, fault), 8);
    let asked = prop_oneof![2 => Just("chat"), 3 => select(&MODELS[..])];
    (asked, 1..3_u128, 1..2_000_u64, prop::option::of(any::<u64>()), fates, 0..3_000_u64).prop_map(
        |(asked, team, input_tokens, conversation, fates, passes)| Call {
            asked,
            team,
            input_tokens,
            conversation,
            fates,
            passes,
        },
    )
}

/// Every residency of the table that holds for a request: by its own reading of which route that is.
fn of_table<'a>(table: &'a RouteTable, call: &Call) -> Vec<&'a Residency> {
    let team = TeamId::new(Uuid::from_u128(call.team));
    let named = |name: &str| {
        let mut own = table.routes.iter().filter(|it| it.alias == name && it.team == Some(team));
        let mut all = table.routes.iter().filter(|it| it.alias == name && it.team.is_none());
        own.next().or_else(|| all.next())
    };
    let by_model = || (call.asked != "chat").then(|| named(model_of(call.asked))).flatten();
    let route = named(call.asked).or_else(by_model);
    std::iter::once(&table.defaults.residency).chain(route.map(|it| &it.options.residency)).collect()
}

fn is_within(residency: &[String], touched: &BTreeSet<&str>) -> bool {
    let allowed: BTreeSet<_> = residency.iter().flat_map(|it| regions_of(it)).collect();
    residency.is_empty() || touched.is_subset(&allowed)
}

/// Holds one attempt against everything that is said of where it may go.
fn judge(
    candidate: &Candidate,
    call: &Call,
    table: &RouteTable,
    policies: &Policies,
) -> Result<bool, TestCaseError> {
    let id = &candidate.model.bedrock_id;
    let touched = touched(id, candidate.place.region.as_str());
    let text = |it: &Residency| it.areas().iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut bounds: Vec<Vec<String>> = of_table(table, call).into_iter().map(text).collect();
    bounds.push(policies.for_all.iter().map(|it| (*it).to_owned()).collect());
    if model_of(id) == policies.for_one.0 {
        bounds.push(policies.for_one.1.iter().map(|it| (*it).to_owned()).collect());
    }
    prop_assert!(policies.forbidden != Some(model_of(id)), "{id} is forbidden");
    for bound in &bounds {
        let place = &candidate.place;
        prop_assert!(is_within(bound, &touched), "{id} at {place} may touch {touched:?}: not in {bound:?}");
    }
    Ok(bounds.iter().any(|it| !it.is_empty()))
}

/// Plays one call as attempts are made: the targets in their order; those that are to be left alone only where nothing else is.
fn play(
    world: &World,
    call: &Call,
    table: &RouteTable,
    policies: &Policies,
    seen: &Seen,
) -> Result<(), TestCaseError> {
    let asks = Asks {
        team: TeamId::new(Uuid::from_u128(call.team)),
        input_tokens: call.input_tokens,
        conversation: call.conversation,
        ..asks(call.asked)
    };
    let plan = match world.router.plan(&asks, &|model| policies.allow(model)) {
        Ok(plan) => plan,
        Err(error) => {
            let refused = matches!(error, ChatError::OutOfBounds { .. });
            seen.refused.fetch_add(u32::from(refused), Ordering::Relaxed);
            return Ok(());
        }
    };
    prop_assert!(!plan.candidates().is_empty());
    let mut fates = call.fates.iter();
    for (number, candidate) in plan.candidates().iter().enumerate() {
        let is_bound = judge(candidate, call, table, policies)?;
        seen.bound.fetch_add(u32::from(is_bound), Ordering::Relaxed);
        let begun = candidate.state.begin().or_else(|| (number == 0).then(|| candidate.state.begin_anyway()));
        let (Some(mut trial), Some(fate)) = (begun, fates.next()) else { continue };
        world.clock.forward(10);
        match fate {
            Some((kind, wait)) => trial.failed(*kind, wait.map(Duration::from_millis)),
            None => trial.succeeded(Duration::from_millis(10)),
        }
    }
    Ok(())
}

/// What was seen, so that the test cannot pass by seeing nothing.
#[derive(Default)]
struct Seen {
    bound: AtomicU32,
    refused: AtomicU32,
}

#[test]
fn no_attempt_leaves_the_geography() {
    let seen = Seen::default();
    let config = ProptestConfig { cases: 1_200, failure_persistence: None, ..ProptestConfig::default() };
    let calls = prop::collection::vec(some_call(), 1..12);
    let configured = prop::sample::subsequence(REGIONS.to_vec(), 2..9);
    proptest!(config, |(
        table in some_table(),
        policies in some_policies(),
        configured in configured,
        is_careless: bool,
        calls in calls,
    )| {
        let world = World::with(&configured, offers(is_careless)).routed(table.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for call in &calls {
            play(&world, call, &table, &policies, &seen)?;
            world.clock.forward(call.passes);
            runtime.block_on(world.router.round()).unwrap();
        }
    });
    let (bound, refused) = (seen.bound.into_inner(), seen.refused.into_inner());
    assert!(bound > 600 && refused > 600, "{bound} attempts under bounds, {refused} refused");
}
