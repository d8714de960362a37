//! What is said of a metric for an interval.
//!
//! The specification knows numbers and lists of up to a hundred numbers; of more it says nothing, and its schema does not look
//! at values. A histogram is told here as values and how often each was seen, with their least, most, sum and count, as in
//! PutMetricData: the list of all values would be cut at a hundred. That form is not in the specification. OpenTelemetry's
//! collector (`awsemfexporter`) sends its exponential histograms in it to CloudWatch Logs, and AWS' own distribution of it
//! relies on that; of its plain histograms it sends the four numbers alone. What CloudWatch cannot read it counts in
//! `EMFValidationErrors` and `EMFParsingErrors` of its namespace `AWS/Logs`.

use serde_json::{Map, Value, json};

/// What happened, or how it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Amount {
    /// So much happened, or there is so much of it: parts are added.
    Sum(f64),
    /// It stands so: of several alike the most is told.
    Most(f64),
    /// It stands so, and what is little is bad: of several alike the least is told.
    Least(f64),
    /// How values are spread.
    Spread(Spread),
}

/// A histogram of an interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// Upper bounds of the buckets; the last bucket has none.
    pub(super) bounds: &'static [f64],
    /// How many values each has.
    pub(super) counts: Vec<u64>,
    /// All values together.
    pub(super) sum: f64,
    /// No value was less.
    pub(super) min: f64,
    /// No value was more.
    pub(super) max: f64,
}

impl Amount {
    /// Makes one of two.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Sum(sum), Self::Sum(more)) => *sum += more,
            (Self::Most(most), Self::Most(one)) => *most = most.max(*one),
            (Self::Least(least), Self::Least(one)) => *least = least.min(*one),
            (Self::Spread(spread), Self::Spread(more)) => spread.merge(more),
            // One metric is of one kind.
            _ => {}
        }
    }

    /// As CloudWatch takes it, each value times `scale`; `None` if it is not a number.
    pub(super) fn to_json(&self, scale: f64) -> Option<Value> {
        match self {
            Self::Sum(value) | Self::Most(value) | Self::Least(value) => number(value * scale),
            Self::Spread(spread) => spread.to_json(scale),
        }
    }
}

impl Spread {
    fn merge(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&more.counts) {
            *count += more;
        }
        self.sum += more.sum;
        self.min = self.min.min(more.min);
        self.max = self.max.max(more.max);
    }

    /// Between which values a bucket's are.
    fn edges(&self, bucket: usize) -> (f64, f64) {
        let lower = bucket.checked_sub(1).and_then(|below| self.bounds.get(below)).copied();
        let upper = self.bounds.get(bucket).copied();
        let within = |edge: f64| edge.clamp(self.min, self.max);
        (within(lower.unwrap_or(self.min)), within(upper.unwrap_or(self.max)))
    }

    /// Its values, each bucket's in the middle of it, and how often each is there. Buckets of the table are far fewer than the
    /// hundred values that CloudWatch takes.
    fn to_json(&self, scale: f64) -> Option<Value> {
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (lower, upper) = self.edges(bucket);
            values.push(number(f64::midpoint(lower, upper) * scale)?);
            counts.push(json!(count));
        }
        let mut out = Map::new();
        out.insert("Values".into(), Value::Array(values));
        out.insert("Counts".into(), Value::Array(counts));
        out.insert("Min".into(), number(self.min * scale)?);
        out.insert("Max".into(), number(self.max * scale)?);
        out.insert("Sum".into(), number(self.sum * scale)?);
        out.insert("Count".into(), json!(self.counts.iter().sum::<u64>()));
        Some(Value::Object(out))
    }
}

/// JSON has neither NaN nor infinity, and CloudWatch takes no number beyond 2^360.
fn number(value: f64) -> Option<Value> {
    let fits = value.is_finite() && value.abs() < 2.0_f64.powi(360);
    fits.then(|| serde_json::Number::from_f64(value).map(Value::Number)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(counts: &[u64], sum: f64, min: f64, max: f64) -> Spread {
        Spread { bounds: &[1.0, 2.0, 4.0], counts: counts.to_vec(), sum, min, max }
    }

    #[test]
    fn values_are_the_middles_of_buckets_within_what_was_seen() {
        let amount = Amount::Spread(spread(&[1, 0, 2, 1], 16.0, 0.5, 10.0));
        let shown = amount.to_json(1_000.0).unwrap_or_default();
        assert_eq!(shown["Values"], json!([750.0, 3_000.0, 7_000.0]));
        assert_eq!(shown["Counts"], json!([1, 2, 1]));
        let said = [&shown["Min"], &shown["Max"], &shown["Sum"], &shown["Count"]];
        assert_eq!(said, [&json!(500.0), &json!(10_000.0), &json!(16_000.0), &json!(4)]);
    }

    #[test]
    fn parts_of_one_metric_become_one() {
        let mut all = Amount::Spread(spread(&[1, 0, 0, 0], 0.5, 0.5, 0.5));
        all.merge(&Amount::Spread(spread(&[0, 0, 1, 1], 12.0, 3.0, 9.0)));
        assert_eq!(all, Amount::Spread(spread(&[1, 0, 1, 1], 12.5, 0.5, 9.0)));
        let mut sum = Amount::Sum(1.0);
        sum.merge(&Amount::Sum(2.0));
        assert_eq!(sum, Amount::Sum(3.0));
        let mut most = Amount::Most(0.7);
        most.merge(&Amount::Most(0.2));
        assert_eq!(most, Amount::Most(0.7));
    }

    #[test]
    fn what_is_no_number_is_not_said() {
        for value in [f64::NAN, f64::INFINITY, f64::MAX] {
            assert_eq!(Amount::Sum(value).to_json(1.0), None);
            let spread = Spread { sum: value, ..spread(&[1, 0, 0, 0], 1.0, 1.0, 1.0) };
            assert_eq!(Amount::Spread(spread).to_json(1.0), None);
        }
    }
}
