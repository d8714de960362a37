//! The public API as a table: every operation, who may call it, and what it takes.
//!
//! [`operations`] is the table; [`document`] writes it as OpenAPI 3.1, which the gateway serves at
//! `/openapi.json`. Tests hold the table against the gateway's paths, against the handlers there are, and ask of
//! every operation that it refuses whom it should. Bodies of other people's dialects are not repeated here:
//! their own reference is named instead.

mod caches;
mod document;
mod fields;
mod operations;
mod policies;
mod prompts;
#[cfg(test)]
mod reference;
mod routes;

pub use document::document;
pub use fields::{Body, Field, Kind};
pub use operations::operations;

use outcrop_types::Permission;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Anybody with a good credential; what is shown depends on whose it is.
    Known,
    /// Whoever has this permission on what it is about.
    Needs(Permission),
}

/// One method on one path.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// In upper case.
    pub method: &'static str,
    /// With `{parameters}`.
    pub path: &'static str,
    /// The group it is shown in.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether the path names something that belongs to a team: for others it is not there.
    pub of_a_team: bool,
    /// Parameters of the query.
    pub query: &'static [Field],
    /// Headers of its own.
    pub headers: &'static [Field],
    /// Headers of the usual answer.
    pub tells: &'static [Field],
    /// What is sent, if anything.
    pub body: Body,
    /// The status of the usual answer.
    pub status: u16,
    /// Whether asking again for what is so already is answered with 200.
    pub repeatable: bool,
    /// Other statuses of answers that are no refusals, and when they are given.
    pub also: &'static [(&'static str, &'static str)],
    /// Statuses of refusals of its own, and when it refuses so.
    pub refusals: &'static [(&'static str, &'static str)],
}

impl Operation {
    const fn new(
        method: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        access: Access,
    ) -> Self {
        Self {
            method,
            path,
            tag,
            summary,
            access,
            of_a_team: false,
            query: &[],
            headers: &[],
            tells: &[],
            body: Body::None,
            status: 200,
            repeatable: false,
            also: &[],
            refusals: &[],
        }
    }

    const fn of_a_team(mut self) -> Self {
        self.of_a_team = true;
        self
    }

    const fn query(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }

    const fn headers(mut self, headers: &'static [Field]) -> Self {
        self.headers = headers;
        self
    }

    const fn tells(mut self, tells: &'static [Field]) -> Self {
        self.tells = tells;
        self
    }

    const fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    const fn also(mut self, also: &'static [(&'static str, &'static str)]) -> Self {
        self.also = also;
        self
    }

    const fn refusals(mut self, refusals: &'static [(&'static str, &'static str)]) -> Self {
        self.refusals = refusals;
        self
    }

    /// The names of the path's parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }
}
