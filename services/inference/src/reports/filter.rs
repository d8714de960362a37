//! Which usage is meant.

use std::str::FromStr;

use outcrop_ports::UsageFilter;
use outcrop_types::{CacheState, GuardrailState};

use super::{Params, Unfit};

/// Takes the parameters that say which usage is meant: `team`, `user`, `key`, `model`, `region`, `account`, `cache`,
/// `guardrail`, `dialect` and `tag=<name>:<value>`.
///
/// # Errors
/// [`Unfit`] for an id or a state that is none, and for a tag without a value.
pub fn take_filter(params: &mut Params) -> Result<UsageFilter, Unfit> {
    Ok(UsageFilter {
        team: parsed(params, "team", "must be the id of a team: `team_…`")?,
        subject: parsed(params, "user", "must be the id of a user or a service account: `user_…`, `svc_…`")?,
        key: parsed(params, "key", "must be the id of a key")?,
        models: params.take("model").into_iter().collect(),
        region: params.take("region"),
        account: parsed(params, "account", "must be the name of an account, as settings say it")?,
        cache: known(params, "cache", &CacheState::ALL, CacheState::name)?,
        guardrail: known(params, "guardrail", &GuardrailState::ALL, GuardrailState::name)?,
        dialect: params.take("dialect"),
        tag: tag(params.take("tag"))?,
    })
}

fn parsed<T: FromStr>(params: &mut Params, name: &str, wrong: &str) -> Result<Option<T>, Unfit> {
    params.take(name).map(|text| text.parse().map_err(|_| Unfit::new(name, wrong))).transpose()
}

/// One of a few words.
fn known<T: Copy>(
    params: &mut Params,
    param: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, Unfit> {
    let Some(text) = params.take(param) else { return Ok(None) };
    let found = all.iter().copied().find(|it| name(*it) == text);
    let names = || all.iter().map(|it| format!("`{}`", name(*it))).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| Unfit::new(param, format!("must be one of {}", names())))
}

fn tag(text: Option<String>) -> Result<Option<(String, String)>, Unfit> {
    let Some(text) = text else { return Ok(None) };
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok(Some((name.to_owned(), value.to_owned()))),
        _ => Err(Unfit::new("tag", "must be a name and a value: `project:atlas`")),
    }
}
