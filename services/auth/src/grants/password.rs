//! `grant_type=password` (RFC 6749, section 4.3): name and password of a user.

use outcrop_types::{Limits, LoginMethod, Principal, Subject};

use super::{Fields, GrantError, Granted, scope};
use crate::sessions::NewLogin;
use crate::tokens::narrowing;
use crate::{Acting, AuthService};

impl AuthService {
    pub(super) async fn grant_password(
        &self,
        acting: &Acting,
        fields: &Fields,
    ) -> Result<Granted, GrantError> {
        let name = fields.need("username")?;
        let password = fields.need_secret("password")?;
        let proven = self.check_login(acting, name, &password).await?;
        let (team, role) = self.choose_team(&proven.user, fields.get("team")).await?;
        let scope = scope::narrowed(fields, role, &outcrop_types::Scope::default())?;
        let subject = Subject::User(proven.user.id);
        let login = NewLogin { subject, team: team.id, scope, method: LoginMethod::Password };
        let (session, refresh) = self.begin_token_session(login).await?;
        self.confirm_login(&session, &proven, &password).await?;
        let principal = Principal {
            subject,
            team: team.id,
            role,
            key: None,
            limits: Limits::default(),
            scope: narrowing(session.scope),
        };
        let issued = self.issue_token(&principal, Some(session.id), Some(session.expires_at)).await?;
        Ok(Granted { issued, refresh: Some(refresh), principal })
    }
}
