//! What is being worked on: known to every log line and every outgoing call of the same task, without being handed through.
//!
//! Tasks of their own know nothing of it unless [`carry`] gives it to them.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use crate::trace::TraceContext;

tokio::task_local! {
    static CURRENT: Current;
}

/// Whose work it is, and where in its trace. Clones share who.
#[derive(Debug, Clone)]
pub struct Current {
    /// The id that ties together everything done for one request.
    pub request_id: Arc<str>,
    /// Where in its trace: outgoing calls go on from here.
    pub trace: TraceContext,
    who: Arc<OnceLock<Who>>,
}

/// On whose behalf, as far as log lines tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The team that is acted for.
    pub team: Box<str>,
    /// The person or program.
    pub subject: Box<str>,
    /// The key in use.
    pub key: Option<Box<str>>,
}

impl Current {
    /// Nobody is known yet.
    #[must_use]
    pub fn new(request_id: impl Into<Arc<str>>, trace: TraceContext) -> Self {
        Self { request_id: request_id.into(), trace, who: Arc::default() }
    }

    /// The same work, further down in its trace.
    #[must_use]
    pub fn below(&self, trace: &TraceContext) -> Self {
        Self { request_id: Arc::clone(&self.request_id), trace: trace.clone(), who: Arc::clone(&self.who) }
    }

    /// Takes note of who it is; the first word counts.
    pub fn know(&self, who: impl FnOnce() -> Who) {
        self.who.get_or_init(who);
    }

    /// Who it is, if that is known.
    #[must_use]
    pub fn who(&self) -> Option<&Who> {
        self.who.get()
    }

    /// Does `work` as this.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Does `work` as this, at once.
    pub fn enter<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }
}

/// What this task works on.
#[must_use]
pub fn get() -> Option<Current> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Looks at what this task works on.
pub fn with<T>(look: impl FnOnce(&Current) -> T) -> Option<T> {
    CURRENT.try_with(look).ok()
}

/// Where in its trace this task is; empty outside of any.
#[must_use]
pub fn trace() -> TraceContext {
    CURRENT.try_with(|current| current.trace.clone()).unwrap_or_default()
}

/// Gives what this task works on to a future that another task will run.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let current = get();
    async move {
        match current {
            Some(current) => current.scope(work).await,
            None => work.await,
        }
    }
}

/// Does `work` further down in the trace of this task's work.
pub fn below<F: Future>(trace: &TraceContext, work: F) -> impl Future<Output = F::Output> + use<F> {
    let current = with(|current| current.below(trace));
    async move {
        match current {
            Some(current) => current.scope(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn current() -> Current {
        Current::new("r-1", TraceContext::from_line(LINE))
    }

    fn id() -> Option<String> {
        with(|current| current.request_id.to_string())
    }

    #[tokio::test]
    async fn a_task_knows_what_it_works_on_and_others_do_not() {
        assert_eq!((id(), trace()), (None, TraceContext::none()));
        current()
            .scope(async {
                tokio::task::yield_now().await;
                assert_eq!(id().as_deref(), Some("r-1"));
                assert_eq!(trace().to_line().as_deref(), Some(LINE));
                assert_eq!(tokio::spawn(async { id() }).await.unwrap(), None);
                assert_eq!(tokio::spawn(carry(async { id() })).await.unwrap().as_deref(), Some("r-1"));
            })
            .await;
        assert_eq!(id(), None);
        assert_eq!(carry(async { id() }).await, None);
    }

    #[tokio::test]
    async fn work_below_a_span_is_the_same_work() {
        let line = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01";
        let (under, who) = current()
            .scope(async {
                let under = below(&TraceContext::from_line(line), async {
                    // Who it is may be found out further down, and is known above.
                    with(|it| it.know(|| Who { team: "t".into(), subject: "s".into(), key: None }));
                    (id(), trace().to_line())
                });
                (under.await, with(|it| it.who().cloned()).flatten())
            })
            .await;
        assert_eq!(under, (Some("r-1".into()), Some(line.into())));
        assert_eq!(who.map(|it| it.team), Some("t".into()));
    }

    #[test]
    fn the_first_word_on_who_it_is_counts() {
        let who = |team: &str| Who { team: team.into(), subject: "s".into(), key: None };
        let current = current();
        assert_eq!(current.who(), None);
        current.know(|| who("first"));
        current.know(|| who("second"));
        assert_eq!(current.enter(|| with(|it| it.who().cloned())).flatten(), Some(who("first")));
    }
}
