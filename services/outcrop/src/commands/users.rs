//! `outcrop users`: the operator's way to people, straight in the stores.

use outcrop_auth::{Acting, AuthService, Invited, NewUser, UserPatch};
use outcrop_config::Config;
use outcrop_ports::UserFilter;
use outcrop_types::User;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{CreateUserArgs, InviteArgs, ListUsersArgs, UserArgs, UsersCommand};
use crate::commands::{lookup, pages};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(command: &UsersCommand, config: &Config) -> Result<(), Failure> {
    // On the heap: it holds a connection of every kind of store.
    let existing = || Box::pin(async { Admin::connect_existing(config).await?.auth().await });
    match command {
        UsersCommand::Create(args) => create(args, &Admin::connect(config).await?.auth().await?).await,
        UsersCommand::List(args) => list(args, &existing().await?).await,
        UsersCommand::Invite(args) => invite(args, &existing().await?).await,
        UsersCommand::Disable(args) => keep_out(args, true, &existing().await?).await,
        UsersCommand::Enable(args) => keep_out(args, false, &existing().await?).await,
    }
}

async fn create(args: &CreateUserArgs, auth: &AuthService) -> Result<(), Failure> {
    let (_, admins_team) = lookup::first_admin(auth).await?;
    let team = lookup::team_filter(auth, args.team.as_deref()).await?.unwrap_or(admins_team.id);
    let new = NewUser {
        name: args.name.clone(),
        email: args.email.clone(),
        team: Some(team),
        role: Some(args.role),
    };
    let made = auth.create_user(&Acting::command_line(), new).await?;
    let mut view = view(&made.user);
    view["team"] = json!(made.membership.team);
    view["role"] = json!(made.membership.role);
    show(&made.user, &made.invited, args.json.then_some(view))
}

async fn list(args: &ListUsersArgs, auth: &AuthService) -> Result<(), Failure> {
    let team = lookup::team_filter(auth, args.team.as_deref()).await?;
    let (acting, filter) = (Acting::command_line(), UserFilter { team, ..UserFilter::default() });
    let fetch = async |after, limit| auth.list_users(&acting, filter.clone(), after, limit).await;
    let users = pages::collect(args.limit, |user: &User| user.id, fetch).await?;
    if args.json {
        return users.iter().try_for_each(|user| output::line(&view(user).to_string()));
    }
    let mut table = Table::new(["ID", "NAME", "EMAIL", "CREATED", "STATE"]);
    for user in users {
        table.row([
            user.id.to_string(),
            user.name,
            user.email.unwrap_or_else(|| "-".to_owned()),
            time(user.created_at),
            if user.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
        ]);
    }
    output::write(&table.render())
}

async fn invite(args: &InviteArgs, auth: &AuthService) -> Result<(), Failure> {
    let user = lookup::user(auth, &args.user).await?;
    let invited = auth.create_invitation(&Acting::command_line(), user.id).await?;
    show(&user, &invited, args.json.then(|| view(&user)))
}

async fn keep_out(args: &UserArgs, disabled: bool, auth: &AuthService) -> Result<(), Failure> {
    let user = lookup::user(auth, &args.user).await?;
    let patch = UserPatch { disabled: Some(disabled), ..UserPatch::default() };
    let user = auth.update_user(&Acting::command_line(), user.id, patch).await?;
    let state = if disabled { "disabled" } else { "enabled" };
    output::line(&format!("User {} ({}) is {state}.", user.id, user.name))
}

/// Shows a whole invitation, this once; with a view of the user, as JSON.
fn show(user: &User, invited: &Invited, view: Option<Value>) -> Result<(), Failure> {
    if let Some(mut view) = view {
        view["invitation"] = json!(invited.presented.expose());
        view["invitation_expires_at"] = json!(invited.expires_at);
        return output::line(&view.to_string());
    }
    // The invitation alone on stdout, so that a script can take it.
    output::note(&format!(
        "Invitation of {} ({}) to set a password, good once and until {}; it cannot be shown again:",
        user.name,
        user.id,
        time(invited.expires_at)
    ));
    output::line(invited.presented.expose())
}

fn view(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    })
}
