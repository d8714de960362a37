//! What the mains of the four services share: arguments, settings, logs, signals, and how a start fails.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use outcrop_config::{Config, LoadOptions};
use tokio_util::sync::CancellationToken;

use crate::WiringError;
use crate::error::chain;
use crate::telemetry::start_telemetry;

/// `EX_CONFIG` of sysexits: the settings are to blame, and starting again will not help.
pub const BAD_SETTINGS_EXIT_CODE: u8 = 78;
/// Container runtimes give a health check a few seconds.
const HEALTH_LIMIT: Duration = Duration::from_secs(2);

/// What a service is started with: settings with their secrets resolved, and the token that ends it.
pub struct Process {
    /// The settings.
    pub config: Config,
    /// Cancelled by SIGTERM or SIGINT.
    pub stop: CancellationToken,
    /// The metrics as Prometheus reads them.
    pub metrics: Option<outcrop_telemetry::metric::Page>,
}

/// Why a service does not run: its causes on one line. Anything that is an error becomes one by `?`.
/// A stop that was asked for is told like one, and ends with success.
#[derive(Debug)]
pub struct ServiceError {
    line: String,
    code: u8,
}

impl<E: Error + 'static> From<E> for ServiceError {
    fn from(error: E) -> Self {
        let wiring = (&error as &dyn Error).downcast_ref::<WiringError>();
        let code = match wiring {
            Some(error) if error.is_setting() => BAD_SETTINGS_EXIT_CODE,
            Some(error) if error.is_stop() => 0,
            _ => 1,
        };
        Self { line: chain(&error), code }
    }
}

#[derive(Parser)]
#[command(version, about = "A service of Outcrop. Every setting can be given as OUTCROP__SECTION__FIELD.")]
struct Arguments {
    /// Settings file; `outcrop.toml` in the working directory if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Ask the service on this machine for /healthz; exit 0 if it is well.
    Healthcheck,
}

/// Runs a service to its end: `start` is everything between settings and the last byte.
pub fn run_service<F>(service: &'static str, start: impl FnOnce(Process) -> F) -> ExitCode
where
    F: Future<Output = Result<(), ServiceError>>,
{
    let matches = Arguments::command().name(service).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match begin(service, arguments, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to hear of a broken stderr.
            let _ = writeln!(std::io::stderr(), "{service}: {}", error.line);
            ExitCode::from(error.code)
        }
    }
}

fn begin<F>(
    service: &'static str,
    arguments: Arguments,
    start: impl FnOnce(Process) -> F,
) -> Result<(), ServiceError>
where
    F: Future<Output = Result<(), ServiceError>>,
{
    let mut options = LoadOptions::from_process();
    // The command line goes before the variable that names a file.
    options.file = arguments.config.or(options.file);
    let config = Config::load(&options).map_err(|error| {
        let lines: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
        ServiceError { line: lines.join("\n"), code: BAD_SETTINGS_EXIT_CODE }
    })?;
    if matches!(arguments.command, Some(Command::Healthcheck)) {
        return healthcheck(&config);
    }
    crate::install_crypto();
    actix_web::rt::System::new().block_on(async {
        let config = crate::resolve(config).await?;
        let telemetry = start_telemetry(service, &config)?;
        let metrics = telemetry.page();
        let ended = async {
            crate::make_data_dir(&config)?;
            let stop = outcrop_lifecycle::stop_on_signal()?;
            crate::follow_log(&config, stop.clone())?;
            start(Process { config, stop, metrics }).await
        };
        let ended = ended.await;
        telemetry.finish();
        ended
    })
}

fn healthcheck(config: &Config) -> Result<(), ServiceError> {
    // A service that listens on all addresses is asked on the loopback one.
    let host = match config.server.host.as_str() {
        "0.0.0.0" | "::" | "[::]" => "127.0.0.1",
        host => host,
    };
    let refused = |line: String| ServiceError { line, code: 1 };
    let mut addresses = (host, config.server.port).to_socket_addrs()?;
    let address = addresses.next().ok_or_else(|| refused(format!("{host} has no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, HEALTH_LIMIT)?;
    stream.set_read_timeout(Some(HEALTH_LIMIT))?;
    stream.set_write_timeout(Some(HEALTH_LIMIT))?;
    stream.write_all(
        format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    if head.ends_with(b" 200") {
        return Ok(());
    }
    Err(refused(format!("{address} answered {}", String::from_utf8_lossy(&head))))
}
