//! The rows of `catalog.toml` and how an operator's rows change them.

use outcrop_chat::Effort;
use outcrop_ports::{InvokeApi, ModelInfo};
use serde::Deserialize;

use super::CatalogError;
use super::invoke_api::InvokeApiName;
use super::names::{Named, foundation_id, parse_name};
use super::words::{self, CacheRow, FamilyName, ModalityName, ReasoningName};

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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) id: String,
    bedrock_id: Option<String>,
    aliases: Option<Vec<String>>,
    /// What people call it; Bedrock's own name for it, where that is known, is better.
    name: Option<String>,
    owned_by: Option<String>,
    /// `YYYY-MM-DD`.
    released: Option<String>,
    input: Option<Vec<ModalityName>>,
    output: Option<Vec<ModalityName>>,
    on_demand: Option<bool>,
    profiles: Option<Vec<String>>,
    context_window: Option<u32>,
    max_output_tokens: Option<u32>,
    output_burndown: Option<u32>,
    min_max_tokens: Option<u32>,
    sampling: Option<bool>,
    exclusive_sampling: Option<bool>,
    stop_sequences: Option<bool>,
    max_stop_sequences: Option<usize>,
    tools: Option<bool>,
    tool_choice: Option<bool>,
    family: Option<FamilyName>,
    reasoning: Option<ReasoningName>,
    /// An effort, in OpenAI's words.
    max_effort: Option<String>,
    xhigh_effort: Option<bool>,
    always_thinks: Option<bool>,
    structured_output: Option<bool>,
    strict_tools: Option<bool>,
    system_tools: Option<Vec<String>>,
    system: Option<bool>,
    system_turns: Option<bool>,
    prefill: Option<bool>,
    tool_result_media: Option<bool>,
    cache: Option<CacheRow>,
    streaming: Option<bool>,
    flex: Option<bool>,
    batch: Option<bool>,
    anthropic_version: Option<String>,
    invoke_api: Option<InvokeApiName>,
    /// The default first.
    dimensions: Option<Vec<u32>>,
    max_input_chars: Option<u32>,
    legacy: Option<bool>,
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

/// Whether one of them is of the model with this id.
pub(super) fn describe(rows: &[Row], base_id: &str) -> bool {
    rows.iter().any(|row| row.bedrock_id.as_deref() == Some(base_id))
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
        set(&mut self.name, change.name);
        set(&mut self.owned_by, change.owned_by);
        set(&mut self.released, change.released);
        set(&mut self.input, change.input);
        set(&mut self.output, change.output);
        set(&mut self.on_demand, change.on_demand);
        set(&mut self.profiles, change.profiles);
        set(&mut self.context_window, change.context_window);
        set(&mut self.max_output_tokens, change.max_output_tokens);
        set(&mut self.output_burndown, change.output_burndown);
        set(&mut self.min_max_tokens, change.min_max_tokens);
        set(&mut self.sampling, change.sampling);
        set(&mut self.exclusive_sampling, change.exclusive_sampling);
        set(&mut self.stop_sequences, change.stop_sequences);
        set(&mut self.max_stop_sequences, change.max_stop_sequences);
        set(&mut self.tools, change.tools);
        set(&mut self.tool_choice, change.tool_choice);
        set(&mut self.family, change.family);
        set(&mut self.reasoning, change.reasoning);
        set(&mut self.max_effort, change.max_effort);
        set(&mut self.xhigh_effort, change.xhigh_effort);
        set(&mut self.always_thinks, change.always_thinks);
        set(&mut self.structured_output, change.structured_output);
        set(&mut self.strict_tools, change.strict_tools);
        set(&mut self.system_tools, change.system_tools);
        set(&mut self.system, change.system);
        set(&mut self.system_turns, change.system_turns);
        set(&mut self.prefill, change.prefill);
        set(&mut self.tool_result_media, change.tool_result_media);
        set(&mut self.cache, change.cache);
        set(&mut self.streaming, change.streaming);
        set(&mut self.flex, change.flex);
        set(&mut self.batch, change.batch);
        set(&mut self.anthropic_version, change.anthropic_version);
        set(&mut self.invoke_api, change.invoke_api);
        set(&mut self.dimensions, change.dimensions);
        set(&mut self.max_input_chars, change.max_input_chars);
        set(&mut self.legacy, change.legacy);
    }
}

