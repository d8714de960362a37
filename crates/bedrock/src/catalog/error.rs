//! Why a catalogue cannot be used.

use crate::prices::PriceError;

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The built-in rows are wrong; a test rules it out.
    #[error("the built-in model catalogue does not parse")]
    BuiltIn(#[source] toml::de::Error),
    /// The operator's rows are not in the form of the catalogue.
    #[error("the model overrides do not parse")]
    Overrides(#[source] toml::de::Error),
    /// The price list cannot be used.
    #[error(transparent)]
    Prices(#[from] PriceError),
    /// A row lacks what it needs.
    #[error("model `{id}` in the catalogue: {problem}")]
    Row {
        /// The row.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two models claim one name.
    #[error("the name `{name}` stands for both `{first}` and `{second}`")]
    SameName {
        /// The name.
        name: String,
        /// The model that has it.
        first: String,
        /// The model that claims it too.
        second: String,
    },
    /// A default model is not in the catalogue.
    #[error("the {which} `{asked}` is not in the catalogue{}", did_you_mean(near))]
    UnknownDefault {
        /// Which of the defaults.
        which: &'static str,
        /// What was set.
        asked: String,
        /// Names that resemble it.
        near: Vec<String>,
    },
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}
