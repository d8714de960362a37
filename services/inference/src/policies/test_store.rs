//! Policies that change, in a store that can be away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use outcrop_ports::{Changed, PolicyFilter, PolicyStore, PortError};
use outcrop_types::{AuditDraft, Page, Policy, PolicyId};

#[derive(Debug, Default)]
pub(crate) struct TestPolicies {
    /// The version, and what there is.
    pub(crate) now: Mutex<(u64, Vec<Policy>)>,
    pub(crate) away: AtomicBool,
    /// How often all were read.
    pub(crate) readings: AtomicUsize,
}

impl TestPolicies {
    fn check(&self) -> Result<(), PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("read policies", "the database is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl PolicyStore for TestPolicies {
    async fn insert_policy(&self, _: &Policy, _: &AuditDraft) -> Result<Changed, PortError> {
        unreachable!("nobody changes policies here")
    }

    async fn lookup_policy(&self, _: PolicyId) -> Result<Option<Policy>, PortError> {
        unreachable!("nobody looks for one policy here")
    }

    async fn list_policies(
        &self,
        _: &PolicyFilter,
        _: Option<PolicyId>,
        _: usize,
    ) -> Result<Page<Policy>, PortError> {
        unreachable!("nobody lists policies here")
    }

    async fn update_policy(&self, _: &Policy, _: &AuditDraft) -> Result<Changed, PortError> {
        unreachable!("nobody changes policies here")
    }

    async fn delete_policy(&self, _: &Policy, _: &AuditDraft) -> Result<Changed, PortError> {
        unreachable!("nobody changes policies here")
    }

    async fn all_policies(&self) -> Result<(u64, Vec<Policy>), PortError> {
        self.check()?;
        self.readings.fetch_add(1, Ordering::SeqCst);
        Ok(self.now.lock().unwrap().clone())
    }

    async fn policies_version(&self) -> Result<u64, PortError> {
        self.check()?;
        Ok(self.now.lock().unwrap().0)
    }
}
