//! What answers and bodies of all resources have in common.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::web;
use outcrop_http::ApiError;
use outcrop_types::Page;
use serde::{Deserialize, Deserializer, Serialize};

use crate::AdminError;

/// One page of a list.
#[derive(Debug, Serialize)]
pub(super) struct List<T> {
    data: Vec<T>,
    has_more: bool,
    /// What to give as `after` for the next page.
    next: Option<String>,
}

impl<T> List<T> {
    /// The page as it is shown. `id` names an item to the list.
    pub(super) fn of<I, Id: Display>(
        page: Page<I>,
        id: impl Fn(&I) -> Id,
        view: impl Fn(I) -> T,
    ) -> web::Json<Self> {
        let next = page.items.last().filter(|_| page.has_more).map(|item| id(item).to_string());
        let data = page.items.into_iter().map(view).collect();
        web::Json(Self { data, has_more: page.has_more, next })
    }
}

/// The id in a path; one that does not read names nothing.
pub(super) fn path_id<T: FromStr>(text: &str, what: &'static str) -> Result<T, ApiError> {
    text.parse().map_err(|_| AdminError::not_found(what).into())
}

/// Tells a field that is `null` from one that is not there. For `deserialize_with`, beside `default`.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
