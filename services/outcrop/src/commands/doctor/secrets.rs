//! Secrets: whether they can be had, and whether they are any good.

use std::collections::HashSet;
use std::time::Duration;

use outcrop_config::{Config, StaticKey};
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
    let mut known: Vec<(String, &SecretString)> = named
        .into_iter()
        .filter(|(name, _)| !patient.unresolved.contains(name))
        .filter_map(|(name, secret)| Some((name.to_owned(), secret.as_ref()?)))
        .collect();
    let static_keys = if patient.unresolved.contains(&"auth.static_keys") {
        Vec::new()
    } else {
        static_keys(&patient.config)
    };
    known.extend(static_keys.iter().map(|it| (format!("auth.static_keys, {}", it.name), &it.key)));
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
            "give `auth.key_secret`, `internal.secret` and each static key a value of its own",
        ));
    }
    if findings.is_empty() {
        let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
        findings.push(if names.is_empty() {
            Finding::skipped(NAME, "none is set; one process makes its own")
        } else {
            Finding::ok(NAME, names.join(", "))
        });
    }
    findings
}

/// The keys that the settings hold; a table that does not read has been told of before.
fn static_keys(config: &Config) -> Vec<StaticKey> {
    config.auth.static_keys.as_ref().and_then(|it| StaticKey::read(it).ok()).unwrap_or_default()
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
    for secret in values(config).iter().filter(|it| it.len() >= 4) {
        finding.seen = finding.seen.replace(secret, "***");
        finding.remedy = finding.remedy.take().map(|it| it.replace(secret, "***"));
    }
}

/// Every secret of the settings, and of those that hold several each one, longest first: a part never breaks its whole.
fn values(config: &Config) -> Vec<String> {
    let mut all = outcrop_wiring::secrets_of(config);
    let headers = config.telemetry.otlp_headers.as_ref().map(|it| it.expose_secret()).unwrap_or_default();
    all.push(headers.to_owned());
    all.extend(headers.split(',').filter_map(|it| it.split_once('=')).map(|(_, it)| it.trim().to_owned()));
    all.extend(static_keys(config).iter().map(|it| it.key.expose_secret().to_owned()));
    let urls = [&config.store.url, &config.store.read_url, &config.response_cache.url];
    let urls = urls.into_iter().filter_map(Option::as_deref).chain([&*config.cache.url]);
    for password in urls.filter_map(password) {
        all.push(password.to_owned());
        all.push(decoded(password));
    }
    all.sort_by_key(|it| std::cmp::Reverse(it.len()));
    all
}

/// The password in a URL.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (userinfo, _) = rest.rsplit_once('@')?;
    userinfo.split_once(':').map(|(_, password)| password)
}

/// Without its percent codes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = behind.get(..2).filter(|_| *first == b'%').and_then(|it| std::str::from_utf8(it).ok());
        let code = code.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    fn each_of_several_secrets_in_one_setting_is_taken_out() {
        let mut config = Config::default();
        config.auth.static_keys = Some(r#"{"me":"0f8a41c27be94d63a0f8e7c1"}"#.into());
        config.telemetry.otlp_headers = Some("x-team=blue,x-token=hunter22".into());
        config.store.read_url = Some("postgres://o:p%40ss@db/o".to_owned());
        config.response_cache.url = Some("redis://:sesame7@kept".to_owned());
        let mut finding = Finding::ok("x", "0f8a41c27be94d63a0f8e7c1 hunter22 p@ss p%40ss sesame7 x-team");
        scrub(&mut finding, &config);
        assert_eq!(finding.seen, "*** *** *** *** *** x-team");
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
