//! An operator's recount: budgets are set to what the ledger knows, downwards too.
//!
//! Budgets in use are only ever raised by themselves: what the ledger lacks may not have come in yet. When recorded costs
//! were lowered, somebody says so here. Of a call whose record is still on its way the recount knows nothing; the next
//! raise adds it.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use outcrop_ports::PortError;
use outcrop_types::{Policy, Target};
use tokio::time::{sleep, timeout};

use super::AdmissionControl;
use crate::policies::{Holder, Limit, Limited, Owner};
use crate::{ChatError, InferenceService};

/// Most questions to the ledger at the same time.
const ABREAST: usize = 4;
/// Longest wait until what has ended in this process is settled.
const LONGEST: Duration = Duration::from_secs(5);
/// How long records that wait to be shipped get for it.
const SHIPPING: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

impl InferenceService {
    /// Sets budgets to what the ledger knows to be spent: those of policies that name whom they are for, and those of
    /// others that were used lately by way of this process. Gives back how many.
    pub(crate) async fn recount(&self) -> Result<usize, ChatError> {
        self.inner().admission.recount().await
    }
}

impl AdmissionControl {
    pub(super) async fn recount(&self) -> Result<usize, ChatError> {
        let book = self.policies.book().await?;
        self.spool.ship_now();
        sleep(SHIPPING).await;
        self.settled().await.map_err(|source| ChatError::Limits { source })?;
        let used = self.budgets.all();
        let named = book.policies().flat_map(named);
        // Under one name there is one count; what the policies say now is said last.
        let all: HashMap<String, Limit> = used.into_iter().chain(named).map(|it| (it.name(), it)).collect();
        let seeder = &self.seeder;
        let recount = |limit: Limit| async move { seeder.recount(&limit).await.map(|()| 1) };
        let counted = stream::iter(all.into_values().map(recount)).buffer_unordered(ABREAST);
        let counted = counted.try_fold(0, async |sum, one| Ok(sum + one)).await;
        counted.map_err(|source| ChatError::Limits { source })
    }

    /// What has ended and is not settled yet would be counted twice: by the ledger, and when it is settled.
    async fn settled(&self) -> Result<(), PortError> {
        let work = async {
            while !self.settler.keeps_up() || self.settler.has_unsettled() {
                sleep(TICK).await;
            }
        };
        timeout(LONGEST, work)
            .await
            .map_err(|elapsed| PortError::unavailable("settle in time what has ended", elapsed))
    }
}

/// The budgets of a policy that names whom it is for.
fn named(policy: &Policy) -> Vec<Limit> {
    let holder = match &policy.target {
        Target::Platform => Holder::default(),
        Target::Team { team: Some(team) } => Holder { team: Some(*team), ..Holder::default() },
        Target::User { user: Some(user), team } => {
            Holder { team: *team, subject: Some(*user), ..Holder::default() }
        }
        Target::Key { key: Some(key), .. } => Holder { key: Some(key.clone()), ..Holder::default() },
        _ => return Vec::new(),
    };
    let limit = |what| Limit {
        level: policy.target.level(),
        owner: Owner::of(&policy.target),
        policy: Some(policy.id),
        model: policy.model.clone(),
        holder: holder.clone(),
        what,
    };
    policy.rules.budgets.iter().map(Limited::from).map(limit).collect()
}
