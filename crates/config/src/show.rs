//! The effective settings as TOML, with secrets masked and each value's source beside it.

mod telemetry;
mod work;

use std::fmt::Write;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use crate::load::Sources;
use crate::settings::lookup;
use crate::{
    AlertsConfig, AuthConfig, BlobConfig, CacheConfig, Config, InternalConfig, LimitsConfig, MediaConfig,
    ModelsConfig, OnUnavailable, QueueConfig, ResponseCacheConfig, RoutingConfig, ServerConfig,
    ServicesConfig, StoreConfig, TokenAlgorithm, UsageConfig,
};

/// What is shown in a secret's place.
const MASK: &str = "********";

/// A setting's key and its value, if it has one.
type Entry = (&'static str, Option<Value>);

impl Config {
    /// The settings as TOML that could be read back, but for the secrets.
    #[must_use]
    pub fn show(&self, sources: &Sources) -> String {
        let mut text = String::new();
        let mut open = "";
        for (key, value) in self.entries() {
            let (section, field) = key.split_once('.').unwrap_or(("", key));
            if section != open {
                open = section;
                let _ = writeln!(text, "\n[{section}]");
            }
            let secret = lookup(key).is_some_and(|it| it.secret);
            let _ = match value {
                Some(value) => {
                    let value = if secret { masked(&value) } else { shown(value) };
                    writeln!(text, "{field} = {value}  # {}", sources.of(key))
                }
                None => writeln!(text, "# {field} is not set"),
            };
        }
        text
    }

    /// Every setting in the order of the table. Destructured, so that a new field cannot be forgotten.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let Self {
            data_dir,
            server,
            store,
            cache,
            queue,
            blobs,
            models,
            routing,
            response_cache,
            media,
            auth,
            internal,
            services,
            limits,
            usage,
            alerts,
            responses,
            jobs,
            batches,
            files,
            ways,
            webhooks,
            mcp,
            telemetry,
            traces,
            metrics,
        } = self;
        let mut entries = vec![("data_dir", path(&data_dir.0))];
        entries.extend(of_server(server));
        entries.extend(of_adapters(store, cache, queue, blobs));
        entries.extend(of_models(models));
        entries.extend(of_routing(routing));
        entries.extend(of_response_cache(response_cache));
        entries.extend(of_media(media));
        entries.extend(of_trust(auth, internal));
        entries.extend(of_services(services));
        entries.extend(of_limits(*limits));
        entries.extend(of_usage(usage, alerts));
        entries.extend(work::of_work(*responses, jobs, batches));
        entries.extend(work::of_files(files));
        entries.extend(work::of_ways(ways));
        entries.extend(work::of_webhooks(webhooks));
        entries.extend(work::of_mcp(mcp));
        entries.extend(telemetry::of_telemetry(telemetry));
        entries.extend(telemetry::of_traces(traces));
        entries.extend(telemetry::of_metrics(metrics));
        entries
    }
}

fn of_server(it: &ServerConfig) -> [Entry; 12] {
    let ServerConfig {
        host,
        port,
        workers,
        max_body_bytes,
        max_json_depth,
        head_timeout_ms,
        keep_alive_ms,
        request_timeout_ms,
        drain_ms,
        public_url,
        trusted_proxies,
        cors_origins,
    } = it;
    [
        ("server.host", text(host)),
        ("server.port", whole(*port)),
        ("server.workers", size(*workers)),
        ("server.max_body_bytes", size(*max_body_bytes)),
        ("server.max_json_depth", size(*max_json_depth)),
        ("server.head_timeout_ms", whole(*head_timeout_ms)),
        ("server.keep_alive_ms", whole(*keep_alive_ms)),
        ("server.request_timeout_ms", whole(*request_timeout_ms)),
        ("server.drain_ms", whole(*drain_ms)),
        ("server.public_url", public_url.as_deref().and_then(text)),
        ("server.trusted_proxies", trusted_proxies.as_deref().and_then(text)),
        ("server.cors_origins", cors_origins.as_deref().and_then(text)),
    ]
}

