//! What stands behind the question mark, read one name at a time.
//!
//! What is not known is refused by its name, as a filter that is left out shows more than was asked for; so is what is said
//! twice.

use std::str::FromStr;

use actix_web::web;
use outcrop_http::ApiError;
use outcrop_types::ErrorCode;

/// Names and values, as they came.
pub(crate) type Pairs = Vec<(String, String)>;

/// Most entries of a page.
pub(super) const MOST: usize = 100;

/// A query as it came, without its question mark.
pub(crate) fn parse(query: &str) -> Result<Pairs, ApiError> {
    let pairs = web::Query::from_query(query);
    pairs.map(web::Query::into_inner).map_err(|_| wrong("query", "the query cannot be read"))
}

/// Hands over each name with its value.
pub(super) fn read(
    pairs: &Pairs,
    mut take: impl FnMut(&str, &str) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    for (at, (name, value)) in pairs.iter().enumerate() {
        if pairs[..at].iter().any(|(other, _)| other == name) {
            return Err(wrong(name, format!("`{}` is given twice", shown(name))));
        }
        take(name, value)?;
    }
    Ok(())
}

/// Which page of a list.
#[derive(Debug)]
pub(super) struct Asked<I> {
    pub(super) after: Option<I>,
    pub(super) limit: usize,
}

impl<I: FromStr> Asked<I> {
    /// A page as long as this, unless another is asked for.
    pub(super) const fn usual(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// Takes `after`, the id of what is listed (`a job`), and `limit`; whatever else is no filter.
    pub(super) fn take(&mut self, name: &str, value: &str, listed: &str) -> Result<(), ApiError> {
        match name {
            "after" => {
                let id = value.parse().ok();
                let no_id = || wrong(name, format!("`after` must be the id of {listed}"));
                self.after = Some(id.ok_or_else(no_id)?);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                self.limit = limit.ok_or_else(|| wrong(name, format!("`limit` must be from 1 to {MOST}")))?;
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

/// Refuses a name that means nothing here.
pub(super) fn unknown(name: &str) -> ApiError {
    wrong(name, format!("there is no filter `{}`", shown(name)))
}

/// Refuses what a name was given.
pub(super) fn wrong(name: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message).with_param(shown(name))
}

/// As much of a client's word as an answer repeats.
fn shown(name: &str) -> String {
    name.chars().filter(|it| !it.is_control()).take(64).collect()
}
