//! Which models there are and what each can do.

use std::sync::Arc;

/// What a model reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Vectors.
    Embedding,
}

/// One model. Capabilities are looked up here, never guessed from a name.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The name clients use and lists show: `claude-haiku-4-5`.
    pub id: String,
    /// Other names for it, Bedrock ids and profile ids among them.
    pub aliases: Vec<String>,
    /// The id that is sent to Bedrock: a model id or an inference profile id.
    pub bedrock_id: String,
    /// Who makes it.
    pub owned_by: String,
    /// Release, seconds since the Unix epoch.
    pub created: i64,
    /// What it reads.
    pub input: Vec<Modality>,
    /// What it writes.
    pub output: Vec<Modality>,
    /// Tokens of context, where known.
    pub context_window: Option<u32>,
    /// Most tokens of one answer, where known.
    pub max_output_tokens: Option<u32>,
    /// Least value of `maxTokens` it takes.
    pub min_max_tokens: u32,
    /// Whether it takes temperature and top_p.
    pub sampling: bool,
    /// Whether it takes temperature or top_p, and refuses both at once.
    pub exclusive_sampling: bool,
    /// Whether it takes stop strings.
    pub stop_sequences: bool,
    /// Whether it takes tools.
    pub tools: bool,
    /// Whether it can be forced to call a tool.
    pub tool_choice: bool,
}

/// A model as a client asked for it.
#[derive(Debug, Clone)]
pub struct ResolvedModel {
    /// The id to send to Bedrock: usually the model's own, or the very profile or ARN that was asked for.
    pub bedrock_id: String,
    /// What is known of the model.
    pub info: Arc<ModelInfo>,
}

/// The models on offer. Answers from memory.
pub trait ModelCatalog: Send + Sync + 'static {
    /// The model behind a name, alias, Bedrock id, profile id or ARN; `None` asks for the default model.
    fn resolve(&self, asked: Option<&str>) -> Option<ResolvedModel>;

    /// All models, in a stable order.
    fn list(&self) -> Vec<Arc<ModelInfo>>;
}
