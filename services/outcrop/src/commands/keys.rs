//! `outcrop keys`: the operator's way to keys, straight in the stores.

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_auth::{Acting, AuthService, NewKey};
use outcrop_config::Config;
use outcrop_ports::KeyFilter;
use outcrop_types::{ApiKey, KeyId, Limits, PresentedKey, Subject, TeamId};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{CreateKeyArgs, KeysCommand, ListKeysArgs, RevokeKeyArgs, RotateKeyArgs};
use crate::commands::{lookup, pages};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(command: &KeysCommand, config: &Config) -> Result<(), Failure> {
    match command {
        KeysCommand::Create(args) => create(args, &Admin::connect(config).await?.auth().await?).await,
        KeysCommand::List(args) => list(args, &Admin::connect_existing(config).await?.auth().await?).await,
        KeysCommand::Rotate(args) => {
            let id = key_id(&args.id)?;
            rotate(args, &id, &Admin::connect_existing(config).await?.auth().await?).await
        }
        KeysCommand::Revoke(RevokeKeyArgs { id }) => {
            let id = key_id(id)?;
            revoke(&id, &Admin::connect_existing(config).await?.auth().await?).await
        }
    }
}

async fn create(args: &CreateKeyArgs, auth: &AuthService) -> Result<(), Failure> {
    let (team, subject) = owner(args, auth).await?;
    let now = outcrop_wiring::clock().now();
    let new = NewKey {
        name: args.name.clone(),
        team,
        subject: Some(subject),
        role: args.role,
        scope: args.scope.scope(),
        limits: Limits { requests_per_minute: args.requests_per_minute },
        tags: args.tags.iter().cloned().collect(),
        expires_at: args.expires_in.and_then(|it| TimeDelta::from_std(it).ok()).map(|it| now + it),
    };
    let (presented, key) = auth.create_key(&Acting::command_line(), new).await?;
    show(&presented, &key, args.json)
}

/// Whom a new key acts as, and for which team.
async fn owner(args: &CreateKeyArgs, auth: &AuthService) -> Result<(Option<TeamId>, Subject), Failure> {
    let (admin, admins_team) = lookup::first_admin(auth).await?;
    let named = lookup::team_filter(auth, args.team.as_deref()).await?;
    if let Some(id) = args.service_account {
        // An account is of one team.
        return Ok((named, Subject::ServiceAccount(id)));
    }
    let Some(name) = &args.user else {
        return Ok((named.or(Some(admins_team.id)), Subject::User(admin.id)));
    };
    let user = lookup::user(auth, name).await?;
    let (_, memberships) = auth.get_user(&Acting::command_line(), user.id).await?;
    let first = memberships.first().map(|(membership, _)| membership.team);
    Ok((named.or(first).or(Some(admins_team.id)), Subject::User(user.id)))
}

async fn list(args: &ListKeysArgs, auth: &AuthService) -> Result<(), Failure> {
    let now = outcrop_wiring::clock().now();
    let filter = KeyFilter {
        team: lookup::team_filter(auth, args.team.as_deref()).await?,
        active_at: args.active.then_some(now),
        ..KeyFilter::default()
    };
    let acting = Acting::command_line();
    let fetch = async |after: Option<KeyId>, limit| {
        auth.list_keys(&acting, filter.clone(), after.as_ref(), limit).await
    };
    let keys = pages::collect(args.limit, |key: &ApiKey| key.id.clone(), fetch).await?;
    if args.json {
        return keys.iter().try_for_each(|key| output::line(&view(key).to_string()));
    }
    let mut table = Table::new(["ID", "NAME", "ROLE", "CREATED", "LAST USED", "EXPIRES", "STATE"]);
    for key in &keys {
        table.row([
            key.id.to_string(),
            key.name.clone(),
            key.role.to_string(),
            time(key.created_at),
            key.last_used_at.map_or_else(|| "-".to_owned(), time),
            key.expires_at.map_or_else(|| "never".to_owned(), time),
            state(key, now).to_owned(),
        ]);
    }
    output::write(&table.render())
}

async fn rotate(args: &RotateKeyArgs, id: &KeyId, auth: &AuthService) -> Result<(), Failure> {
    let rotated = auth.rotate_key(&Acting::command_line(), id, args.overlap).await?;
    if !args.json {
        let end = rotated.replaced.expires_at.map_or_else(|| "never".to_owned(), time);
        output::note(&format!(
            "Key {} ({}) is replaced and ends: {end}.",
            rotated.replaced.id, rotated.key.name
        ));
    }
    show(&rotated.presented, &rotated.key, args.json)
}

async fn revoke(id: &KeyId, auth: &AuthService) -> Result<(), Failure> {
    let key = auth.revoke_key(&Acting::command_line(), id).await?;
    output::line(&format!("Key {} ({}) is revoked.", key.id, key.name))
}

/// Shows a whole key, this once.
fn show(presented: &PresentedKey, key: &ApiKey, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let mut view = view(key);
        view["key"] = json!(presented.expose());
        return output::line(&view.to_string());
    }
    // The key alone on stdout, so that a script can take it.
    output::note(&format!("Key {} ({}, {}); it cannot be shown again:", key.id, key.name, key.role));
    output::line(presented.expose())
}

/// A whole key names itself too, and is what people have at hand.
fn key_id(text: &str) -> Result<KeyId, Failure> {
    let text = text.strip_prefix("ock_").unwrap_or(text);
    let id = text.split('_').next().unwrap_or(text).parse();
    id.map_err(|_| Failure::Usage("that is not a key's id; `outcrop keys list` shows them".to_owned()))
}

fn state(key: &ApiKey, now: DateTime<Utc>) -> &'static str {
    if key.revoked_at.is_some() && !key.is_active(now) {
        "revoked"
    } else if !key.is_active(now) {
        "expired"
    } else if key.replaced_by.is_some() {
        "replaced"
    } else {
        "active"
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
        "scope": key.scope,
        "tags": key.tags,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "replaced_by": key.replaced_by,
    })
}
