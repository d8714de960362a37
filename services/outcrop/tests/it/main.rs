//! The built program, as its users meet it: started, asked, killed, started again.

#![expect(clippy::unwrap_used, reason = "tests")]

mod adapters;
mod admin;
mod api_table;
mod audit;
mod chat;
mod drain;
mod first_start;
mod home;
mod jobs;
mod keys;
mod ledger;
mod mcp;
mod mcp_work;
mod people;
mod policies;
mod prompts;
mod refusals;
mod routes;
