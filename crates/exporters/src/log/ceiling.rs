//! What no filter shows, whoever sets it: what the crates below us tell of requests and answers. AWS' SDK, for one, writes
//! whole answers of models at TRACE, and ids of access keys at DEBUG.

use tracing::{Level, Metadata};

/// Crates whose DEBUG was read and tells of connections, statements without their values and threads only. All others but
/// ours are heard from INFO on, and nobody but us at TRACE.
const HARMLESS: [&str; 14] = [
    "actix_rt",
    "actix_server",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "mio",
    "reqwest",
    "rustls",
    "rustls_platform_verifier",
    "sqlx",
    "sqlx_core",
    "sqlx_postgres",
    "sqlx_sqlite",
    "tokio",
];

/// Whether a line of this kind may be written at all.
pub(super) fn is_below(metadata: &Metadata<'_>) -> bool {
    allows(metadata.target(), *metadata.level())
}

fn allows(target: &str, level: Level) -> bool {
    if level <= Level::INFO {
        return true;
    }
    let name = target.split("::").next().unwrap_or(target);
    let is_ours = name == "outcrop" || name.starts_with("outcrop_");
    is_ours || (level == Level::DEBUG && HARMLESS.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_tell_little_of_what_goes_through_them() {
        for (target, most) in [
            ("outcrop::access", Level::TRACE),
            ("outcrop_http::serve", Level::TRACE),
            ("outcropped", Level::INFO),
            ("hyper_util::client::legacy::pool", Level::DEBUG),
            ("sqlx::query", Level::DEBUG),
            ("hyper_wire", Level::INFO),
            ("aws_smithy_runtime::client::orchestrator", Level::INFO),
            ("aws_sdk_bedrockruntime::operation::converse", Level::INFO),
            ("actix_http::h1::decoder", Level::INFO),
            ("h2::codec::framed_read", Level::INFO),
            ("nobody_has_read_it", Level::INFO),
        ] {
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                assert_eq!(allows(target, level), level <= most, "{target} at {level}");
            }
        }
    }
}
