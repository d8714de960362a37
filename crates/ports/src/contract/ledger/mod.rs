//! What every [`Ledger`] keeps.

mod months;
mod random;
mod records;
mod reports;
mod repricing;
mod spending;
mod sums;

use std::future::Future;
use std::sync::Arc;

use crate::Ledger;

/// Runs the suite. `make` gives an empty ledger each time.
pub async fn ledger<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    records::run(&make).await;
    sums::run(&make).await;
    reports::run(&make).await;
    spending::run(&make).await;
    months::run(&make).await;
    repricing::run(&make).await;
}
