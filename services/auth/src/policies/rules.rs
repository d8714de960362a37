//! What the rules of a policy must be like, whoever asks, and how they change.

use std::collections::HashSet;

use outcrop_types::{
    Budget, CacheRule, GuardrailRule, MAX_BUDGET, MAX_CACHE_TTL_S, MAX_GUARDRAILS, MAX_POLICY_ENTRIES, Money,
    Pattern, Residency, Rules, Way,
};

use crate::AdminError;

/// What shall change of rules: `None` leaves one as it is, `Some(None)` removes it. Lists are replaced as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulesPatch {
    /// Model calls in a minute.
    pub requests_per_minute: Option<Option<u32>>,
    /// Tokens in a minute.
    pub tokens_per_minute: Option<Option<u32>>,
    /// Calls under way at the same time.
    pub concurrent_requests: Option<Option<u32>>,
    /// Money in a time.
    pub budgets: Option<Option<Vec<Budget>>>,
    /// Most output tokens of one answer.
    pub max_output_tokens: Option<Option<u32>>,
    /// Output tokens of an answer whose request does not say.
    pub default_output_tokens: Option<Option<u32>>,
    /// Only these models.
    pub models: Option<Option<Vec<Pattern>>>,
    /// Models without a known price that may be called in spite of a budget.
    pub allow_unpriced: Option<Option<Vec<Pattern>>>,
    /// The areas that no call leaves.
    pub residency: Option<Option<Residency>>,
    /// Guardrails that look on.
    pub guardrails: Option<Option<Vec<GuardrailRule>>>,
    /// Whether answers are kept and given again; replaced as a whole.
    pub cache: Option<Option<CacheRule>>,
    /// The ways that work may be done which can wait.
    pub ways: Option<Option<Vec<Way>>>,
}

