//! `usage_me`: what the caller itself used, and where its limits stand.

use outcrop_wire::mcp::{Params, Tool, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answered::{Failed, values};
use super::{Call, schema};
use crate::mcp::arguments;
use crate::reports::Reports;
use crate::routes::usage::me::of_caller;

pub(super) const NAME: &str = "usage_me";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {}

pub(super) fn tool() -> Tool {
    Tool {
        name: NAME.to_owned(),
        title: Some("My usage".to_owned()),
        description: Some(
            "Tells what the caller used of models today and this month (UTC), what that cost, and where its rate limits \
             and budgets stand. Use it before large work, to see what is left, and after a refusal, to see which limit \
             has no room and when it has again. A call shows up shortly after its end."
                .to_owned(),
        ),
        input_schema: schema::object(json!({}), &[]),
        output_schema: Some(output_schema()),
        annotations: Some(schema::READS),
    }
}

pub(super) async fn call(call: &Call<'_>, reports: &Reports, params: Params) -> Result<ToolResult, Failed> {
    let Arguments {} = arguments::read(&params)?;
    let me = of_caller(call.service, reports, call.caller().principal).await?;
    Ok(values(json!(me), call.context))
}

fn output_schema() -> Value {
    let or_null =
        |kind: &str, description: &str| json!({ "type": [kind, "null"], "description": description });
    let mut by_key = schema::described("With the key of this call; null where none was used.", used());
    by_key["type"] = json!(["object", "null"]);
    let properties = json!({
        "object": { "const": "usage.me", "description": "What this is." },
        "team": { "type": "string", "description": "The caller's team." },
        "subject": { "type": "string", "description": "The person or program that calls." },
        "key": or_null("string", "The key that it calls with."),
        "by_subject": schema::described("By this person or program in this team, with any credential.", used()),
        "by_key": by_key,
        "limits": {
            "type": "array",
            "items": limit(),
            "description": "The limits and budgets that hold for the caller.",
        },
    });
    schema::object(properties, &["object", "team", "subject", "key", "by_subject", "by_key", "limits"])
}

fn used() -> Value {
    let properties = json!({
        "today": schema::described("Since midnight, UTC.", summary()),
        "this_month": schema::described("Since the first of the month, UTC.", summary()),
    });
    schema::object(properties, &["today", "this_month"])
}

fn summary() -> Value {
    let count = |description: &str| json!({ "type": "integer", "minimum": 0, "description": description });
    let usd = |description: &str| json!({ "type": "string", "description": description });
    let milliseconds = |description: &str| json!({ "type": ["integer", "null"], "description": description });
    let tokens = [
        ("input", "Read, but for what a prompt cache had or keeps."),
        ("cache_read", "Read from a prompt cache."),
        ("cache_write_5m", "Written to a prompt cache for five minutes."),
        ("cache_write_1h", "Written to a prompt cache for an hour."),
        ("output", "Written."),
        ("reasoning", "Those of the output that were thoughts."),
        ("images", "Images made."),
        ("queries", "Queries of reranking."),
        ("guardrail_units", "Units of text that guardrails looked at."),
    ];
    let cache = json!({
        "hits": count("Answers that were kept."),
        "misses": count("Requests whose answer was not kept."),
        "coalesced": count("Answers of another call under way."),
        "bypassed": count("Requests that did not ask the cache."),
        "hit_ratio": { "type": ["number", "null"], "description": "The hits' share of the requests that asked." },
        "saved_usd": usd("What answers from the cache would have cost."),
        "mean_age_ms": milliseconds("How old such answers were, milliseconds."),
    });
    let guardrails = json!({
        "units": count("Units of text that they looked at."),
        "passed": count("Looks that found nothing."),
        "observed": count("Looks that found something and let it be."),
        "intervened": count("Looks that stepped in."),
    });
    let percentiles = |names: &[&str], description: &str| {
        let each = names.iter().map(|it| ((*it).to_owned(), milliseconds("Percentile, milliseconds.")));
        schema::described(description, all_of(each))
    };
    all_of([
        ("requests".to_owned(), count("Requests.")),
        ("retries".to_owned(), count("Further attempts at them.")),
        ("errors".to_owned(), count("Those that failed.")),
        ("estimated".to_owned(), count("Those of which the tokens are estimated.")),
        ("unpriced".to_owned(), count("Those whose price is not known.")),
        (
            "tokens".to_owned(),
            schema::described(
                "Tokens and other units, by kind.",
                all_of(tokens.map(|(name, it)| (name.to_owned(), count(it)))),
            ),
        ),
        ("cost_usd".to_owned(), usd("What they cost in US dollars, as decimal text.")),
        ("cache_saved_usd".to_owned(), usd("What models' prompt caches saved, as decimal text.")),
        ("cache".to_owned(), schema::described("What the cache of answers did.", whole(cache))),
        ("guardrails".to_owned(), schema::described("What guardrails did.", whole(guardrails))),
        ("latency_ms".to_owned(), percentiles(&["p50", "p95", "p99"], "How long answers took.")),
        ("first_token_ms".to_owned(), percentiles(&["p50", "p95"], "How long until their first token.")),
    ])
}

fn limit() -> Value {
    let text = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let amount =
        |description: &str| json!({ "type": ["integer", "string", "null"], "description": description });
    whole(json!({
        "level": { "type": "string", "enum": ["key", "user", "team", "platform"], "description": "Whose it is." },
        "kind": {
            "type": "string",
            "enum": ["requests", "tokens", "concurrency", "money"],
            "description": "What it counts: requests and tokens per minute, calls at once, or dollars.",
        },
        "period": text("Of a budget, the time it is for."),
        "time_zone": text("The time zone of that time."),
        "days": { "type": ["integer", "null"], "description": "Of a budget over the last days, how many." },
        "model": text("The models it is for; null for all."),
        "limit": amount("How much there may be; money as decimal text in US dollars."),
        "has_room": { "type": "boolean", "description": "Whether something is left." },
        "used": amount("Used by calls that have ended; null where the caller may not see it."),
        "held": amount("Held by calls under way; null where the caller may not see it."),
        "remaining": amount("What is left; null where the caller may not see it."),
        "reset": text("When it is free again, if nothing more is used."),
        "policy": text("The policy that says so, for those who may see policies."),
    }))
}

/// An object of which every property is there.
fn whole(properties: Value) -> Value {
    let names: Vec<String> =
        properties.as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default();
    schema::object(properties, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn all_of(properties: impl IntoIterator<Item = (String, Value)>) -> Value {
    whole(Value::Object(properties.into_iter().collect()))
}
