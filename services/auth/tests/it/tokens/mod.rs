//! Tokens, logins, passwords and what signs them, as clients meet them.

mod attacks;
mod client_credentials;
mod endpoint;
mod gate;
mod hooked;
mod log;
mod login;
mod logout;
mod mcp;
mod me;
mod password_grant;
mod passwords;
mod refresh;
mod signing;
mod static_key;
mod throttle;
mod to_the_end;
mod under_way;
mod upkeep;
