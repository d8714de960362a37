//! `outcrop keys`: the operator's way to keys, straight in the stores.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use outcrop_auth::{AuthService, NewKey};
use outcrop_config::Config;
use outcrop_types::{ApiKey, KeyId, Limits, Subject, Team, User};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{CreateKeyArgs, KeysCommand, ListKeysArgs, RevokeKeyArgs};
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

/// Most keys asked for at once; longer lists are read in pages.
const PAGE: usize = 100;

pub(crate) async fn run(command: &KeysCommand, config: &Config) -> Result<(), Failure> {
    match command {
        KeysCommand::Create(args) => create(args, &Admin::connect(config).await?.auth()?).await,
        KeysCommand::List(args) => list(args, &Admin::connect_existing(config).await?.auth()?).await,
        KeysCommand::Revoke(args) => {
            let id = key_id(args)?;
            revoke(&id, &Admin::connect_existing(config).await?.auth()?).await
        }
    }
}

async fn create(args: &CreateKeyArgs, auth: &AuthService) -> Result<(), Failure> {
    let (admin, team) = first_admin(auth).await?;
    let team = match &args.team {
        None => team.id,
        Some(name) => {
            let found = auth.lookup_team_by_name(name).await.map_err(|error| Failure::from_error(&error))?;
            found.ok_or_else(|| Failure::failed(format!("there is no team named `{name}`")))?.id
        }
    };
    let now = outcrop_wiring::clock().now();
    let expires_at = args.expires_in.and_then(|it| TimeDelta::from_std(it).ok()).map(|it| now + it);
    let new = NewKey {
        name: args.name.clone(),
        team,
        subject: Subject::User(admin.id),
        role: args.role,
        limits: Limits { requests_per_minute: args.requests_per_minute },
        expires_at,
    };
    let (presented, key) = auth.create_key(new).await.map_err(|error| Failure::from_error(&error))?;
    if args.json {
        let mut view = view(&key);
        view["key"] = json!(presented.expose());
        return output::line(&view.to_string());
    }
    // The key alone on stdout, so that a script can take it.
    output::note(&format!("Key {} ({}, {}); it cannot be shown again:", key.id, key.name, key.role));
    output::line(presented.expose())
}

/// In whose name keys are made. A platform that was never started gets its admin here; the key that comes with
/// it is nobody's, and is revoked.
async fn first_admin(auth: &AuthService) -> Result<(User, Team), Failure> {
    if let Some(first) = auth.bootstrap_if_empty().await.map_err(|error| Failure::from_error(&error))? {
        auth.revoke_key(first.key.id()).await.map_err(|error| Failure::from_error(&error))?;
        return Ok((first.admin, first.team));
    }
    let found = auth.first_admin().await.map_err(|error| Failure::from_error(&error))?;
    found.ok_or_else(|| Failure::failed("the platform has no admin"))
}

async fn list(args: &ListKeysArgs, auth: &AuthService) -> Result<(), Failure> {
    let limit = args.limit as usize;
    let mut keys: Vec<ApiKey> = Vec::new();
    loop {
        let after = keys.last().map(|key| key.id.clone());
        let page = auth.list_keys(None, after.as_ref(), PAGE.min(limit - keys.len())).await;
        let page = page.map_err(|error| Failure::from_error(&error))?;
        let more = page.has_more && !page.items.is_empty();
        keys.extend(page.items);
        if !more || keys.len() >= limit {
            break;
        }
    }
    if args.json {
        return keys.iter().try_for_each(|key| output::line(&view(key).to_string()));
    }
    let now = outcrop_wiring::clock().now();
    let mut table = Table::new(["ID", "NAME", "ROLE", "CREATED", "EXPIRES", "STATE"]);
    for key in &keys {
        table.row([
            key.id.to_string(),
            key.name.clone(),
            key.role.to_string(),
            time(key.created_at),
            key.expires_at.map_or_else(|| "never".to_owned(), time),
            state(key, now).to_owned(),
        ]);
    }
    output::write(&table.render())
}

/// A whole key names itself too, and is what people have at hand.
fn key_id(args: &RevokeKeyArgs) -> Result<KeyId, Failure> {
    let text = args.id.strip_prefix("ock_").unwrap_or(&args.id);
    let id = text.split('_').next().unwrap_or(text).parse();
    id.map_err(|_| Failure::Usage("that is not a key's id; `outcrop keys list` shows them".to_owned()))
}

async fn revoke(id: &KeyId, auth: &AuthService) -> Result<(), Failure> {
    match auth.revoke_key(id).await.map_err(|error| Failure::from_error(&error))? {
        Some(key) => output::line(&format!("Key {} ({}) is revoked.", key.id, key.name)),
        None => Err(Failure::failed(format!("there is no key {id}"))),
    }
}

fn state(key: &ApiKey, now: DateTime<Utc>) -> &'static str {
    if key.is_active(now) {
        "active"
    } else if key.revoked_at.is_some() {
        "revoked"
    } else {
        "expired"
    }
}

fn view(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "team": key.team,
        "subject": key.subject.to_string(),
        "role": key.role,
        "limits": key.limits,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
