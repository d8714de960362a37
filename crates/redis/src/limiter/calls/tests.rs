use outcrop_ports::{Kind, Window};

use super::*;

const NOW: Duration = Duration::from_secs(600);

fn keys() -> Keys {
    Keys::new("test", Duration::from_secs(60))
}

fn meters() -> [Meter; 1] {
    let window = Window::Sliding { length_ms: 60_000 };
    [Meter { name: "t".to_owned(), kind: Kind::Tokens, window, limit: 100, amount: 10 }]
}

fn open(calls: &Calls, id: u128, epoch: &str) -> Settlement {
    let (call, meters) = (Uuid::from_u128(id), meters());
    let longest = Duration::from_secs(3_600);
    calls.heard_of(epoch);
    calls.opened(&Ask { calls: &[call], meters: &meters, now: NOW, longest }, epoch);
    let hold = Hold { call, at_ms: 600_000, meters: meters.to_vec() };
    Settlement { hold, used: vec![7], unreserved: false }
}

#[test]
fn a_new_epoch_is_a_loss_but_the_first_is_not() {
    let calls = Calls::default();
    let losses = calls.losses();
    for (epoch, lost) in [("a", 0), ("a", 0), ("b", 1), ("a", 1), ("b", 1), ("c", 2)] {
        calls.heard_of(epoch);
        assert_eq!(*losses.borrow(), lost, "{epoch}; answers may come late");
    }
    let restore = calls.to_restore().expect("`b` is lost");
    assert_eq!((restore.epoch.as_str(), calls.whole_in()), ("c", None));
    calls.heard_of("d");
    calls.restored(&restore);
    let restore = calls.to_restore().expect("lost again meanwhile");
    calls.restored(&restore);
    assert!(calls.to_restore().is_none());
    assert_eq!(calls.whole_in(), Some("d".to_owned()));
}

#[test]
fn nothing_is_whole_before_the_ledger_knows_if_somebody_tells_it() {
    let calls = Calls::default();
    calls.heard_of("a");
    calls.ledger_knows(0);
    assert_eq!(calls.whole_in(), Some("a".to_owned()));
    for (epoch, losses) in [("b", 1), ("c", 2)] {
        calls.heard_of(epoch);
        calls.restored(&calls.to_restore().expect("it is lost"));
        calls.ledger_knows(losses - 1);
        assert_eq!(calls.whole_in(), None, "it knows nothing of the last");
        calls.ledger_knows(losses);
        assert_eq!(calls.whole_in(), Some(epoch.to_owned()));
    }
}

#[test]
fn answers_of_an_epoch_that_come_after_its_loss_are_brought_back_too() {
    let calls = Calls::default();
    let settlement = open(&calls, 1, "a");
    let endings = calls.ending(&[settlement]);
    calls.heard_of("b");
    let restore = calls.to_restore().expect("`a` is lost");
    assert!(restore.counts.is_empty());
    calls.settled(&endings, "a", &[1], &keys());
    calls.restored(&restore);
    let restore = calls.to_restore().expect("there is more");
    assert_eq!(restore.counts.iter().flat_map(|(_, it)| it.iter()).map(|it| it.amount).sum::<u64>(), 7);
    calls.restored(&restore);
    assert!(calls.to_restore().is_none());
    open(&calls, 2, "a");
    assert!(calls.to_restore().is_some_and(|it| it.counts.is_empty()), "what it holds");
}

#[test]
fn what_is_being_settled_is_not_open_and_is_told_until_it_is_done() {
    let calls = Calls::default();
    let settlement = open(&calls, 1, "a");
    open(&calls, 2, "a");
    assert_eq!(calls.open().len(), 2);
    let endings = calls.ending(std::slice::from_ref(&settlement));
    assert_eq!(endings[0].epoch, "a");
    assert_eq!(calls.open().len(), 1);
    assert!(calls.still_open(&[settlement.hold.call]).is_empty());
    assert_eq!(calls.unsettled(10).len(), 1);
    calls.settled(&endings, "a", &[1], &keys());
    assert!(calls.unsettled(10).is_empty());
}

#[test]
fn a_loss_brings_back_what_was_counted_before_it_and_not_what_came_after() {
    let calls = Calls::default();
    let (first, second) = (open(&calls, 1, "a"), open(&calls, 2, "a"));
    let endings = calls.ending(&[first]);
    calls.settled(&endings, "a", &[1], &keys());
    let endings = calls.ending(&[second]);
    calls.settled(&endings, "b", &[1], &keys());
    let restore = calls.to_restore().expect("all before `b` is lost");
    let amounts = |restore: Restore| -> Vec<u64> {
        restore.counts.iter().flat_map(|(_, it)| it.iter()).map(|count| count.amount).collect()
    };
    assert_eq!(amounts(restore), [7]);
    calls.heard_of("c");
    assert_eq!(amounts(calls.to_restore().expect("all before `c` is")), [14]);
}

#[test]
fn what_was_counted_already_is_not_brought_back_twice() {
    let calls = Calls::default();
    let settlement = open(&calls, 1, "a");
    for counted in [1, 0] {
        let endings = calls.ending(std::slice::from_ref(&settlement));
        calls.settled(&endings, "a", &[counted], &keys());
    }
    calls.heard_of("b");
    let restore = calls.to_restore().expect("there is something");
    assert_eq!(restore.counts.iter().flat_map(|(_, it)| it.iter()).map(|it| it.amount).sum::<u64>(), 7);
}

#[test]
fn of_a_call_that_perhaps_was_let_in_all_is_given_back() {
    let calls = Calls::default();
    let (call, meters) = (Uuid::from_u128(1), meters());
    let ask = Ask { calls: &[call], meters: &meters, now: NOW, longest: Duration::from_secs(60) };
    calls.abandoned(&ask);
    assert!(calls.open().is_empty());
    let unsettled = calls.unsettled(10);
    assert_eq!(unsettled[0].settlement.used, [0]);
    // It was made all the same: what it used is told in place of that.
    let hold = unsettled[0].settlement.hold.clone();
    let made = Settlement { hold, used: vec![9], unreserved: true };
    let endings = calls.ending(std::slice::from_ref(&made));
    calls.settled(&unsettled, "a", &[0], &keys());
    assert_eq!(calls.unsettled(10)[0].settlement, made);
    calls.settled(&endings, "a", &[1], &keys());
    assert!(calls.unsettled(10).is_empty());
}
