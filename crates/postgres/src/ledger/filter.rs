//! Only usage that is so. Records and groups have these columns in common.

use outcrop_ports::UsageFilter;
use sqlx::{Postgres, QueryBuilder};

use crate::rows::storable;

/// Whether there can be any such usage at all.
pub(super) fn is_storable(filter: &UsageFilter) -> bool {
    let UsageFilter { region, dialect, tag, .. } = filter;
    let tag = tag.iter().flat_map(|(name, value)| [name, value]);
    [region, dialect].into_iter().flatten().chain(tag).all(|text| storable(text))
}

/// Narrows a statement; `table` is an alias of `usage_records` or `usage_groups`.
pub(super) fn push(query: &mut QueryBuilder<Postgres>, table: &str, filter: &UsageFilter) {
    let UsageFilter { team, subject, key, models, region, account, cache, guardrail, dialect, tag } = filter;
    let conditions = [
        ("team_id", team.map(|it| it.to_string())),
        ("subject", subject.map(|it| it.to_string())),
        ("key_id", key.as_ref().map(|it| it.as_str().to_owned())),
        ("region", region.clone()),
        ("dialect", dialect.clone()),
        ("account", account.as_ref().map(|it| it.as_str().to_owned())),
        ("cache", cache.map(|it| it.name().to_owned())),
        ("guardrail", guardrail.map(|it| it.name().to_owned())),
    ];
    for (column, value) in conditions {
        if let Some(value) = value {
            query.push(format!(" AND {table}.{column} = ")).push_bind(value);
        }
    }
    if !models.is_empty() {
        query.push(format!(" AND {table}.model_served = ANY(")).push_bind(storable_of(models)).push(")");
    }
    if let Some((name, value)) = tag {
        query.push(format!(" AND ({table}.tags::json ->> ")).push_bind(name.clone());
        query.push(") = ").push_bind(value.clone());
    }
}

/// No record has any of the others.
fn storable_of(models: &[String]) -> Vec<String> {
    models.iter().filter(|model| storable(model)).cloned().collect()
}
