//! The table of operations against what there is: the gateway's paths and the services' handlers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use actix_web::http::Method;
use outcrop_gateway::route::{self, Access as Needed};
use outcrop_openapi::{Access, operations};

/// What the process answers itself, before there is a route.
const BEFORE_ROUTES: [&str; 4] = ["/", "/api/v1/health", "/healthz", "/readyz"];

#[test]
fn the_gateway_lets_in_whom_the_table_says() {
    for operation in operations().filter(|it| !BEFORE_ROUTES.contains(&it.path)) {
        let method: Method = operation.method.parse().unwrap();
        let path = operation.path.replace(['{', '}'], "");
        let found = route::find(&method, &path).unwrap_or_else(|| panic!("no route for {}", operation.path));
        let fits = match (operation.access, found.access) {
            (Access::Public, Needed::Public | Needed::OwnPages) => true,
            (Access::Known, Needed::Known) => true,
            (Access::Needs(permission), Needed::Needs(needed)) => permission == needed,
            // Decided by the auth service, which writes down whom it refuses.
            (Access::Needs(_), Needed::Known) => path.starts_with("/admin/v1/"),
            _ => false,
        };
        assert!(
            fits,
            "{} {}: {:?} and {:?}",
            operation.method, operation.path, operation.access, found.access
        );
    }
}

#[test]
fn every_handler_is_in_the_table() {
    let listed: BTreeSet<String> =
        operations().map(|it| format!("{} {}", it.method, without_names(it.path))).collect();
    let mut handlers = BTreeSet::new();
    for service in ["auth", "inference", "job-worker"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(service).join("src/routes");
        for file in sources(&folder) {
            handlers.extend(attributes(&std::fs::read_to_string(file).unwrap()));
        }
    }
    assert!(handlers.len() > 40, "{handlers:?}");
    let missing: Vec<_> = handlers.difference(&listed).collect();
    assert!(missing.is_empty(), "not in the table of crates/openapi: {missing:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// `GET /admin/v1/teams/{}` of each `#[get("/teams/{id}")]`; what stands in no root of its own is below `/admin/v1`.
fn attributes(source: &str) -> Vec<String> {
    const ROOTS: [&str; 6] = ["/admin/", "/auth/", "/.well-known/", "/internal/", "/v1/", "/openapi"];
    let lines = source.lines().filter_map(|line| line.strip_prefix("#["));
    let routes = lines.filter_map(|line| {
        let (method, rest) = line.split_once("(\"")?;
        let known = ["get", "post", "put", "patch", "delete"].contains(&method);
        let path = rest.split('"').next().filter(|_| known)?;
        // Everything below `/v1` is also served there, and listed once.
        let path = path.strip_prefix("/api").unwrap_or(path);
        let root = if ROOTS.iter().any(|root| path.starts_with(root)) { "" } else { "/admin/v1" };
        Some(format!("{} {root}{}", method.to_uppercase(), without_names(path)))
    });
    // Reached by our own services only.
    routes.filter(|route| !route.contains(" /internal/")).collect()
}

fn without_names(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}
