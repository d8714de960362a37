//! Where usage ends up.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use outcrop_types::{Cost, KeyId, Level, Money, Page, Subject, TeamId, UsageId, UsageRecord};
use uuid::Uuid;

use crate::usage_span::Stretch;
use crate::{MonthDigest, PortError, ReportQuery, ReportRow, UsageFilter};

/// What was spent: a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendQuery {
    /// From this moment; also one that begins no hour.
    pub from: DateTime<Utc>,
    /// Until before this one; also one that begins no hour.
    pub until: DateTime<Utc>,
    /// Only by this team.
    pub team: Option<TeamId>,
    /// Only by this person or program.
    pub subject: Option<Subject>,
    /// Only with this key.
    pub key: Option<KeyId>,
    /// Sums apart for each holder at this level.
    pub each: Option<Level>,
    /// Sums apart for each model. Clients choose some of the names that models are asked for by, and so how many there
    /// are: only who needs to know asks for this.
    pub by_model: bool,
    /// Sums apart for parts of the time that are so long, counted from the Unix epoch: whole hours.
    pub slot: Option<Duration>,
    /// Not these calls.
    pub without: Vec<Uuid>,
}

impl SpendQuery {
    /// How long the parts of the time are, seconds.
    #[must_use]
    pub fn slot_s(&self) -> Option<i64> {
        let seconds = self.slot.map(|slot| i64::try_from(slot.as_secs()).unwrap_or(i64::MAX));
        seconds.filter(|seconds| *seconds > 0)
    }

    /// Whether the sums of days (UTC) answer it: a part that is shorter, or ends within a day, needs those of hours.
    #[must_use]
    pub fn fits_days(&self) -> bool {
        self.slot_s().is_none_or(|seconds| seconds % 86_400 == 0)
    }
}

/// A sum of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The first moment of the part of the time, also where the question begins later; where no parts were asked for,
    /// of all of it.
    pub from: DateTime<Utc>,
    /// Whose it is, where that was asked for: the id of the team, subject or key. `None` too for calls without a key.
    pub holder: Option<String>,
    /// The team of the holder, where holders were asked for.
    pub team: Option<TeamId>,
    /// The model as it was asked for; empty where sums are not apart by model.
    pub model_asked: String,
    /// The Bedrock id that answered; empty where sums are not apart by model.
    pub model_served: String,
    /// How much.
    pub cost: Money,
}

/// A month of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageMonth {
    /// Its first day (UTC).
    pub first: NaiveDate,
}

/// What a record shall cost from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repriced {
    /// The record.
    pub id: UsageId,
    /// Its time, as it is in the record.
    pub at: DateTime<Utc>,
    /// The cost it had when it was read; it is left alone if that has changed.
    pub before: Option<Cost>,
    /// The new one.
    pub after: Option<Cost>,
}

/// The append-only record of what was used, and sums of it by hour and day that are kept with it in the same transaction.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Appends records, all or none. One whose id (and time) is there already is left as it is, and counts in no sum:
    /// repeating is harmless. They are written as [`kept`](crate::usage_sums::kept).
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError>;

    /// Records, newest id first, of some time or of all. `after` is the last id of the page before.
    async fn list_usage(
        &self,
        filter: &UsageFilter,
        within: Option<Stretch>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError>;

    /// Sums, from what is kept by hour and day; never from single records.
    async fn report(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError>;

    /// What was spent, to the last recorded call, as one consistent sum; only where anything was. At most `limit` rows:
    /// an error above that. Of months that were dropped, whole hours are known.
    async fn spent(&self, query: &SpendQuery, limit: usize) -> Result<Vec<Spent>, PortError>;

    /// Makes room for the months around this day: this one and so many after it. Several may do so at once.
    async fn make_months(&self, today: NaiveDate, ahead: u32) -> Result<(), PortError>;

    /// The months that there are records of, oldest first.
    async fn months(&self) -> Result<Vec<UsageMonth>, PortError>;

    /// Records of a month, in order of their ids; `after` is the last id of the page before.
    async fn month_records(
        &self,
        month: UsageMonth,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError>;

    /// Removes the records of a month, if they are the `expected` ones, all of them and at the costs they have: `false`,
    /// and that stays, where anything else is there. What comes this very moment stays too, or is seen and keeps the
    /// others here. Without `expected`, whatever there is. A month without records is removed already. Its sums stay. A record that is repeated after that counts
    /// again: a month is to be dropped long after anybody may still hold records of it.
    async fn drop_month(&self, month: UsageMonth, expected: Option<&MonthDigest>) -> Result<bool, PortError>;

    /// Gives records another cost, and corrects the sums by the difference; how many were changed. All or none.
    async fn reprice(&self, changes: &[Repriced]) -> Result<u64, PortError>;
}
