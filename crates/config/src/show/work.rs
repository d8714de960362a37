//! The settings of work that can wait.

use toml::Value;

use super::{Entry, size, text, whole};
use crate::{BatchesConfig, FilesConfig, JobsConfig, McpConfig, ResponsesConfig, WaysConfig, WebhooksConfig};

pub(super) fn of_work(responses: ResponsesConfig, jobs: &JobsConfig, batches: &BatchesConfig) -> [Entry; 15] {
    let ResponsesConfig { retention_days: responses_days } = responses;
    let JobsConfig {
        concurrency,
        lease_ms,
        max_attempts,
        sweep_ms,
        max_open_jobs_per_team,
        max_running_per_team,
        retention_days,
    } = jobs;
    let BatchesConfig {
        max_lines,
        max_line_bytes,
        part_lines,
        part_bytes,
        lines_at_once,
        line_attempts,
        max_open_per_team,
    } = batches;
    [
        ("responses.retention_days", whole(responses_days)),
        ("jobs.concurrency", size(*concurrency)),
        ("jobs.lease_ms", whole(*lease_ms)),
        ("jobs.max_attempts", whole(*max_attempts)),
        ("jobs.sweep_ms", whole(*sweep_ms)),
        ("jobs.max_open_jobs_per_team", size(*max_open_jobs_per_team)),
        ("jobs.max_running_per_team", size(*max_running_per_team)),
        ("jobs.retention_days", whole(*retention_days)),
        ("batches.max_lines", whole(*max_lines)),
        ("batches.max_line_bytes", size(*max_line_bytes)),
        ("batches.part_lines", whole(*part_lines)),
        ("batches.part_bytes", whole(*part_bytes)),
        ("batches.lines_at_once", size(*lines_at_once)),
        ("batches.line_attempts", whole(*line_attempts)),
        ("batches.max_open_per_team", size(*max_open_per_team)),
    ]
}

pub(super) fn of_files(it: &FilesConfig) -> [Entry; 7] {
    let FilesConfig {
        max_bytes,
        quota_bytes_per_team,
        expire_days,
        batch_output_days,
        url_ttl_s,
        idle_timeout_ms,
        transfer_timeout_ms,
    } = it;
    [
        ("files.max_bytes", whole(*max_bytes)),
        ("files.quota_bytes_per_team", whole(*quota_bytes_per_team)),
        ("files.expire_days", whole(*expire_days)),
        ("files.batch_output_days", whole(*batch_output_days)),
        ("files.url_ttl_s", whole(*url_ttl_s)),
        ("files.idle_timeout_ms", whole(*idle_timeout_ms)),
        ("files.transfer_timeout_ms", whole(*transfer_timeout_ms)),
    ]
}

pub(super) fn of_ways(it: &WaysConfig) -> [Entry; 8] {
    let WaysConfig {
        allowed,
        flex_spare_s,
        batch_spare_s,
        batch_reserve_s,
        batch_min_records,
        batch_max_records,
        batch_role,
        batch_poll_ms,
    } = it;
    [
        ("ways.allowed", text(allowed)),
        ("ways.flex_spare_s", whole(*flex_spare_s)),
        ("ways.batch_spare_s", whole(*batch_spare_s)),
        ("ways.batch_reserve_s", whole(*batch_reserve_s)),
        ("ways.batch_min_records", whole(*batch_min_records)),
        ("ways.batch_max_records", whole(*batch_max_records)),
        ("ways.batch_role", batch_role.as_deref().and_then(text)),
        ("ways.batch_poll_ms", whole(*batch_poll_ms)),
    ]
}

pub(super) fn of_webhooks(it: &WebhooksConfig) -> [Entry; 7] {
    let WebhooksConfig {
        max_per_team,
        allow_http,
        allow_networks,
        timeout_ms,
        interval_ms,
        rotation_s,
        keep_days,
    } = it;
    [
        ("webhooks.max_per_team", size(*max_per_team)),
        ("webhooks.allow_http", Some(Value::Boolean(*allow_http))),
        ("webhooks.allow_networks", allow_networks.as_deref().and_then(text)),
        ("webhooks.timeout_ms", whole(*timeout_ms)),
        ("webhooks.interval_ms", whole(*interval_ms)),
        ("webhooks.rotation_s", whole(*rotation_s)),
        ("webhooks.keep_days", whole(*keep_days)),
    ]
}

pub(super) fn of_mcp(it: &McpConfig) -> [Entry; 9] {
    let McpConfig {
        session_ttl_s,
        max_sessions_per_principal,
        max_message_bytes,
        stream_after_ms,
        call_timeout_ms,
        max_listeners_per_session,
        max_subscriptions_per_session,
        max_listeners_per_principal,
        conformance_fixtures,
    } = it;
    [
        ("mcp.session_ttl_s", whole(*session_ttl_s)),
        ("mcp.max_sessions_per_principal", size(*max_sessions_per_principal)),
        ("mcp.max_message_bytes", size(*max_message_bytes)),
        ("mcp.stream_after_ms", whole(*stream_after_ms)),
        ("mcp.call_timeout_ms", whole(*call_timeout_ms)),
        ("mcp.max_listeners_per_session", size(*max_listeners_per_session)),
        ("mcp.max_subscriptions_per_session", size(*max_subscriptions_per_session)),
        ("mcp.max_listeners_per_principal", size(*max_listeners_per_principal)),
        ("mcp.conformance_fixtures", Some(Value::Boolean(*conformance_fixtures))),
    ]
}
