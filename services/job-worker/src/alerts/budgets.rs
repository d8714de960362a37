//! Which shares of which budgets are spent: pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use outcrop_ports::{Modality, ModelCatalog, SpendQuery, Spent};
use outcrop_types::{
    Alert, AlertId, Budget, Calendar, Level, Money, Pattern, Period, Policy, PolicyId, Target, TeamId,
    TimeZone,
};

/// How long after its end a period is still looked at: what was spent at the end of it takes a while to be recorded, or
/// crossed a share after the last look.
const LATE: Duration = Duration::hours(6);

/// Budgets of one level for one time: what one question to the ledger answers.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    level: Level,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    budgets: Vec<Watched<'a>>,
}

#[derive(Debug)]
struct Watched<'a> {
    policy: &'a Policy,
    budget: &'a Budget,
    /// What alerts of the budget are counted by.
    period_start: DateTime<Utc>,
    displaced: Displaced,
}

/// Holders for whom a more particular policy takes the place of this one.
#[derive(Debug, Default)]
struct Displaced {
    named: HashSet<(String, Option<TeamId>)>,
    teams: HashSet<TeamId>,
}

/// How much of somebody's budget is used, 1 being all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    /// The team, where it is one's.
    pub(super) team: Option<TeamId>,
    pub(super) level: Level,
    pub(super) window: &'static str,
    pub(super) used: f64,
}

/// By what an alert is the same as another: policy, holder, period and its beginning, share, budget.
pub(super) type Mark = (PolicyId, String, (&'static str, DateTime<Utc>), u8, Money);

/// What a holder of a budget has spent of it.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    policy: &'a Policy,
    budget: &'a Budget,
    period_start: DateTime<Utc>,
    holder: String,
    team: Option<TeamId>,
    spent: Money,
}

/// A share that is spent.
#[derive(Debug)]
pub(super) struct Reached<'a> {
    standing: &'a Standing<'a>,
    per_cent: u8,
}

impl<'a> Watch<'a> {
    /// All budgets that ask for alerts; and those that do not for the time being, if they are `measured`.
    pub(super) fn all(policies: &'a [Policy], now: DateTime<Utc>, measured: bool) -> Vec<Self> {
        let mut watches: BTreeMap<(Level, DateTime<Utc>, DateTime<Utc>), Vec<Watched<'a>>> = BTreeMap::new();
        for policy in policies {
            for budget in &policy.rules.budgets {
                let tells = !budget.alert_at.is_empty();
                if !tells && !measured {
                    continue;
                }
                let (from, period_start) = begun(budget.period, now);
                let before = if tells { just_ended(policy, budget.period, now) } else { None };
                let times = [Some((from, now, period_start)), before];
                for (from, until, period_start) in times.into_iter().flatten() {
                    let displaced = Displaced::of(policy, budget, policies);
                    let watched = Watched { policy, budget, period_start, displaced };
                    watches.entry((policy.target.level(), from, until)).or_default().push(watched);
                }
            }
        }
        let watch = |((level, from, until), budgets)| Self { level, from, until, budgets };
        watches.into_iter().map(watch).collect()
    }

    /// What to ask the ledger.
    pub(super) fn query(&self) -> SpendQuery {
        let mut query = SpendQuery {
            from: self.from,
            until: self.until,
            team: None,
            subject: None,
            key: None,
            each: (self.level != Level::Platform).then_some(self.level),
            by_model: self.budgets.iter().any(|watched| watched.policy.model.is_some()),
            slot: None,
            without: Vec::new(),
        };
        // A single budget needs no more than its own.
        if let [only] = self.budgets.as_slice() {
            match &only.policy.target {
                Target::Platform => {}
                Target::Team { team } => query.team = *team,
                Target::User { user, team } => (query.subject, query.team) = (*user, *team),
                Target::Key { key, team } => (query.key, query.team) = (key.clone(), *team),
            }
        }
        query
    }

    /// Whether it is of periods that are not over.
    pub(super) fn is_at(&self, now: DateTime<Utc>) -> bool {
        self.until == now
    }

