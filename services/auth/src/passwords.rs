//! Passwords: hashing and checking them, without telling who exists and without letting logins take the machine.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use outcrop_ports::PortError;
use outcrop_types::{Classify, ErrorCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The cost of one hash: 19 MiB of memory, two passes, one lane. From the OWASP Password Storage Cheat Sheet, which
/// names it as the least for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;

/// Salt as long as RFC 9106, section 3.1, recommends for passwords, bytes.
pub(crate) const SALT_BYTES: usize = 16;

/// Checked in place of the hash that an unknown user, or one without a password, does not have: takes as long. It is
/// the hash of nothing: salt and output are zeros.
const NOBODYS: &str = concat!(
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA",
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
);

/// Characters of a password.
const MIN_CHARS: usize = 12;
const MAX_CHARS: usize = 1_024;

/// How many may wait for each that is at work.
const WAITING_PER_CORE: usize = 16;

/// When to come back if there was no place to wait.
pub(crate) const BUSY_FOR: Duration = Duration::from_secs(1);

/// Hashes and checks passwords: so many at a time as there are cores, for each takes one and 19 MiB.
pub(crate) struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// What came of checking one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    /// It is the one.
    pub(crate) fits: bool,
    /// The stored hash was made at another cost than new ones.
    pub(crate) outdated: bool,
}

/// A password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// As many wait already as shall.
    #[error("too many passwords are being checked now; try again in a second")]
    Busy,
    /// The stored hash does not read, or the machine has no memory left.
    #[error("could not check the password")]
    Broken {
        /// How.
        #[source]
        source: PortError,
    },
}

impl Classify for PasswordError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Busy => ErrorCode::Unavailable,
            Self::Broken { source } => source.code(),
        }
    }
}

/// A new password that does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPassword {
    /// Too short to withstand guessing, or too long.
    #[error("a password has {MIN_CHARS} to {MAX_CHARS} characters")]
    Length,
    /// What no keyboard types.
    #[error("a password holds no control characters")]
    Control,
    /// The first that anybody tries.
    #[error("a password is not the name of its user")]
    Name,
    /// The one that shall be replaced.
    #[error("a new password is another than the old one")]
    Same,
}

/// Whether this may become the password of the user of this name.
pub(crate) fn check_new(password: &SecretString, name: &str) -> Result<(), BadPassword> {
    let text = password.expose_secret();
    // The count of bytes is a cheap upper bound of what is counted.
    if text.len() > MAX_CHARS * 4 || !(MIN_CHARS..=MAX_CHARS).contains(&text.chars().count()) {
        return Err(BadPassword::Length);
    }
    if text.chars().any(char::is_control) {
        return Err(BadPassword::Control);
    }
    if text.to_lowercase() == name.to_lowercase() {
        return Err(BadPassword::Name);
    }
    Ok(())
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_cores(cores, cores * WAITING_PER_CORE)
    }
}

impl Passwords {
    fn with_cores(cores: usize, waiting: usize) -> Self {
        Self { cores: Arc::new(Semaphore::new(cores)), places: Arc::new(Semaphore::new(cores + waiting)) }
    }

    /// The hash to keep of a new password, as PHC string.
    pub(crate) async fn hash(
        &self,
        password: &SecretString,
        salt: [u8; SALT_BYTES],
    ) -> Result<SecretString, PasswordError> {
        let password = password.clone();
        self.work(move || {
            let hash = hasher()?.hash_password_with_salt(password.expose_secret().as_bytes(), &salt)?;
            Ok(SecretString::from(hash.to_string()))
        })
        .await
    }

    /// Checks a password against a stored hash; without one it costs as much, and does not fit.
    pub(crate) async fn check(
        &self,
        password: &SecretString,
        stored: Option<SecretString>,
    ) -> Result<Checked, PasswordError> {
        if password.expose_secret().len() > MAX_CHARS * 4 {
            // Nobody has one that long: nothing is learnt from the answer coming early.
            return Ok(Checked { fits: false, outdated: false });
        }
        let password = password.clone();
        self.work(move || {
            let known = stored.is_some();
            let text = stored.as_ref().map_or(NOBODYS, |it| it.expose_secret());
            let hash = PasswordHash::new(text)?;
            let fits = match hasher()?.verify_password(password.expose_secret().as_bytes(), &hash) {
                Ok(()) => known,
                Err(argon2::password_hash::Error::PasswordInvalid) => false,
                Err(error) => return Err(error),
            };
            Ok(Checked { fits, outdated: fits && is_outdated(&hash) })
        })
        .await
    }

