//! Making, reading, changing and removing prompts: what a team has written once for its people to fill in.
//!
//! Who manages a team decides about its prompts, and who runs the platform about all. Whoever may use MCP fills them there; that is
//! not done here. A version that was written stays as it is: what changes is which one is served.

mod template;

use outcrop_ports::{Changed, PromptFilter};
use outcrop_types::{
    MAX_PROMPT_NAME, MAX_PROMPT_VERSIONS, MAX_PROMPTS, Page, Permission, Prompt, PromptId, PromptOutline,
    PromptTemplate, PromptVersion, TeamId,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::template::checked;
use crate::change_loop::ChangeLoop;
use crate::{Acting, AdminError, AuthService};

const WHAT: &str = "prompt";

/// What a new prompt shall be.
#[derive(Debug, Clone, Default)]
pub struct NewPrompt {
    /// Whose it is; if not said, the caller's team's.
    pub team: Option<TeamId>,
    /// What it is called by.
    pub name: String,
    /// What its first version says.
    pub template: PromptTemplate,
}

/// What a new version of a prompt shall be.
#[derive(Debug, Clone, Default)]
pub struct NewPromptVersion {
    /// What it says.
    pub template: PromptTemplate,
    /// Whether it is served from now on.
    pub serve: bool,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

/// Which version of a prompt shall be served.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServedVersion {
    /// Its number; `None` archives the prompt.
    pub number: Option<u32>,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

/// What a version of a prompt is kept as that is written like this: without the space around its words. An error says what cannot be.
pub fn prompt_as_kept(template: PromptTemplate) -> Result<PromptTemplate, AdminError> {
    checked(template)
}

impl AuthService {
    /// Makes a prompt, whose first version is served; MCP clients see it within seconds.
    pub async fn create_prompt(&self, acting: &Acting, new: NewPrompt) -> Result<Prompt, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        if !Prompt::is_name(&new.name) {
            let message = format!(
                "`name` must have 1 to {MAX_PROMPT_NAME} characters, each of `a` to `z`, `0` to `9`, `_` and `-`"
            );
            return Err(AdminError::invalid("name", message));
        }
        let template = checked(new.template)?;
        let team = acting.team_or_own(new.team)?;
        self.team_to_staff(acting, team).await.map_err(|error| error.named_by("team"))?;
        let version = self.new_version(acting, 1, template, Some(0));
        let prompt = Prompt {
            id: PromptId::new(self.ports().ids.uuid()),
            team,
            name: new.name,
            current: Some(version.number),
            last: version.number,
            latest: version.number,
            created_at: version.created_at,
            updated_at: version.created_at,
            version,
            revision: 0,
        };
        let mut event = self.event(acting, "prompt.create", prompt.id, Some(team));
        event.after = Some(audited(&prompt, true));
        let made = self.ports().prompts.insert_prompt(&prompt, &self.draft(event)).await;
        match made.map_err(AdminError::store("create the prompt"))? {
            Changed::Done => Ok(prompt),
            Changed::Stale => Err(AdminError::not_found("team").named_by("team")),
            Changed::Taken | Changed::LastAdmin => Err(self.prompt_in_the_way(&prompt).await),
        }
    }

    /// Outlines of prompts, newest first: of the team asked for, of all for whoever may see all, else of the caller's own.
    pub async fn list_prompts(
        &self,
        acting: &Acting,
        mut filter: PromptFilter,
        after: Option<PromptId>,
        limit: usize,
    ) -> Result<Page<Prompt<PromptOutline>>, AdminError> {
        filter.team = acting.team_to_list(Permission::ManageTeam, filter.team)?;
        let listed = self.ports().prompts.list_prompts(&filter, after, limit).await;
        listed.map_err(AdminError::store("list the prompts"))
    }

    /// The prompt with this id, if the caller may manage its team.
    pub async fn get_prompt(&self, acting: &Acting, id: PromptId) -> Result<Prompt, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        let found = self.ports().prompts.lookup_prompt(id).await;
        let prompt =
            found.map_err(AdminError::store("look up the prompt"))?.ok_or(AdminError::not_found(WHAT))?;
        acting.check_team(Permission::ManageTeam, prompt.team, WHAT)?;
        Ok(prompt)
    }

    /// Outlines of the versions of a prompt, newest first.
    pub async fn list_prompt_versions(
        &self,
        acting: &Acting,
        id: PromptId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Page<PromptVersion<PromptOutline>>, AdminError> {
        self.get_prompt(acting, id).await?;
        let listed = self.ports().prompts.list_prompt_versions(id, after, limit).await;
        listed.map_err(AdminError::store("list the versions of the prompt"))
    }

    /// One version of a prompt.
    pub async fn get_prompt_version(
        &self,
        acting: &Acting,
        id: PromptId,
        number: u32,
    ) -> Result<PromptVersion, AdminError> {
        self.get_prompt(acting, id).await?;
        self.existing_version(id, number).await
    }

    /// Writes a new version of a prompt.
    pub async fn add_prompt_version(
        &self,
        acting: &Acting,
        id: PromptId,
        new: NewPromptVersion,
    ) -> Result<Prompt, AdminError> {
        let mut change = ChangeLoop::new(WHAT, new.revision);
        loop {
            let prompt = self.get_prompt(acting, id).await?;
            change.read(prompt.revision)?;
            let number = number_after(&prompt)?;
            let served_after = new.serve.then_some(prompt.last);
            let version = self.new_version(acting, number, checked(new.template.clone())?, served_after);
            let after = Prompt {
                current: if new.serve { Some(number) } else { prompt.current },
                last: if new.serve { number } else { prompt.last },
                latest: version.number,
                updated_at: version.created_at,
                version,
                ..prompt.clone()
            };
            let mut event = self.event(acting, "prompt.add_version", id, Some(prompt.team));
            event.before = Some(audited(&prompt, false));
            event.after = Some(audited(&after, true));
            let written = self.ports().prompts.add_prompt_version(&after, &self.draft(event)).await;
            match written.map_err(AdminError::store("write the version"))? {
                // With the version that is shown of it now, be it this one or that which goes on to be served.
                Changed::Done => return self.get_prompt(acting, id).await,
                Changed::Stale | Changed::Taken | Changed::LastAdmin => change.met_another()?,
            }
        }
    }

    /// Says which version of a prompt is served, or that none is.
    pub async fn serve_prompt_version(
        &self,
        acting: &Acting,
        id: PromptId,
        served: ServedVersion,
    ) -> Result<Prompt, AdminError> {
        let mut change = ChangeLoop::new(WHAT, served.revision);
        loop {
            let prompt = self.get_prompt(acting, id).await?;
            change.read(prompt.revision)?;
            if prompt.current == served.number {
                return Ok(prompt);
            }
            let shown = served.number.unwrap_or(prompt.latest);
            let mut version =
                self.existing_version(id, shown).await.map_err(|error| error.named_by("version"))?;
            if served.number.is_some() {
                version.served_after = version.served_after.or(Some(prompt.last));
            }
            let (last, updated_at) = (served.number.unwrap_or(prompt.last), self.ports().clock.now());
            let after = Prompt { current: served.number, last, version, updated_at, ..prompt.clone() };
            let action = if after.is_archived() { "prompt.archive" } else { "prompt.serve_version" };
            let mut event = self.event(acting, action, id, Some(prompt.team));
            event.before = Some(audited(&prompt, false));
            event.after = Some(audited(&after, false));
            let written = self.ports().prompts.update_prompt(&after, &self.draft(event)).await;
            match written.map_err(AdminError::store("change the prompt"))? {
                Changed::Done => return Ok(Prompt { revision: after.revision + 1, ..after }),
                Changed::Stale | Changed::Taken | Changed::LastAdmin => change.met_another()?,
            }
        }
    }

    /// Removes a prompt with all of its versions.
    pub async fn delete_prompt(&self, acting: &Acting, id: PromptId) -> Result<(), AdminError> {
        let mut change = ChangeLoop::new(WHAT, None);
        loop {
            let prompt = self.get_prompt(acting, id).await?;
            let mut event = self.event(acting, "prompt.delete", id, Some(prompt.team));
            event.before = Some(audited(&prompt, false));
            let removed = self.ports().prompts.delete_prompt(&prompt, &self.draft(event)).await;
            match removed.map_err(AdminError::store("remove the prompt"))? {
                Changed::Done => return Ok(()),
                Changed::Stale | Changed::Taken | Changed::LastAdmin => change.met_another()?,
            }
        }
    }

    fn new_version(
        &self,
        acting: &Acting,
        number: u32,
        template: PromptTemplate,
        served_after: Option<u32>,
    ) -> PromptVersion {
        let created_at = self.ports().clock.now();
        PromptVersion { number, template, served_after, created_at, created_by: acting.actor().name() }
    }

    async fn existing_version(&self, id: PromptId, number: u32) -> Result<PromptVersion, AdminError> {
        let found = self.ports().prompts.lookup_prompt_version(id, number).await;
        let found = found.map_err(AdminError::store("look up the version"))?;
        found.ok_or(AdminError::not_found("version of the prompt"))
    }

    /// Why a new prompt was not taken.
    async fn prompt_in_the_way(&self, new: &Prompt) -> AdminError {
        let filter =
            PromptFilter { team: Some(new.team), name: Some(new.name.clone()), ..PromptFilter::default() };
        let there = self.ports().prompts.list_prompts(&filter, None, 1).await;
        match there.map_err(AdminError::store("look up the prompt")) {
            Ok(page) if page.items.is_empty() => AdminError::State {
                message: format!("the team has {MAX_PROMPTS} prompts, which is as many as it may have"),
            },
            Ok(_) => AdminError::Taken { what: WHAT },
            Err(error) => error,
        }
    }
}

/// The number of a prompt's next version.
fn number_after(prompt: &Prompt) -> Result<u32, AdminError> {
    if prompt.latest < MAX_PROMPT_VERSIONS {
        return Ok(prompt.latest + 1);
    }
    let message = format!(
        "the prompt has {MAX_PROMPT_VERSIONS} versions, which is as many as it may have: make another prompt"
    );
    Err(AdminError::State { message })
}

/// A prompt as the audit log tells of it. What a version that was just written says is told by its digest: texts of prompts are in
/// no log.
fn audited(prompt: &Prompt, is_written: bool) -> Value {
    let mut told = json!({ "name": prompt.name, "current": prompt.current, "latest": prompt.latest });
    if is_written {
        let text = json!(prompt.version.template).to_string();
        let digest: String = Sha256::digest(text.as_bytes()).iter().map(|it| format!("{it:02x}")).collect();
        told["sha256"] = digest.into();
    }
    told
}
