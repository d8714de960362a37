//! `outcrop teams`: the operator's way to teams, straight in the stores.

use outcrop_auth::{Acting, AuthService};
use outcrop_config::Config;
use outcrop_ports::TeamFilter;
use outcrop_types::Team;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{CreateTeamArgs, ListTeamsArgs, TeamsCommand};
use crate::commands::{lookup, pages};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(command: &TeamsCommand, config: &Config) -> Result<(), Failure> {
    match command {
        TeamsCommand::Create(args) => create(args, &Admin::connect(config).await?.auth().await?).await,
        TeamsCommand::List(args) => list(args, &Admin::connect_existing(config).await?.auth().await?).await,
    }
}

async fn create(args: &CreateTeamArgs, auth: &AuthService) -> Result<(), Failure> {
    // The platform's own team and admin come first.
    lookup::first_admin(auth).await?;
    let team = auth.create_team(&Acting::command_line(), &args.name).await?;
    if args.json {
        return output::line(&view(&team).to_string());
    }
    output::note(&format!("Team {}:", team.name));
    output::line(&team.id.to_string())
}

async fn list(args: &ListTeamsArgs, auth: &AuthService) -> Result<(), Failure> {
    let acting = Acting::command_line();
    let fetch = async |after, limit| auth.list_teams(&acting, TeamFilter::default(), after, limit).await;
    let teams = pages::collect(args.limit, |team: &Team| team.id, fetch).await?;
    if args.json {
        return teams.iter().try_for_each(|team| output::line(&view(team).to_string()));
    }
    let mut table = Table::new(["ID", "NAME", "CREATED", "STATE"]);
    for team in teams {
        table.row([
            team.id.to_string(),
            team.name,
            time(team.created_at),
            if team.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
        ]);
    }
    output::write(&table.render())
}

fn view(team: &Team) -> Value {
    json!({
        "id": team.id,
        "name": team.name,
        "created_at": team.created_at,
        "disabled_at": team.disabled_at,
    })
}
