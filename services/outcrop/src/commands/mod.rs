//! One file per command, and what several of them share: `lookup` and `pages`.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod chat;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod healthcheck;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod ledger;
mod lookup;
pub(crate) mod migrate;
mod pages;
pub(crate) mod policies;
pub(crate) mod prompts;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod teams;
pub(crate) mod usage;
pub(crate) mod users;
