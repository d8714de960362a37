//! `outcrop usage report`: sums, grouped.

use outcrop_config::Config;
use outcrop_inference::reports::{self, Params, Reports, csv, dimension_name, signed_usd};
use outcrop_ports::{CacheTotals, Dimension, ReportQuery, ReportRow};
use outcrop_types::Subject;

use crate::admin::Admin;
use crate::cli::ReportArgs;
use crate::commands::lookup;
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

/// Rows read at once.
const PAGE: usize = 1_000;
/// Most rows of a table, which is put together before it is shown.
const MOST_IN_TABLE: usize = 10_000;

/// `SAVED` is by prompt caches, `CACHED` how many requests the cache of answers spared a call, and `CACHE SAVED` what that
/// saved. `GUARDED` counts the calls that a guardrail stepped into.
const COLUMNS: [&str; 11] = [
    "REQUESTS",
    "ERRORS",
    "INPUT",
    "OUTPUT",
    "USD",
    "SAVED",
    "CACHED",
    "CACHE SAVED",
    "GUARDED",
    "P50 MS",
    "P95 MS",
];

pub(crate) async fn run(args: &ReportArgs, config: &Config) -> Result<(), Failure> {
    let admin = Admin::connect_existing(config).await?;
    let team = match &args.team {
        None => None,
        Some(name) => Some(lookup::team(&admin.auth().await?, name).await?.id.to_string()),
    };
    let user = match &args.user {
        // Ids need no looking up: records outlive users.
        Some(text) if text.parse::<Subject>().is_err() => {
            Some(lookup::user(&admin.auth().await?, text).await?.id.to_string())
        }
        user => user.clone(),
    };
    let reports =
        Reports::new(admin.stores.ledger.clone(), outcrop_wiring::names(config)?, outcrop_wiring::clock());
    let mut query = question(args, (team.as_deref(), user.as_deref()), &reports)?;
    if args.csv {
        output::write(&csv::header(&query.group_by))?;
        return each_page(&reports, &mut query, |_, rows| {
            output::write(&rows.iter().map(csv::row).collect::<String>())
        })
        .await;
    }
    if args.json {
        return each_page(&reports, &mut query, |group_by, rows| {
            rows.iter().try_for_each(|row| output::line(&reports::row(group_by, row).to_string()))
        })
        .await;
    }
    table(&reports, &mut query).await
}

fn question(
    args: &ReportArgs,
    (team, user): (Option<&str>, Option<&str>),
    reports: &Reports,
) -> Result<ReportQuery, Failure> {
    let mut params = Params::default()
        .with("group_by", args.by.as_deref())
        .with("month", args.month.as_deref())
        .with("from", args.from.as_deref())
        .with("until", args.until.as_deref())
        .with("team", team)
        .with("user", user)
        .with("key", args.key.as_deref())
        .with("model", args.model.as_deref())
        .with("region", args.region.as_deref())
        .with("account", args.account.as_deref())
        .with("cache", args.cache.as_deref())
        .with("guardrail", args.guardrail.as_deref())
        .with("dialect", args.dialect.as_deref())
        .with("tag", args.tag.as_deref())
        .with("time_zone", args.time_zone.as_deref());
    let query = reports.take_question(&mut params).map_err(|unfit| {
        // The one that is called otherwise here.
        let flag = if unfit.param == "group_by" { "by".to_owned() } else { unfit.param.replace('_', "-") };
        Failure::Usage(format!("--{flag} {}", unfit.wrong))
    })?;
    Ok(ReportQuery { limit: PAGE, ..query })
}

async fn each_page(
    reports: &Reports,
    query: &mut ReportQuery,
    mut show: impl FnMut(&[Dimension], &[ReportRow]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let page = reports.page(query).await?;
        show(&query.group_by, &page.items)?;
        query.after = page.items.last().map(|row| row.group.clone());
        if !page.has_more || query.after.is_none() {
            return Ok(());
        }
    }
}

async fn table(reports: &Reports, query: &mut ReportQuery) -> Result<(), Failure> {
    let names: Vec<_> = query.group_by.iter().map(|it| dimension_name(it).to_uppercase()).collect();
    let mut table = Table::new(names.iter().map(String::as_str).chain(COLUMNS));
    let mut shown = 0;
    each_page(reports, query, |_, rows| {
        shown += rows.len();
        if shown > MOST_IN_TABLE {
            let line = format!("there are more than {MOST_IN_TABLE} rows; --csv and --json show any number");
            return Err(Failure::failed(line));
        }
        rows.iter().for_each(|row| table.row(cells(row)));
        Ok(())
    })
    .await?;
    output::write(&table.render())
}

fn cells(row: &ReportRow) -> Vec<String> {
    let totals = &row.totals;
    let dash = || "-".to_owned();
    let ms = |per_cent| totals.latency.percentile_ms(per_cent).map_or_else(dash, |it| it.to_string());
    // A sum that leaves calls out says so.
    let unpriced =
        if totals.unpriced > 0 { format!(" (+{} unpriced)", totals.unpriced) } else { String::new() };
    // What was attempted twice and paid for twice was asked once.
    let retries = if totals.retries > 0 { format!(" (+{} retries)", totals.retries) } else { String::new() };
    let requests = format!("{}{retries}", totals.requests);
    let groups = row.group.iter().map(|it| it.clone().unwrap_or_else(dash));
    let totals = [
        requests,
        totals.errors.to_string(),
        totals.tokens.total_input().to_string(),
        totals.tokens.output.to_string(),
        format!("{}{unpriced}", totals.cost),
        signed_usd(totals.saved_nano_usd.into()),
        cached(&totals.cache),
        totals.cache.saved.to_string(),
        totals.guardrails.intervened.to_string(),
        ms(50),
        ms(95),
    ];
    groups.chain(totals).collect()
}

/// How many requests were spared a call of their own: `12 (40 %)` of those that asked.
fn cached(cache: &CacheTotals) -> String {
    let spared = cache.hits.saturating_add(cache.coalesced);
    let share = cache.hit_per_myriad().map(|share| format!(" ({} %)", share / 100)).unwrap_or_default();
    format!("{spared}{share}")
}
