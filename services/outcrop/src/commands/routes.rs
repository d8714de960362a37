//! `outcrop routes`: the operator's way to routes, straight in the store.

use std::path::Path;
use std::time::Duration;

use outcrop_config::{Config, RouteFormat, write_routes};
use outcrop_inference::RouteLint;
use outcrop_ports::{Changed, Place, StoredRoutes, UnknownPlace};
use outcrop_types::{Actor, AuditDraft, AuditEvent, Change, Fault, RouteTable};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{ApplyRoutesArgs, RoutesCommand, ShowRoutesArgs, TargetsArgs};
use crate::failure::Failure;
use crate::local_url::local_url;
use crate::output;
use crate::table::{Table, time};

/// Longest wait for a server's answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const STALE: &str =
    "the routes were changed meanwhile; look at them with `outcrop routes show` and try again";

pub(crate) async fn run(command: &RoutesCommand, config: &Config) -> Result<(), Failure> {
    match command {
        RoutesCommand::Show(args) => show(args, config).await,
        RoutesCommand::Check(args) => {
            let table = read(config, &args.file, "")?;
            output::line(&format!("The routes are good: {}.", count(&table)))
        }
        RoutesCommand::Apply(args) => apply(args, config).await,
        RoutesCommand::Targets(args) => targets(args, config).await,
    }
}

/// The table of a file. What is strange about it goes to stderr; `setting` names who names the file, if somebody does.
pub(crate) fn read(config: &Config, file: &Path, setting: &str) -> Result<RouteTable, Failure> {
    let catalog = outcrop_wiring::names(config)?;
    let setting_of = |line: String| Failure::from(outcrop_wiring::WiringError::setting(line));
    let regions = outcrop_wiring::regions(config)?;
    let accounts = config.models.other_accounts().map_err(setting_of)?;
    let place = |place: &Place| match &place.account {
        Some(name) if accounts.iter().all(|it| it.name != *name) => Err(UnknownPlace::Account(name.clone())),
        _ => Ok(()),
    };
    let line = |fault: &Fault| format!("{setting}{}: {fault}", file.display());
    let read = RouteLint { catalog: &*catalog, regions: &regions, place: &place }.read(file);
    let (table, warnings) = read.map_err(|faults| Failure::Settings(faults.iter().map(line).collect()))?;
    for warning in &warnings {
        output::note(&format!("warning: {}", line(warning)));
    }
    Ok(table)
}

async fn show(args: &ShowRoutesArgs, config: &Config) -> Result<(), Failure> {
    let stored = match &config.routing.routes {
        Some(file) => StoredRoutes { table: read(config, file, "")?, ..StoredRoutes::default() },
        None => Admin::connect_existing(config).await?.stores.routes.routes().await?,
    };
    if args.json {
        return output::line(&write_routes(&stored.table, RouteFormat::Json));
    }
    let from = match (&config.routing.routes, stored.updated_at) {
        (Some(file), _) => format!("from {}", file.display()),
        (None, Some(at)) => format!("revision {}, changed {}", stored.revision, time(at)),
        (None, None) => "revision 0: there are none yet".to_owned(),
    };
    output::write(&format!("# {from}\n{}", write_routes(&stored.table, RouteFormat::Toml)))
}

async fn apply(args: &ApplyRoutesArgs, config: &Config) -> Result<(), Failure> {
    if let Some(file) = &config.routing.routes {
        let line = format!("routes are read from {} (`routing.routes`); change them there", file.display());
        return Err(Failure::Failed(line));
    }
    let table = read(config, &args.file, "")?;
    let admin = Admin::connect(config).await?;
    let before = admin.stores.routes.routes().await?;
    if args.revision.is_some_and(|seen| seen != before.revision) {
        return Err(Failure::failed(STALE));
    }
    if before.table == table {
        return output::line(&format!("The routes are so already, at revision {}.", before.revision));
    }
    let now = outcrop_wiring::clock().now();
    let event = AuditEvent {
        before: serde_json::to_value(&before.table).ok(),
        after: serde_json::to_value(&table).ok(),
        ..AuditEvent::done(Actor::CommandLine, "routes.replace", "routes", now)
    };
    let draft = AuditDraft::new(event, outcrop_wiring::audit_sealer(admin.config())?);
    match admin.stores.routes.replace_routes(before.revision, &table, now, &draft).await? {
        Changed::Done => {}
        Changed::Stale | Changed::Taken | Changed::LastAdmin => return Err(Failure::failed(STALE)),
    }
    // Whoever does not hear of it asks within a second.
    if let Ok(changes) = outcrop_wiring::changes(admin.config()) {
        drop(changes.announce(&Change::Routes).await);
    }
    output::line(&format!("The routes are at revision {}: {}.", before.revision + 1, count(&table)))
}

fn count(table: &RouteTable) -> String {
    match table.routes.len() {
        1 => "1 route".to_owned(),
        number => format!("{number} routes"),
    }
}

async fn targets(args: &TargetsArgs, config: &Config) -> Result<(), Failure> {
    let Some(key) = args.key.as_deref().filter(|key| !key.is_empty()) else {
        let line = "targets needs an API key of a platform admin: set OUTCROP_API_KEY";
        return Err(Failure::Usage(line.to_owned()));
    };
    let url = args.url.as_deref().filter(|url| !url.is_empty());
    let url = url.map_or_else(|| local_url(config), ToOwned::to_owned);
    let listed = ask(&format!("{}/admin/v1/routes/targets", url.trim_end_matches('/')), key).await?;
    let targets = listed["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    if args.json {
        return targets.iter().try_for_each(|target| output::line(&target.to_string()));
    }
    let mut table =
        Table::new(["TARGET", "STATE", "RESTS", "FAILURES", "UNDER WAY", "LATENCY", "RETRIES LEFT"]);
    for target in targets {
        let text = |name: &str| match &target[name] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let ms = |name: &str| target[name].as_u64().map_or_else(|| "-".to_owned(), |it| format!("{it} ms"));
        let counts = [text("failures"), text("in_flight"), ms("latency_ms"), text("retries_left")];
        table.row([text("target"), text("state"), ms("resting_ms")].into_iter().chain(counts));
    }
    output::write(&table.render())
}

async fn ask(url: &str, key: &str) -> Result<Value, Failure> {
    let client = reqwest::Client::builder().timeout(TIME_LIMIT).build();
    let client = client.map_err(|error| Failure::from_error(&error))?;
    let answer = client.get(url).bearer_auth(key).send().await;
    let answer = answer.map_err(|error| Failure::from_error(&error.without_url()))?;
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_else(|_| json!({}));
    if status.is_success() {
        return Ok(body);
    }
    let detail = body["detail"].as_str().unwrap_or("without a reason");
    Err(Failure::failed(format!("the server answered {}: {detail}", status.as_u16())))
}
