//! What a month of the ledger holds, as one number: so that what is removed is what was kept elsewhere, and nothing else.

use std::fmt;
use std::str::FromStr;

use outcrop_types::{Cost, UsageId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a month holds: how many records, and which costs they have. The rest of a record never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthDigest {
    /// Records.
    pub records: u64,
    /// Of their ids and costs, in the order of their ids.
    pub sha256: Sha256Hex,
}

/// 32 bytes, written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sha256Hex([u8; 32]);

/// Text that is no such number.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct NoDigest;

/// Takes one record after the other, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct MonthDigester {
    records: u64,
    sha256: Sha256,
}

impl MonthDigester {
    /// Takes the next record, with its cost as it is in the ledger.
    pub fn add(&mut self, id: &UsageId, cost: Option<&Cost>) {
        self.records += 1;
        self.text(&id.to_string());
        match cost {
            None => self.sha256.update([0]),
            Some(cost) => {
                self.sha256.update([1]);
                self.sha256.update(cost.usd.nano_usd().to_be_bytes());
                self.sha256.update(cost.saved_nano_usd.to_be_bytes());
                self.text(&cost.price);
            }
        }
    }

    /// What there was.
    #[must_use]
    pub fn end(self) -> MonthDigest {
        MonthDigest { records: self.records, sha256: Sha256Hex(self.sha256.finalize().into()) }
    }

    /// Text with its length before it, so that no two sequences of texts read alike.
    fn text(&mut self, text: &str) {
        self.sha256.update((text.len() as u64).to_be_bytes());
        self.sha256.update(text);
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Sha256Hex> for String {
    fn from(digest: Sha256Hex) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Sha256Hex {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Self, NoDigest> {
        text.parse()
    }
}

impl FromStr for Sha256Hex {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(NoDigest);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| NoDigest)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoDigest)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use outcrop_types::Money;

    use super::*;
    use crate::contract::samples::usage_id;

    fn digest(records: &[(u32, Option<Cost>)]) -> MonthDigest {
        let mut digester = MonthDigester::default();
        for (number, cost) in records {
            digester.add(&usage_id(*number), cost.as_ref());
        }
        digester.end()
    }

    fn cost(nano: u64, saved_nano_usd: i64, price: &str) -> Option<Cost> {
        Some(Cost { usd: Money::from_nano_usd(nano), saved_nano_usd, price: price.to_owned() })
    }

    #[test]
    fn other_records_or_other_costs_are_another_digest() {
        let all = [
            digest(&[]),
            digest(&[(1, None)]),
            digest(&[(2, None)]),
            digest(&[(1, None), (2, None)]),
            digest(&[(1, cost(0, 0, ""))]),
            digest(&[(1, cost(5, 0, "row"))]),
            digest(&[(1, cost(5, 1, "row"))]),
            digest(&[(1, cost(5, 0, "other row"))]),
        ];
        for (place, digest) in all.iter().enumerate() {
            assert!(!all[..place].contains(digest), "{place}");
            let text = serde_json::to_string(digest).unwrap();
            assert_eq!(serde_json::from_str::<MonthDigest>(&text).unwrap(), *digest);
        }
        assert!("x".parse::<Sha256Hex>().is_err() && "é".repeat(32).parse::<Sha256Hex>().is_err());
    }
}
