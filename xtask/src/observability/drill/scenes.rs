//! The stories: what is broken, and how it is mended.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::platform::{Needs, Platform};
use super::traffic::Traffic;
use crate::bench::subject::MODEL;

/// A story.
pub(super) struct Scene {
    /// What fires in it.
    pub(super) alarms: &'static [&'static str],
    pub(super) story: &'static str,
    pub(super) needs: Needs,
    /// How many seconds of the rules pass in one.
    pub(super) scale: u32,
    pub(super) act: Act,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    BedrockFails,
    BedrockThrottles,
    StreamsBreak,
    BedrockIsSlow,
    WrongKeys,
    WorkersBusy,
    WorkersDie,
    BudgetNearlyUsed,
    BudgetUsed,
    CostJumps,
    StoreAway,
    RedisAway,
    CollectorAway,
    ProcessGone,
    ProcessRestarts,
}

const fn scene(
    alarms: &'static [&'static str],
    story: &'static str,
    needs: Needs,
    scale: u32,
    act: Act,
) -> Scene {
    Scene { alarms, story, needs, scale, act }
}

pub(super) const SCENES: &[Scene] = &[
    scene(
        &["ErrorRate", "ServerErrors"],
        "every call of Bedrock fails",
        Needs::Nothing,
        60,
        Act::BedrockFails,
    ),
    scene(
        &["ClientErrors"],
        "a program asks with a key that does not exist",
        Needs::Nothing,
        60,
        Act::WrongKeys,
    ),
    scene(&["SlowAnswers"], "Bedrock answers after 2.5 s", Needs::Nothing, 60, Act::BedrockIsSlow),
    scene(
        &["ModelCallsFailed"],
        "every stream breaks off after its second event",
        Needs::Nothing,
        60,
        Act::StreamsBreak,
    ),
    scene(
        &["BedrockThrottling"],
        "Bedrock throttles every attempt",
        Needs::Nothing,
        60,
        Act::BedrockThrottles,
    ),
    scene(&["QueueAge"], "the only place for jobs is taken", Needs::OnePlace, 60, Act::WorkersBusy),
    scene(&["DeadJobs", "DeadLetters"], "a worker dies over a job", Needs::ShortLeases, 60, Act::WorkersDie),
    scene(
        &["BudgetNearlyUsed"],
        "nine tenths of a budget are used",
        Needs::Nothing,
        60,
        Act::BudgetNearlyUsed,
    ),
    scene(&["BudgetUsed"], "a budget is used up", Needs::Nothing, 60, Act::BudgetUsed),
    scene(&["CostJump"], "twenty times as many calls as a day before", Needs::Nothing, 1_200, Act::CostJumps),
    scene(&["UsageBacklog"], "Postgres is stopped", Needs::Postgres, 60, Act::StoreAway),
    scene(&["DependencyDown"], "Redis is stopped", Needs::Redis, 60, Act::RedisAway),
    scene(&["TelemetryLost"], "no collector listens", Needs::Collector, 60, Act::CollectorAway),
    scene(&["ProcessGone"], "the process is killed", Needs::Nothing, 60, Act::ProcessGone),
    scene(
        &["ProcessRestarts"],
        "the process is killed again and again",
        Needs::Nothing,
        20,
        Act::ProcessRestarts,
    ),
];

impl Act {
    /// Before the clock runs.
    pub(super) async fn prepare(self, platform: &mut Platform) -> anyhow::Result<()> {
        if self == Self::CostJumps {
            // A day at scale with one call every two seconds.
            platform.traffic.every(2_000);
            tokio::time::sleep(Duration::from_secs(80)).await;
        }
        Ok(())
    }

