//! Typed ids: a UUID (version 7, so that they sort by age) behind a prefix that says what it names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// An id that does not read as `<prefix>_<32 hex digits>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an id of the form `{prefix}_` and 32 hexadecimal digits")]
pub struct MalformedId {
    prefix: &'static str,
    given: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with, less the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID made by an id generator.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            #[must_use]
            pub const fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| MalformedId { prefix: $prefix, given: text.chars().take(80).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An answer of the Responses API.
    ResponseId, "resp"
);
id!(
    /// A team: the unit that owns keys, limits, budgets and data.
    TeamId,
    "team"
);
id!(
    /// A person.
    UserId,
    "user"
);
id!(
    /// A program that acts in its own name.
    ServiceAccountId,
    "svc"
);
id!(
    /// One usage record.
    UsageId,
    "use"
);
id!(
    /// One asynchronous job.
    JobId,
    "job"
);

id!(
    /// A file that a client keeps here.
    FileId,
    "file"
);
id!(
    /// A batch: many model calls from a file. The UUID is that of its job.
    BatchId,
    "batch"
);
id!(
    /// An endpoint that is told of a team's work.
    WebhookId,
    "wh"
);
id!(
    /// One event told to one endpoint.
    DeliveryId,
    "whd"
);

id!(
    /// A login: what refresh tokens and browser cookies belong to, and what a logout ends.
    SessionId,
    "ses"
);

id!(
    /// A policy: how much somebody may use.
    PolicyId,
    "pol"
);
id!(
    /// A prompt that a team has written for its people.
    PromptId,
    "prompt"
);
id!(
    /// An alert: a share of a budget that was spent.
    AlertId,
    "alert"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = TeamId::new(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "team_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let user = UserId::new(Uuid::from_u128(7)).to_string();
        assert!(user.parse::<TeamId>().is_err());
        assert!("team_".parse::<TeamId>().is_err());
        assert!("team_zz".parse::<TeamId>().is_err());
    }
}
