//! The server, spoken with over HTTP. Two servers over one store of sessions are two replicas.
#![expect(clippy::unwrap_used, reason = "tests")]

mod forms;
mod legacy;
mod modern;
mod modern_listen;
mod modern_rounds;
mod modern_world;
mod provider;
mod traces;
mod world;
