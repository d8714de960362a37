//! Stores in memory: where usage ends up, and the policies.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::NaiveDate;
use outcrop_ports::{
    Changed, Ledger, PolicyFilter, PolicyStore, PortError, ReportQuery, ReportRow, Repriced, SpendQuery,
    Spent, UsageFilter, UsageMonth, UsageTotals,
};
use outcrop_types::{AuditDraft, Money, Page, Policy, PolicyId, UsageId, UsageRecord};

/// A ledger in memory that can be away.
#[derive(Debug, Default)]
pub(crate) struct MemoryLedger {
    pub(crate) records: Mutex<Vec<UsageRecord>>,
    pub(crate) away: AtomicBool,
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("record usage", "the database is away"));
        }
        let mut held = self.records.lock().unwrap();
        for record in records {
            if held.iter().all(|it| it.id != record.id) {
                held.push(record.clone());
            }
        }
        Ok(())
    }

    async fn list_usage(
        &self,
        filter: &UsageFilter,
        _: Option<outcrop_ports::usage_span::Stretch>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        let mut records = self.records.lock().unwrap().clone();
        records.retain(|it| {
            filter.team.is_none_or(|team| it.team == team) && after.is_none_or(|after| it.id < after)
        });
        records.sort_by_key(|it| std::cmp::Reverse(it.id));
        records.truncate(limit + 1);
        Ok(Page::from_one_too_many(records, limit))
    }

    async fn spent(&self, query: &SpendQuery, _: usize) -> Result<Vec<Spent>, PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("add up usage", "the database is away"));
        }
        let mut sums: BTreeMap<(String, String), Money> = BTreeMap::new();
        for it in self.records.lock().unwrap().iter() {
            let counts = (query.from..query.until).contains(&it.at)
                && query.team.is_none_or(|team| it.team == team)
                && query.subject.is_none_or(|subject| it.subject == subject)
                && query.key.as_ref().is_none_or(|key| it.key.as_ref() == Some(key))
                && !query.without.contains(&it.id.uuid());
            if let (true, Some(cost)) = (counts, &it.cost) {
                *sums.entry((it.model_asked.clone(), it.model_served.clone())).or_default() += cost.usd;
            }
        }
        let spent = |((model_asked, model_served), cost)| Spent {
            from: query.from,
            holder: None,
            team: None,
            model_asked,
            model_served,
            cost,
        };
        Ok(sums.into_iter().map(spent).collect())
    }

    /// One row, of the figures that every test of sums needs; a real ledger is asked for the others.
    async fn report(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        let (filter, mut totals) = (&query.filter, UsageTotals::default());
        for it in self.records.lock().unwrap().iter() {
            let counts = (query.from..query.until).contains(&it.at)
                && filter.team.is_none_or(|team| it.team == team)
                && filter.subject.is_none_or(|subject| it.subject == subject)
                && filter.key.as_ref().is_none_or(|key| it.key.as_ref() == Some(key));
            if counts {
                totals.requests += 1;
                totals.tokens += it.tokens;
                totals.cost += it.cost.as_ref().map_or(Money::ZERO, |cost| cost.usd);
            }
        }
        let items =
            if totals.requests == 0 { Vec::new() } else { vec![ReportRow { group: Vec::new(), totals }] };
        Ok(Page { items, has_more: false })
    }

    async fn make_months(&self, _: NaiveDate, _: u32) -> Result<(), PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn months(&self) -> Result<Vec<UsageMonth>, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn month_records(
        &self,
        _: UsageMonth,
        _: Option<UsageId>,
        _: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn drop_month(
        &self,
        _: UsageMonth,
        _: Option<&outcrop_ports::MonthDigest>,
    ) -> Result<bool, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn reprice(&self, _: &[Repriced]) -> Result<u64, PortError> {
        unreachable!("no test here asks this of its ledger")
    }
}

/// Policies that are there from the beginning.
#[derive(Debug, Default)]
pub(crate) struct MemoryPolicies(pub(crate) Vec<Policy>);

#[async_trait]
impl PolicyStore for MemoryPolicies {
    async fn insert_policy(&self, _: &Policy, _: &AuditDraft) -> Result<Changed, PortError> {
        Err(PortError::broken("change a policy", "nobody does so here"))
    }

    async fn lookup_policy(&self, id: PolicyId) -> Result<Option<Policy>, PortError> {
        Ok(self.0.iter().find(|it| it.id == id).cloned())
    }

    async fn list_policies(
        &self,
        _: &PolicyFilter,
        _: Option<PolicyId>,
        limit: usize,
    ) -> Result<Page<Policy>, PortError> {
        Ok(Page::from_one_too_many(self.0.clone(), limit))
    }

    async fn update_policy(&self, _: &Policy, _: &AuditDraft) -> Result<Changed, PortError> {
        Err(PortError::broken("change a policy", "nobody does so here"))
    }

    async fn delete_policy(&self, _: &Policy, _: &AuditDraft) -> Result<Changed, PortError> {
        Err(PortError::broken("change a policy", "nobody does so here"))
    }

    async fn all_policies(&self) -> Result<(u64, Vec<Policy>), PortError> {
        Ok((1, self.0.clone()))
    }

    async fn policies_version(&self) -> Result<u64, PortError> {
        Ok(1)
    }
}
