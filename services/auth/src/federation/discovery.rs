//! What an issuer publishes of itself: its keys, and where its logins are (OpenID Connect Discovery 1.0).

use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{Outbound, OutboundMethod, OutboundRequest, PortError};
use outcrop_token::JwkSet;
use serde::Deserialize;

use super::settings::{Issuer, is_local_url, is_url};

/// How long each of the two requests may take, and the largest answer read, bytes.
const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_ANSWER: usize = 256 * 1024;

/// Where the document is, behind the issuer's address.
const DOCUMENT: &str = "/.well-known/openid-configuration";

/// What an issuer published when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    /// Its keys.
    pub(super) keys: JwkSet,
    /// Where browsers log in; there if the issuer is configured for that.
    pub(super) endpoints: Option<Endpoints>,
}

/// Where browsers log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) authorization: String,
    pub(super) token: String,
    /// Whether our secret goes into the form, in place of the `Authorization` header.
    pub(super) secret_in_form: bool,
}

/// The document, as far as we need it.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Asks an issuer. The error names it.
pub(super) async fn ask(issuer: &Issuer, outbound: &dyn Outbound) -> Result<Published, PortError> {
    let document = if issuer.jwks_uri.is_none() || issuer.login.is_some() {
        Some(document(issuer, outbound).await?)
    } else {
        None
    };
    let endpoints = match (&issuer.login, &document) {
        (Some(_), Some(document)) => Some(endpoints(issuer, document)?),
        _ => None,
    };
    let keys_at = match (&issuer.jwks_uri, &document) {
        (Some(url), _) => url.clone(),
        (None, Some(document)) => named(issuer, "jwks_uri", document.jwks_uri.as_ref())?,
        (None, None) => return Err(broken(issuer, "nothing says where its keys are")),
    };
    let answer = get(issuer, outbound, &keys_at).await?;
    let keys = JwkSet::parse(&answer).map_err(|error| PortError::broken(attempted(issuer), error))?;
    Ok(Published { keys, endpoints })
}

async fn document(issuer: &Issuer, outbound: &dyn Outbound) -> Result<Document, PortError> {
    // Section 4.1: a slash at the end of the issuer is taken away first.
    let url = format!("{}{DOCUMENT}", issuer.issuer.trim_end_matches('/'));
    let answer = get(issuer, outbound, &url).await?;
    let document: Document =
        serde_json::from_slice(&answer).map_err(|error| PortError::broken(attempted(issuer), error))?;
    // Section 4.3: a document of somebody else must not say whose keys are to be believed.
    if document.issuer != issuer.issuer {
        let other: String = document.issuer.escape_debug().take(200).collect();
        let line =
            format!("its discovery document is of the issuer `{other}`; `issuer` must be that to the letter");
        return Err(broken(issuer, line));
    }
    Ok(document)
}

fn endpoints(issuer: &Issuer, document: &Document) -> Result<Endpoints, PortError> {
    let authorization = named(issuer, "authorization_endpoint", document.authorization_endpoint.as_ref())?;
    let token = named(issuer, "token_endpoint", document.token_endpoint.as_ref())?;
    // By default `client_secret_basic`, which also goes first where both are taken.
    let methods = document.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
    let has = |name: &str| methods.iter().any(|method| method == name);
    let secret_in_form = has("client_secret_post") && !has("client_secret_basic");
    Ok(Endpoints { authorization, token, secret_in_form })
}

/// An address that the document names. Only an issuer on this machine sends us, or a browser, to this machine without
/// https: what listens here takes for a friend whoever asks from here.
fn named(issuer: &Issuer, field: &str, url: Option<&String>) -> Result<String, PortError> {
    let usable = |url: &&String| is_url(url) && (!is_local_url(url) || is_local_url(&issuer.issuer));
    url.filter(usable)
        .cloned()
        .ok_or_else(|| broken(issuer, format!("its discovery document names no `{field}` with https://")))
}

async fn get(issuer: &Issuer, outbound: &dyn Outbound, url: &str) -> Result<Bytes, PortError> {
    let request = OutboundRequest {
        method: OutboundMethod::Get,
        url: url.to_owned(),
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body: Bytes::new(),
        timeout: TIMEOUT,
        max_answer: MAX_ANSWER,
    };
    let answer = outbound.send(request).await?;
    match answer.status {
        200 => Ok(answer.body),
        status => Err(PortError::unavailable(attempted(issuer), format!("it answered {status}"))),
    }
}

fn broken(issuer: &Issuer, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::broken(attempted(issuer), why)
}

fn attempted(issuer: &Issuer) -> String {
    format!("fetch what the issuer `{}` publishes", issuer.name)
}
