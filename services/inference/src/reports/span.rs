//! From when until when.

use chrono::{DateTime, Datelike, Duration, DurationRound as _, NaiveDate, Utc};
use outcrop_ports::usage_span::Stretch;
use outcrop_types::{Calendar, TimeZone};

use super::{Params, Unfit};

/// The longest time that can be asked for, days.
const MOST_DAYS: i64 = 3_700;
/// The longest by the hour, days: 9,600 rows for each group.
const MOST_DAYS_BY_HOUR: i64 = 400;
/// The longest time that single records are looked for in, days,
const MOST_DAYS_OF_RECORDS: i64 = 92;
/// and how long it is if nothing is said.
const USUAL_DAYS_OF_RECORDS: i64 = 31;
/// Years that a question may name.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2999;

/// Takes `from` and `until`, or `month`; this month if neither is given.
///
/// Sums are kept by the hour (UTC). A day that begins between two of them, as in India, begins here with the first hour
/// that begins in it.
pub(super) fn take_span(
    params: &mut Params,
    zone: TimeZone,
    now: DateTime<Utc>,
    by_hour: bool,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Unfit> {
    let (from, until) = match (params.take("month"), params.take("from"), params.take("until")) {
        (None, None, None) => zone.around(now, Calendar::Month),
        (Some(month), None, None) => zone.around(zone.begin(month_of(&month)?), Calendar::Month),
        (Some(_), ..) => {
            return Err(Unfit::new("month", "takes the place of `from` and `until`: give one or the other"));
        }
        (None, None, Some(_)) => return Err(Unfit::new("from", "must be given with `until`")),
        (None, Some(from), until) => {
            let until = until.map_or(Ok(now), |until| whole_hour(&until, zone, "until"))?;
            (whole_hour(&from, zone, "from")?, until)
        }
    };
    let (from, until) = (next_hour(from), next_hour(until));
    if from >= until {
        return Err(Unfit::new("from", "must be before `until`, which is not part of the answer"));
    }
    let most = if by_hour { MOST_DAYS_BY_HOUR } else { MOST_DAYS };
    if until - from > Duration::days(most) {
        let by = if by_hour { " by the hour" } else { "" };
        return Err(Unfit::new("from", format!("must be at most {most} days before `until`{by}")));
    }
    Ok((from, until))
}

/// Takes `from` and `until` for single records: the last month if neither is given. Never all time, which would be a look
/// at every record there is.
pub(super) fn take_within(params: &mut Params, now: DateTime<Utc>) -> Result<Stretch, Unfit> {
    let from = take_moment(params, "from", TimeZone::UTC)?;
    // The clock of whoever wrote a record may be ahead of ours.
    let until = take_moment(params, "until", TimeZone::UTC)?.unwrap_or(now + Duration::days(1));
    let from = from.unwrap_or(until - Duration::days(USUAL_DAYS_OF_RECORDS));
    if from >= until {
        return Err(Unfit::new("from", "must be before `until`, which is not part of the answer"));
    }
    if until - from > Duration::days(MOST_DAYS_OF_RECORDS) {
        let wrong = format!("must be at most {MOST_DAYS_OF_RECORDS} days before `until`");
        return Err(Unfit::new("from", wrong));
    }
    Ok((from, until))
}

/// Takes a day (its beginning in the time zone) or a moment, if it is given.
///
/// # Errors
/// [`Unfit`] for what is neither.
pub fn take_moment(params: &mut Params, name: &str, zone: TimeZone) -> Result<Option<DateTime<Utc>>, Unfit> {
    params.take(name).map(|text| moment(&text, zone, name)).transpose()
}

fn moment(text: &str, zone: TimeZone, param: &str) -> Result<DateTime<Utc>, Unfit> {
    let wrong =
        || Unfit::new(param, "must be a day such as 2026-11-21, or a time such as 2026-11-21T15:00:00Z");
    let moment = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) if YEARS.contains(&day.year()) => zone.begin(day),
        Ok(_) => return Err(wrong()),
        Err(_) => DateTime::parse_from_rfc3339(text).map_err(|_| wrong())?.with_timezone(&Utc),
    };
    if YEARS.contains(&moment.year()) { Ok(moment) } else { Err(wrong()) }
}

/// A day may begin within an hour; a moment that somebody names may not.
fn whole_hour(text: &str, zone: TimeZone, param: &str) -> Result<DateTime<Utc>, Unfit> {
    let moment = moment(text, zone, param)?;
    if text.len() > "2026-11-21".len() && next_hour(moment) != moment {
        return Err(Unfit::new(param, "must be a whole hour (UTC): sums are kept by the hour"));
    }
    Ok(moment)
}

fn month_of(text: &str) -> Result<NaiveDate, Unfit> {
    let wrong = || Unfit::new("month", "must be a month such as 2026-11");
    let (year, month) = text.split_once('-').filter(|_| text.len() == 7).ok_or_else(wrong)?;
    let (year, month) = (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
    NaiveDate::from_ymd_opt(year, month, 1).filter(|day| YEARS.contains(&day.year())).ok_or_else(wrong)
}

/// The first whole hour that is not before this moment.
pub(super) fn next_hour(moment: DateTime<Utc>) -> DateTime<Utc> {
    let begun = moment.duration_trunc(Duration::hours(1)).unwrap_or(moment);
    if begun == moment { moment } else { begun + Duration::hours(1) }
}
