//! Only usage that is so. Records and groups have these columns in common.

use outcrop_ports::UsageFilter;
use sqlx::{QueryBuilder, Sqlite};

/// Narrows a statement; `table` is an alias of `usage_records` or `usage_groups`.
pub(super) fn push(query: &mut QueryBuilder<Sqlite>, table: &str, filter: &UsageFilter) {
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
        let models = serde_json::json!(models).to_string();
        query.push(format!(" AND {table}.model_served IN (SELECT value FROM json_each("));
        query.push_bind(models).push("))");
    }
    if let Some((name, value)) = tag {
        query.push(" AND ");
        push_tag(query, table, name);
        query.push(" = ").push_bind(value.clone());
    }
}

/// The value of a tag. Not by a path: that has signs of its own, which a name may hold.
pub(super) fn push_tag(query: &mut QueryBuilder<Sqlite>, table: &str, name: &str) {
    query
        .push(format!("(SELECT value FROM json_each({table}.tags) WHERE key = "))
        .push_bind(name.to_owned())
        .push(")");
}
