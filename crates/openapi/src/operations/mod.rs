//! The table, by service.

mod access;
mod batches;
mod dialects;
mod files;
mod identity;
mod jobs;
mod ledger;
mod log;
mod mcp;
mod models;
mod people;
mod policies;
mod prompts;
mod routes;
mod webhooks;

use crate::Operation;

/// Every operation there is for the public.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    let groups = [
        dialects::OPERATIONS,
        models::OPERATIONS,
        jobs::OPERATIONS,
        batches::OPERATIONS,
        files::OPERATIONS,
        ledger::OPERATIONS,
        identity::OPERATIONS,
        log::OPERATIONS,
        mcp::OPERATIONS,
        people::OPERATIONS,
        access::OPERATIONS,
        policies::OPERATIONS,
        prompts::OPERATIONS,
        routes::OPERATIONS,
        webhooks::OPERATIONS,
    ];
    groups.into_iter().flatten()
}
