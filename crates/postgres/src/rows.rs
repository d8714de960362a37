//! Reading columns back, and saying which one it was when that fails.

use std::error::Error;
use std::str::FromStr;

use outcrop_ports::PortError;
use outcrop_types::{ServiceAccountId, Subject, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Whether a text may be in the database at all. Postgres has no place for the character NUL and refuses to
/// look for it, while whoever asks only wants to hear that there is nothing of this name.
pub(crate) fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// How many rows to fetch for a page: one more than it holds, which tells whether there are more.
pub(crate) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
