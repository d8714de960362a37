//! From files, environment and command line to a [`Config`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::layers::Layers;
use crate::{Config, LoadError, Problem, Source};

/// The file that is read where none is named, if it is there.
const DEFAULT_FILE: &str = "outcrop.toml";

/// The variable that names the settings file of a service without a command line.
const FILE_VARIABLE: &str = "OUTCROP_CONFIG";

/// What settings are made from. The environment is passed in, so that tests need not touch their own.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// A file that must be there.
    pub file: Option<PathBuf>,
    /// A file that is read if it is there, and if `file` names none.
    pub default_file: Option<PathBuf>,
    /// Keys and values from the command line: `("server.port", "9000")`.
    pub flags: Vec<(String, String)>,
    /// Environment variables, ours and others'.
    pub env: Vec<(String, String)>,
}

impl LoadOptions {
    /// The environment of this process, `outcrop.toml` in its folder if there is one, or the file that
    /// `OUTCROP_CONFIG` names.
    #[must_use]
    pub fn from_process() -> Self {
        // Not `vars()`, which panics at a variable that is not UTF-8, be it ever so foreign.
        let env: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let file = env.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
        Self {
            file: file.map(|(_, value)| PathBuf::from(value)),
            default_file: Some(PathBuf::from(DEFAULT_FILE)),
            flags: Vec::new(),
            env,
        }
    }
}

/// Where each setting that somebody set came from.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<&'static str, Source>);

impl Sources {
    /// Where this setting's value came from.
    #[must_use]
    pub fn of(&self, key: &str) -> &Source {
        self.0.get(key).unwrap_or(&Source::Default)
    }
}

impl Config {
    /// Reads all layers and checks the result; everything wrong is reported at once.
    pub fn load(options: &LoadOptions) -> Result<Self, LoadError> {
        Self::load_with_sources(options).map(|(config, _)| config)
    }

    /// Like [`load`](Self::load), and tells where each value came from.
    pub fn load_with_sources(options: &LoadOptions) -> Result<(Self, Sources), LoadError> {
        let mut layers = Layers::default();
        match (&options.file, &options.default_file) {
            (Some(file), _) => layers.file(file),
            (None, Some(file)) if file.exists() => layers.file(file),
            _ => {}
        }
        layers.env(&options.env);
        for (key, value) in &options.flags {
            layers.text(key, value, Source::Flag);
        }
        if !layers.problems.is_empty() {
            return Err(LoadError { problems: layers.problems });
        }
        let config = Self::deserialize(toml::Value::Table(layers.to_table()))
            // The table of settings lets nothing through that the sections refuse; see its test. The error's
            // own text could quote a secret.
            .map_err(|_| Problem::new("the settings do not fit together"))?;
        let problems = config.check();
        if !problems.is_empty() {
            return Err(LoadError { problems });
        }
        let sources = layers.values.into_iter().map(|(key, (_, source))| (key, source)).collect();
        Ok((config, Sources(sources)))
    }
}
