//! Secrets: whether they can be had, and whether they are any good.

use std::collections::HashSet;
use std::time::Duration;

use outcrop_config::Config;
use secrecy::{ExposeSecret as _, SecretString};

use super::Patient;
use super::finding::{Finding, is_denied};

const NAME: &str = "secrets";

/// Fewer different characters than this are no chance: 32 random hex digits have fewer than 9 once in millions.
const LEAST_DIFFERENT: usize = 9;

/// What stands for "any secret" in examples.
const PLACEHOLDERS: [&str; 7] =
    ["change", "example", "secret", "password", "placeholder", "insecure", "default"];

pub(super) struct Resolved {
    pub(super) config: Config,
    /// Settings whose secrets could not be had.
    pub(super) missing: Vec<&'static str>,
    pub(super) findings: Vec<Finding>,
}

/// The settings with everything in them that Secrets Manager keeps.
pub(super) async fn resolved(config: Config, limit: Duration) -> Resolved {
    let references = outcrop_wiring::references(&config);
    if references.is_empty() {
        return Resolved { config, missing: Vec::new(), findings: Vec::new() };
    }
    let asked = tokio::time::timeout(limit, Box::pin(outcrop_wiring::resolve(config.clone()))).await;
    let line = match asked {
        Ok(Ok(resolved)) => {
            let seen = format!("{} read from Secrets Manager: {}", references.len(), references.join(", "));
            return Resolved {
                config: resolved,
                missing: Vec::new(),
                findings: vec![Finding::ok(NAME, seen)],
            };
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("Secrets Manager did not answer within {} s", limit.as_secs()),
    };
    let remedy = if is_denied(&line) {
        "allow secretsmanager:GetSecretValue on that secret, and kms:Decrypt where a key of yours encrypts it"
    } else {
        "make the secret in the region of AWS_REGION, or correct the name after `secretsmanager://`"
    };
    Resolved { config, missing: references, findings: vec![Finding::fail(NAME, line, remedy)] }
}

/// Whether what is set can be guessed.
pub(super) fn strength(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "secret strength";
    let auth = &patient.config.auth;
    let named = [
        ("auth.key_secret", &auth.key_secret),
        ("internal.secret", &patient.config.internal.secret),
        ("auth.static_key", &auth.static_key),
    ];
    let known: Vec<(&str, &SecretString)> = named
        .into_iter()
        .filter(|(name, _)| !patient.unresolved.contains(name))
        .filter_map(|(name, secret)| Some((name, secret.as_ref()?)))
        .collect();
    let mut findings: Vec<_> = known
        .iter()
        .filter_map(|(name, secret)| {
            let why = weakness(secret.expose_secret())?;
            let remedy = "replace it by what `openssl rand -hex 32` prints, before anything is made under it";
            Some(Finding::warn(NAME, format!("`{name}` {why}"), remedy))
        })
        .collect();
    let values: HashSet<&str> = known.iter().map(|(_, it)| it.expose_secret()).collect();
    if values.len() < known.len() {
        findings.push(Finding::warn(
            NAME,
            "one value serves for several secrets",
            "give `auth.key_secret`, `internal.secret` and `auth.static_key` a value of their own each",
        ));
    }
    if findings.is_empty() {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        let seen = if names.is_empty() {
            "none is set; one process makes its own".to_owned()
        } else {
            names.join(", ")
        };
        findings.push(Finding::ok(NAME, seen));
    }
    findings
}

/// What makes it easy to guess, to follow its name.
fn weakness(secret: &str) -> Option<&'static str> {
    let different = secret.bytes().collect::<HashSet<_>>().len();
    if different < LEAST_DIFFERENT {
        return Some("repeats a few characters");
    }
    let lower = secret.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|it| lower.contains(it)).then_some("looks like a placeholder out of an example")
}

/// Takes every secret of the settings out of a finding: errors of libraries are not trusted to hold none.
pub(super) fn scrub(finding: &mut Finding, config: &Config) {
    let auth = &config.auth;
    let secrets = [
        &config.store.password,
        &config.cache.password,
        &auth.key_secret,
        &auth.signing_key,
        &auth.static_key,
        &config.alerts.webhook_url,
        &config.alerts.webhook_secret,
        &config.telemetry.otlp_headers,
        &config.internal.secret,
    ];
    let urls = [config.store.url.as_deref(), config.store.read_url.as_deref(), Some(&*config.cache.url)];
    let in_urls = urls.into_iter().flatten().filter_map(password);
    let all = secrets.into_iter().flatten().map(SecretString::expose_secret).chain(in_urls);
    for secret in all.filter(|it| it.len() >= 4) {
        finding.seen = finding.seen.replace(secret, "***");
        finding.remedy = finding.remedy.take().map(|it| it.replace(secret, "***"));
    }
}

/// The password in a URL.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (userinfo, _) = rest.rsplit_once('@')?;
    userinfo.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_is_told() {
        assert_eq!(weakness("0f8a41c27be94d63a0f8e7c15b9d2364"), None);
        assert_eq!(weakness(&"k".repeat(40)), Some("repeats a few characters"));
        assert!(weakness("please-change-me-0123456789abcdef").is_some());
    }

    #[test]
    fn findings_hold_no_secret() {
        let mut config = Config::default();
        config.store.password = Some("hunter22".into());
        config.cache.url = "redis://:sesame7@cache:6379".to_owned();
        let mut finding = Finding::fail("x", "hunter22 at redis://:sesame7@cache", "not hunter22");
        scrub(&mut finding, &config);
        assert_eq!(finding, Finding::fail("x", "*** at redis://:***@cache", "not ***"));
    }
}
