//! The words and small tables of the catalogue's columns.

use outcrop_ports::{CacheSupport, Family, Modality, ReasoningStyle};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheRow {
    /// Tokens.
    min_tokens: u32,
    #[serde(default)]
    one_hour: bool,
    #[serde(default)]
    tools: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FamilyName {
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
pub(super) enum ReasoningName {
    None,
    Effort,
    ReasoningObject,
    NovaConfig,
    ThinkingBudget,
    ThinkingAdaptive,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModalityName {
    Text,
    Image,
    Document,
    Video,
    Audio,
    Embedding,
    Ranking,
}

pub(super) fn modalities(names: Option<Vec<ModalityName>>) -> Vec<Modality> {
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

pub(super) const fn family(name: FamilyName) -> Family {
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

pub(super) const fn reasoning(name: ReasoningName) -> ReasoningStyle {
    match name {
        ReasoningName::None => ReasoningStyle::None,
        ReasoningName::Effort => ReasoningStyle::Effort,
        ReasoningName::ReasoningObject => ReasoningStyle::ReasoningObject,
        ReasoningName::NovaConfig => ReasoningStyle::NovaConfig,
        ReasoningName::ThinkingBudget => ReasoningStyle::ThinkingBudget,
        ReasoningName::ThinkingAdaptive => ReasoningStyle::ThinkingAdaptive,
    }
}

pub(super) const fn cache(row: CacheRow) -> CacheSupport {
    CacheSupport { min_tokens: row.min_tokens, one_hour: row.one_hour, tools: row.tools }
}
