//! The rows of `catalog.toml` and how an operator's rows change them.

use std::sync::Arc;

use outcrop_ports::{Modality, ModelInfo};
use serde::Deserialize;

use super::names::choose_profile;
use super::{CatalogError, Entry};

const BUILT_IN: &str = include_str!("../../catalog.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The day the rows were last checked; for people.
    #[serde(default, rename = "version")]
    _version: String,
    #[serde(default)]
    model: Vec<Row>,
}

/// One model. Everything but `id` may be absent: in an override it then stays as it was.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) bedrock_id: Option<String>,
    aliases: Option<Vec<String>>,
    owned_by: Option<String>,
    /// `YYYY-MM-DD`.
    released: Option<String>,
    input: Option<Vec<ModalityName>>,
    output: Option<Vec<ModalityName>>,
    on_demand: Option<bool>,
    profiles: Option<Vec<String>>,
    context_window: Option<u32>,
    max_output_tokens: Option<u32>,
    min_max_tokens: Option<u32>,
    sampling: Option<bool>,
    exclusive_sampling: Option<bool>,
    stop_sequences: Option<bool>,
    tools: Option<bool>,
    tool_choice: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModalityName {
    Text,
    Image,
    Embedding,
}

pub(super) fn built_in() -> Result<Vec<Row>, toml::de::Error> {
    parse(BUILT_IN)
}

pub(super) fn parse(text: &str) -> Result<Vec<Row>, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.model)
}

/// Changes known rows and appends new ones.
pub(super) fn merge(rows: &mut Vec<Row>, changes: Vec<Row>) {
    for change in changes {
        match rows.iter_mut().find(|row| row.id == change.id) {
            Some(row) => row.take_from(change),
            None => rows.push(change),
        }
    }
}

impl Row {
    fn take_from(&mut self, change: Self) {
        fn set<T>(field: &mut Option<T>, change: Option<T>) {
            if change.is_some() {
                *field = change;
            }
        }
        set(&mut self.bedrock_id, change.bedrock_id);
        set(&mut self.aliases, change.aliases);
        set(&mut self.owned_by, change.owned_by);
        set(&mut self.released, change.released);
        set(&mut self.input, change.input);
        set(&mut self.output, change.output);
        set(&mut self.on_demand, change.on_demand);
        set(&mut self.profiles, change.profiles);
        set(&mut self.context_window, change.context_window);
        set(&mut self.max_output_tokens, change.max_output_tokens);
        set(&mut self.min_max_tokens, change.min_max_tokens);
        set(&mut self.sampling, change.sampling);
        set(&mut self.exclusive_sampling, change.exclusive_sampling);
        set(&mut self.stop_sequences, change.stop_sequences);
        set(&mut self.tools, change.tools);
        set(&mut self.tool_choice, change.tool_choice);
    }
}

/// The model of a row, reached from `region`.
pub(super) fn into_entry(row: Row, region: &str, preferred: Option<&str>) -> Result<Entry, CatalogError> {
    let Some(base) = row.bedrock_id else {
        return Err(CatalogError::Row { id: row.id, problem: "a new model needs `bedrock_id`".to_owned() });
    };
    let created = match row.released.as_deref().map(epoch_seconds) {
        None => 0,
        Some(Some(seconds)) => seconds,
        Some(None) => {
            return Err(CatalogError::Row {
                id: row.id,
                problem: "`released` is no day (YYYY-MM-DD)".to_owned(),
            });
        }
    };
    let on_demand = row.on_demand.unwrap_or(true);
    let profiles = row.profiles.unwrap_or_default();
    let profile = match preferred {
        Some(preferred) if on_demand => profiles.iter().find(|has| *has == preferred).map(String::as_str),
        None if on_demand => None,
        _ => choose_profile(&profiles, region, preferred),
    };
    let bedrock_id = profile.map_or_else(|| base.clone(), |profile| format!("{profile}.{base}"));
    let mut aliases = row.aliases.unwrap_or_default();
    if base != row.id {
        aliases.push(base.clone());
    }
    aliases.extend(profiles.iter().map(|profile| format!("{profile}.{base}")));
    let info = ModelInfo {
        id: row.id,
        aliases,
        bedrock_id,
        owned_by: row.owned_by.unwrap_or_else(|| "custom".to_owned()),
        created,
        input: modalities(row.input),
        output: modalities(row.output),
        context_window: row.context_window,
        max_output_tokens: row.max_output_tokens,
        min_max_tokens: row.min_max_tokens.unwrap_or(1),
        sampling: row.sampling.unwrap_or(true),
        exclusive_sampling: row.exclusive_sampling.unwrap_or(false),
        stop_sequences: row.stop_sequences.unwrap_or(true),
        tools: row.tools.unwrap_or(true),
        tool_choice: row.tool_choice.unwrap_or(true),
    };
    Ok(Entry { info: Arc::new(info), on_demand })
}

fn modalities(names: Option<Vec<ModalityName>>) -> Vec<Modality> {
    let names = names.unwrap_or_else(|| vec![ModalityName::Text]);
    let modality = |name| match name {
        ModalityName::Text => Modality::Text,
        ModalityName::Image => Modality::Image,
        ModalityName::Embedding => Modality::Embedding,
    };
    names.into_iter().map(modality).collect()
}

/// Midnight UTC of a day.
fn epoch_seconds(day: &str) -> Option<i64> {
    let day: chrono::NaiveDate = day.parse().ok()?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}
