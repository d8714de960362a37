//! `cargo xtask test`: everything, on real servers.

use std::process::Command;
use std::time::Instant;

use outcrop_testkit::{
    AIDER, AWS_ENDPOINT, Clients, Moto, NGINX, NODE, NODE_MODULES, POSTGRES_BIN, POSTGRES_URL, PROMTOOL,
    PYTHON, PYTHON_FRAMEWORKS, Postgres, REDIS_SERVER, REDIS_URL, Redis, Tools,
};

use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this.
    filter: Option<String>,
    /// Only tests of this package.
    #[arg(long, short)]
    package: Option<String>,
    /// Leave out what needs a server: the same as `cargo test --workspace`.
    #[arg(long)]
    fast: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let began = Instant::now();
    // Journeys start the services as processes of their own; cargo builds those only when told.
    paths::check(paths::cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
    if options.fast {
        paths::check(&mut tests(options))?;
    } else {
        with_servers(options)?;
    }
    println!("all tests passed in {} s", began.elapsed().as_secs());
    Ok(())
}

fn with_servers(options: &Options) -> anyhow::Result<()> {
    let say = |text: &str| println!("{text}");
    let tools = Tools::find_or_install(&paths::tools(), &say)?;
    let clients = Clients::find_or_install(&paths::tools(), &say)?;
    let nginx = Tools::nginx(&say)?;
    let folder = tempfile::Builder::new().prefix("outcrop-test-").tempdir()?;
    let postgres = Postgres::start(&tools, folder.path())?;
    let redis = Redis::start(&tools, folder.path())?;
    let moto = Moto::start(&tools, folder.path())?;
    println!("postgres   {}   ({})", postgres.url(), tools.postgres_bin.display());
    println!("redis      {}   ({})", redis.url(), tools.redis_server.display());
    println!("local AWS  {}   (moto, {})", moto.endpoint(), tools.python.display());
    let mut command = tests(options);
    command
        .env(POSTGRES_URL, postgres.url())
        .env(REDIS_URL, redis.url())
        .env(AWS_ENDPOINT, moto.endpoint())
        .env(PYTHON, &tools.python)
        .env(PROMTOOL, &tools.promtool)
        .env(NGINX, &nginx)
        .env(PYTHON_FRAMEWORKS, &clients.frameworks)
        .env(AIDER, &clients.aider)
        .env(NODE, &clients.node)
        .env(NODE_MODULES, &clients.node_modules)
        .env(POSTGRES_BIN, &tools.postgres_bin)
        .env(REDIS_SERVER, &tools.redis_server);
    paths::check(&mut command)
}

/// nextest where it is installed (each test in a process of its own, with time-outs), else what cargo has.
fn tests(options: &Options) -> Command {
    let nextest =
        paths::cargo().args(["nextest", "--version"]).output().is_ok_and(|out| out.status.success());
    let mut command = paths::cargo();
    command.args(if nextest { &["nextest", "run"][..] } else { &["test"][..] });
    match &options.package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    if nextest {
        command.args(["--profile", if std::env::var_os("CI").is_some() { "ci" } else { "default" }]);
        command.args(if options.fast { &[][..] } else { &["--run-ignored", "all"][..] });
        command.args(&options.filter);
    } else {
        command.args(&options.filter);
        command.args(if options.fast { &[][..] } else { &["--", "--include-ignored"][..] });
    }
    command
}
