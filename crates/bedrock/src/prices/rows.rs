//! The rows of `prices.toml` and how an operator's rows change them.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use outcrop_types::{Band, Factor, Rate, TokenRates};
use serde::Deserialize;

use super::{PriceList, PriceRow, Tiers};

const BUILT_IN: &str = include_str!("../../prices.toml");

const MILLION: u32 = 1_000_000;

/// Why a price list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The built-in list is wrong; a test rules it out.
    #[error("the built-in price list does not parse")]
    BuiltIn(#[source] toml::de::Error),
    /// The operator's list is not in the form of ours.
    #[error("the price list does not parse")]
    Overrides(#[source] toml::de::Error),
    /// An amount or a day of a row is none.
    #[error("the price of `{model}`: `{field}` is `{text}`, {expected}")]
    Row {
        /// The first model of the row.
        model: String,
        /// Which field.
        field: &'static str,
        /// What it says.
        text: String,
        /// What fits it.
        expected: &'static str,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The day the rows were last checked; for people.
    #[serde(default, rename = "version")]
    _version: String,
    #[serde(default)]
    tiers: TierRow,
    #[serde(default)]
    price: Vec<Row>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierRow {
    priority: Option<String>,
    flex: Option<String>,
    batch: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    models: Vec<String>,
    /// `YYYY-MM-DD`.
    valid_from: String,
    valid_until: Option<String>,
    /// Where the figures are from; for people.
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    geo: BTreeMap<String, String>,
    input: Option<String>,
    output: Option<String>,
    cache_read: Option<String>,
    cache_write_5m: Option<String>,
    cache_write_1h: Option<String>,
    #[serde(default)]
    above: Vec<Above>,
    per_image: Option<String>,
    per_1k_queries: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Above {
    tokens: u64,
    input: Option<String>,
    output: Option<String>,
    cache_read: Option<String>,
    cache_write_5m: Option<String>,
    cache_write_1h: Option<String>,
}

pub(super) fn load(overrides: Option<&str>) -> Result<PriceList, PriceError> {
    let mut list = PriceList { rows: HashMap::new(), tiers: Tiers::default() };
    list.merge(toml::from_str(BUILT_IN).map_err(PriceError::BuiltIn)?)?;
    if let Some(text) = overrides {
        list.merge(toml::from_str(text).map_err(PriceError::Overrides)?)?;
    }
    Ok(list)
}

impl PriceList {
    fn merge(&mut self, File { tiers, price, .. }: File) -> Result<(), PriceError> {
        let of = Reader { model: "tiers" };
        self.tiers.priority = of.factor("priority", tiers.priority)?.or(self.tiers.priority);
        self.tiers.flex = of.factor("flex", tiers.flex)?.or(self.tiers.flex);
        self.tiers.batch = of.factor("batch", tiers.batch)?.or(self.tiers.batch);
        for row in price {
            let (models, row) = read(row)?;
            for model in models {
                let rows = self.rows.entry(model).or_default();
                rows.retain(|has| (has.valid_from, &has.scope) != (row.valid_from, &row.scope));
                rows.push(row.clone());
            }
        }
        Ok(())
    }
}

fn read(row: Row) -> Result<(Vec<String>, PriceRow), PriceError> {
    let model = row.models.first().cloned().unwrap_or_default();
    let of = Reader { model: &model };
    let tokens = of.rates([row.input, row.output, row.cache_read, row.cache_write_5m, row.cache_write_1h])?;
    let mut bands = Vec::with_capacity(row.above.len());
    for above in row.above {
        let amounts =
            [above.input, above.output, above.cache_read, above.cache_write_5m, above.cache_write_1h];
        bands.push(Band { above_tokens: above.tokens, rates: of.band(amounts, tokens)? });
    }
    bands.sort_by_key(|band| band.above_tokens);
    let mut geo = Vec::with_capacity(row.geo.len());
    for (geography, factor) in row.geo {
        if let Some(factor) = of.factor("geo", Some(factor))? {
            geo.push((geography, factor));
        }
    }
    let valid_from = of.day("valid_from", &row.valid_from)?;
    let valid_until = row.valid_until.as_deref().map(|it| of.day("valid_until", it)).transpose()?;
    if let Some(last) = valid_until.filter(|last| *last < valid_from) {
        return Err(of.wrong("valid_until", last.to_string(), "which is before `valid_from`"));
    }
    let mut scope = row.scope;
    scope.sort();
    let read = PriceRow {
        valid_from,
        valid_until,
        scope,
        geo,
        tokens,
        bands,
        images: of.rate("per_image", row.per_image, 1)?,
        queries: of.rate("per_1k_queries", row.per_1k_queries, 1_000)?,
    };
    Ok((row.models, read))
}

/// Reads the texts of one row.
struct Reader<'a> {
    model: &'a str,
}

impl Reader<'_> {
    fn rates(&self, amounts: [Option<String>; 5]) -> Result<TokenRates, PriceError> {
        let [input, output, cache_read, cache_write_5m, cache_write_1h] = amounts;
        Ok(TokenRates {
            input: self.rate("input", input, MILLION)?,
            output: self.rate("output", output, MILLION)?,
            cache_read: self.rate("cache_read", cache_read, MILLION)?,
            cache_write_5m: self.rate("cache_write_5m", cache_write_5m, MILLION)?,
            cache_write_1h: self.rate("cache_write_1h", cache_write_1h, MILLION)?,
        })
    }

    /// The rates above a length: input and output stay where nothing else is stated. Cached tokens do not, once input
    /// costs something else: what they cost with it is then not known.
    fn band(&self, amounts: [Option<String>; 5], below: TokenRates) -> Result<TokenRates, PriceError> {
        let own = self.rates(amounts)?;
        if own.input.is_none() {
            return Ok(own.or(below));
        }
        Ok(TokenRates { output: own.output.or(below.output), ..own })
    }

    fn rate(
        &self,
        field: &'static str,
        text: Option<String>,
        units: u32,
    ) -> Result<Option<Rate>, PriceError> {
        text.map(|text| Rate::parse(&text, units).map_err(|_| self.no_amount(field, text))).transpose()
    }

    fn factor(&self, field: &'static str, text: Option<String>) -> Result<Option<Factor>, PriceError> {
        text.map(|text| text.parse().map_err(|_| self.no_amount(field, text))).transpose()
    }

    fn day(&self, field: &'static str, text: &str) -> Result<NaiveDate, PriceError> {
        text.parse().map_err(|_| self.wrong(field, text.to_owned(), "which is no day (YYYY-MM-DD)"))
    }

    fn no_amount(&self, field: &'static str, text: String) -> PriceError {
        self.wrong(
            field,
            text,
            "which is no decimal number such as `0.0875` with at most 9 digits after the point",
        )
    }

    fn wrong(&self, field: &'static str, text: String, expected: &'static str) -> PriceError {
        PriceError::Row { model: self.model.to_owned(), field, text, expected }
    }
}
