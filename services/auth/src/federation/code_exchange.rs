//! From the code that a browser brought back to the identity token of whoever logged in.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_ports::{OutboundAnswer, OutboundMethod, OutboundRequest, PortError};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::discovery::Endpoints;
use super::identity::shown;
use super::issuers::{Claims, KnownIssuer};
use super::login_error::OidcLoginError;
use super::settings::Login;
use crate::AuthService;

/// How long the issuer may take, and the largest answer read, bytes.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 256 * 1024;

/// Longest code sent on, bytes: Entra ID's are about 2 KiB.
const MAX_CODE: usize = 8 * 1024;

const ATTEMPTED: &str = "exchange a login's code at the issuer";

/// The answer of a token endpoint (RFC 6749, section 5), as far as we need it. It holds secrets: no `Debug`.
#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<SecretString>,
    error: Option<String>,
}

impl AuthService {
    /// The identity token that the issuer gives for a code.
    pub(super) async fn exchange_code(
        &self,
        endpoints: &Endpoints,
        login: &Login,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> Result<SecretString, OidcLoginError> {
        if code.is_empty() || code.len() > MAX_CODE {
            return Err(OidcLoginError::not_begun("`code` is empty or too long"));
        }
        let in_header = login.client_secret.as_ref().filter(|_| !endpoints.secret_in_form);
        let in_form = login.client_secret.as_ref().filter(|_| endpoints.secret_in_form);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect)
            .append_pair("code_verifier", verifier)
            .append_pair("client_id", &login.client_id);
        if let Some(secret) = in_form {
            form.append_pair("client_secret", secret.expose_secret());
        }
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        if let Some(secret) = in_header {
            headers.push(("authorization".to_owned(), basic(&login.client_id, secret)));
        }
        let request = OutboundRequest {
            method: OutboundMethod::Post,
            url: endpoints.token.clone(),
            headers,
            body: form.finish().into(),
            timeout: TIMEOUT,
            max_answer: MAX_ANSWER,
        };
        id_token(&self.ports().outbound.send(request).await?)
    }

    /// The claims of an identity token for the login that has this `nonce` (OpenID Connect Core, section 3.1.3.7).
    pub(super) async fn verify_id_token(
        &self,
        issuer: &KnownIssuer,
        login: &Login,
        token: &SecretString,
        nonce: &str,
    ) -> Result<Claims, OidcLoginError> {
        let verifier = issuer.logins.as_ref().ok_or(OidcLoginError::NoIssuer)?;
        let ports = self.ports();
        let claims = issuer.verify(verifier, token.expose_secret(), &ports.outbound, &ports.clock).await?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if !bool::from(text("nonce").unwrap_or_default().as_bytes().ct_eq(nonce.as_bytes())) {
            return Err(OidcLoginError::denied("the identity token's `nonce` is not that of this login"));
        }
        let several = claims.get("aud").and_then(Value::as_array).is_some_and(|list| list.len() > 1);
        if (several || claims.contains_key("azp")) && text("azp") != Some(login.client_id.as_str()) {
            return Err(OidcLoginError::denied("the identity token's `azp` is another client"));
        }
        Ok(claims)
    }
}

/// RFC 6749, section 2.3.1: both are escaped as in a form before they are joined.
fn basic(id: &str, secret: &SecretString) -> String {
    let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let joined = format!("{}:{}", escaped(id), escaped(secret.expose_secret()));
    format!("Basic {}", STANDARD.encode(joined))
}

fn id_token(answer: &OutboundAnswer) -> Result<SecretString, OidcLoginError> {
    let read: Option<TokenAnswer> = serde_json::from_slice(&answer.body).ok();
    match (answer.status, read) {
        (200, Some(TokenAnswer { id_token: Some(token), .. })) => Ok(token),
        (200, _) => {
            Err(PortError::broken(ATTEMPTED, "its answer has no `id_token`; is the scope `openid` allowed?")
                .into())
        }
        // The code was made up, used, or of another login; or the verifier does not fit it.
        (400, Some(TokenAnswer { error: Some(error), .. })) if error == "invalid_grant" => {
            Err(OidcLoginError::not_begun("the issuer does not take the code"))
        }
        (status, read) => {
            let error = read.and_then(|answer| answer.error).unwrap_or_default();
            let line = format!("it answered {status} {}", shown(&error, 80));
            Err(PortError::unavailable(ATTEMPTED, line).into())
        }
    }
}
