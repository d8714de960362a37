//! `outcrop config`: the settings in force.

use outcrop_config::{Config, LoadOptions};

use crate::cli::ConfigCommand;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(command: &ConfigCommand, options: &LoadOptions) -> Result<(), Failure> {
    let (config, sources) = Config::load_with_sources(options)?;
    match command {
        ConfigCommand::Show => output::write(&config.show(&sources)),
        ConfigCommand::Check => {
            together(&config)?;
            outcrop_wiring::check_models(&config)?;
            if let Some(file) = &config.routing.routes {
                super::routes::read(&config, file, "`routing.routes`: ")?;
            }
            output::line("The settings are good.")
        }
    }
}

/// Refuses settings that all services in one process cannot work with.
pub(crate) fn together(config: &Config) -> Result<(), Failure> {
    let problems = config.check_together();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::Settings(problems.iter().map(ToString::to_string).collect()))
}
