//! PromQL out of instruments.

use outcrop_telemetry::metric::{Instrument, Kind};

use super::series::label;

/// Some series of one instrument, looked at over a window.
#[derive(Debug, Clone)]
pub(super) struct Series {
    name: String,
    histogram: bool,
    matchers: Vec<String>,
    window: String,
    offset: String,
}

impl Series {
    /// All of them, over `window` (`5m`).
    pub(super) fn of(instrument: Instrument, window: &str) -> Self {
        Self {
            name: instrument.prometheus_name(),
            histogram: instrument.kind == Kind::Histogram,
            matchers: Vec::new(),
            window: window.to_owned(),
            offset: String::new(),
        }
    }

    /// Only those whose `label` is as `matcher` says (`="input"`).
    pub(super) fn only(mut self, name: &str, matcher: &str) -> Self {
        self.matchers.push(format!("{}{matcher}", label(name)));
        self
    }

    /// Only those that these matchers, as PromQL has them, are for.
    pub(super) fn within(mut self, matchers: &str) -> Self {
        self.matchers.insert(0, matchers.to_owned());
        self
    }

    /// Over this window instead.
    pub(super) fn over(self, window: &str) -> Self {
        Self { window: window.to_owned(), ..self }
    }

    /// As they were so long ago.
    pub(super) fn ago(mut self, offset: &str) -> Self {
        self.offset = format!(" offset {offset}");
        self
    }

    /// How much is added a second.
    pub(super) fn rate(&self, by: &[&str]) -> String {
        format!("sum{}(rate({}))", grouped(by), self.range(self.counted()))
    }

    /// How much was added within the window.
    pub(super) fn increase(&self, by: &[&str]) -> String {
        format!("sum{}(increase({}))", grouped(by), self.range(self.counted()))
    }

    /// What was recorded a second, in the histogram's unit.
    pub(super) fn sum_rate(&self, by: &[&str]) -> String {
        format!("sum{}(rate({}))", grouped(by), self.range("_sum"))
    }

    /// The mean of a histogram.
    pub(super) fn mean(&self, by: &[&str]) -> String {
        format!("{} / {}", self.sum_rate(by), self.rate(by))
    }

    /// A quantile of a histogram.
    pub(super) fn quantile(&self, q: f64, by: &[&str]) -> String {
        let by = [by, &["le"]].concat();
        format!("histogram_quantile({q}, sum{}(rate({})))", grouped(&by), self.range("_bucket"))
    }

    /// The values now, put together by `how` (`max`, `sum`).
    pub(super) fn now(&self, how: &str, by: &[&str]) -> String {
        format!("{how}{}({}{})", grouped(by), self.selector(""), self.offset)
    }

    /// A function of each series' window (`resets`), put together by `how`.
    pub(super) fn each(&self, function: &str, how: &str, by: &[&str]) -> String {
        format!("{how}{}({function}({}))", grouped(by), self.range(""))
    }

    /// What a histogram is counted by.
    const fn counted(&self) -> &'static str {
        if self.histogram { "_count" } else { "" }
    }

    fn selector(&self, part: &str) -> String {
        let matchers = self.matchers.join(",");
        let braces = if matchers.is_empty() { String::new() } else { format!("{{{matchers}}}") };
        format!("{}{part}{braces}", self.name)
    }

    fn range(&self, part: &str) -> String {
        format!("{}[{}]{}", self.selector(part), self.window, self.offset)
    }
}

fn grouped(by: &[&str]) -> String {
    if by.is_empty() {
        return String::new();
    }
    let labels: Vec<_> = by.iter().map(|it| label(it)).collect();
    format!(" by ({}) ", labels.join(", "))
}
