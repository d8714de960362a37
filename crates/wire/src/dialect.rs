//! Which dialect a path speaks.

/// A dialect: the shapes of requests, answers and errors of one public API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's.
    OpenAi,
    /// Our own.
    Outcrop,
    /// Anthropic's Messages.
    Anthropic,
    /// Amazon Bedrock's runtime API.
    Bedrock,
    /// The Model Context Protocol.
    Mcp,
    /// OAuth 2.0's token endpoint (RFC 6749), which has an error shape of its own.
    OAuth,
}

/// Where OAuth clients get their tokens.
const TOKEN_ENDPOINT: &str = "/auth/token";

/// Where Cohere's own client asks.
const RERANK: &str = "/v2/rerank";

/// What Bedrock's runtime API has beside models. Nothing of it is served, which its SDKs must be able to read.
const OF_BEDROCKS_RUNTIME: [&str; 3] = ["async-invoke", "guardrail", "guardrail-checks"];

/// Our own resources below `/v1`. Everything else there is for clients of OpenAI, whatever it turns out to be.
const OWN_RESOURCES: [&str; 4] = ["generate", "jobs", "usage", "webhooks"];

impl Dialect {
    /// The dialect of a request path: what is below `/v1` or `/api/v1` and neither Anthropic's nor our own is
    /// OpenAI's, known or not, and so is `/v2/rerank`; elsewhere, what belongs to no other dialect is [`Dialect::Outcrop`].
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/model/") || OF_BEDROCKS_RUNTIME.contains(&first_segment(path)) {
            return Self::Bedrock;
        }
        if first_segment(path) == "mcp" {
            return Self::Mcp;
        }
        if path.split('?').next() == Some(TOKEN_ENDPOINT) {
            return Self::OAuth;
        }
        if path.split('?').next() == Some(RERANK) {
            return Self::OpenAi;
        }
        let Some(below) = path.strip_prefix("/v1").or_else(|| path.strip_prefix("/api/v1")) else {
            return Self::Outcrop;
        };
        if !below.starts_with('/') {
            return Self::Outcrop;
        }
        let resource = first_segment(below);
        if resource == "messages" {
            return Self::Anthropic;
        }
        if OWN_RESOURCES.contains(&resource) { Self::Outcrop } else { Self::OpenAi }
    }

    /// The dialect of a request: that of its path, but below `/v1/models` Anthropic's where the client sends
    /// `anthropic-version`, by which its own server tells apart who asks.
    #[must_use]
    pub fn of_request(path: &str, anthropic_version: bool) -> Self {
        let below = path.strip_prefix("/api").unwrap_or(path).strip_prefix("/v1");
        let models = below.is_some_and(|below| first_segment(below) == "models");
        if anthropic_version && models { Self::Anthropic } else { Self::of_path(path) }
    }

    /// The name in usage records, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Outcrop => "outcrop",
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::Mcp => "mcp",
            Self::OAuth => "oauth",
        }
    }
}

/// What stands between a leading slash and the next one; empty if there is no leading slash.
fn first_segment(path: &str) -> &str {
    path.strip_prefix('/').and_then(|rest| rest.split(['/', '?']).next()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_speaks_one_dialect() {
        let cases = [
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/api/v1/chat/completions", Dialect::OpenAi),
            ("/v1/models", Dialect::OpenAi),
            ("/v1/models/a/b:c", Dialect::OpenAi),
            ("/v1/completions", Dialect::OpenAi),
            ("/v1/embeddings", Dialect::OpenAi),
            ("/v1/responses/resp_1", Dialect::OpenAi),
            ("/v1/files", Dialect::OpenAi),
            ("/api/v1/batches", Dialect::OpenAi),
            ("/v1/images/generations", Dialect::OpenAi),
            ("/v1/rerank", Dialect::OpenAi),
            ("/v2/rerank", Dialect::OpenAi),
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messages/count_tokens", Dialect::Anthropic),
            ("/v1/messages?beta=true", Dialect::Anthropic),
            ("/model/anthropic.claude/converse", Dialect::Bedrock),
            ("/async-invoke?maxResults=1", Dialect::Bedrock),
            ("/guardrail/gr1/version/1/apply", Dialect::Bedrock),
            ("/guardrail-checks/invoke", Dialect::Bedrock),
            ("/mcp", Dialect::Mcp),
            ("/mcp/tools", Dialect::Mcp),
            ("/generate", Dialect::Outcrop),
            ("/v1/generate", Dialect::Outcrop),
            ("/v1/jobs/1", Dialect::Outcrop),
            ("/v1/webhooks/wh_1/rotate", Dialect::Outcrop),
            ("/v1/usage?limit=1", Dialect::Outcrop),
            ("/v1/nothing", Dialect::OpenAi),
            ("/v1chat", Dialect::Outcrop),
            ("/api/v1/messages", Dialect::Anthropic),
            ("/auth/token", Dialect::OAuth),
            ("/auth/token?x=1", Dialect::OAuth),
            ("/auth/token/x", Dialect::Outcrop),
            ("/auth/me", Dialect::Outcrop),
            ("/admin/v1/keys", Dialect::Outcrop),
            ("/mcpx", Dialect::Outcrop),
            ("/", Dialect::Outcrop),
            ("", Dialect::Outcrop),
        ];
        for (path, expected) in cases {
            assert_eq!(Dialect::of_path(path), expected, "{path}");
        }
    }

    #[test]
    fn the_list_of_models_speaks_two() {
        for (path, expected) in [
            ("/v1/models", Dialect::Anthropic),
            ("/v1/models?limit=1", Dialect::Anthropic),
            ("/api/v1/models/a/b:c", Dialect::Anthropic),
            ("/v1/modelsx", Dialect::OpenAi),
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/models", Dialect::Outcrop),
        ] {
            assert_eq!(Dialect::of_request(path, true), expected, "{path}");
            assert_ne!(Dialect::of_request(path, false), Dialect::Anthropic, "{path}");
        }
    }
}