    /// What everybody has spent.
    pub(super) fn standings(&self, sums: &[Spent], catalog: &dyn ModelCatalog) -> Vec<Standing<'a>> {
        let mut names = Names::new(catalog);
        let mut standings = Vec::new();
        for watched in &self.budgets {
            let by_holder = watched.by_holder(sums, &mut names);
            standings.extend(by_holder.into_iter().map(|((holder, team), spent)| Standing {
                policy: watched.policy,
                budget: watched.budget,
                period_start: watched.period_start,
                holder,
                team,
                spent,
            }));
        }
        standings
    }
}

impl Watched<'_> {
    /// What each holder spent that this budget is for, and the team it belongs to.
    fn by_holder(&self, sums: &[Spent], names: &mut Names<'_>) -> BTreeMap<(String, Option<TeamId>), Money> {
        let mut spent: BTreeMap<_, Money> = BTreeMap::new();
        for sum in sums {
            let Some(holder) = self.holder(sum) else { continue };
            if self.policy.model.as_ref().is_none_or(|model| names.fit(model, sum)) {
                *spent.entry(holder).or_default() += sum.cost;
            }
        }
        spent
    }

    /// Whose budget of this policy the sum counts in, if in any.
    fn holder(&self, sum: &Spent) -> Option<(String, Option<TeamId>)> {
        let target = &self.policy.target;
        if matches!(target, Target::Platform) {
            return Some(("platform".to_owned(), None));
        }
        let holder = sum.holder.clone()?;
        let named = name_of(target);
        let meant = named.is_none_or(|named| named == holder);
        let in_team =
            target.level() == Level::Team || target.team().is_none_or(|team| sum.team == Some(team));
        if !meant || !in_team || self.displaced.has(&holder, sum.team) {
            return None;
        }
        let team = match target {
            Target::Team { .. } => holder.parse().ok(),
            // One that acts for several teams is no single one's affair.
            Target::User { team, .. } => *team,
            Target::Key { .. } => sum.team,
            Target::Platform => None,
        };
        Some((holder, team))
    }
}

impl Displaced {
    fn of(policy: &Policy, budget: &Budget, policies: &[Policy]) -> Self {
        let mut this = Self::default();
        let alike = |other: &&Policy| {
            other.target.level() == policy.target.level()
                && other.target.is_within_a_team() == policy.target.is_within_a_team()
                && other.model == policy.model
                && rank(&other.target) > rank(&policy.target)
                && other.rules.budgets.iter().any(|it| it.period.name() == budget.period.name())
        };
        for other in policies.iter().filter(alike) {
            match (name_of(&other.target), other.target.team()) {
                // A team is named without being in one.
                (Some(name), _) if other.target.level() == Level::Team => {
                    this.named.insert((name, None));
                }
                (Some(name), team) => {
                    this.named.insert((name, team));
                }
                (None, Some(team)) => {
                    this.teams.insert(team);
                }
                (None, None) => {}
            }
        }
        this
    }

    fn has(&self, holder: &str, team: Option<TeamId>) -> bool {
        if self.named.is_empty() && self.teams.is_empty() {
            return false;
        }
        let named = |team| self.named.contains(&(holder.to_owned(), team));
        named(None) || team.is_some_and(|team| named(Some(team)) || self.teams.contains(&team))
    }
}

/// The id of the one that a target names.
fn name_of(target: &Target) -> Option<String> {
    match target {
        Target::Platform => None,
        Target::Team { team } => team.map(|it| it.to_string()),
        Target::User { user, .. } => user.map(|it| it.to_string()),
        Target::Key { key, .. } => key.as_ref().map(ToString::to_string),
    }
}

/// How particular a target is: named in a team, named, each of a team, each.
fn rank(target: &Target) -> u8 {
    match target {
        Target::Platform => 0,
        Target::Team { team } => u8::from(team.is_some()) * 2,
        Target::User { team, .. } | Target::Key { team, .. } => {
            u8::from(name_of(target).is_some()) * 2 + u8::from(team.is_some())
        }
    }
}

