//! Amounts of money: whole billionths of a US dollar, never floating point.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::price::{MalformedAmount, parse_nano};

/// Billionths in a dollar.
const NANO: u64 = 1_000_000_000;

/// US dollars, in billionths (`nano_usd`). In JSON it is decimal text (`"12.5"`): no client's floating point touches it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many billionths of a dollar.
    #[must_use]
    pub const fn from_nano_usd(nano: u64) -> Self {
        Self(nano)
    }

    /// Billionths of a dollar.
    #[must_use]
    pub const fn nano_usd(self) -> u64 {
        self.0
    }

    /// The rest after taking `other` away, or nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times the amount.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Decimal text without a unit and without trailing zeros: `12.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / NANO, self.0 % NANO);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let text = format!("{whole}.{rest:09}");
        f.write_str(text.trim_end_matches('0'))
    }
}

impl FromStr for Money {
    type Err = MalformedAmount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_nano(text).map(Self)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    /// Reads decimal text, or a whole number of dollars.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Dollars(u64),
            Signed(i64),
            Other(IgnoredAny),
        }
        let read = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse().map_err(|_| fault(&text)),
            Written::Dollars(dollars) => dollars.checked_mul(NANO).map(Self).ok_or(TOO_LARGE),
            Written::Signed(number) if number < 0 => Err(NEGATIVE),
            Written::Signed(_) | Written::Other(_) => Err(MALFORMED),
        };
        read.map_err(serde::de::Error::custom)
    }
}

// Each goes on in a sentence that begins with the field's name.
const NEGATIVE: &str = "must not be negative";
const TOO_LARGE: &str = "is too large an amount";
const MALFORMED: &str =
    "must be a decimal number in text such as \"12.5\", with at most 9 digits after the point";

/// What is wrong with text that is no amount.
fn fault(text: &str) -> &'static str {
    let is_amount = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        [whole, rest].iter().all(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
            && rest.len() <= 9
    };
    match text.strip_prefix('-') {
        Some(rest) if is_amount(rest) => NEGATIVE,
        None if is_amount(text) => TOO_LARGE,
        _ => MALFORMED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_they_are_written() {
        for (nano, text) in [(0, "0"), (1, "0.000000001"), (12_500_000_000, "12.5"), (NANO, "1")] {
            let money = Money::from_nano_usd(nano);
            assert_eq!(money.to_string(), text);
            assert_eq!(text.parse(), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
        assert_eq!(serde_json::from_str::<Money>("25").unwrap(), Money::from_nano_usd(25 * NANO));
    }

    #[test]
    fn no_floating_point_and_no_debts() {
        for (json, wrong) in [
            ("0.1", MALFORMED),
            ("-1", NEGATIVE),
            ("\"-1\"", NEGATIVE),
            ("\"1e3\"", MALFORMED),
            ("\"\"", MALFORMED),
            ("\"0.0000000001\"", MALFORMED),
            ("null", MALFORMED),
            ("18446744074", TOO_LARGE),
            ("\"18446744074\"", TOO_LARGE),
        ] {
            let error = serde_json::from_str::<Money>(json).unwrap_err().to_string();
            assert!(error.starts_with(wrong), "{json}: {error}");
        }
    }
}
