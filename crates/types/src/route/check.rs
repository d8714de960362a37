//! What is wrong with a table of routes, as far as the table alone tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use serde::Serialize;

use super::{Condition, Group, GuardrailRule, Route, RouteOptions, RouteTable, RouteTarget};

/// Most routes of a table: every process keeps all of them in memory.
pub const MAX_ROUTES: usize = 1_000;
/// Most groups of a route.
pub const MAX_GROUPS: usize = 16;
/// Most targets of a group.
pub const MAX_TARGETS: usize = 32;
/// Most guardrails of a route; as many of the defaults.
pub const MAX_GUARDRAILS: usize = 8;
/// The longest that an answer may be said to be kept, seconds: thirty days.
pub const MAX_CACHE_TTL_S: u32 = 2_592_000;
/// Most tags of a condition.
pub const MAX_TAGS: usize = 16;
/// Longest name of a route, characters.
pub const MAX_ALIAS: usize = 128;

/// Most faults that are told at once.
const MAX_FAULTS: usize = 100;
/// Longest name or ARN of a model, characters (`modelId` of Bedrock's Converse).
const MAX_MODEL: usize = 2_048;
const MAX_TAG_NAME: usize = 64;
const MAX_TAG_VALUE: usize = 256;
const WEIGHTS: RangeInclusive<u32> = 1..=1_000;
const ATTEMPTS: RangeInclusive<u8> = 1..=8;
/// Waits of an attempt, milliseconds.
const WAITS: RangeInclusive<u64> = 10..=3_600_000;
/// How long an answer may be kept, seconds.
const TTLS: RangeInclusive<u32> = 1..=MAX_CACHE_TTL_S;
/// Shortest beginning that is marked for the prompt cache, tokens; above this nothing would ever be.
const MAX_MIN_TOKENS: u32 = 1_000_000;

/// One thing that is wrong with a table of routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: `routes[2].groups[0].targets[1].weight`; empty for the table as a whole.
    pub path: String,
    /// What, in words for whoever wrote it.
    pub message: String,
}

impl Fault {
    /// Something that is wrong at a place.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl RouteTable {
    /// Everything that is wrong with the table and can be told without knowing models, accounts or teams; at most a hundred
    /// faults. None is good.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        let mut found = Found::default();
        found.options("defaults", &self.defaults);
        found.length("routes", self.routes.len(), 0..=MAX_ROUTES);
        let mut seen = BTreeMap::new();
        for (at, route) in self.routes.iter().enumerate().take(MAX_ROUTES) {
            let path = format!("routes[{at}]");
            if let Some(first) = seen.insert((route.team, route.alias.as_str()), at) {
                let whose =
                    route.team.map_or_else(|| "for everybody".to_owned(), |team| format!("for {team}"));
                found.add(
                    format!("{path}.alias"),
                    format!("`{}` {whose} is `routes[{first}]` already", route.alias),
                );
            }
            found.route(&path, route);
        }
        found.0
    }
}

impl GuardrailRule {
    /// What is wrong with it, and in which field (Bedrock's ApplyGuardrail, `guardrailIdentifier` and `guardrailVersion`).
    #[must_use]
    pub fn check(&self) -> Option<(&'static str, &'static str)> {
        if !is_guardrail(&self.id) {
            return Some(("id", "must be a guardrail's id, of small letters and digits, or its ARN"));
        }
        if !is_version(&self.version) {
            return Some(("version", "must be a number from 1, or `DRAFT`"));
        }
        (!self.input && !self.output)
            .then_some(("input", "looks at nothing: `input` or `output` must be true"))
    }
}

/// The faults found so far.
#[derive(Default)]
struct Found(Vec<Fault>);

