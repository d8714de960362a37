//! Prices as exact numbers: decimal text in, whole numbers inside, decimal text out, no floating point anywhere.

use std::fmt;
use std::str::FromStr;

/// Digits after the point that an amount may have.
const DECIMALS: u32 = 9;
const NANO: u64 = 10_u64.pow(DECIMALS);

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
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
    /// Then everything costs this.
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

    /// The rate times a factor; what is finer than a billionth of a dollar for a million units is cut off.
    #[must_use]
    pub fn times(self, factor: Factor) -> Self {
        let product = u128::from(self.0) * u128::from(factor.0) / u128::from(NANO);
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

    /// Both factors in one; what is finer than a billionth is cut off.
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
fn parse_nano(text: &str) -> Result<u64, MalformedAmount> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(rest) || rest.len() > DECIMALS as usize {
        return Err(MalformedAmount);
    }
    let whole: u64 = whole.parse().map_err(|_| MalformedAmount)?;
    let fraction: u64 = format!("{rest:0<9}").parse().map_err(|_| MalformedAmount)?;
    whole.checked_mul(NANO).and_then(|it| it.checked_add(fraction)).ok_or(MalformedAmount)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_exact() {
        let rate = Rate::parse("0.00875", 1_000_000).unwrap();
        assert_eq!(rate.nano_usd_per_million(), 8_750_000);
        assert_eq!(rate.dollars(1_000_000), "0.00875");
        assert_eq!(rate.dollars(1), "0.00000000875");
        let tenth_more: Factor = "1.1".parse().unwrap();
        assert_eq!(Rate::parse("0.125", 1_000_000).unwrap().times(tenth_more).dollars(1_000_000), "0.1375");
        let flex = tenth_more.times("0.5".parse().unwrap());
        assert_eq!(Rate::parse("4", 1_000_000).unwrap().times(flex).dollars(1_000_000), "2.2");
        assert_eq!(Rate::parse("2.00", 1_000).unwrap().dollars(1), "0.002");
        assert_eq!(Rate::parse("0.04", 1).unwrap().dollars(1), "0.04");
        assert_eq!(Rate::parse("0", 1).unwrap().dollars(1), "0");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "0.0000000001", "1.2.3", "NaN"] {
            assert_eq!(Rate::parse(text, 1_000_000), Err(MalformedAmount), "{text:?}");
        }
        assert_eq!(Rate::parse("18446744073709551616", 1), Err(MalformedAmount));
        assert_eq!(
            Rate::parse("18446744073", 1),
            Err(MalformedAmount),
            "out of range once it is for a million"
        );
        assert_eq!(Rate::parse("1", 0), Err(MalformedAmount));
    }

    proptest! {
        #[test]
        fn text_and_number_are_one(whole in 0_u64..10_000, fraction in 0_u64..NANO) {
            let text = format!("{whole}.{fraction:09}");
            let rate = Rate::parse(&text, 1_000_000).unwrap();
            prop_assert_eq!(rate.nano_usd_per_million(), whole * NANO + fraction);
            prop_assert_eq!(Rate::parse(&rate.dollars(1_000_000), 1_000_000), Ok(rate));
            prop_assert_eq!(rate.times(Factor::ONE), rate);
        }
    }
}
