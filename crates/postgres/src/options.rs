//! Where the database is and how long we wait for it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::PortError;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::CurrentPassword;

/// Where the database is and how long we wait for it. Prints no secret.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user@host:5432/database`, with `?sslmode=verify-full&sslrootcert=…` and the like.
    pub url: String,
    /// The password; goes before one in the URL.
    pub password: Option<SecretString>,
    /// Who is asked for the password again once the server refuses it; without one it stays as it is.
    pub keeper: Option<Arc<dyn CurrentPassword>>,
    /// What metrics call its connections, where there are several databases.
    pub pool: &'static str,
    /// Most connections this process opens.
    pub max_connections: u32,
    /// Longest wait for a connection, opening it included: so soon is it known that Postgres is away.
    pub acquire_timeout: Duration,
    /// Longest that one statement may take.
    pub statement_timeout: Duration,
}

impl PostgresOptions {
    /// The database at a URL: at most 10 connections (`main`), 2 seconds for one, 5 seconds for a statement.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            keeper: None,
            pool: "main",
            max_connections: 10,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// What the driver needs to know.
    pub(crate) fn into_connect_options(self) -> Result<PgConnectOptions, PortError> {
        let mut options = PgConnectOptions::from_str(&self.url)
            .map_err(|error| PortError::broken("read the URL of the database", error))?;
        if let Some(password) = &self.password {
            options = options.password(password.expose_secret());
        }
        if options.get_application_name().is_none() {
            options = options.application_name("outcrop");
        }
        Ok(options)
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_printed() {
        let options = PostgresOptions {
            password: Some("s3cret".to_owned().into()),
            ..PostgresOptions::new("postgres://me:hunter2@db.example/outcrop")
        };
        let printed = format!("{options:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("s3cret"), "{printed}");
    }

    #[test]
    fn a_bad_url_is_broken_and_not_shown() {
        for url in [
            "postgres://me:hunter2@db.example:port/outcrop",
            "hunter2",
            "postgres://me:hunter2@db.example/outcrop?sslmode=hunter3",
        ] {
            let Err(failed) = PostgresOptions::new(url).into_connect_options() else { panic!("{url}") };
            assert_eq!(failed.failure, outcrop_ports::PortFailure::Broken);
            assert!(!format!("{} {failed:?}", failed.chain()).contains("hunter2"), "{failed:?}");
        }
    }
}
