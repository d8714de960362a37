//! What a provider says while a request is answered: notes for the stream, questions for the next round.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_wire::mcp::{Ask, Params, RpcError, notification_message};
use serde_json::Value;
use tokio::sync::mpsc;

use super::rounds::{Rounds, Seal};
use crate::AskError;
use crate::exchange::Outlet;

/// Notes that wait to be sent at most. Whoever has more to tell waits with them.
pub(super) const MAX_WAITING: usize = 32;

/// Where a provider's words go.
#[derive(Debug)]
pub(super) struct ModernOutlet {
    notes: mpsc::Sender<Bytes>,
    rounds: Mutex<Rounds>,
}

impl ModernOutlet {
    /// Notes go to `notes`, which is read as long as somebody listens.
    pub(super) fn new(notes: mpsc::Sender<Bytes>, rounds: Rounds) -> Self {
        Self { notes, rounds: Mutex::new(rounds) }
    }

    /// The result that asks what was not known.
    pub(super) fn input_required(&self, seal: &Seal) -> Result<Params, RpcError> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).input_required(seal)
    }
}

#[async_trait]
impl Outlet for ModernOutlet {
    async fn notify(&self, method: &'static str, params: Value) {
        // Nobody listens any more: the request is about to be dropped.
        let _ = self.notes.send(notification_message(method, &params)).await;
    }

    async fn ask(&self, asks: &[(&str, Ask)]) -> Result<Vec<Value>, AskError> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).ask(asks)
    }

    async fn let_go(&self, _: Duration) {
        // Nobody can come back to a stream of this era.
    }
}
