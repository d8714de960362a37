//! `outcrop ledger export`: a month's records, for elsewhere.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use outcrop_inference::reports::{csv, signed_usd};
use outcrop_job_worker::archive::{month_name, write_month};
use outcrop_types::UsageRecord;

use super::Files;
use crate::admin::Admin;
use crate::cli::ExportArgs;
use crate::failure::Failure;
use crate::output;
use crate::table::time;

const COLUMNS: [&str; 39] = [
    "id",
    "request_id",
    "at",
    "team",
    "subject",
    "key",
    "dialect",
    "operation",
    "model_asked",
    "model_served",
    "region",
    "tier",
    "tags",
    "cache",
    "answer_cache_age_ms",
    "answer_cache_saved_usd",
    "attempt",
    "again",
    "account",
    "guardrail",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "images",
    "queries",
    "guardrail_units",
    "estimated",
    "streamed",
    "latency_ms",
    "first_token_ms",
    "stop_reason",
    "outcome",
    "error",
    "cost_usd",
    "cache_saved_usd",
    "price",
];

pub(super) async fn run(args: &ExportArgs, admin: &Admin) -> Result<(), Failure> {
    let name = month_name(args.month);
    if !super::there(args.month, admin).await? {
        return Err(Failure::failed(format!("there are no records of {name}")));
    }
    let Some(path) = &args.output else {
        let records = Files::of(admin).await?.archive().export_new(args.month).await?.records;
        output::note(&format!("{records} records of {name} are in the blobs, below usage/{name}/."));
        return Ok(());
    };
    let records = to_file(args, admin, path).await?;
    output::note(&format!("{records} records of {name} are in {}.", path.display()));
    Ok(())
}

async fn to_file(args: &ExportArgs, admin: &Admin, path: &Path) -> Result<u64, Failure> {
    let name = path.to_string_lossy();
    let (plain, compress) = name.strip_suffix(".gz").map_or((&*name, false), |plain| (plain, true));
    let as_csv = plain.ends_with(".csv");
    if !as_csv && !plain.ends_with(".ndjson") {
        let line = "--output must end in .ndjson, .ndjson.gz, .csv or .csv.gz";
        return Err(Failure::Usage(line.to_owned()));
    }
    let mut file = create(path)?;
    let line = if as_csv { csv_line } else { json_line };
    let header = as_csv.then(|| csv::line(COLUMNS.iter().map(|it| (*it).to_owned())));
    let written =
        write_month(&*admin.stores.ledger, args.month, &mut file, compress, header.as_deref(), line).await;
    if written.is_err() {
        // Half of a month must not pass for one.
        let _ = std::fs::remove_file(path);
    }
    let records = written?;
    file.sync_all()
        .map_err(|error| Failure::failed(format!("could not write {}: {error}", path.display())))?;
    Ok(records)
}

fn create(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.map_err(|error| {
        let name = path.display();
        Failure::failed(match error.kind() {
            ErrorKind::AlreadyExists => format!("{name} is there already, and would be written over"),
            ErrorKind::NotFound => format!("could not make {name}: there is no such folder"),
            ErrorKind::PermissionDenied => format!("could not make {name}: that is not allowed"),
            _ => format!("could not make {name}: {error}"),
        })
    })
}

fn json_line(record: &UsageRecord) -> String {
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}

fn csv_line(record: &UsageRecord) -> String {
    let or_none = |it: Option<String>| it.unwrap_or_default();
    let tokens = &record.tokens;
    let tags = serde_json::to_string(&record.tags).unwrap_or_default();
    let cells = [
        record.id.to_string(),
        csv::text(record.request_id.as_str()),
        time(record.at),
        record.team.to_string(),
        record.subject.to_string(),
        or_none(record.key.as_ref().map(ToString::to_string)),
        csv::text(&record.dialect),
        csv::text(&record.operation),
        csv::text(&record.model_asked),
        csv::text(&record.model_served),
        csv::text(&record.region),
        record.tier.name().to_owned(),
        csv::text(&tags),
        record.cache.name().to_owned(),
        or_none(record.cache_age_ms.map(|it| it.to_string())),
        or_none(record.cache_saved.map(|saved| saved.to_string())),
        record.attempt.to_string(),
        record.again.to_string(),
        or_none(record.account.as_ref().map(ToString::to_string)),
        record.guardrail.name().to_owned(),
        tokens.input.to_string(),
        tokens.cache_read.to_string(),
        tokens.cache_write_5m.to_string(),
        tokens.cache_write_1h.to_string(),
        tokens.output.to_string(),
        tokens.reasoning.to_string(),
        tokens.images.to_string(),
        tokens.queries.to_string(),
        tokens.guardrail_units.to_string(),
        record.estimated.to_string(),
        record.streamed.to_string(),
        record.latency_ms.to_string(),
        or_none(record.first_token_ms.map(|it| it.to_string())),
        csv::text(record.stop_reason.as_deref().unwrap_or_default()),
        record.outcome.name().to_owned(),
        csv::text(record.error.as_deref().unwrap_or_default()),
        or_none(record.cost.as_ref().map(|cost| cost.usd.to_string())),
        // A number of ours: its sign begins no formula.
        or_none(record.cost.as_ref().map(|cost| signed_usd(cost.saved_nano_usd.into()))),
        csv::text(record.cost.as_ref().map_or("", |cost| &cost.price)),
    ];
    csv::line(cells.into_iter())
}
