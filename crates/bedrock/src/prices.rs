//! What models cost: `prices.toml` and the operator's changes to it.
//!
//! A price is a function of the model, the geography of the profile that is called, the tier and the day. All of it is
//! looked up in rows with a first day each; nothing is computed in floating point.

mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::NaiveDate;
use outcrop_types::{Band, Factor, Price, PriceTier, Rate, TokenRates};

pub use rows::PriceError;

/// The geography whose profiles cost what calls in the region itself cost.
const GLOBAL: &str = "global";

/// The price list, in memory.
#[derive(Debug)]
pub(crate) struct PriceList {
    /// Rows by Bedrock's id of a model.
    rows: HashMap<String, Vec<PriceRow>>,
    tiers: Tiers,
}

/// A price of one model, from one day on.
#[derive(Debug, Clone)]
struct PriceRow {
    valid_from: NaiveDate,
    /// Geographies of the profiles it is for; empty for calls in a region and by global profiles.
    scope: Vec<String>,
    /// Factors for profiles of other geographies.
    geo: Vec<(String, Factor)>,
    tokens: TokenRates,
    bands: Vec<Band>,
    images: Option<Rate>,
    queries: Option<Rate>,
}

/// Factors for the tokens of a tier; absent where the list does not know it.
#[derive(Debug, Clone, Copy, Default)]
struct Tiers {
    priority: Option<Factor>,
    flex: Option<Factor>,
    batch: Option<Factor>,
}

impl PriceList {
    /// Reads the built-in list and merges the operator's into it.
    ///
    /// # Errors
    /// [`PriceError`] with the row that cannot be read.
    pub(crate) fn load(overrides: Option<&str>) -> Result<Self, PriceError> {
        rows::load(overrides)
    }

    /// The models that have a price.
    #[cfg(test)]
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The price of a model when it is called by a profile of a geography, or with none in the region itself.
    pub(crate) fn find(
        &self,
        model: &str,
        geography: Option<&str>,
        tier: PriceTier,
        day: NaiveDate,
    ) -> Option<Price> {
        let geography = geography.filter(|it| *it != GLOBAL);
        let tier = self.tiers.of(tier)?;
        let rows = self.rows.get(model)?;
        let own = rows.iter().filter(|row| row.is_for(geography));
        let (row, factor) = match newest(own, day) {
            Some(row) => (row, Factor::ONE),
            None => {
                let common = rows.iter().filter(|row| row.scope.is_empty());
                let row = newest(common, day)?;
                (row, row.factor(geography?)?)
            }
        };
        let scope = geography.unwrap_or("region");
        Some(Price {
            row: format!("{model}/{scope}/{}", row.valid_from),
            tokens: row.tokens.times(factor.times(tier)),
            bands: row.bands_times(factor.times(tier)),
            images: row.images.map(|it| it.times(factor)),
            queries: row.queries.map(|it| it.times(factor)),
        })
    }
}

/// The row in force on a day: the newest that has begun, or the oldest if none has.
fn newest<'a>(rows: impl Iterator<Item = &'a PriceRow> + Clone, day: NaiveDate) -> Option<&'a PriceRow> {
    let begun = rows.clone().filter(|row| row.valid_from <= day).max_by_key(|row| row.valid_from);
    begun.or_else(|| rows.min_by_key(|row| row.valid_from))
}

impl PriceRow {
    fn is_for(&self, geography: Option<&str>) -> bool {
        geography.map_or(self.scope.is_empty(), |it| self.scope.iter().any(|has| has == it))
    }

    fn factor(&self, geography: &str) -> Option<Factor> {
        self.geo.iter().find(|(has, _)| has == geography).map(|(_, factor)| *factor)
    }

    fn bands_times(&self, factor: Factor) -> Vec<Band> {
        let times = |band: &Band| Band { rates: band.rates.times(factor), ..*band };
        self.bands.iter().map(times).collect()
    }
}

impl Tiers {
    const fn of(self, tier: PriceTier) -> Option<Factor> {
        match tier {
            PriceTier::Standard => Some(Factor::ONE),
            PriceTier::Priority => self.priority,
            PriceTier::Flex => self.flex,
            PriceTier::Batch => self.batch,
        }
    }
}
