//! `cargo xtask fuzz`: every target of `fuzz/`, two at a time, all of them in about five minutes.
//!
//! Needs a nightly toolchain, and says so where there is none. What is in `fuzz/corpus` is replayed by the tests of
//! `outcrop-token` and `outcrop-wire` in any case.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::paths;

/// How many run at once: each keeps a core busy.
const AT_ONCE: usize = 2;

/// Requests of the golden tests, from which a dialect's target sets out besides its own corpus.
const FIXTURES: [(&str, &str); 5] = [
    ("wire_chat", "openai/chat"),
    ("wire_converse", "bedrock/converse"),
    ("wire_embeddings", "openai/embeddings"),
    ("wire_messages", "anthropic/messages"),
    ("wire_responses", "openai/responses"),
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs, seconds; building them is not counted.
    #[arg(long, default_value_t = 45)]
    seconds: u64,
    /// Only this target.
    target: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Some(nightly) = Nightly::find() else {
        println!("NOT RUN: no nightly toolchain (`rustup toolchain install nightly` brings one)");
        return Ok(());
    };
    if !nightly.fuzz().arg("--version").output().is_ok_and(|out| out.status.success()) {
        let mut install = paths::cargo();
        install.args(["install", "--quiet", "--locked", "cargo-fuzz", "--version", "^0.13", "--root"]);
        paths::check(install.arg(installed()))?;
    }
    let mut targets = targets()?;
    targets.retain(|it| options.target.as_ref().is_none_or(|only| only == it));
    ensure!(!targets.is_empty(), "there is no such target in fuzz/fuzz_targets");
    paths::check(nightly.fuzz().args(["build", "--target-dir"]).arg(build_folder()))?;
    for pair in targets.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let running: Vec<_> = pair
                .iter()
                .map(|target| scope.spawn(|| fuzz(&nightly, target, options.seconds.max(1))))
                .collect();
            running.into_iter().try_for_each(|it| it.join().unwrap_or_else(|_| bail!("a fuzzer panicked")))
        })?;
    }
    println!("no findings");
    Ok(())
}

/// Where the programs of the nightly toolchain are.
struct Nightly(PathBuf);

impl Nightly {
    fn find() -> Option<Self> {
        let mut which = Command::new("rustup");
        let out = which.args(["which", "--toolchain", "nightly", "rustc"]).output().ok()?;
        let rustc = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
        (out.status.success() && rustc.is_file()).then(|| rustc.parent().map(|bin| Self(bin.into())))?
    }

    /// `cargo +nightly fuzz`. The cargo that runs us is the stable one, and has said so to the environment.
    fn fuzz(&self) -> Command {
        let mut command = Command::new(self.0.join("cargo"));
        command.arg("fuzz").current_dir(paths::root());
        for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(name);
        }
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            [self.0.clone(), installed().join("bin")].into_iter().chain(std::env::split_paths(&rest));
        command.env("PATH", std::env::join_paths(folders).unwrap_or(rest));
        command
    }
}

/// What is found goes to `fuzz/artifacts`; what is merely new goes with the build, so that the seeds stay few.
fn fuzz(nightly: &Nightly, target: &str, seconds: u64) -> anyhow::Result<()> {
    let new = build_folder().join("corpus").join(target);
    std::fs::create_dir_all(&new).with_context(|| format!("cannot make {}", new.display()))?;
    let mut command = nightly.fuzz();
    command.args(["run", "--target-dir"]).arg(build_folder()).arg(target);
    command.arg(new).arg(paths::root().join("fuzz/corpus").join(target));
    let fixtures = FIXTURES.iter().filter(|(name, _)| *name == target);
    command.args(fixtures.map(|(_, folder)| paths::root().join("crates/wire/fixtures").join(folder)));
    command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-rss_limit_mb=2048"]);
    // Room for the longest token, and for what is just too long.
    command.args(["-max_len=20000", "-verbosity=0", "-print_funcs=0", "-print_final_stats=1"]);
    let out = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(
        out.status.success(),
        "{said}\n`{target}` found something: fix it, and move the input from fuzz/artifacts to fuzz/corpus"
    );
    let tried = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    println!("{target}: {} inputs in {seconds} s", tried.unwrap_or("some").trim());
    Ok(())
}

/// The name of each file in `fuzz/fuzz_targets`.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder = std::fs::read_dir(paths::root().join("fuzz/fuzz_targets")).context("no fuzz targets")?;
    let mut targets = Vec::new();
    for entry in folder {
        let path = entry?.path();
        targets.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    targets.sort();
    Ok(targets)
}

/// Where cargo-fuzz is put where it is missing.
fn installed() -> PathBuf {
    paths::tools().join("cargo")
}

/// Next to what is built otherwise, and apart from it.
fn build_folder() -> PathBuf {
    paths::binaries("fuzz")
}
