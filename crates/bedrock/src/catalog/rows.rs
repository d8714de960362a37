//! The rows of `catalog.toml` and how an operator's rows change them.

use std::sync::Arc;

use outcrop_chat::Effort;
use outcrop_ports::{CacheSupport, Family, Modality, ModelInfo, ReasoningStyle};
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
    family: Option<FamilyName>,
    reasoning: Option<ReasoningName>,
    /// An effort, in OpenAI's words.
    max_effort: Option<String>,
    always_thinks: Option<bool>,
    structured_output: Option<bool>,
    strict_tools: Option<bool>,
    system_turns: Option<bool>,
    prefill: Option<bool>,
    tool_result_media: Option<bool>,
    cache: Option<CacheRow>,
    streaming: Option<bool>,
    anthropic_version: Option<String>,
    legacy: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheRow {
    /// Tokens.
    min_tokens: u32,
    #[serde(default)]
    one_hour: bool,
    #[serde(default)]
    tools: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FamilyName {
    Claude,
    Nova,
    Titan,
    Amazon,
    Gpt,
    GptOss,
    Cohere,
    DeepSeek,
    Llama,
    Mistral,
    Stability,
    Other,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReasoningName {
    None,
    Effort,
    ReasoningObject,
    NovaConfig,
    ThinkingBudget,
    ThinkingAdaptive,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModalityName {
    Text,
    Image,
    Document,
    Video,
    Audio,
    Embedding,
    Ranking,
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
        set(&mut self.family, change.family);
        set(&mut self.reasoning, change.reasoning);
        set(&mut self.max_effort, change.max_effort);
        set(&mut self.always_thinks, change.always_thinks);
        set(&mut self.structured_output, change.structured_output);
        set(&mut self.strict_tools, change.strict_tools);
        set(&mut self.system_turns, change.system_turns);
        set(&mut self.prefill, change.prefill);
        set(&mut self.tool_result_media, change.tool_result_media);
        set(&mut self.cache, change.cache);
        set(&mut self.streaming, change.streaming);
        set(&mut self.anthropic_version, change.anthropic_version);
        set(&mut self.legacy, change.legacy);
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
    let max_effort = match row.max_effort.as_deref().map(Effort::parse) {
        None => None,
        Some(Some(effort)) => Some(effort),
        Some(None) => {
            return Err(CatalogError::Row {
                id: row.id,
                problem: "`max_effort` is no effort (low, medium, high, xhigh, max)".to_owned(),
            });
        }
    };
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
        family: row.family.map_or_else(Family::default, family),
        reasoning: row.reasoning.map_or_else(ReasoningStyle::default, reasoning),
        max_effort,
        always_thinks: row.always_thinks.unwrap_or(false),
        structured_output: row.structured_output.unwrap_or(false),
        strict_tools: row.strict_tools.unwrap_or(false),
        system_turns: row.system_turns.unwrap_or(false),
        prefill: row.prefill.unwrap_or(true),
        tool_result_media: row.tool_result_media.unwrap_or(true),
        cache: row.cache.map(|it| CacheSupport {
            min_tokens: it.min_tokens,
            one_hour: it.one_hour,
            tools: it.tools,
        }),
        streaming: row.streaming.unwrap_or(true),
        anthropic_version: row.anthropic_version,
        legacy: row.legacy.unwrap_or(false),
    };
    Ok(Entry { info: Arc::new(info), on_demand })
}

fn modalities(names: Option<Vec<ModalityName>>) -> Vec<Modality> {
    let names = names.unwrap_or_else(|| vec![ModalityName::Text]);
    let modality = |name| match name {
        ModalityName::Text => Modality::Text,
        ModalityName::Image => Modality::Image,
        ModalityName::Document => Modality::Document,
        ModalityName::Video => Modality::Video,
        ModalityName::Audio => Modality::Audio,
        ModalityName::Embedding => Modality::Embedding,
        ModalityName::Ranking => Modality::Ranking,
    };
    names.into_iter().map(modality).collect()
}

const fn family(name: FamilyName) -> Family {
    match name {
        FamilyName::Claude => Family::Claude,
        FamilyName::Nova => Family::Nova,
        FamilyName::Titan => Family::Titan,
        FamilyName::Amazon => Family::Amazon,
        FamilyName::Gpt => Family::Gpt,
        FamilyName::GptOss => Family::GptOss,
        FamilyName::Cohere => Family::Cohere,
        FamilyName::DeepSeek => Family::DeepSeek,
        FamilyName::Llama => Family::Llama,
        FamilyName::Mistral => Family::Mistral,
        FamilyName::Stability => Family::Stability,
        FamilyName::Other => Family::Other,
    }
}

const fn reasoning(name: ReasoningName) -> ReasoningStyle {
    match name {
        ReasoningName::None => ReasoningStyle::None,
        ReasoningName::Effort => ReasoningStyle::Effort,
        ReasoningName::ReasoningObject => ReasoningStyle::ReasoningObject,
        ReasoningName::NovaConfig => ReasoningStyle::NovaConfig,
        ReasoningName::ThinkingBudget => ReasoningStyle::ThinkingBudget,
        ReasoningName::ThinkingAdaptive => ReasoningStyle::ThinkingAdaptive,
    }
}

/// Midnight UTC of a day.
fn epoch_seconds(day: &str) -> Option<i64> {
    let day: chrono::NaiveDate = day.parse().ok()?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}
