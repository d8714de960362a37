//! The pattern of a public path, for spans, metrics and lines of the log: the API's own table knows all of them.
//!
//! What stands below `/api/v1` for clients of the Bedrock Access Gateway goes by its name below `/v1`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The parameter whose value may have slashes in it.
const MODEL: &str = "{model}";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::default);

/// That of a path; `None` if it is no operation's.
pub(crate) fn of(path: &str) -> Option<&'static str> {
    let path = path.strip_prefix("/api").filter(|rest| rest.starts_with("/v1/")).unwrap_or(path);
    let Patterns { plain, others } = &*PATTERNS;
    plain.get(path).copied().or_else(|| others.iter().copied().find(|pattern| fits(pattern, path)))
}

struct Patterns {
    /// Those that are paths themselves, by themselves.
    plain: HashMap<&'static str, &'static str>,
    others: Vec<&'static str>,
}

impl Default for Patterns {
    fn default() -> Self {
        let (mut plain, mut others) = (HashMap::new(), Vec::new());
        for operation in outcrop_openapi::operations() {
            if operation.path.contains('{') {
                others.push(operation.path);
            } else {
                plain.insert(operation.path, operation.path);
            }
        }
        // One path has several methods.
        others.dedup();
        Self { plain, others }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    if let Some((head, tail)) = pattern.split_once(MODEL) {
        let id = path.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        return id.is_some_and(|id| !id.is_empty());
    }
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_no_part_of_it() {
        for (path, expected) in [
            ("/v1/chat/completions", Some("/v1/chat/completions")),
            ("/api/v1/chat/completions", Some("/v1/chat/completions")),
            ("/v1/jobs/job_1", Some("/v1/jobs/{job}")),
            ("/v1/files/uploads", Some("/v1/files/uploads")),
            ("/v1/models/a/b:0", Some("/v1/models/{model}")),
            (
                "/model/arn:aws:bedrock:us-east-1:1:inference-profile/x/converse",
                Some("/model/{model}/converse"),
            ),
            ("/model/x/converse-stream", Some("/model/{model}/converse-stream")),
            ("/admin/v1/teams/t/members/u", Some("/admin/v1/teams/{team}/members/{user}")),
            ("/v1/jobs/", None),
            ("/v1/jobs/a/b/c", None),
            ("/model//converse", None),
            ("/v1/chat/nothing", None),
            ("/api/v2/rerank", None),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }

    #[test]
    fn every_operation_has_its_own() {
        // What answers before the routes has no hop.
        let routed = |path: &str| !outcrop_http::is_front_path(path);
        for operation in outcrop_openapi::operations().filter(|it| routed(it.path)) {
            let path = operation.path.replace(['{', '}'], "");
            assert_eq!(of(&path), Some(operation.path));
        }
    }
}
