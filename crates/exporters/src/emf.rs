//! Metrics for CloudWatch: lines in its embedded metric format, of which CloudWatch Logs or an agent makes metrics.
//!
//! The format is
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>. Only
//! what has a name there in the table of instruments is written, under the sets of dimensions that stand there: CloudWatch
//! charges for each, so series that differ in other labels are added up here.

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader as _;

use crate::Options;
use crate::metrics::Reader;
use crate::options::MetricOptions;

mod amount;
mod interval;
mod line;
mod sink;

use self::interval::Intervals;
use self::line::Layout;
use self::sink::Sink;

/// What writes them.
pub(crate) struct Cloudwatch {
    reader: Reader,
    /// Kept, as its vectors are used again.
    metrics: ResourceMetrics,
    intervals: Intervals,
    layout: Layout,
    sink: Sink,
}

impl Cloudwatch {
    /// `None` if nobody wants them.
    pub(crate) fn new(options: &Options, wanted: &MetricOptions, reader: Reader) -> Option<Self> {
        let sink = Sink::new(&wanted.emf)?;
        let layout = Layout {
            namespace: wanted.namespace.clone(),
            environment: line::value(&options.environment),
            arch: crate::resource::arch(),
            service: options.service,
        };
        let (metrics, intervals) = (ResourceMetrics::default(), Intervals::default());
        Some(Self { reader, metrics, intervals, layout, sink })
    }

    /// Writes what happened since the last time. An agent that takes nothing is given up after some seconds. Whoever reads
    /// stdout is waited for, however long it takes: nothing else of the process waits then but what prints there too.
    pub(crate) fn write(&mut self) {
        if self.reader.collect(&mut self.metrics).is_err() {
            return;
        }
        let lines = self.layout.lines(&self.intervals.next(&self.metrics));
        self.sink.write(&lines);
    }
}

#[cfg(test)]
mod tests;
