//! What services share besides rows: counters, work that waits, files.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use outcrop_aws::AwsOptions;
use outcrop_config::{BlobConfig, Config};
use outcrop_embedded::{
    FileBlobs, MemoryCache, MemoryChanges, MemoryLimiter, MemoryMcpSessions, MemoryTargetHealth,
};
use outcrop_ports::{Blobs, Cache, Changes, Limiter, McpBounds, McpSessions, Probe, Queue, TargetHealth};
use outcrop_redis::{
    CacheOptions, LimiterOptions, RedisCache, RedisChanges, RedisLimiter, RedisMcpSessions, RedisOptions,
    RedisTargetHealth,
};
use outcrop_s3::{Encryption, S3Blobs};
use outcrop_sqs::SqsQueue;
use secrecy::{ExposeSecret, SecretString};

use crate::{Stores, WiringError, data_dir};

/// The folder of files in the data folder.
const FILES_FOLDER: &str = "files";

/// Room for what is kept of an answer besides its text.
const ENTRY_HEAD_BYTES: usize = 4 << 10;

/// Shortest wait for sessions of MCP clients: nothing stands in for them, and answers are larger than counts.
const SESSION_PATIENCE: Duration = Duration::from_secs(1);

/// A port and, where it is something of its own that can be away, its probe.
pub struct Probed<P: ?Sized> {
    /// The port.
    pub port: Arc<P>,
    /// Its probe.
    pub probe: Option<Arc<dyn Probe>>,
}

impl<P: ?Sized> Probed<P> {
    fn local(port: Arc<P>) -> Self {
        Self { port, probe: None }
    }
}

/// Connects to the counters that `cache.url` names. Redis may be away: it is asked again with every request.
pub async fn limiter(config: &Config) -> Result<Probed<dyn Limiter>, WiringError> {
    if config.cache.url.starts_with("memory://") {
        return Ok(Probed::local(Arc::new(MemoryLimiter::default())));
    }
    let url = with_password(&config.cache.url, config.cache.password.as_ref());
    let options =
        RedisOptions { timeout: Duration::from_millis(config.cache.timeout_ms), ..RedisOptions::default() };
    let limiter = RedisLimiter::connect(&url, options, &LimiterOptions::default(), &*crate::ids())
        .map_err(|error| WiringError::setting(format!("`cache.url`: {}", error.chain())))?;
    let limiter = Arc::new(limiter);
    Ok(Probed { probe: Some(limiter.clone()), port: limiter })
}

/// Answers that are kept, where `response_cache.url` says, and `cache.url` where that says nothing. Redis may be away: no
/// answer is then found, and none is kept.
pub fn answers(config: &Config) -> Result<Arc<dyn Cache>, WiringError> {
    let settings = &config.response_cache;
    // What is kept says a little more than the answer.
    let max_value_bytes = settings.max_entry_bytes.saturating_add(ENTRY_HEAD_BYTES);
    // The password of `cache.url` is for that alone.
    let (setting, url, password) = match &settings.url {
        Some(own) => ("response_cache.url", own, None),
        None => ("cache.url", &config.cache.url, config.cache.password.as_ref()),
    };
    if url.starts_with("memory://") {
        return Ok(Arc::new(MemoryCache::new(settings.max_bytes, max_value_bytes)));
    }
    let url = with_password(url, password);
    let options =
        RedisOptions { timeout: Duration::from_millis(config.cache.timeout_ms), ..RedisOptions::default() };
    let kept = CacheOptions { max_value_bytes, ..CacheOptions::default() };
    let cache = RedisCache::connect(&url, options, kept, crate::ids())
        .map_err(|error| WiringError::setting(format!("`{setting}`: {}", error.chain())))?;
    Ok(Arc::new(cache))
}

