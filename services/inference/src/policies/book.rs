//! All policies of one version, by whom they are for.

use std::collections::HashMap;
use std::sync::Arc;

use outcrop_config::LimitsConfig;
use outcrop_ports::ResolvedModel;
use outcrop_types::{Level, Pattern, Policy, Principal, Rules, Target, Way};

use super::terms::{Clamp, Holder, Limit, Limited, Owner, Terms};

/// All policies. Found by their targets: a call looks up the few that can be for it, however many there are.
#[derive(Debug, Default)]
pub(crate) struct Book {
    version: u64,
    policies: HashMap<Target, Vec<Arc<Policy>>>,
}

/// A model, by the names that patterns are held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// As the client named it.
    pub(crate) asked: &'a str,
    pub(crate) model: &'a ResolvedModel,
}

/// What a limit limits, where of several only the most particular one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Counted(&'static str),
    MaxOutput,
    DefaultOutput,
    Models,
    Residency,
    Guardrails,
    Cache,
}

/// What has been said already, by something more particular of the same owner: nobody lifts what another has said.
#[derive(Debug, Default)]
struct Said<'a>(Vec<(Level, Owner, Option<&'a Pattern>, Slot)>);

impl Book {
    pub(crate) fn new(version: u64, policies: Vec<Policy>) -> Self {
        let mut by_target: HashMap<Target, Vec<Arc<Policy>>> = HashMap::new();
        for policy in policies {
            by_target.entry(policy.target.clone()).or_default().push(Arc::new(policy));
        }
        Self { version, policies: by_target }
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().flatten().map(AsRef::as_ref)
    }

    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// What holds for a call of this model; without one, what holds whatever the model is.
    pub(crate) fn terms(
        &self,
        principal: &Principal,
        model: Option<Named<'_>>,
        settings: &LimitsConfig,
    ) -> Terms {
        let policies = self.of(principal);
        let fits = |pattern: &Pattern| model.is_some_and(|model| model.is(pattern));
        let fitting: Vec<&Policy> =
            policies.into_iter().filter(|it| it.model.as_ref().is_none_or(fits)).collect();
        let mut terms = Terms { limits: limits(&fitting, principal, settings), ..Terms::default() };
        let mut said = Said::default();
        // Narrow levels first, and at a level what names models.
        let mut default: Option<((Level, bool), u32)> = None;
        for policy in fitting {
            let (level, owner) = (policy.target.level(), Owner::of(&policy.target));
            let (pattern, rules) = (policy.model.as_ref(), &policy.rules);
            if let Some(tokens) = rules.max_output_tokens
                && said.first((level, owner), pattern, Slot::MaxOutput)
                && terms.clamp.is_none_or(|least| tokens < least.tokens)
            {
                terms.clamp = Some(Clamp { tokens, level });
            }
            if let Some(tokens) = rules.default_output_tokens
                && said.first((level, owner), pattern, Slot::DefaultOutput)
            {
                let found = ((level, pattern.is_none()), tokens);
                default = Some(default.map_or(found, |it| it.min(found)));
            }
            if !terms.unpriced.contains(&(level, owner)) && rules.allow_unpriced.iter().any(fits) {
                terms.unpriced.push((level, owner));
            }
        }
        terms.default_output = default.map(|(_, tokens)| tokens);
        terms
    }

    /// Every limit of this principal, for whichever models.
    pub(crate) fn limits(&self, principal: &Principal, settings: &LimitsConfig) -> Vec<Limit> {
        limits(&self.of(principal), principal, settings)
    }

    /// The level whose policy keeps this principal from a model, if one does.
    pub(crate) fn forbids(&self, principal: &Principal, model: Named<'_>) -> Option<Level> {
        let policies = self.saying(principal, model, Slot::Models, |it| !it.models.is_empty());
        let allows = |policy: &Policy| policy.rules.models.iter().any(|it| model.is_allowed_by(it));
        policies.into_iter().find(|it| !allows(it)).map(|it| it.target.level())
    }

    /// The level of a policy that does not let a call of this model be done this way, if one does not: every policy that is
    /// for it must.
    pub(crate) fn forbids_way(&self, principal: &Principal, model: Named<'_>, way: Way) -> Option<Level> {
        let fits = |policy: &Policy| policy.model.as_ref().is_none_or(|it| model.is(it));
        let says_no = |policy: &Policy| policy.rules.ways.as_ref().is_some_and(|ways| !ways.contains(&way));
        self.of(principal).into_iter().find(|it| fits(it) && says_no(it)).map(|it| it.target.level())
    }

    /// Whether policies keep somebody from some models at all.
    pub(crate) fn forbids_some(&self, principal: &Principal) -> bool {
        self.of(principal).iter().any(|policy| !policy.rules.models.is_empty())
    }

    /// The policies that count for a call of this model, of those that say something: narrow levels first.
    pub(super) fn saying(
        &self,
        principal: &Principal,
        model: Named<'_>,
        slot: Slot,
        says: impl Fn(&Rules) -> bool,
    ) -> Vec<&Policy> {
        let mut said = Said::default();
        let fits = |policy: &Policy| policy.model.as_ref().is_none_or(|it| model.is(it));
        let policies = self.of(principal).into_iter().filter(|it| fits(it) && says(&it.rules));
        let by = |it: &Policy| (it.target.level(), Owner::of(&it.target));
        policies.filter(|it| said.first(by(it), it.model.as_ref(), slot)).collect()
    }

