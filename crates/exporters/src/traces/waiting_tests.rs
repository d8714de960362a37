//! When a batch goes, and who waits for what.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use super::*;

impl Waiting {
    fn push_bytes(&self, span: &[u8]) {
        self.push(|out| out.extend_from_slice(span));
    }
}

/// Nothing goes for being late.
const NEVER: Duration = Duration::from_secs(3_600);
/// Whatever happens has happened by then.
const LONG: Duration = Duration::from_secs(30);

fn waiting(full: usize, delay: Duration, spans: usize) -> Arc<Waiting> {
    let waiting = Arc::new(Waiting::new(full, delay));
    (0..spans).for_each(|_| waiting.push_bytes(b"span"));
    waiting
}

/// Takes until the end, as the thread of spans does; how many spans each batch had.
fn taker(waiting: &Arc<Waiting>, pause: Option<Instant>) -> Receiver<usize> {
    let (tell, told) = mpsc::channel();
    let waiting = Arc::clone(waiting);
    std::thread::spawn(move || {
        while let Some(batch) = waiting.take(pause) {
            assert_eq!(batch.bytes, b"span".repeat(batch.spans));
            tell.send(batch.spans).unwrap();
        }
        waiting.end();
    });
    told
}

#[test]
fn full_batches_go_at_once_and_the_rest_waits() {
    let waiting = waiting(3, NEVER, 7);
    let told = taker(&waiting, None);
    assert_eq!((told.recv_timeout(LONG), told.recv_timeout(LONG)), (Ok(3), Ok(3)));
    assert!(told.try_recv().is_err());
    waiting.push_bytes(b"span");
    waiting.push_bytes(b"span");
    assert_eq!(told.recv_timeout(LONG), Ok(3));
}

#[test]
fn what_is_not_full_goes_after_a_while() {
    let told = taker(&waiting(100, Duration::from_millis(20), 2), None);
    assert_eq!(told.recv_timeout(LONG), Ok(2));
}

#[test]
fn a_batch_is_full_too_when_it_is_long() {
    let waiting = waiting(100, NEVER, 0);
    waiting.push_bytes(&vec![0; FULL_BYTES]);
    waiting.push_bytes(b"span");
    assert_eq!(waiting.take(None).map(|batch| batch.spans), Some(1));
}

#[test]
fn a_pause_holds_batches_back_until_the_end() {
    let pause = || Some(Instant::now() + NEVER);
    let waiting = waiting(3, Duration::ZERO, 4);
    let told = taker(&waiting, pause());
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
    assert!(waiting.stop(LONG));
    assert_eq!((told.recv_timeout(LONG), told.recv_timeout(LONG)), (Ok(3), Ok(1)));
    assert!(told.recv_timeout(LONG).is_err(), "it has ended");
    assert!(waiting.stop(Duration::ZERO), "there is nobody to wait for");
}

#[test]
fn nobody_waits_for_longer_than_they_said() {
    let waiting = waiting(3, NEVER, 4);
    assert!(!waiting.stop(Duration::from_millis(1)));
    assert!(waiting.take(None).is_none(), "the time is over");
}
