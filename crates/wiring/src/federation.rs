//! The setting `auth.federation`: read from its file, its secrets fetched.

use std::path::Path;

use outcrop_aws::secrets::SCHEME;
use outcrop_config::Config;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::WiringError;

/// Largest file read, bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What a reference to a variable begins with.
const VARIABLE: &str = "env:";

/// Who may come from outside, as JSON with its `client_secret`s in place; `None` if nobody may. The settings' own
/// secrets must be resolved.
///
/// What it means is for the auth service to say; here only the way to the text and to its secrets is known.
pub async fn federation(config: &Config) -> Result<Option<SecretString>, WiringError> {
    let Some(setting) = &config.auth.federation else { return Ok(None) };
    let mut value = read(setting.expose_secret())?;
    for secret in client_secrets(&mut value) {
        let Some(reference) = secret.as_str() else { continue };
        if let Some(found) = fetch(reference).await? {
            *secret = Value::String(found);
        }
    }
    Ok(Some(value.to_string().into()))
}

/// JSON in place, or the TOML file of this name.
fn read(setting: &str) -> Result<Value, WiringError> {
    if setting.trim_start().starts_with('{') {
        return serde_json::from_str(setting)
            // The error's own text names line and column, and quotes nothing.
            .map_err(|error| fault(&format!("it is not JSON: {error}")));
    }
    // No file is called so, and what is no file is not repeated: it may hold a secret.
    if setting.contains(['\n', '=']) || setting.trim_start().starts_with('[') {
        return Err(fault("it is neither JSON in place (which begins with `{`) nor the name of a TOML file"));
    }
    let path = Path::new(setting);
    let failed = |error: &dyn std::fmt::Display| fault(&format!("cannot read {}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > MAX_FILE {
        return Err(failed(&format!("it is larger than {MAX_FILE} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // The first line only: the rest quotes the file, which may hold a secret.
        let message = error.message().lines().next().unwrap_or("it is not TOML");
        fault(&format!("{}, line {line}: {message}", path.display()))
    })
}

fn client_secrets(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    let issuers = value.get_mut("issuers").and_then(Value::as_array_mut).into_iter().flatten();
    issuers.filter_map(|issuer| issuer.get_mut("login")?.get_mut("client_secret"))
}

/// What a reference stands for; `None` for a secret that is written out.
async fn fetch(reference: &str) -> Result<Option<String>, WiringError> {
    if let Some(name) = reference.strip_prefix(VARIABLE) {
        return match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Some(value)),
            _ => Err(fault(&format!("the variable `{name}`, which a `client_secret` names, is not set"))),
        };
    }
    if !reference.starts_with(SCHEME) {
        return Ok(None);
    }
    let sdk = outcrop_aws::sdk_config(&outcrop_aws::AwsOptions::default()).await;
    let fetched = outcrop_aws::secrets::fetch(&sdk, reference)
        .await
        .map_err(|error| WiringError::failed("resolve a `client_secret` of `auth.federation`", &error))?;
    Ok(Some(fetched.expose_secret().to_owned()))
}

fn fault(line: &str) -> WiringError {
    WiringError::setting(format!("`auth.federation`: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(setting: &str) -> Config {
        let mut config = Config::default();
        config.auth.federation = Some(setting.into());
        config
    }

    #[tokio::test]
    async fn a_file_and_a_text_are_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("federation.toml");
        let toml = "[[issuers]]\nname = \"okta\"\n[issuers.login]\nclient_secret = \"env:PATH\"\n";
        std::fs::write(&file, toml).unwrap();
        let json = r#"{"issuers":[{"name":"okta","login":{"client_secret":"env:PATH"}}]}"#;
        let mut read = Vec::new();
        for setting in [file.to_str().unwrap(), json] {
            let text = federation(&with(setting)).await.unwrap().unwrap();
            let value: Value = serde_json::from_str(text.expose_secret()).unwrap();
            assert_eq!(value["issuers"][0]["login"]["client_secret"], std::env::var("PATH").unwrap());
            read.push(value);
        }
        assert_eq!(read[0], read[1]);
        assert!(federation(&Config::default()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_does_not_read_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("federation.toml");
        std::fs::write(&file, "[[issuers]]\nclient_secret = hunter2\n").unwrap();
        for (setting, expected) in [
            (file.to_str().unwrap(), "line 2"),
            ("{\"issuers\":", "not JSON"),
            ("[[issuers]]\nclient_secret = 'hunter2'", "neither JSON"),
            ("[\"hunter2\"]", "neither JSON"),
            ("/nowhere/federation.toml", "cannot read"),
            (r#"{"issuers":[{"login":{"client_secret":"env:OUTCROP_NOT_SET"}}]}"#, "OUTCROP_NOT_SET"),
        ] {
            let error = federation(&with(setting)).await.unwrap_err();
            let line = error.to_string();
            assert!(error.is_setting() && line.contains(expected) && !line.contains("hunter2"), "{line}");
        }
    }
}
