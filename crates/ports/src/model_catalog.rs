//! Which models there are and what each can do.

mod reach;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use outcrop_chat::Effort;
use outcrop_types::{Bounds, Price, PriceTier, Region};

/// What a model reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Documents.
    Document,
    /// Films.
    Video,
    /// Sound.
    Audio,
    /// Vectors.
    Embedding,
    /// Scores of texts against a question.
    Ranking,
}

/// Models whose own request fields are alike. What the field is called in `catalog.toml`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Anthropic's Claude.
    Claude,
    /// Amazon's Nova.
    Nova,
    /// Amazon's Titan.
    Titan,
    /// Amazon's other models (rerank).
    Amazon,
    /// OpenAI's GPT models with weights of their own service.
    Gpt,
    /// OpenAI's open-weight models.
    GptOss,
    /// Cohere.
    Cohere,
    /// DeepSeek.
    DeepSeek,
    /// Meta's Llama.
    Llama,
    /// Mistral.
    Mistral,
    /// Stability AI.
    Stability,
    /// Any other.
    #[default]
    Other,
}

/// How a model is told how hard to think (in `additionalModelRequestFields`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ReasoningStyle {
    /// Not at all: it does not think, or thinks as it likes and refuses to be told.
    #[default]
    None,
    /// `{"reasoning_effort": …}`
    Effort,
    /// `{"reasoning": {"effort": …}}`
    ReasoningObject,
    /// `{"reasoningConfig": {"type": "enabled", "maxReasoningEffort": …}}`
    NovaConfig,
    /// `{"thinking": {"type": "enabled", "budget_tokens": …}}`
    ThinkingBudget,
    /// `{"thinking": {"type": "adaptive"}, "output_config": {"effort": …}}`
    ThinkingAdaptive,
    /// Nobody knows: what a client spells in Anthropic's way is passed on as it is, and Bedrock decides.
    Unknown,
}

/// The shape of a model's own requests by InvokeModel, where Outcrop writes them itself. What each is like: Amazon
/// Bedrock user guide, "Inference request parameters and response fields".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvokeApi {
    /// Titan text embeddings of one length: `inputText`.
    TitanEmbed,
    /// Titan text embeddings of several lengths: `inputText`, `dimensions`.
    TitanEmbedV2,
    /// Titan embeddings of texts and pictures: `embeddingConfig`.
    TitanMultimodal,
    /// Cohere embeddings of one length: `texts`.
    CohereEmbed,
    /// Cohere embeddings of several lengths: `output_dimension`.
    CohereEmbedV4,
    /// Nova's embeddings: `singleEmbeddingParams`.
    NovaEmbed,
    /// Cohere's reranker, which asks for an `api_version`.
    CohereRerank,
    /// Amazon's reranker.
    AmazonRerank,
    /// Pictures of Nova Canvas and Titan: `taskType`, `imageGenerationConfig`.
    AmazonImage,
    /// Stability's pictures: `aspect_ratio`.
    StabilityImage,
}

impl InvokeApi {
    /// Most texts, documents or pictures of one call (same source).
    #[must_use]
    pub const fn batch(self) -> usize {
        match self {
            Self::TitanEmbed
            | Self::TitanEmbedV2
            | Self::TitanMultimodal
            | Self::NovaEmbed
            | Self::StabilityImage => 1,
            Self::CohereEmbed | Self::CohereEmbedV4 => 96,
            Self::AmazonImage => 5,
            // How many documents one call ranks is for the model to say.
            Self::CohereRerank | Self::AmazonRerank => usize::MAX,
        }
    }
}

/// What a model's prompt cache can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheSupport {
    /// The shortest beginning of a request that is kept, tokens.
    pub min_tokens: u32,
    /// Whether it keeps for one hour, too.
    pub one_hour: bool,
    /// Whether tools may be followed by a cache point.
    pub tools: bool,
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
    /// What people call it, where known: `Claude Haiku 4.5`.
    pub name: Option<String>,
    /// Bedrock's id of the model itself, which a profile in any geography has in common; empty where only Bedrock knows.
    pub base_id: String,
    /// Whether the region serves it itself, so that its bare id can be called.
    pub on_demand: bool,
    /// Geographies of the inference profiles it can be called by: `us`, `global`.
    pub profiles: Vec<String>,
    /// Those of `profiles` that go outside of their geography, as Bedrock lists them.
    pub stray_profiles: Vec<String>,
    /// For an inference profile of the account: the geography it routes over, if it does.
    pub routes_over: Option<String>,
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
    /// How many tokens of Bedrock's quota one token of output takes, once an answer has ended.
    pub output_burndown: u32,
    /// Least value of `maxTokens` it takes.
    pub min_max_tokens: u32,
    /// Whether it takes temperature and top_p.
    pub sampling: bool,
    /// Whether it takes temperature or top_p, and refuses both at once.
    pub exclusive_sampling: bool,
    /// Whether it takes stop strings.
    pub stop_sequences: bool,
    /// Most stop strings it takes, where that is fewer than Bedrock does.
    pub max_stop_sequences: Option<usize>,
    /// Whether it takes tools.
    pub tools: bool,
    /// Whether it can be forced to call a tool.
    pub tool_choice: bool,
    /// Models whose request fields it shares.
    pub family: Family,
    /// How it is told how hard to think.
    pub reasoning: ReasoningStyle,
    /// The hardest it thinks, where it has a ceiling.
    pub max_effort: Option<Effort>,
    /// Whether it knows the effort between `high` and the greatest; told `high` instead where it does not.
    pub xhigh_effort: bool,
    /// Whether it always thinks, and so cannot be kept from it.
    pub always_thinks: bool,
    /// Whether it can be held to a JSON schema (Converse `outputConfig.textFormat`).
    pub structured_output: bool,
    /// Whether tools can be held to their schemas (Converse `toolSpec.strict`).
    pub strict_tools: bool,
    /// Tools that its provider runs, by name (Converse `systemTool`).
    pub system_tools: Vec<String>,
    /// Whether it takes instructions before the conversation.
    pub system: bool,
    /// Whether it takes instructions in the middle of a conversation.
    pub system_turns: bool,
    /// Whether it continues an assistant turn that the client began.
    pub prefill: bool,
    /// Whether it takes pictures and documents in tool results.
    pub tool_result_media: bool,
    /// Its prompt cache, if it has one.
    pub cache: Option<CacheSupport>,
    /// Whether it answers in pieces.
    pub streaming: bool,
    /// Whether Bedrock's flex tier serves it.
    pub flex: bool,
    /// Whether Bedrock's batch inference takes it.
    pub batch: bool,
    /// The version of Anthropic's Messages that it takes by InvokeModel (`bedrock-2023-05-31`), if it does.
    pub anthropic_version: Option<String>,
    /// How it is asked by InvokeModel for what Converse does not do: vectors, scores, pictures.
    pub invoke_api: Option<InvokeApi>,
    /// Lengths of the vectors it makes, its default first.
    pub dimensions: Vec<u32>,
    /// Most characters of one text, where it counts them.
    pub max_input_chars: Option<u32>,
    /// Whether its provider has announced its end (Bedrock lifecycle `LEGACY`).
    pub legacy: bool,
    /// When it ends, seconds since the Unix epoch, where Bedrock says so.
    pub end_of_life: Option<i64>,
}