impl RulesPatch {
    /// The rules after the change.
    #[must_use]
    pub fn applied_to(self, rules: Rules) -> Rules {
        Rules {
            requests_per_minute: self.requests_per_minute.unwrap_or(rules.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.unwrap_or(rules.tokens_per_minute),
            concurrent_requests: self.concurrent_requests.unwrap_or(rules.concurrent_requests),
            budgets: self.budgets.map_or(rules.budgets, Option::unwrap_or_default),
            max_output_tokens: self.max_output_tokens.unwrap_or(rules.max_output_tokens),
            default_output_tokens: self.default_output_tokens.unwrap_or(rules.default_output_tokens),
            models: self.models.map_or(rules.models, Option::unwrap_or_default),
            allow_unpriced: self.allow_unpriced.map_or(rules.allow_unpriced, Option::unwrap_or_default),
            residency: self.residency.map_or(rules.residency, Option::unwrap_or_default),
            guardrails: self.guardrails.map_or(rules.guardrails, Option::unwrap_or_default),
            cache: self.cache.unwrap_or(rules.cache),
            ways: self.ways.unwrap_or(rules.ways),
        }
    }
}

/// The rules as they are kept, if they are such as there may be. A limit may be 0: then nobody may call.
pub(super) fn checked(mut rules: Rules) -> Result<Rules, AdminError> {
    if rules.is_empty() {
        let message = "`rules` must say something; a policy that is to limit nothing is deleted";
        return Err(AdminError::invalid("rules", message));
    }
    check_output(&rules)?;
    check_residency(&rules.residency)?;
    check_guardrails(&rules.guardrails)?;
    check_cache(rules.cache.as_ref())?;
    check_ways(rules.ways.as_deref())?;
    check_length("rules.models", rules.models.len())?;
    check_length("rules.allow_unpriced", rules.allow_unpriced.len())?;
    check_length("rules.budgets", rules.budgets.len())?;
    let mut periods = HashSet::new();
    for (at, budget) in rules.budgets.iter_mut().enumerate() {
        check_budget(&format!("rules.budgets[{at}]"), budget)?;
        if !periods.insert(budget.period.name()) {
            let name = budget.period.name();
            let message = format!("`rules.budgets` may have one budget with the period `{name}`, not two");
            return Err(AdminError::invalid(format!("rules.budgets[{at}].period"), message));
        }
    }
    Ok(rules)
}

fn check_output(rules: &Rules) -> Result<(), AdminError> {
    let (most, default) = (rules.max_output_tokens, rules.default_output_tokens);
    for (field, tokens) in [("rules.max_output_tokens", most), ("rules.default_output_tokens", default)] {
        if tokens == Some(0) {
            return Err(AdminError::invalid(field, format!("`{field}` must be at least 1")));
        }
    }
    match (most, default) {
        (Some(most), Some(default)) if default > most => {
            let field = "rules.default_output_tokens";
            let message =
                format!("`{field}` must not be more than `rules.max_output_tokens`, which is {most}");
            Err(AdminError::invalid(field, message))
        }
        _ => Ok(()),
    }
}

/// Areas of one policy add up, so that none contradicts another; what other policies say holds besides, and may leave
/// nowhere to go: a call then hears of it.
fn check_residency(residency: &Residency) -> Result<(), AdminError> {
    let areas = residency.areas();
    for (at, area) in areas.iter().enumerate() {
        if areas[..at].contains(area) {
            let field = format!("rules.residency[{at}]");
            let message = format!("`{field}` stands there twice");
            return Err(AdminError::invalid(field, message));
        }
    }
    Ok(())
}

fn check_guardrails(rules: &[GuardrailRule]) -> Result<(), AdminError> {
    const FIELD: &str = "rules.guardrails";
    if rules.len() > MAX_GUARDRAILS {
        let message = format!("`{FIELD}` may have at most {MAX_GUARDRAILS} entries");
        return Err(AdminError::invalid(FIELD, message));
    }
    for (at, rule) in rules.iter().enumerate() {
        let twice = rules[..at].iter().any(|it| it.id == rule.id).then_some(("id", "stands there twice"));
        if let Some((field, wrong)) = rule.check().or(twice) {
            let field = format!("{FIELD}[{at}].{field}");
            let message = format!("`{field}` {wrong}");
            return Err(AdminError::invalid(field, message));
        }
    }
    Ok(())
}

fn check_cache(rule: Option<&CacheRule>) -> Result<(), AdminError> {
    const FIELD: &str = "rules.cache.ttl_s";
    let ttl_s = rule.and_then(|it| it.ttl_s);
    if ttl_s.is_none_or(|it| (1..=MAX_CACHE_TTL_S).contains(&it)) {
        return Ok(());
    }
    Err(AdminError::invalid(FIELD, format!("`{FIELD}` must be from 1 to {MAX_CACHE_TTL_S} seconds")))
}

/// What fits no other way is done on demand: nobody is kept from that.
fn check_ways(ways: Option<&[Way]>) -> Result<(), AdminError> {
    const FIELD: &str = "rules.ways";
    let Some(ways) = ways else { return Ok(()) };
    if let Some(at) = (1..ways.len()).find(|at| ways[..*at].contains(&ways[*at])) {
        let field = format!("{FIELD}[{at}]");
        let message = format!("`{field}` stands there twice");
        return Err(AdminError::invalid(field, message));
    }
    if ways.contains(&Way::OnDemand) {
        return Ok(());
    }
    let message = format!("`{FIELD}` must name `on_demand`: what fits no other way is done so");
    Err(AdminError::invalid(FIELD, message))
}

fn check_length(field: &'static str, length: usize) -> Result<(), AdminError> {
    if length <= MAX_POLICY_ENTRIES {
        return Ok(());
    }
    Err(AdminError::invalid(field, format!("`{field}` may have at most {MAX_POLICY_ENTRIES} entries")))
}

/// Bounds a budget, and puts its alerts in order.
fn check_budget(place: &str, budget: &mut Budget) -> Result<(), AdminError> {
    if budget.usd == Money::ZERO || budget.usd > MAX_BUDGET {
        let field = format!("{place}.usd");
        let message = format!("`{field}` must be more than 0 and at most {MAX_BUDGET}");
        return Err(AdminError::invalid(field, message));
    }
    let field = format!("{place}.alert_at");
    if budget.alert_at.iter().any(|share| !(1..=100).contains(share)) {
        let message = format!("`{field}` must be whole numbers of 1 to 100, per cent of the budget");
        return Err(AdminError::invalid(field, message));
    }
    budget.alert_at.sort_unstable();
    if budget.alert_at.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(AdminError::invalid(field.clone(), format!("`{field}` names a share twice")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Rules {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_does_not_do_is_named() {
        let many = format!(r#"{{"models":[{}"x"]}}"#, r#""x","#.repeat(32));
        let nine: Vec<_> = (0..9).map(|at| format!(r#"{{"id":"gr{at}","version":"1"}}"#)).collect();
        let guardrails = format!(r#"{{"guardrails":[{}]}}"#, nine.join(","));
        for (json, field) in [
            ("{}", "rules"),
            (r#"{"max_output_tokens":0}"#, "rules.max_output_tokens"),
            (r#"{"default_output_tokens":0}"#, "rules.default_output_tokens"),
            (r#"{"max_output_tokens":8,"default_output_tokens":9}"#, "rules.default_output_tokens"),
            (r#"{"budgets":[{"usd":"0","period":"day"}]}"#, "rules.budgets[0].usd"),
            (r#"{"budgets":[{"usd":"9000000.000000001","period":"day"}]}"#, "rules.budgets[0].usd"),
            (r#"{"budgets":[{"usd":1,"period":"day","alert_at":[0]}]}"#, "rules.budgets[0].alert_at"),
            (r#"{"budgets":[{"usd":1,"period":"day","alert_at":[101]}]}"#, "rules.budgets[0].alert_at"),
            (r#"{"budgets":[{"usd":1,"period":"day","alert_at":[50,50]}]}"#, "rules.budgets[0].alert_at"),
            (
                r#"{"budgets":[{"usd":1,"period":"day"},{"usd":2,"period":"day","time_zone":"Asia/Tokyo"}]}"#,
                "rules.budgets[1].period",
            ),
            (&many, "rules.models"),
            (r#"{"residency":["eu","us","eu"]}"#, "rules.residency[2]"),
            (r#"{"cache":{"ttl_s":0}}"#, "rules.cache.ttl_s"),
            (r#"{"cache":{"ttl_s":2592001}}"#, "rules.cache.ttl_s"),
            (r#"{"ways":["flex","batch"]}"#, "rules.ways"),
            (r#"{"ways":["on_demand","flex","flex"]}"#, "rules.ways[2]"),
            (r#"{"guardrails":[{"id":"No","version":"1"}]}"#, "rules.guardrails[0].id"),
            (r#"{"guardrails":[{"id":"gr1","version":"new"}]}"#, "rules.guardrails[0].version"),
            (
                r#"{"guardrails":[{"id":"gr1","version":"1","input":false,"output":false}]}"#,
                "rules.guardrails[0].input",
            ),
            (
                r#"{"guardrails":[{"id":"gr1","version":"1"},{"id":"gr1","version":"2"}]}"#,
                "rules.guardrails[1].id",
            ),
            (&guardrails, "rules.guardrails"),
        ] {
            assert_eq!(checked(rules(json)).unwrap_err().param(), Some(field), "{json}");
        }
    }

    #[test]
    fn what_does_is_kept_in_order() {
        let taken = checked(rules(
            r#"{"requests_per_minute":0,"max_output_tokens":9,"default_output_tokens":9,"budgets":[
                {"usd":"9000000","period":"day","alert_at":[100,1,50]},
                {"usd":1,"period":"rolling","days":7}]}"#,
        ))
        .unwrap();
        assert_eq!(taken.requests_per_minute, Some(0));
        assert_eq!(taken.budgets[0].alert_at, [1, 50, 100]);
    }

    #[test]
    fn a_patch_leaves_changes_and_removes() {
        let patch = RulesPatch {
            requests_per_minute: Some(None),
            tokens_per_minute: Some(Some(7)),
            models: Some(Some(vec!["b".parse().unwrap()])),
            allow_unpriced: Some(None),
            guardrails: Some(None),
            cache: Some(Some(CacheRule { enabled: false, ..CacheRule::default() })),
            ways: Some(Some(vec![Way::OnDemand])),
            ..RulesPatch::default()
        };
        let before = rules(
            r#"{"requests_per_minute":1,"concurrent_requests":2,"models":["a","c"],"allow_unpriced":["x"],
                "residency":["eu"],"guardrails":[{"id":"gr1","version":"1"}],"cache":{"ttl_s":60,"tools":true}}"#,
        );
        let after = rules(
            r#"{"tokens_per_minute":7,"concurrent_requests":2,"models":["b"],"residency":["eu"],
                "cache":{"enabled":false},"ways":["on_demand"]}"#,
        );
        assert_eq!(patch.applied_to(before), after);
    }
}
