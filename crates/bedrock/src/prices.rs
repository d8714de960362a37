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

/// The geography whose profiles cost what calls in the region itself cost, unless a row says otherwise.
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
    /// The last day, where the price has one.
    valid_until: Option<NaiveDate>,
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

    /// The price of a model, by the first of its names that has one, when it is called by a profile of a geography, or
    /// with none in the region itself.
    pub(crate) fn find(
        &self,
        names: &[&str],
        geography: Option<&str>,
        tier: PriceTier,
        day: NaiveDate,
    ) -> Option<Price> {
        let tier = self.tiers.of(tier)?;
        let (model, row, factor) = self.row(names, geography, day)?;
        let common = row.scope.is_empty() && geography == Some(GLOBAL);
        let scope = geography.filter(|_| !common).unwrap_or("region");
        Some(Price {
            row: format!("{model}/{scope}/{}", row.valid_from),
            tokens: row.tokens.times(factor.times(tier)),
            bands: row.bands_times(factor.times(tier)),
            images: row.images.map(|it| it.times(factor)),
            queries: row.queries.map(|it| it.times(factor)),
        })
    }

    /// The row of a price, its name, and what it is multiplied by.
    ///
    /// Rows for just this profile go before others. What has not begun takes the place of nothing: the oldest row stands
    /// for the days before it only if none has begun.
    fn row<'a>(
        &'a self,
        names: &[&'a str],
        geography: Option<&str>,
        day: NaiveDate,
    ) -> Option<(&'a str, &'a PriceRow, Factor)> {
        let mut sets: Vec<(&str, Vec<&PriceRow>)> = Vec::new();
        for name in names {
            let rows = self.rows.get(*name).map_or(&[][..], Vec::as_slice);
            for just in [true, false] {
                sets.push((name, rows.iter().filter(|row| row.is_for(geography, just)).collect()));
            }
        }
        let in_force = sets.iter().find_map(|(name, rows)| {
            let row = in_force(rows, day)?;
            Some((*name, row, row.factor(geography)?))
        });
        let all = || sets.iter().flat_map(|(name, rows)| rows.iter().map(move |row| (*name, *row)));
        let known = || all().filter_map(|(name, row)| Some((name, row, row.factor(geography)?)));
        let oldest = || {
            let begun = known().any(|(_, row, _)| row.valid_from <= day);
            known().min_by_key(|(_, row, _)| row.valid_from).filter(|_| !begun)
        };
        in_force.or_else(oldest)
    }
}

/// The row in force on a day: the newest that has begun and not ended.
fn in_force<'a>(rows: &[&'a PriceRow], day: NaiveDate) -> Option<&'a PriceRow> {
    let is_on = |row: &&&PriceRow| row.valid_from <= day && row.valid_until.is_none_or(|last| day <= last);
    rows.iter().filter(is_on).max_by_key(|row| row.valid_from).copied()
}

impl PriceRow {
    /// Whether it is for calls by profiles of a geography: for just these, or by a factor.
    fn is_for(&self, geography: Option<&str>, just: bool) -> bool {
        match geography {
            Some(it) if just => self.scope.iter().any(|has| has == it),
            Some(_) => self.scope.is_empty(),
            None => just && self.scope.is_empty(),
        }
    }

    fn factor(&self, geography: Option<&str>) -> Option<Factor> {
        let Some(geography) = geography.filter(|_| self.scope.is_empty()) else { return Some(Factor::ONE) };
        let stated = self.geo.iter().find(|(has, _)| has == geography).map(|(_, factor)| *factor);
        stated.or((geography == GLOBAL).then_some(Factor::ONE))
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
