//! Prices as exact numbers: decimal text in, whole numbers inside, decimal text out, no floating point anywhere.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Money, TokenUsage};

/// Digits after the point that an amount may have.
const DECIMALS: u32 = 9;
const NANO: u64 = 10_u64.pow(DECIMALS);
/// Units that a rate is for, in quarters.
const QUARTERS_OF_MILLION: u128 = 4_000_000;

/// US dollars for a million of something (tokens, mostly), in billionths of a dollar.
///
/// The finest prices on the list are fractions of a nano-dollar for one token; for a million of them they are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

/// What a rate is multiplied by for a tier or a geography, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Factor(u64);

/// Text that is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a decimal number such as `0.0875`, with at most 9 digits after the point")]
pub struct MalformedAmount;

/// Which queue of Bedrock's a call waits in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceTier {
    /// The usual one.
    #[default]
    Standard,
    /// Served first.
    Priority,
    /// Served when there is room.
    Flex,
    /// Batch inference.
    Batch,
}

/// What tokens cost, by kind. What a price list does not state is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenRates {
    /// Tokens read.
    pub input: Option<Rate>,
    /// Tokens written, those of thinking among them.
    pub output: Option<Rate>,
    /// Tokens read from the prompt cache.
    pub cache_read: Option<Rate>,
    /// Tokens kept in it for five minutes.
    pub cache_write_5m: Option<Rate>,
    /// Tokens kept in it for an hour.
    pub cache_write_1h: Option<Rate>,
}

/// Other rates above a length of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// More tokens of input than this.
    pub above_tokens: u64,
    /// Then everything costs this, and what is absent has no price.
    pub rates: TokenRates,
}

/// What a model costs in one scope and tier, on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Which row of the price list this is, to be kept beside what was charged: `amazon.nova-pro-v1:0/eu/2026-11-20`.
    pub row: String,
    /// What tokens cost.
    pub tokens: TokenRates,
    /// What they cost in long requests, shortest first.
    pub bands: Vec<Band>,
    /// A million pictures, made or read.
    pub images: Option<Rate>,
    /// A million rerank queries.
    pub queries: Option<Rate>,
}

/// What a call costs, worked out from a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// All of it.
    pub usd: Money,
    /// What the prompt cache saved, billionths of a dollar: what was read from it at the price of fresh input, less
    /// what it did cost, less what writing to it cost beyond that. Below zero where writing cost more.
    pub saved_nano_usd: i64,
    /// The row of the price list.
    pub price: String,
}

// === impl PriceTier ===

impl PriceTier {
    /// Every tier.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Priority, Self::Flex, Self::Batch];

    /// The name in records, in the database and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Priority => "priority",
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

// === impl Price ===

impl Price {
    /// What so much usage costs; `None` where the price list does not state something that was used.
    ///
    /// Worked out exactly, and rounded up to a whole billionth of a dollar once. Of several bands the one of the whole
    /// input counts. Cached tokens without a price of their own cost the most that they can, see `CacheRates`.
    #[must_use]
    pub fn cost(&self, usage: &TokenUsage) -> Option<Cost> {
        let rates = self.rates(usage);
        let input = rates.input.map(quarters);
        let cache = CacheRates::of(rates);
        let cached = [
            (usage.cache_read, cache.read),
            (usage.cache_write_5m, cache.write_5m),
            (usage.cache_write_1h, cache.write_1h),
        ];
        let rest = [
            (usage.input, input),
            (usage.output, rates.output.map(quarters)),
            (usage.images, self.images.map(quarters)),
            (usage.queries, self.queries.map(quarters)),
        ];
        let paid = sum(&cached)?;
        let all = paid.saturating_add(sum(&rest)?);
        let fresh = sum(&cached.map(|(count, _)| (count, input))).unwrap_or(paid);
        Some(Cost {
            usd: Money::from_nano_usd(u64::try_from(all.div_ceil(QUARTERS_OF_MILLION)).unwrap_or(u64::MAX)),
            saved_nano_usd: saved(fresh, paid),
            price: self.row.clone(),
        })
    }

