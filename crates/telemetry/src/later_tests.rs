use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle, ThreadId};

use super::*;

/// Says a number, and who said it.
struct Says(u32, Sender<(u32, ThreadId)>);

impl Tell for Says {
    fn tell(self: Box<Self>) {
        assert!(self.0 != 13, "a fault");
        let _ = self.1.send((self.0, thread::current().id()));
    }
}

struct Fixture {
    later: Arc<Later>,
    say: Sender<(u32, ThreadId)>,
    said: Receiver<(u32, ThreadId)>,
}

impl Fixture {
    fn new() -> Self {
        let (say, said) = mpsc::channel();
        Self { later: Arc::new(Later::new()), say, said }
    }

    fn put(&self, number: u32) {
        self.put_of(Of::Request, number);
    }

    fn put_of(&self, of: Of, number: u32) {
        self.later.put(of, Box::new(Says(number, self.say.clone())));
    }

    fn start(&self) -> JoinHandle<()> {
        self.later.begin();
        let later = Arc::clone(&self.later);
        thread::spawn(move || later.run())
    }

    fn numbers(&self) -> Vec<u32> {
        self.said.try_iter().map(|(number, _)| number).collect()
    }
}

#[test]
fn without_a_thread_it_is_told_at_once() {
    let fixture = Fixture::new();
    fixture.put(1);
    assert_eq!(fixture.said.try_recv(), Ok((1, thread::current().id())));
}

#[test]
fn a_thread_tells_in_turn_and_survives_a_fault() {
    let fixture = Fixture::new();
    let thread = fixture.start();
    for number in [1, 13, 2] {
        fixture.put(number);
    }
    for number in [1, 2] {
        let (said, by) = fixture.said.recv_timeout(Duration::from_secs(10)).expect("told");
        assert_eq!((said, by), (number, thread.thread().id()));
    }
    fixture.later.end();
    thread.join().expect("it ends");
}

#[test]
fn whoever_catches_up_finds_all_told() {
    let fixture = Fixture::new();
    fixture.later.begin();
    (0..5).for_each(|number| fixture.put(number));
    assert_eq!(fixture.numbers(), []);
    fixture.later.tell_all();
    assert_eq!(fixture.numbers(), [0, 1, 2, 3, 4]);
}

#[test]
fn parts_are_told_before_the_whole_and_else_it_goes_in_turn() {
    let fixture = Fixture::new();
    fixture.later.begin();
    for of in [Of::Request, Of::Call, Of::Attempt] {
        for number in [1, 2] {
            fixture.put_of(of, number + 10 * (of as u32));
        }
    }
    fixture.later.tell_all();
    assert_eq!(fixture.numbers(), [1, 2, 11, 12, 21, 22]);
}

#[test]
fn what_has_no_room_is_told_at_once_and_nothing_is_lost() {
    let fixture = Fixture::new();
    fixture.later.begin();
    let (most, more) = (MOST as u32, 20);
    (100..100 + most + more).for_each(|number| fixture.put(number));
    assert_eq!(fixture.numbers().len(), more as usize);
    fixture.later.tell_all();
    assert_eq!(fixture.numbers().len(), MOST);
}

#[test]
fn the_end_tells_what_is_left_and_later_ones_at_once() {
    let fixture = Fixture::new();
    fixture.later.begin();
    fixture.put(1);
    fixture.later.end();
    fixture.put(2);
    assert_eq!(fixture.numbers(), [1, 2]);
}

#[test]
fn work_is_done_for_the_moment_that_it_is_about() {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    assert_eq!((at(then, moment), moment()), (Some(then), None));
    assert!(catch_unwind(|| at(then, || panic!("a fault"))).is_err());
    assert_eq!(moment(), None);
}
