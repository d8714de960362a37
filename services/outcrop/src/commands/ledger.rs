//! `outcrop ledger`: months of records, and their prices.

mod export;
mod reprice;

use outcrop_config::Config;
use outcrop_job_worker::archive::{Archive, month_name};
use outcrop_ports::{Blobs, Clock, IdGen, UsageMonth};
use serde_json::json;
use std::sync::Arc;

use crate::admin::Admin;
use crate::cli::{DropArgs, LedgerCommand, MonthsArgs};
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

pub(crate) async fn run(command: &LedgerCommand, config: &Config) -> Result<(), Failure> {
    let admin = Admin::connect_existing(config).await?;
    match command {
        LedgerCommand::Reprice(args) => reprice::run(args, &admin).await,
        LedgerCommand::Months(args) => months(args, &admin).await,
        LedgerCommand::Export(args) => export::run(args, &admin).await,
        LedgerCommand::Drop(args) => drop_month(args, &admin).await,
    }
}

/// What archives are made of.
struct Files<'a> {
    admin: &'a Admin,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
}

impl<'a> Files<'a> {
    async fn of(admin: &'a Admin) -> Result<Self, Failure> {
        let blobs = outcrop_wiring::blobs(admin.config()).await?.port;
        Ok(Self { admin, blobs, clock: outcrop_wiring::clock(), ids: outcrop_wiring::ids() })
    }

    fn archive(&self) -> Archive<'_> {
        Archive {
            ledger: &*self.admin.stores.ledger,
            blobs: &*self.blobs,
            clock: &*self.clock,
            ids: &*self.ids,
        }
    }
}

async fn months(args: &MonthsArgs, admin: &Admin) -> Result<(), Failure> {
    let files = Files::of(admin).await?;
    let mut table = Table::new(["MONTH", "EXPORTED"]);
    for month in admin.stores.ledger.months().await? {
        let records = files.archive().manifest(month).await?.and_then(|it| it.last_records());
        if args.json {
            let view = json!({ "month": month_name(month), "exported_records": records });
            output::line(&view.to_string())?;
        } else {
            let exported = records.map_or_else(|| "-".to_owned(), |records| format!("{records} records"));
            table.row([month_name(month), exported]);
        }
    }
    if args.json { Ok(()) } else { output::write(&table.render()) }
}

async fn drop_month(args: &DropArgs, admin: &Admin) -> Result<(), Failure> {
    let name = month_name(args.month);
    if !there(args.month, admin).await? {
        return Err(Failure::failed(format!("there are no records of {name}")));
    }
    if !args.force && name >= outcrop_wiring::clock().now().format("%Y-%m").to_string() {
        let line =
            format!("{name} is not over: calls of it are still recorded; --force drops it all the same");
        return Err(Failure::failed(line));
    }
    let dropped = match args.force {
        true => admin.stores.ledger.drop_month(args.month, None).await?,
        false => Files::of(admin).await?.archive().drop_exported(args.month).await?,
    };
    if !dropped {
        let line = format!(
            "{name} is not exported as it is now: `outcrop ledger export --month {name}` does that; --force drops it all the same"
        );
        return Err(Failure::failed(line));
    }
    output::note(&format!("The records of {name} are removed; its sums stay."));
    Ok(())
}

/// Whether there are records of a month.
async fn there(month: UsageMonth, admin: &Admin) -> Result<bool, Failure> {
    Ok(admin.stores.ledger.months().await?.contains(&month))
}
