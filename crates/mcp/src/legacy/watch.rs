//! What is watched for a session, and what has changed.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use outcrop_wire::mcp::notification_message;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::session::State;
use crate::server::Inner;
use crate::{Caller, Watched};

/// Longest wait for what a provider says.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The lists that are watched for everybody who listens.
const LISTS: [(&str, Watched, &str); 3] = [
    ("tools", Watched::Tools, "notifications/tools/list_changed"),
    ("resources", Watched::Resources, "notifications/resources/list_changed"),
    ("prompts", Watched::Prompts, "notifications/prompts/list_changed"),
];

/// What was known of what is watched, by short names.
pub(super) type Tags = BTreeMap<String, String>;

/// A short text for a long one: equal if that is, and else not.
pub(super) fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text).into();
    URL_SAFE_NO_PAD.encode(&digest[..15])
}

/// What has changed since `known`, each with what is known once it has been told. What cannot be found out now is as it was.
pub(super) async fn changes(
    server: &Inner,
    caller: &Caller,
    state: &State,
    known: &Tags,
) -> (Tags, Vec<(Tags, Bytes)>) {
    let (mut now, mut told) = (Tags::new(), Vec::new());
    for (name, watched, method) in LISTS {
        let before = known.get(name);
        let Some(tag) = tag(server, caller, &watched).await.or_else(|| before.cloned()) else { continue };
        if before.is_some_and(|before| *before != tag) {
            told.push((name.to_owned(), tag.clone(), notification_message(method, &json!({}))));
        }
        now.insert(name.to_owned(), before.cloned().unwrap_or(tag));
    }
    for (uri, at_first) in &state.subscriptions {
        let name = digest(uri);
        let before = known.get(&name).unwrap_or(at_first);
        let tag = tag(server, caller, &Watched::Resource(uri.clone())).await;
        if let Some(tag) = tag.filter(|tag| tag != before) {
            let message = notification_message("notifications/resources/updated", &json!({ "uri": uri }));
            told.push((name.clone(), tag, message));
        }
        now.insert(name, before.clone());
    }
    let mut then = now.clone();
    let told = told.into_iter().map(|(name, tag, message)| {
        then.insert(name, tag);
        (then.clone(), message)
    });
    let told = told.collect();
    (now, told)
}

async fn tag(server: &Inner, caller: &Caller, watched: &Watched) -> Option<String> {
    match tokio::time::timeout(TIMEOUT, server.catalog.watch(caller, watched)).await {
        Ok(Ok(tag)) => tag.map(|it| digest(&it)),
        Ok(Err(halt)) => {
            tracing::debug!(?halt, ?watched, "what is watched cannot be looked at");
            None
        }
        Err(_) => {
            tracing::warn!(?watched, "what is watched was not looked at in time");
            None
        }
    }
}
