//! Budgets that run out: seen, noted once, and told.

mod budgets;
mod gauge;
mod tell;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_telemetry::metric;
use outcrop_types::{Alert, AlertId};

use crate::LedgerUpkeep;
use budgets::{Reached, Standing, Watch};
use gauge::UseGauge;
pub(crate) use tell::TELLING;
pub use webhook::Webhook;

/// Most sums read for one kind of holder and time. More is a platform whose budgets are watched in vain; the log says so.
const MOST_SUMS: usize = 200_000;
/// Most alerts remembered as raised; they are forgotten together, and the store knows them all the same.
const MOST_REMEMBERED: usize = 100_000;

/// What is remembered from one look at the budgets to the next.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What the store knows to be raised already.
    raised: HashSet<budgets::Mark>,
    gauge: UseGauge,
}

impl Seen {
    /// Nothing yet; the gauge has names for so many teams.
    pub(crate) fn new(top_teams: usize) -> Self {
        Self { raised: HashSet::new(), gauge: UseGauge::new(top_teams) }
    }
}

impl LedgerUpkeep {
    /// Holds all budgets that ask for alerts against what was spent, and the others as well where somebody listens to metrics.
    pub(crate) async fn watch_budgets(&self, seen: &mut Seen) -> Result<(), PortError> {
        let (now, measured) = (self.ports.clock.now(), metric::is_going());
        let (_, policies) = self.ports.policies.all_policies().await?;
        let (mut failed, mut shares) = (None, Vec::new());
        for watch in Watch::all(&policies, now, measured) {
            // One that cannot be answered keeps nobody from the others.
            match self.ports.ledger.spent(&watch.query(), MOST_SUMS).await {
                Ok(sums) => {
                    let standings = watch.standings(&sums, &*self.ports.catalog);
                    if measured && watch.is_at(now) {
                        shares.extend(standings.iter().map(Standing::share));
                    }
                    self.raise(&standings, now, &mut seen.raised).await?;
                }
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => {
                seen.gauge.set(shares);
                Ok(())
            }
        }
    }

    async fn raise(
        &self,
        standings: &[Standing<'_>],
        now: DateTime<Utc>,
        raised: &mut HashSet<budgets::Mark>,
    ) -> Result<(), PortError> {
        for reached in standings.iter().flat_map(Standing::reached) {
            let mark = reached.mark();
            if raised.contains(&mark) {
                continue;
            }
            let alert = reached.alert(AlertId::new(self.ports.ids.uuid()), now);
            if self.ports.alerts.raise_alert(&alert).await? {
                log(&alert, &reached);
                if self.options.webhook.is_none() {
                    // There is nobody to tell; whoever sets a webhook later is not told of the past.
                    self.ports.alerts.alert_told(alert.id, None).await?;
                }
            }
            if raised.len() >= MOST_REMEMBERED {
                raised.clear();
            }
            raised.insert(mark);
        }
        Ok(())
    }
}

fn log(alert: &Alert, reached: &Reached<'_>) {
    tracing::warn!(
        alert.id = %alert.id,
        policy.id = %alert.policy,
        outcrop.level = alert.level.name(),
        budget.holder = alert.holder,
        team.id = alert.team.map(|it| it.to_string()),
        budget.model = alert.model,
        outcrop.window = reached.period(),
        budget.usd = %alert.budget,
        budget.spent_usd = %alert.spent,
        budget.per_cent = alert.per_cent,
        "budget threshold reached"
    );
}
