//! What a provider and its client say to each other while one request is answered.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_wire::mcp::{Ask, LogLevel, RpcError};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::operation::{Operation, Target};
use crate::{Caller, Client, Halt};

/// Why a question to the client has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// The client does not offer it.
    #[error("the client does not offer what this needs")]
    NotOffered(Value),
    /// The client is asked by the result of this request, and comes again (2026-07-28).
    #[error("the client is to be asked first")]
    First,
    /// It answered with a refusal.
    #[error("the client refused: {}", .0.message)]
    Refused(RpcError),
    /// It answered with something that is no answer to this.
    #[error("what the client answered is no answer to what it was asked: {0}")]
    Wrong(String),
    /// It did not answer in time.
    #[error("the client did not answer in time")]
    Late,
    /// The request was called off.
    #[error("the request was called off")]
    Cancelled,
}

impl From<AskError> for Halt {
    fn from(error: AskError) -> Self {
        match error {
            AskError::First => Self::AskFirst,
            AskError::Cancelled => Self::Cancelled,
            AskError::NotOffered(needs) => Self::Refused(RpcError::missing_capability(&needs)),
            AskError::Wrong(_) => {
                Self::Refused(RpcError::new(outcrop_wire::mcp::code::INVALID_PARAMS, error.to_string()))
            }
            AskError::Refused(_) | AskError::Late => {
                Self::Refused(RpcError::new(outcrop_wire::mcp::code::INTERNAL_ERROR, error.to_string()))
            }
        }
    }
}

/// How what is said reaches the client: each era has its own way.
#[async_trait]
pub(crate) trait Outlet: Send + Sync + 'static {
    /// Tells something that belongs to the request. What cannot be told is in the log.
    async fn notify(&self, method: &'static str, params: Value);

    /// Asks all of these at once, each under a name that stays the same whenever the request comes again.
    async fn ask(&self, asks: &[(&str, Ask)]) -> Result<Vec<Value>, AskError>;

    /// Ends the connection, not the request: the client comes back for the rest after so long. Nothing where none can come back.
    async fn let_go(&self, retry: Duration);
}

/// One request being answered.
pub struct Exchange {
    caller: Caller,
    client: Client,
    /// What the client wants progress told under.
    progress_token: Option<Value>,
    /// The progress told last: it only ever grows.
    progress: Mutex<f64>,
    outlet: Arc<dyn Outlet>,
    cancelled: CancellationToken,
    operation: Operation,
}

impl Exchange {
    pub(crate) fn new(
        caller: Caller,
        client: Client,
        progress_token: Option<Value>,
        outlet: Arc<dyn Outlet>,
        cancelled: CancellationToken,
        operation: Operation,
    ) -> Self {
        let progress = Mutex::new(f64::NEG_INFINITY);
        Self { caller, client, progress_token, progress, outlet, cancelled, operation }
    }

    /// On whose behalf.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// For which program.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Cancelled when the client calls the request off.
    #[must_use]
    pub const fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Whether the client wants to be told of progress.
    #[must_use]
    pub const fn wants_progress(&self) -> bool {
        self.progress_token.is_some()
    }

    /// Tells how far it is, if the client wants to know. What does not grow is not told (2025-11-25, "Progress"): callers see to
    /// it that they do not tell more often than a person could read.
    pub async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token) = &self.progress_token else { return };
        {
            let mut last = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            if progress <= *last {
                return;
            }
            *last = progress;
        }
        let mut params = json!({ "progressToken": token, "progress": progress });
        if let Some(total) = total {
            params["total"] = total.into();
        }
        if let Some(message) = message {
            params["message"] = message.into();
        }
        self.outlet.notify("notifications/progress", params).await;
    }

    /// Tells something, if the client wants to be told of what is so severe.
    pub async fn log(&self, level: LogLevel, logger: &str, data: Value) {
        if self.client.log_level.is_some_and(|least| level >= least) {
            let params = json!({ "level": level, "logger": logger, "data": data });
            self.outlet.notify("notifications/message", params).await;
        }
    }

    /// Asks the client something, under a name that stays the same whenever the request comes again.
    ///
    /// Between this and the start of the request nothing may be done that must not be done twice: a modern client is asked by the
    /// request's result, and sends the request again with the answer.
    ///
    /// # Errors
    /// [`AskError`]; with `?` it becomes the [`Halt`] that fits.
    pub async fn ask(&self, name: &str, ask: Ask) -> Result<Value, AskError> {
        let mut answers = self.ask_all(&[(name, ask)]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Asks several things at once; the answers in the same order.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn ask_all(&self, asks: &[(&str, Ask)]) -> Result<Vec<Value>, AskError> {
        for (_, ask) in asks {
            if !ask.is_offered(&self.client.capabilities) {
                return Err(AskError::NotOffered(ask.needs()));
            }
        }
        let answers = self.outlet.ask(asks).await?;
        for ((_, ask), answer) in asks.iter().zip(&answers) {
            ask.check(answer).map_err(AskError::Wrong)?;
        }
        Ok(answers)
    }

    /// What the request is about is among what is offered.
    pub(crate) fn found(&self, target: Target) {
        self.operation.found(target);
    }

    /// Lets the connection go, where the client can come back for the rest (2025-11-25).
    pub async fn let_go(&self, retry: Duration) {
        self.outlet.let_go(retry).await;
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("client", &self.client).finish_non_exhaustive()
    }
}
