//! What policies say of where a call may be answered, who looks on, and whether answers are kept.

use std::cmp::{Ordering, Reverse};

use outcrop_types::{
    Bounds, CacheRule, GuardrailMode, GuardrailRule, GuardrailStream, Level, Policy, Principal,
};

use super::Owner;
use super::book::{Book, Named, Slot};

impl Book {
    /// Every residency that holds for a call of this model: what is said at each level holds at once.
    pub(crate) fn bounds(&self, principal: &Principal, model: Named<'_>) -> Bounds {
        let policies = self.saying(principal, model, Slot::Residency, |it| !it.residency.is_empty());
        policies.into_iter().fold(Bounds::default(), |bounds, it| bounds.and(&it.rules.residency))
    }

    /// Every guardrail that looks on such a call, the platform's first. What a team says adds to them and lifts none.
    pub(crate) fn guardrails(&self, principal: &Principal, model: Named<'_>) -> Vec<GuardrailRule> {
        let mut policies = self.saying(principal, model, Slot::Guardrails, |it| !it.guardrails.is_empty());
        policies.sort_by_key(|it| Reverse((it.target.level(), Owner::of(&it.target) == Owner::Platform)));
        each_once(policies.into_iter().flat_map(|it| it.rules.guardrails.iter().cloned()))
    }

    /// Whether answers to such a call are kept; `ttl_s` is how long, where nobody says.
    ///
    /// Of what the platform says the narrowest level decides, and of what the team says, too. Where the platform leaves
    /// it to requests it leaves it to the team, and the narrower of the two decides. Where it does not, or is the
    /// narrower one, the team can say that less is kept, never more.
    pub(crate) fn cache_rule(
        &self,
        principal: &Principal,
        model: Named<'_>,
        ttl_s: u32,
    ) -> Option<CacheRule> {
        let policies = self.saying(principal, model, Slot::Cache, |it| it.cache.is_some());
        let said_by = |owner| narrowest(policies.iter().filter(|it| Owner::of(&it.target) == owner), ttl_s);
        match (said_by(Owner::Platform), said_by(Owner::Team)) {
            (Some((place, platform)), Some(((level, _), team))) => {
                let left_to_it = platform.request_control && level < place.0;
                Some(if left_to_it { team } else { less(&platform, &team, ttl_s) })
            }
            (one, other) => one.or(other).map(|(_, rule)| rule),
        }
    }
}

/// What policies of one owner say of keeping answers, and how narrow that is: by level, and at each what names models
/// before what does not.
fn narrowest<'a>(
    policies: impl Iterator<Item = &'a &'a Policy>,
    ttl_s: u32,
) -> Option<((Level, bool), CacheRule)> {
    let said = policies.filter_map(|policy| {
        let rule = policy.rules.cache.clone()?;
        Some(((policy.target.level(), policy.model.is_none()), rule))
    });
    said.reduce(|one, other| match one.0.cmp(&other.0) {
        Ordering::Less => one,
        Ordering::Greater => other,
        Ordering::Equal => (one.0, less(&one.1, &other.1, ttl_s)),
    })
}

/// The guardrails without those that another one does all the work of. What a route and a client ask for is added to what
/// policies say by the same rule.
pub(crate) fn each_once(rules: impl IntoIterator<Item = GuardrailRule>) -> Vec<GuardrailRule> {
    let mut kept: Vec<GuardrailRule> = Vec::new();
    for rule in rules {
        if !kept.iter().any(|it| covers(it, &rule)) {
            kept.retain(|it| !covers(&rule, it));
            kept.push(rule);
        }
    }
    kept
}

/// Whether nothing is lost where the one guardrail takes the place of the other.
fn covers(one: &GuardrailRule, other: &GuardrailRule) -> bool {
    let same = one.id == other.id && one.version == other.version;
    let sides = (one.input || !other.input) && (one.output || !other.output);
    let mode = one.mode == GuardrailMode::Enforce || one.mode == other.mode;
    let waits = one.stream == GuardrailStream::Sync || one.stream == other.stream;
    same && sides && mode && waits
}

/// What both let be kept.
fn less(one: &CacheRule, other: &CacheRule, ttl_s: u32) -> CacheRule {
    let ttl = |rule: &CacheRule| rule.ttl_s.unwrap_or(ttl_s);
    CacheRule {
        enabled: one.enabled && other.enabled,
        ttl_s: Some(ttl(one).min(ttl(other))),
        tools: one.tools && other.tools,
        request_control: one.request_control && other.request_control,
    }
}