    /// The rates for a request with so much input.
    fn rates(&self, usage: &TokenUsage) -> TokenRates {
        let buckets = [usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h];
        let input = buckets.into_iter().fold(0, u64::saturating_add);
        let band = self.bands.iter().rev().find(|band| input > band.above_tokens);
        band.map_or(self.tokens, |band| band.rates)
    }
}

/// What cached tokens cost, in quarters of a rate.
///
/// Where the list states no price for them, they cost the most that any price on Bedrock's list comes to: reading never
/// costs more than fresh input does, keeping for five minutes 1.25 times that, for an hour twice that (every row of
/// `prices.toml` that states them; Anthropic's and OpenAI's price pages say the same). Charging for them as for fresh
/// input would be too little where a budget must hold.
#[derive(Debug, Clone, Copy)]
struct CacheRates {
    read: Option<u128>,
    write_5m: Option<u128>,
    write_1h: Option<u128>,
}

impl CacheRates {
    fn of(rates: TokenRates) -> Self {
        let input = rates.input.map(|it| u128::from(it.0));
        let write_5m = rates.cache_write_5m.map(quarters).or(input.map(|it| it * 5));
        // Nobody keeps tokens for an hour for less than for five minutes.
        let hour = input.map(|it| it * 8).max(write_5m);
        Self {
            read: rates.cache_read.map(quarters).or(input.map(|it| it * 4)),
            write_5m,
            write_1h: rates.cache_write_1h.map(quarters).or(hour),
        }
    }
}

/// A rate in quarters, in which 1.25 times a rate is whole too.
fn quarters(rate: Rate) -> u128 {
    u128::from(rate.0) * 4
}

/// Counts times rates; `None` where something was used whose rate is not known.
fn sum(lines: &[(u64, Option<u128>)]) -> Option<u128> {
    let used = lines.iter().filter(|(count, _)| *count > 0);
    used.map(|(count, rate)| rate.map(|rate| u128::from(*count).saturating_mul(rate)))
        .try_fold(0_u128, |sum, line| line.map(|line| sum.saturating_add(line)))
}

/// What is between two amounts in quarters, towards zero whichever side of it that is on.
fn saved(fresh: u128, paid: u128) -> i64 {
    let nano = i64::try_from(fresh.abs_diff(paid) / QUARTERS_OF_MILLION).unwrap_or(i64::MAX);
    if fresh < paid { -nano } else { nano }
}

// === impl Rate ===

impl Rate {
    /// A rate from the price, in dollars, of `units` of something.
    ///
    /// # Errors
    /// [`MalformedAmount`] when the text is no decimal number, or the rate is out of range.
    pub fn parse(dollars: &str, units: u32) -> Result<Self, MalformedAmount> {
        let nano = u128::from(parse_nano(dollars)?) * 1_000_000;
        if units == 0 || !nano.is_multiple_of(u128::from(units)) {
            return Err(MalformedAmount);
        }
        u64::try_from(nano / u128::from(units)).map(Self).map_err(|_| MalformedAmount)
    }

    /// Billionths of a dollar for a million units.
    #[must_use]
    pub const fn nano_usd_per_million(self) -> u64 {
        self.0
    }

    /// The rate times a factor; what is finer than a billionth of a dollar for a million units is rounded up.
    #[must_use]
    pub fn times(self, factor: Factor) -> Self {
        let product = (u128::from(self.0) * u128::from(factor.0)).div_ceil(u128::from(NANO));
        Self(u64::try_from(product).unwrap_or(u64::MAX))
    }

    /// Dollars for so many units, as decimal text.
    #[must_use]
    pub fn dollars(self, units: u32) -> String {
        // 15 decimals: nine of the billionths, six of the million.
        let whole = u128::from(self.0) * u128::from(units);
        let scale = u128::from(NANO) * 1_000_000;
        let text = format!("{}.{:015}", whole / scale, whole % scale);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD per million", self.dollars(1_000_000))
    }
}

impl FromStr for Factor {
    type Err = MalformedAmount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_nano(text).map(Self)
    }
}

impl Factor {
    /// Changes nothing.
    pub const ONE: Self = Self(NANO);

    /// Both factors in one; what is finer than a billionth is rounded up.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self(Rate(self.0).times(other).0)
    }
}

impl TokenRates {
    /// All of them times a factor.
    #[must_use]
    pub fn times(self, factor: Factor) -> Self {
        let times = |rate: Option<Rate>| rate.map(|it| it.times(factor));
        Self {
            input: times(self.input),
            output: times(self.output),
            cache_read: times(self.cache_read),
            cache_write_5m: times(self.cache_write_5m),
            cache_write_1h: times(self.cache_write_1h),
        }
    }

    /// These, and where one is absent the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            input: self.input.or(other.input),
            output: self.output.or(other.output),
            cache_read: self.cache_read.or(other.cache_read),
            cache_write_5m: self.cache_write_5m.or(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(other.cache_write_1h),
        }
    }
}

/// Billionths, from decimal text without a sign or an exponent.
pub(crate) fn parse_nano(text: &str) -> Result<u64, MalformedAmount> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(rest) || rest.len() > DECIMALS as usize {
        return Err(MalformedAmount);
    }
    let whole: u64 = whole.parse().map_err(|_| MalformedAmount)?;
    let fraction: u64 = format!("{rest:0<9}").parse().map_err(|_| MalformedAmount)?;
    whole.checked_mul(NANO).and_then(|it| it.checked_add(fraction)).ok_or(MalformedAmount)
}
