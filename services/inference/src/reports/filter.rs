//! Which usage is meant.

use std::str::FromStr;

use outcrop_ports::UsageFilter;

use super::{Params, Unfit};

/// Takes the parameters that say which usage is meant: `team`, `user`, `key`, `model`, `region`, `dialect` and
/// `tag=<name>:<value>`.
///
/// # Errors
/// [`Unfit`] for an id that is none, and for a tag without a value.
pub fn take_filter(params: &mut Params) -> Result<UsageFilter, Unfit> {
    Ok(UsageFilter {
        team: parsed(params, "team", "must be the id of a team: `team_…`")?,
        subject: parsed(params, "user", "must be the id of a user or a service account: `user_…`, `svc_…`")?,
        key: parsed(params, "key", "must be the id of a key")?,
        models: params.take("model").into_iter().collect(),
        region: params.take("region"),
        dialect: params.take("dialect"),
        tag: tag(params.take("tag"))?,
    })
}

fn parsed<T: FromStr>(params: &mut Params, name: &str, wrong: &str) -> Result<Option<T>, Unfit> {
    params.take(name).map(|text| text.parse().map_err(|_| Unfit::new(name, wrong))).transpose()
}

fn tag(text: Option<String>) -> Result<Option<(String, String)>, Unfit> {
    let Some(text) = text else { return Ok(None) };
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok(Some((name.to_owned(), value.to_owned()))),
        _ => Err(Unfit::new("tag", "must be a name and a value: `project:atlas`")),
    }
}
