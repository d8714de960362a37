//! Where models are called.

use std::fmt;
use std::sync::Arc;

use outcrop_types::{AccountName, Region};

use crate::Models;

/// A region, in somebody's account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose, by the name in the settings; `None` is our own.
    pub account: Option<AccountName>,
    /// Which.
    pub region: Region,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}/{}", self.region),
            None => self.region.fmt(f),
        }
    }
}

/// A place that settings do not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPlace {
    /// No such account.
    #[error("no account `{0}` is configured (`models.accounts`)")]
    Account(AccountName),
    /// Nothing can be called there.
    #[error("`{0}` cannot be called")]
    Region(Place),
}

/// The models of every place that can be called. Connections and credentials are kept for each place.
pub trait Places: Send + Sync + 'static {
    /// The regions that settings name, the one that calls go to first, at first. At least one.
    fn regions(&self) -> &[Region];

    /// The models at a place. Any region can be called in any configured account; cheap after the first time.
    fn at(&self, place: &Place) -> Result<Arc<dyn Models>, UnknownPlace>;
}