    /// Does it off the threads that serve requests. The permits go with the work: a client that goes away does not
    /// make room for another one while its password is still being hashed.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> argon2::password_hash::Result<T> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => return Err(PasswordError::Busy),
        };
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, core);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(held);
            result
        });
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| PasswordError::Broken {
            source: PortError::broken("check a password", source),
        };
        done.await.map_err(|error| broken(error.into()))?.map_err(|error| broken(error.to_string().into()))
    }
}

fn hasher() -> argon2::password_hash::Result<Argon2<'static>> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

fn params() -> argon2::password_hash::Result<Params> {
    Ok(Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES))?)
}

fn is_outdated(hash: &PasswordHash) -> bool {
    let same = Params::try_from(hash)
        .is_ok_and(|old| (old.m_cost(), old.t_cost(), old.p_cost()) == (MEMORY_KIB, PASSES, LANES));
    !same || hash.algorithm.as_str() != "argon2id" || hash.version != Some(Version::V0x13.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn what_was_hashed_fits_and_nothing_else_does() {
        let passwords = Passwords::default();
        let right = secret("correct horse battery");
        let hash = passwords.hash(&right, [3; SALT_BYTES]).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "as documented");
        let good = passwords.check(&right, Some(hash.clone())).await.unwrap();
        assert_eq!(good, Checked { fits: true, outdated: false });
        assert!(!passwords.check(&secret("correct horse batterx"), Some(hash.clone())).await.unwrap().fits);
        let other = passwords.hash(&right, [4; SALT_BYTES]).await.unwrap();
        assert_ne!(hash.expose_secret(), other.expose_secret(), "the salt counts");
    }

    #[tokio::test]
    async fn nobody_has_no_password_at_the_same_cost() {
        let hash = PasswordHash::new(NOBODYS).unwrap();
        assert!(!is_outdated(&hash), "checking it costs what checking a real one does");
        for password in ["", "correct horse battery"] {
            assert!(!Passwords::default().check(&secret(password), None).await.unwrap().fits);
        }
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_still_fits_and_is_told() {
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let hash = cheap.hash_password_with_salt(b"correct horse battery", &[1; 16]).unwrap().to_string();
        let checked = Passwords::default().check(&secret("correct horse battery"), Some(hash.into())).await;
        assert_eq!(checked.unwrap(), Checked { fits: true, outdated: true });
    }

    #[tokio::test]
    async fn a_stored_hash_that_does_not_read_is_our_fault() {
        for text in ["", "plain", "$argon2id$v=19$m=1,t=0,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAA"] {
            let checked = Passwords::default().check(&secret("x"), Some(secret(text))).await;
            assert_eq!(checked.unwrap_err().code(), ErrorCode::Internal, "{text}");
        }
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded() {
        let passwords = Arc::new(Passwords::with_cores(1, 2));
        let core = Arc::clone(&passwords.cores).acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let passwords = Arc::clone(&passwords);
                tokio::spawn(async move { passwords.check(&secret("x"), None).await })
            })
            .collect();
        while passwords.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.check(&secret("x"), None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unavailable);
        drop(core);
        for waiter in waiting {
            assert!(!waiter.await.unwrap().unwrap().fits);
        }
        assert!(passwords.check(&secret("x"), None).await.is_ok(), "there is room again");
    }

    #[test]
    fn what_makes_a_password() {
        let check = |text: &str| check_new(&secret(text), "Administrator");
        assert_eq!(check("eleven char"), Err(BadPassword::Length));
        assert_eq!(check("twelve chars"), Ok(()));
        assert_eq!(check(&"ü".repeat(12)), Ok(()), "characters are counted, not bytes");
        assert_eq!(check(&"ü".repeat(1_024)), Ok(()));
        assert_eq!(check(&"x".repeat(1_025)), Err(BadPassword::Length));
        assert_eq!(check("tabs\tare no letters"), Err(BadPassword::Control));
        assert_eq!(check("administrator"), Err(BadPassword::Name));
    }
}
