//! `outcrop migrate`: the database's tables.

use std::time::{Duration, Instant};

use outcrop_config::Config;
use outcrop_wiring::WiringError;

use crate::admin::Admin;
use crate::cli::MigrateArgs;
use crate::failure::Failure;
use crate::output;

/// How long the database may be away: it often starts beside us.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks for it.
const PAUSE: Duration = Duration::from_millis(250);

pub(crate) async fn run(args: &MigrateArgs, config: &Config) -> Result<(), Failure> {
    // Connecting would make the file, and a check makes nothing.
    if args.check && outcrop_wiring::is_sqlite(config) {
        let file = outcrop_wiring::sqlite_file(config);
        if !file.exists() {
            return Err(Failure::failed(format!("there is no database {} yet", file.display())));
        }
    }
    let admin = Admin::connect_as_it_is(config).await?;
    let pending = patiently(async || admin.stores.pending_migrations().await).await?;
    if pending.is_empty() {
        return output::line("The database is up to date.");
    }
    if args.check {
        return Err(Failure::failed(format!(
            "the database lacks {}: {}",
            count(&pending),
            pending.join(", ")
        )));
    }
    patiently(async || admin.stores.migrate().await).await?;
    output::line(&format!("Applied {}: {}", count(&pending), pending.join(", ")))
}

/// Tries again while the database is away, up to [`PATIENCE`].
async fn patiently<T>(attempt: impl AsyncFn() -> Result<T, WiringError>) -> Result<T, WiringError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(error) if error.is_away() && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
}

fn count(pending: &[String]) -> String {
    match pending.len() {
        1 => "1 migration".to_owned(),
        n => format!("{n} migrations"),
    }
}
