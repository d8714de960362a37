//! How far it is: a bar on a terminal, a line now and then elsewhere. All of it on stderr.

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::time::Duration;

use super::Counts;
use crate::output;

/// Cells of the bar.
const BAR: u64 = 20;
/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(60);
/// Between lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// The line at the bottom of a terminal that is drawn again and again.
pub(super) struct Line {
    is_terminal: bool,
    is_drawn: bool,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), is_drawn: false }
    }

    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Draws it anew; without a terminal nothing happens.
    pub(super) fn draw(&mut self, text: &str) {
        if self.is_terminal {
            // Back to its begin, and what was there is wiped.
            output::draw(&format!("\r\u{1b}[K{text}"));
            self.is_drawn = true;
        }
    }

    /// Leaves it as it stands.
    pub(super) fn end(&mut self) {
        if self.is_drawn {
            output::note("");
            self.is_drawn = false;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

/// What is shown of a batch.
pub(super) struct Shown<'a> {
    pub(super) status: &'a str,
    pub(super) counts: Counts,
    /// In dollars.
    pub(super) cost: Option<&'a str>,
}

/// How fast a batch is and was.
pub(super) struct Progress {
    line: Line,
    done: VecDeque<(Duration, u64)>,
    said: Option<(Duration, String)>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { line: Line::new(), done: VecDeque::new(), said: None }
    }

    /// Shows how far it is at this time of a clock that only goes on.
    pub(super) fn show(&mut self, now: Duration, shown: &Shown<'_>) {
        self.note(now, shown.counts.completed + shown.counts.failed);
        let rate = self.rate();
        if self.line.is_terminal() {
            return self.line.draw(&format!("{} {}", bar(shown.counts), words(shown, rate)));
        }
        let is_news = self
            .said
            .as_ref()
            .is_none_or(|(at, status)| status != shown.status || now.saturating_sub(*at) >= EVERY);
        if is_news {
            output::note(&words(shown, rate));
            self.said = Some((now, shown.status.to_owned()));
        }
    }

    /// Makes room for other words.
    pub(super) fn end_line(&mut self) {
        self.line.end();
    }

    fn note(&mut self, now: Duration, done: u64) {
        self.done.push_back((now, done));
        while self.done.front().is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW) {
            self.done.pop_front();
        }
    }

    /// Lines a second, once there is something to say.
    fn rate(&self) -> Option<f64> {
        let ((from, before), (to, now)) = (self.done.front()?, self.done.back()?);
        let (span, lines) = (to.saturating_sub(*from).as_secs_f64(), now.saturating_sub(*before));
        // Far below the numbers that a float cannot hold.
        (span > 0.0 && lines > 0).then(|| f64::from(u32::try_from(lines).unwrap_or(u32::MAX)) / span)
    }
}

fn bar(counts: Counts) -> String {
    let done = (counts.completed + counts.failed).min(counts.total);
    let full = (done * BAR).checked_div(counts.total).unwrap_or_default();
    (0..BAR).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

fn words(shown: &Shown<'_>, rate: Option<f64>) -> String {
    let Counts { total, completed, failed } = shown.counts;
    if total == 0 {
        return shown.status.replace('_', " ");
    }
    let done = completed + failed;
    let mut parts = vec![format!("{}: {done}/{total} lines", shown.status.replace('_', " "))];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if let Some(usd) = shown.cost {
        parts.push(format!("${usd}"));
    }
    if let Some(rate) = rate.filter(|_| done < total) {
        parts.push(format!("{rate:.1}/s"));
        let left = f64::from(u32::try_from(total - done).unwrap_or(u32::MAX)) / rate;
        parts.push(format!("{} left", clock(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX))));
    }
    parts.join(", ")
}

/// Hours, minutes and seconds.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A size for people.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{}.{} MB", count / 1_000_000, count / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(status: &str, counts: Counts, cost: Option<&str>, rate: Option<f64>) -> String {
        words(&Shown { status, counts, cost }, rate)
    }

    #[test]
    fn it_says_what_is_known() {
        let counts = |total, completed, failed| Counts { total, completed, failed };
        assert_eq!(words_of("validating", Counts::default(), None, None), "validating");
        assert_eq!(
            words_of("in_progress", counts(10_000, 6_000, 3), Some("1.42"), Some(10.0)),
            "in progress: 6003/10000 lines, 3 failed, $1.42, 10.0/s, 6:39 left"
        );
        assert_eq!(words_of("completed", counts(3, 3, 0), None, Some(2.0)), "completed: 3/3 lines");
    }

    #[test]
    fn the_bar_fills_as_lines_are_done() {
        let full = |total, completed, failed| {
            bar(Counts { total, completed, failed }).chars().filter(|it| *it == '█').count()
        };
        assert_eq!(
            [full(0, 0, 0), full(10, 0, 0), full(10, 3, 2), full(10, 10, 0), full(10, 11, 0)],
            [0, 0, 10, 20, 20]
        );
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut progress = Progress::new();
        let at = Duration::from_secs;
        progress.note(at(0), 0);
        assert_eq!(progress.rate(), None);
        progress.note(at(10), 100);
        assert_eq!(progress.rate(), Some(10.0));
        progress.note(at(70), 160);
        assert_eq!(progress.rate(), Some(1.0), "the first minute is forgotten");
    }

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(
            [0, 59, 61, 3_661].map(|it| clock(Duration::from_secs(it))),
            ["0:00", "0:59", "1:01", "1:01:01"]
        );
        assert_eq!([7, 1_500, 2_345_678].map(bytes), ["7 B", "1 kB", "2.3 MB"]);
    }
}
