//! `grant_type=client_credentials` (RFC 6749, section 4.4): a service account and one of its API keys.

use std::borrow::Cow;

use outcrop_ports::{Authenticator as _, Credential};
use outcrop_types::{KeyId, PresentedKey, Principal, Subject};
use secrecy::ExposeSecret;

use super::{ClientCredentials, Fields, GrantError, Granted, scope};
use crate::tokens::narrowing;
use crate::{Acting, AuthService};

impl AuthService {
    pub(super) async fn grant_client_credentials(
        &self,
        acting: &Acting,
        fields: &Fields,
        client: Option<ClientCredentials>,
    ) -> Result<Granted, GrantError> {
        let (id, secret) = credentials(fields, client.as_ref())?;
        let key = PresentedKey::parse(&secret)
            .map_err(|_| GrantError::client("its secret is not a well-formed API key"))?;
        let found = self.authenticate(&Credential::ApiKey(key)).await?;
        let mut principal = found.principal;
        if !is_client(&id, &principal) {
            return Err(GrantError::client("the key is not one of this client's"));
        }
        if !principal.scope().allows_address(acting.client_ip()) {
            return Err(GrantError::client("the key is not good from this address"));
        }
        let scope = scope::narrowed(fields, principal.role, principal.scope())?;
        principal.scope = narrowing(scope);
        let issued = self.issue_token(&principal, None, found.expires_at).await?;
        Ok(Granted { issued, refresh: None, principal })
    }
}

/// Id and secret: from the header, or from the body, but not from both (RFC 6749, section 2.3).
fn credentials<'a>(
    fields: &'a Fields,
    client: Option<&'a ClientCredentials>,
) -> Result<(Cow<'a, str>, Cow<'a, str>), GrantError> {
    match client {
        None => {
            let missing = |_| GrantError::client("it gave no id or no secret");
            let (id, secret) = (fields.need("client_id"), fields.need("client_secret"));
            Ok((id.map_err(missing)?.into(), secret.map_err(missing)?.into()))
        }
        Some(_) if fields.get("client_secret").is_some() => {
            let message = "the client authenticates in the header or in the body, not in both";
            Err(GrantError::request(Some("client_secret"), message))
        }
        Some(client) if fields.get("client_id").is_some_and(|id| id != client.id) => {
            Err(GrantError::request(Some("client_id"), "`client_id` is another one than in the header"))
        }
        Some(client) => Ok((client.id.as_str().into(), client.secret.expose_secret().into())),
    }
}

/// Whether this id is the service account's, or its key's.
fn is_client(id: &str, principal: &Principal) -> bool {
    let Subject::ServiceAccount(account) = principal.subject else { return false };
    account.to_string() == id || id.parse::<KeyId>().ok() == principal.key
}
