//! Old months: exported, verified, and only then dropped.

use chrono::{Datelike as _, Months, NaiveDate};
use outcrop_ports::{PortError, UsageMonth};

use super::LedgerUpkeep;
use super::archive::{Archive, month_name};

impl LedgerUpkeep {
    /// Puts away every month that is kept long enough. One that cannot be keeps none of the others here.
    pub(super) async fn put_away(&self, today: NaiveDate) -> Result<(), PortError> {
        let Some(first_kept) = first_kept(today, self.options.retention_months) else { return Ok(()) };
        let mut first_error = None;
        for month in self.ports.ledger.months().await?.into_iter().filter(|month| month.first < first_kept) {
            if let Err(error) = self.put_one_away(month).await {
                tracing::warn!(
                    usage.month = month_name(month),
                    error = error.chain(),
                    "a month of usage records could not be put away"
                );
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn put_one_away(&self, month: UsageMonth) -> Result<(), PortError> {
        let archive = self.archive();
        let exported = archive.export_new(month).await?;
        if !archive.drop_exported(month).await? {
            let why = "records came or changed meanwhile; they are exported the next time";
            return Err(PortError::unavailable("drop a month of usage", why));
        }
        tracing::info!(
            usage.month = month_name(month),
            usage.records = exported.records,
            "a month of usage records was exported and dropped"
        );
        Ok(())
    }

    fn archive(&self) -> Archive<'_> {
        let ports = &self.ports;
        Archive { ledger: &*ports.ledger, blobs: &*ports.blobs, clock: &*ports.clock, ids: &*ports.ids }
    }
}

/// The first day of the oldest month that is kept; `None` where all are.
fn first_kept(today: NaiveDate, months: u32) -> Option<NaiveDate> {
    (months > 0).then(|| today.with_day(1)?.checked_sub_months(Months::new(months))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_month_and_so_many_before_it_are_kept() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(first_kept(day("2026-11-21"), 0), None);
        assert_eq!(first_kept(day("2026-11-21"), 1), Some(day("2026-10-01")));
        assert_eq!(first_kept(day("2027-03-31"), 13), Some(day("2026-02-01")));
    }
}
