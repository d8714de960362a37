//! The keys that we sign access tokens with, and the signing.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice};

use crate::jwk::Material;
use crate::unverified::is_name;
use crate::{
    AccessClaims, Algorithm, Jwk, KeyError, MAX_TOKEN_LEN, OutsideAlgorithm, TokenError, VerifyingKey,
};

/// The type of an access token (RFC 9068, section 2.1), so that no other token of ours passes for one.
pub(crate) const ACCESS_TYPE: &str = "at+jwt";

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A private key that signs access tokens. Prints only its name and algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    pkcs8: SecretSlice<u8>,
    encoding: EncodingKey,
    public: Jwk,
    kid: String,
}

impl SigningKey {
    /// Makes a new key: Ed25519, or RSA of 2,048 bits. Named `kid`, or else after its thumbprint (RFC 7638).
    ///
    /// To find the primes of an RSA key keeps a core busy for a while: not for a thread that serves requests.
    pub fn generate(algorithm: Algorithm, kid: Option<&str>) -> Result<Self, KeyError> {
        let pkcs8 = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate().and_then(|pair| pkcs8_of(&pair)),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).and_then(|pair| pkcs8_of(&pair)),
        };
        Self::from_pkcs8(algorithm, kid, &pkcs8.map_err(|_| KeyError::Generate)?)
    }

    /// Takes a key of this algorithm as [`to_pkcs8`](Self::to_pkcs8) gave it.
    pub fn from_pkcs8(algorithm: Algorithm, kid: Option<&str>, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let (material, encoding) = match algorithm {
            Algorithm::EdDsa => ed25519(pkcs8)?,
            Algorithm::Rs256 => rsa(pkcs8)?,
        };
        let unnamed = Jwk::new(String::new(), algorithm.into(), material);
        let kid = kid.map_or_else(|| unnamed.thumbprint(), str::to_owned);
        if !is_name(&kid) {
            return Err(KeyError::Name);
        }
        let public = Jwk::new(kid.clone(), algorithm.into(), unnamed.material);
        Ok(Self { algorithm, pkcs8: pkcs8.to_vec().into(), encoding, public, kid })
    }

    /// Takes a key as `openssl genpkey` writes it: one PEM block with PKCS #8, Ed25519 or RSA of 2,048 bits or more;
    /// what it is settles the algorithm.
    pub fn from_pem(kid: Option<&str>, pem: &str) -> Result<Self, KeyError> {
        let body = pem.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.strip_suffix(PEM_END));
        let base64: Zeroizing<String> =
            Zeroizing::new(body.ok_or(KeyError::Pem)?.split_ascii_whitespace().collect());
        let pkcs8 = Zeroizing::new(STANDARD.decode(base64.as_bytes()).map_err(|_| KeyError::Pem)?);
        match Self::from_pkcs8(Algorithm::EdDsa, kid, &pkcs8) {
            Err(KeyError::Private) => Self::from_pkcs8(Algorithm::Rs256, kid, &pkcs8),
            settled => settled,
        }
    }

    /// The private key, to be kept encrypted.
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretSlice<u8> {
        self.pkcs8.expose_secret().to_vec().into()
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public part, to be published.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    /// The public part, to verify with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::new(self.kid.clone(), self.algorithm, self.public.clone())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Signs an access token.
pub fn sign(key: &SigningKey, claims: &AccessClaims) -> Result<String, TokenError> {
    let mut header = Header::new(OutsideAlgorithm::from(key.algorithm).library());
    header.typ = Some(ACCESS_TYPE.to_owned());
    header.kid = Some(key.kid.clone());
    let token =
        encode(&header, &claims.to_wire(), &key.encoding).map_err(|source| TokenError::Sign { source })?;
    if token.len() > MAX_TOKEN_LEN {
        return Err(TokenError::TooLarge { length: token.len(), limit: MAX_TOKEN_LEN });
    }
    Ok(token)
}

fn pkcs8_of(
    pair: &impl AsDer<Pkcs8V1Der<'static>>,
) -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
    pair.as_der().map(|der| Zeroizing::new(der.as_ref().to_vec()))
}

fn ed25519(pkcs8: &[u8]) -> Result<(Material, EncodingKey), KeyError> {
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Private)?;
    let x = pair.public_key().as_ref().to_vec();
    Ok((Material::Ed25519 { x }, EncodingKey::from_ed_der(pkcs8)))
}

fn rsa(pkcs8: &[u8]) -> Result<(Material, EncodingKey), KeyError> {
    let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Private)?;
    let public = pair.public_key();
    let n = public.modulus().big_endian_without_leading_zero().to_vec();
    let e = public.exponent().big_endian_without_leading_zero().to_vec();
    // The library wants PKCS #1 in bytes, and takes PKCS #8 only as PEM.
    let pem = Zeroizing::new(format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(pkcs8)));
    let encoding = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::Private)?;
    Ok((Material::Rsa { n, e }, encoding))
}
