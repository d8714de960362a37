//! Whether whoever hears a stream may still hear it.
//!
//! Who may come in is asked when a request begins, and a stream of the MCP server may go on for half an hour after that. So
//! it is asked again while it does: a key that is deleted, a role that is taken away or a token that ends must not hear of
//! what happens later.

use std::time::Duration;

use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::CONTENT_TYPE;
use futures::stream;
use outcrop_ports::Credential;
use outcrop_types::Principal;

use crate::{AuthCache, Refusal, events};

/// How often it is asked: for so long a stream may outlive its credential. Mostly the cache answers, which forgets at once what
/// has changed, so that a look costs a digest and no call of a store.
const EVERY: Duration = Duration::from_secs(5);

/// What a stream was opened with, and how long it may go on.
pub(crate) struct Standing {
    pub(crate) cache: AuthCache,
    pub(crate) credential: Credential,
    /// Who opened it.
    pub(crate) principal: Principal,
    /// Whether it tells what happens, rather than the answer to a call. A call was let in when it began and ends by itself:
    /// like any other it is finished when its token ends meanwhile, so that nobody pays for it twice.
    pub(crate) is_of_news: bool,
}

impl Standing {
    /// The same answer; if it is a stream of events, one that ends when the credential is good no more.
    pub(crate) fn watch(self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let kind =
            answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") || answer.response().body().size() != BodySize::Stream {
            return answer;
        }
        answer.map_body(|_, mut body| {
            let pieces = stream::poll_fn(move |context| std::pin::Pin::new(&mut body).poll_next(context));
            BoxBody::new(BodyStream::new(events::until(pieces, self.lost())))
        })
    }

    /// Waits until the stream has to end. A store that is away ends nothing.
    async fn lost(self) {
        let mut ends_at = None;
        loop {
            ends_at = self.cache.ends_at(&self.credential).or(ends_at);
            let left = ends_at.map(|at| (at - self.cache.now()).to_std().unwrap_or_default());
            tokio::time::sleep(left.unwrap_or(EVERY).min(EVERY)).await;
            if ends_at.is_some_and(|at| at <= self.cache.now()) {
                if self.is_of_news {
                    return;
                }
                return std::future::pending().await;
            }
            match self.cache.authenticate(&self.credential).await {
                Ok(now) if !self.is_of_news || self.is_the_same(&now) => {}
                Err(Refusal::Unknown { .. }) => {}
                Ok(_) | Err(Refusal::Invalid { .. }) => return,
            }
        }
    }

    /// Whether what is told to whom it was opened for may be told to whom it is now. Who listens again hears what it may hear.
    fn is_the_same(&self, now: &Principal) -> bool {
        let then = &self.principal;
        (then.subject, then.team, then.role) == (now.subject, now.team, now.role) && then.scope == now.scope
    }
}
