//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// The root of the checkout: the one that `cargo xtask` is called in. Where it was compiled may be another, as checkouts
/// that share a folder of builds share this program too.
pub(crate) fn root() -> PathBuf {
    let compiled_in = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let called_in = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = called_in.filter(|it| it.join("src/paths.rs").is_file()).unwrap_or(compiled_in);
    manifest.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where this cargo puts what it builds for `profile` (`debug`, `release`, …).
pub(crate) fn binaries(profile: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(profile)
}

/// Where installed tools are kept between runs. Postgres, which does not run as root, must be able to read it.
pub(crate) fn tools() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    match home {
        Some(home) if home != Path::new("/root") => home.join(".cache/outcrop-xtask"),
        _ => PathBuf::from("/var/cache/outcrop-xtask"),
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Runs a command with its output on ours; an unsuccessful end is an error.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
