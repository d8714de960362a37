//! Doing the same many times at once.

use std::future::Future;

/// Runs `task(0)` to `task(count - 1)` as tasks of their own and gives their results in that order. On a
/// runtime with several threads they truly run side by side.
pub(super) async fn at_once<Fut>(count: u32, task: impl Fn(u32) -> Fut) -> Vec<Fut::Output>
where
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    let running: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    futures::future::join_all(running).await.into_iter().map(Result::unwrap).collect()
}
