//! What every [`Queue`] keeps.
//!
//! In real time with short waits, because SQS counts in whole seconds of its own clock; in a paused runtime
//! the waits cost nothing.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::{Delivery, Queue};

/// Long enough for a message that is there to arrive.
const SOON: Duration = Duration::from_secs(3);
/// In whole seconds, as SQS counts, and long enough to do something within it on a busy machine.
const SHORT: Duration = Duration::from_secs(2);
/// Longer than the suite takes.
const LONG: Duration = Duration::from_secs(60);
/// After this, what was hidden for `SHORT` is back.
const PAST_SHORT: Duration = Duration::from_millis(2_600);

/// Runs the suite. `make` gives an empty queue each time, with a delivery count of at least 5.
pub async fn queue<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Queue>>,
{
    // Side by side, because most of each promise is waiting.
    tokio::join!(
        an_empty_queue_gives_none(make().await),
        a_message_arrives_as_it_was_sent(make().await),
        a_large_message_arrives_whole(make().await),
        a_received_message_is_hidden_and_comes_back(make().await),
        an_acknowledged_message_is_gone(make().await),
        an_extended_message_stays_hidden(make().await),
        a_released_message_is_back_at_once(make().await),
        each_message_goes_to_one_receiver(make().await),
        a_receiver_waits_for_what_is_sent_later(make().await),
        an_old_receipt_acknowledges_without_error(make().await),
    );
}

/// Runs the suite of the dead-letter queue. `make` gives an empty queue each time, with a delivery count of 2.
pub async fn queue_dead_letters<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Queue>>,
{
    tokio::join!(
        a_released_message_dies_after_its_deliveries(make().await),
        a_forgotten_message_dies_after_its_deliveries(make().await),
        the_last_delivery_can_be_acknowledged(make().await),
    );
}

async fn an_empty_queue_gives_none(queue: Arc<dyn Queue>) {
    assert_eq!(queue.receive(Duration::ZERO, LONG).await.unwrap(), None);
    let before = tokio::time::Instant::now();
    assert_eq!(queue.receive(SHORT, LONG).await.unwrap(), None);
    assert!(before.elapsed() < SHORT + SOON, "waits no longer than asked");
}

async fn a_message_arrives_as_it_was_sent(queue: Arc<dyn Queue>) {
    let body = "{\"job\": \"Grüße\", \"and\": '<tag> & \u{1f980}'}\n\t";
    queue.send(body.to_owned()).await.unwrap();
    let delivery = take(&*queue, LONG).await;
    assert_eq!((delivery.body.as_str(), delivery.attempt.get()), (body, 1));
}

async fn a_large_message_arrives_whole(queue: Arc<dyn Queue>) {
    let body = "x".repeat(256 * 1024);
    queue.send(body.clone()).await.unwrap();
    assert!(take(&*queue, LONG).await.body == body);
}

async fn a_received_message_is_hidden_and_comes_back(queue: Arc<dyn Queue>) {
    queue.send("a".to_owned()).await.unwrap();
    let first = take(&*queue, SHORT).await;
    assert_eq!(queue.receive(Duration::ZERO, LONG).await.unwrap(), None, "hidden while in flight");
    tokio::time::sleep(PAST_SHORT).await;
    let again = take(&*queue, LONG).await;
    assert_eq!((first.attempt.get(), again.attempt.get()), (1, 2));
    assert_eq!(again.body, first.body);
    assert_ne!(again.receipt, first.receipt);
}

async fn an_acknowledged_message_is_gone(queue: Arc<dyn Queue>) {
    queue.send("a".to_owned()).await.unwrap();
    let delivery = take(&*queue, SHORT).await;
    queue.ack(&delivery.receipt).await.unwrap();
    queue.ack(&delivery.receipt).await.unwrap();
    tokio::time::sleep(PAST_SHORT).await;
    assert_eq!(queue.receive(SHORT, LONG).await.unwrap(), None);
}

