use std::sync::Arc;

use chrono::{DateTime, Utc};
use outcrop_ports::{CacheTotals, Dimension, ReportQuery, ReportRow, UsageTotals};
use outcrop_types::{Money, Page};

use super::*;
use crate::fixtures::{NoModels, StoppedClock, TestLedger};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn ask(query: &str) -> Result<ReportQuery, Unfit> {
    let mut params = Params::parse(query)?;
    let question = take_question(&mut params, at("2026-11-21T20:15:00Z"))?;
    params.end()?;
    Ok(question)
}

#[test]
fn times_are_read_where_the_clock_hangs() {
    for (query, from, until) in [
        ("", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("month=2026-10&time_zone=Europe/Zurich", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("from=2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T21:00:00Z"),
        ("from=2026-11-20&until=2026-11-21", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        (
            "from=2026-11-20T05:00:00%2B02:00&until=2026-11-21T00:00:00Z",
            "2026-11-20T03:00:00Z",
            "2026-11-21T00:00:00Z",
        ),
        // The day begins at 18:30; the first hour that begins in it at 19.
        (
            "from=2026-11-20&until=2026-11-21&time_zone=Asia/Kolkata",
            "2026-11-19T19:00:00Z",
            "2026-11-20T19:00:00Z",
        ),
    ] {
        let question = ask(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!((question.from, question.until), (at(from), at(until)), "{query}");
    }
}

#[test]
fn what_does_not_do_is_refused_by_name() {
    for (query, param) in [
        ("colour=red", "colour"),
        ("month=2026-13", "month"),
        ("month=26-11", "month"),
        ("month=+262142-01", "month"),
        ("month=2026-11&from=2026-11-01", "month"),
        ("until=2026-11-01", "from"),
        ("from=yesterday", "from"),
        ("from=99999-01-01", "from"),
        ("from=9999-12-31", "from"),
        ("from=2026-11-20T00:30:00Z", "from"),
        ("from=2026-11-20&until=2026-11-20", "from"),
        ("from=2026-12-24", "from"),
        ("from=2010-01-01", "from"),
        ("from=2025-09-01&group_by=hour", "from"),
        ("group_by=colour", "group_by"),
        ("group_by=tag:", "group_by"),
        ("group_by=team,team", "group_by"),
        ("group_by=day,month", "group_by"),
        ("group_by=team,user,key,model,region,dialect,tier", "group_by"),
        ("team=red", "team"),
        ("user=dan", "user"),
        ("key=!", "key"),
        ("tag=atlas", "tag"),
        ("account=A", "account"),
        ("cache=hits", "cache"),
        ("guardrail=yes", "guardrail"),
        ("time_zone=Mars/Olympus", "time_zone"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("after=x", "after"),
        ("limit=1&limit=2", "limit"),
        ("model=%00", "model"),
    ] {
        let refused = ask(query).expect_err(query);
        assert_eq!(refused.param, param, "{query}: {refused}");
    }
}

#[test]
fn a_page_leads_to_the_next() {
    let question = ask("group_by=model,tag:project,day&limit=1").unwrap();
    assert_eq!(question.group_by, [Dimension::Model, Dimension::Tag("project".into()), Dimension::Day]);
    let group = vec![Some("a".to_owned()), None, Some("2026-11-01".to_owned())];
    let items = vec![ReportRow { group: group.clone(), totals: UsageTotals::default() }];
    let page = page(&question, &Page { items, has_more: true });
    assert_eq!(page["data"][0]["group"]["tag:project"], serde_json::Value::Null);
    let next = format!("group_by=model,tag:project,day&after={}", page["next"].as_str().unwrap());
    assert_eq!(ask(&next).unwrap().after, Some(group));
    // It is good for no other question.
    assert_eq!(ask(&next.replace(",day", "")).unwrap_err().param, "after");
}

#[test]
fn cells_run_nothing_in_a_spreadsheet() {
    for (value, cell) in [
        ("claude", "claude"),
        ("", ""),
        ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("a,b", "\"a,b\""),
        ("a\r\nb", "\"a\r\nb\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
    ] {
        assert_eq!(csv::text(value), cell, "{value:?}");
    }
    let row = ReportRow {
        group: vec![Some("=1+1".into()), None],
        totals: UsageTotals {
            requests: 2,
            saved_nano_usd: -10_000_000,
            cache: CacheTotals {
                hits: 3,
                coalesced: 1,
                misses: 4,
                saved: Money::from_nano_usd(500_000_000),
                age_ms: 61,
            },
            ..UsageTotals::default()
        },
    };
    assert_eq!(csv::row(&row), "'=1+1,,2,0,0,0,0,0,0,0,0,0,0,0,0,0,3,1,4,0,0,0,0,-0.01,0.5,20,,,,,\r\n");
    let header = csv::header(&[Dimension::Model, Dimension::Tag("a".into())]);
    assert!(header.starts_with("model,tag:a,requests,retries,errors,"), "{header}");
    assert_eq!(header.matches(',').count(), csv::row(&row).matches(',').count());
}

/// Each makes the ledger add up everything, and more than once.
#[test]
fn no_more_files_are_made_at_once_than_two() {
    let reports = Reports::new(Arc::new(TestLedger::default()), Arc::new(NoModels), Arc::new(StoppedClock));
    let (one, other) = (reports.begin_file(), reports.begin_file());
    assert!(one.is_some() && other.is_some());
    assert!(reports.begin_file().is_none(), "whichever worker asks");
    drop(one);
    assert!(reports.begin_file().is_some());
}

#[test]
fn the_cache_of_answers_is_summed_up() {
    let cache = CacheTotals {
        hits: 2,
        coalesced: 1,
        misses: 6,
        saved: Money::from_nano_usd(12_500_000),
        age_ms: 3_001,
    };
    let totals = UsageTotals { requests: 10, retries: 2, cache, ..UsageTotals::default() };
    let view = serde_json::to_value(Summary::from(&totals)).unwrap();
    let expected = serde_json::json!({
        "hits": 2, "misses": 6, "coalesced": 1, "bypassed": 1, "hit_ratio": 0.3333, "saved_usd": "0.0125",
        "mean_age_ms": 1500,
    });
    assert_eq!((&view["requests"], &view["retries"]), (&10.into(), &2.into()));
    assert_eq!(view["cache"], expected);
    let view = serde_json::to_value(Summary::from(&UsageTotals::default())).unwrap();
    let none = serde_json::Value::Null;
    assert_eq!((&view["cache"]["hit_ratio"], &view["cache"]["mean_age_ms"]), (&none, &none), "nobody asked");
}
