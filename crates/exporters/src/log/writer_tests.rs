//! Nobody waits for whoever reads the log.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Instant;

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// Takes one chunk whenever it is let, and keeps what it took.
struct Slow {
    let_go: Receiver<()>,
    taken: Arc<Mutex<String>>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.let_go.recv().map_err(io::Error::other)?;
        lock(&self.taken).push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn slow() -> (Writer, SyncSender<()>, Arc<Mutex<String>>) {
    let (go, let_go) = mpsc::sync_channel(1_000);
    let taken = Arc::<Mutex<String>>::default();
    let out = Slow { let_go, taken: Arc::clone(&taken) };
    let writer = Writer::start(Box::new(out), |lost| format!("{lost} lost\n")).unwrap();
    (writer, go, taken)
}

#[test]
fn lines_come_out_whole_and_in_order() {
    let (writer, go, taken) = slow();
    for _ in 0..1_000 {
        go.try_send(()).unwrap();
    }
    let expected: String = (0..1_000).map(|n| format!("line {n}\n")).collect();
    expected.split_inclusive('\n').for_each(|line| writer.write(line));
    assert!(writer.flush(SOON));
    assert_eq!(*lock(&taken), expected);
}

#[test]
fn a_reader_that_stands_still_delays_nobody() {
    let (writer, go, taken) = slow();
    let line = format!("{}\n", "x".repeat(999));
    let began = Instant::now();
    for _ in 0..20_000 {
        writer.write(&line);
    }
    assert!(began.elapsed() < SOON);
    assert!(lock(&writer.0.queue).bytes <= MOST, "what waits is bounded");
    let began = Instant::now();
    assert!(!writer.flush(Duration::from_millis(50)));
    assert!(began.elapsed() < SOON);
    for _ in 0..1_000 {
        go.try_send(()).unwrap();
    }
    assert!(writer.flush(SOON));
    let taken = lock(&taken);
    let lines = taken.lines().filter(|line| line.starts_with('x')).count();
    let lost: usize = taken.lines().find_map(|line| line.strip_suffix(" lost")).unwrap().parse().unwrap();
    assert_eq!(lines + lost, 20_000, "each is there or counted");
    assert!(lost > 10_000);
}

#[test]
fn a_fault_in_the_thread_costs_one_chunk() {
    /// Panics at its first chunk.
    struct Faulty(bool, Arc<Mutex<String>>);
    impl Write for Faulty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(std::mem::replace(&mut self.0, true), "the first");
            lock(&self.1).push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let taken = Arc::<Mutex<String>>::default();
    let out = Faulty(false, Arc::clone(&taken));
    let writer = Writer::start(Box::new(out), |lost| format!("{lost} lost\n")).unwrap();
    writer.write("one\n");
    assert!(writer.flush(SOON));
    writer.write("two\n");
    assert!(writer.flush(SOON));
    assert_eq!(*lock(&taken), "two\n");
    assert_eq!(lock(&writer.0.queue).bytes, 0, "what is lost takes no room");
}

#[test]
fn at_once_is_at_once() {
    let (go, let_go) = mpsc::sync_channel(1);
    go.try_send(()).unwrap();
    let taken = Arc::<Mutex<String>>::default();
    let writer = Writer::at_once(Box::new(Slow { let_go, taken: Arc::clone(&taken) }));
    writer.write("said\n");
    assert_eq!(*lock(&taken), "said\n");
    writer.finish(Duration::ZERO);
}
