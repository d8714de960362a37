//! The kinds of instruments: each is a `static` in [`names`](crate::names), and is recorded to where it is used.
//!
//! Until [`go`] was called nothing is kept, and recording costs one load. Counters whose series can be foretold are there
//! from then on, at 0: a backend sees what is added by the difference of two readings, so of a series that is not there
//! before something happens it never learns the first of it. Values are `f64`: whole numbers up to 2^53 are exact.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use opentelemetry::metrics::{self, BoundCounter, BoundHistogram, Meter};

use self::most::most;
use self::series::Series;

pub use opentelemetry::KeyValue;

mod most;
mod series;

/// Makes the page that Prometheus reads, in its text format.
pub type Page = Arc<dyn Fn() -> String + Send + Sync>;

/// What a metric is measured in, as UCUM has it: `s`, `By`, `1`, `{token}`.
pub type Unit = &'static str;

/// What an instrument is, in every backend.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// As OpenTelemetry has it, with dots; Prometheus' and CloudWatch's names follow from it and from `emf`.
    pub name: &'static str,
    /// What one is.
    pub unit: Unit,
    /// What it tells, in a sentence.
    pub help: &'static str,
    /// Every label it may carry.
    pub labels: &'static [&'static str],
    /// Every value of its one label, for a counter whose series shall be there before anything happens.
    pub values: &'static [&'static str],
    /// How it goes to CloudWatch; `None` if it does not.
    pub emf: Option<Emf>,
}

/// A metric of CloudWatch's embedded metric format.
#[derive(Debug, Clone, Copy)]
pub struct Emf {
    /// As dashboards and alarms name it.
    pub name: &'static str,
    /// One of CloudWatch's units.
    pub unit: &'static str,
    /// How many of that unit one of ours is.
    pub scale: f64,
    /// Sets of labels that become dimensions, besides `Environment`, which is in each. What CloudWatch charges for
    /// grows with each; `&[]` alone is the sum over all.
    pub dimensions: &'static [&'static [&'static str]],
    /// Of a gauge's series that come together in one, the least is told, where what is little is bad; else the most.
    pub least: bool,
}

/// Which kind an instrument is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks by what is added.
    UpDown,
    /// The last value counts.
    Gauge,
    /// How values are spread.
    Histogram,
}

/// An instrument of the table.
#[derive(Debug, Clone, Copy)]
pub struct Instrument {
    /// What it is.
    pub spec: &'static Spec,
    /// Of which kind.
    pub kind: Kind,
    /// Upper bounds of a histogram's buckets.
    pub bounds: &'static [f64],
}

static GOING: AtomicBool = AtomicBool::new(false);

/// From now on what is recorded is kept: the global meter provider has been set. To be called once, before anything is
/// recorded.
pub fn go() {
    GOING.store(true, Ordering::Release);
    crate::names::begin();
}

/// Whether anything is kept.
#[must_use]
pub fn is_going() -> bool {
    GOING.load(Ordering::Acquire)
}

fn meter() -> Meter {
    opentelemetry::global::meter("outcrop")
}

macro_rules! instrument {
    ($(#[$doc:meta])* $name:ident, $handle:ty, $kind:expr, $build:ident $(, $series:ident: $series_of:ty)?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            spec: Spec,
            handle: OnceLock<$handle>,
            $($series: Series<$series_of>,)?
        }

        impl $name {
            /// An instrument; nothing is made of it before something is recorded.
            #[must_use]
            pub const fn new(spec: Spec) -> Self {
                Self { spec, handle: OnceLock::new() $(, $series: Series::new())? }
            }

            /// Its row in the table.
            #[must_use]
            pub const fn row(&'static self) -> Instrument {
                Instrument { spec: &self.spec, kind: $kind, bounds: &[] }
            }

            fn handle(&self) -> Option<&$handle> {
                is_going().then(|| {
                    self.handle.get_or_init(|| {
                        let Spec { name, unit, help, .. } = self.spec;
                        meter().$build(name).with_unit(unit).with_description(help).build()
                    })
                })
            }
        }
    };
}

instrument!(
    /// Only grows.
    Counter, metrics::Counter<f64>, Kind::Counter, f64_counter, series: BoundCounter<f64>
);
instrument!(
    /// Grows and shrinks.
    UpDown, metrics::UpDownCounter<f64>, Kind::UpDown, f64_up_down_counter
);
instrument!(
    /// The last value counts.
    Gauge, metrics::Gauge<f64>, Kind::Gauge, f64_gauge
);

impl Counter {
    /// Adds to it.
    pub fn add(&self, value: f64, labels: &[KeyValue]) {
        if let Some(handle) = self.handle() {
            check(&self.spec, labels);
            let most = || most(&self.spec, Kind::Counter);
            if !self.series.with(labels, most, || handle.bind(labels), |series| series.add(value)) {
                handle.add(value, labels);
            }
        }
    }
}

/// What there is to do with an instrument when metrics begin to be kept.
pub(crate) trait Begin {
    /// Begins those of its series that can be foretold.
    fn begin(&self) {}
}

impl Begin for Counter {
    fn begin(&self) {
        match self.spec.labels {
            [] => self.add(0.0, &[]),
            [label] => {
                for value in self.spec.values {
                    self.add(0.0, &[KeyValue::new(*label, *value)]);
                }
            }
            _ => {}
        }
    }
}

// Of these the state counts, which there is none of yet, or quantiles, which a series of nothing adds nothing to.
impl Begin for UpDown {}
impl Begin for Gauge {}
impl Begin for Histogram {}

impl UpDown {
    /// Adds to it, or takes from it.
    pub fn add(&self, value: f64, labels: &[KeyValue]) {
        if let Some(handle) = self.handle() {
            check(&self.spec, labels);
            handle.add(value, labels);
        }
    }
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64, labels: &[KeyValue]) {
        if let Some(handle) = self.handle() {
            check(&self.spec, labels);
            handle.record(value, labels);
        }
    }
}

/// How values are spread.
#[derive(Debug)]
pub struct Histogram {
    spec: Spec,
    bounds: &'static [f64],
    handle: OnceLock<metrics::Histogram<f64>>,
    series: Series<BoundHistogram<f64>>,
}

impl Histogram {
    /// An instrument with these upper bounds of its buckets.
    #[must_use]
    pub const fn new(spec: Spec, bounds: &'static [f64]) -> Self {
        Self { spec, bounds, handle: OnceLock::new(), series: Series::new() }
    }

    /// Its row in the table.
    #[must_use]
    pub const fn row(&'static self) -> Instrument {
        Instrument { spec: &self.spec, kind: Kind::Histogram, bounds: self.bounds }
    }

    /// Notes a value.
    pub fn record(&self, value: f64, labels: &[KeyValue]) {
        if !is_going() {
            return;
        }
        check(&self.spec, labels);
        let handle = self.handle.get_or_init(|| {
            let Spec { name, unit, help, .. } = self.spec;
            meter()
                .f64_histogram(name)
                .with_unit(unit)
                .with_description(help)
                .with_boundaries(self.bounds.to_vec())
                .build()
        });
        let most = || most(&self.spec, Kind::Histogram);
        if !self.series.with(labels, most, || handle.bind(labels), |series| series.record(value)) {
            handle.record(value, labels);
        }
    }
}

/// Labels are those of the table, or its promise of bounds is not kept.
fn check(spec: &Spec, labels: &[KeyValue]) {
    if cfg!(debug_assertions) {
        for label in labels {
            assert!(spec.labels.contains(&label.key.as_str()), "{} has no label {}", spec.name, label.key);
        }
    }
}
