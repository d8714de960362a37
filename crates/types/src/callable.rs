//! Which calls of the inference service can be made later.

/// The paths that a job may call; those below `/v1` also below `/api/v1`.
pub const JOB_PATHS: [&str; 10] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/embeddings",
    "/v1/rerank",
    "/v2/rerank",
    "/v1/images/generations",
    "/v1/generate",
    "/generate",
];

/// The one of [`JOB_PATHS`] that a client means, if it means one.
#[must_use]
pub fn job_path(path: &str) -> Option<&'static str> {
    let below_api = path.strip_prefix("/api").filter(|it| it.starts_with("/v1/"));
    let path = below_api.unwrap_or(path);
    JOB_PATHS.into_iter().find(|it| *it == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_v1_are_also_below_the_api() {
        for (path, meant) in [
            ("/v1/messages", Some("/v1/messages")),
            ("/api/v1/messages", Some("/v1/messages")),
            ("/generate", Some("/generate")),
            ("/api/generate", None),
            ("/api/v2/rerank", None),
            ("/api/api/v1/messages", None),
            ("/v1/models", None),
            ("", None),
        ] {
            assert_eq!(job_path(path), meant, "{path}");
        }
    }
}
