//! `cargo xtask migrations`: what the next release may do to a database on which the last one still runs.
//!
//! Every migration file is held against [`rules`], and against `crates/migrations.lock`, where those stand that a release has
//! brought ([`lock`]): they are never edited. docs/upgrading.md says what for.

mod lock;
mod rules;
mod statements;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use self::lock::Lock;
use crate::paths;

/// The stores. Each has a series of its own.
const STORES: [&str; 2] = ["postgres", "sqlite"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write all migrations into the lock file, as released with this version.
    #[arg(long, value_name = "VERSION")]
    release: Option<String>,
}

/// A migration of one store.
struct Migration {
    store: &'static str,
    /// `0001_platform.sql`
    name: String,
    text: String,
}

impl Migration {
    /// What the lock file calls it.
    fn path(&self) -> String {
        format!("{}/migrations/{}", self.store, self.name)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let (migrations, lock) = read()?;
    check(&migrations, &lock)?;
    if let Some(version) = &options.release {
        let lock = lock.with(version.parse()?, migrations.iter().map(|it| (it.path(), it.text.as_str())))?;
        std::fs::write(lock_file(), lock.to_string())?;
        println!("{} migrations are released with {version}", lock.len());
        return Ok(());
    }
    println!("{} migrations, {} of them released", migrations.len(), lock.len());
    Ok(())
}

fn lock_file() -> PathBuf {
    paths::root().join("crates/migrations.lock")
}

fn read() -> anyhow::Result<(Vec<Migration>, Lock)> {
    let mut migrations = Vec::new();
    for store in STORES {
        let folder = paths::root().join("crates").join(store).join("migrations");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            ensure!(name.ends_with(".sql"), "{} is no migration", folder.join(name).display());
            names.push(name);
        }
        names.sort();
        for name in names {
            let text = std::fs::read_to_string(folder.join(&name))?;
            migrations.push(Migration { store, name, text });
        }
    }
    let lock = std::fs::read_to_string(lock_file()).context("crates/migrations.lock")?.parse()?;
    Ok((migrations, lock))
}

fn check(migrations: &[Migration], lock: &Lock) -> anyhow::Result<()> {
    for store in STORES {
        let names = migrations.iter().filter(|it| it.store == store).map(|it| &it.name);
        for (at, name) in names.enumerate() {
            ensure!(
                name.starts_with(&format!("{:04}_", at + 1)),
                "{store}: {name} should be number {:04}",
                at + 1
            );
        }
    }
    lock.holds(migrations.iter().map(|it| (it.path(), it.text.as_str())))?;
    for migration in migrations {
        rules::check(&migration.text, &lock.releases()).with_context(|| migration.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check, read};

    #[test]
    fn the_migrations_of_this_tree_keep_the_rules() {
        let (migrations, lock) = read().expect("readable");
        assert!(migrations.len() >= 2, "each store has one");
        check(&migrations, &lock).expect("they keep the rules");
    }

    #[test]
    fn a_released_migration_is_never_edited() {
        let (mut migrations, lock) = read().expect("readable");
        let all: Vec<_> = migrations.iter().map(|it| (it.path(), it.text.clone())).collect();
        let released = lock
            .with(
                "9.0.0".parse().expect("a version"),
                all.iter().map(|(path, text)| (path.clone(), text.as_str())),
            )
            .expect("released");
        check(&migrations, &released).expect("as they were");
        migrations[0].text.push_str("\n-- A word more.\n");
        let refused = check(&migrations, &released).expect_err("edited");
        assert!(format!("{refused:#}").contains("was released with"), "{refused:#}");
    }
}
