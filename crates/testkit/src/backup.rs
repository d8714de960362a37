//! A Postgres that can be brought back: its log is archived, a base backup taken, and both make a server as it was at a time.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::Tools;
use crate::servers::{Postgres, unprivileged};
use crate::tools::run;

/// Longest that recovery may take.
const RECOVERY: Duration = Duration::from_secs(60);

/// Where a server's archive and its base backup lie.
#[derive(Debug, Clone)]
pub struct Backup {
    archive: PathBuf,
    base: PathBuf,
}

impl Backup {
    /// Below this folder.
    pub fn below(folder: &Path) -> anyhow::Result<Self> {
        let backup = Self { archive: folder.join("archive"), base: folder.join("base") };
        for folder in [&backup.archive, &backup.base] {
            std::fs::create_dir_all(folder)?;
            // The server writes there, who may be somebody else.
            unprivileged(folder)?;
        }
        Ok(backup)
    }

    /// What the server is told, so that each segment of its log is kept.
    pub(crate) fn settings(&self) -> [String; 4] {
        let archive = self.archive.display();
        [
            "wal_level=replica".to_owned(),
            "archive_mode=on".to_owned(),
            format!("archive_command=test ! -f {archive}/%f && cp %p {archive}/%f"),
            "archive_timeout=60s".to_owned(),
        ]
    }

    /// Copies the running server (`pg_basebackup`).
    pub fn take(&self, tools: &Tools, postgres: &Postgres) -> anyhow::Result<()> {
        let user = unprivileged(&self.base)?;
        let mut copy = user.command(&tools.postgres_bin.join("pg_basebackup"));
        copy.args(["--dbname", &postgres.url(), "--wal-method=none", "--checkpoint=fast", "--no-sync", "-D"]);
        run(copy.arg(&self.base)).context("cannot take a base backup")
    }

    /// Has everything written so far archived, and waits until it is.
    pub fn archive_now(&self, tools: &Tools, postgres: &Postgres) -> anyhow::Result<()> {
        let segment = query(tools, postgres, "SELECT pg_walfile_name(pg_switch_wal())")?;
        let began = Instant::now();
        while !self.archive.join(&segment).exists() {
            ensure!(began.elapsed() < RECOVERY, "{segment} was not archived");
            pause();
        }
        Ok(())
    }

    /// Starts a server on the base backup and the archive, as it was at `time`, in the place of one that is lost; waits until
    /// it can be written to.
    pub fn restore(
        &self,
        tools: &Tools,
        folder: &Path,
        time: &str,
        lost: Postgres,
    ) -> anyhow::Result<Postgres> {
        // Its port is free once nothing of it is left.
        let port = lost.port();
        drop(lost);
        let data = folder.join("postgres-restored");
        run(Command::new("cp").arg("-a").arg(&self.base).arg(&data))?;
        let user = unprivileged(&data)?;
        // Postgres takes no folder that others could read.
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700))?;
        let recovery = format!(
            "restore_command = 'cp {}/%f %p'\nrecovery_target_time = '{time}'\nrecovery_target_action = 'promote'\n",
            self.archive.display()
        );
        let settings = data.join("postgresql.auto.conf");
        let before = std::fs::read_to_string(&settings).unwrap_or_default();
        std::fs::write(&settings, before + &recovery)?;
        std::fs::write(data.join("recovery.signal"), "")?;
        let postgres = Postgres::serve(tools, &user, &data, folder, port, &[])?;
        let began = Instant::now();
        while query(tools, &postgres, "SELECT pg_is_in_recovery()").ok().as_deref() != Some("f") {
            ensure!(began.elapsed() < RECOVERY, "the server is still in recovery after {RECOVERY:?}");
            pause();
        }
        Ok(postgres)
    }
}

/// What one statement gives, by `psql`: one line for each row.
pub fn query(tools: &Tools, postgres: &Postgres, statement: &str) -> anyhow::Result<String> {
    query_at(tools, &postgres.url(), statement)
}

/// The same, of another database.
pub fn query_at(tools: &Tools, url: &str, statement: &str) -> anyhow::Result<String> {
    let mut psql = Command::new(tools.postgres_bin.join("psql"));
    psql.args([
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--set",
        "ON_ERROR_STOP=1",
        "--command",
        statement,
    ]);
    let out = psql.arg(url).output().context("cannot run psql")?;
    ensure!(out.status.success(), "{statement}: {}", String::from_utf8_lossy(&out.stderr).trim());
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn pause() {
    #[expect(clippy::disallowed_methods, reason = "developer tooling, outside any async runtime")]
    std::thread::sleep(Duration::from_millis(50));
}