    /// Those for this principal: by level, and at each the most particular first.
    fn of(&self, principal: &Principal) -> Vec<&Policy> {
        if self.policies.is_empty() {
            return Vec::new();
        }
        let (team, user) = (Some(principal.team), Some(principal.subject));
        let mut targets = Vec::with_capacity(11);
        if let Some(key) = &principal.key {
            for named in [Some(key.clone()), None] {
                targets.push(Target::Key { key: named.clone(), team });
                targets.push(Target::Key { key: named, team: None });
            }
        }
        for user in [user, None] {
            targets.extend([Target::User { user, team }, Target::User { user, team: None }]);
        }
        targets.extend([Target::Team { team }, Target::Team { team: None }, Target::Platform]);
        let found = targets.iter().filter_map(|target| self.policies.get(target));
        found.flatten().map(AsRef::as_ref).collect()
    }
}

/// The limits that hold, of these: at each level, of each owner, for the same models and the same thing, the most
/// particular one. Settings are the least particular of the platform's; what a key says of itself takes their place, and
/// holds beside all policies.
fn limits(policies: &[&Policy], principal: &Principal, settings: &LimitsConfig) -> Vec<Limit> {
    let mut found = Found::default();
    for policy in policies {
        let holder = Holder::of(&policy.target, principal);
        let rules = &policy.rules;
        let counted = [
            rules.requests_per_minute.map(Limited::Requests),
            rules.tokens_per_minute.map(Limited::Tokens),
            rules.concurrent_requests.map(Limited::Concurrency),
        ];
        for what in counted.into_iter().flatten().chain(rules.budgets.iter().map(Limited::from)) {
            found.add_policy(policy, &holder, what);
        }
    }
    let caller = this_caller(principal);
    if let Some(own) = principal.limits.requests_per_minute {
        found.add(&caller, principal, Limited::Requests(own));
    } else if let Some(limit) = settings.requests_per_minute_per_key {
        found.add_setting(&caller, principal, Limited::Requests(limit));
    }
    if let Some(limit) = settings.requests_per_minute_per_team {
        found.add_setting(&Target::Team { team: None }, principal, Limited::Requests(limit));
    }
    found.limits
}

/// Whom the limit of a credential is for: the key, or whoever came without one.
fn this_caller(principal: &Principal) -> Target {
    match principal.key {
        Some(_) => Target::Key { key: None, team: None },
        None => Target::User { user: None, team: None },
    }
}

impl Holder {
    /// Whose calls a policy with this target counts together, of those that it counts for a principal.
    fn of(target: &Target, principal: &Principal) -> Self {
        match target {
            Target::Platform => Self::default(),
            Target::Team { .. } => Self { team: Some(principal.team), ..Self::default() },
            Target::User { team, .. } => {
                Self { team: *team, subject: Some(principal.subject), ..Self::default() }
            }
            Target::Key { .. } => Self { key: principal.key.clone(), ..Self::default() },
        }
    }
}

impl Named<'_> {
    /// Whether a pattern is for the model: by the name asked for, or an id of what is behind it.
    pub(crate) fn is(&self, pattern: &Pattern) -> bool {
        let ResolvedModel { info, bedrock_id } = self.model;
        // The model's own id stands for its profiles in every geography.
        let names = [self.asked, info.id.as_str(), bedrock_id.as_str(), info.base_id.as_str()];
        names.into_iter().any(|name| pattern.matches(name))
    }

    /// Whether a pattern lets the model be called. As with scopes, an ARN is known by its own text alone.
    fn is_allowed_by(&self, pattern: &Pattern) -> bool {
        if self.asked.starts_with("arn:") { pattern.matches(self.asked) } else { self.is(pattern) }
    }
}

/// The limits found so far.
#[derive(Debug, Default)]
struct Found<'a> {
    said: Said<'a>,
    limits: Vec<Limit>,
}

impl<'a> Found<'a> {
    /// Adds what a policy limits, unless a more particular one has said it.
    fn add_policy(&mut self, policy: &'a Policy, holder: &Holder, what: Limited) {
        let (level, owner, model) = (policy.target.level(), Owner::of(&policy.target), policy.model.as_ref());
        if self.said.first((level, owner), model, Slot::Counted(what.name())) {
            let (policy, model, holder) = (Some(policy.id), model.cloned(), holder.clone());
            self.limits.push(Limit { level, owner, policy, model, holder, what });
        }
    }

    /// Adds what settings limit, unless a policy of the platform has said it.
    fn add_setting(&mut self, target: &Target, principal: &Principal, what: Limited) {
        if self.said.first((target.level(), Owner::Platform), None, Slot::Counted(what.name())) {
            self.add(target, principal, what);
        }
    }

    /// Adds what holds whatever policies say.
    fn add(&mut self, target: &Target, principal: &Principal, what: Limited) {
        let (level, holder) = (target.level(), Holder::of(target, principal));
        self.limits.push(Limit { level, owner: Owner::Platform, policy: None, model: None, holder, what });
    }
}

impl<'a> Said<'a> {
    /// Whether nothing more particular has said this, and from now on something has.
    fn first(&mut self, (level, owner): (Level, Owner), model: Option<&'a Pattern>, slot: Slot) -> bool {
        let said = (level, owner, model, slot);
        let new = !self.0.contains(&said);
        if new {
            self.0.push(said);
        }
        new
    }
}
