//! Logins, the secrets that belong to them, and what tokens are signed with.

use outcrop_types::{
    Invitation, KeyHash, LoginMethod, RefreshToken, Scope, Session, SessionId, StoredSigningKey, Subject,
    TeamId, UserId,
};

use super::{at, key_id, narrow_scope, session_id, user_id};

/// A login of the person of this number for a team, begun at second `number`, with nothing optional set. It
/// ends by itself at second 10,000.
#[must_use]
pub fn session(number: u32, team: TeamId) -> Session {
    Session {
        id: session_id(number),
        subject: Subject::User(user_id(number)),
        team,
        scope: Scope::default(),
        method: LoginMethod::Password,
        cookie: None,
        created_at: at(number.into()),
        expires_at: at(10_000),
        revoked_at: None,
    }
}

/// The same in a browser, by an outside issuer, with everything set.
#[must_use]
pub fn browser_session(number: u32, team: TeamId) -> Session {
    Session {
        scope: narrow_scope(),
        method: LoginMethod::Oidc,
        cookie: Some((key_id(number), KeyHash::from_bytes([(number % 251) as u8; 32]))),
        revoked_at: Some(at(9_000)),
        ..session(number, team)
    }
}

/// A refresh token of a login, made at second `number`. It ends by itself at second 5,000.
#[must_use]
pub fn refresh_token(number: u32, session: SessionId) -> RefreshToken {
    RefreshToken {
        id: key_id(number),
        hash: KeyHash::from_bytes([(number % 251) as u8; 32]),
        session,
        created_at: at(number.into()),
        expires_at: at(5_000),
        used_at: None,
    }
}

/// An invitation, made at second `number`. It ends by itself at second 5,000.
#[must_use]
pub fn invitation(number: u32, user: UserId) -> Invitation {
    Invitation {
        id: key_id(number),
        hash: KeyHash::from_bytes([(number % 251) as u8; 32]),
        user,
        created_at: at(number.into()),
        expires_at: at(5_000),
    }
}

/// The signing key of a generation, made at second `generation` and active 100 seconds later.
#[must_use]
pub fn signing_key(generation: u32) -> StoredSigningKey {
    StoredSigningKey {
        kid: format!("kid-{generation}"),
        generation,
        algorithm: "EdDSA".to_owned(),
        public_jwk: format!("{{\"kty\":\"OKP\",\"kid\":\"kid-{generation}\"}}"),
        sealed: vec![0, 255, 39, 34, (generation % 251) as u8],
        created_at: at(generation.into()),
        active_from: at(i64::from(generation) + 100),
        revoked_at: None,
    }
}
