//! What the queue in the file promises beyond the port.

use std::time::{Duration, Instant};

use outcrop_ports::contract::samples::at;
use outcrop_ports::{Delivery, PortFailure, Queue, Receipt};
use outcrop_sqlite::SqliteQueue;

use crate::support::{Folder, SetTime};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_receipt_dies_when_its_message_is_visible_again() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let queue = folder.queue(clock.clone(), 5).await;
    queue.send("a".to_owned()).await.unwrap();
    let late = take(&queue).await;
    clock.pass(60);
    assert_eq!(queue.extend(&late.receipt, MINUTE).await.unwrap_err().failure, PortFailure::Conflict);
    queue.ack(&late.receipt).await.unwrap();
    let again = take(&queue).await;
    assert_eq!(again.attempt.get(), 2, "the late acknowledgement removed nothing");
    assert!(
        queue.extend(&late.receipt, Duration::ZERO).await.is_err(),
        "nor is it good for another's delivery"
    );
    queue.ack(&again.receipt).await.unwrap();
    clock.pass(60);
    assert_eq!(queue.receive(Duration::ZERO, MINUTE).await.unwrap(), None);
}

#[tokio::test]
async fn a_receipt_never_fits_a_later_message() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let queue = folder.queue(clock, 5).await;
    queue.send("a".to_owned()).await.unwrap();
    let first = take(&queue).await;
    queue.ack(&first.receipt).await.unwrap();
    queue.send("b".to_owned()).await.unwrap();
    let second = take(&queue).await;
    queue.ack(&first.receipt).await.unwrap();
    queue.extend(&second.receipt, MINUTE).await.unwrap();
}

#[tokio::test]
async fn a_foreign_receipt_is_an_error() {
    let folder = Folder::new();
    let queue = folder.queue(SetTime::new(), 5).await;
    for foreign in ["", "7", "a.b", "1.2.3"] {
        let failed = queue.ack(&Receipt(foreign.to_owned())).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Broken, "{foreign}");
    }
}

#[tokio::test]
async fn a_dead_message_can_be_seen() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let queue = folder.queue(clock.clone(), 2).await;
    queue.send("poison".to_owned()).await.unwrap();
    let mut first = None;
    for _ in 0..2 {
        assert!(queue.dead_letters(10).await.unwrap().is_empty());
        let delivery = take(&queue).await;
        first.get_or_insert(delivery.receipt);
        clock.pass(60);
    }
    assert_eq!(queue.receive(Duration::ZERO, MINUTE).await.unwrap(), None);
    let dead = queue.dead_letters(10).await.unwrap().remove(0);
    assert_eq!((dead.body.as_str(), dead.attempts, dead.died_at), ("poison", Some(2), Some(at(120))));
    assert!(queue.redrive(&dead).await.unwrap());
    assert!(!queue.redrive(&dead).await.unwrap(), "it is not there any more");
    assert_eq!(take(&queue).await.attempt.get(), 1);
    queue.ack(&first.unwrap()).await.unwrap();
    clock.pass(60);
    assert_eq!(take(&queue).await.attempt.get(), 2, "no former receipt is good for it");
}

#[tokio::test]
async fn a_late_receiver_buries_only_what_nobody_else_has() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let queue = folder.queue(clock.clone(), 5).await;
    queue.send("a".to_owned()).await.unwrap();
    let late = take(&queue).await;
    clock.pass(60);
    let again = take(&queue).await;
    queue.bury(&late, "too late").await.unwrap();
    assert!(queue.dead_letters(10).await.unwrap().is_empty());
    clock.pass(60);
    queue.bury(&again, "nobody has it").await.unwrap();
    assert_eq!(queue.dead_letters(10).await.unwrap()[0].reason.as_deref(), Some("nobody has it"));
}

#[tokio::test]
async fn no_room_for_all_gives_the_last_back() {
    let folder = Folder::new();
    let queue = folder.queue(SetTime::new(), 5).await.with_capacity(2);
    let bodies = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    assert_eq!(queue.send_all(bodies).await.unwrap(), ["c", "d"]);
    assert_eq!((take(&queue).await.body, take(&queue).await.body), ("a".to_owned(), "b".to_owned()));
    assert_eq!(queue.send_all(vec!["e".to_owned()]).await.unwrap(), ["e"]);
}

#[tokio::test]
async fn a_full_queue_is_unavailable_until_something_is_done() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let queue = folder.queue(clock, 5).await.with_capacity(2);
    queue.send("a".to_owned()).await.unwrap();
    queue.send("b".to_owned()).await.unwrap();
    let failed = queue.send("c".to_owned()).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Unavailable);
    assert!(failed.chain().contains("holds 2 messages"), "{}", failed.chain());
    queue.ack(&take(&queue).await.receipt).await.unwrap();
    queue.send("c".to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let folder = Folder::new();
    let queue = folder.queue(SetTime::new(), 5).await;
    let failed = queue.send("x".repeat(256 * 1024 + 1)).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken);
}

#[tokio::test]
async fn messages_come_in_turn() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let queue = folder.queue(clock.clone(), 5).await;
    for body in ["a", "b", "c"] {
        queue.send(body.to_owned()).await.unwrap();
        clock.pass(1);
    }
    for expected in ["a", "b", "c"] {
        assert_eq!(take(&queue).await.body, expected);
    }
}

#[tokio::test]
async fn a_message_of_another_process_is_found_by_looking() {
    let (folder, clock) = (Folder::new(), SetTime::new());
    let store = folder.store().await;
    let deliveries = std::num::NonZeroU32::new(5).unwrap();
    // Two queues on one file know nothing of each other.
    let receiver = SqliteQueue::new(store.clone(), clock.clone(), deliveries);
    let sender = SqliteQueue::new(store, clock, deliveries);
    let waiting = tokio::spawn(async move { receiver.receive(MINUTE, MINUTE).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    sender.send("a".to_owned()).await.unwrap();
    let delivery = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(delivery.unwrap().body, "a");
}

#[tokio::test]
async fn a_message_of_this_process_wakes_the_receiver() {
    let folder = Folder::new();
    let queue = folder.queue(SetTime::new(), 5).await;
    let mut delays = Vec::new();
    for _ in 0..5 {
        let receiver = queue.clone();
        let waiting = tokio::spawn(async move { receiver.receive(MINUTE, MINUTE).await.unwrap() });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let sent = Instant::now();
        queue.send("a".to_owned()).await.unwrap();
        assert!(waiting.await.unwrap().is_some());
        delays.push(sent.elapsed());
    }
    // Looking alone would take a second less the 50 ms each time. The machine may be busy once or twice.
    assert!(delays.iter().min() < Some(&Duration::from_millis(500)), "{delays:?}");
}

async fn take(queue: &SqliteQueue) -> Delivery {
    queue.receive(Duration::ZERO, MINUTE).await.unwrap().unwrap()
}
