//! Routes as data: where calls of a model go, in which order, and what else holds for them.
//!
//! A [`RouteTable`] is what `routes.toml` and the admin API hold, in the same words. It is taken whole or not at all:
//! [`RouteTable::check`] says what is wrong with it.

mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Region, Residency, TeamId};

pub use check::{
    Fault, MAX_ALIAS, MAX_CACHE_TTL_S, MAX_GROUPS, MAX_GUARDRAILS, MAX_ROUTES, MAX_TAGS, MAX_TARGETS,
};

/// All routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteTable {
    /// What holds for every call, where its route does not say otherwise.
    #[serde(skip_serializing_if = "RouteOptions::is_empty")]
    pub defaults: RouteOptions,
    /// The routes. A name is used once for everybody and once for each team.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// One route: a name that clients ask for, and the models behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What clients ask for. It may be the name of a model: that is then reached by this route alone.
    pub alias: String,
    /// For this team only, in the place of the route for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// What holds for its calls.
    #[serde(default, skip_serializing_if = "RouteOptions::is_empty")]
    pub options: RouteOptions,
    /// Tried in order: the next where all targets of one have failed or do not qualify.
    pub groups: Vec<Group>,
}

/// What holds for the calls of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteOptions {
    /// The areas that no call leaves. Those of the defaults, of policies and of the route hold all at once.
    #[serde(skip_serializing_if = "Residency::is_empty", deserialize_with = "some_areas")]
    pub residency: Residency,
    /// Most attempts for one call, the first among them; 1 to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u8>,
    /// Longest wait of one attempt for the first event of a stream, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_event_ms: Option<u64>,
    /// Longest wait of one attempt for a whole answer, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_ms: Option<u64>,
    /// What to do after a failure, by its name (`throttled`, `unavailable`, …), where that is not what is usual.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub retry: BTreeMap<FailureKind, RetryClass>,
    /// Whether requests of one conversation prefer the target that holds its prompt cache; they do where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<bool>,
    /// Where prompt caches may keep up to, in requests that do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache: Option<PromptCacheRule>,
    /// Whether answers are kept and given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRule>,
    /// Guardrails that look on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<GuardrailRule>,
}

/// Somebody who writes a bound wants one: a list that is empty by a slip must not bind nothing.
fn some_areas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Residency, D::Error> {
    let residency = Residency::deserialize(deserializer)?;
    if residency.is_empty() {
        return Err(D::Error::custom("must not be empty: leave it out where nothing is bound"));
    }
    Ok(residency)
}

/// Targets among which one is chosen; the others are next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How one is chosen.
    #[serde(default)]
    pub strategy: Strategy,
    /// Which requests it is for.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// The targets.
    pub targets: Vec<RouteTarget>,
}

/// A model at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTarget {
    /// A name of the catalogue, a Bedrock id, an inference profile's id or ARN.
    pub model: String,
    /// Where it is called; absent, in each region that settings name, as targets of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// In whose account, by the name that settings give it; absent, our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Its share among the group's weights, 1 to 1000; 1 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// How one of several targets is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// At random, by weight.
    #[default]
    Weighted,
    /// In the order they stand in.
    Ordered,
    /// The one that began to answer soonest, lately.
    LeastLatency,
    /// The one with the fewest calls under way, by weight.
    LeastBusy,
    /// The cheapest for this request.
    Cheapest,
}

/// What a request must be like; everything that is said holds at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Condition {
    /// At least so many tokens of input, by our estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_prompt_tokens: Option<u64>,
    /// At most so many tokens of input, by our estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prompt_tokens: Option<u64>,
    /// It asks for at least one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Capability>,
    /// It asks for none of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Capability>,
    /// It has these tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What a request may ask for that not every model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Tools.
    Tools,
    /// Pictures to read.
    Images,
    /// Documents to read.
    Documents,
    /// Films or sound.
    Media,
    /// To think.
    Reasoning,
    /// An answer of a certain schema.
    StructuredOutput,
    /// An answer in pieces.
    Streaming,
}

