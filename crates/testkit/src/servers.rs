//! Postgres, Redis and moto, each on a free port with its data below a folder that its owner removes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::backup::Backup;
use crate::process::{Process, free_port};
use crate::tools::{Tools, is_root, run};

const START: Duration = Duration::from_secs(60);

/// A server that can be stopped and started again where it was.
#[derive(Debug)]
struct Server {
    name: &'static str,
    command: Command,
    log: PathBuf,
    port: u16,
    process: Process,
}

impl Server {
    fn start(name: &'static str, mut command: Command, folder: &Path, port: u16) -> anyhow::Result<Self> {
        let log = folder.join(name).with_extension("log");
        let process = Self::launch(name, &mut command, &log, port)?;
        Ok(Self { name, command, log, port, process })
    }

    fn launch(name: &str, command: &mut Command, log: &Path, port: u16) -> anyhow::Result<Process> {
        let mut process = Process::start(name, command, log)?;
        process.wait_for_port(port, START)?;
        Ok(process)
    }

    fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = Self::launch(self.name, &mut self.command, &self.log, self.port)?;
        Ok(())
    }
}

/// A Postgres server of our own.
#[derive(Debug)]
pub struct Postgres(Server);

impl Postgres {
    /// Makes a cluster in `folder` and starts it.
    pub fn start(tools: &Tools, folder: &Path) -> anyhow::Result<Self> {
        Self::start_on(tools, folder, free_port()?, None)
    }

    /// The same, with its log archived. It will be lost and restored on `port`, which nobody may take meanwhile: so it is no
    /// [`free_port`], from the range of outgoing connections.
    pub fn start_archiving(tools: &Tools, folder: &Path, port: u16, backup: &Backup) -> anyhow::Result<Self> {
        Self::start_on(tools, folder, port, Some(backup))
    }

    fn start_on(tools: &Tools, folder: &Path, port: u16, backup: Option<&Backup>) -> anyhow::Result<Self> {
        let data = folder.join("postgres");
        std::fs::create_dir_all(&data)?;
        let user = unprivileged(&data)?;
        let program = |name: &str| tools.postgres_bin.join(name);
        let mut initdb = user.command(&program("initdb"));
        initdb.args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"]).arg(&data);
        run(&mut initdb).context("cannot make a Postgres cluster")?;
        // Durability off: nothing here outlives the run.
        let mut settings = vec!["full_page_writes=off".to_owned(), "synchronous_commit=off".to_owned()];
        if let Some(backup) = backup {
            settings = backup.settings().into();
        }
        Self::serve(tools, &user, &data, folder, port, &settings)
    }

    /// Starts the server on a folder that holds its data.
    pub(crate) fn serve(
        tools: &Tools,
        user: &RunAs,
        data: &Path,
        folder: &Path,
        port: u16,
        settings: &[String],
    ) -> anyhow::Result<Self> {
        let mut postgres = user.command(&tools.postgres_bin.join("postgres"));
        postgres.arg("-D").arg(data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        postgres.args(["-c", "fsync=off", "-c", "max_connections=300"]);
        for setting in settings {
            postgres.args(["-c", setting]);
        }
        Ok(Self(Server::start("postgres", postgres, folder, port)?))
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.0.port
    }

    /// Stops it; its data stay. Sessions are cut off.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.0.process.stop()
    }

    /// Starts it again after [`stop`](Self::stop), with its data, where it was.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.0.start_again()
    }

    /// A URL with a role that may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.0.port)
    }

    /// The operating system's id of the server.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.process.id()
    }
}

/// A Redis server of our own.
#[derive(Debug)]
pub struct Redis(Server);

impl Redis {
    /// Starts it, keeping nothing on disk.
    pub fn start(tools: &Tools, folder: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut redis = Command::new(&tools.redis_server);
        redis.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        redis.current_dir(folder);
        Ok(Self(Server::start("redis", redis, folder, port)?))
    }

    /// Stops it; what it held is gone.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.0.process.stop()
    }

    /// Starts it again after [`stop`](Self::stop), empty, where it was.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.0.start_again()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.0.port)
    }
}

/// A local AWS: SQS, S3 and Secrets Manager by moto.
#[derive(Debug)]
pub struct Moto {
    _process: Process,
    port: u16,
}

impl Moto {
    /// Starts it.
    pub fn start(tools: &Tools, folder: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut moto = Command::new(&tools.python);
        moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut process = Process::start("moto", &mut moto, &folder.join("moto.log"))?;
        process.wait_for_port(port, START)?;
        Ok(Self { _process: process, port })
    }

    /// Its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Who to run as: Postgres refuses to run as root, so there it runs as `nobody`, who then owns its folder.
pub(crate) struct RunAs {
    switch: bool,
}

impl RunAs {
    pub(crate) fn command(&self, program: &PathBuf) -> Command {
        if !self.switch {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
        command.current_dir("/");
        command
    }
}

pub(crate) fn unprivileged(data: &Path) -> anyhow::Result<RunAs> {
    let switch = is_root();
    if switch {
        run(Command::new("chown").args(["65534:65534"]).arg(data))?;
        if let Some(parent) = data.parent() {
            run(Command::new("chmod").arg("a+rx").arg(parent))?;
        }
    }
    Ok(RunAs { switch })
}
