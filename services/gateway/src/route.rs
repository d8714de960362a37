//! The table of public paths: which service owns each, and what a caller needs to pass.
//!
//! What is not listed does not exist for the public; in particular nothing below `/internal`.

use actix_web::http::Method;
use outcrop_types::Permission;

/// The service that answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Users, teams, keys, tokens.
    Auth,
    /// Models.
    Inference,
    /// Asynchronous work.
    Jobs,
}

impl Owner {
    /// Every owner.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Inference, Self::Jobs];

    /// The name in settings, logs and error messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Inference => "inference",
            Self::Jobs => "jobs",
        }
    }
}

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: this is where credentials come from.
    Public,
    /// Nothing; but no page of a stranger may ask, because browsers get and lose their cookies here.
    OwnPages,
    /// A credential; the service itself says what else.
    Known,
    /// A credential with this permission.
    Needs(Permission),
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Who answers.
    pub owner: Owner,
    /// Who may ask.
    pub access: Access,
}

/// The route of a request; `None` if there is nothing at this path.
#[must_use]
pub fn find(method: &Method, path: &str) -> Option<Route> {
    if !is_plain(path) {
        return None;
    }
    let inference = |permission| Some(Route { owner: Owner::Inference, access: Access::Needs(permission) });
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let below_v1 = path.strip_prefix("/v1/").or_else(|| path.strip_prefix("/api/v1/"));
    if let Some(rest) = below_v1 {
        return match first(rest) {
            "chat" | "completions" | "embeddings" | "responses" | "rerank" | "images" | "messages"
            | "generate" => inference(Permission::InvokeModel),
            "models" => inference(Permission::ReadModels),
            // Its own to everybody.
            _ if rest == "usage/me" => Some(Route { owner: Owner::Inference, access: Access::Known }),
            _ if rest == "cache" => inference(Permission::ManageTeam),
            "usage" => inference(Permission::ReadUsage),
            "webhooks" => Some(Route { owner: Owner::Jobs, access: Access::Needs(Permission::ManageTeam) }),
            "jobs" | "files" | "batches" => {
                let permission = if reads { Permission::ReadJobs } else { Permission::WriteJobs };
                Some(Route { owner: Owner::Jobs, access: Access::Needs(permission) })
            }
            _ => None,
        };
    }
    let rest = path.strip_prefix('/')?;
    match first(rest) {
        _ if matches!(rest, "generate" | "v2/rerank") => inference(Permission::InvokeModel),
        "model" => inference(Permission::InvokeModel),
        _ if rest == "mcp" => inference(Permission::UseMcp),
        _ if rest == "admin/v1/usage/recount" => inference(Permission::ManagePlatform),
        _ if is_of_routes(rest) => inference(Permission::ManagePlatform),
        _ if is_of_jobs(rest) => {
            Some(Route { owner: Owner::Jobs, access: Access::Needs(Permission::ManagePlatform) })
        }
        _ if is_of_the_ledger(rest) => inference(Permission::ReadUsage),
        _ => auth_access(rest).map(|access| Route { owner: Owner::Auth, access }),
    }
}

/// What the paths of the auth service need, the leading slash left out. It decides about permissions itself, on the
/// single person, team or key, and notes what it refuses.
fn auth_access(rest: &str) -> Option<Access> {
    match rest {
        "auth/token"
        | "openapi.json"
        | ".well-known/jwks.json"
        | ".well-known/openid-configuration"
        | ".well-known/oauth-authorization-server"
        | ".well-known/oauth-protected-resource"
        | ".well-known/oauth-protected-resource/mcp" => Some(Access::Public),
        "auth/login" | "auth/logout" | "auth/password" => Some(Access::OwnPages),
        "auth/me" => Some(Access::Known),
        // Browsers come here from elsewhere: from a link, and from the issuer.
        _ if is_one_below(rest, "auth/login/") || is_one_below(rest, "auth/callback/") => {
            Some(Access::Public)
        }
        _ => rest.starts_with("admin/v1/").then_some(Access::Known),
    }
}

