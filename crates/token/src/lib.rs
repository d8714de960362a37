//! Everything that knows JSON Web Tokens, without a clock, a network or a store: the time is an argument, and keys
//! are values.
//!
//! - The identity that travels between services: [`InternalSigner`], [`InternalVerifier`].
//! - The access tokens that we issue: [`AccessClaims`], [`sign`] with a [`SigningKey`], [`AccessVerifier`].
//! - The tokens of outside issuers: [`peek`] says whose one claims to be, [`OutsideVerifier`] whether it is.
//! - [`Sealer`]: what is kept or handed out encrypted.
//!
//! Every token from outside is first read by one strict reader, which believes nothing and refuses whatever two
//! readers could understand differently. This is the only crate that knows jsonwebtoken, which signs and checks
//! signatures.

mod access;
mod algorithm;
mod claims;
mod error;
mod internal;
mod jwk;
mod key_set;
mod outside;
mod peek;
mod sealing;
mod signature;
mod signing;
mod strict;
mod unverified;
mod verify;

pub use access::AccessClaims;
pub use algorithm::{Algorithm, OutsideAlgorithm};
pub use error::{KeyError, TokenError};
pub use internal::{
    HEADER, IdentityError, InternalSigner, InternalVerifier, SecretTooShort, is_service, service_principal,
};
pub use jwk::Jwk;
pub use key_set::JwkSet;
pub use outside::{OutsideIssuer, OutsideVerifier};
pub use peek::{Peeked, peek};
pub use sealing::Sealer;
pub use signing::{SigningKey, sign};
pub use verify::{AccessVerifier, VerifyingKey};

/// Longest token read or made, bytes: what proxies let through in one header.
pub const MAX_TOKEN_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests;