fn of_adapters(
    store: &StoreConfig,
    cache: &CacheConfig,
    queue: &QueueConfig,
    blobs: &BlobConfig,
) -> [Entry; 13] {
    let StoreConfig {
        url: store_url,
        password: store_password,
        password_reference: _,
        read_url,
        max_connections,
    } = store;
    let CacheConfig { url: cache_url, password: cache_password, timeout_ms } = cache;
    let QueueConfig { url: queue_url, max_deliveries } = queue;
    let BlobConfig { url: blobs_url, path_style, encryption, kms_key } = blobs;
    [
        ("store.url", store_url.as_deref().and_then(text)),
        ("store.password", secret(store_password.as_ref())),
        ("store.read_url", read_url.as_deref().and_then(text)),
        ("store.max_connections", whole(*max_connections)),
        ("cache.url", text(cache_url)),
        ("cache.password", secret(cache_password.as_ref())),
        ("cache.timeout_ms", whole(*timeout_ms)),
        ("queue.url", text(queue_url)),
        ("queue.max_deliveries", whole(*max_deliveries)),
        ("blobs.url", blobs_url.as_deref().and_then(text)),
        ("blobs.path_style", path_style.map(Value::Boolean)),
        ("blobs.encryption", encryption.as_deref().and_then(text)),
        ("blobs.kms_key", kms_key.as_deref().and_then(text)),
    ]
}

fn of_models(it: &ModelsConfig) -> [Entry; 14] {
    let ModelsConfig {
        url,
        default,
        default_embedding,
        compatibility_names,
        refresh_s,
        catalog,
        prices,
        cross_region,
        allow_arns,
        idle_timeout_ms,
        accounts,
        endpoints,
        prompt_caching,
        ollama,
    } = it;
    [
        ("models.url", text(url)),
        ("models.default", text(default)),
        ("models.default_embedding", text(default_embedding)),
        ("models.compatibility_names", Some(Value::Boolean(*compatibility_names))),
        ("models.refresh_s", whole(*refresh_s)),
        ("models.catalog", catalog.as_deref().and_then(path)),
        ("models.prices", prices.as_deref().and_then(path)),
        ("models.cross_region", Some(Value::Boolean(*cross_region))),
        ("models.allow_arns", Some(Value::Boolean(*allow_arns))),
        ("models.idle_timeout_ms", whole(*idle_timeout_ms)),
        ("models.accounts", accounts.as_deref().and_then(text)),
        ("models.endpoints", endpoints.as_deref().and_then(text)),
        ("models.prompt_caching", Some(Value::Boolean(*prompt_caching))),
        ("models.ollama", ollama.as_deref().and_then(text)),
    ]
}

fn of_routing(it: &RoutingConfig) -> [Entry; 10] {
    let RoutingConfig {
        routes,
        attempts,
        first_event_ms,
        attempt_ms,
        backoff_ms,
        max_backoff_ms,
        breaker_failures,
        breaker_ms,
        max_breaker_ms,
        retry_budget,
    } = it;
    [
        ("routing.routes", routes.as_deref().and_then(path)),
        ("routing.attempts", whole(*attempts)),
        ("routing.first_event_ms", whole(*first_event_ms)),
        ("routing.attempt_ms", whole(*attempt_ms)),
        ("routing.backoff_ms", whole(*backoff_ms)),
        ("routing.max_backoff_ms", whole(*max_backoff_ms)),
        ("routing.breaker_failures", whole(*breaker_failures)),
        ("routing.breaker_ms", whole(*breaker_ms)),
        ("routing.max_breaker_ms", whole(*max_breaker_ms)),
        ("routing.retry_budget", whole(*retry_budget)),
    ]
}

fn of_response_cache(it: &ResponseCacheConfig) -> [Entry; 7] {
    let ResponseCacheConfig {
        url,
        enabled,
        ttl_s,
        max_ttl_s,
        max_entry_bytes,
        max_bytes,
        compress_from_bytes,
    } = it;
    [
        ("response_cache.url", url.as_deref().and_then(text)),
        ("response_cache.enabled", Some(Value::Boolean(*enabled))),
        ("response_cache.ttl_s", whole(*ttl_s)),
        ("response_cache.max_ttl_s", whole(*max_ttl_s)),
        ("response_cache.max_entry_bytes", size(*max_entry_bytes)),
        ("response_cache.max_bytes", size(*max_bytes)),
        ("response_cache.compress_from_bytes", size(*compress_from_bytes)),
    ]
}

fn of_media(it: &MediaConfig) -> [Entry; 10] {
    let MediaConfig {
        enabled,
        allow_http,
        allow_networks,
        allow_ports,
        allow_hosts,
        deny_hosts,
        max_bytes,
        timeout_ms,
        max_links,
        s3_allow,
    } = it;
    [
        ("media.enabled", Some(Value::Boolean(*enabled))),
        ("media.allow_http", Some(Value::Boolean(*allow_http))),
        ("media.allow_networks", allow_networks.as_deref().and_then(text)),
        ("media.allow_ports", allow_ports.as_deref().and_then(text)),
        ("media.allow_hosts", allow_hosts.as_deref().and_then(text)),
        ("media.deny_hosts", deny_hosts.as_deref().and_then(text)),
        ("media.max_bytes", size(*max_bytes)),
        ("media.timeout_ms", whole(*timeout_ms)),
        ("media.max_links", size(*max_links)),
        ("media.s3_allow", s3_allow.as_deref().and_then(text)),
    ]
}

