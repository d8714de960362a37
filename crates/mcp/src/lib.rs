//! A server of the Model Context Protocol, over Streamable HTTP, that any number of replicas are together.
//!
//! What the protocol says stands in `outcrop_wire::mcp`; what tools, resources and prompts there are, [`Provider`]s say. Here is
//! what lies between: the two eras (`legacy`, with sessions in a store that all replicas share, and `modern`, with none), and
//! the [`Exchange`] in which a provider speaks with its client without knowing which era it is in. Start at [`McpServer`].

mod about;
mod caller;
mod catalog;
mod exchange;
mod fixtures;
mod halt;
mod legacy;
mod methods;
mod modern;
mod operation;
mod options;
mod provider;
mod server;

pub use caller::{Caller, Client};
pub use catalog::Catalog;
pub use exchange::{AskError, Exchange};
pub use fixtures::Fixtures;
pub use halt::Halt;
pub use options::McpOptions;
pub use provider::{Page, Provider, Watched};
pub use server::{McpPorts, McpServer, routes};
