//! `cargo xtask docs`: the documentation's commands still work.
//!
//! Runs every fenced block marked `sh run` of README.md and of the pages below docs/ with bash, in order, against a platform
//! started for it. The port 8080 of the text becomes a free one; `outcrop` is the binary just built.
//! What other marks there are, CONTRIBUTING.md says and `cargo xtask verify-deploy docs` checks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use outcrop_testkit::{Process, free_port};

use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> anyhow::Result<()> {
    paths::check(paths::cargo().args(["build", "--quiet", "-p", "outcrop"]))?;
    let folder = tempfile::Builder::new().prefix("outcrop-docs-").tempdir()?;
    let port = free_port()?;
    let (mut platform, log) = start(folder.path(), port)?;
    platform.wait_for_port(port, Duration::from_secs(30))?;
    let key = printed_key(&log)?;
    let mut ran = 0;
    for page in pages()? {
        let text = std::fs::read_to_string(&page)?;
        for block in blocks(&text) {
            let script = format!("set -euo pipefail\n{}", block.replace("8080", &port.to_string()));
            let out = Command::new("bash")
                .args(["-c", &script])
                .current_dir(folder.path())
                .env("PATH", path_with(&paths::binaries("debug"))?)
                .env("KEY", &key)
                .env("OUTCROP_API_KEY", &key)
                .env("OUTCROP_URL", format!("http://127.0.0.1:{port}"))
                .env("OUTCROP__DATA_DIR", folder.path().join("data"))
                .output()?;
            ensure!(
                out.status.success(),
                "a command of {} does not work:\n{block}\n{}{}",
                page.display(),
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
            ran += 1;
        }
    }
    ensure!(ran > 0, "no block of the documentation is marked `sh run`");
    println!("{ran} blocks of commands in the documentation work");
    Ok(())
}

fn start(folder: &Path, port: u16) -> anyhow::Result<(Process, PathBuf)> {
    let log = folder.join("platform.log");
    let mut command = Command::new(paths::binaries("debug").join("outcrop"));
    command.args(["--port", &port.to_string(), "--data-dir"]).arg(folder.join("data")).current_dir(folder);
    Ok((Process::start("outcrop", &mut command, &log)?, log))
}

/// The key of the first start, from what the platform printed.
fn printed_key(log: &Path) -> anyhow::Result<String> {
    for _ in 0..100 {
        let text = std::fs::read_to_string(log)?;
        let word = |word: &&str| word.starts_with("ock_");
        if let Some(key) = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(word) {
            return Ok(key.to_owned());
        }
        #[expect(clippy::disallowed_methods, reason = "no async runtime here")]
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the platform printed no key:\n{}", std::fs::read_to_string(log)?)
}

fn pages() -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = pages_below(&paths::root().join("docs"))?;
    pages.sort();
    pages.insert(0, paths::root().join("README.md"));
    Ok(pages)
}

fn pages_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            pages.extend(pages_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(pages)
}

/// The contents of blocks fenced as ```` ```sh run ````.
fn blocks(text: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), None::<String>);
    for line in text.lines() {
        match &mut open {
            None if line.trim_end() == "```sh run" => open = Some(String::new()),
            None => {}
            Some(_) if line.trim_end() == "```" => found.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    found
}

fn path_with(first: &Path) -> anyhow::Result<std::ffi::OsString> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_path_buf()).chain(std::env::split_paths(&rest));
    Ok(std::env::join_paths(folders)?)
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn only_marked_blocks_are_run() {
        let text = "```sh\nno\n```\n\n```sh run\nyes 1\nyes 2\n```\ntext\n```sh run\nyes 3\n```\n";
        assert_eq!(blocks(text), ["yes 1\nyes 2\n", "yes 3\n"]);
    }
}
