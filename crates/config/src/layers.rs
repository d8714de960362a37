//! Layers of values on top of each other, each value with its source.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::settings::{Kind, Setting, lookup, nearest};
use crate::{Problem, Source};

/// What environment variables of ours begin with.
const PREFIX: &str = "OUTCROP__";

/// Variables of the Bedrock Access Gateway that mean one of our settings. The rest of its variables are the
/// AWS SDK's (`AWS_REGION`) or have no counterpart, and are left alone.
const ACCESS_GATEWAY: &[(&str, &str)] = &[
    ("DEFAULT_MODEL", "models.default"),
    ("DEFAULT_EMBEDDING_MODEL", "models.default_embedding"),
    ("API_KEY", "auth.static_key"),
    ("ENABLE_CROSS_REGION_INFERENCE", "models.cross_region"),
    ("ENABLE_PROMPT_CACHING", "models.prompt_caching"),
    ("ENABLE_APPLICATION_INFERENCE_PROFILES", "models.allow_arns"),
];

/// Those of them that choose a default model. It always answers there for `gpt-…` and `text-embedding-…`, too.
const DEFAULT_MODELS: [&str; 2] = ["DEFAULT_MODEL", "DEFAULT_EMBEDDING_MODEL"];

/// Variables that OpenTelemetry's SDKs share
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
const OPEN_TELEMETRY: &[(&str, &str)] = &[
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "telemetry.otlp_headers"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "telemetry.otlp_compression"),
];

/// The Access Gateway's variable that names the secret with its API key.
const API_KEY_ARN: &str = "API_KEY_SECRET_ARN";

/// What has been set so far, and everything that was wrong on the way.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) values: BTreeMap<&'static str, (Value, Source)>,
    pub(crate) problems: Vec<Problem>,
}

