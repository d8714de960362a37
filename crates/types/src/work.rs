//! How work that can wait is done, and what it used.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Money, TokenUsage};

/// A way to have model calls done, the dearest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum Way {
    /// As any call, at once.
    #[default]
    OnDemand,
    /// In Bedrock's flex tier: served when there is room, for less.
    Flex,
    /// By Bedrock's batch inference (`CreateModelInvocationJob`), within a day, for half.
    Batch,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::OnDemand, Self::Flex, Self::Batch];

    /// The name in the API, in policies and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Flex => "flex",
            Self::Batch => "batch",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl TryFrom<String> for Way {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        Self::parse(&name).ok_or("must be `on_demand`, `flex` or `batch`")
    }
}

impl FromStr for Way {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        Self::parse(name).ok_or("must be `on_demand`, `flex` or `batch`")
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which way was taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The way.
    pub way: Way,
    /// Why this one and none cheaper, in words for the owner of the work.
    pub reason: String,
}

/// What work used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Tokens of all calls.
    pub tokens: TokenUsage,
    /// What they cost, as far as prices are known.
    pub cost: Money,
    /// How much more they would have cost on demand.
    pub saved: Money,
    /// Calls without a known price, which `cost` leaves out.
    pub unpriced: u64,
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.cost = self.cost + other.cost;
        self.saved = self.saved + other.saved;
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
    }
}
