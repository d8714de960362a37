//! What can be wrong with a token, and with a key.

use outcrop_types::{Classify, ErrorCode};

/// Why a token was not taken, or not made.
///
/// Each says precisely what is wrong, for the log; a client hears only that its token is not valid. None of these
/// holds the token or a part of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than any token of anybody's.
    #[error("the token is {length} bytes long; at most {limit} are read")]
    TooLong {
        /// Its length, bytes.
        length: usize,
        /// The most that is read, bytes.
        limit: usize,
    },
    /// Not the compact form of a signed token; with five parts it is an encrypted one.
    #[error("the token has {count} parts, where a signed token has three")]
    Parts {
        /// How many there are; counted up to six.
        count: usize,
    },
    /// A part does not read, or reads in two ways.
    #[error("the token's {part} {problem}")]
    Malformed {
        /// `header`, `payload` or `signature`.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A member of the header that is needed is missing or malformed, or is one that is never followed.
    #[error("`{name}` of the token's header {problem}")]
    Header {
        /// The member.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A claim is missing or malformed.
    #[error("the token's claim `{name}` {problem}")]
    Claim {
        /// The claim.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Signed for another purpose than as an access or identity token.
    #[error("`typ` of the token's header is of a token for another purpose")]
    WrongType,
    /// Not one of the algorithms that are allowed; `none` and all with shared secrets never are.
    #[error("`alg` of the token's header is not an algorithm that is taken here")]
    WrongAlgorithm,
    /// The keys at hand have none of this name, or none that fits: fetching them again may help.
    #[error("none of the keys at hand is the one that signed the token")]
    UnknownKey,
    /// The token names no key, and several would fit.
    #[error("the token names no single key: several of the issuer's would fit")]
    AmbiguousKey,
    /// The key of this name is of another kind, or for another algorithm.
    #[error("the key that the token names is not one for its `alg`")]
    WrongKey,
    /// Changed after it was signed, or signed by somebody else.
    #[error("the token's signature is not by the key that it names")]
    BadSignature,
    /// Of somebody else.
    #[error("the token's `iss` is another issuer")]
    WrongIssuer,
    /// For somebody else.
    #[error("the token's `aud` is somebody else")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet: `nbf` is in the future")]
    NotYetValid,
    /// Made in the future: clocks disagree by more than the leeway.
    #[error("the token is from the future: `iat` has not come yet; do the clocks agree?")]
    FromTheFuture,
    /// What the token would say is more than a token holds: its scope is too long.
    #[error(
        "the access token would be {length} bytes long, and at most {limit} are taken; give it a shorter scope"
    )]
    TooLarge {
        /// How long it would be, bytes.
        length: usize,
        /// The most, bytes.
        limit: usize,
    },
    /// Could not be signed.
    #[error("could not sign the access token")]
    Sign {
        /// What went wrong.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// Could not be encrypted.
    #[error("could not seal: too long")]
    Seal,
    /// Could not be decrypted.
    #[error(
        "what was sealed was changed or cut short, or sealed with another secret, for another purpose or context"
    )]
    Unseal,
}

impl Classify for TokenError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge { .. } => ErrorCode::InvalidRequest,
            // What a client hears about something sealed is its reader's matter: at rest it is our fault.
            Self::Sign { .. } | Self::Seal | Self::Unseal => ErrorCode::Internal,
            _ => ErrorCode::Unauthenticated,
        }
    }
}

/// Why a key or a set of keys cannot be used. None of these holds a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The library could not make one.
    #[error("could not make a signing key")]
    Generate,
    /// A name that no token could carry.
    #[error("a key's name (`kid`) is 1 to 200 visible ASCII characters")]
    Name,
    /// No PEM, or PEM of something else: certificates, encrypted keys, `RSA PRIVATE KEY`, `EC PRIVATE KEY`.
    #[error(
        "a signing key is one PEM block `PRIVATE KEY` (PKCS #8, not encrypted), as `openssl genpkey` writes it"
    )]
    Pem,
    /// Not the private key of an algorithm that we sign with.
    #[error("the private key is not Ed25519 (EdDSA) or RSA of 2048 to 8192 bits (RS256)")]
    Private,
    /// More than is read.
    #[error("the key set is {length} bytes long; at most {limit} are read")]
    TooLong {
        /// Its length, bytes.
        length: usize,
        /// The most that is read, bytes.
        limit: usize,
    },
    /// More than are read.
    #[error("the key set has {count} keys; at most {limit} are read")]
    TooMany {
        /// How many there are.
        count: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Not JSON, or JSON that reads in two ways.
    #[error("the key or key set {problem}")]
    Json {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// JSON of something else.
    #[error("the key set has no list `keys`")]
    NoKeys,
    /// A key that checks none of the signatures we know: for encryption, symmetric, of an unknown kind, too small.
    #[error("the key cannot check signatures: {problem}")]
    Unusable {
        /// What is wrong with it.
        problem: &'static str,
    },
}
