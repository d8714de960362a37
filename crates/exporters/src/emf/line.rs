//! Lines: one for all metrics that have the same dimensions with the same values.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use opentelemetry::KeyValue;
use outcrop_telemetry::metric::Emf;
use outcrop_telemetry::names;
use outcrop_telemetry::naming::{ENVIRONMENT_DIMENSION, dimension};
use outcrop_telemetry::top::OTHER;
use serde_json::{Map, Value, json};

use super::amount::Amount;
use super::interval::Interval;

/// Most metrics in a directive.
const METRICS: usize = 100;
/// Longest line, bytes: what CloudWatch Logs took of an event before it took a mebibyte, as agents still may.
const LINE: usize = 256 * 1024;
/// Longest value of a dimension, characters.
const VALUE: usize = 250;

/// What all lines have in common.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) namespace: String,
    pub(super) environment: String,
    pub(super) arch: &'static str,
    pub(super) service: &'static str,
}

/// Dimensions with their values, the environment first.
type Dimensions = Vec<(&'static str, String)>;
type Metrics = BTreeMap<&'static str, (Emf, Amount)>;

impl Layout {
    /// The lines that tell of an interval, without ends of lines.
    pub(super) fn lines(&self, interval: &Interval) -> Vec<String> {
        let Some(ended) = interval.ended else { return Vec::new() };
        let at_ms = ended.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut lines = Vec::new();
        for (dimensions, metrics) in self.collapse(interval) {
            let metrics: Vec<_> = metrics.iter().collect();
            for some in metrics.chunks(METRICS) {
                self.push(&dimensions, some, at_ms, &mut lines);
            }
        }
        lines
    }

    /// Makes one of all series that have the same dimensions.
    fn collapse(&self, interval: &Interval) -> BTreeMap<Dimensions, Metrics> {
        let mut all = BTreeMap::<Dimensions, Metrics>::new();
        for change in &interval.changes {
            let Some(emf) = change.row.spec.emf else { continue };
            for set in emf.dimensions {
                let mut dimensions = vec![(ENVIRONMENT_DIMENSION, self.environment.clone())];
                dimensions.extend(set.iter().filter_map(|label| {
                    dimension(label).map(|dimension| (dimension, self.of(label, &change.labels)))
                }));
                all.entry(dimensions)
                    .or_default()
                    .entry(emf.name)
                    .and_modify(|(_, amount)| amount.merge(&change.amount))
                    .or_insert_with(|| (emf, change.amount.clone()));
            }
        }
        all
    }

    /// The value of a label; series beyond the bounds have lost theirs.
    fn of(&self, label: &str, labels: &[KeyValue]) -> String {
        match label {
            names::ARCH => return self.arch.to_owned(),
            names::SERVICE_NAME => return self.service.to_owned(),
            _ => {}
        }
        let found = labels.iter().find(|it| it.key.as_str() == label);
        found.map_or_else(|| OTHER.to_owned(), |it| value(&it.value.as_str()))
    }

    fn push(
        &self,
        dimensions: &Dimensions,
        metrics: &[(&&'static str, &(Emf, Amount))],
        at_ms: u128,
        lines: &mut Vec<String>,
    ) {
        let Some(line) = self.line(dimensions, metrics, at_ms) else { return };
        if line.len() < LINE {
            lines.push(line);
        } else if metrics.len() > 1 {
            let (some, others) = metrics.split_at(metrics.len() / 2);
            self.push(dimensions, some, at_ms, lines);
            self.push(dimensions, others, at_ms, lines);
        }
    }

    /// `None` if nothing can be said.
    fn line(
        &self,
        dimensions: &Dimensions,
        metrics: &[(&&'static str, &(Emf, Amount))],
        at_ms: u128,
    ) -> Option<String> {
        let (mut defined, mut values) = (Vec::new(), Map::new());
        for (name, (emf, amount)) in metrics {
            if let Some(said) = amount.to_json(emf.scale) {
                defined.push(json!({ "Name": name, "Unit": emf.unit }));
                values.insert((**name).to_owned(), said);
            }
        }
        if defined.is_empty() {
            return None;
        }
        let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
        let directive = json!({ "Namespace": self.namespace, "Dimensions": [names], "Metrics": defined });
        let at_ms = u64::try_from(at_ms).ok()?;
        let mut root = Map::new();
        root.insert("_aws".into(), json!({ "Timestamp": at_ms, "CloudWatchMetrics": [directive] }));
        root.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        root.extend(values);
        Some(Value::Object(root).to_string())
    }
}

/// As CloudWatch takes it: printable ASCII, not empty and not too long.
pub(super) fn value(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let plain: String = text.trim().chars().map(plain).take(VALUE).collect();
    if plain.is_empty() { OTHER.to_owned() } else { plain }
}
