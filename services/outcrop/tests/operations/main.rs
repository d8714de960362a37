//! What operators do to a platform, done to real processes: restarting all of them under load, bringing the database back from a
//! backup, changing its password, running programs on a database that is older or newer, and asking `outcrop doctor` what is wrong.
//!
//! The first two print what clients noticed. Read [`rolling`], then [`recovery`].

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../exactness/client.rs"]
mod client;
#[path = "../it/home.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod home;
#[path = "../exactness/platform.rs"]
mod platform;
#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../journeys/servers.rs"]
mod servers;
#[path = "../journeys/wait.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod wait;

mod doctor;
mod fleet;
mod load;
mod migrations;
mod nginx;
mod passwords;
mod quotas;
mod recovery;
mod rolling;
