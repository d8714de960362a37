//! What each request of a session is: the methods that only this era has, and those that both have.

use std::time::Duration;

use async_trait::async_trait;
use outcrop_wire::mcp::{Ask, LogLevel, Params, Request, RpcError, code, read_params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::Session;
use super::watch;
use crate::exchange::Outlet;
use crate::server::Inner;
use crate::{AskError, Exchange, Halt, Watched, methods};

/// Longest URI that a client is told of, bytes: it is kept for as long as the session.
const MAX_URI: usize = 2_048;

/// Answers a request.
pub(super) async fn outcome(
    server: &Inner,
    session: Session,
    exchange: &Exchange,
    request: Request,
) -> Result<Params, Halt> {
    let Request { method, params, .. } = request;
    match &*method {
        "ping" => Ok(Params::new()),
        "logging/setLevel" => set_level(server, session, params).await,
        "resources/subscribe" => subscribe(server, session, exchange, params).await,
        "resources/unsubscribe" => unsubscribe(server, session, params).await,
        "initialize" => {
            Err(RpcError::new(code::INVALID_REQUEST, "`initialize` comes alone, and first").into())
        }
        method => methods::answer(&server.catalog, exchange, method, params).await,
    }
}

#[derive(Deserialize)]
struct Level {
    level: LogLevel,
}

#[derive(Deserialize)]
struct Subscribed {
    uri: String,
}

async fn set_level(server: &Inner, session: Session, params: Params) -> Result<Params, Halt> {
    let Level { level } = read_params(params)?;
    let set = |state: &mut super::session::State| Ok(state.log_level.replace(level) != Some(level));
    session.change(server, set).await?;
    Ok(Params::new())
}

async fn subscribe(
    server: &Inner,
    session: Session,
    exchange: &Exchange,
    params: Params,
) -> Result<Params, Halt> {
    let Subscribed { uri } = read_params(params)?;
    if uri.len() > MAX_URI {
        let words = format!("`params.uri` must have at most {MAX_URI} bytes");
        return Err(RpcError::invalid_params("params.uri", words).into());
    }
    let watched = Watched::Resource(uri.clone());
    let Some(tag) = server.catalog.watch(exchange.caller(), &watched).await? else {
        let words = "there is no such resource, or nobody tells of its changes";
        let error = RpcError::new(code::RESOURCE_NOT_FOUND, words);
        return Err(error.with_data(json!({ "uri": uri })).into());
    };
    let (tag, most) = (watch::digest(&tag), server.options.max_subscriptions);
    let add = |state: &mut super::session::State| {
        if state.subscriptions.contains_key(&uri) {
            return Ok(false);
        }
        if state.subscriptions.len() >= most {
            let words = format!("a session is told of at most {most} resources; unsubscribe from one");
            return Err(RpcError::new(429, words));
        }
        state.subscriptions.insert(uri.clone(), tag.clone());
        Ok(true)
    };
    session.change(server, add).await?;
    Ok(Params::new())
}

async fn unsubscribe(server: &Inner, session: Session, params: Params) -> Result<Params, Halt> {
    let Subscribed { uri } = read_params(params)?;
    session.change(server, |state| Ok(state.subscriptions.remove(&uri).is_some())).await?;
    Ok(Params::new())
}

/// For what is answered at once: whatever is said beside is let go.
pub(super) struct Mute;

#[async_trait]
impl Outlet for Mute {
    async fn notify(&self, _: &'static str, _: Value) {}

    async fn ask(&self, asks: &[(&str, Ask)]) -> Result<Vec<Value>, AskError> {
        match asks.first() {
            Some((_, ask)) => Err(AskError::NotOffered(ask.needs())),
            None => Ok(Vec::new()),
        }
    }

    async fn let_go(&self, _: Duration) {}
}