impl Layers {
    /// Lays a settings file on top.
    pub(crate) fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let line = format!("could not read the settings file {}: {error}", path.display());
                return self.problems.push(Problem::new(line));
            }
        };
        match text.parse::<Table>() {
            Ok(table) => self.table("", table, &Source::File(path.to_owned())),
            // The parser's full message quotes the line, which may hold a secret.
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
                let line = before.matches('\n').count() + 1;
                let message = error.message().lines().next().unwrap_or("it is not TOML");
                self.problems.push(Problem::new(format!("{}, line {line}: {message}", path.display())));
            }
        }
    }

    fn table(&mut self, prefix: &str, table: Table, source: &Source) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match (lookup(&key), value) {
                (Some(setting), value) => self.set(setting, value, source.clone()),
                (None, Value::Table(inner)) if !inner.is_empty() => self.table(&key, inner, source),
                // An empty section says nothing wrong.
                (None, Value::Table(_)) => {}
                (None, _) => self.unknown(&key, &format!("in {source}"), ""),
            }
        }
    }

    /// Lays the environment on top: the Access Gateway's names first, then ours.
    pub(crate) fn env(&mut self, variables: &[(String, String)]) {
        // The gateway's own secret is a JSON object with this field.
        if let Some((name, arn)) = variables.iter().find(|(name, arn)| name == API_KEY_ARN && !arn.is_empty())
        {
            let reference = format!("secretsmanager://{arn}#api_key");
            self.text("auth.static_key", &reference, Source::Env(name.clone()));
        }
        for (name, key) in ACCESS_GATEWAY.iter().chain(OPEN_TELEMETRY) {
            if let Some((_, value)) = variables.iter().find(|(it, _)| it == name) {
                self.text(key, value, Source::Env((*name).to_owned()));
            }
        }
        let chosen =
            |(name, value): &&(String, String)| DEFAULT_MODELS.contains(&name.as_str()) && !value.is_empty();
        if let Some((name, _)) = variables.iter().find(chosen) {
            self.text("models.compatibility_names", "true", Source::Env(name.clone()));
        }
        for (name, value) in variables {
            match name.strip_prefix(PREFIX) {
                Some(path) => {
                    let key = path.to_ascii_lowercase().replace("__", ".");
                    self.text(&key, value, Source::Env(name.clone()));
                }
                None => self.near_prefix(name),
            }
        }
    }

    /// `OUTCROP_SERVER__PORT` is a slip, and not somebody else's variable.
    fn near_prefix(&mut self, name: &str) {
        let Some(rest) = name.strip_prefix("OUTCROP_") else { return };
        if lookup(&rest.to_ascii_lowercase().replace("__", ".")).is_some() {
            let line = format!("unknown variable `{name}`; did you mean `{PREFIX}{rest}`?");
            self.problems.push(Problem::new(line));
        }
    }

    /// Lays one text on top. An empty one is as good as none: compose files and charts pass those on.
    pub(crate) fn text(&mut self, key: &str, text: &str, source: Source) {
        let Some(setting) = lookup(key) else {
            return match &source {
                Source::Env(name) => self.unknown(key, &format!("in the variable {name}"), PREFIX),
                other => self.unknown(key, &format!("on the {other}"), ""),
            };
        };
        if text.is_empty() {
            return;
        }
        let value = match setting.kind {
            Kind::Text | Kind::Choice(_) => Value::String(text.to_owned()),
            Kind::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Value::Boolean(true),
                "false" | "0" => Value::Boolean(false),
                _ => Value::String(text.to_owned()),
            },
            Kind::Whole { .. } => match text.trim().parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::String(text.to_owned()),
            },
        };
        self.set(setting, value, source);
    }

    /// Takes a value if it fits.
    fn set(&mut self, setting: &'static Setting, value: Value, source: Source) {
        match misfit(setting, &value) {
            None => {
                self.values.insert(setting.key, (value, source));
            }
            Some(expected) => {
                let given = if setting.secret { String::new() } else { format!(", not {}", brief(&value)) };
                let line = format!("`{}` ({source}) must be {expected}{given}", setting.key);
                self.problems.push(Problem::new(line));
            }
        }
    }

    fn unknown(&mut self, key: &str, place: &str, prefix: &str) {
        let hint = nearest(key).map_or_else(String::new, |near| {
            if prefix.is_empty() {
                format!("; did you mean `{near}`?")
            } else {
                format!("; did you mean `{prefix}{}`?", near.to_ascii_uppercase().replace('.', "__"))
            }
        });
        self.problems.push(Problem::new(format!("unknown setting `{key}` {place}{hint}")));
    }

    /// The values as one TOML table.
    pub(crate) fn to_table(&self) -> Table {
        let mut root = Table::new();
        for (key, (value, _)) in &self.values {
            match key.split_once('.') {
                None => {
                    root.insert((*key).to_owned(), value.clone());
                }
                Some((section, field)) => {
                    let section = root.entry(section).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(section) = section {
                        section.insert(field.to_owned(), value.clone());
                    }
                }
            }
        }
        root
    }
}

/// What was expected, if the value does not fit.
fn misfit(setting: &Setting, value: &Value) -> Option<String> {
    match (setting.kind, value) {
        (Kind::Text, Value::String(text)) if !text.trim().is_empty() => None,
        (Kind::Text, Value::String(_)) => Some("text that is not blank".to_owned()),
        (Kind::Text, _) => Some("text in quotes".to_owned()),
        (Kind::Bool, Value::Boolean(_)) => None,
        (Kind::Bool, _) => Some("true or false".to_owned()),
        (Kind::Choice(words), Value::String(word)) if words.contains(&word.as_str()) => None,
        (Kind::Choice(words), _) => Some(format!("one of {}", words.join(", "))),
        (Kind::Whole { min, max }, Value::Integer(number))
            if u64::try_from(*number).is_ok_and(|number| (min..=max).contains(&number)) =>
        {
            None
        }
        (Kind::Whole { min, max }, _) => Some(format!("a whole number from {min} to {max}")),
    }
}

/// A value, short enough for a line.
fn brief(value: &Value) -> String {
    match value {
        Value::Table(_) => "a section".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() > 60 {
                let start: String = text.chars().take(60).collect();
                format!("{start}…")
            } else {
                text
            }
        }
    }
}
