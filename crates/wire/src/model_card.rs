//! What is told of a model, in whichever dialect it is asked for.

use outcrop_chat::Effort;
use outcrop_types::Price;

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCard {
    /// The name to call it by.
    pub id: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// What people call it, where known.
    pub name: Option<String>,
    /// Who makes it.
    pub owned_by: String,
    /// Release, seconds since the Unix epoch; 0 where it is not known.
    pub created: i64,
    /// Tokens of context, where known.
    pub context_window: Option<u32>,
    /// Most tokens of one answer, where known.
    pub max_output_tokens: Option<u32>,
    /// What it reads: `text`, `image`.
    pub input: Vec<&'static str>,
    /// What it writes: `text`, `embedding`.
    pub output: Vec<&'static str>,
    /// Lengths of the vectors it makes, its default first.
    pub dimensions: Vec<u32>,
    /// What it can do.
    pub abilities: Abilities,
    /// What it costs in the standard tier, where known.
    pub price: Option<Price>,
    /// The AWS region that is called.
    pub region: String,
    /// Whether the region serves it itself.
    pub on_demand: bool,
    /// Geographies of the inference profiles it can be called by.
    pub profiles: Vec<String>,
    /// Whether its end is announced.
    pub legacy: bool,
    /// When it ends, seconds since the Unix epoch, where known.
    pub end_of_life: Option<i64>,
}

/// What a model can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Answers in pieces.
    pub streaming: bool,
    /// Calls tools.
    pub tools: bool,
    /// Can be made to call one.
    pub tool_choice: bool,
    /// Keeps to a JSON schema: by itself, or through a tool it is made to call.
    pub structured_output: bool,
    /// Keeps to a JSON schema by itself.
    pub native_structured_output: bool,
    /// How it thinks.
    pub reasoning: Option<Thinking>,
    /// Keeps the beginnings of requests.
    pub prompt_cache: bool,
    /// Keeps them for an hour, where asked.
    pub prompt_cache_1h: bool,
    /// Takes `temperature` and `top_p`.
    pub sampling: bool,
    /// Takes stop strings.
    pub stop_sequences: bool,
    /// Takes Anthropic's own requests, unchanged.
    pub anthropic: bool,
}

/// How a model thinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Cannot be kept from it.
    pub always: bool,
    /// Takes a budget of tokens.
    pub budget: bool,
    /// Decides itself how much.
    pub adaptive: bool,
    /// The hardest it can be told to think, where it takes an effort.
    pub max_effort: Option<Effort>,
    /// Knows the effort between `high` and the greatest.
    pub xhigh: bool,
}
