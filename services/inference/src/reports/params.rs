//! Parameters by name, each taken once; what nobody takes is refused by its name.

use std::collections::BTreeMap;

use outcrop_http::ApiError;
use outcrop_types::ErrorCode;

/// Parameters as they were given.
#[derive(Debug, Default)]
pub struct Params(BTreeMap<String, String>);

/// A parameter that does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{param}` {wrong}")]
pub struct Unfit {
    /// Its name.
    pub param: String,
    /// What is wrong, to follow the name.
    pub wrong: String,
}

impl Params {
    /// Reads what stands behind the `?`.
    ///
    /// # Errors
    /// [`Unfit`] for a parameter that is given twice, or that has control characters.
    pub fn parse(query: &str) -> Result<Self, Unfit> {
        let mut this = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let shown: String = name.chars().filter(|it| !it.is_control()).take(64).collect();
            if value.chars().any(char::is_control) {
                return Err(Unfit::new(&shown, "has control characters"));
            }
            if this.0.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Unfit::new(&shown, "is given twice"));
            }
        }
        Ok(this)
    }

    /// Adds a parameter, if it has a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// Takes a parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a number within bounds; `usual` if it is not given.
    ///
    /// # Errors
    /// [`Unfit`] for what is no such number.
    pub fn take_count(&mut self, name: &str, usual: usize, most: usize) -> Result<usize, Unfit> {
        let Some(text) = self.take(name) else { return Ok(usual) };
        let count = text.parse().ok().filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| Unfit::new(name, format!("must be a whole number of 1 to {most}")))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Unfit`] for a parameter that nobody took.
    pub fn end(self) -> Result<(), Unfit> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().filter(|it| !it.is_control()).take(64).collect();
                Err(Unfit::new(&shown, "is not known here"))
            }
        }
    }
}

impl Unfit {
    pub(crate) fn new(param: &str, wrong: impl Into<String>) -> Self {
        Self { param: param.to_owned(), wrong: wrong.into() }
    }
}

impl From<Unfit> for ApiError {
    fn from(unfit: Unfit) -> Self {
        Self::new(ErrorCode::InvalidRequest, unfit.to_string()).with_param(unfit.param)
    }
}