impl Default for ModelInfo {
    /// A text model of which nothing is known, and everything is assumed that Bedrock can judge better than we.
    fn default() -> Self {
        Self {
            id: String::new(),
            aliases: Vec::new(),
            bedrock_id: String::new(),
            name: None,
            base_id: String::new(),
            on_demand: true,
            profiles: Vec::new(),
            stray_profiles: Vec::new(),
            routes_over: None,
            owned_by: "custom".to_owned(),
            created: 0,
            input: vec![Modality::Text],
            output: vec![Modality::Text],
            context_window: None,
            max_output_tokens: None,
            output_burndown: 1,
            min_max_tokens: 1,
            sampling: true,
            exclusive_sampling: false,
            stop_sequences: true,
            max_stop_sequences: None,
            tools: true,
            tool_choice: true,
            family: Family::Other,
            reasoning: ReasoningStyle::None,
            max_effort: None,
            xhigh_effort: true,
            always_thinks: false,
            structured_output: false,
            strict_tools: false,
            system_tools: Vec::new(),
            system: true,
            system_turns: false,
            prefill: true,
            tool_result_media: true,
            cache: None,
            streaming: true,
            flex: false,
            batch: false,
            anthropic_version: None,
            invoke_api: None,
            dimensions: Vec::new(),
            max_input_chars: None,
            legacy: false,
            end_of_life: None,
        }
    }
}

/// A model as a client asked for it.
#[derive(Debug, Clone)]
pub struct ResolvedModel {
    /// The id to send to Bedrock: usually the model's own, or the very profile or ARN that was asked for.
    pub bedrock_id: String,
    /// What is known of the model.
    pub info: Arc<ModelInfo>,
}

/// The models on offer. Answers from memory, but for [`discover`](Self::discover).
#[async_trait]
pub trait ModelCatalog: Send + Sync + 'static {
    /// The model behind a name, alias, Bedrock id, profile id or ARN. No name, or one that the operator lets a default
    /// model answer for (`gpt-4o`), gives the default model that writes `output`, if there is one; a name of the
    /// catalogue gives its model, whatever that writes.
    fn resolve_for(&self, asked: Option<&str>, output: Modality) -> Option<ResolvedModel>;

    /// [`resolve_for`](Self::resolve_for) for a chat.
    fn resolve(&self, asked: Option<&str>) -> Option<ResolvedModel> {
        self.resolve_for(asked, Modality::Text)
    }

    /// All models that can be called here, in a stable order.
    fn list(&self) -> Vec<Arc<ModelInfo>>;

    /// The model behind a name as this region calls it; [`resolve_for`](Self::resolve_for) is for the region that calls go to
    /// first. A friendly name gets the way that leaves the region no further than it must and stays `within` the bounds. An
    /// id or ARN that says more than the model is taken as it is, whatever the bounds: see [`ResolvedModel::reach`].
    /// Nothing where the region cannot call it, or by no way within the bounds.
    fn resolve_at(
        &self,
        asked: &str,
        output: Modality,
        region: &Region,
        within: &Bounds,
    ) -> Option<ResolvedModel> {
        let model = self.resolve_for(Some(asked), output)?;
        (within.is_empty() || within.hold(&model.reach(region))).then_some(model)
    }

    /// What calls of a model cost on a day, if that is known.
    fn price(&self, _model: &ResolvedModel, _tier: PriceTier, _day: NaiveDate) -> Option<Price> {
        None
    }

    /// The model behind a name that [`resolve_for`](Self::resolve_for) does not know, where Bedrock can be asked for it:
    /// an application inference profile made a moment ago. Remembers what it learns, absence too.
    async fn discover(&self, _asked: &str) -> Option<ResolvedModel> {
        None
    }
}
