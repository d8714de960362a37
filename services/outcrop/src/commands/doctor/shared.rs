//! What replicas share besides rows: Redis, the queue, the bucket.

use std::time::Duration;

use bytes::Bytes;
use outcrop_config::Config;
use outcrop_ports::{Blobs, Queue, Receipt};

use super::Patient;
use super::finding::{Finding, is_denied, lacks_credentials};

/// Tries of Redis: the first opens the connection within a bound that is made for requests.
const TRIES: usize = 3;

pub(super) async fn redis(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "redis";
    let config = &patient.config;
    if patient.unresolved.contains(&"cache.password") {
        return vec![Finding::skipped(NAME, "not asked: its password could not be read")];
    }
    if let Some(finding) = one_redis(NAME, "cache.url", config).await {
        return vec![finding];
    }
    let seen = "`cache.url` is memory://: each process counts for itself";
    let remedy = "set `cache.url` to a Redis: limits are counted there for all processes together";
    vec![if patient.is_apart() { Finding::warn(NAME, seen, remedy) } else { Finding::skipped(NAME, seen) }]
}

/// The Redis that keeps answers, where it is one of its own.
pub(super) async fn answers(patient: &Patient) -> Vec<Finding> {
    let settings = &patient.config.response_cache;
    let Some(url) = settings.url.as_ref().filter(|_| settings.enabled) else { return Vec::new() };
    if patient.unresolved.contains(&"response_cache.url") {
        return vec![Finding::skipped("response cache", "not asked: its URL could not be read")];
    }
    // Whether it is there is the same question as of the counters'. Its password stands in its URL.
    let mut there = patient.config.clone();
    there.cache.url.clone_from(url);
    there.cache.password = None;
    one_redis("response cache", "response_cache.url", &there).await.into_iter().collect()
}

/// Whether the Redis of `cache.url` lets us in; nothing if that names none.
async fn one_redis(name: &str, setting: &str, config: &Config) -> Option<Finding> {
    let probe = match outcrop_wiring::limiter(config).await {
        Ok(limiter) => limiter.probe?,
        Err(error) => {
            let said = error.to_string().replace("`cache.url`", &format!("`{setting}`"));
            return Some(Finding::fail(name, said, format!("correct `{setting}`")));
        }
    };
    let mut last = probe.probe().await;
    for _ in 1..TRIES {
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        last = probe.probe().await;
    }
    let Err(error) = last else { return Some(Finding::ok(name, "answers")) };
    let said = error.chain();
    let lower = said.to_ascii_lowercase();
    let remedy = if ["wrongpass", "noauth", "authentication"].iter().any(|it| lower.contains(it)) {
        match setting {
            "cache.url" => {
                "correct `cache.password` (and the user in `cache.url`): Redis refuses it".to_owned()
            }
            _ => format!("correct the user and the password in `{setting}`: Redis refuses them"),
        }
    } else if lower.contains("noperm") {
        "let the Redis user run the commands that Outcrop needs, INFO among them".to_owned()
    } else {
        format!("start Redis, or let this machine through to `{setting}`; TLS-only servers want rediss://")
    };
    Some(Finding::fail(name, said, remedy))
}

pub(super) async fn queue(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "queue";
    let queue = match outcrop_wiring::shared_queue(&patient.config).await {
        Ok(Some(queue)) => queue,
        Ok(None) => return vec![Finding::skipped(NAME, "is in the database of this platform")],
        Err(error) => return vec![Finding::fail(NAME, error.to_string(), "correct `queue.url`")],
    };
    if let Some(probe) = queue.probe
        && let Err(error) = probe.probe().await
    {
        let said = error.chain();
        let remedy = if said.contains("QueueDoesNotExist") || said.contains("NonExistentQueue") {
            "create the queue that `queue.url` names, in the account and region of these credentials"
        } else if is_denied(&said) {
            "allow sqs:GetQueueUrl and sqs:GetQueueAttributes on the queue"
        } else if lacks_credentials(&said) {
            "mend `aws identity` first"
        } else {
            "let this machine through to SQS (NAT or a VPC endpoint for sqs)"
        };
        return vec![Finding::fail(NAME, said, remedy)];
    }
    let mut findings = vec![Finding::ok(NAME, "is there")];
    findings.push(dead_letters(&*queue.port).await);
    findings.push(handling(&*queue.port).await);
    findings
}

async fn dead_letters(queue: &dyn Queue) -> Finding {
    const NAME: &str = "dead letters";
    match queue.depth().await.map(|it| it.dead) {
        Ok(Some(0)) => Finding::ok(NAME, "none"),
        Ok(Some(dead)) => Finding::warn(
            NAME,
            format!("about {dead}"),
            "see the runbook dead-letters.md; `outcrop jobs redrive`",
        ),
        Ok(None) => Finding::warn(
            NAME,
            "the queue has no redrive policy",
            "give the queue a dead-letter queue, with a `maxReceiveCount` of 5 or more",
        ),
        Err(error) => Finding::fail(
            NAME,
            error.chain(),
            "allow sqs:GetQueueUrl and sqs:GetQueueAttributes on the dead-letter queue, too",
        ),
    }
}

