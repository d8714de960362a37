//! Metrics on their way to whoever wants them.
//!
//! They are added up once, and read by all: a measurement costs the same whether nobody, Prometheus, a collector and
//! CloudWatch, or all of them listen. Readers have threads of their own; what they cannot hand on is in the totals of the next
//! time, so nothing queues up.

use std::sync::Arc;
use std::sync::Weak;
use std::time::{Duration, Instant};

use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, Pipeline, SdkMeterProvider, Temporality};
use outcrop_telemetry::metric::Page;
use outcrop_telemetry::{later, names};

use crate::emf::Cloudwatch;
use crate::options::Emf;
use crate::process::Readings;
use crate::resource::resource;
use crate::{ExporterError, Options};

mod limits;
mod ticker;
mod totals;

use self::limits::Room;
pub(crate) use self::ticker::Ticker;
use self::totals::Totals;

/// How often the process looks at itself.
const LOOK: Duration = Duration::from_secs(5);
/// Every so many looks it is counted which instruments are full: a minute.
const LOOKS_TO_COUNT: u32 = 12;

/// What reads the metrics.
pub(crate) struct Metrics {
    page: Option<Page>,
    tickers: Vec<Ticker>,
}

/// Begins to keep metrics, if anybody reads them.
pub(crate) fn start(options: &Options) -> Result<Option<Metrics>, ExporterError> {
    let Some(wanted) = &options.metrics else { return Ok(None) };
    let otlp = options.otlp.as_ref().filter(|_| wanted.otlp);
    if !wanted.prometheus && otlp.is_none() && wanted.emf == Emf::Off {
        return Ok(None);
    }
    let Kept { provider, reader, page } = Kept::new(options)?;
    opentelemetry::global::set_meter_provider(provider);
    outcrop_telemetry::metric::go();
    let mut tickers = Vec::new();
    if let Some(otlp) = otlp {
        let mut totals = Totals::new(otlp, reader.clone())?;
        tickers.push(Ticker::start("metrics-otlp", wanted.interval, move || totals.send())?);
    }
    if let Some(mut cloudwatch) = Cloudwatch::new(options, wanted, reader.clone()) {
        tickers.push(Ticker::start("metrics-emf", wanted.interval, move || cloudwatch.write())?);
    }
    crate::process::watch_runtime();
    // The first, so that it is also the first to be stopped: what is handed on at the end is as new as can be.
    let (mut readings, mut room, mut looks) = (Readings::new(), Room::of(reader), 0_u32);
    let look = move || {
        readings.take();
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LOOKS_TO_COUNT) {
            names::TELEMETRY_FULL.set(room.full() as f64, &[]);
        }
    };
    tickers.insert(0, Ticker::start("metrics-process", LOOK, look)?);
    Ok(Some(Metrics { page: wanted.prometheus.then_some(page), tickers }))
}

/// Adds up what the instruments of a provider record.
struct Kept {
    provider: SdkMeterProvider,
    reader: Reader,
    page: Page,
}

impl Kept {
    fn new(options: &Options) -> Result<Self, ExporterError> {
        let (exporter, page) = crate::prometheus::page()?;
        let reader = Reader(Arc::new(exporter));
        let provider = SdkMeterProvider::builder()
            .with_resource(resource(options))
            .with_view(limits::view)
            .with_reader(reader.clone())
            .build();
        Ok(Self { provider, reader, page })
    }
}

impl Metrics {
    /// Prometheus' page.
    pub(crate) fn page(&self) -> Option<Page> {
        self.page.clone()
    }

    /// Has everybody read once more, for at most so long all together.
    pub(crate) fn finish(self, within: Duration) {
        let until = Instant::now() + within;
        let mut tickers = self.tickers.into_iter();
        // The last look at the process, which takes no time, before those who tell of it begin.
        if let Some(look) = tickers.next() {
            let _ = look.end().recv_timeout(within);
        }
        let ending: Vec<_> = tickers.map(Ticker::end).collect();
        for ended in ending {
            // Whoever is not done by then is left behind; the process ends all the same.
            let _ = ended.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
}

/// The one reader: totals since the start, shared by all who read. It is Prometheus' own, which keeps nothing for itself.
#[derive(Debug, Clone)]
pub(crate) struct Reader(Arc<PrometheusExporter>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        later::catch_up();
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

#[cfg(test)]
pub(crate) mod tests;
