//! `outcrop usage`: the latest usage records, and sums of all.

mod report;

use outcrop_config::Config;
use outcrop_ports::UsageFilter;
use outcrop_types::{CacheState, Cost, Money, UsageRecord};

use crate::admin::Admin;
use crate::cli::{ListUsageArgs, UsageArgs, UsageCommand};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(args: &UsageArgs, config: &Config) -> Result<(), Failure> {
    match &args.command {
        None => list(&args.list, config).await,
        Some(UsageCommand::Report(args)) => Box::pin(report::run(args, config)).await,
    }
}

async fn list(args: &ListUsageArgs, config: &Config) -> Result<(), Failure> {
    let admin = Admin::connect_existing(config).await?;
    let listed =
        admin.stores.ledger.list_usage(&UsageFilter::default(), None, None, args.limit as usize).await;
    let records = listed.map_err(|error| Failure::from_error(&error))?.items;
    if args.json {
        return records.iter().try_for_each(|record| {
            let text = serde_json::to_string(record).map_err(|error| Failure::from_error(&error))?;
            output::line(&text)
        });
    }
    let mut table = Table::new(["AT", "KEY", "MODEL", "INPUT", "OUTPUT", "USD", "MS", "OUTCOME"]);
    for record in &records {
        table.row(row(record));
    }
    output::write(&table.render())
}

fn row(record: &UsageRecord) -> [String; 8] {
    let key = record.key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    // Serialised, so that the command line and the API spell it alike.
    let outcome = serde_json::to_value(record.outcome).ok();
    let outcome = outcome.as_ref().and_then(|it| it.as_str()).unwrap_or("-");
    [
        time(record.at),
        key,
        record.model_served.clone(),
        record.tokens.total_input().to_string(),
        format!("{}{}", record.tokens.output, if record.estimated { "~" } else { "" }),
        usd(record.cost.as_ref(), record.cache),
        record.latency_ms.to_string(),
        record.error.as_ref().map_or_else(|| outcome.to_owned(), |error| format!("{outcome} ({error})")),
    ]
}

/// What it cost: nothing where the cache of answers spared the call, and `-` where nobody knows.
fn usd(cost: Option<&Cost>, cache: CacheState) -> String {
    let spared = cache.spared_the_call().then_some(Money::ZERO);
    cost.map(|it| it.usd).or(spared).map_or_else(|| "-".to_owned(), |usd| usd.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cache_spared_cost_nothing_and_what_has_no_price_nobody_knows() {
        assert_eq!(usd(None, CacheState::Miss), "-");
        assert_eq!(usd(None, CacheState::Hit), "0");
        assert_eq!(usd(None, CacheState::Coalesced), "0");
    }
}