    /// Breaks it.
    pub(super) async fn break_it(self, platform: &mut Platform) -> anyhow::Result<()> {
        let always = |fault: &str| json!({"rules": [{"fault": fault, "share": 1.0}]});
        match self {
            Self::BedrockFails => platform.faults(&always("internalServer")).await,
            Self::BedrockThrottles => platform.faults(&always("throttling")).await,
            Self::BedrockIsSlow => platform.faults(&json!({"latencyMs": 2_500})).await,
            Self::StreamsBreak => {
                platform.traffic.stream();
                let rule = json!({"fault": "streamInternalServer", "share": 1.0, "afterEvents": 2});
                platform.faults(&json!({"rules": [rule]})).await
            }
            Self::WrongKeys => {
                platform.traffic = Traffic::start(platform.port, "ock_nobody", 50)?;
                Ok(())
            }
            Self::WorkersBusy => work_at_two(platform).await,
            Self::WorkersDie => die_at_work(platform).await,
            Self::BudgetNearlyUsed => budget(platform, 1.0 / 0.9).await,
            Self::BudgetUsed => budget(platform, 0.9).await,
            Self::CostJumps => {
                platform.traffic.every(100);
                Ok(())
            }
            Self::StoreAway => platform.postgres.as_mut().context("no Postgres")?.stop(),
            Self::RedisAway => platform.redis.as_mut().context("no Redis")?.stop(),
            // It was not there from the beginning.
            Self::CollectorAway => Ok(()),
            Self::ProcessGone => {
                platform.kill();
                Ok(())
            }
            Self::ProcessRestarts => {
                for _ in 0..3 {
                    // Until it has told how long it has been there, there is nothing to fall back from.
                    tokio::time::sleep(Duration::from_secs(6)).await;
                    platform.kill();
                    platform.start_again()?;
                }
                Ok(())
            }
        }
    }

    /// Mends it.
    pub(super) async fn mend(self, platform: &mut Platform) -> anyhow::Result<()> {
        match self {
            Self::BedrockFails
            | Self::BedrockThrottles
            | Self::StreamsBreak
            | Self::BedrockIsSlow
            | Self::WorkersBusy => platform.faults(&json!({})).await,
            Self::WrongKeys => {
                platform.traffic = Traffic::start(platform.port, &platform.key.clone(), 50)?;
                Ok(())
            }
            Self::WorkersDie => {
                platform.faults(&json!({})).await?;
                let dead = platform.command(&["jobs", "redrive", "--all"]);
                dead.context("redrive")
            }
            Self::BudgetNearlyUsed | Self::BudgetUsed => {
                platform.command(&["policies", "set", "--platform", "--budget", "day=1000USD"])
            }
            Self::CostJumps => {
                platform.traffic.every(2_000);
                Ok(())
            }
            Self::StoreAway => platform.postgres.as_mut().context("no Postgres")?.start_again(),
            Self::RedisAway => platform.redis.as_mut().context("no Redis")?.start_again(),
            Self::CollectorAway => collect(platform.collector).await,
            Self::ProcessGone => platform.start_again(),
            // Left alone, it stays.
            Self::ProcessRestarts => Ok(()),
        }
    }
}

/// A job for a worker, and one that has to wait for it.
async fn work_at_two(platform: &Platform) -> anyhow::Result<()> {
    platform.faults(&json!({"latencyMs": 45_000})).await?;
    for _ in 0..2 {
        submit(platform).await?;
    }
    Ok(())
}

/// A job, and the process killed while it works at it.
async fn die_at_work(platform: &mut Platform) -> anyhow::Result<()> {
    platform.faults(&json!({"latencyMs": 45_000})).await?;
    submit(platform).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    platform.kill();
    platform.start_again()
}

async fn submit(platform: &Platform) -> anyhow::Result<()> {
    let call = json!({"model": MODEL, "messages": [{"role": "user", "content": "[[tokens: 10]]"}]});
    platform.post("/v1/jobs", &json!({"path": "/v1/chat/completions", "body": call})).await?;
    Ok(())
}

/// A budget that is so many times what was spent so far; nobody spends more.
async fn budget(platform: &Platform, times: f64) -> anyhow::Result<()> {
    platform.traffic.every(3_600_000);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let spent = platform.prometheus.value("sum(outcrop_cost_total)").await?.context("nothing was spent")?;
    let budget = format!("day={:.6}USD", spent * times);
    platform.command(&["policies", "set", "--platform", "--budget", &budget])
}

/// Takes whatever is sent, and says that it is well.
async fn collect(port: u16) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = vec![0; 1 << 20];
                // One request a connection: what is longer than one read is cut off, which a drill does not mind.
                let _ = stream.read(&mut bytes).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            });
        }
    });
    Ok(())
}