/// The failures of a call, as routes name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Refused as wrong.
    Invalid,
    /// Longer than the model's context.
    TooLong,
    /// No access.
    Denied,
    /// No such model there.
    NotFound,
    /// Too many requests or tokens.
    Throttled,
    /// The model is not ready yet.
    NotReady,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// No answer in time.
    TimedOut,
    /// The model failed.
    Model,
    /// Bedrock is away.
    Unavailable,
    /// The connection broke when the answer had begun.
    Broken,
    /// Bedrock failed.
    Internal,
}

/// What is done after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// Another target, or the same one a little later if there is no other.
    Here,
    /// Another target only.
    Elsewhere,
    /// A target of another model only.
    OtherModel,
    /// Nothing: the failure is the answer.
    Never,
}

/// An account, as settings name it: 1 to 40 of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Box<str>);

/// A text that names no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 40 characters of `a-z`, `0-9` and `-`")]
pub struct MalformedAccountName;

/// Where marks of the prompt cache are put in requests that have none of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromptCacheRule {
    /// Behind the tools.
    pub tools: bool,
    /// Behind the instructions.
    pub system: bool,
    /// Behind the last turns, so that the next request of the conversation reads what this one wrote.
    pub messages: bool,
    /// How long what is marked is kept.
    pub ttl: PromptCacheTtl,
    /// Shortest beginning that is marked, tokens; the model's own minimum holds besides.
    pub min_tokens: u32,
}

/// How long a prompt cache keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PromptCacheTtl {
    /// One hour for tools and instructions where the model can, five minutes for turns.
    #[serde(rename = "auto")]
    Auto,
    /// Five minutes.
    #[default]
    #[serde(rename = "5m")]
    FiveMinutes,
    /// One hour, where the model can.
    #[serde(rename = "1h")]
    OneHour,
}

/// Whether answers are kept and given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheRule {
    /// Whether they are, in requests that do not say.
    pub enabled: bool,
    /// How long, seconds; absent, as settings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// Whether turns that use tools are kept, too.
    pub tools: bool,
    /// Whether requests may say otherwise for themselves.
    pub request_control: bool,
}

/// A guardrail that looks on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailRule {
    /// Its id or ARN.
    pub id: String,
    /// Its version, or `DRAFT`.
    pub version: String,
    /// Whether it looks at what is asked.
    #[serde(default = "yes")]
    pub input: bool,
    /// Whether it looks at what is answered.
    #[serde(default = "yes")]
    pub output: bool,
    /// What happens when it finds something.
    #[serde(default)]
    pub mode: GuardrailMode,
    /// Whether a stream waits for it.
    #[serde(default)]
    pub stream: GuardrailStream,
}

/// What happens when a guardrail finds something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailMode {
    /// It steps in.
    #[default]
    Enforce,
    /// It is told and metered; the answer is as it is.
    Monitor,
}

/// Whether a stream waits for a guardrail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailStream {
    /// Nothing leaves before it was looked at.
    #[default]
    Sync,
    /// What was said meanwhile has been said; the stream ends where something is found.
    Async,
}

const fn yes() -> bool {
    true
}

// === impl RouteOptions ===

impl RouteOptions {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Condition ===

impl Condition {
    /// Whether it is for every request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl AccountName ===

impl AccountName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = MalformedAccountName;

    fn from_str(text: &str) -> Result<Self, MalformedAccountName> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=40).contains(&text.len()) && text.bytes().all(known);
        if is_name { Ok(Self(text.into())) } else { Err(MalformedAccountName) }
    }
}

impl TryFrom<String> for AccountName {
    type Error = MalformedAccountName;

    fn try_from(text: String) -> Result<Self, MalformedAccountName> {
        text.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl rules ===

impl Default for PromptCacheRule {
    /// Five minutes: writing costs 1.25 times as much as reading anew, for an hour twice as much, and what is read within
    /// five minutes is kept for five more at no cost. An hour is for those who know that their pauses are longer.
    fn default() -> Self {
        Self { tools: true, system: true, messages: true, ttl: PromptCacheTtl::FiveMinutes, min_tokens: 0 }
    }
}

impl Default for CacheRule {
    fn default() -> Self {
        Self { enabled: true, ttl_s: None, tools: false, request_control: true }
    }
}
