//! Reading columns back, and saying which one it was when that fails.

use std::error::Error;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{ServiceAccountId, Subject, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{QueryBuilder, Sqlite};

/// A column that holds what we would not have written.
#[derive(Debug, thiserror::Error)]
#[error("the value is out of range or not one of ours")]
struct Unreadable;

/// The row that columns come from.
pub(crate) struct Row<'a> {
    /// Its table.
    pub(crate) table: &'static str,
    /// Its primary key.
    pub(crate) id: &'a str,
}

impl Row<'_> {
    /// A column in its text form.
    pub(crate) fn parse<T>(&self, column: &str, text: &str) -> Result<T, PortError>
    where
        T: FromStr<Err: Error + Send + Sync + 'static>,
    {
        text.parse().map_err(|error| self.broken(column, error))
    }

    /// A column in its text form, if it is set.
    pub(crate) fn parse_optional<T>(&self, column: &str, text: Option<&str>) -> Result<Option<T>, PortError>
    where
        T: FromStr<Err: Error + Send + Sync + 'static>,
    {
        text.map(|text| self.parse(column, text)).transpose()
    }

    /// A column that has been read already, or could not be.
    pub(crate) fn known<T>(&self, column: &str, value: Option<T>) -> Result<T, PortError> {
        value.ok_or_else(|| self.broken(column, Unreadable))
    }

    /// A number that is smaller in our types than in the database.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &str, number: i64) -> Result<T, PortError> {
        self.known(column, T::try_from(number).ok())
    }

    /// The same, if it is set.
    pub(crate) fn number_optional<T: TryFrom<i64>>(
        &self,
        column: &str,
        number: Option<i64>,
    ) -> Result<Option<T>, PortError> {
        number.map(|number| self.number(column, number)).transpose()
    }

    /// A column that holds JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, PortError> {
        serde_json::from_str(text).map_err(|error| self.broken(column, error))
    }

    /// A person or a program, told apart by the prefix of the id.
    pub(crate) fn subject(&self, column: &str, text: &str) -> Result<Subject, PortError> {
        if let Ok(id) = text.parse::<ServiceAccountId>() {
            return Ok(Subject::ServiceAccount(id));
        }
        self.parse::<UserId>(column, text).map(Subject::User)
    }

    /// A time in microseconds since the Unix epoch.
    pub(crate) fn time(&self, column: &str, micros: i64) -> Result<DateTime<Utc>, PortError> {
        self.known(column, DateTime::from_timestamp_micros(micros))
    }

    /// The same, if it is set.
    pub(crate) fn time_optional(
        &self,
        column: &str,
        micros: Option<i64>,
    ) -> Result<Option<DateTime<Utc>>, PortError> {
        micros.map(|micros| self.time(column, micros)).transpose()
    }

    fn broken(&self, column: &str, error: impl Error + Send + Sync + 'static) -> PortError {
        PortError::broken(format!("read column {column} of {} `{}`", self.table, self.id), error)
    }
}

/// A row that does not read, met in the middle of a piece of work.
pub(crate) fn unreadable(error: PortError) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// A value as a column that holds JSON.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Narrows a list to names that begin so, to the letter: `LIKE` would take capitals for small letters, and has
/// signs that stand for others.
pub(crate) fn push_name_prefix(query: &mut QueryBuilder<Sqlite>, prefix: &str) {
    // Counted here: SQLite's `length` stops at a NUL.
    let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    query.push(" AND substr(name, 1, ").push_bind(length).push(") = ").push_bind(prefix.to_owned());
}

/// Narrows a list to what is disabled, or to what is not.
pub(crate) fn push_disabled(query: &mut QueryBuilder<Sqlite>, disabled: bool) {
    query.push(if disabled { " AND disabled_at IS NOT NULL" } else { " AND disabled_at IS NULL" });
}

/// A time as it is stored: whole microseconds since the Unix epoch.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// How many rows to fetch for a page: one more than it holds, which tells whether there are more.
pub(crate) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
