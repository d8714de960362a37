//! The database: whether it is there, and whether its tables are those of this program.

use outcrop_ports::{PortError, PortFailure};

use super::Patient;
use super::finding::Finding;
use super::folders;

const NAME: &str = "database";
const MIGRATIONS: &str = "migrations";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    if patient.unresolved.contains(&"store.password") {
        return vec![Finding::skipped(NAME, "not asked: its password could not be read")];
    }
    // Connecting would make the file.
    if outcrop_wiring::is_sqlite(config) {
        let file = outcrop_wiring::sqlite_file(config);
        let shown = file.display().to_string();
        if !folders::apart(move || file.exists()).await.unwrap_or(false) {
            return vec![Finding::skipped(
                NAME,
                format!("{shown} is not there yet; the first start makes it"),
            )];
        }
    }
    // Where usage goes besides is a check of its own, and connecting would make a folder of it.
    let mut rows = config.clone();
    rows.usage.export_url = None;
    let stores = match Box::pin(outcrop_wiring::stores(&rows)).await {
        Ok(stores) => stores,
        Err(error) => return vec![Finding::fail(NAME, error.to_string(), "correct `store.url`")],
    };
    if let Err(error) = stores.probe.probe().await {
        return vec![Finding::fail(NAME, error.chain(), remedy(&error))];
    }
    let kind = stores.probe.name();
    vec![Finding::ok(NAME, format!("{kind} answers")), migrations(&stores).await]
}

/// The replica that reports are read from, where there is one.
pub(super) async fn replica(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "database replica";
    let config = &patient.config;
    let Some(url) = &config.store.read_url else { return Vec::new() };
    if patient.unresolved.contains(&"store.password") {
        return vec![Finding::skipped(NAME, "not asked: its password could not be read")];
    }
    // The same user and password, at another address.
    let mut there = config.clone();
    there.store.url = Some(url.clone());
    there.store.read_url = None;
    there.usage.export_url = None;
    let stores = match Box::pin(outcrop_wiring::stores(&there)).await {
        Ok(stores) => stores,
        Err(error) => return vec![Finding::fail(NAME, error.to_string(), "correct `store.read_url`")],
    };
    vec![match stores.probe.probe().await {
        Ok(()) => Finding::ok(NAME, "answers"),
        Err(error) => {
            Finding::fail(NAME, error.chain(), remedy(&error).replace("store.url", "store.read_url"))
        }
    }]
}

async fn migrations(stores: &outcrop_wiring::Stores) -> Finding {
    let pending = match stores.pending_migrations().await {
        Ok(pending) => pending,
        Err(error) => {
            let remedy = "let the user of `store.url` read the table `_sqlx_migrations`";
            return Finding::fail(MIGRATIONS, error.to_string(), remedy);
        }
    };
    if !pending.is_empty() {
        let seen = format!("the database lacks {}", pending.join(", "));
        return Finding::fail(
            MIGRATIONS,
            seen,
            "run `outcrop migrate` before services of this version start",
        );
    }
    match stores.unknown_migrations().await {
        Ok(unknown) if !unknown.is_empty() => Finding::warn(
            MIGRATIONS,
            format!("the database is newer than this program: it has {}", unknown.join(", ")),
            "finish the upgrade: a program runs on the database of the release after its own, and no newer one",
        ),
        _ => Finding::ok(MIGRATIONS, "up to date"),
    }
}

/// By what Postgres and its driver say.
fn remedy(error: &PortError) -> &'static str {
    let said = error.chain();
    if said.contains("password authentication failed") || said.contains("28P01") {
        "correct `store.password`: the server refuses it for the user in `store.url`"
    } else if said.contains("does not exist") {
        "create the database (and its user) that `store.url` names, then run `outcrop migrate`"
    } else if said.contains("too many") || said.contains("remaining connection slots") {
        "lower `store.max_connections`, or raise `max_connections` of the server: processes times pool must fit"
    } else if error.failure == PortFailure::Unavailable {
        "start the database, or let this machine through to the address in `store.url` (security group, DNS)"
    } else {
        "correct `store.url`, and see the server's own log for its reason"
    }
}
