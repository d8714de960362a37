//! The revisions of the protocol.

use std::fmt;
use std::str::FromStr;

/// A revision that is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2024-11-05, over Streamable HTTP.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, batches of messages.
    V2025_03_26,
    /// 2025-06-18: no batches; structured results, elicitation.
    V2025_06_18,
    /// 2025-11-25: streams begin with an event to come back to.
    V2025_11_25,
    /// 2026-07-28: no handshake, no sessions.
    V2026_07_28,
}

/// How clients and servers come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// By `initialize`; sessions.
    Legacy,
    /// Not at all: each request stands for itself.
    Modern,
}

impl Version {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    /// What is offered to a client that asks for a revision nobody knows.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;
    /// What a request speaks that does not say (Streamable HTTP, 2025-06-18, "Protocol Version Header").
    pub const UNSAID: Self = Self::V2025_03_26;

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Which era it belongs to.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Modern,
            _ => Era::Legacy,
        }
    }

    /// The revision that answers an `initialize` which asks for this: the same if it is spoken here, or else our latest
    /// (2025-11-25, "Version Negotiation").
    #[must_use]
    pub fn negotiated(asked: &str) -> Self {
        asked.parse().ok().filter(|it: &Self| it.era() == Era::Legacy).unwrap_or(Self::LATEST_LEGACY)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}

impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("this revision is not spoken here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_asks_for_or_the_latest_it_can_speak() {
        for version in Version::ALL {
            assert_eq!(version.name().parse(), Ok(version));
        }
        assert_eq!(Version::negotiated("2024-11-05"), Version::V2024_11_05);
        assert_eq!(Version::negotiated("1999-01-01"), Version::V2025_11_25);
        // `initialize` is of the old era: whoever sends it cannot mean the new one.
        assert_eq!(Version::negotiated("2026-07-28"), Version::V2025_11_25);
    }
}
