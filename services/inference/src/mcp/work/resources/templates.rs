//! The resources of one kind, by a URI with a blank.

use outcrop_mcp::Caller;
use outcrop_types::Permission;
use outcrop_wire::mcp::ResourceTemplate;

/// What stands in the blank of all of them.
pub(super) const BLANK: &str = "id";

/// What a template's blank is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Job,
    JobResult,
    File,
    Batch,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Model, Self::Job, Self::JobResult, Self::File, Self::Batch];

    const fn uri(self) -> &'static str {
        match self {
            Self::Model => "outcrop://models/{id}",
            Self::Job => "outcrop://jobs/{id}",
            Self::JobResult => "outcrop://jobs/{id}/result",
            Self::File => "outcrop://files/{id}",
            Self::Batch => "outcrop://batches/{id}",
        }
    }

    /// The kind of a template, if the caller may read what it is of.
    pub(super) fn of(uri: &str, caller: &Caller) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.uri() == uri && it.is_for(caller))
    }

    fn is_for(self, caller: &Caller) -> bool {
        caller.may(match self {
            Self::Model => Permission::ReadModels,
            _ => Permission::ReadJobs,
        })
    }

    fn template(self) -> ResourceTemplate {
        let (name, title, description, mime_type) = match self {
            Self::Model => (
                "model",
                "Model",
                "What a model can do and costs, by any of its names.",
                Some("application/json"),
            ),
            Self::Job => ("job", "Job", "How a job stands. Changes are told of.", Some("application/json")),
            Self::JobResult => (
                "job_result",
                "Result of a job",
                "What a job was answered, as the call would have been.",
                None,
            ),
            Self::File => ("file", "File", "What is in a file of the team.", None),
            Self::Batch => (
                "batch",
                "Batch",
                "How far a batch is, and its files. Changes are told of.",
                Some("application/json"),
            ),
        };
        ResourceTemplate {
            uri_template: self.uri().to_owned(),
            name: name.to_owned(),
            title: Some(title.to_owned()),
            description: Some(description.to_owned()),
            mime_type: mime_type.map(str::to_owned),
        }
    }
}

/// Those of which the caller may read something.
pub(in crate::mcp::work) fn listed(caller: &Caller) -> Vec<ResourceTemplate> {
    Kind::ALL.into_iter().filter(|it| it.is_for(caller)).map(Kind::template).collect()
}
