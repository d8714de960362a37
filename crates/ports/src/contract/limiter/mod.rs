//! What every [`Limiter`] keeps.
//!
//! Time is passed in, so a day passes at once, and none of it has passed yet: no clock of a server's own is there already.
//! Windows are long enough that none runs out while a suite runs, and calls last less than a minute, so that it does not
//! matter whether somebody must renew what they hold.

mod calls;
mod leases;
mod limits;
mod meters;
mod oracle;
mod past;
mod settling;
mod sliding;
mod together;
mod windows;

use std::future::Future;
use std::sync::Arc;

use crate::Limiter;

pub use oracle::limiter_against_oracle;

/// Runs the suite. Limiters from `make` may share their counts; the suite never uses a name twice.
pub async fn limiter<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Limiter>>,
{
    limits::keeps(&*make().await).await;
    sliding::keeps(&*make().await).await;
    windows::keeps(&*make().await).await;
    settling::keeps(&*make().await).await;
    leases::keeps(&*make().await).await;
    past::keeps(&*make().await).await;
    together::keeps(make().await).await;
}