/// Whether messages may be handled. No message is touched: the receipt is nobody's, and AWS looks at permissions first.
async fn handling(queue: &dyn Queue) -> Finding {
    const NAME: &str = "queue messages";
    let nobodys = Receipt("outcrop-doctor".to_owned());
    let done = match queue.ack(&nobodys).await {
        Ok(()) => queue.extend(&nobodys, Duration::from_secs(1)).await,
        refused => refused,
    };
    match done {
        Err(error) if is_denied(&error.chain()) => Finding::fail(
            NAME,
            error.chain(),
            "allow sqs:ReceiveMessage, sqs:SendMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the queue",
        ),
        Err(error) => Finding::warn(
            NAME,
            error.chain(),
            "ask again: whether messages may be handled could not be found out",
        ),
        // What it thinks of the receipt does not matter.
        Ok(()) => Finding::ok(
            NAME,
            "may be deleted and hidden; whether they may be sent and received was not tried",
        ),
    }
}

pub(super) async fn files(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "files";
    let url = patient.config.blobs.url.as_deref().unwrap_or_default();
    if !url.starts_with("s3://") {
        // Folders are looked at with the other folders.
        return Vec::new();
    }
    let blobs = match outcrop_wiring::blobs(&patient.config).await {
        Ok(blobs) => blobs,
        Err(error) => return vec![Finding::fail(NAME, error.to_string(), "correct `blobs.url`")],
    };
    if let Some(probe) = blobs.probe
        && let Err(error) = probe.probe().await
    {
        let said = error.chain();
        let remedy = if said.contains("NotFound") || said.contains("NoSuchBucket") {
            "create the bucket that `blobs.url` names, or correct the name"
        } else if is_denied(&said) {
            "allow s3:ListBucket on the bucket, and see whether the bucket is yours"
        } else if lacks_credentials(&said) {
            "mend `aws identity` first"
        } else {
            "look whether AWS_REGION is the bucket's region, and whether this machine reaches S3 (NAT or the S3 gateway endpoint)"
        };
        return vec![Finding::fail(NAME, said, remedy)];
    }
    let mut findings = vec![Finding::ok(NAME, "the bucket is there")];
    findings.push(if patient.write { written(&*blobs.port).await } else { read(&*blobs.port).await });
    findings
}

/// The bucket that usage is exported to. Until it takes records, the ledger gets none.
pub(super) async fn usage_export(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "usage export";
    let Some(url) = patient.config.usage.export_url.as_ref().filter(|it| it.starts_with("s3://")) else {
        // Folders are looked at with the other folders.
        return Vec::new();
    };
    let mut there = patient.config.clone();
    there.blobs.url = Some(url.clone());
    let blobs = match outcrop_wiring::blobs(&there).await {
        Ok(blobs) => blobs,
        Err(error) => {
            let said = error.to_string().replace("`blobs.url`", "`usage.export_url`");
            return vec![Finding::fail(NAME, said, "correct `usage.export_url`")];
        }
    };
    let Some(probe) = blobs.probe else { return Vec::new() };
    let Err(error) = probe.probe().await else {
        return vec![Finding::ok(NAME, "the bucket is there; whether it may be written to was not tried")];
    };
    let said = error.chain();
    vec![if said.contains("NotFound") || said.contains("NoSuchBucket") {
        Finding::fail(NAME, said, "create the bucket that `usage.export_url` names, or correct the name")
    } else if lacks_credentials(&said) {
        Finding::fail(NAME, said, "mend `aws identity` first")
    } else if is_denied(&said) {
        // Exporting takes s3:PutObject alone, and trying that would leave an object among the records.
        Finding::skipped(NAME, "the bucket is there, and may not be looked at; s3:PutObject was not tried")
    } else {
        let remedy = "look whether AWS_REGION is the bucket's region, whether this machine reaches S3, and whether s3:PutObject is allowed";
        Finding::warn(NAME, said, remedy)
    }]
}

/// Where nobody else writes.
const KEY: &str = "outcrop-doctor/probe";

/// Asks for what is not there: 404 to whoever may read, 403 to others.
async fn read(blobs: &dyn Blobs) -> Finding {
    const NAME: &str = "files, reading";
    match blobs.get(KEY).await {
        Ok(_) => Finding::ok(NAME, "allowed; `--write` tries writing, too"),
        Err(error) => Finding::fail(NAME, error.chain(), "allow s3:GetObject on the bucket's objects"),
    }
}

async fn written(blobs: &dyn Blobs) -> Finding {
    const NAME: &str = "files, writing";
    const CONTENT: &[u8] = b"outcrop doctor";
    let tried = async {
        blobs.put(KEY, Bytes::from_static(CONTENT)).await?;
        let read = blobs.get(KEY).await;
        blobs.delete(KEY).await?;
        read
    };
    match tried.await {
        Ok(Some(read)) if read == CONTENT => Finding::ok(NAME, "an object was written, read and removed"),
        Ok(_) => Finding::fail(
            NAME,
            "an object that was written could not be read back as it was",
            "see whether something changes or moves objects of this bucket at once",
        ),
        Err(error) => Finding::fail(
            NAME,
            error.chain(),
            "allow s3:PutObject, s3:GetObject and s3:DeleteObject on the bucket's objects, and \
             kms:GenerateDataKey and kms:Decrypt where a key of yours encrypts it",
        ),
    }
}
