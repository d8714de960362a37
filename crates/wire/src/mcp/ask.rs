//! What a server may ask of a client, while it answers one of its requests.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ClientCapabilities, form, strict};

/// Something to be asked of the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// A form for its user: `elicitation/create`.
    Elicit {
        /// What it is about.
        message: String,
        /// A JSON Schema of a flat object.
        schema: Value,
    },
    /// A completion by its own model: `sampling/createMessage`, with these parameters.
    Sample(Value),
    /// The folders it works in: `roots/list`.
    Roots,
}

/// What became of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElicitAction {
    /// It was filled.
    Accept,
    /// Its user does not want to.
    Decline,
    /// Its user went away from it.
    Cancel,
}

/// The answer to a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elicited {
    /// What became of it.
    pub action: ElicitAction,
    /// What was filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Value>>,
}

impl Ask {
    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Elicit { .. } => "elicitation/create",
            Self::Sample(_) => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// Its parameters. A form is the mode that every revision knows, so it is not named but where it must be.
    #[must_use]
    pub fn params(&self) -> Value {
        match self {
            Self::Elicit { message, schema } => json!({ "message": message, "requestedSchema": schema }),
            Self::Sample(params) => params.clone(),
            Self::Roots => json!({}),
        }
    }

    /// Checks that an answer is one: it has the form of a result, and what was filled into a form is what was asked for
    /// (2026-07-28, "Elicitation": servers should).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, answer: &Value) -> Result<(), String> {
        match self {
            Self::Elicit { schema, .. } => {
                let said: Elicited = strict::read(answer.clone()).map_err(|error| error.to_string())?;
                match said.action {
                    ElicitAction::Accept => form::check(schema, &said.content.unwrap_or_default()),
                    ElicitAction::Decline | ElicitAction::Cancel => Ok(()),
                }
            }
            Self::Sample(_) => {
                let is_content = answer.get("content").is_some_and(|it| it.is_object() || it.is_array());
                let is_one = is_content && answer.get("role").is_some_and(Value::is_string);
                is_one.then_some(()).ok_or_else(|| "`role` and `content` must be there".to_owned())
            }
            Self::Roots => {
                let is_one = answer.get("roots").is_some_and(Value::is_array);
                is_one.then_some(()).ok_or_else(|| "`roots` must be a list".to_owned())
            }
        }
    }

    /// Whether the client offers it.
    #[must_use]
    pub fn is_offered(&self, by: &ClientCapabilities) -> bool {
        match self {
            Self::Elicit { .. } => by.takes_forms(),
            Self::Sample(_) => by.sampling.is_some(),
            Self::Roots => by.roots.is_some(),
        }
    }

    /// What a client would have to offer.
    #[must_use]
    pub fn needs(&self) -> Value {
        match self {
            Self::Elicit { .. } => json!({ "elicitation": {} }),
            Self::Sample(_) => json!({ "sampling": {} }),
            Self::Roots => json!({ "roots": {} }),
        }
    }
}
