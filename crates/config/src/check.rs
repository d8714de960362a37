//! What cannot be seen in one value's type: schemes, lengths, and settings that contradict each other.

use secrecy::{ExposeSecret, SecretString};

use crate::{Config, Problem, StaticKey};

/// What a reference to AWS Secrets Manager begins with; what it stands for is only known once it is fetched.
const SECRET_REFERENCE: &str = "secretsmanager://";

/// Least length of a secret that signs or hashes, bytes.
const MIN_SECRET: usize = 32;

impl Config {
    /// Everything that is wrong with these settings for any process. Empty is good.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_urls(&mut problems);
        self.check_services(&mut problems);
        check_secret("auth.key_secret", self.auth.key_secret.as_ref(), &mut problems);
        check_secret("internal.secret", self.internal.secret.as_ref(), &mut problems);
        self.check_edge(&mut problems);
        self.check_media(&mut problems);
        self.check_alerts(&mut problems);
        self.check_work(&mut problems);
        if self.models.ollama.is_some() && !self.models.url.starts_with("emulator://") {
            let line = "`models.ollama` is asked by the emulator only, but `models.url` is not `emulator://`";
            problems.push(Problem::new(line));
        }
        if let Some(url) = &self.models.ollama {
            check_http("models.ollama", url, &mut problems);
        }
        let places = [self.models.regions().err(), self.models.addresses().err()];
        problems.extend(places.into_iter().flatten().map(Problem::new));
        if self.store.read_url.is_some() && !self.is_on_postgres() {
            let line =
                "`store.read_url` is a replica of a Postgres database, but `store.url` is not `postgres://`";
            problems.push(Problem::new(line));
        }
        problems
    }

    /// What is wrong with these settings for all services together in one process, besides [`check`](Self::check).
    #[must_use]
    pub fn check_together(&self) -> Vec<Problem> {
        let on_postgres = self.is_on_postgres();
        let mut problems = Vec::new();
        if on_postgres && self.queue.url == "embedded://" {
            problems.push(Problem::new(
                "`queue.url` is `embedded://`, which lives in SQLite, but `store.url` is Postgres; set `queue.url` to `sqs://queue-name`",
            ));
        }
        if on_postgres && self.auth.key_secret.is_none() {
            problems.push(Problem::new(
                "`auth.key_secret` must be set when `store.url` is Postgres, so that all replicas hash keys alike",
            ));
        }
        problems
    }

    fn is_on_postgres(&self) -> bool {
        self.store.url.as_deref().is_some_and(|url| scheme(url).starts_with("postgres"))
    }

    /// What concerns the public side.
    fn check_edge(&self, problems: &mut Vec<Problem>) {
        if let Some(url) = &self.server.public_url {
            check_http("server.public_url", url, problems);
        }
        if let Some(url) = &self.auth.sts_url {
            check_https("auth.sts_url", url, problems);
        }
        if let Err(error) = self.server.trusted_networks() {
            problems.push(Problem::new(format!("`server.trusted_proxies`: {error}")));
        }
        for origin in self.server.origins().filter(|origin| !is_origin(origin)) {
            problems.push(Problem::new(format!(
                "`server.cors_origins`: `{origin}` is no origin; one is written `https://host` or `https://host:port`"
            )));
        }
        if let Some(key) = &self.auth.static_key {
            let text = key.expose_secret();
            if let (false, Some(fault)) = (text.starts_with(SECRET_REFERENCE), fault_of_key(text)) {
                problems.push(Problem::new(format!("`auth.static_key` {fault}")));
            }
        }
        if let Some(keys) = &self.auth.static_keys
            && !keys.expose_secret().starts_with(SECRET_REFERENCE)
            && let Err(error) = StaticKey::read(keys)
        {
            problems.push(Problem::new(format!("`auth.static_keys`: {error}")));
        }
    }

    /// What concerns the webhook of alerts.
    fn check_alerts(&self, problems: &mut Vec<Problem>) {
        let alerts = &self.alerts;
        if let Some(url) = &alerts.webhook_url {
            let url = url.expose_secret();
            if !url.starts_with(SECRET_REFERENCE) {
                check_https("alerts.webhook_url", url, problems);
            }
            if alerts.webhook_secret.is_none() {
                let line = "`alerts.webhook_secret` must be set with `alerts.webhook_url`: whoever is told must be able to tell who told it";
                problems.push(Problem::new(line));
            }
        }
        let secret = alerts.webhook_secret.as_ref().map_or("", ExposeSecret::expose_secret);
        // 24 to 64 bytes are 32 to 88 characters of base64.
        let fits = secret.strip_prefix("whsec_").is_some_and(|it| (32..=88).contains(&it.len()));
        if !secret.is_empty() && !secret.starts_with(SECRET_REFERENCE) && !fits {
            problems.push(Problem::new(
                "`alerts.webhook_secret` must be `whsec_` and 24 to 64 bytes in base64; `echo whsec_$(openssl rand -base64 32)` makes a good one",
            ));
        }
    }

    /// What concerns work that can wait.
    fn check_work(&self, problems: &mut Vec<Problem>) {
        if let Err(word) = self.ways.ways() {
            let line = format!("`ways.allowed`: `{word}` is no way; there are on_demand, flex and batch");
            problems.push(Problem::new(line));
        }
        if let Err(error) = self.webhooks.networks() {
            problems.push(Problem::new(format!("`webhooks.allow_networks`: {error}")));
        }
        if self.blobs.kms_key.is_some() && self.blobs.encryption.as_deref() != Some("aws:kms") {
            problems.push(Problem::new("`blobs.kms_key` is used with `blobs.encryption = \"aws:kms\"` only"));
        }
        let role = self.ways.batch_role.as_deref().unwrap_or("arn:aws:iam::0:role/r");
        if !(role.starts_with("arn:") && role.contains(":role/")) {
            problems
                .push(Problem::new("`ways.batch_role` must be the ARN of a role, `arn:aws:iam::…:role/…`"));
        }
    }

    /// What concerns media behind URLs.
    fn check_media(&self, problems: &mut Vec<Problem>) {
        let media = &self.media;
        let s3 = match media.s3_patterns() {
            Ok(patterns) if patterns.iter().all(|it| it.as_str().starts_with("s3://")) => None,
            Ok(_) => Some("its entries are written `s3://bucket/prefix*`".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let faults = [
            ("media.allow_networks", media.networks().err().map(|error| error.to_string())),
            ("media.allow_ports", media.ports().err().map(|_| "a port is a number up to 65535".to_owned())),
            ("media.allow_hosts", media.allowed_hosts().err().map(|error| error.to_string())),
            ("media.deny_hosts", media.denied_hosts().err().map(|error| error.to_string())),
            ("media.s3_allow", s3),
        ];
        let lines = faults.into_iter().filter_map(|(key, fault)| Some(format!("`{key}`: {}", fault?)));
        problems.extend(lines.map(Problem::new));
    }

    fn check_urls(&self, problems: &mut Vec<Problem>) {
        let mut one_of = |key: &str, url: &str, schemes: &[&str], rest_needed: &[&str]| {
            let given = scheme(url);
            let rest = url.get(given.len() + 3..).unwrap_or("");
            if !url.contains("://") || !schemes.contains(&given) {
                let schemes: Vec<String> = schemes.iter().map(|it| format!("{it}://")).collect();
                let line = format!("`{key}` must begin with {}", schemes.join(", "));
                problems.push(Problem::new(line));
            } else if rest_needed.contains(&given) && rest.trim_matches('/').is_empty() {
                problems.push(Problem::new(format!("`{key}` names nothing after `{given}://`")));
            }
        };
        if let Some(url) = &self.store.url {
            one_of(
                "store.url",
                url,
                &["sqlite", "postgres", "postgresql"],
                &["sqlite", "postgres", "postgresql"],
            );
        }
        if let Some(url) = &self.store.read_url {
            one_of("store.read_url", url, &["postgres", "postgresql"], &["postgres", "postgresql"]);
        }
        one_of("cache.url", &self.cache.url, &["memory", "redis", "rediss"], &["redis", "rediss"]);
        if let Some(url) = &self.response_cache.url {
            let named = ["redis", "rediss", "secretsmanager"];
            one_of("response_cache.url", url, &["memory", "redis", "rediss", "secretsmanager"], &named);
        }
        one_of(
            "queue.url",
            &self.queue.url,
            &["embedded", "sqs", "https", "http"],
            &["sqs", "https", "http"],
        );
        if let Some(url) = &self.blobs.url {
            one_of("blobs.url", url, &["file", "s3"], &["file", "s3"]);
        }
        if let Some(url) = &self.usage.export_url {
            one_of("usage.export_url", url, &["file", "s3"], &["file", "s3"]);
        }
        one_of("models.url", &self.models.url, &["emulator", "bedrock"], &[]);
    }

    fn check_services(&self, problems: &mut Vec<Problem>) {
        check_http("services.auth", &self.services.auth, problems);
        check_http("services.inference", &self.services.inference, problems);
        check_http("services.jobs", &self.services.jobs, problems);
    }
}

/// What is wrong with a static key, if anything.
pub(crate) fn fault_of_key(text: &str) -> Option<&'static str> {
    // What looks like another kind of credential would be taken for one.
    let other = ["ock_", "ocr_", "ocs_", "oci_"].iter().any(|it| text.starts_with(it))
        || text.split('.').count() == 3;
    let fits = (16..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if other {
        Some("looks like an Outcrop key or a token; `openssl rand -hex 32` makes one that does not")
    } else if !fits {
        Some("must be 16 to 512 visible ASCII characters; `openssl rand -hex 32` makes a good one")
    } else {
        None
    }
}

/// What stands before `://`.
fn scheme(url: &str) -> &str {
    url.split("://").next().unwrap_or("")
}

/// Scheme, host and at most a port, as browsers send it.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]_".contains(&byte))
    })
}

fn check_http(key: &str, url: &str, problems: &mut Vec<Problem>) {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    if host.is_none_or(|host| host.trim_matches('/').is_empty()) {
        problems.push(Problem::new(format!("`{key}` must be an http:// or https:// address with a host")));
    }
}

/// For what proves who somebody is: plain HTTP only within this machine.
fn check_https(key: &str, url: &str, problems: &mut Vec<Problem>) {
    const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
    let local = url.strip_prefix("http://").is_some_and(|rest| {
        LOCAL.iter().any(|host| {
            rest.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        })
    });
    if local || url.strip_prefix("https://").is_some_and(|host| !host.trim_matches('/').is_empty()) {
        return;
    }
    problems
        .push(Problem::new(format!("`{key}` must be an https:// address (http:// only on this machine)")));
}

fn check_secret(key: &str, secret: Option<&SecretString>, problems: &mut Vec<Problem>) {
    let Some(secret) = secret else { return };
    let text = secret.expose_secret();
    if !text.starts_with(SECRET_REFERENCE) && text.len() < MIN_SECRET {
        let line = format!(
            "`{key}` must be at least {MIN_SECRET} bytes long; `openssl rand -hex 32` makes a good one"
        );
        problems.push(Problem::new(line));
    }
}
