//! How each dialect spells the fields that may be taken or refused here.

use outcrop_chat::ReasoningMode;
use outcrop_wire::openai::chat::ChatRequest;

/// The names of a dialect's fields, for headers and errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) max_tokens: &'static str,
    pub(crate) temperature: &'static str,
    pub(crate) top_p: &'static str,
    pub(crate) top_k: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) messages: &'static str,
    pub(crate) tools: &'static str,
    /// A search of the web by the model's provider.
    pub(crate) search: &'static str,
    pub(crate) tool_choice: &'static str,
    /// Whether tools may be called in parallel.
    pub(crate) parallel: &'static str,
    /// Whether a tool's input must conform to its schema.
    pub(crate) strict: &'static str,
    /// Whether to think, and for how long.
    pub(crate) reasoning: &'static str,
    /// How hard to think.
    pub(crate) effort: &'static str,
    /// The shape of the answer.
    pub(crate) format: &'static str,
    /// What a prompt cache may keep.
    pub(crate) cache: &'static str,
    /// For how long.
    pub(crate) cache_ttl: &'static str,
    /// An assistant's turn that is to be continued.
    pub(crate) prefill: &'static str,
    /// The assistant's earlier thoughts.
    pub(crate) thoughts: &'static str,
    /// Those of them that are encrypted.
    pub(crate) redacted: &'static str,
    pub(crate) betas: &'static str,
}

impl Fields {
    /// The field that a wish to think came in.
    pub(crate) const fn of(&self, wish: ReasoningMode) -> &'static str {
        match wish {
            ReasoningMode::Effort(_) => self.effort,
            ReasoningMode::Off | ReasoningMode::Budget(_) | ReasoningMode::Adaptive(_) => self.reasoning,
        }
    }

    /// The field that says how hard, in such a wish.
    pub(crate) const fn hardness(&self, wish: ReasoningMode) -> &'static str {
        match wish {
            ReasoningMode::Effort(_) | ReasoningMode::Adaptive(Some(_)) => self.effort,
            ReasoningMode::Off | ReasoningMode::Budget(_) | ReasoningMode::Adaptive(None) => self.reasoning,
        }
    }

    /// Chat completions, which are ours too; there are two fields for the tokens.
    pub(crate) const fn openai(max_tokens: &'static str) -> Self {
        Self {
            max_tokens,
            temperature: "temperature",
            top_p: "top_p",
            top_k: "top_k",
            stop: "stop",
            messages: "messages",
            tools: "tools",
            search: "web_search_options",
            tool_choice: "tool_choice",
            parallel: "parallel_tool_calls",
            strict: "tools.strict",
            reasoning: "reasoning_effort",
            effort: "reasoning_effort",
            format: "response_format",
            cache: "cache_control",
            cache_ttl: "cache_control.ttl",
            prefill: "messages.prefill",
            thoughts: "messages.thinking_blocks",
            redacted: "messages.thinking_blocks",
            betas: "anthropic_beta",
        }
    }

    /// Chat completions, as this client spells what has more than one spelling.
    pub(crate) fn of_chat(asked: &ChatRequest<'_>) -> Self {
        let (cache, cache_ttl) = asked.cache_fields();
        Self {
            reasoning: asked.reasoning_field(),
            cache,
            cache_ttl,
            ..Self::openai(asked.max_tokens_field())
        }
    }

    /// Chat completions with the field for tokens of today.
    pub(crate) const OPENAI: Self = Self::openai("max_completion_tokens");

    /// Chat completions with the older field for tokens.
    pub(crate) const OPENAI_MAX_TOKENS: Self = Self::openai("max_tokens");

    /// Legacy completions.
    pub(crate) const COMPLETIONS: Self = Self { messages: "prompt", ..Self::OPENAI_MAX_TOKENS };

    /// OpenAI's Responses.
    pub(crate) const RESPONSES: Self = Self {
        max_tokens: "max_output_tokens",
        messages: "input",
        reasoning: "reasoning.effort",
        effort: "reasoning.effort",
        format: "text.format",
        prefill: "input.prefill",
        thoughts: "input.reasoning",
        redacted: "input.reasoning",
        cache: "input.content.prompt_cache_breakpoint",
        cache_ttl: "input.content.prompt_cache_breakpoint.ttl",
        ..Self::OPENAI
    };

    /// Anthropic's Messages.
    pub(crate) const ANTHROPIC: Self = Self {
        max_tokens: "max_tokens",
        stop: "stop_sequences",
        parallel: "tool_choice.disable_parallel_tool_use",
        reasoning: "thinking",
        effort: "output_config.effort",
        format: "output_config.format",
        thoughts: "messages.content.thinking",
        redacted: "messages.content.redacted_thinking",
        ..Self::OPENAI
    };

    /// Whether these are Anthropic's, whose clients send to every model what Claude takes.
    pub(crate) fn is_anthropics(&self) -> bool {
        self.stop == Self::ANTHROPIC.stop
    }

    /// Converse.
    pub(crate) const CONVERSE: Self = Self {
        max_tokens: "inferenceConfig.maxTokens",
        temperature: "inferenceConfig.temperature",
        top_p: "inferenceConfig.topP",
        top_k: "additionalModelRequestFields.top_k",
        stop: "inferenceConfig.stopSequences",
        messages: "messages",
        tools: "toolConfig.tools",
        search: "toolConfig.tools",
        tool_choice: "toolConfig.toolChoice",
        parallel: "additionalModelRequestFields.tool_choice",
        strict: "toolConfig.tools.toolSpec.strict",
        reasoning: "outputConfig.effort",
        effort: "outputConfig.effort",
        format: "outputConfig.textFormat",
        cache: "cachePoint",
        cache_ttl: "cachePoint.ttl",
        prefill: "messages",
        thoughts: "messages.content.reasoningContent",
        redacted: "messages.content.reasoningContent",
        betas: "additionalModelRequestFields.anthropic_beta",
    };
}
