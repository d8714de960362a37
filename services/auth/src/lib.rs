//! The auth service: who there is, what they may, and which credentials they show.
//!
//! [`AuthService`] is the operations, over ports; [`routes`] is their public HTTP face and
//! [`internal_routes`] the one that other services use. It knows no database and remembers no answers: the
//! gateway does that, and is told of changes. Every operation that changes something takes an [`Acting`] first:
//! who does it, which is checked next to the lookup it protects and ends up in the audit log.

mod access;
mod acting;
mod admin_error;
mod audit;
mod audit_verify;
mod authenticate;
mod bootstrap;
mod change_loop;
mod cookies;
mod federation;
mod grants;
mod invitations;
mod keys;
mod last_used;
mod log_filter;
mod login;
mod maintain;
mod me;
mod members;
mod names;
mod options;
mod passwords;
mod policies;
mod prompts;
mod refusals;
mod routes;
mod run;
mod service;
mod service_accounts;
mod sessions;
mod set_password;
mod signing;
mod static_key;
mod teams;
mod throttle;
mod tokens;
mod users;

pub use acting::Acting;
pub use admin_error::AdminError;
pub use audit_verify::{AuditAnchor, ChainFault, ChainReport, MalformedAnchor};
pub use bootstrap::{BootstrapError, FirstKey};
pub use federation::{Federation, FederationError};
pub use invitations::Invited;
pub use keys::{KeyPatch, NewKey, RotatedKey};
pub use log_filter::LogFilter;
pub use members::Member;
pub use options::{AuthOptions, OptionsError};
pub use policies::{NewPolicy, PolicyPatch, RulesPatch};
pub use prompts::{NewPrompt, NewPromptVersion, ServedVersion, prompt_as_kept};
pub use routes::{internal_routes, routes};
pub use service::{AuthPorts, AuthService};
pub use service_accounts::{NewServiceAccount, ServiceAccountPatch};
pub use signing::{SigningError, SigningKeyView};
pub use teams::TeamPatch;
pub use users::{NewUser, NewUserAnswer, UserPatch};
