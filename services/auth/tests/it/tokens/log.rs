//! What the service writes to its log, by request.

use std::io::Write;
use std::sync::{Mutex, OnceLock};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

#[derive(Clone, Copy)]
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps the log of this process from here on.
pub(crate) fn keep() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO)
            .with_writer(|| Lines)
            .try_init()
            .expect("nothing else in these tests keeps the log");
    });
}

/// The lines that name this request.
pub(crate) fn lines_of(request: &str) -> Vec<String> {
    let all = LINES.lock().unwrap();
    let all = String::from_utf8_lossy(&all);
    all.lines().filter(|line| line.contains(request)).map(str::to_owned).collect()
}

/// All of it.
pub(crate) fn everything() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
}
