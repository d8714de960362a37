//! Where teams' prompts are kept.

use async_trait::async_trait;
use outcrop_types::{AuditDraft, Page, Prompt, PromptId, PromptOutline, PromptVersion, TeamId};

use crate::{Changed, PortError};

/// Which prompts to list: those that everything set here is true of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptFilter {
    /// Only this team's.
    pub team: Option<TeamId>,
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those that are archived, or only those that are not.
    pub archived: Option<bool>,
}

/// Records of prompts and their versions. Every change writes its audit event in the same transaction: both or none.
///
/// What a version says stays as it is for as long as its prompt is there. Lists do not read what prompts say: an outline of each, small
/// and bounded, is kept beside it. A team's prompts go with it when it is deleted,
/// in the same transaction.
#[async_trait]
pub trait PromptStore: Send + Sync + 'static {
    /// Adds a prompt with its first version; `Taken` if its team has one of this name, or
    /// [`MAX_PROMPTS`](outcrop_types::MAX_PROMPTS), and `Stale` if there is no such team.
    async fn insert_prompt(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// The prompt with this id.
    async fn lookup_prompt(&self, id: PromptId) -> Result<Option<Prompt>, PortError>;

    /// Outlines of prompts, newest id first. `after` is the last id of the page before.
    async fn list_prompts(
        &self,
        filter: &PromptFilter,
        after: Option<PromptId>,
        limit: usize,
    ) -> Result<Page<Prompt<PromptOutline>>, PortError>;

    /// One version of a prompt.
    async fn lookup_prompt_version(
        &self,
        id: PromptId,
        number: u32,
    ) -> Result<Option<PromptVersion>, PortError>;

    /// Outlines of the versions of a prompt, newest first. `after` is the last number of the page before.
    async fn list_prompt_versions(
        &self,
        id: PromptId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Page<PromptVersion<PromptOutline>>, PortError>;

    /// Writes a prompt's new version, which is its `version`, and what follows from it: `current`, `last`, `latest` and `updated_at`. Its
    /// `revision` is the one it was read at; the stored one is one more.
    async fn add_prompt_version(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// Writes which version is served (`current`, which is there), `last` and `updated_at`, in the same way. Of its `version`,
    /// `served_after` is written if there was none yet; nothing else of any version changes.
    async fn update_prompt(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// Removes a prompt as it was read, with all of its versions.
    async fn delete_prompt(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// Outlines of all prompts of a team that are served, by name.
    async fn served_prompts(&self, team: TeamId) -> Result<Vec<Prompt<PromptOutline>>, PortError>;
}