fn of_trust(auth: &AuthConfig, internal: &InternalConfig) -> [Entry; 23] {
    let AuthConfig {
        key_secret,
        cache_ttl_ms,
        pushed_cache_ttl_ms,
        grace_ms,
        cache_entries,
        audience,
        token_algorithm,
        access_token_ttl_s,
        refresh_token_ttl_s,
        session_ttl_s,
        signing_rotation_s,
        signing_key,
        invitation_ttl_s,
        login_attempts_per_account,
        login_attempts_per_address,
        static_key,
        static_key_role,
        static_keys,
        federation,
        server_id,
        sts_url,
    } = auth;
    let InternalConfig { secret: internal_secret, ttl_s } = internal;
    let token_algorithm = match token_algorithm {
        TokenAlgorithm::EdDsa => "EdDSA",
        TokenAlgorithm::Rs256 => "RS256",
    };
    [
        ("auth.key_secret", secret(key_secret.as_ref())),
        ("auth.cache_ttl_ms", whole(*cache_ttl_ms)),
        ("auth.pushed_cache_ttl_ms", whole(*pushed_cache_ttl_ms)),
        ("auth.grace_ms", whole(*grace_ms)),
        ("auth.cache_entries", size(*cache_entries)),
        ("auth.audience", text(audience)),
        ("auth.token_algorithm", text(token_algorithm)),
        ("auth.access_token_ttl_s", whole(*access_token_ttl_s)),
        ("auth.refresh_token_ttl_s", whole(*refresh_token_ttl_s)),
        ("auth.session_ttl_s", whole(*session_ttl_s)),
        ("auth.signing_rotation_s", whole(*signing_rotation_s)),
        ("auth.signing_key", secret(signing_key.as_ref())),
        ("auth.invitation_ttl_s", whole(*invitation_ttl_s)),
        ("auth.login_attempts_per_account", whole(*login_attempts_per_account)),
        ("auth.login_attempts_per_address", whole(*login_attempts_per_address)),
        ("auth.static_key", secret(static_key.as_ref())),
        ("auth.static_key_role", text(static_key_role)),
        ("auth.static_keys", secret(static_keys.as_ref())),
        ("auth.federation", secret(federation.as_ref())),
        ("auth.server_id", server_id.as_deref().and_then(text)),
        ("auth.sts_url", sts_url.as_deref().and_then(text)),
        ("internal.secret", secret(internal_secret.as_ref())),
        ("internal.ttl_s", whole(*ttl_s)),
    ]
}

fn of_services(it: &ServicesConfig) -> [Entry; 4] {
    let ServicesConfig { auth, inference, jobs, connect_timeout_ms } = it;
    [
        ("services.auth", text(auth)),
        ("services.inference", text(inference)),
        ("services.jobs", text(jobs)),
        ("services.connect_timeout_ms", whole(*connect_timeout_ms)),
    ]
}

fn of_limits(it: LimitsConfig) -> [Entry; 8] {
    let LimitsConfig {
        requests_per_minute_per_key,
        requests_per_minute_per_team,
        assumed_output_tokens,
        on_unavailable,
        on_unavailable_requests,
        on_unavailable_tokens,
        on_unavailable_concurrency,
        on_unavailable_money,
    } = it;
    let when_away = |it: OnUnavailable| {
        text(match it {
            OnUnavailable::Open => "open",
            OnUnavailable::Closed => "closed",
            OnUnavailable::Local => "local",
        })
    };
    [
        ("limits.requests_per_minute_per_key", requests_per_minute_per_key.and_then(whole)),
        ("limits.requests_per_minute_per_team", requests_per_minute_per_team.and_then(whole)),
        ("limits.assumed_output_tokens", whole(assumed_output_tokens)),
        ("limits.on_unavailable", when_away(on_unavailable)),
        ("limits.on_unavailable_requests", on_unavailable_requests.and_then(when_away)),
        ("limits.on_unavailable_tokens", on_unavailable_tokens.and_then(when_away)),
        ("limits.on_unavailable_concurrency", on_unavailable_concurrency.and_then(when_away)),
        ("limits.on_unavailable_money", on_unavailable_money.and_then(when_away)),
    ]
}

