//! Model calls in other people's dialects, whose own references say what is sent.

use outcrop_types::Permission::InvokeModel;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation, caches};

const CONVERSE: &str = r#"{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}"#;
const INVOKE: &str = r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"#;
const MESSAGES: &str =
    r#"{"model":"claude-haiku-4-5","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"#;

const RERANK: Body = Body::Dialect {
    name: "Cohere: rerank",
    url: "https://docs.cohere.com/reference/rerank",
    example: r#"{"model":"rerank-v3-5","query":"Hello","documents":["Hello","Goodbye"]}"#,
    beside: &[caches::BODY],
};

const fn openai(name: &'static str, url: &'static str, example: &'static str) -> Body {
    Body::Dialect { name, url, example, beside: &[] }
}

/// A dialect whose bodies may say what is done with their answers.
const fn cached(name: &'static str, url: &'static str, example: &'static str) -> Body {
    Body::Dialect { name, url, example, beside: &[caches::BODY] }
}

const fn call(path: &'static str, tag: &'static str, summary: &'static str, body: Body) -> Operation {
    Operation::new("POST", path, tag, summary, Needs(InvokeModel)).tells(caches::TOLD).body(body)
}

/// A call whose answer may be kept and given again.
const fn kept(path: &'static str, tag: &'static str, summary: &'static str, body: Body) -> Operation {
    call(path, tag, summary, body).headers(caches::HEADERS)
}

/// A question that no model answers.
const fn count(path: &'static str, tag: &'static str, summary: &'static str, body: Body) -> Operation {
    Operation::new("POST", path, tag, summary, Needs(InvokeModel)).body(body)
}

const fn about(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation::new(method, path, "OpenAI", summary, Needs(InvokeModel)).of_a_team()
}

pub(crate) const OPERATIONS: &[Operation] = &[
    kept(
        "/v1/chat/completions",
        "OpenAI",
        "Chat",
        cached(
            "OpenAI: create chat completion",
            "https://platform.openai.com/docs/api-reference/chat/create",
            r#"{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"Hello"}]}"#,
        ),
    ),
    kept(
        "/v1/completions",
        "OpenAI",
        "Continue a text",
        cached(
            "OpenAI: create completion",
            "https://platform.openai.com/docs/api-reference/completions/create",
            r#"{"model":"claude-haiku-4-5","prompt":"Hello"}"#,
        ),
    ),
    kept(
        "/v1/responses",
        "OpenAI",
        "Answer, and remember the answer",
        cached(
            "OpenAI: create a model response",
            "https://platform.openai.com/docs/api-reference/responses/create",
            r#"{"model":"claude-haiku-4-5","input":"Hello"}"#,
        ),
    ),
    about("GET", "/v1/responses/{response}", "Show an answer that is remembered"),
    about("DELETE", "/v1/responses/{response}", "Forget an answer"),
    about("POST", "/v1/responses/{response}/cancel", "Stop an answer that is made in the background"),
    about("GET", "/v1/responses/{response}/input_items", "List what an answer answered").query(&[
        Field::optional("limit", Kind::Whole, "Most entries of the answer."),
        Field::optional("after", Kind::Text, "The last id of the page before."),
        Field::optional("order", Kind::OneOf(&["asc", "desc"]), "Oldest or newest first."),
    ]),
    count(
        "/v1/responses/input_tokens",
        "OpenAI",
        "Count the tokens of what would be sent",
        openai(
            "OpenAI: get input token counts",
            "https://platform.openai.com/docs/api-reference/responses/input-tokens",
            r#"{"model":"claude-haiku-4-5","input":"Hello"}"#,
        ),
    ),
    kept(
        "/v1/embeddings",
        "OpenAI",
        "Turn texts into vectors",
        cached(
            "OpenAI: create embeddings",
            "https://platform.openai.com/docs/api-reference/embeddings/create",
            r#"{"model":"titan-embed-text-v2","input":"Hello"}"#,
        ),
    ),
    call(
        "/v1/images/generations",
        "OpenAI",
        "Make a picture",
        openai(
            "OpenAI: create image",
            "https://platform.openai.com/docs/api-reference/images/create",
            r#"{"model":"stable-image-core","prompt":"A quiet river"}"#,
        ),
    ),
    kept("/v1/rerank", "Cohere", "Sort texts by how well they answer", RERANK),
    kept("/v2/rerank", "Cohere", "The same, where Cohere's client asks", RERANK),
    kept(
        "/v1/messages",
        "Anthropic",
        "Messages",
        Body::Dialect {
            name: "Anthropic: create a message",
            url: "https://docs.anthropic.com/en/api/messages",
            example: MESSAGES,
            beside: &[caches::BODY],
        },
    ),
    count(
        "/v1/messages/count_tokens",
        "Anthropic",
        "Count the tokens of what would be sent",
        Body::Dialect {
            name: "Anthropic: count tokens in a message",
            url: "https://docs.anthropic.com/en/api/messages-count-tokens",
            example: r#"{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"Hello"}]}"#,
            beside: &[],
        },
    ),
    kept(
        "/model/{model}/converse",
        "Amazon Bedrock",
        "Converse",
        Body::Dialect {
            name: "Amazon Bedrock: Converse",
            url: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
            example: CONVERSE,
            beside: &[],
        },
    ),
    kept(
        "/model/{model}/converse-stream",
        "Amazon Bedrock",
        "ConverseStream",
        Body::Dialect {
            name: "Amazon Bedrock: ConverseStream",
            url: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html",
            example: CONVERSE,
            beside: &[],
        },
    ),
    call(
        "/model/{model}/invoke",
        "Amazon Bedrock",
        "InvokeModel",
        Body::Dialect {
            name: "Amazon Bedrock: InvokeModel",
            url: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html",
            example: INVOKE,
            beside: &[],
        },
    ),
    call(
        "/model/{model}/invoke-with-response-stream",
        "Amazon Bedrock",
        "InvokeModelWithResponseStream",
        Body::Dialect {
            name: "Amazon Bedrock: InvokeModelWithResponseStream",
            url: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html",
            example: INVOKE,
            beside: &[],
        },
    ),
    count(
        "/model/{model}/count-tokens",
        "Amazon Bedrock",
        "CountTokens",
        Body::Dialect {
            name: "Amazon Bedrock: CountTokens",
            url: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html",
            example: r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}}}"#,
            beside: &[],
        },
    ),
];
