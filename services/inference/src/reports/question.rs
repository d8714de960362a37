//! A whole question.

use chrono::{DateTime, Utc};
use outcrop_ports::{Dimension, ReportQuery};
use outcrop_types::TimeZone;

use super::{Params, Unfit, cursor, span, take_filter};

/// Most things to group by at once.
const MOST_DIMENSIONS: usize = 6;
/// Rows of a page if nothing is said.
const USUAL: usize = 100;
/// Most rows of a page.
const MOST: usize = 1_000;

/// Takes every parameter of a report: see `GET /admin/v1/usage` in the API's description.
///
/// # Errors
/// [`Unfit`] for the first parameter that does not do.
pub fn take_question(params: &mut Params, now: DateTime<Utc>) -> Result<ReportQuery, Unfit> {
    let time_zone = match params.take("time_zone") {
        None => TimeZone::UTC,
        Some(name) => {
            let wrong = "must be an IANA name such as `Europe/Zurich`";
            name.parse().map_err(|_| Unfit::new("time_zone", wrong))?
        }
    };
    let group_by = dimensions(params.take("group_by").as_deref().unwrap_or_default())?;
    let (from, until) = span::take_span(params, time_zone, now, group_by.contains(&Dimension::Hour))?;
    let filter = take_filter(params)?;
    let limit = params.take_count("limit", USUAL, MOST)?;
    let after = params.take("after").map(|text| cursor::read(&text, group_by.len())).transpose()?;
    Ok(ReportQuery { from, until, group_by, filter, time_zone, after, limit })
}

/// The name of what is grouped by: the one in `group_by`, in rows and over columns.
#[must_use]
pub fn dimension_name(dimension: &Dimension) -> String {
    let name = match dimension {
        Dimension::Tag(tag) => return format!("tag:{tag}"),
        Dimension::Team => "team",
        Dimension::User => "user",
        Dimension::Key => "key",
        Dimension::Model => "model",
        Dimension::ModelAsked => "model_asked",
        Dimension::Region => "region",
        Dimension::Account => "account",
        Dimension::Cache => "cache",
        Dimension::Guardrail => "guardrail",
        Dimension::Dialect => "dialect",
        Dimension::Operation => "operation",
        Dimension::Tier => "tier",
        Dimension::Hour => "hour",
        Dimension::Day => "day",
        Dimension::Month => "month",
    };
    name.to_owned()
}

fn dimensions(text: &str) -> Result<Vec<Dimension>, Unfit> {
    let mut all = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let dimension = dimension(word)?;
        if all.contains(&dimension) {
            return Err(Unfit::new("group_by", format!("names `{word}` twice")));
        }
        all.push(dimension);
    }
    let of_time = |it: &&Dimension| matches!(it, Dimension::Hour | Dimension::Day | Dimension::Month);
    if all.iter().filter(of_time).count() > 1 {
        return Err(Unfit::new("group_by", "takes one of `hour`, `day` and `month`"));
    }
    if all.len() > MOST_DIMENSIONS {
        return Err(Unfit::new("group_by", format!("takes at most {MOST_DIMENSIONS} names")));
    }
    Ok(all)
}

fn dimension(word: &str) -> Result<Dimension, Unfit> {
    const NAMED: [Dimension; 15] = [
        Dimension::Team,
        Dimension::User,
        Dimension::Key,
        Dimension::Model,
        Dimension::ModelAsked,
        Dimension::Region,
        Dimension::Account,
        Dimension::Cache,
        Dimension::Guardrail,
        Dimension::Dialect,
        Dimension::Operation,
        Dimension::Tier,
        Dimension::Hour,
        Dimension::Day,
        Dimension::Month,
    ];
    if let Some(tag) = word.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
        return Ok(Dimension::Tag(tag.to_owned()));
    }
    NAMED.into_iter().find(|it| dimension_name(it) == word).ok_or_else(|| {
        let names: Vec<_> = NAMED.iter().map(dimension_name).collect();
        Unfit::new("group_by", format!("takes {} and `tag:<name>`, separated by commas", names.join(", ")))
    })
}
