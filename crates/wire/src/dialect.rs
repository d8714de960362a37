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

/// Our own resources below `/v1`. Everything else there is for clients of OpenAI, whatever it turns out to be.
const OWN_RESOURCES: [&str; 3] = ["generate", "jobs", "usage"];

impl Dialect {
    /// The dialect of a request path: what is below `/v1` or `/api/v1` and neither Anthropic's nor our own is
    /// OpenAI's, known or not; elsewhere, what belongs to no other dialect is [`Dialect::Outcrop`].
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/model/") {
            return Self::Bedrock;
        }
        if first_segment(path) == "mcp" {
            return Self::Mcp;
        }
        if path.split('?').next() == Some(TOKEN_ENDPOINT) {
            return Self::OAuth;
        }
        let Some(below) = path.strip_prefix("/v1").or_else(|| path.strip_prefix("/api/v1")) else {
            return Self::Outcrop;
        };
        if !below.starts_with('/') {
            return Self::Outcrop;
        }
        let resource = first_segment(below);
        if resource == "messages" && !path.starts_with("/api") {
            return Self::Anthropic;
        }
        if OWN_RESOURCES.contains(&resource) { Self::Outcrop } else { Self::OpenAi }
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
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messages/count_tokens", Dialect::Anthropic),
            ("/v1/messages?beta=true", Dialect::Anthropic),
            ("/model/anthropic.claude/converse", Dialect::Bedrock),
            ("/mcp", Dialect::Mcp),
            ("/mcp/tools", Dialect::Mcp),
            ("/generate", Dialect::Outcrop),
            ("/v1/generate", Dialect::Outcrop),
            ("/v1/jobs/1", Dialect::Outcrop),
            ("/v1/usage?limit=1", Dialect::Outcrop),
            ("/v1/nothing", Dialect::OpenAi),
            ("/v1chat", Dialect::Outcrop),
            ("/api/v1/messages", Dialect::OpenAi),
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
}