/// From when money counts, and the beginning that alerts go by.
fn begun(period: Period, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    match period {
        Period::Calendar { calendar, time_zone } => {
            let from = time_zone.around(now, calendar).0;
            (from, from)
        }
        Period::Rolling { days } => {
            (now - Duration::days(days.into()), TimeZone::UTC.around(now, Calendar::Day).0)
        }
    }
}

/// The period before, if it ended just now, and the policy was then as it is.
fn just_ended(
    policy: &Policy,
    period: Period,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, DateTime<Utc>, DateTime<Utc>)> {
    let Period::Calendar { calendar, time_zone } = period else { return None };
    let end = time_zone.around(now, calendar).0;
    let is_late = now - end < LATE && policy.updated_at < end;
    let from = time_zone.around(end - Duration::nanoseconds(1), calendar).0;
    is_late.then_some((from, end, from))
}

impl Standing<'_> {
    /// The shares that alerts are about and that are spent.
    pub(super) fn reached(&self) -> impl Iterator<Item = Reached<'_>> {
        let is_spent = |share: &&u8| {
            let (spent, budget) = (u128::from(self.spent.nano_usd()), u128::from(self.budget.usd.nano_usd()));
            spent > 0 && spent * 100 >= budget * u128::from(**share)
        };
        let shares = self.budget.alert_at.iter().filter(is_spent);
        shares.map(|per_cent| Reached { standing: self, per_cent: *per_cent })
    }

    /// How much of the budget is used.
    pub(super) fn share(&self) -> Share {
        let (spent, budget) = (self.spent.nano_usd(), self.budget.usd.nano_usd());
        Share {
            team: self.team,
            level: self.policy.target.level(),
            window: self.budget.period.name(),
            // Of a budget of nothing all is used.
            used: if budget == 0 { 1.0 } else { spent as f64 / budget as f64 },
        }
    }
}

impl Reached<'_> {
    pub(super) fn mark(&self) -> Mark {
        let Standing { policy, budget, period_start, holder, .. } = self.standing;
        (policy.id, holder.clone(), (self.period(), *period_start), self.per_cent, budget.usd)
    }

    pub(super) const fn period(&self) -> &'static str {
        self.standing.budget.period.name()
    }

    pub(super) fn alert(&self, id: AlertId, now: DateTime<Utc>) -> Alert {
        let Standing { policy, budget, period_start, ref holder, team, spent } = *self.standing;
        Alert {
            id,
            at: now,
            policy: policy.id,
            level: policy.target.level(),
            holder: holder.clone(),
            team,
            model: policy.model.as_ref().map(|it| it.as_str().to_owned()),
            budget: budget.usd,
            period: budget.period,
            period_start,
            per_cent: self.per_cent,
            spent,
        }
    }
}

/// The names that the catalogue has for what records name.
struct Names<'a> {
    catalog: &'a dyn ModelCatalog,
    known: HashMap<String, Option<[String; 2]>>,
}

impl<'a> Names<'a> {
    fn new(catalog: &'a dyn ModelCatalog) -> Self {
        Self { catalog, known: HashMap::new() }
    }

    /// Whether the models of a policy are those that answered: by the name asked for, or an id of what is behind it.
    fn fit(&mut self, models: &Pattern, sum: &Spent) -> bool {
        models.matches(&sum.model_asked)
            || models.matches(&sum.model_served)
            || self.names(&sum.model_served).is_some_and(|names| names.iter().any(|it| models.matches(it)))
    }

    /// The catalogue's name of a model and Bedrock's own id of it.
    fn names(&mut self, served: &str) -> Option<&[String; 2]> {
        if !self.known.contains_key(served) {
            let model = self.catalog.resolve_for(Some(served), Modality::Text);
            self.known
                .insert(served.to_owned(), model.map(|it| [it.info.id.clone(), it.info.base_id.clone()]));
        }
        self.known.get(served)?.as_ref()
    }
}
