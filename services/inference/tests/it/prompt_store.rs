//! Prompts that are there from the beginning.

use async_trait::async_trait;
use outcrop_ports::contract::samples::outlined;
use outcrop_ports::{Changed, PortError, PromptFilter, PromptStore};
use outcrop_types::{AuditDraft, Page, Prompt, PromptId, PromptOutline, PromptVersion, TeamId};

/// Serves each team its own of these. Nobody changes them here.
#[derive(Debug, Default)]
pub(crate) struct FixedPrompts(pub(crate) Vec<Prompt>);

#[async_trait]
impl PromptStore for FixedPrompts {
    async fn insert_prompt(&self, _: &Prompt, _: &AuditDraft) -> Result<Changed, PortError> {
        Ok(Changed::Stale)
    }

    async fn lookup_prompt(&self, id: PromptId) -> Result<Option<Prompt>, PortError> {
        Ok(self.0.iter().find(|it| it.id == id).cloned())
    }

    async fn list_prompts(
        &self,
        _: &PromptFilter,
        _: Option<PromptId>,
        _: usize,
    ) -> Result<Page<Prompt<PromptOutline>>, PortError> {
        Ok(Page { items: self.0.iter().cloned().map(outlined).collect(), has_more: false })
    }

    async fn lookup_prompt_version(
        &self,
        id: PromptId,
        number: u32,
    ) -> Result<Option<PromptVersion>, PortError> {
        let found = self.0.iter().find(|it| (it.id, it.version.number) == (id, number));
        Ok(found.map(|it| it.version.clone()))
    }

    async fn list_prompt_versions(
        &self,
        _: PromptId,
        _: Option<u32>,
        _: usize,
    ) -> Result<Page<PromptVersion<PromptOutline>>, PortError> {
        Ok(Page { items: Vec::new(), has_more: false })
    }

    async fn add_prompt_version(&self, _: &Prompt, _: &AuditDraft) -> Result<Changed, PortError> {
        Ok(Changed::Stale)
    }

    async fn update_prompt(&self, _: &Prompt, _: &AuditDraft) -> Result<Changed, PortError> {
        Ok(Changed::Stale)
    }

    async fn delete_prompt(&self, _: &Prompt, _: &AuditDraft) -> Result<Changed, PortError> {
        Ok(Changed::Stale)
    }

    async fn served_prompts(&self, team: TeamId) -> Result<Vec<Prompt<PromptOutline>>, PortError> {
        Ok(self.0.iter().filter(|it| it.team == team).cloned().map(outlined).collect())
    }
}
