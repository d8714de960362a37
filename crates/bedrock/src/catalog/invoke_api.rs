//! What the catalogue calls the shapes of InvokeModel's bodies.

use outcrop_ports::InvokeApi;
use serde::Deserialize;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InvokeApiName {
    TitanEmbed,
    TitanEmbedV2,
    TitanMultimodal,
    CohereEmbed,
    CohereEmbedV4,
    NovaEmbed,
    CohereRerank,
    AmazonRerank,
    AmazonImage,
    StabilityImage,
}

impl From<InvokeApiName> for InvokeApi {
    fn from(name: InvokeApiName) -> Self {
        match name {
            InvokeApiName::TitanEmbed => Self::TitanEmbed,
            InvokeApiName::TitanEmbedV2 => Self::TitanEmbedV2,
            InvokeApiName::TitanMultimodal => Self::TitanMultimodal,
            InvokeApiName::CohereEmbed => Self::CohereEmbed,
            InvokeApiName::CohereEmbedV4 => Self::CohereEmbedV4,
            InvokeApiName::NovaEmbed => Self::NovaEmbed,
            InvokeApiName::CohereRerank => Self::CohereRerank,
            InvokeApiName::AmazonRerank => Self::AmazonRerank,
            InvokeApiName::AmazonImage => Self::AmazonImage,
            InvokeApiName::StabilityImage => Self::StabilityImage,
        }
    }
}
