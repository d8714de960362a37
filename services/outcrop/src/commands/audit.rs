//! `outcrop audit`: who did what, and whether the log still says so.

use outcrop_auth::{Acting, AuthService, ChainReport};
use outcrop_config::Config;
use outcrop_ports::AuditFilter;
use outcrop_types::{AuditOutcome, AuditRow};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{AuditCommand, ListAuditArgs, VerifyAuditArgs};
use crate::commands::{lookup, pages};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(command: &AuditCommand, config: &Config) -> Result<(), Failure> {
    let auth = Admin::connect_existing(config).await?.auth().await?;
    match command {
        AuditCommand::List(args) => list(args, &auth).await,
        AuditCommand::Verify(args) => verify(args, &auth).await,
    }
}

async fn list(args: &ListAuditArgs, auth: &AuthService) -> Result<(), Failure> {
    let filter = AuditFilter {
        team: lookup::team_filter(auth, args.team.as_deref()).await?,
        actor: args.actor.clone(),
        action: args.action.clone(),
        target: args.target.clone(),
        outcome: args.refused.then_some(AuditOutcome::Refused),
        ..AuditFilter::default()
    };
    let acting = Acting::command_line();
    let fetch = async |before, limit| auth.list_audit(&acting, filter.clone(), before, limit).await;
    let rows = pages::collect(args.limit, |row: &AuditRow| row.seq, fetch).await?;
    if args.json {
        return rows.iter().try_for_each(|row| output::line(&view(row, auth).to_string()));
    }
    let mut table = Table::new(["SEQ", "AT", "ACTOR", "ACTION", "TARGET", "OUTCOME"]);
    for row in rows {
        table.row([
            row.seq.to_string(),
            time(row.at),
            row.actor,
            row.action,
            row.target,
            row.outcome.name().to_owned(),
        ]);
    }
    output::write(&table.render())
}

/// The event, with its place in the chain; or, where the row is not as it was written, what is wrong with it.
fn view(row: &AuditRow, auth: &AuthService) -> Value {
    let mut view = match row.read(auth.audit_sealer()) {
        Ok(event) => json!(event),
        Err(fault) => json!({ "fault": fault.to_string() }),
    };
    view["seq"] = json!(row.seq);
    view["hash"] = json!(row.hash.to_string());
    view
}

async fn verify(args: &VerifyAuditArgs, auth: &AuthService) -> Result<(), Failure> {
    let report = auth.verify_audit(args.head).await?;
    if args.json {
        output::line(&report_view(&report).to_string())?;
    } else {
        report.faults.iter().try_for_each(|fault| output::line(&fault.to_string()))?;
    }
    if report.fault_count > 0 {
        let (faults, rows) = (report.fault_count, report.rows);
        return Err(Failure::failed(format!("the audit log does not hold: {faults} faults in {rows} rows")));
    }
    match report.head {
        Some(head) if !args.json => {
            output::note(&format!(
                "The audit log holds: {} rows. Its head, to be kept elsewhere and given as --head next time:",
                report.rows
            ));
            output::line(&head.to_string())
        }
        Some(_) => Ok(()),
        None => {
            output::note("The audit log is empty.");
            Ok(())
        }
    }
}

fn report_view(report: &ChainReport) -> Value {
    let faults: Vec<_> =
        report.faults.iter().map(|it| json!({ "seq": it.seq(), "message": it.to_string() })).collect();
    json!({
        "holds": report.fault_count == 0,
        "rows": report.rows,
        "head": report.head.map(|head| head.to_string()),
        "fault_count": report.fault_count,
        "faults": faults,
    })
}
