//! Checking the audit log: whatever is done to its rows is found.

use std::sync::Arc;

use async_trait::async_trait;
use outcrop_auth::{Acting, AuditAnchor, AuthService, ChainFault, ChainReport};
use outcrop_ports::{AuditFilter, AuditLog, PortError};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{AuditDraft, AuditHash, AuditRow, Page};

use crate::world::World;

type Head = Option<(u64, AuditHash)>;

/// A log whose rows anybody can get at.
struct Open {
    rows: Vec<AuditRow>,
    head: Head,
    /// The number of a row that does not read.
    broken: Option<u64>,
}

#[async_trait]
impl AuditLog for Open {
    async fn record_audit(&self, _: &AuditDraft) -> Result<(), PortError> {
        Ok(())
    }

    async fn list_audit(
        &self,
        _: &AuditFilter,
        _: Option<u64>,
        _: usize,
    ) -> Result<Page<AuditRow>, PortError> {
        Ok(Page { items: Vec::new(), has_more: false })
    }

    async fn read_audit_chain(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, PortError> {
        let rows = self.rows.iter().filter(|row| after == 0 || row.seq > after);
        let rows: Vec<_> = rows.take(limit).cloned().collect();
        if rows.iter().any(|row| Some(row.seq) == self.broken) {
            return Err(PortError::broken("read a row", "it does not read"));
        }
        Ok(rows)
    }

    async fn audit_head(&self) -> Result<Option<(u64, AuditHash)>, PortError> {
        Ok(self.head)
    }
}

/// A chain of real rows, and a service that checks a copy of it after `touch` was at it.
struct Chain {
    world: World,
    rows: Vec<AuditRow>,
    head: Head,
}

impl Chain {
    async fn new() -> Self {
        let world = World::new().await;
        for name in ["a", "b", "c", "d", "e"] {
            world.auth.create_team(&Acting::command_line(), name).await.unwrap();
        }
        let rows = world.ports.audit.read_audit_chain(0, 100).await.unwrap();
        let head = world.ports.audit.audit_head().await.unwrap();
        assert_eq!(rows.len(), 6, "the bootstrap and five teams");
        Self { world, rows, head }
    }

    async fn report(
        &self,
        anchor: Option<AuditAnchor>,
        touch: impl FnOnce(&mut Vec<AuditRow>, &mut Head),
    ) -> ChainReport {
        let (mut rows, mut head) = (self.rows.clone(), self.head);
        touch(&mut rows, &mut head);
        let mut ports = self.world.ports.clone();
        ports.audit = Arc::new(Open { rows, head, broken: None });
        AuthService::new(ports, self.world.options.clone()).verify_audit(anchor).await.unwrap()
    }

    async fn faults(&self, touch: impl FnOnce(&mut Vec<AuditRow>, &mut Head)) -> Vec<ChainFault> {
        self.report(None, touch).await.faults
    }