/// The model of a row as the row has it, called by the id that stands in it.
pub(super) fn into_info(row: Row) -> Result<ModelInfo, CatalogError> {
    let Some(bedrock_id) = row.bedrock_id else {
        return Err(CatalogError::Row { id: row.id, problem: "a new model needs `bedrock_id`".to_owned() });
    };
    let created = read(row.released.as_deref(), epoch_seconds);
    let max_effort = read(row.max_effort.as_deref(), Effort::parse);
    let (Some(created), Some(max_effort)) = (created, max_effort) else {
        let problem = match created {
            None => "`released` is no day (YYYY-MM-DD)",
            Some(_) => "`max_effort` is no effort (low, medium, high, xhigh, max)",
        };
        return Err(CatalogError::Row { id: row.id, problem: problem.to_owned() });
    };
    let mut aliases = row.aliases.unwrap_or_default();
    if bedrock_id != row.id {
        aliases.push(bedrock_id.clone());
    }
    let base_id = match parse_name(&bedrock_id) {
        Named::OpaqueArn => String::new(),
        _ => foundation_id(&bedrock_id).to_owned(),
    };
    Ok(ModelInfo {
        id: row.id,
        aliases,
        bedrock_id,
        name: row.name,
        base_id,
        on_demand: row.on_demand.unwrap_or(true),
        profiles: row.profiles.unwrap_or_default(),
        stray_profiles: Vec::new(),
        routes_over: None,
        owned_by: row.owned_by.unwrap_or_else(|| "custom".to_owned()),
        created: created.unwrap_or_default(),
        input: words::modalities(row.input),
        output: words::modalities(row.output),
        context_window: row.context_window,
        max_output_tokens: row.max_output_tokens,
        output_burndown: row.output_burndown.unwrap_or(1),
        min_max_tokens: row.min_max_tokens.unwrap_or(1),
        sampling: row.sampling.unwrap_or(true),
        exclusive_sampling: row.exclusive_sampling.unwrap_or(false),
        stop_sequences: row.stop_sequences.unwrap_or(true),
        max_stop_sequences: row.max_stop_sequences,
        tools: row.tools.unwrap_or(true),
        tool_choice: row.tool_choice.unwrap_or(true),
        family: row.family.map(words::family).unwrap_or_default(),
        reasoning: row.reasoning.map(words::reasoning).unwrap_or_default(),
        max_effort,
        xhigh_effort: row.xhigh_effort.unwrap_or(true),
        always_thinks: row.always_thinks.unwrap_or(false),
        structured_output: row.structured_output.unwrap_or(false),
        strict_tools: row.strict_tools.unwrap_or(false),
        system_tools: row.system_tools.unwrap_or_default(),
        system: row.system.unwrap_or(true),
        system_turns: row.system_turns.unwrap_or(false),
        prefill: row.prefill.unwrap_or(true),
        tool_result_media: row.tool_result_media.unwrap_or(true),
        cache: row.cache.map(words::cache),
        streaming: row.streaming.unwrap_or(true),
        flex: row.flex.unwrap_or(false),
        batch: row.batch.unwrap_or(false),
        anthropic_version: row.anthropic_version,
        invoke_api: row.invoke_api.map(InvokeApi::from),
        dimensions: row.dimensions.unwrap_or_default(),
        max_input_chars: row.max_input_chars,
        legacy: row.legacy.unwrap_or(false),
        end_of_life: None,
    })
}

/// A word that may be absent; `None` if it is there and cannot be read.
fn read<T>(word: Option<&str>, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match word {
        None => Some(None),
        Some(word) => parse(word).map(Some),
    }
}

/// Midnight UTC of a day.
fn epoch_seconds(day: &str) -> Option<i64> {
    let day: chrono::NaiveDate = day.parse().ok()?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}
