//! What an operation takes, field by field.

use serde_json::{Value, json};

/// The JSON type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A secret in text: never shown again.
    Secret,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Bool,
    /// A time, RFC 3339.
    Time,
    /// A time, or so many seconds from now.
    Deadline,
    /// A list of texts.
    Texts,
    /// A list of these words.
    TextsOf(&'static [&'static str]),
    /// Anything in braces.
    Object,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Limits on a key.
    Limits,
    /// What a credential is narrowed to.
    Scope,
    /// For whom a policy is.
    Target,
    /// What a policy says.
    Rules,
    /// What shall change of that.
    RulesPatch,
    /// Routes.
    Routes,
    /// What holds for the calls of a route.
    RouteOptions,
    /// From 0 to 1.
    Share,
    /// What is done with an answer.
    Cache,
    /// What is kept in a model's prompt cache.
    PromptCaching,
    /// What fills the blanks of a prompt.
    PromptArguments,
    /// What a prompt says.
    PromptMessages,
    /// A whole number, or nothing said to be nothing.
    WholeOrNull,
}

/// A field of a body, or a parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// One line.
    pub about: &'static str,
}

impl Field {
    pub(crate) const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: true, about }
    }

    pub(crate) const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: false, about }
    }
}

/// What is sent with an operation.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON object with these fields and no other.
    Fields {
        /// The fields.
        fields: &'static [Field],
        /// One that is taken, as JSON.
        example: &'static str,
    },
    /// A form (`application/x-www-form-urlencoded`), or a JSON object, with these fields and no other.
    Form {
        /// The fields.
        fields: &'static [Field],
        /// One that is taken, as JSON.
        example: &'static str,
    },
    /// A form whose parts come one by one (`multipart/form-data`): a part `file`, and these fields.
    Multipart {
        /// The fields besides the file.
        fields: &'static [Field],
    },
    /// What this reference says.
    Dialect {
        /// Whose it is.
        name: &'static str,
        /// Its reference.
        url: &'static str,
        /// One that is taken, as JSON.
        example: &'static str,
        /// What it may have beside that reference's own fields.
        beside: &'static [Field],
    },
}

impl Body {
    /// A body that is taken, as JSON; `None` where none is sent, or one that JSON does not tell.
    #[must_use]
    pub fn example(&self) -> Option<Value> {
        match self {
            Self::None | Self::Multipart { .. } => None,
            Self::Fields { example, .. } | Self::Form { example, .. } | Self::Dialect { example, .. } => {
                // A test reads all of them.
                serde_json::from_str(example).ok()
            }
        }
    }
}

/// The JSON schema of a field.
pub(crate) fn schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Secret => json!({ "type": "string", "format": "password" }),
        Kind::Whole => json!({ "type": "integer" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Deadline => json!({
            "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "integer", "minimum": 1 }]
        }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::TextsOf(words) => json!({ "type": "array", "items": { "type": "string", "enum": words } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        Kind::Limits => json!({ "$ref": "#/components/schemas/Limits" }),
        Kind::Scope => json!({ "$ref": "#/components/schemas/Scope" }),
        Kind::Target => json!({ "$ref": "#/components/schemas/Target" }),
        Kind::Rules => json!({ "$ref": "#/components/schemas/Rules" }),
        Kind::RulesPatch => json!({ "$ref": "#/components/schemas/RulesPatch" }),
        Kind::Routes => json!({
            "type": "array", "items": { "$ref": "#/components/schemas/Route" }, "maxItems": 1000
        }),
        Kind::RouteOptions => json!({ "$ref": "#/components/schemas/RouteOptions" }),
        Kind::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Cache => json!({ "$ref": "#/components/schemas/Cache" }),
        Kind::PromptCaching => json!({ "$ref": "#/components/schemas/PromptCaching" }),
        Kind::PromptArguments => json!({
            "type": "array", "items": { "$ref": "#/components/schemas/PromptArgument" }, "maxItems": 20
        }),
        Kind::PromptMessages => json!({
            "type": "array", "items": { "$ref": "#/components/schemas/PromptMessage" }, "minItems": 1, "maxItems": 32
        }),
        Kind::WholeOrNull => json!({ "type": ["integer", "null"], "minimum": 1 }),
    };
    if let Value::Object(object) = &mut schema {
        object.insert("description".into(), field.about.into());
    }
    schema
}

/// The JSON schema of an object whose fields another reference tells, but for these.
pub(crate) fn beside_others(fields: &[Field]) -> Value {
    if fields.is_empty() {
        return json!({ "type": "object" });
    }
    let properties: serde_json::Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), schema(field))).collect();
    json!({ "type": "object", "properties": properties })
}

/// The JSON schema of an object with these fields and no other.
pub(crate) fn object(fields: &[Field]) -> Value {
    let properties: serde_json::Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), schema(field))).collect();
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}