/// What replicas tell each other of targets that fail, where `cache.url` says.
pub fn target_health(config: &Config) -> Result<Arc<dyn TargetHealth>, WiringError> {
    if config.cache.url.starts_with("memory://") {
        return Ok(Arc::new(MemoryTargetHealth::default()));
    }
    let url = with_password(&config.cache.url, config.cache.password.as_ref());
    let options =
        RedisOptions { timeout: Duration::from_millis(config.cache.timeout_ms), ..RedisOptions::default() };
    let health = RedisTargetHealth::connect(&url, options, "outcrop")
        .map_err(|error| WiringError::setting(format!("`cache.url`: {}", error.chain())))?;
    Ok(Arc::new(health))
}

/// Sessions of MCP clients, where `cache.url` says. Redis may be away: sessions are then refused, and whoever needs none is
/// served.
pub fn mcp_sessions(config: &Config) -> Result<Arc<dyn McpSessions>, WiringError> {
    let bounds =
        McpBounds { sessions_per_owner: config.mcp.max_sessions_per_principal, ..McpBounds::default() };
    if config.cache.url.starts_with("memory://") {
        return Ok(Arc::new(MemoryMcpSessions::new(bounds)));
    }
    let url = with_password(&config.cache.url, config.cache.password.as_ref());
    let timeout = Duration::from_millis(config.cache.timeout_ms).max(SESSION_PATIENCE);
    let options = RedisOptions { timeout, ..RedisOptions::default() };
    let sessions = RedisMcpSessions::connect(&url, options, bounds, crate::ids())
        .map_err(|error| WiringError::setting(format!("`cache.url`: {}", error.chain())))?;
    Ok(Arc::new(sessions))
}

/// Joins those who tell each other of changes, where `cache.url` says. Without Redis only this process hears of its own
/// changes: all of it, however often it joins.
pub fn changes(config: &Config) -> Result<Arc<dyn Changes>, WiringError> {
    static OF_THIS_PROCESS: LazyLock<Arc<MemoryChanges>> = LazyLock::new(Arc::default);
    if config.cache.url.starts_with("memory://") {
        return Ok(OF_THIS_PROCESS.clone());
    }
    let url = with_password(&config.cache.url, config.cache.password.as_ref());
    let options =
        RedisOptions { timeout: Duration::from_millis(config.cache.timeout_ms), ..RedisOptions::default() };
    let changes = RedisChanges::connect(&url, options, crate::ids())
        .map_err(|error| WiringError::setting(format!("`cache.url`: {}", error.chain())))?;
    Ok(Arc::new(changes))
}

