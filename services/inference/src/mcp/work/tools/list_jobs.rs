//! `list_jobs`: the team's jobs and batches.

use outcrop_mcp::Exchange;
use outcrop_types::{JobId, JobState};
use outcrop_wire::mcp::{Params, Tool, ToolAnnotations, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Stop, facts, schema, told, wrong};
use crate::mcp::arguments;
use crate::mcp::work::Work;
use crate::mcp::work::desk::job_id;

pub(super) const NAME: &str = "list_jobs";

/// Most jobs of one answer.
const MOST: u64 = 100;
const USUAL: u64 = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    status: Option<JobState>,
    kind: Option<Kind>,
    limit: Option<u64>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Call,
    Batch,
}

pub(super) fn tool() -> Tool {
    let properties = json!({
        "status": {
            "type": "string",
            "enum": JobState::ALL.map(JobState::name),
            "description": "Only jobs that stand so.",
        },
        "kind": { "type": "string", "enum": ["call", "batch"], "description": "Only single calls, or only batches." },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST,
            "default": USUAL,
            "description": "Most jobs to list.",
        },
        "after": { "type": "string", "description": "The last id of the page before, to go on from." },
    });
    let output = json!({
        "jobs": { "type": "array", "items": schema::job(json!({})), "description": "The jobs, newest first, without their answers." },
        "has_more": { "type": "boolean", "description": "Whether there are more after these." },
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("List jobs".to_owned()),
        description: Some("Lists the team's jobs and batches, newest first.".to_owned()),
        input_schema: schema::object(&[], properties),
        output_schema: Some(schema::object(&["jobs", "has_more"], output)),
        annotations: Some(ToolAnnotations {
            read_only_hint: true,
            destructive_hint: false,
            idempotent_hint: true,
            open_world_hint: false,
        }),
    }
}

pub(super) async fn call(work: &Work, exchange: &Exchange, arguments: &Params) -> Result<ToolResult, Stop> {
    let asked: Asked = arguments::read(arguments)?;
    let list = work.jobs(exchange.caller(), asked.query()?).await?;
    let jobs: Vec<Value> = list.data.iter().map(facts).collect();
    let words = match (jobs.len(), list.has_more) {
        (0, _) => "There are no such jobs.".to_owned(),
        (count, false) => format!("{count} jobs."),
        (count, true) => format!("{count} jobs; there are more: go on with `after`."),
    };
    Ok(told(words, json!({ "jobs": jobs, "has_more": list.has_more })))
}

impl Asked {
    fn query(&self) -> Result<String, Stop> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(wrong("limit", format!("`limit` must be from 1 to {MOST}")).into());
        }
        let mut query = format!("limit={limit}");
        if let Some(status) = self.status {
            query.push_str("&status=");
            query.push_str(status.name());
        }
        query.push_str(match self.kind {
            None => "",
            Some(Kind::Call) => "&kind=call",
            Some(Kind::Batch) => "&kind=batch",
        });
        if let Some(after) = &self.after {
            let id: JobId = job_id(after).ok_or_else(|| wrong("after", "`after` must be the id of a job"))?;
            query.push_str("&after=");
            query.push_str(&id.to_string());
        }
        Ok(query)
    }
}