async fn an_extended_message_stays_hidden(queue: Arc<dyn Queue>) {
    queue.send("a".to_owned()).await.unwrap();
    let delivery = take(&*queue, SHORT).await;
    queue.extend(&delivery.receipt, LONG).await.unwrap();
    tokio::time::sleep(PAST_SHORT).await;
    assert_eq!(queue.receive(SHORT, LONG).await.unwrap(), None);
    queue.ack(&delivery.receipt).await.unwrap();
}

async fn a_released_message_is_back_at_once(queue: Arc<dyn Queue>) {
    queue.send("a".to_owned()).await.unwrap();
    let first = take(&*queue, LONG).await;
    queue.extend(&first.receipt, Duration::ZERO).await.unwrap();
    let again = take(&*queue, LONG).await;
    assert_eq!((first.attempt.get(), again.attempt.get()), (1, 2));
}

async fn each_message_goes_to_one_receiver(queue: Arc<dyn Queue>) {
    let sent: BTreeSet<String> = (0..10).map(|number| format!("message {number}")).collect();
    join_all(sent.iter().map(|body| queue.send(body.clone()))).await.into_iter().for_each(Result::unwrap);
    let received = super::at_once(10, |_| {
        let queue = Arc::clone(&queue);
        async move { take(&*queue, LONG).await.body }
    })
    .await;
    assert_eq!(received.into_iter().collect::<BTreeSet<_>>(), sent);
    assert_eq!(queue.receive(Duration::ZERO, LONG).await.unwrap(), None);
}

async fn a_receiver_waits_for_what_is_sent_later(queue: Arc<dyn Queue>) {
    let receiver = Arc::clone(&queue);
    let waiting = tokio::spawn(async move { receiver.receive(Duration::from_secs(20), LONG).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    queue.send("late".to_owned()).await.unwrap();
    let delivery = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(delivery.unwrap().body, "late");
}

async fn an_old_receipt_acknowledges_without_error(queue: Arc<dyn Queue>) {
    queue.send("a".to_owned()).await.unwrap();
    let delivery = take(&*queue, SHORT).await;
    tokio::time::sleep(PAST_SHORT).await;
    // Whether it still removes the message is left open: SQS itself does not say.
    queue.ack(&delivery.receipt).await.unwrap();
}

async fn a_released_message_dies_after_its_deliveries(queue: Arc<dyn Queue>) {
    queue.send("poison".to_owned()).await.unwrap();
    for attempt in 1..=2 {
        let delivery = take(&*queue, LONG).await;
        assert_eq!(delivery.attempt.get(), attempt);
        queue.extend(&delivery.receipt, Duration::ZERO).await.unwrap();
    }
    queue.send("next".to_owned()).await.unwrap();
    assert_eq!(take(&*queue, LONG).await.body, "next", "the poison does not come back");
    assert_eq!(queue.receive(SHORT, LONG).await.unwrap(), None);
}

async fn a_forgotten_message_dies_after_its_deliveries(queue: Arc<dyn Queue>) {
    queue.send("poison".to_owned()).await.unwrap();
    for _ in 1..=2 {
        take(&*queue, SHORT).await;
        tokio::time::sleep(PAST_SHORT).await;
    }
    assert_eq!(queue.receive(SHORT, LONG).await.unwrap(), None);
}

async fn the_last_delivery_can_be_acknowledged(queue: Arc<dyn Queue>) {
    queue.send("a".to_owned()).await.unwrap();
    let first = take(&*queue, LONG).await;
    queue.extend(&first.receipt, Duration::ZERO).await.unwrap();
    let last = take(&*queue, LONG).await;
    queue.extend(&last.receipt, LONG).await.unwrap();
    queue.ack(&last.receipt).await.unwrap();
    assert_eq!(queue.receive(SHORT, LONG).await.unwrap(), None);
}

/// A message that is there.
async fn take(queue: &dyn Queue, visibility: Duration) -> Delivery {
    queue.receive(SOON, visibility).await.unwrap().unwrap()
}
