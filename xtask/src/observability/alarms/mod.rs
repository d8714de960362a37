//! The alarms, each said once and rendered for Prometheus and for CloudWatch.
//!
//! What an alarm is, [`Alarm`]; which there are, [`all`]; the runbook of each is `docs/runbooks/<runbook>.md`.

mod clients;
mod money;
mod parts;
mod stories;
mod work;

use outcrop_telemetry::metric::Instrument;

pub(super) use self::stories::{End, Story, stories};
use super::query::Series;
use super::series;

/// Where runbooks are read.
const RUNBOOKS: &str = "https://github.com/outcrop/outcrop/blob/main/docs/runbooks";

/// Something that somebody must know of.
#[derive(Debug)]
pub(super) struct Alarm {
    /// As both systems name it.
    pub(super) name: &'static str,
    /// Its page, without `.md`.
    pub(super) runbook: &'static str,
    pub(super) severity: Severity,
    /// What is the matter, in a sentence that needs no other.
    pub(super) summary: &'static str,
    /// What Prometheus adds: the value, as its templates write it.
    pub(super) value: &'static str,
    /// Prometheus' expression: true where it has a result.
    pub(super) expr: fn(Scale) -> String,
    /// For how long it must be true, seconds.
    pub(super) for_s: u32,
    pub(super) cloudwatch: CloudWatch,
    /// What happens in the rule's own test.
    pub(super) test: Test,
}

/// Whether somebody is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// Somebody is woken.
    Page,
    /// Somebody looks at it in the morning.
    Ticket,
}

impl Severity {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// How CloudWatch looks at it.
#[derive(Debug)]
pub(super) struct CloudWatch {
    pub(super) watch: Watch,
    /// One look, seconds.
    pub(super) period_s: u32,
    /// So many of so many looks must be bad.
    pub(super) of: (u32, u32),
    pub(super) threshold: f64,
    /// Whether what is above it is bad, or what is below.
    pub(super) bad: Bad,
    /// Whether it is bad that there is nothing to look at.
    pub(super) missing_is_bad: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    Above,
    AtOrAbove,
    Below,
}

/// What is looked at.
#[derive(Debug)]
pub(super) enum Watch {
    /// A statistic (`Sum`, `p95`) of a metric.
    One(Instrument, &'static str),
    /// The sums of several.
    Sums(&'static [(Picked, &'static str)]),
    /// One sum as a part of another, per cent, where the other is at least so much.
    Share(Picked, Instrument, u32),
    /// A sum that is far above what it was at this time of other days, and what that means, as it is not what Prometheus
    /// asks; the threshold is the width of the band.
    Unusual(Instrument, &'static str),
    /// How many samples each service sent, by an alarm for each ([`super::cloudwatch::SERVICES`]).
    EachService(Instrument),
}

/// A metric with the value of its one dimension, if it has one.
pub(super) type Picked = (fn() -> Instrument, Option<(&'static str, &'static str)>);

/// Series of a rule's test, one value a minute, as promtool writes them.
#[derive(Debug)]
pub(super) struct Test {
    /// It fires with these, at this minute.
    pub(super) fires: (Vec<Input>, u32),
    /// It does not with these, at the same minute.
    pub(super) quiet: Vec<Input>,
}

/// A series.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) series: String,
    pub(super) values: String,
}

/// A series of an instrument, with what histograms add to its name and with its labels.
pub(super) fn input(instrument: Instrument, labels: &[(&str, &str)], values: &str) -> Input {
    part(instrument, "", labels, values)
}

pub(super) fn part(instrument: Instrument, part: &str, labels: &[(&str, &str)], values: &str) -> Input {
    raw(&format!("{}{part}", instrument.prometheus_name()), labels, values)
}

pub(super) fn raw(name: &str, labels: &[(&str, &str)], values: &str) -> Input {
    raw_of("outcrop-gateway", "prod", name, labels, values)
}

/// The same of any service of any platform.
pub(super) fn raw_of(
    service: &str,
    environment: &str,
    name: &str,
    labels: &[(&str, &str)],
    values: &str,
) -> Input {
    let common = [
        (series::ENVIRONMENT, environment),
        (series::SERVICE, service),
        (series::JOB, service),
        (series::INSTANCE, "a:9464"),
    ];
    let labels = common.iter().chain(labels);
    let all: Vec<_> = labels.map(|(name, value)| format!("{}=\"{value}\"", series::label(name))).collect();
    Input { series: format!("{name}{{{}}}", all.join(", ")), values: values.to_owned() }
}

/// How fast time passes: drills have no hours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale(pub(super) u32);

impl Scale {
    /// So many seconds, as Prometheus writes them.
    pub(super) fn span(self, seconds: u32) -> String {
        let ms = seconds * 1_000 / self.0;
        match ms {
            0 => "0s".into(),
            _ if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
            _ => format!("{ms}ms"),
        }
    }

    /// So many within a span that is not shortened; fewer within one that is.
    fn at_least(self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.0)
    }

    /// The series of `instrument` over so many seconds.
    fn over(self, instrument: Instrument, seconds: u32) -> Series {
        Series::of(instrument, &self.span(seconds))
    }
}

impl Alarm {
    /// Where its runbook is read.
    pub(super) fn runbook_url(&self) -> String {
        format!("{RUNBOOKS}/{}.md", self.runbook)
    }
}

/// Every alarm, in the order of the runbooks.
pub(super) fn all() -> Vec<Alarm> {
    [clients::alarms(), work::alarms(), money::alarms(), parts::alarms()].into_iter().flatten().collect()
}
