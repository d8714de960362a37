//! Which models answer.

use std::path::PathBuf;

use serde::Deserialize;

/// Which models answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// `bedrock://region,region…`, the first of which is called first, the others where it fails; `bedrock://` alone
    /// takes the region of the AWS environment. `emulator://` (in this process), or `emulator://region,region…` for one
    /// in each region.
    pub url: String,
    /// The model that answers when none is named.
    pub default: String,
    /// The model that makes vectors when none is named.
    pub default_embedding: String,
    /// Let the default models answer for the names `gpt-…` and `text-embedding-…` where no model has that name.
    pub compatibility_names: bool,
    /// Time between two looks at which models and inference profiles Bedrock lists, seconds; 0 for none.
    pub refresh_s: u64,
    /// A TOML file whose models add to or change the catalogue.
    pub catalog: Option<PathBuf>,
    /// A TOML file whose prices add to or change the price list.
    pub prices: Option<PathBuf>,
    /// Prefer the inference profiles of the region's geography even for models that the region itself serves.
    pub cross_region: bool,
    /// Let callers name ARNs that the catalogue does not list: application inference profiles, imported, custom and provisioned models.
    pub allow_arns: bool,
    /// Longest wait for the next piece of a stream, milliseconds.
    pub idle_timeout_ms: u64,
    /// Other AWS accounts that models are called in: `name=role-arn`, or `name=role-arn#external-id`, with spaces between.
    /// Routes name them.
    pub accounts: Option<String>,
    /// Where Bedrock is to be found in a region, if not where AWS has it (VPC endpoints, emulators): `us-west-2=https://…`, or
    /// `name/us-west-2=https://…` for an account, with spaces between.
    pub endpoints: Option<String>,
    /// Put marks of the prompt cache into requests that have none, where routes say nothing of it.
    pub prompt_caching: bool,
    /// An Ollama server that the emulator asks for its answers.
    pub ollama: Option<String>,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            url: "emulator://".into(),
            default: "claude-haiku-4-5".into(),
            // What the Bedrock Access Gateway takes: vectors of two models cannot be compared.
            default_embedding: "cohere-embed-multilingual-v3".into(),
            compatibility_names: false,
            refresh_s: 3_600,
            catalog: None,
            prices: None,
            cross_region: false,
            allow_arns: false,
            idle_timeout_ms: 120_000,
            accounts: None,
            endpoints: None,
            prompt_caching: false,
            ollama: None,
        }
    }
}
