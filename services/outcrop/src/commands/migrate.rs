//! `outcrop migrate`: the database's tables.

use outcrop_config::Config;

use crate::admin::Admin;
use crate::cli::MigrateArgs;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(args: &MigrateArgs, config: &Config) -> Result<(), Failure> {
    // Connecting would make the file, and a check makes nothing.
    if args.check && outcrop_wiring::is_sqlite(config) {
        let file = outcrop_wiring::sqlite_file(config);
        if !file.exists() {
            return Err(Failure::failed(format!("there is no database {} yet", file.display())));
        }
    }
    let admin = Admin::connect_as_it_is(config).await?;
    let pending = admin.stores.pending_migrations().await?;
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
    admin.stores.migrate().await?;
    output::line(&format!("Applied {}: {}", count(&pending), pending.join(", ")))
}

fn count(pending: &[String]) -> String {
    match pending.len() {
        1 => "1 migration".to_owned(),
        n => format!("{n} migrations"),
    }
}
