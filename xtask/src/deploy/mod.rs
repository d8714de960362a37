//! `cargo xtask verify-deploy`: reads everything under `deploy/`, `helm/` and `.github/` as those do who will run it.
//!
//! One script per artefact, each a plain Python program that prints what it found and ends unsuccessfully at the first thing
//! that is wrong: the linters and their libraries are Python's. They run side by side, before a local AWS of their own, and none
//! of them for ever.

mod bounded;
mod descendants;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use outcrop_testkit::{Clients, Linters, Moto, NODE, NODE_MODULES, PYTHON, Tools};

use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these, by their names; else all but those that need a container engine.
    only: Vec<String>,
    /// Name them and end.
    #[arg(long)]
    list: bool,
}

/// One thing that is checked.
struct Check {
    name: &'static str,
    /// What it is about, for the list.
    about: &'static str,
    /// Whether it is left out unless named: it needs root and a container engine, and takes minutes.
    on_request: bool,
    /// How long it may take; what takes longer hangs.
    limit: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
/// How long a check that is told to end may take to clean up after itself: what it started says its last words, containers go,
/// then their daemon, for each of which `compose.py` and `engine.py` allow up to a minute.
const GRACE: Duration = MINUTE.saturating_mul(3);

const fn check(name: &'static str, about: &'static str) -> Check {
    Check { name, about, on_request: false, limit: MINUTE.saturating_mul(10) }
}

const fn on_request(name: &'static str, about: &'static str) -> Check {
    Check { name, about, on_request: true, limit: MINUTE.saturating_mul(60) }
}

/// Each is the script of its name beside this file.
const CHECKS: [Check; 10] = [
    check(
        "files",
        "Dockerfile, Compose files and shell scripts: hadolint, shellcheck, what they name exists",
    ),
    check(
        "helm",
        "the chart: helm lint, every values file rendered and held against Kubernetes' schemas, assertions",
    ),
    check(
        "cloudformation",
        "foundation, ECS, EC2: cfn-lint, the stacks made on a local AWS, task definitions registered",
    ),
    check("serverless", "Lambda: SAM's own translation, the stacks made on a local AWS"),
    check(
        "terraform",
        "Terraform: format, references, and every attribute against the provider's own schema",
    ),
    check("iam", "each service's policies against the AWS operations that its code can call"),
    check("security", "checkov over everything, each exception with its reason"),
    check(
        "workflows",
        "GitHub workflows: zizmor, GitHub's own schema, actions pinned, their scripts run with stand-ins",
    ),
    check(
        "docs",
        "documentation: links, marks and names in commands, tables that are computed, the book builds",
    ),
    on_request(
        "images",
        "images for both architectures built and run: size, user, read-only root, health, Compose, podman kube play",
    ),
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.list {
        CHECKS.iter().for_each(|it| println!("{:<16}{}", it.name, it.about));
        return Ok(());
    }
    let chosen = chosen(&options.only)?;
    let say = |text: &str| println!("{text}");
    let (linters, tools) =
        (Linters::find_or_install(&paths::tools(), &say)?, Tools::find_or_install(&paths::tools(), &say)?);
    let folder = tempfile::Builder::new().prefix("outcrop-deploy-").tempdir()?;
    let moto = Moto::start(&tools, folder.path())?;
    // Only what runs the platform needs those who speak to it.
    let clients = if chosen.iter().any(|it| it.on_request) {
        Some(Clients::find_or_install(&paths::tools(), &say)?)
    } else {
        None
    };
    let surroundings = Surroundings { linters, python: tools.python, clients, endpoint: moto.endpoint() };
    // Two at a time: each of them is one process that is busy all the while.
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let halves = [0, 1].map(|first| {
            let (chosen, surroundings) = (&chosen, &surroundings);
            scope.spawn(move || {
                let mine = chosen.iter().skip(first).step_by(2);
                mine.filter(|it| !surroundings.holds(it)).map(|it| it.name).collect::<Vec<_>>()
            })
        });
        halves
            .into_iter()
            .flat_map(|it| it.join().unwrap_or_else(|_| vec!["a check that broke down"]))
            .collect()
    });
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn chosen(only: &[String]) -> anyhow::Result<Vec<&'static Check>> {
    if let Some(unknown) = only.iter().find(|name| CHECKS.iter().all(|it| it.name != **name)) {
        bail!("there is no check {unknown:?}; --list names them");
    }
    let wanted =
        |it: &&Check| if only.is_empty() { !it.on_request } else { only.iter().any(|name| name == it.name) };
    Ok(CHECKS.iter().filter(wanted).collect())
}

/// What every script finds.
struct Surroundings {
    linters: Linters,
    /// The Python with the official SDKs.
    python: PathBuf,
    clients: Option<Clients>,
    endpoint: String,
}

impl Surroundings {
    /// Runs a check and prints, in one piece, what it printed.
    fn holds(&self, check: &Check) -> bool {
        let began = Instant::now();
        let done = self.command(check).and_then(|it| bounded::run(it, check.limit, GRACE));
        let (fine, said) = done.map_or_else(|error| (false, format!("{error:#}")), |it| (it.fine, it.said));
        let word = if fine { "ok" } else { "FAILED" };
        println!("== {} {word} ({} s)\n{}", check.name, began.elapsed().as_secs(), said.trim_end());
        fine
    }

    /// The script reads `ROOT`, finds the linters first on `PATH`, this program as `XTASK`, AWS at a local one, and the official
    /// SDKs as journeys do.
    fn command(&self, check: &Check) -> anyhow::Result<Command> {
        let folder = paths::root().join("xtask/src/deploy");
        let mut command = Command::new(&self.linters.python);
        command.arg("-B").arg(folder.join(format!("{}.py", check.name))).current_dir(paths::root());
        let beside = |program: &PathBuf| program.parent().map(std::path::Path::to_path_buf);
        let mut path: Vec<PathBuf> =
            [&self.linters.python, &self.linters.checkov].into_iter().filter_map(beside).collect();
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        command
            .env("PATH", std::env::join_paths(path)?)
            .env("ROOT", paths::root())
            // What it printed is in its place among what others did, and is there if it is ended.
            .env("PYTHONUNBUFFERED", "1")
            .env("XTASK", std::env::current_exe()?)
            .env(PYTHON, &self.python)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local");
        if let Some(clients) = &self.clients {
            command.env(NODE, &clients.node).env(NODE_MODULES, &clients.node_modules);
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHECKS, chosen};
    use crate::paths;

    #[test]
    fn each_check_has_a_script() {
        for check in CHECKS {
            let script = paths::root().join(format!("xtask/src/deploy/{}.py", check.name));
            assert!(script.is_file(), "{}", script.display());
        }
    }

    #[test]
    fn what_needs_an_engine_is_left_out_unless_named() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|&it| it.to_owned()).collect();
            chosen(&only).map(|all| all.iter().map(|it| it.name).collect::<Vec<_>>())
        };
        assert!(!names(&[]).expect("all").contains(&"images"));
        assert_eq!(names(&["images", "helm"]).expect("two"), ["helm", "images"]);
        assert!(names(&["hlem"]).is_err());
    }
}
