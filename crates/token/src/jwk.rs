//! One public key as JSON Web Key (RFC 7517; RFC 7518, section 6; RFC 8037).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::unverified::is_name;
use crate::{KeyError, OutsideAlgorithm, strict};

/// A public key that checks signatures. A private part that came with it was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: Option<String>,
    algorithm: Option<OutsideAlgorithm>,
    pub(crate) material: Material,
}

/// What a key consists of: numbers in big-endian bytes, points in their fixed length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl Jwk {
    pub(crate) const fn new(kid: String, algorithm: OutsideAlgorithm, material: Material) -> Self {
        Self { kid: Some(kid), algorithm: Some(algorithm), material }
    }

    /// Reads one key, as [`to_json`](Self::to_json) writes it.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        Self::from_members(&strict::object(json).map_err(|problem| KeyError::Json { problem })?)
    }

    /// The key as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::Object(self.members()).to_string()
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The only algorithm it is for, if it says so.
    #[must_use]
    pub const fn algorithm(&self) -> Option<OutsideAlgorithm> {
        self.algorithm
    }

    /// The hash of what it consists of (RFC 7638, with SHA-256), in base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let required = Value::Object(self.material.members()).to_string();
        URL_SAFE_NO_PAD.encode(digest(&SHA256, required.as_bytes()))
    }

    /// Whether signatures by this algorithm can be checked with it.
    #[must_use]
    pub fn fits(&self, algorithm: OutsideAlgorithm) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm) && self.material.fits(algorithm)
    }

    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, KeyError> {
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if is_name(kid) => Some(kid.clone()),
            Some(_) => return Err(KeyError::Name),
        };
        check_purpose(members)?;
        let material = Material::from_members(members)?;
        let algorithm = match members.get("alg") {
            None => None,
            Some(value) => Some(
                value
                    .as_str()
                    .and_then(OutsideAlgorithm::parse)
                    .filter(|it| material.fits(*it))
                    .ok_or(unusable("its `alg` is not one of ours, or not of its kind"))?,
            ),
        };
        Ok(Self { kid, algorithm, material })
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = self.material.members();
        members.extend(self.kid.iter().map(|kid| ("kid".to_owned(), kid.as_str().into())));
        members.extend(self.algorithm.iter().map(|it| ("alg".to_owned(), it.name().into())));
        members.insert("use".to_owned(), "sig".into());
        members
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members().serialize(serializer)
    }
}

impl Material {
    /// Sizes are checked before use: RSA below 2,048 bits is broken, above 8,192 it costs the verifier too much.
    fn from_members(members: &Map<String, Value>) -> Result<Self, KeyError> {
        let bytes = |name: &str| {
            let text = members.get(name).and_then(Value::as_str);
            text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                .ok_or(unusable("a number of it is missing or not base64url"))
        };
        let point = |name: &str, length: usize| {
            bytes(name).and_then(|it| {
                if it.len() == length { Ok(it) } else { Err(unusable("its point has a wrong length")) }
            })
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let (n, e) = (number(bytes("n")?), number(bytes("e")?));
                if !(2_048..=8_192).contains(&bits(&n)) {
                    return Err(unusable("it is RSA of less than 2,048 or more than 8,192 bits"));
                }
                // 3 and more, odd, 33 bits at most: what the library takes, said here to skip the key by its name.
                if !(2..=33).contains(&bits(&e)) || e.last().is_none_or(|last| last % 2 == 0) {
                    return Err(unusable("its exponent is out of range"));
                }
                Ok(Self::Rsa { n, e })
            }
            (Some("EC"), Some("P-256")) => Ok(Self::P256 { x: point("x", 32)?, y: point("y", 32)? }),
            (Some("EC"), Some("P-384")) => Ok(Self::P384 { x: point("x", 48)?, y: point("y", 48)? }),
            (Some("OKP"), Some("Ed25519")) => Ok(Self::Ed25519 { x: point("x", 32)? }),
            _ => Err(unusable("its `kty` or `crv` is not one of ours")),
        }
    }

    const fn fits(&self, algorithm: OutsideAlgorithm) -> bool {
        use OutsideAlgorithm as A;
        match self {
            Self::Rsa { .. } => matches!(algorithm, A::Rs256 | A::Rs384 | A::Rs512 | A::Ps256),
            Self::P256 { .. } => matches!(algorithm, A::Es256),
            Self::P384 { .. } => matches!(algorithm, A::Es384),
            Self::Ed25519 { .. } => matches!(algorithm, A::EdDsa),
        }
    }

    /// The members that RFC 7638 hashes, in its order.
    fn members(&self) -> Map<String, Value> {
        let list: &[(&str, &str, &[u8])] = match self {
            Self::Rsa { n, e } => &[("e", "", e), ("kty", "RSA", &[]), ("n", "", n)],
            Self::P256 { x, y } => &[("crv", "P-256", &[]), ("kty", "EC", &[]), ("x", "", x), ("y", "", y)],
            Self::P384 { x, y } => &[("crv", "P-384", &[]), ("kty", "EC", &[]), ("x", "", x), ("y", "", y)],
            Self::Ed25519 { x } => &[("crv", "Ed25519", &[]), ("kty", "OKP", &[]), ("x", "", x)],
        };
        let value = |word: &str, bytes: &[u8]| match word {
            "" => Value::from(URL_SAFE_NO_PAD.encode(bytes)),
            word => Value::from(word),
        };
        list.iter().map(|(name, word, bytes)| ((*name).to_owned(), value(word, bytes))).collect()
    }
}

/// A key for encryption checks no signatures, even where it could.
fn check_purpose(members: &Map<String, Value>) -> Result<(), KeyError> {
    if members.get("use").is_some_and(|it| it != "sig") {
        return Err(unusable("its `use` is not `sig`"));
    }
    let verifies = |value: &Value| value.as_array().is_some_and(|list| list.iter().any(|it| it == "verify"));
    if members.get("key_ops").is_some_and(|it| !verifies(it)) {
        return Err(unusable("its `key_ops` do not hold `verify`"));
    }
    Ok(())
}

/// Some issuers write numbers with zeros before them.
fn number(bytes: Vec<u8>) -> Vec<u8> {
    match bytes.iter().position(|byte| *byte != 0) {
        Some(0) => bytes,
        Some(zeros) => bytes[zeros..].to_vec(),
        None => Vec::new(),
    }
}

/// How long a number without zeros before it is.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

const fn unusable(problem: &'static str) -> KeyError {
    KeyError::Unusable { problem }
}
