//! A cluster of three nodes, made by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use outcrop_ports::{
    Changes, Heard, IdGen, Kind, Limiter, McpNudge, McpSessions, Probe, Resting, TargetHealth, contract,
};
use outcrop_redis::{RedisChanges, RedisTargetHealth};
use outcrop_types::Change;
use tempfile::TempDir;
use tokio::process::Child;

use crate::limits::{
    BRISK, Ids, NOW, PATIENT, admitted, connect, meter, options, settle, stands, until, used,
};
use crate::mcp_sessions;
use crate::server::{free_port, start_with};

struct Node {
    port: u16,
    _folder: TempDir,
    server: Child,
}

impl Node {
    async fn start() -> Self {
        // Nodes talk to each other on a port of their own, which is to be in range and free as well.
        let port = loop {
            let port = free_port();
            if port < 50_000 && std::net::TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
                break port;
            }
        };
        let folder = tempfile::tempdir().expect("a folder");
        let settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let server = start_with(port, folder.path(), &settings).await;
        Self { port, _folder: folder, server }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &str) -> T {
        let client = redis::Client::open(self.url()).expect("a good URL");
        let mut link = client.get_multiplexed_async_connection().await.expect("it is there");
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().expect("a command"));
        asked.arg(words.collect::<Vec<_>>());
        asked.query_async(&mut link).await.expect(command)
    }
}

/// Three nodes, and the one of them that has the limits.
async fn cluster() -> ([Node; 3], usize) {
    let nodes = [Node::start().await, Node::start().await, Node::start().await];
    let ranges = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];
    for (node, (from, to)) in nodes.iter().zip(ranges) {
        node.ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {from} {to}")).await;
        node.ask::<()>(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[0].port)).await;
    }
    for node in &nodes {
        until("they know each other", async || {
            let info: String = node.ask("CLUSTER INFO").await;
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
        .await;
    }
    let slot: u16 = nodes[0].ask("CLUSTER KEYSLOT {limits}").await;
    let owner = ranges.iter().position(|(from, to)| (*from..=*to).contains(&slot)).expect("one has it");
    (nodes, owner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn limits_are_kept_whichever_node_is_named() {
    let (nodes, owner) = cluster().await;
    let options = options();
    let limiters = [0, 1, 2].map(|node| connect(&nodes[node].url(), BRISK, &options));
    let meters = [meter("c", Kind::Concurrency, 3, 1), meter("t", Kind::Tokens, 100, 10)];
    let mut holds = Vec::new();
    for limiter in &limiters {
        limiter.probe().await.expect("it is there");
        holds.push(admitted(limiter, &meters).await.expect("there is room"));
    }
    for limiter in &limiters {
        assert!(admitted(limiter, &meters).await.is_none(), "all of them count together");
        assert_eq!(stands(limiter, &meters[1]).await, (0, 30));
    }
    for (limiter, hold) in limiters.iter().zip(&holds) {
        settle(limiter, used(hold, &[1, 5])).await;
    }
    assert_eq!(stands(&limiters[0], &meters[1]).await, (15, 0));
    // Moved to another node, they are found there; a node that was not there all the time is not believed, so it is as
    // after a loss.
    let other = (owner + 1) % 3;
    move_limits(&nodes, owner, other).await;
    for limiter in &limiters {
        until("it is found", async || {
            let states = limiter.read(&meters, NOW).await;
            states.is_ok_and(|states| (states[1].settled, states[1].held) == (15, 0))
        })
        .await;
    }
    until("they see each other", async || limiters.iter().all(|limiter| limiter.replicas() == 3)).await;
}

/// Gives another node the slot of the limits, with what is in it.
async fn move_limits(nodes: &[Node; 3], from: usize, to: usize) {
    let slot: u16 = nodes[0].ask("CLUSTER KEYSLOT {limits}").await;
    let (from_id, to_id): (String, String) =
        (nodes[from].ask("CLUSTER MYID").await, nodes[to].ask("CLUSTER MYID").await);
    nodes[to].ask::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")).await;
    nodes[from].ask::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")).await;
    loop {
        let keys: Vec<String> = nodes[from].ask(&format!("CLUSTER GETKEYSINSLOT {slot} 100")).await;
        if keys.is_empty() {
            break;
        }
        for key in keys {
            let port = nodes[to].port;
            nodes[from].ask::<()>(&format!("MIGRATE 127.0.0.1 {port} {key} 0 5000")).await;
        }
    }
    for node in [&nodes[to], &nodes[from]] {
        node.ask::<()>(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn targets_are_known_whichever_node_is_named() {
    let (nodes, _) = cluster().await;
    let all = [0, 1, 2]
        .map(|node| RedisTargetHealth::connect(&nodes[node].url(), BRISK, "test").expect("a good URL"));
    for health in &all {
        // The first question of each, so that whatever it is finds the node.
        health.recovered("a").await.expect("it is there");
    }
    let resting = Resting { target: "a".to_owned(), until_ms: u64::MAX >> 16, times: 1 };
    all[0].rest(&resting).await.expect("it is there");
    for health in &all {
        assert_eq!(health.resting().await.expect("it is there"), std::slice::from_ref(&resting));
    }
    assert!(all[1].claim_probe("a", Duration::from_secs(60)).await.expect("it is there"));
    assert!(!all[2].claim_probe("a", Duration::from_secs(60)).await.expect("it is there"));
}

/// Messages go to all nodes by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn changes_are_heard_on_every_node() {
    let (mut nodes, _) = cluster().await;
    let ids: Arc<dyn IdGen> = Arc::new(Ids);
    let at = |node: &Node| RedisChanges::connect(&node.url(), BRISK, Arc::clone(&ids)).expect("a good URL");
    let [one, two, three] = [0, 1, 2].map(|node| at(&nodes[node]));
    let mut heard = [one.listen(), two.listen(), three.listen()];
    for heard in &mut heard {
        assert_eq!(heard.next().await, Some(Heard::Linked));
    }
    two.announce(&Change::Everything).await.expect("it is there");
    for heard in &mut heard {
        let next = tokio::time::timeout(Duration::from_secs(5), heard.next()).await;
        assert_eq!(next.expect("soon"), Some(Heard::Changed(Change::Everything)));
    }
    nodes[2].server.kill().await.expect("killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn mcp_sessions_are_served_whichever_node_is_named() {
    let (nodes, _) = cluster().await;
    let at = |node: &Node| mcp_sessions::connect(&node.url(), PATIENT, contract::MCP_BOUNDS);
    let all = [0, 1, 2].map(|node| at(&nodes[node]));
    let mut nudges = [all[0].nudges(), all[1].nudges(), all[2].nudges()];
    for heard in &mut nudges {
        assert_eq!(heard.next().await, Some(McpNudge::Missed));
    }
    let (key, long) = (mcp_sessions::key(), Duration::from_secs(60));
    all[0].open(&key, "owner", "state".into(), long).await.expect("it is there");
    for sessions in &all {
        // The first question of each, so that whatever it is finds the node.
        assert!(sessions.post(&key, "letter".into()).await.expect("it is there"));
        for heard in &mut nudges {
            let next = tokio::time::timeout(Duration::from_secs(5), heard.next()).await;
            assert_eq!(next.expect("soon"), Some(McpNudge::Session(key)));
        }
    }
    let turn = AtomicUsize::new(0);
    contract::mcp_sessions(|| async {
        let node = &nodes[turn.fetch_add(1, Ordering::Relaxed) % nodes.len()];
        Arc::new(at(node)) as Arc<dyn McpSessions>
    })
    .await;
}
