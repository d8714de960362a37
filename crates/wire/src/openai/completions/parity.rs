//! Every field of the request and its fate.

/// Field, fate and a word of explanation. The fate is `mapped` (Bedrock is asked for it), `emulated` (given without
/// Bedrock's help), `refused` (a 400 that names the field), `dropped` (without effect, and reported).
pub const FIELDS: &[(&str, &str, &str)] = &[
    ("model", "mapped", "none asks for the default one"),
    ("prompt", "mapped", "a text, or several, each a call of its own; tokens are refused"),
    ("max_tokens", "mapped", "16 where absent, as OpenAI's"),
    ("temperature", "mapped", "0 to 1; above, refused"),
    ("top_p", "mapped", ""),
    ("stop", "mapped", "empty strings are left out"),
    ("user", "mapped", "Bedrock's request metadata; dropped where it does not fit"),
    ("stream", "emulated", ""),
    ("stream_options", "emulated", "`include_usage`"),
    ("n", "emulated", "parallel calls, 32 choices at most"),
    ("echo", "emulated", ""),
    ("best_of", "refused", "unless it is the same as `n`"),
    ("suffix", "refused", "unless it is empty"),
    ("frequency_penalty", "dropped", ""),
    ("presence_penalty", "dropped", ""),
    ("logit_bias", "dropped", ""),
    ("logprobs", "dropped", ""),
    ("seed", "dropped", ""),
    ("anthropic_beta", "mapped", "not OpenAI's; a list, or words with commas between"),
    ("additional_model_request_fields", "mapped", "Converse's, in either spelling"),
    ("additional_model_response_field_paths", "dropped", "Converse's; the answer has no place for them"),
    (
        "guardrail",
        "mapped",
        "Converse's `guardrailConfig`, which is a name for it too; or by Bedrock's headers",
    ),
    ("performance_config", "mapped", "Converse's `performanceConfig`, in either spelling"),
    ("request_metadata", "mapped", "Converse's `requestMetadata`; what does not fit is refused"),
];
