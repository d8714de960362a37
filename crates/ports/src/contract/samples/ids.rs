//! The ids of everything.

use outcrop_types::{
    JobId, KeyId, PolicyId, PresentedKey, PromptId, ResponseId, ServiceAccountId, SessionId, TeamId, UsageId,
    UserId,
};
use uuid::Uuid;

/// A team's id.
#[must_use]
pub fn team_id(number: u32) -> TeamId {
    TeamId::new(Uuid::from_u128(number.into()))
}

/// A person's id.
#[must_use]
pub fn user_id(number: u32) -> UserId {
    UserId::new(Uuid::from_u128(number.into()))
}

/// A service account's id.
#[must_use]
pub fn service_account_id(number: u32) -> ServiceAccountId {
    ServiceAccountId::new(Uuid::from_u128(number.into()))
}

/// The id of a kept answer.
#[must_use]
pub fn response_id(number: u32) -> ResponseId {
    ResponseId::new(Uuid::from_u128(number.into()))
}

/// A login's id.
#[must_use]
pub fn session_id(number: u32) -> SessionId {
    SessionId::new(Uuid::from_u128(number.into()))
}

/// The public part of a key, or of another secret. Unlike the others it does not sort by age, as real ones do
/// not.
#[must_use]
pub fn key_id(number: u32) -> KeyId {
    let mut entropy = [0; 16];
    for (place, byte) in entropy.iter_mut().enumerate() {
        *byte = (number.wrapping_mul(2_654_435_761).rotate_left(place as u32 * 5) % 32) as u8;
    }
    PresentedKey::generate(entropy, [0; 86]).id().clone()
}

/// A job's id.
#[must_use]
pub fn job_id(number: u32) -> JobId {
    JobId::new(Uuid::from_u128(number.into()))
}

/// A policy's id.
#[must_use]
pub fn policy_id(number: u32) -> PolicyId {
    PolicyId::new(Uuid::from_u128(number.into()))
}

/// A prompt's id.
#[must_use]
pub fn prompt_id(number: u32) -> PromptId {
    PromptId::new(Uuid::from_u128(number.into()))
}

/// A usage record's id.
#[must_use]
pub fn usage_id(number: u32) -> UsageId {
    UsageId::new(Uuid::from_u128(number.into()))
}
