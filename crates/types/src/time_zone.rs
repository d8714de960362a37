//! Time zones, and where days, weeks and months begin in them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveTime, TimeZone as _, Utc};
use serde::{Deserialize, Serialize};

/// A time zone by its IANA name: `Europe/Zurich`. UTC if nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(chrono_tz::Tz);

/// A name that no time zone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an IANA name such as `Europe/Zurich` or `UTC`")]
pub struct UnknownTimeZone;

/// A span of calendar time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

impl TimeZone {
    /// Universal time.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// The IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The day it is there at a moment.
    #[must_use]
    pub fn day(self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.0).date_naive()
    }

    /// A moment as clocks show it there.
    #[must_use]
    pub fn local(self, at: DateTime<Utc>) -> DateTime<chrono::FixedOffset> {
        at.with_timezone(&self.0).fixed_offset()
    }

    /// The day, week or month around a moment: its first moment, and the first one after it.
    #[must_use]
    pub fn around(self, at: DateTime<Utc>, calendar: Calendar) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = self.day(at);
        let (first, next) = match calendar {
            Calendar::Day => (day, day + Days::new(1)),
            Calendar::Week => {
                let monday = day - Days::new(u64::from(day.weekday().num_days_from_monday()));
                (monday, monday + Days::new(7))
            }
            Calendar::Month => {
                let first = day.with_day(1).unwrap_or(day);
                (first, first + Months::new(1))
            }
        };
        (self.begin(first), self.begin(next))
    }

    /// The first moment of a day there. Where clocks are put forward at midnight, that is later than midnight; where
    /// they are put back, it is the first of two.
    #[must_use]
    pub fn begin(self, day: NaiveDate) -> DateTime<Utc> {
        let mut local = day.and_time(NaiveTime::MIN);
        // No gap is longer than a day (Samoa left one out).
        for _ in 0..=96 {
            if let Some(moment) = self.0.from_local_datetime(&local).earliest() {
                return moment.with_timezone(&Utc);
            }
            local += Duration::minutes(15);
        }
        Utc.from_utc_datetime(&local)
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        name.parse().map(Self).map_err(|_| UnknownTimeZone)
    }
}

impl TryFrom<String> for TimeZone {
    type Error = UnknownTimeZone;

    fn try_from(name: String) -> Result<Self, UnknownTimeZone> {
        name.parse()
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn calendars_begin_where_the_clock_hangs() {
        let zurich: TimeZone = "Europe/Zurich".parse().unwrap();
        let kolkata: TimeZone = "Asia/Kolkata".parse().unwrap();
        let cases = [
            (
                TimeZone::UTC,
                Calendar::Day,
                "2026-11-21T20:00:00Z",
                "2026-11-21T00:00:00Z",
                "2026-11-22T00:00:00Z",
            ),
            (kolkata, Calendar::Day, "2026-11-21T20:00:00Z", "2026-11-21T18:30:00Z", "2026-11-22T18:30:00Z"),
            (zurich, Calendar::Week, "2026-11-21T20:00:00Z", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
            // A month with a change of clocks in it.
            (zurich, Calendar::Month, "2026-10-31T12:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
            (zurich, Calendar::Month, "2026-12-31T23:30:00Z", "2026-12-31T23:00:00Z", "2027-01-31T23:00:00Z"),
        ];
        for (zone, calendar, now, from, until) in cases {
            assert_eq!(zone.around(at(now), calendar), (at(from), at(until)), "{zone} {calendar:?} {now}");
        }
    }

    #[test]
    fn a_day_without_midnight_begins_later() {
        // Clocks in Beirut go forward at midnight.
        let beirut: TimeZone = "Asia/Beirut".parse().unwrap();
        let begun = beirut.begin(NaiveDate::from_ymd_opt(2026, 3, 29).unwrap());
        assert_eq!(begun, at("2026-03-28T22:00:00Z"));
        assert!("Mars/Olympus".parse::<TimeZone>().is_err());
    }
}
