//! The table of settings: every key there is, what fits it, and whether it may be shown.
//!
//! Layers are checked against this table before they become a [`Config`](crate::Config), so that an error can
//! name the setting and where its value came from. A test holds the table and the sections together.

/// What fits a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text, a path or a URL.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number in these bounds, both included.
    Whole { min: u64, max: u64 },
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// `section.field`.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// Never printed.
    pub(crate) secret: bool,
}

const fn text(key: &'static str) -> Setting {
    Setting { key, kind: Kind::Text, secret: false }
}

const fn secret(key: &'static str) -> Setting {
    Setting { key, kind: Kind::Text, secret: true }
}

const fn switch(key: &'static str) -> Setting {
    Setting { key, kind: Kind::Bool, secret: false }
}

const fn whole(key: &'static str, min: u64, max: u64) -> Setting {
    Setting { key, kind: Kind::Whole { min, max }, secret: false }
}

const fn choice(key: &'static str, words: &'static [&'static str]) -> Setting {
    Setting { key, kind: Kind::Choice(words), secret: false }
}

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// What to do while the counters cannot be reached.
const WHEN_AWAY: &[&str] = &["open", "closed", "local"];
/// Seconds, unlike the others.
const YEAR_S: u64 = 366 * 24 * 3_600;

/// All settings, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    text("data_dir"),
    text("server.host"),
    whole("server.port", 0, 65_535),
    whole("server.workers", 0, 1_024),
    // The upper bound keeps bodies, which are held in memory, far from what a process can hold.
    whole("server.max_body_bytes", 1_024, 1 << 30),
    // serde_json itself gives up at 128.
    whole("server.max_json_depth", 1, 127),
    whole("server.head_timeout_ms", 1, HOUR),
    whole("server.keep_alive_ms", 0, HOUR),
    whole("server.request_timeout_ms", 1, DAY),
    whole("server.drain_ms", 0, HOUR),
    text("server.public_url"),
    text("server.trusted_proxies"),
    text("server.cors_origins"),
    text("store.url"),
    secret("store.password"),
    text("store.read_url"),
    whole("store.max_connections", 0, 10_000),
    text("cache.url"),
    secret("cache.password"),
    whole("cache.timeout_ms", 1, 60 * SECOND),
    text("queue.url"),
    whole("queue.max_deliveries", 1, 1_000),
    text("blobs.url"),
    switch("blobs.path_style"),
    choice("blobs.encryption", &["AES256", "aws:kms"]),
    text("blobs.kms_key"),
    text("models.url"),
    text("models.default"),
    text("models.default_embedding"),
    switch("models.compatibility_names"),
    whole("models.refresh_s", 0, YEAR_S),
    text("models.catalog"),
    text("models.prices"),
    switch("models.cross_region"),
    switch("models.allow_arns"),
    whole("models.idle_timeout_ms", 1, DAY),
    text("models.accounts"),
    text("models.endpoints"),
    switch("models.prompt_caching"),
    text("models.ollama"),
    text("routing.routes"),
    whole("routing.attempts", 1, 8),
    whole("routing.first_event_ms", 1, DAY),
    whole("routing.attempt_ms", 1, DAY),
    whole("routing.backoff_ms", 1, HOUR),
    whole("routing.max_backoff_ms", 1, HOUR),
    whole("routing.breaker_failures", 1, 10_000),
    whole("routing.breaker_ms", 1, HOUR),
    whole("routing.max_breaker_ms", 1, DAY),
    whole("routing.retry_budget", 0, 1_000_000),
    text("response_cache.url"),
    switch("response_cache.enabled"),
    whole("response_cache.ttl_s", 1, YEAR_S),
    whole("response_cache.max_ttl_s", 1, YEAR_S),
    whole("response_cache.max_entry_bytes", 1_024, 64 << 20),
    whole("response_cache.max_bytes", 0, 1 << 40),
    whole("response_cache.compress_from_bytes", 0, 64 << 20),
    switch("media.enabled"),
    switch("media.allow_http"),
    text("media.allow_networks"),
    text("media.allow_ports"),
    text("media.allow_hosts"),
    text("media.deny_hosts"),
    whole("media.max_bytes", 1_024, 1 << 30),
    whole("media.timeout_ms", 1, HOUR),
    whole("media.max_links", 0, 1_000),
    text("media.s3_allow"),
    secret("auth.key_secret"),
    whole("auth.cache_ttl_ms", 0, HOUR),
    whole("auth.pushed_cache_ttl_ms", 0, HOUR),
    whole("auth.grace_ms", 0, DAY),
    whole("auth.cache_entries", 1, 100_000_000),
    text("auth.audience"),
    choice("auth.token_algorithm", &["EdDSA", "RS256"]),
    whole("auth.access_token_ttl_s", 60, 24 * 3_600),
    whole("auth.refresh_token_ttl_s", 60, YEAR_S),
    whole("auth.session_ttl_s", 60, YEAR_S),
    whole("auth.signing_rotation_s", 3_600, YEAR_S),
    secret("auth.signing_key"),
    whole("auth.invitation_ttl_s", 60, YEAR_S),
    whole("auth.login_attempts_per_account", 1, 1_000_000),
    whole("auth.login_attempts_per_address", 1, 1_000_000),
    secret("auth.static_key"),
    choice("auth.static_key_role", &["platform_admin", "team_admin", "developer", "viewer", "service"]),
    secret("auth.static_keys"),
    secret("auth.federation"),
    text("auth.server_id"),
    text("auth.sts_url"),
    secret("internal.secret"),
    whole("internal.ttl_s", 1, 3_600),
    text("services.auth"),
    text("services.inference"),
    text("services.jobs"),
    whole("services.connect_timeout_ms", 1, HOUR),
    whole("limits.requests_per_minute_per_key", 1, u32::MAX as u64),
    whole("limits.requests_per_minute_per_team", 1, u32::MAX as u64),
    whole("limits.assumed_output_tokens", 1, u32::MAX as u64),
    choice("limits.on_unavailable", WHEN_AWAY),
    choice("limits.on_unavailable_requests", WHEN_AWAY),
    choice("limits.on_unavailable_tokens", WHEN_AWAY),
    choice("limits.on_unavailable_concurrency", WHEN_AWAY),
    choice("limits.on_unavailable_money", WHEN_AWAY),
    text("usage.spool_dir"),
    whole("usage.max_spool_bytes", 1 << 20, i64::MAX as u64),
    whole("usage.flush_ms", 0, HOUR),
    text("usage.export_url"),
    whole("usage.retention_months", 0, 1_200),
    text("usage.tags"),
    whole("alerts.interval_s", 1, 3_600),
    secret("alerts.webhook_url"),
    secret("alerts.webhook_secret"),
    whole("responses.retention_days", 0, 3_650),
    whole("jobs.concurrency", 1, 10_000),
    whole("jobs.lease_ms", SECOND, DAY),
    whole("jobs.max_attempts", 1, 1_000),
    whole("jobs.sweep_ms", SECOND, DAY),
    whole("jobs.max_open_jobs_per_team", 1, 1_000_000),
    whole("jobs.max_running_per_team", 1, 1_000_000),
    whole("jobs.retention_days", 0, 3_650),
    whole("batches.max_lines", 1, 10_000_000),
    whole("batches.max_line_bytes", 1_024, 32 << 20),
    whole("batches.part_lines", 1, 100_000),
    whole("batches.part_bytes", 1_024, 64 << 20),
    whole("batches.lines_at_once", 1, 10_000),
    whole("batches.line_attempts", 1, 1_000),
    whole("batches.max_open_per_team", 1, 1_000_000),
    // As much as an upload to S3 has room for: 10,000 parts of 8 MiB.
    whole("files.max_bytes", 1, 10_000 << 23),
    whole("files.quota_bytes_per_team", 1, i64::MAX as u64),
    whole("files.expire_days", 0, 3_650),
    whole("files.batch_output_days", 0, 3_650),
    // S3 signs for a week at most.
    whole("files.url_ttl_s", 1, 7 * 24 * 3_600),
    whole("files.idle_timeout_ms", 1, HOUR),
    whole("files.transfer_timeout_ms", 1, DAY),
    text("ways.allowed"),
    whole("ways.flex_spare_s", 0, YEAR_S),
    whole("ways.batch_spare_s", 0, YEAR_S),
    whole("ways.batch_reserve_s", 0, YEAR_S),
    whole("ways.batch_min_records", 1, 1_000_000),
    whole("ways.batch_max_records", 1, 10_000_000),
    text("ways.batch_role"),
    whole("ways.batch_poll_ms", 100, HOUR),
    whole("webhooks.max_per_team", 0, 1_000),
    switch("webhooks.allow_http"),
    text("webhooks.allow_networks"),
    whole("webhooks.timeout_ms", 1, 60 * SECOND),
    whole("webhooks.interval_ms", 10, HOUR),
    whole("webhooks.rotation_s", 0, YEAR_S),
    whole("webhooks.keep_days", 1, 3_650),
    whole("mcp.session_ttl_s", 60, 30 * 24 * 3_600),
    whole("mcp.max_sessions_per_principal", 1, 1_000_000),
    whole("mcp.max_message_bytes", 1_024, 256 << 20),
    whole("mcp.stream_after_ms", 0, 60 * SECOND),
    whole("mcp.call_timeout_ms", 1, HOUR),
    whole("mcp.max_listeners_per_session", 1, 1_000),
    whole("mcp.max_subscriptions_per_session", 0, 10_000),
    whole("mcp.max_listeners_per_principal", 1, 10_000),
    switch("mcp.conformance_fixtures"),
    choice("telemetry.format", &["auto", "json", "text"]),
    text("telemetry.filter"),
    switch("telemetry.access_log"),
    text("telemetry.environment"),
    text("telemetry.otlp_endpoint"),
    secret("telemetry.otlp_headers"),
    whole("telemetry.otlp_timeout_ms", 1, 60 * SECOND),
    choice("telemetry.otlp_compression", &["none", "gzip"]),
    whole("traces.sample_percent", 0, 100),
    whole("traces.slow_ms", 1, DAY),
    switch("traces.follow_clients"),
    choice("traces.content", &["off", "redacted"]),
    whole("traces.content_bytes", 0, 65_536),
    whole("traces.queue_spans", 64, 1_000_000),
    text("metrics.listen"),
    text("metrics.emf"),
    text("metrics.emf_namespace"),
    switch("metrics.otlp"),
    whole("metrics.interval_s", 1, 300),
    whole("metrics.top_teams", 0, 250),
    whole("metrics.top_models", 0, 250),
];

