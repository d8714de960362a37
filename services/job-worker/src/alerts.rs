//! Budgets that run out: seen, noted once, and told.

mod budgets;
mod tell;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, Spent};
use outcrop_types::{Alert, AlertId};

use crate::LedgerUpkeep;
use budgets::{Reached, Watch};
pub(crate) use tell::TELLING;
pub use webhook::Webhook;

/// Most sums read for one kind of holder and time. More is a platform whose budgets are watched in vain; the log says so.
const MOST_SUMS: usize = 200_000;
/// Most alerts remembered as raised; they are forgotten together, and the store knows them all the same.
const MOST_REMEMBERED: usize = 100_000;

/// What the store knows to be raised already.
#[derive(Debug, Default)]
pub(crate) struct Raised(HashSet<budgets::Mark>);

impl LedgerUpkeep {
    /// Holds all budgets that ask for alerts against what was spent.
    pub(crate) async fn watch_budgets(&self, raised: &mut Raised) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        let (_, policies) = self.ports.policies.all_policies().await?;
        let mut failed = None;
        for watch in Watch::all(&policies, now) {
            // One that cannot be answered keeps nobody from the others.
            match self.ports.ledger.spent(&watch.query(), MOST_SUMS).await {
                Ok(sums) => self.raise(&watch, &sums, now, raised).await?,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn raise(
        &self,
        watch: &Watch<'_>,
        sums: &[Spent],
        now: DateTime<Utc>,
        raised: &mut Raised,
    ) -> Result<(), PortError> {
        for reached in watch.reached(sums, &*self.ports.catalog) {
            let mark = reached.mark();
            if raised.0.contains(&mark) {
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
            if raised.0.len() >= MOST_REMEMBERED {
                raised.0.clear();
            }
            raised.0.insert(mark);
        }
        Ok(())
    }
}

fn log(alert: &Alert, reached: &Reached<'_>) {
    tracing::warn!(
        alert.id = %alert.id,
        policy.id = %alert.policy,
        policy.level = alert.level.name(),
        budget.holder = alert.holder,
        team.id = alert.team.map(|it| it.to_string()),
        budget.model = alert.model,
        budget.period = reached.period(),
        budget.usd = %alert.budget,
        budget.spent_usd = %alert.spent,
        budget.per_cent = alert.per_cent,
        "budget threshold reached"
    );
}
