//! `outcrop ledger reprice`: what recorded calls cost by the price list in force.
//!
//! Looks first, page by page, and shows the difference; after a yes it looks again and changes each page in one
//! transaction. A record whose cost was changed meanwhile is left alone, so that it may run beside servers, be broken off
//! and be run again.

mod difference;

use std::collections::HashMap;
use std::io::{BufRead as _, IsTerminal as _};

use chrono::{DateTime, Datelike as _, DurationRound as _, TimeDelta, Utc};
use outcrop_inference::reports::{Params, take_moment};
use outcrop_job_worker::archive::{Pages, month_name};
use outcrop_ports::{
    Dimension, Ledger, Modality, ModelCatalog, ReportQuery, Repriced, ResolvedModel, UsageFilter, UsageMonth,
};
use outcrop_types::{Cost, TimeZone, UsageRecord};
use tokio_util::sync::CancellationToken;

use self::difference::Difference;
use crate::admin::Admin;
use crate::cli::RepriceArgs;
use crate::failure::Failure;
use crate::output;

/// Most models remembered; clients choose some of the names.
const MOST_MODELS: usize = 10_000;
/// How far back months without records are looked for: ten years.
const MOST_TIME: TimeDelta = TimeDelta::days(3_650);
/// More months than that has.
const MOST_MONTHS: usize = 200;

pub(super) async fn run(args: &RepriceArgs, admin: &Admin) -> Result<(), Failure> {
    let (from, until) = span(args)?;
    // The catalogue as a server has it; the emulator that comes with it on some settings ends with the command.
    let stop = CancellationToken::new();
    let _end = stop.clone().drop_guard();
    let catalog = outcrop_wiring::models(admin.config(), stop).await?.catalog;
    let ledger = &*admin.stores.ledger;
    let mut prices = Prices { catalog: &*catalog, known: HashMap::new() };

    let seen = walk(ledger, &mut prices, from, until, Keep::No).await?;
    output::write(&seen.render())?;
    let gone = gone(ledger, from, until).await?;
    if !gone.is_empty() {
        let months = gone.join(", ");
        output::note(&format!(
            "The records of {months} are removed: what they cost stays as it is in the sums."
        ));
    }
    if seen.changes() == 0 {
        output::note("Nothing is to be changed.");
        return Ok(());
    }
    if !args.yes && !agreed(seen.changes())? {
        output::note("Nothing was changed.");
        return Ok(());
    }
    let kept = walk(ledger, &mut prices, from, until, Keep::Yes).await?;
    output::note(&format!("{} records have another cost now.", kept.kept()));
    if kept.kept() > 0 {
        output::note(
            "Budgets in use are raised to that by themselves; `POST /admin/v1/usage/recount` lowers them, too.",
        );
    }
    Ok(())
}

fn span(args: &RepriceArgs) -> Result<(DateTime<Utc>, DateTime<Utc>), Failure> {
    let mut params = Params::default().with("from", Some(&args.from)).with("until", args.until.as_deref());
    let mut moment = |name| {
        take_moment(&mut params, name, TimeZone::UTC)
            .map_err(|unfit| Failure::Usage(format!("--{name} {}", unfit.wrong)))
    };
    let (from, until) = (moment("from")?, moment("until")?);
    let until = until.unwrap_or_else(|| outcrop_wiring::clock().now());
    match from {
        Some(from) if from < until => Ok((from, until)),
        _ => Err(Failure::Usage("--from must be before --until".to_owned())),
    }
}

/// Asks on the terminal; where there is none, nobody has agreed, and a script hears of it.
fn agreed(changes: u64) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let line = "nothing was changed: there is no terminal to ask on; --yes keeps the difference";
        return Err(Failure::failed(line));
    }
    output::note(&format!("Give {changes} records their new cost? [y/N]"));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::failed(format!("could not read the answer: {error}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// Looks at every record of the time once.
async fn walk(
    ledger: &dyn Ledger,
    prices: &mut Prices<'_>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    keep: Keep,
) -> Result<Difference, Failure> {
    let mut difference = Difference::default();
    for month in ledger.months().await?.into_iter().filter(|month| overlaps(*month, from, until)) {
        let mut pages = Pages::new(ledger, month);
        while let Some(records) = pages.next().await? {
            let mut changes = Vec::new();
            let within = |record: &&UsageRecord| from <= record.at && record.at < until;
            // What the cache of answers spared costs nothing at any price; what it saved stays what it was then.
            let paid = |record: &&UsageRecord| !record.cache.spared_the_call();
            for record in records.iter().filter(within).filter(paid) {
                let Some(after) = prices.cost(record).await else {
                    difference.unknown(record);
                    continue;
                };
                difference.note(record, after.as_ref());
                if after != record.cost {
                    changes.push(Repriced {
                        id: record.id,
                        at: record.at,
                        before: record.cost.clone(),
                        after,
                    });
                }
            }
            if keep == Keep::Yes && !changes.is_empty() {
                difference.add_kept(ledger.reprice(&changes).await?);
            }
        }
    }
    Ok(difference)
}

/// The months that there are sums of, and no records any more.
async fn gone(
    ledger: &dyn Ledger,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let hour = |at: DateTime<Utc>| at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at);
    let query = ReportQuery {
        from: hour(from).max(hour(until) - MOST_TIME),
        until: hour(until) + TimeDelta::hours(1),
        group_by: vec![Dimension::Month],
        filter: UsageFilter::default(),
        time_zone: TimeZone::UTC,
        after: None,
        limit: MOST_MONTHS,
    };
    let there: Vec<String> = ledger.months().await?.into_iter().map(month_name).collect();
    let summed =
        ledger.report(&query).await?.items.into_iter().filter_map(|row| row.group.into_iter().next()?);
    Ok(summed.filter(|month| !there.contains(month)).collect())
}

fn overlaps(month: UsageMonth, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
    let number = |year: i32, month: u32| i64::from(year) * 12 + i64::from(month);
    let of = |at: DateTime<Utc>| number(at.year(), at.month());
    (of(from)..=of(until)).contains(&number(month.first.year(), month.first.month()))
}

/// What calls cost by the price list in force.
struct Prices<'a> {
    catalog: &'a dyn ModelCatalog,
    known: HashMap<String, Option<ResolvedModel>>,
}

impl Prices<'_> {
    /// What a record costs; `None` inside where the list has no price for it, `None` outside where nobody knows its model
    /// any more: such a record is better left as it is.
    async fn cost(&mut self, record: &UsageRecord) -> Option<Option<Cost>> {
        let model = self.model(&record.model_served).await?;
        let price = self.catalog.price(&model, record.tier, record.at.date_naive());
        Some(price.and_then(|price| price.cost(&record.tokens)))
    }

    async fn model(&mut self, served: &str) -> Option<ResolvedModel> {
        if let Some(known) = self.known.get(served) {
            return known.clone();
        }
        let model = match self.catalog.resolve_for(Some(served), Modality::Text) {
            Some(model) => Some(model),
            None => self.catalog.discover(served).await,
        };
        if self.known.len() >= MOST_MODELS {
            self.known.clear();
        }
        self.known.insert(served.to_owned(), model.clone());
        model
    }
}