/// The URL with a password in it, as the Redis client wants it; one that the URL had gives way.
fn with_password(url: &str, password: Option<&SecretString>) -> String {
    let (Some(password), Some((scheme, rest))) = (password, url.split_once("://")) else {
        return url.to_owned();
    };
    let (userinfo, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let user = userinfo.split(':').next().unwrap_or("");
    let mut encoded = String::new();
    for byte in password.expose_secret().bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{scheme}://{user}:{encoded}@{host}")
}

/// Connects to the queue that `queue.url` names.
pub async fn queue(config: &Config, stores: &Stores) -> Result<Probed<dyn Queue>, WiringError> {
    if config.queue.url.starts_with("embedded://") {
        let max_deliveries = NonZeroU32::new(config.queue.max_deliveries).unwrap_or(NonZeroU32::MIN);
        let queue = stores.embedded_queue(max_deliveries).ok_or_else(|| {
            WiringError::setting(
                "`queue.url` is `embedded://`, which lives in SQLite, but `store.url` is Postgres; set `queue.url` to `sqs://queue-name`",
            )
        })?;
        return Ok(Probed::local(queue));
    }
    sqs(config).await
}

/// The queue in SQS that `queue.url` names; nothing if it is not there that it names one.
pub async fn shared_queue(config: &Config) -> Result<Option<Probed<dyn Queue>>, WiringError> {
    if config.queue.url.starts_with("embedded://") { Ok(None) } else { sqs(config).await.map(Some) }
}

async fn sqs(config: &Config) -> Result<Probed<dyn Queue>, WiringError> {
    let sdk = aws("queue.url", &config.queue.url).await?;
    let name = config.queue.url.strip_prefix("sqs://").unwrap_or(&config.queue.url);
    let queue = SqsQueue::connect(&sdk, name)
        .map_err(|error| WiringError::setting(format!("`queue.url`: {}", error.chain())))?;
    let queue = Arc::new(queue);
    Ok(Probed { probe: Some(queue.clone()), port: queue })
}

/// Connects to the files that `blobs.url` names.
pub async fn blobs(config: &Config) -> Result<Probed<dyn Blobs>, WiringError> {
    let Some(url) = config.blobs.url.as_deref() else {
        data_dir::make_data_dir(config)?;
        return Ok(Probed::local(Arc::new(files(&config.data_dir.0.join(FILES_FOLDER))?)));
    };
    blobs_at("blobs.url", url, &config.blobs).await
}

/// Connects to the place that this setting names.
pub(crate) async fn blobs_at(
    key: &str,
    url: &str,
    settings: &BlobConfig,
) -> Result<Probed<dyn Blobs>, WiringError> {
    if let Some(folder) = url.strip_prefix("file://") {
        return Ok(Probed::local(Arc::new(files(Path::new(folder))?)));
    }
    let sdk = aws(key, url).await?;
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // Stand-ins for S3 have no host name per bucket.
    let path_style = settings.path_style.unwrap_or_else(|| outcrop_aws::has_endpoint_override(&sdk, "S3"));
    let blobs = S3Blobs::connect(&sdk, bucket, prefix, path_style)
        .map_err(|error| WiringError::setting(format!("`{key}`: {}", error.chain())))?;
    let blobs = Arc::new(blobs.with_encryption(encryption(settings)));
    Ok(Probed { probe: Some(blobs.clone()), port: blobs })
}

/// How S3 is to encrypt what we write; without a word of it, as the bucket says.
fn encryption(blobs: &BlobConfig) -> Option<Encryption> {
    match blobs.encryption.as_deref()? {
        "aws:kms" => Some(Encryption::Kms { key: blobs.kms_key.clone() }),
        _ => Some(Encryption::S3),
    }
}

/// The AWS environment's settings, which must name a region.
async fn aws(key: &str, url: &str) -> Result<aws_types::SdkConfig, WiringError> {
    let sdk = outcrop_aws::sdk_config(&AwsOptions::default()).await;
    if sdk.region().is_none() {
        return Err(WiringError::setting(format!(
            "`{key}` is `{url}`, but the AWS environment names no region; set AWS_REGION"
        )));
    }
    Ok(sdk)
}

fn files(folder: &Path) -> Result<FileBlobs, WiringError> {
    FileBlobs::open(folder).map_err(|error| WiringError::port(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_reach_the_redis_url_encoded() {
        let check = |url: &str, expected: &str| {
            let password = SecretString::from("p@ss/w:rd");
            assert_eq!(with_password(url, Some(&password)), expected);
        };
        check("redis://cache:6379", "redis://:p%40ss%2Fw%3Ard@cache:6379");
        check("rediss://me@cache:6379/2", "rediss://me:p%40ss%2Fw%3Ard@cache:6379/2");
        check("redis://me:old@cache", "redis://me:p%40ss%2Fw%3Ard@cache");
        assert_eq!(with_password("redis://cache", None), "redis://cache");
    }

    #[test]
    fn blobs_are_encrypted_as_the_settings_say() {
        let check = |encryption: Option<&str>, key: Option<&str>, expected| {
            let (encrypts, kms_key) = (encryption.map(str::to_owned), key.map(str::to_owned));
            let blobs = BlobConfig { encryption: encrypts, kms_key, ..BlobConfig::default() };
            assert_eq!(super::encryption(&blobs), expected, "{encryption:?}");
        };
        check(None, None, None);
        check(Some("AES256"), None, Some(Encryption::S3));
        check(Some("aws:kms"), None, Some(Encryption::Kms { key: None }));
        check(Some("aws:kms"), Some("alias/k"), Some(Encryption::Kms { key: Some("alias/k".to_owned()) }));
    }
}
