//! `outcrop prompts`: the operator's way to prompts, straight in the stores.

mod file;

use outcrop_auth::{Acting, AuthService, NewPrompt, NewPromptVersion, ServedVersion, prompt_as_kept};
use outcrop_config::Config;
use outcrop_ports::PromptFilter;
use outcrop_types::{Prompt, PromptId, PromptOutline, PromptTemplate, PromptVersion, TeamId};
use serde_json::{Value, json};

use self::file::PromptFile;
use crate::admin::Admin;
use crate::cli::{
    ListPromptsArgs, PromptArgs, PromptsCommand, PutPromptArgs, RollbackPromptArgs, ShowPromptArgs,
};
use crate::commands::{lookup, pages};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(command: &PromptsCommand, config: &Config) -> Result<(), Failure> {
    if let PromptsCommand::Put(args) = command {
        let file = PromptFile::read(&args.file)?;
        return put(args, file, &Admin::connect(config).await?.auth().await?).await;
    }
    let auth = Admin::connect_existing(config).await?.auth().await?;
    match command {
        PromptsCommand::Put(args) => put(args, PromptFile::read(&args.file)?, &auth).await,
        PromptsCommand::List(args) => list(args, &auth).await,
        PromptsCommand::Show(args) => show(args, &auth).await,
        PromptsCommand::Rollback(args) => rollback(args, &auth).await,
        PromptsCommand::Archive(args) => {
            let prompt = serve(&existing(args, &auth).await?, None, &auth).await?;
            output::line(&format!("{} is archived.", called(&prompt)))
        }
        PromptsCommand::Delete(args) => {
            let prompt = existing(args, &auth).await?;
            auth.delete_prompt(&Acting::command_line(), prompt.id).await?;
            output::line(&format!("{} is deleted.", called(&prompt)))
        }
    }
}

async fn put(args: &PutPromptArgs, file: PromptFile, auth: &AuthService) -> Result<(), Failure> {
    let acting = Acting::command_line();
    let name = args.name.clone().unwrap_or(file.name);
    let (_, admins_team) = lookup::first_admin(auth).await?;
    let team = lookup::team_filter(auth, args.team.as_deref()).await?.unwrap_or(admins_team.id);
    // As it would be kept, for it is compared with what is.
    let template = prompt_as_kept(file.template)?;
    let prompt = match named(auth, Some(team), &name).await?.pop() {
        None if args.draft => {
            let line = format!("the team has no prompt `{name}` yet, and the first version of one is served");
            return Err(Failure::Usage(line));
        }
        None => auth.create_prompt(&acting, NewPrompt { team: Some(team), name, template }).await?,
        Some(there) => {
            let there = auth.get_prompt(&acting, there.id).await?;
            put_again(there, template, args.draft, auth).await?
        }
    };
    if args.json {
        return output::line(&view(&prompt).to_string());
    }
    let drafted = if args.draft { format!("; version {} is written", prompt.latest) } else { String::new() };
    output::line(&format!("{}: {}{drafted}.", called(&prompt), standing(&prompt)))
}

/// The same file again changes nothing, however often a deployment puts it; and a draft that is put without `--draft` is served.
async fn put_again(
    there: Prompt,
    template: PromptTemplate,
    draft: bool,
    auth: &AuthService,
) -> Result<Prompt, Failure> {
    let acting = Acting::command_line();
    if !draft && !there.is_archived() && there.version.template == template {
        output::note(&format!("{} says this already.", called(&there)));
        return Ok(there);
    }
    let newest = if there.version.number == there.latest {
        there.version.clone()
    } else {
        auth.get_prompt_version(&acting, there.id, there.latest).await?
    };
    if newest.template == template {
        if !draft {
            return serve(&there, Some(newest.number), auth).await;
        }
        output::note(&format!("The newest version of {} says this already.", called(&there)));
        return Ok(there);
    }
    let new = NewPromptVersion { template, serve: !draft, revision: Some(there.revision) };
    Ok(auth.add_prompt_version(&acting, there.id, new).await?)
}

async fn list(args: &ListPromptsArgs, auth: &AuthService) -> Result<(), Failure> {
    let filter = PromptFilter {
        team: lookup::team_filter(auth, args.team.as_deref()).await?,
        archived: args.archived.then_some(true),
        ..PromptFilter::default()
    };
    let acting = Acting::command_line();
    let fetch = async |after, limit| auth.list_prompts(&acting, filter.clone(), after, limit).await;
    let prompts = pages::collect(args.limit, |prompt: &Prompt<PromptOutline>| prompt.id, fetch).await?;
    if args.json {
        return prompts.iter().try_for_each(|prompt| output::line(&listed(prompt).to_string()));
    }
    let mut table = Table::new(["ID", "NAME", "TEAM", "SERVED", "VERSIONS", "TITLE"]);
    for prompt in &prompts {
        table.row([
            prompt.id.to_string(),
            prompt.name.clone(),
            prompt.team.to_string(),
            prompt.current.map_or_else(|| "archived".to_owned(), |number| number.to_string()),
            prompt.latest.to_string(),
            prompt.version.template.title.clone().unwrap_or_default(),
        ]);
    }
    output::write(&table.render())
}

