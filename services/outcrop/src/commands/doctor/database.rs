//! The database: whether it is there, and whether its tables are those of this program.

use outcrop_ports::{PortError, PortFailure};
use outcrop_types::Policy;
use outcrop_wiring::{Stores, WiringError};

use super::Patient;
use super::finding::Finding;
use super::folders;

const NAME: &str = "database";
const MIGRATIONS: &str = "migrations";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    if patient.unresolved.contains(&"store.password") {
        return vec![Finding::skipped(NAME, "not asked: its password could not be read")];
    }
    if let Some(file) = is_still_to_be_made(patient).await {
        return vec![Finding::skipped(NAME, format!("{file} is not there yet; the first start makes it"))];
    }
    let stores = match connect(patient).await {
        Ok(stores) => stores,
        Err(error) => return vec![Finding::fail(NAME, error.to_string(), "correct `store.url`")],
    };
    if let Err(error) = stores.probe.probe().await {
        return vec![Finding::fail(NAME, error.chain(), remedy(&error))];
    }
    let kind = stores.probe.name();
    vec![Finding::ok(NAME, format!("{kind} answers")), migrations(&stores).await]
}

/// The policies there are; none if the database cannot be asked, which is told by its own check.
pub(super) async fn policies(patient: &Patient) -> Vec<Policy> {
    if patient.unresolved.contains(&"store.password") || is_still_to_be_made(patient).await.is_some() {
        return Vec::new();
    }
    let Ok(stores) = connect(patient).await else { return Vec::new() };
    stores.policies.all_policies().await.map(|(_, policies)| policies).unwrap_or_default()
}

/// The database file, if it is one that the first start makes: connecting would make it.
async fn is_still_to_be_made(patient: &Patient) -> Option<String> {
    if !outcrop_wiring::is_sqlite(&patient.config) {
        return None;
    }
    let file = outcrop_wiring::sqlite_file(&patient.config);
    let shown = file.display().to_string();
    let is_there = folders::apart(move || file.exists()).await.unwrap_or(false);
    (!is_there).then_some(shown)
}

async fn connect(patient: &Patient) -> Result<Stores, WiringError> {
    // Where usage goes besides is a check of its own, and connecting would make a folder of it.
    let mut rows = patient.config.clone();
    rows.usage.export_url = None;
    Box::pin(outcrop_wiring::stores(&rows)).await
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
