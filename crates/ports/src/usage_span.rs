//! Which kept sums, and which single records, a question about a span of time is answered from.

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use outcrop_types::TimeZone;

use crate::usage_sums::{day, hour};
use crate::{Dimension, PortError, ReportQuery};

/// Most parts of a report that is grouped by time: twelve years of hours.
const MOST_SLOTS: usize = 110_000;

/// From a moment until before another.
pub type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// A span of time, cut into whole days (UTC), whole hours and the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// Whole days.
    pub days: Vec<Stretch>,
    /// Whole hours before and after them.
    pub hours: Vec<Stretch>,
    /// What is before and after whole hours.
    pub rest: Vec<Stretch>,
}

impl Cut {
    /// Cuts a span; into hours and the rest only, where the sums of days are of no use.
    #[must_use]
    pub fn of(from: DateTime<Utc>, until: DateTime<Utc>, use_days: bool) -> Self {
        let mut cut = Self::default();
        let (first, last) = (up(from, hour, 3_600), hour(until));
        if first >= last {
            push(&mut cut.rest, from, until);
            return cut;
        }
        push(&mut cut.rest, from, first);
        push(&mut cut.rest, last, until);
        let (first_day, last_day) = (up(first, day, 86_400), day(last));
        if !use_days || first_day >= last_day {
            push(&mut cut.hours, first, last);
            return cut;
        }
        push(&mut cut.hours, first, first_day);
        push(&mut cut.days, first_day, last_day);
        push(&mut cut.hours, last_day, last);
        cut
    }

    /// All whole days and hours as one stretch.
    #[must_use]
    pub fn summed(&self) -> Option<Stretch> {
        let all = || self.days.iter().chain(&self.hours);
        Some((all().map(|it| it.0).min()?, all().map(|it| it.1).max()?))
    }
}

/// The parts of a report that is grouped by time. A sum belongs to the hour, day and month that it begins in: where days
/// begin at half past an hour, the hour around that is counted with the day before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    /// Whole days (UTC) to be read.
    pub days: Vec<Slot>,
    /// Whole hours to be read.
    pub hours: Vec<Slot>,
}

/// A part, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its first moment.
    pub at: DateTime<Utc>,
    /// The hour, if the report is by hours: `2026-11-21T20:00:00Z`.
    pub hour: Option<String>,
    /// The day, if it is by days: `2026-11-21`.
    pub day: Option<String>,
    /// The month, if it is by months: `2026-11`.
    pub month: Option<String>,
}

impl Slots {
    /// The parts of a report, `None` if it is not grouped by time. One of very many hours is refused.
    pub fn of(query: &ReportQuery) -> Result<Option<Self>, PortError> {
        let by = |dimension| query.group_by.contains(&dimension);
        let by = (by(Dimension::Hour), by(Dimension::Day), by(Dimension::Month));
        if by == (false, false, false) {
            return Ok(None);
        }
        let (from, until) = (up(query.from, hour, 3_600), hour(query.until));
        let name = |at| name(at, by, query.time_zone);
        let mut slots = Self::default();
        let mut at = from;
        while at < until {
            let next_day = at + TimeDelta::days(1);
            let last_hour = next_day - TimeDelta::hours(1);
            // A day has one sum, which serves where all its hours have one name.
            let whole = at == day(at) && next_day <= until && name(at).is_named_as(&name(last_hour));
            if whole {
                slots.days.push(name(at));
                at = next_day;
            } else {
                slots.hours.push(name(at));
                at += TimeDelta::hours(1);
            }
            if slots.days.len() + slots.hours.len() > MOST_SLOTS {
                let why = std::io::Error::other("too many hours for one report");
                return Err(PortError::broken("report usage", why));
            }
        }
        Ok(Some(slots))
    }
}

impl Slot {
    fn is_named_as(&self, other: &Self) -> bool {
        (&self.hour, &self.day, &self.month) == (&other.hour, &other.day, &other.month)
    }
}

/// The first day of the month (UTC) around a moment.
#[must_use]
pub fn month(at: DateTime<Utc>) -> NaiveDate {
    let day = at.date_naive();
    chrono::Datelike::with_day(&day, 1).unwrap_or(day)
}

fn name(at: DateTime<Utc>, by: (bool, bool, bool), zone: TimeZone) -> Slot {
    let local = zone.day(at);
    Slot {
        at,
        hour: by.0.then(|| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        day: by.1.then(|| local.format("%Y-%m-%d").to_string()),
        month: by.2.then(|| local.format("%Y-%m").to_string()),
    }
}

/// The next beginning that is not before a moment.
fn up(at: DateTime<Utc>, begin: fn(DateTime<Utc>) -> DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    let begun = begin(at);
    if begun == at { at } else { begun + TimeDelta::seconds(seconds) }
}

fn push(stretches: &mut Vec<Stretch>, from: DateTime<Utc>, until: DateTime<Utc>) {
    if from < until {
        stretches.push((from, until));
    }
}

#[cfg(test)]
mod tests {
    use outcrop_types::TimeZone;

    use super::*;
    use crate::UsageFilter;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_is_cut_without_gap_or_overlap() {
        let (from, until) = (at("2026-11-20T22:30:00Z"), at("2026-11-23T01:00:00.5Z"));
        let cut = Cut::of(from, until, true);
        let (eleven, midnight) = (at("2026-11-20T23:00:00Z"), at("2026-11-21T00:00:00Z"));
        let (last_midnight, one) = (at("2026-11-23T00:00:00Z"), at("2026-11-23T01:00:00Z"));
        assert_eq!(cut.rest, [(from, eleven), (one, until)]);
        assert_eq!(cut.hours, [(eleven, midnight), (last_midnight, one)]);
        assert_eq!(cut.days, [(midnight, last_midnight)]);
        assert_eq!(cut.summed(), Some((eleven, one)));
        assert_eq!(Cut::of(from, until, false).hours, [(eleven, one)]);
        let within = (at("2026-11-20T22:30:00Z"), at("2026-11-20T22:45:00Z"));
        assert_eq!(Cut::of(within.0, within.1, true).rest, [within]);
        assert_eq!(Cut::of(until, from, true), Cut::default());
    }

    #[test]
    fn days_are_read_as_days_where_they_begin_as_ours_do() {
        let slots = |zone: &str, by: Dimension| {
            let query = ReportQuery {
                from: at("2026-10-01T00:00:00Z"),
                until: at("2026-12-01T00:00:00Z"),
                group_by: vec![by],
                filter: UsageFilter::default(),
                time_zone: zone.parse::<TimeZone>().unwrap(),
                after: None,
                limit: 10,
            };
            Slots::of(&query).unwrap().unwrap()
        };
        let utc = slots("UTC", Dimension::Day);
        assert_eq!((utc.days.len(), utc.hours.len()), (61, 0));
        let zurich = slots("Europe/Zurich", Dimension::Month);
        // The days that September, October and November end in are cut.
        assert_eq!((zurich.days.len(), zurich.hours.len()), (59, 48));
        assert_eq!(zurich.days[0].month.as_deref(), Some("2026-10"));
        let kolkata = slots("Asia/Kolkata", Dimension::Day);
        assert_eq!((kolkata.days.len(), kolkata.hours.len()), (0, 61 * 24));
        // It is half past eleven there.
        assert_eq!(kolkata.hours[18].day.as_deref(), Some("2026-10-01"));
        assert_eq!(kolkata.hours[19].day.as_deref(), Some("2026-10-02"));
    }
}