    fn anchor(&self, seq: u64) -> AuditAnchor {
        let row = self.rows.iter().find(|row| row.seq == seq).unwrap();
        AuditAnchor { seq, hash: row.hash }
    }
}

fn at(faults: &[ChainFault]) -> Vec<u64> {
    faults.iter().map(ChainFault::seq).collect()
}

#[actix_web::test]
async fn a_chain_that_nobody_touched_holds() {
    let chain = Chain::new().await;
    let report = chain.world.auth.verify_audit(Some(chain.anchor(3))).await.unwrap();
    assert_eq!((report.rows, report.fault_count, &report.faults[..]), (6, 0, &[][..]));
    assert_eq!(report.head, Some(chain.anchor(6)));
    assert_eq!(report.head.unwrap().to_string().parse(), Ok(chain.anchor(6)));
}

#[actix_web::test]
async fn an_empty_log_holds_as_long_as_there_is_nobody() {
    let chain = Chain::new().await;
    let report = chain.report(None, |rows, head| (*rows, *head) = (Vec::new(), None)).await;
    assert_eq!((report.rows, report.head), (0, None));
    assert_eq!(report.faults, [ChainFault::Empty], "somebody is admin here");
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::connect(&folder.path().join("new.db")).await.unwrap();
    store.migrate().await.unwrap();
    let store = Arc::new(store);
    let mut ports = chain.world.ports.clone();
    (ports.users, ports.audit) = (store.clone(), store);
    let report = AuthService::new(ports, chain.world.options.clone()).verify_audit(None).await.unwrap();
    assert_eq!((report.rows, report.head, report.fault_count), (0, None, 0));
}

#[actix_web::test]
async fn a_row_before_the_first_is_found() {
    let chain = Chain::new().await;
    let before = |rows: &mut Vec<AuditRow>| rows.insert(0, AuditRow { seq: 0, ..rows[3].clone() });
    let report = chain.report(None, |rows, _| before(rows)).await;
    assert_eq!((report.rows, report.faults), (7, vec![ChainFault::Zero]));
    // Also where the rows are read one by one, since a later one does not read.
    let mut rows = chain.rows.clone();
    before(&mut rows);
    let mut ports = chain.world.ports.clone();
    ports.audit = Arc::new(Open { rows, head: chain.head, broken: Some(3) });
    let report = AuthService::new(ports, chain.world.options.clone()).verify_audit(None).await.unwrap();
    assert_eq!(report.faults, [ChainFault::Zero, ChainFault::Unreadable { seq: 3 }]);
}

#[actix_web::test]
async fn a_changed_row_is_found() {
    let chain = Chain::new().await;
    let faults = chain.faults(|rows, _| rows[2].record = rows[2].record.replace("\"b\"", "\"x\"")).await;
    assert_eq!(at(&faults), [3]);
    let faults = chain.faults(|rows, _| rows[2].action = "team.delete".into()).await;
    assert_eq!(at(&faults), [3], "what is searched by is covered too");
    let faults = chain.faults(|rows, _| rows[5].record.push(' ')).await;
    assert_eq!(at(&faults), [6], "the last row as well");
}

#[actix_web::test]
async fn a_missing_row_is_found() {
    let chain = Chain::new().await;
    assert_eq!(chain.faults(|rows, _| drop(rows.remove(2))).await, [ChainFault::Missing { from: 3, to: 3 }]);
    let faults = chain.faults(|rows, _| drop(rows.drain(..2))).await;
    assert_eq!(faults, [ChainFault::Missing { from: 1, to: 2 }]);
    // With the numbers closed up again, every row behind is of another place.
    let faults = chain
        .faults(|rows, _| {
            rows.remove(2);
            rows.iter_mut().skip(2).for_each(|row| row.seq -= 1);
        })
        .await;
    assert_eq!(at(&faults), [3, 4, 5, 6]);
}

#[actix_web::test]
async fn a_missing_end_is_found() {
    let chain = Chain::new().await;
    let faults = chain.faults(|rows, _| rows.truncate(4)).await;
    assert_eq!(faults, [ChainFault::Truncated { from: 5, to: 6 }]);
    let faults = chain.faults(|rows, _| rows.clear()).await;
    assert_eq!(faults, [ChainFault::Truncated { from: 1, to: 6 }]);
}

#[actix_web::test]
async fn an_end_cut_off_together_with_its_head_is_found_by_an_anchor() {
    let chain = Chain::new().await;
    let cut = |rows: &mut Vec<AuditRow>, head: &mut Head| {
        rows.truncate(4);
        *head = rows.last().map(|row| (row.seq, row.hash));
    };
    assert_eq!(chain.faults(cut).await, [], "the chain alone cannot tell");
    let anchored = chain.report(Some(chain.anchor(6)), cut).await;
    assert_eq!(anchored.faults, [ChainFault::Anchor { seq: 6 }]);
    assert_eq!(chain.report(Some(chain.anchor(4)), cut).await.faults, []);
    let wrong = AuditAnchor { hash: chain.anchor(5).hash, ..chain.anchor(4) };
    assert_eq!(chain.report(Some(wrong), |_, _| {}).await.faults, [ChainFault::Anchor { seq: 4 }]);
}

#[actix_web::test]
async fn rows_that_changed_places_are_found() {
    let chain = Chain::new().await;
    let faults = chain
        .faults(|rows, _| {
            rows.swap(2, 3);
            (rows[2].seq, rows[3].seq) = (3, 4);
        })
        .await;
    assert_eq!(at(&faults), [3, 4]);
}

#[actix_web::test]
async fn a_row_put_in_is_found() {
    let chain = Chain::new().await;
    let forged = |rows: &mut Vec<AuditRow>, head: &mut Head| {
        let last = rows.last().unwrap().clone();
        rows.push(AuditRow { seq: last.seq + 1, previous: last.hash, ..last });
        *head = rows.last().map(|row| (row.seq, row.hash));
    };
    assert_eq!(at(&chain.faults(forged).await), [7]);
    let behind_the_head = chain.faults(|rows, head| *head = Some((4, rows[3].hash))).await;
    assert_eq!(behind_the_head, [ChainFault::Head { seq: 6 }]);
    assert_eq!(chain.faults(|_, head| *head = None).await, [ChainFault::Head { seq: 6 }]);
}

#[actix_web::test]
async fn another_servers_chain_does_not_hold_here() {
    let (ours, theirs) = (Chain::new().await, Chain::new().await);
    let faults = ours.faults(|rows, _| rows[3] = theirs.rows[3].clone()).await;
    assert_eq!(at(&faults), [4], "a row of the same secret, but of another chain");
    let mut options = ours.world.options.clone();
    options.audit_sealer = outcrop_types::AuditSealer::new(&[9; 32]).unwrap();
    let elsewhere = AuthService::new(ours.world.ports.clone(), options);
    let report = elsewhere.verify_audit(None).await.unwrap();
    assert_eq!(at(&report.faults), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn an_anchor_reads_as_it_is_written() {
    let text = format!("7:{}", "0f".repeat(32));
    assert_eq!(text.parse::<AuditAnchor>().unwrap().to_string(), text);
    for bad in
        ["", "7", "7:", "x:0f", "7:0f", &format!("7:{}", "zz".repeat(32)), &format!("7:{}é", "0".repeat(62))]
    {
        assert!(bad.parse::<AuditAnchor>().is_err(), "{bad}");
    }
}