fn of_usage(usage: &UsageConfig, alerts: &AlertsConfig) -> [Entry; 9] {
    let UsageConfig { spool_dir, max_spool_bytes, flush_ms, export_url, retention_months, tags } = usage;
    let AlertsConfig { interval_s, webhook_url, webhook_secret } = alerts;
    [
        ("usage.spool_dir", spool_dir.as_deref().and_then(path)),
        ("usage.max_spool_bytes", whole(*max_spool_bytes)),
        ("usage.flush_ms", whole(*flush_ms)),
        ("usage.export_url", export_url.as_deref().and_then(text)),
        ("usage.retention_months", whole(*retention_months)),
        ("usage.tags", tags.as_deref().and_then(text)),
        ("alerts.interval_s", whole(*interval_s)),
        ("alerts.webhook_url", secret(webhook_url.as_ref())),
        ("alerts.webhook_secret", secret(webhook_secret.as_ref())),
    ]
}

fn text(value: &str) -> Option<Value> {
    Some(Value::String(value.to_owned()))
}

fn path(value: &Path) -> Option<Value> {
    text(&value.to_string_lossy())
}

fn whole(value: impl Into<u64>) -> Option<Value> {
    Some(Value::Integer(i64::try_from(value.into()).unwrap_or(i64::MAX)))
}

fn size(value: usize) -> Option<Value> {
    whole(value as u64)
}

fn secret(value: Option<&SecretString>) -> Option<Value> {
    value.and_then(|it| text(it.expose_secret()))
}

/// A reference to a secret is none itself; anything else is hidden, its length too.
fn masked(value: &Value) -> Value {
    match value.as_str() {
        Some(reference) if reference.starts_with("secretsmanager://") => value.clone(),
        _ => Value::String(MASK.to_owned()),
    }
}

fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_password(&text)),
        other => other,
    }
}

/// People do put passwords into URLs, before the host or as a parameter. What is no URL stays as it is.
pub(crate) fn without_password(text: &str) -> String {
    without_secret_parameters(&without_userinfo(text))
}

fn without_userinfo(text: &str) -> String {
    let whole = || text.to_owned();
    let Some((scheme, rest)) = text.split_once("://") else { return whole() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    // The last @ before the path ends a password; one that itself holds a / has its @ further on.
    let Some(at) = rest[..authority_end].rfind('@').or_else(|| rest.rfind('@')) else { return whole() };
    match rest[..at].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:{MASK}{}", &rest[at..]),
        // A name alone says who; with HTTP it is as likely a token.
        None if matches!(scheme, "http" | "https") && at < authority_end => {
            format!("{scheme}://{MASK}{}", &rest[at..])
        }
        None => whole(),
    }
}

fn without_secret_parameters(text: &str) -> String {
    let Some((before, query)) = text.split_once('?') else { return text.to_owned() };
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    });
    format!("{before}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// Whether a parameter of this name may hold a secret; so may one whose name is written with escapes.
fn is_secret_name(name: &str) -> bool {
    const SECRET: [&str; 8] =
        ["password", "passwd", "pwd", "token", "secret", "credential", "signature", "api_key"];
    let name = name.to_ascii_lowercase();
    name.contains('%') || SECRET.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn no_form_of_a_password_is_shown() {
        let hidden = [
            "postgres://u:hunter2@h/db",
            "postgres://u:hun/ter2@h/db",
            "postgres://u:hun?ter2@h/db",
            "postgres://u@h/db?password=hunter2",
            "postgres://u@h/db?sslmode=require&PassWord=hunter2&x=1",
            "postgres://h?password=hun@ter2",
            "postgres://h:5432/db?password=hun:ter2@x",
            "postgres:///db?host=/run&sslpassword=hunter2",
            "postgres://u@h/db?p%61ssword=hunter2",
            "redis://:hunter2@h:6379/0",
            "https://hunter2@sqs.example/q",
            "https://h/q?X-Amz-Security-Token=hunter2",
        ];
        for url in hidden {
            let shown = without_password(url);
            assert!(!shown.contains("hun") && !shown.contains("ter2"), "{url} -> {shown}");
            assert!(shown.contains("********"), "{url} -> {shown}");
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for url in [
            "postgres://u@h/db?sslmode=require&application_name=o",
            "secretsmanager://outcrop#key",
            "memory://",
            "info,outcrop=debug",
            "a@b",
        ] {
            assert_eq!(without_password(url), url);
        }
        assert_eq!(
            without_password("postgres://u@h/db?password=x&sslmode=require"),
            "postgres://u@h/db?password=********&sslmode=require"
        );
    }
}
