//! Words by which usage can be told apart: what requests say of themselves, as far as settings name it.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use outcrop_http::ApiError;
use outcrop_types::ErrorCode;

/// The header with tags: `feature=search, tier=gold`.
pub(crate) const HEADER: &str = "x-outcrop-tags";
/// Most tags of one record.
const MOST: usize = 8;
/// Longest value, characters; what is longer is cut.
const LONGEST: usize = 64;
/// Most pairs that are read of a header.
const MOST_PAIRS: usize = 64;

/// The tags of the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags(BTreeMap<String, String>);

impl Tags {
    /// None.
    pub(crate) const NONE: Self = Self(BTreeMap::new());

    /// Reads the header.
    ///
    /// # Errors
    /// [`ApiError`] with the header's name when it is no list of pairs.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut tags = BTreeMap::new();
        for value in headers.get_all(HEADER) {
            let text = std::str::from_utf8(value.as_bytes()).map_err(|_| refusal("must be UTF-8"))?;
            for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
                let Some((name, value)) = pair.split_once('=') else {
                    return Err(refusal("must be a list of pairs such as `feature=search, tier=gold`"));
                };
                let (name, value) = (name.trim(), value.trim());
                if name.is_empty() || value.is_empty() || has_control(name) || has_control(value) {
                    return Err(refusal(
                        "must have a name and a value in each pair, without control characters",
                    ));
                }
                if tags.len() == MOST_PAIRS {
                    return Err(refusal(&format!("may hold at most {MOST_PAIRS} pairs")));
                }
                if tags.insert(name.to_owned(), value.to_owned()).is_some() {
                    return Err(refusal("names a tag twice"));
                }
            }
        }
        Ok(Self(tags))
    }
}

impl Tags {
    /// All that a request says of itself: what its header says, and where that names nothing, its metadata.
    pub(crate) fn all(&self, metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = metadata.clone();
        all.extend(self.0.clone());
        all
    }
}

impl FromRequest for Tags {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request.headers()))
    }
}

/// The names that are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct TagNames(Vec<String>);

impl TagNames {
    pub(crate) const fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// What is kept of a request's tags: of those in its header, and where that does not name one, of its metadata. In the
    /// order of the settings, as many as a record holds; what cannot be a tag is none.
    pub(crate) fn of(&self, header: &Tags, metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let value = |name: &String| {
            let value = header.0.get(name).or_else(|| metadata.get(name))?;
            let value = value.trim();
            let fits = !value.is_empty() && !has_control(value);
            fits.then(|| (name.clone(), value.chars().take(LONGEST).collect()))
        };
        self.0.iter().filter_map(value).take(MOST).collect()
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn refusal(why: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, format!("`{HEADER}` {why}.")).with_param(HEADER)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(values: &[&str]) -> Result<Tags, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(HEADER), value);
        }
        Tags::read(&headers)
    }

    fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_header_is_a_list_of_pairs() {
        assert_eq!(read(&[]).unwrap(), Tags::NONE);
        let expected = Tags(pairs(&[("a", "1"), ("b", "x=y"), ("c", "grün")]));
        assert_eq!(read(&["a=1, b = x=y ,", "c=grün"]).unwrap(), expected);
        let many = (0..65).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join(",");
        for wrong in ["a", "=1", "a=", "a=1,a=2", "a=\t1\tb", many.as_str()] {
            let error = read(&[wrong]).unwrap_err();
            assert_eq!(
                (error.code, error.param.as_deref()),
                (ErrorCode::InvalidRequest, Some(HEADER)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_what_settings_name_is_kept_and_the_header_wins() {
        let names = TagNames::new(vec!["feature".into(), "user_id".into()]);
        let header = Tags(pairs(&[("feature", "search"), ("other", "x")]));
        let metadata = pairs(&[("feature", "chat"), ("user_id", "u1"), ("secret", "x")]);
        assert_eq!(names.of(&header, &metadata), pairs(&[("feature", "search"), ("user_id", "u1")]));
        assert_eq!(TagNames::default().of(&header, &metadata), BTreeMap::new());
    }

    #[test]
    fn values_are_bounded() {
        let names = TagNames::new((0..20).map(|at| format!("k{at}")).collect());
        let long = "ü".repeat(100);
        let metadata = (0..20).map(|at| (format!("k{at}"), long.clone())).collect();
        let kept = names.of(&Tags::NONE, &metadata);
        assert_eq!(kept.len(), MOST);
        assert!(kept.values().all(|value| value.chars().count() == LONGEST));
        assert!(names.of(&Tags::NONE, &pairs(&[("k0", "a\nb"), ("k1", " ")])).is_empty());
    }
}
