//! Guardrails by rote: words that are blocked, texts that are masked.
//!
//! Until some are set with `PUT /_emulator/guardrails`, every id and version names one that blocks the word `bannedword`
//! and masks `secret@example.com` as `{EMAIL}`. Start reading at [`GuardrailState::find`].

mod apply;
mod found;
mod watch;

use crate::errors::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use apply::apply;
pub(crate) use watch::{Watch, Whole, texts};

/// What the service says of a guardrail that is not there.
const UNKNOWN: &str = "The guardrail identifier or version provided in the request does not exist.";

/// The guardrails there are; the body of `PUT /_emulator/guardrails`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Guardrails {
    pub(crate) guardrails: Vec<Guardrail>,
}

/// One guardrail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Guardrail {
    pub(crate) id: String,
    /// `DRAFT`, `1`, …
    pub(crate) versions: Vec<String>,
    /// Words that must not be said, wherever they stand.
    pub(crate) blocked: Vec<String>,
    /// What is masked, and as what (`EMAIL`).
    pub(crate) masked: BTreeMap<String, String>,
    /// Said in the place of an answer to what must not be asked.
    pub(crate) input_message: String,
    /// Said in the place of an answer that must not be given.
    pub(crate) output_message: String,
}

impl Default for Guardrail {
    fn default() -> Self {
        Self {
            id: String::new(),
            versions: vec!["DRAFT".to_owned(), "1".to_owned()],
            blocked: vec!["bannedword".to_owned()],
            masked: BTreeMap::from([("secret@example.com".to_owned(), "EMAIL".to_owned())]),
            input_message: "Sorry, the model cannot answer this question.".to_owned(),
            output_message: "Sorry, the model's answer cannot be shown.".to_owned(),
        }
    }
}

/// The guardrails of a running emulator.
#[derive(Debug, Default)]
pub(crate) struct GuardrailState(RwLock<Option<Arc<Guardrails>>>);

impl GuardrailState {
    /// Those that were set.
    pub(crate) fn get(&self) -> Arc<Guardrails> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// From now on these are all there are; `None` as in the beginning.
    pub(crate) fn set(&self, guardrails: Option<Guardrails>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = guardrails.map(Arc::new);
    }

    /// The guardrail of this id or ARN, and version.
    pub(crate) fn find(&self, name: &str, version: &str) -> Result<Guardrail, Refusal> {
        let id = name.rsplit_once('/').map_or(name, |(_, id)| id);
        let set = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(set) = set else { return Ok(Guardrail { id: id.to_owned(), ..Guardrail::default() }) };
        let mut known = set.guardrails.iter().filter(|it| it.id == id);
        let found = known.find(|it| it.versions.iter().any(|it| it == version));
        found.cloned().ok_or_else(|| Refusal::validation(UNKNOWN))
    }
}
