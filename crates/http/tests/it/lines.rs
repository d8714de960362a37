//! The log of this test binary, line by line.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use serde_json::Value;

static LINES: LazyLock<&'static Mutex<Vec<Value>>> = LazyLock::new(|| {
    let lines: &'static Mutex<Vec<Value>> = Box::leak(Box::default());
    let keep = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || Keep(lines));
    keep.with_max_level(tracing::Level::INFO).init();
    lines
});

struct Keep(&'static Mutex<Vec<Value>>);

impl std::io::Write for Keep {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push(serde_json::from_slice(line).unwrap());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps lines from now on.
pub(crate) fn keep() {
    LazyLock::force(&LINES);
}

/// Those about a request, so far.
pub(crate) fn of(request_id: &str) -> Vec<Value> {
    LINES.lock().unwrap().iter().filter(|line| line["request.id"] == request_id).cloned().collect()
}

/// The one line about a request, once it is there.
pub(crate) async fn one(request_id: &str) -> Value {
    for _ in 0..500 {
        if !of(request_id).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What would be a second one has its chance.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut lines = of(request_id);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}