/// Whether a path is administrative: there the auth service decides, and notes whom it refuses. What is told of the
/// ledger, of routes and of jobs stands there too, but changes nothing of anybody's own, and is decided about as any other.
#[must_use]
pub fn is_admin(path: &str) -> bool {
    path == "/admin/v1"
        || path.starts_with("/admin/v1/")
            && !path
                .strip_prefix('/')
                .is_some_and(|rest| is_of_the_ledger(rest) || is_of_routes(rest) || is_of_jobs(rest))
}

/// Where calls go, which the inference service reads, the leading slash left out.
fn is_of_routes(rest: &str) -> bool {
    rest.strip_prefix("admin/v1/routes").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Work of all teams, which the job worker keeps, the leading slash left out.
fn is_of_jobs(rest: &str) -> bool {
    rest.strip_prefix("admin/v1/jobs").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Sums and alerts, which the inference service keeps, the leading slash left out.
fn is_of_the_ledger(rest: &str) -> bool {
    ["admin/v1/usage", "admin/v1/alerts"]
        .iter()
        .any(|root| rest.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn first(rest: &str) -> &str {
    rest.split('/').next().unwrap_or_default()
}

/// Whether a path is `root` and one more segment.
fn is_one_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
}

/// Whether a path means the same to whoever reads it. One with `..` in it, however written, could pass as one
/// path here and be another to the service behind.
fn is_plain(path: &str) -> bool {
    !path.contains('\\')
        && path.split('/').all(|segment| {
            let dots = segment.replace("%2e", ".").replace("%2E", ".");
            dots != "." && dots != ".."
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, path: &str) -> Option<(Owner, Access)> {
        find(method, path).map(|route| (route.owner, route.access))
    }

    #[test]
    fn every_public_path_has_its_owner() {
        use Access::{Known, Needs, OwnPages, Public};
        use Owner::{Auth, Inference, Jobs};
        let invoke = Some((Inference, Needs(Permission::InvokeModel)));
        let cases = [
            (Method::POST, "/v1/chat/completions", invoke),
            (Method::POST, "/api/v1/chat/completions", invoke),
            (Method::POST, "/v1/embeddings", invoke),
            (Method::POST, "/v1/messages/count_tokens", invoke),
            (Method::POST, "/generate", invoke),
            (Method::POST, "/v1/generate", invoke),
            (Method::POST, "/v2/rerank", invoke),
            (Method::POST, "/model/arn:aws:bedrock:us-east-1:1:inference-profile/x/converse", invoke),
            (Method::GET, "/v1/models/a/b:0", Some((Inference, Needs(Permission::ReadModels)))),
            (Method::GET, "/v1/models", Some((Inference, Needs(Permission::ReadModels)))),
            (Method::GET, "/v1/usage", Some((Inference, Needs(Permission::ReadUsage)))),
            (Method::GET, "/v1/usage/me", Some((Inference, Known))),
            (Method::GET, "/api/v1/usage/me", Some((Inference, Known))),
            (Method::DELETE, "/v1/cache", Some((Inference, Needs(Permission::ManageTeam)))),
            (Method::DELETE, "/v1/cache/more", None),
            (Method::GET, "/v1/usage/me/more", Some((Inference, Needs(Permission::ReadUsage)))),
            (Method::GET, "/admin/v1/usage", Some((Inference, Needs(Permission::ReadUsage)))),
            (Method::POST, "/admin/v1/usage/recount", Some((Inference, Needs(Permission::ManagePlatform)))),
            (Method::GET, "/admin/v1/routes", Some((Inference, Needs(Permission::ManagePlatform)))),
            (Method::PUT, "/admin/v1/routes", Some((Inference, Needs(Permission::ManagePlatform)))),
            (Method::POST, "/admin/v1/routes/check", Some((Inference, Needs(Permission::ManagePlatform)))),
            (Method::GET, "/admin/v1/routes2", Some((Auth, Known))),
            (Method::GET, "/admin/v1/alerts", Some((Inference, Needs(Permission::ReadUsage)))),
            (Method::GET, "/admin/v1/usages", Some((Auth, Known))),
            (Method::POST, "/mcp", Some((Inference, Needs(Permission::UseMcp)))),
            (Method::GET, "/mcp", Some((Inference, Needs(Permission::UseMcp)))),
            (Method::DELETE, "/mcp", Some((Inference, Needs(Permission::UseMcp)))),
            (Method::GET, "/v1/jobs/job_1", Some((Jobs, Needs(Permission::ReadJobs)))),
            (Method::GET, "/v1/jobs/job_1/events", Some((Jobs, Needs(Permission::ReadJobs)))),
            (Method::GET, "/admin/v1/jobs/backlog", Some((Jobs, Needs(Permission::ManagePlatform)))),
            (Method::POST, "/admin/v1/jobs/redrive", Some((Jobs, Needs(Permission::ManagePlatform)))),
            (Method::GET, "/admin/v1/jobs2", Some((Auth, Known))),
            (Method::POST, "/v1/jobs", Some((Jobs, Needs(Permission::WriteJobs)))),
            (Method::DELETE, "/v1/jobs/job_1", Some((Jobs, Needs(Permission::WriteJobs)))),
            (Method::PUT, "/v1/files/x", Some((Jobs, Needs(Permission::WriteJobs)))),
            (Method::GET, "/v1/webhooks", Some((Jobs, Needs(Permission::ManageTeam)))),
            (Method::POST, "/api/v1/webhooks/wh_1/rotate", Some((Jobs, Needs(Permission::ManageTeam)))),
            (Method::POST, "/admin/v1/keys", Some((Auth, Known))),
            (Method::PATCH, "/admin/v1/keys/x", Some((Auth, Known))),
            (Method::GET, "/admin/v1/teams", Some((Auth, Known))),
            (Method::PUT, "/admin/v1/teams/x/members/y", Some((Auth, Known))),
            (Method::GET, "/admin/v1/audit", Some((Auth, Known))),
            (Method::POST, "/auth/token", Some((Auth, Public))),
            (Method::POST, "/auth/login", Some((Auth, OwnPages))),
            (Method::GET, "/auth/login/okta", Some((Auth, Public))),
            (Method::GET, "/auth/callback/okta", Some((Auth, Public))),
            (Method::POST, "/auth/password", Some((Auth, OwnPages))),
            (Method::POST, "/auth/logout", Some((Auth, OwnPages))),
            (Method::GET, "/auth/me", Some((Auth, Known))),
            (Method::GET, "/.well-known/jwks.json", Some((Auth, Public))),
            (Method::GET, "/.well-known/openid-configuration", Some((Auth, Public))),
            (Method::GET, "/.well-known/oauth-authorization-server", Some((Auth, Public))),
            (Method::GET, "/.well-known/oauth-protected-resource", Some((Auth, Public))),
            (Method::GET, "/.well-known/oauth-protected-resource/mcp", Some((Auth, Public))),
            (Method::GET, "/openapi.json", Some((Auth, Public))),
        ];
        for (method, path, expected) in cases {
            assert_eq!(of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_auth_service_decides_about_what_is_its_own() {
        for path in ["/admin/v1", "/admin/v1/keys", "/admin/v1/usages", "/admin/v1/policies"] {
            assert!(is_admin(path), "{path}");
        }
        for path in [
            "/admin/v1/usage",
            "/admin/v1/usage/x",
            "/admin/v1/routes",
            "/admin/v1/routes/check",
            "/admin/v1/jobs/dead",
            "/admin/v1/alerts",
            "/v1/usage",
            "/administrator",
        ] {
            assert!(!is_admin(path), "{path}");
        }
    }

    #[test]
    fn what_is_not_listed_is_not_there() {
        for path in [
            "/",
            "",
            "/internal/introspect",
            "/v1/internal/introspect",
            "/generate/more",
            "/v2/chat/completions",
            "/v2/rerank/more",
            "/api/v2/rerank",
            "/administrator",
            "/admin/v2/keys",
            "/admin/v1",
            "/admin/v1x/keys",
            "/auth",
            "/auth/nothing",
            "/auth/login/",
            "/auth/login/okta/more",
            "/auth/token/more",
            "/.well-known/security.txt",
            "/.well-known/oauth-protected-resource/v1",
            "/mcp/",
            "/mcp/more",
            "/auth/../internal/introspect",
            "/auth/%2e%2E/internal/introspect",
            "/auth/.%2e/internal/introspect",
            "/auth/./token",
            "/auth\\..\\internal\\introspect",
            "//internal/introspect",
        ] {
            assert_eq!(of(&Method::POST, path), None, "{path}");
        }
    }
}