async fn show(args: &ShowPromptArgs, auth: &AuthService) -> Result<(), Failure> {
    let mut prompt = existing(&args.which, auth).await?;
    if let Some(number) = args.version {
        prompt.version = auth.get_prompt_version(&Acting::command_line(), prompt.id, number).await?;
    }
    if args.json {
        return output::line(&view(&prompt).to_string());
    }
    let PromptVersion { number, template, created_at, created_by, .. } = &prompt.version;
    let mut table = Table::new(["PROMPT", &prompt.id.to_string()]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("name", prompt.name.clone());
    row("team", prompt.team.to_string());
    row("served", standing(&prompt));
    let draft = if prompt.version.was_served() { "" } else { ", never served" };
    row("version", format!("{number} of {}, by {created_by} on {}{draft}", prompt.latest, time(*created_at)));
    for (name, text) in [("title", &template.title), ("description", &template.description)] {
        if let Some(text) = text {
            row(name, text.replace('\n', " "));
        }
    }
    for argument in &template.arguments {
        let is = match (&argument.default, argument.required) {
            (_, true) => ", required".to_owned(),
            (Some(default), _) => format!(", else `{default}`"),
            (None, _) => String::new(),
        };
        let values = argument.values.join(", ");
        let values = if values.is_empty() { values } else { format!(": {values}") };
        row("argument", format!("{}{is}{values}", argument.name));
    }
    output::write(&table.render())?;
    template.messages.iter().try_for_each(|message| {
        let role = json!(message.role);
        // Line by line, since what plays tricks on a terminal is left out.
        let lines = message.text.lines().map(|line| line.chars().filter(|it| !it.is_control()));
        let text: Vec<String> = lines.map(Iterator::collect).collect();
        output::write(&format!("\n{}:\n{}\n", role.as_str().unwrap_or_default(), text.join("\n")))
    })
}

async fn rollback(args: &RollbackPromptArgs, auth: &AuthService) -> Result<(), Failure> {
    let prompt = existing(&args.which, auth).await?;
    let number = match args.version {
        Some(number) => number,
        None if prompt.is_archived() => prompt.last,
        None => prompt.version.served_after.filter(|number| *number > 0).ok_or_else(|| {
            let line = format!("no version was served before the one that is served of {}", called(&prompt));
            Failure::failed(line)
        })?,
    };
    let prompt = serve(&prompt, Some(number), auth).await?;
    output::line(&format!("{}: {}.", called(&prompt), standing(&prompt)))
}

async fn serve(prompt: &Prompt, number: Option<u32>, auth: &AuthService) -> Result<Prompt, Failure> {
    let served = ServedVersion { number, revision: Some(prompt.revision) };
    Ok(auth.serve_prompt_version(&Acting::command_line(), prompt.id, served).await?)
}

/// The prompt of this id or name.
async fn existing(args: &PromptArgs, auth: &AuthService) -> Result<Prompt, Failure> {
    if let Ok(id) = args.prompt.parse::<PromptId>() {
        return Ok(auth.get_prompt(&Acting::command_line(), id).await?);
    }
    let team = lookup::team_filter(auth, args.team.as_deref()).await?;
    let mut found = named(auth, team, &args.prompt).await?;
    if found.len() > 1 {
        return Err(Failure::Usage(format!(
            "several teams have a prompt `{}`: name one with --team",
            args.prompt
        )));
    }
    let gone = || Failure::failed(format!("there is no prompt named `{}`", args.prompt));
    Ok(auth.get_prompt(&Acting::command_line(), found.pop().ok_or_else(gone)?.id).await?)
}

/// One or two prompts of this name, if there are any.
async fn named(
    auth: &AuthService,
    team: Option<TeamId>,
    name: &str,
) -> Result<Vec<Prompt<PromptOutline>>, Failure> {
    let filter = PromptFilter { team, name: Some(name.to_owned()), archived: None };
    Ok(auth.list_prompts(&Acting::command_line(), filter, None, 2).await?.items)
}

fn called(prompt: &Prompt) -> String {
    format!("Prompt {} ({})", prompt.name, prompt.id)
}

fn standing(prompt: &Prompt) -> String {
    prompt.current.map_or_else(|| "archived".to_owned(), |number| format!("version {number} is served"))
}

fn view(prompt: &Prompt) -> Value {
    let PromptTemplate { title, description, arguments, messages } = &prompt.version.template;
    let says = json!({
        "title": title, "description": description, "arguments": arguments, "messages": messages,
    });
    viewed(prompt, says)
}

/// As [`view`], without what lists do not tell.
fn listed(prompt: &Prompt<PromptOutline>) -> Value {
    let PromptOutline { title, description, arguments } = &prompt.version.template;
    viewed(prompt, json!({ "title": title, "description": description, "arguments": arguments }))
}

fn viewed<T>(prompt: &Prompt<T>, mut version: Value) -> Value {
    version["version"] = json!(prompt.version.number);
    version["served_after"] = json!(prompt.version.served_after);
    version["created_at"] = json!(prompt.version.created_at);
    version["created_by"] = json!(prompt.version.created_by);
    json!({
        "id": prompt.id,
        "team": prompt.team,
        "name": prompt.name,
        "current": prompt.current,
        "latest": prompt.latest,
        "archived": prompt.is_archived(),
        "version": version,
        "created_at": prompt.created_at,
        "updated_at": prompt.updated_at,
        "revision": prompt.revision,
    })
}
