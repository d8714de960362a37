//! The headers `anthropic-version` and `anthropic-beta`.

use outcrop_chat::InvalidRequest;

use crate::json::shorten;

/// Longest list of betas; Claude Code sends about ten.
const MOST_BETAS: usize = 50;

/// A version of the Messages API. Newer SDKs send the newer one, and a client that sends none means the older one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `2023-06-01`
    #[default]
    V20230601,
    /// `2026-10-21`: without sampling parameters, with instructions in the middle of the conversation.
    V20261021,
}

impl Version {
    /// The header's name.
    pub const HEADER: &'static str = "anthropic-version";

    /// Reads the header.
    ///
    /// # Errors
    /// [`InvalidRequest`] for a version that is not known here.
    pub fn parse(header: Option<&str>) -> Result<Self, InvalidRequest> {
        match header.map(str::trim) {
            None | Some("" | "2023-06-01") => Ok(Self::V20230601),
            Some("2026-10-21") => Ok(Self::V20261021),
            Some(other) => {
                let header = Self::HEADER;
                let other = shorten(other);
                let message = format!("`{header}` must be `2023-06-01` or `2026-10-21`, not `{other}`.");
                Err(InvalidRequest::new(header, message))
            }
        }
    }
}

/// The experiments a client asks to take part in, in its order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Betas(Vec<String>);

impl Betas {
    /// The header's name.
    pub const HEADER: &'static str = "anthropic-beta";

    /// Reads the values of the header, each a list with commas.
    ///
    /// # Errors
    /// [`InvalidRequest`] for a name that is none, or too many.
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequest> {
        let mut betas = Self::default();
        for name in headers.into_iter().flat_map(|value| value.split(',')) {
            betas.add(name.trim())?;
        }
        Ok(betas)
    }

    /// Adds a name.
    pub(super) fn add(&mut self, name: &str) -> Result<(), InvalidRequest> {
        if name.is_empty() || self.0.iter().any(|it| it == name) {
            return Ok(());
        }
        let header = Self::HEADER;
        let fits =
            name.len() <= 100 && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
        if !fits {
            let message = format!("`{header}` names `{}`, which is no beta.", shorten(name));
            return Err(InvalidRequest::new(header, message));
        }
        if self.0.len() == MOST_BETAS {
            let message = format!("`{header}` must not name more than {MOST_BETAS} betas.");
            return Err(InvalidRequest::new(header, message));
        }
        self.0.push(name.to_owned());
        Ok(())
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_use_are_known_and_others_refused() {
        let cases = [
            (None, Some(Version::V20230601)),
            (Some("2023-06-01"), Some(Version::V20230601)),
            (Some(" 2026-10-21 "), Some(Version::V20261021)),
            (Some("2023-01-01"), None),
            (Some("latest"), None),
        ];
        for (header, version) in cases {
            assert_eq!(Version::parse(header).ok(), version, "{header:?}");
        }
    }

    #[test]
    fn betas_are_a_list_in_one_header_or_several() {
        let betas = Betas::parse(["a-1, b-2", "", "b-2,c"]).unwrap();
        assert_eq!(betas.iter().collect::<Vec<_>>(), ["a-1", "b-2", "c"]);
        assert!(Betas::parse(["a b"]).is_err());
        assert!(Betas::parse(["x".repeat(101).as_str()]).is_err());
        let many: Vec<String> = (0..51).map(|it| format!("b{it}")).collect();
        assert!(Betas::parse([many.join(",").as_str()]).is_err());
    }
}
