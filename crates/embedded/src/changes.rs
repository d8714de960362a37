//! Changes told within this process.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use outcrop_ports::{Changes, Heard, PortError};
use outcrop_types::Change;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Changes kept for a listener that is behind; whoever is behind by more forgets all.
const BACKLOG: usize = 1_024;

/// Tells changes to listeners in this process, and only to them: nobody is ever linked, because another process on
/// the same store would not be heard. Clones share the listeners.
#[derive(Debug, Clone)]
pub struct MemoryChanges(broadcast::Sender<Change>);

impl Default for MemoryChanges {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

#[async_trait]
impl Changes for MemoryChanges {
    async fn announce(&self, change: &Change) -> Result<(), PortError> {
        // An error means only that nobody listens.
        let _ = self.0.send(change.clone());
        Ok(())
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        stream::unfold(self.0.subscribe(), |mut receiver| async {
            let change = match receiver.recv().await {
                Ok(change) => change,
                Err(RecvError::Lagged(_)) => Change::Everything,
                Err(RecvError::Closed) => std::future::pending().await,
            };
            Some((Heard::Changed(change), receiver))
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use outcrop_ports::contract;
    use outcrop_types::{SessionId, TeamId};

    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let changes = MemoryChanges::default();
        contract::changes(|| async { Arc::new(changes.clone()) as Arc<dyn Changes> }).await;
    }

    fn team(number: u128) -> Change {
        Change::Team(TeamId::new(uuid::Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn it_links_nobody_and_hears_from_the_moment_of_listening() {
        let changes = MemoryChanges::default();
        changes.announce(&team(1)).await.expect("it cannot fail");
        let mut heard = changes.listen();
        changes.announce(&team(2)).await.expect("it cannot fail");
        assert_eq!(heard.next().await, Some(Heard::Changed(team(2))));
        drop(changes);
        assert_eq!(heard.next().now_or_never(), None, "there is no end");
    }

    #[tokio::test]
    async fn whoever_is_too_slow_forgets_all() {
        let changes = MemoryChanges::default();
        let mut heard = changes.listen();
        let session = Change::Session(SessionId::new(uuid::Uuid::nil()));
        changes.announce(&session).await.expect("it cannot fail");
        for number in 0..BACKLOG as u128 {
            changes.announce(&team(number)).await.expect("it cannot fail");
        }
        assert_eq!(heard.next().await, Some(Heard::Changed(Change::Everything)));
        assert_eq!(heard.next().await, Some(Heard::Changed(team(0))), "what is left follows");
    }
}