/// The setting with this key.
pub(crate) fn lookup(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|it| it.key == key)
}

/// The key that was probably meant.
pub(crate) fn nearest(key: &str) -> Option<&'static str> {
    let field = last_part(key);
    let nearness = |it: &Setting| {
        let whole = strsim::jaro_winkler(key, it.key);
        // The right field in the wrong section is the commonest slip.
        let of_field = strsim::jaro_winkler(field, last_part(it.key)) - 0.05;
        whole.max(of_field)
    };
    SETTINGS
        .iter()
        .map(|it| (nearness(it), it.key))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(nearness, _)| *nearness > 0.8)
        .map(|(_, key)| key)
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[at + 1..].iter().all(|it| it.key != setting.key), "{}", setting.key);
        }
    }

    #[test]
    fn slips_find_what_was_meant() {
        for (slip, meant) in [
            ("serve.port", Some("server.port")),
            ("server.prot", Some("server.port")),
            ("port", Some("server.port")),
            ("datadir", Some("data_dir")),
            ("server.data_dir", Some("data_dir")),
            ("store.pasword", Some("store.password")),
            ("model.default", Some("models.default")),
            ("limits.requests_per_minute", Some("limits.requests_per_minute_per_key")),
            ("zzz.qqq", None),
        ] {
            assert_eq!(nearest(slip), meant, "{slip}");
        }
    }
}
