//! `POST /auth/token`: from whatever says who somebody is to an access token (RFC 6749).
//!
//! One file per grant; [`Fields`] are what was asked, [`Granted`] what is answered, [`GrantError`] why not. Nothing
//! here knows HTTP.

mod aws_iam;
mod client_credentials;
mod error;
mod fields;
mod password;
mod refresh;
pub(crate) mod scope;

use outcrop_types::{PresentedKey, Principal};
use secrecy::SecretString;

use crate::tokens::IssuedToken;
use crate::{Acting, AuthService};

pub(crate) use error::GrantError;
pub(crate) use fields::Fields;

/// The grants there are, as the metadata lists them.
pub(crate) const GRANT_TYPES: [&str; 4] = ["password", "refresh_token", "client_credentials", "aws_iam"];

/// What a client said of itself in its `Authorization` header.
pub(crate) struct ClientCredentials {
    /// Its id.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: SecretString,
}

/// A token, and what it is good for.
pub(crate) struct Granted {
    /// The token.
    pub(crate) issued: IssuedToken,
    /// What prolongs the login, where there is one.
    pub(crate) refresh: Option<PresentedKey>,
    /// Whose the token is.
    pub(crate) principal: Principal,
}

impl AuthService {
    /// Answers a token request. `client` is what its `Authorization` header says, if anything.
    pub(crate) async fn grant(
        &self,
        acting: &Acting,
        fields: &Fields,
        client: Option<ClientCredentials>,
    ) -> Result<Granted, GrantError> {
        let grant_type = fields.need("grant_type")?;
        self.check_resource(fields)?;
        match grant_type {
            "password" => self.grant_password(acting, fields).await,
            "refresh_token" => self.grant_refresh(acting, fields).await,
            "client_credentials" => self.grant_client_credentials(acting, fields, client).await,
            "aws_iam" => self.grant_by_aws(acting, fields).await,
            other => Err(GrantError::GrantType(other.chars().take(40).collect())),
        }
    }

    /// Refuses a token for somebody else (RFC 8707): whoever asks us for one was misled. MCP clients always say whom it is
    /// for. Where our address is not set, any may be ours.
    fn check_resource(&self, fields: &Fields) -> Result<(), GrantError> {
        let options = self.options();
        let Some(resource) = fields.get("resource").filter(|_| options.public_url_is_set) else {
            return Ok(());
        };
        let (ours, below) = resource.split_at_checked(options.public_url.len()).ok_or(GrantError::Target)?;
        let fits =
            ours.eq_ignore_ascii_case(&options.public_url) && (below.is_empty() || below.starts_with('/'));
        if fits { Ok(()) } else { Err(GrantError::Target) }
    }
}