impl Found {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(Fault::new(path, message));
        }
    }

    fn length(&mut self, path: &str, length: usize, bounds: RangeInclusive<usize>) {
        let (least, most) = (*bounds.start(), *bounds.end());
        if length < least {
            self.add(path, "must not be empty");
        } else if length > most {
            self.add(path, format!("has {length} entries, and {most} is the most"));
        }
    }

    /// A number that must lie between two.
    fn between<T: PartialOrd + fmt::Display + Copy>(
        &mut self,
        path: &str,
        field: &str,
        value: Option<T>,
        bounds: &RangeInclusive<T>,
    ) {
        if let Some(value) = value.filter(|value| !bounds.contains(value)) {
            let (least, most) = (bounds.start(), bounds.end());
            self.add(format!("{path}.{field}"), format!("must be {least} to {most}, not {value}"));
        }
    }

    fn route(&mut self, path: &str, route: &Route) {
        if !is_alias(&route.alias) {
            let message = format!("must be 1 to {MAX_ALIAS} letters, digits or `.` `_` `-` `:` `/` `@` `+`");
            self.add(format!("{path}.alias"), message);
        }
        self.options(&format!("{path}.options"), &route.options);
        let groups = format!("{path}.groups");
        self.length(&groups, route.groups.len(), 1..=MAX_GROUPS);
        for (at, group) in route.groups.iter().enumerate().take(MAX_GROUPS) {
            self.group(&format!("{groups}[{at}]"), group);
        }
    }

    fn options(&mut self, path: &str, options: &RouteOptions) {
        self.between(path, "attempts", options.attempts, &ATTEMPTS);
        self.between(path, "first_event_ms", options.first_event_ms, &WAITS);
        self.between(path, "attempt_ms", options.attempt_ms, &WAITS);
        if let (Some(first), Some(whole)) = (options.first_event_ms, options.attempt_ms)
            && first > whole
        {
            self.add(
                format!("{path}.first_event_ms"),
                "is longer than `attempt_ms`, which ends the attempt before",
            );
        }
        if let Some(rule) = &options.prompt_cache {
            self.between(path, "prompt_cache.min_tokens", Some(rule.min_tokens), &(0..=MAX_MIN_TOKENS));
        }
        if let Some(rule) = &options.cache {
            self.between(path, "cache.ttl_s", rule.ttl_s, &TTLS);
        }
        self.length(&format!("{path}.guardrails"), options.guardrails.len(), 0..=MAX_GUARDRAILS);
        let mut seen = BTreeSet::new();
        for (at, rule) in options.guardrails.iter().enumerate().take(MAX_GUARDRAILS) {
            let path = format!("{path}.guardrails[{at}]");
            if let Some((field, message)) = rule.check() {
                self.add(format!("{path}.{field}"), message);
            }
            if !seen.insert(&rule.id) {
                self.add(format!("{path}.id"), "stands here twice");
            }
        }
    }

    fn group(&mut self, path: &str, group: &Group) {
        self.condition(&format!("{path}.when"), &group.when);
        let targets = format!("{path}.targets");
        self.length(&targets, group.targets.len(), 1..=MAX_TARGETS);
        let mut seen = BTreeSet::new();
        for (at, target) in group.targets.iter().enumerate().take(MAX_TARGETS) {
            let path = format!("{targets}[{at}]");
            self.target(&path, target);
            if !seen.insert((&target.model, &target.region, &target.account)) {
                self.add(path, "stands in this group twice; say it once, with the weight of both");
            }
        }
    }

    fn target(&mut self, path: &str, target: &RouteTarget) {
        let fits = |name: &str| name.len() <= MAX_MODEL && name.bytes().all(|it| it.is_ascii_graphic());
        if target.model.is_empty() || !fits(&target.model) {
            self.add(format!("{path}.model"), "must be the name, id or ARN of a model");
        }
        self.between(path, "weight", target.weight, &WEIGHTS);
    }

    fn condition(&mut self, path: &str, when: &Condition) {
        if let (Some(least), Some(most)) = (when.min_prompt_tokens, when.max_prompt_tokens)
            && least > most
        {
            self.add(
                format!("{path}.min_prompt_tokens"),
                "is more than `max_prompt_tokens`: no request is like that",
            );
        }
        if when.max_prompt_tokens == Some(0) {
            self.add(
                format!("{path}.max_prompt_tokens"),
                "must be more than 0: every request asks something",
            );
        }
        if !when.uses.is_empty() && when.uses.iter().all(|it| when.without.contains(it)) {
            self.add(
                format!("{path}.uses"),
                "everything in it is in `without`, too: no request is like that",
            );
        }
        self.length(&format!("{path}.tags"), when.tags.len(), 0..=MAX_TAGS);
        for (name, value) in &when.tags {
            let fits = (1..=MAX_TAG_NAME).contains(&name.len()) && (1..=MAX_TAG_VALUE).contains(&value.len());
            if !fits || name.chars().chain(value.chars()).any(char::is_control) {
                let bounds = format!("names of 1 to {MAX_TAG_NAME} bytes and values of 1 to {MAX_TAG_VALUE}");
                self.add(format!("{path}.tags"), format!("must have {bounds}, without control characters"));
            }
        }
    }
}

/// Names that stand in a path, a header and a pattern as they are.
fn is_alias(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@+".contains(&byte);
    // What begins so names a thing of AWS, and whoever asks for it means that.
    (1..=MAX_ALIAS).contains(&text.len()) && text.bytes().all(known) && !text.starts_with("arn:")
}

fn is_guardrail(text: &str) -> bool {
    let is_id = |text: &str| {
        !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
    };
    let Some(arn) = text.strip_prefix("arn:") else { return text.len() <= MAX_MODEL && is_id(text) };
    let parts: Vec<&str> = arn.split(':').collect();
    let [partition, "bedrock", region, account, resource] = parts.as_slice() else { return false };
    let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
    text.len() <= MAX_MODEL
        && partition.starts_with("aws")
        && !region.is_empty()
        && is_account
        && resource.strip_prefix("guardrail/").is_some_and(is_id)
}

fn is_version(text: &str) -> bool {
    let is_number =
        (1..=8).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit()) && !text.starts_with('0');
    text == "DRAFT" || is_number
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
