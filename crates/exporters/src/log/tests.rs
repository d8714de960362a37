//! What lines look like, and what is never in them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use outcrop_telemetry::current::{Current, Who};
use outcrop_telemetry::trace::TraceContext;
use serde_json::Value;

use super::*;

const TRACEPARENT: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(form: Form, log: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = Writer::at_once(Box::new(lines.clone()));
    let layer = super::Lines { form, writer };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

const JSON: Form = Form::Json { service: "outcrop-gateway" };

/// One line, in which no name is twice.
fn object(log: impl FnOnce()) -> Value {
    let text = written(JSON, log);
    assert!(text.ends_with('\n') && text.lines().count() == 1, "{text}");
    assert!(text.len() <= fields::LINE + 64, "{}", text.len());
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let object = value.as_object().unwrap();
    let written = object.keys().map(|name| text.matches(&format!("\"{name}\":")).count());
    assert_eq!(written.sum::<usize>(), object.len(), "{text}");
    value
}

fn current() -> Current {
    let current =
        Current::new("req_018f9a3b-0000-7000-8000-00000000beef", TraceContext::from_line(TRACEPARENT));
    current.know(|| Who {
        team: "018f9a3b-0000-7000-8000-0000000000aa".into(),
        subject: "user_1".into(),
        key: Some("ock_abcdefgh".into()),
    });
    current
}

#[test]
fn a_line_says_what_when_where_and_about_whom() {
    let line = current()
        .enter(|| object(|| tracing::info!(duration_ms = 3, ok = true, part = 0.5, "done \"well\"")));
    let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "timestamp",
            "level",
            "service",
            "target",
            "message",
            "duration_ms",
            "ok",
            "part",
            "request.id",
            "trace.id",
            "span.id",
            "xray.trace_id",
            "team.id",
            "subject.id",
            "api_key.prefix"
        ]
    );
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["service"], "outcrop-gateway");
    assert_eq!(line["message"], "done \"well\"");
    assert_eq!(line["target"], module_path!());
    assert_eq!((&line["duration_ms"], &line["ok"], &line["part"]), (&3.into(), &true.into(), &0.5.into()));
    assert_eq!(line["request.id"], "req_018f9a3b-0000-7000-8000-00000000beef");
    assert_eq!(line["trace.id"], "5759e988bd862e3fe1be46a994272793");
    assert_eq!(line["span.id"], "53995c3f42cd8ad8");
    assert_eq!(line["xray.trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(line["api_key.prefix"], "ock_abcdefgh");
}

#[test]
fn outside_of_any_work_a_line_is_about_nobody() {
    let line = object(|| tracing::warn!("alone"));
    assert_eq!(line.as_object().unwrap().len(), 5);
    let unknown = Current::new("r-1", TraceContext::none()).enter(|| object(|| tracing::warn!("somebody")));
    assert_eq!(unknown.as_object().unwrap().len(), 6, "{unknown}");
}

#[test]
fn no_name_is_twice_and_the_event_has_the_first_word() {
    let line = current().enter(|| {
        object(|| {
            tracing::info!(
                request.id = "another",
                team.id = "theirs",
                level = "loud",
                timestamp = 1,
                service = "me",
                target = "there",
                cut = "no",
                r#type = "raw",
                "said"
            );
        })
    });
    assert_eq!(line["request.id"], "another");
    assert_eq!(line["team.id"], "theirs");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["service"], "outcrop-gateway");
    assert_eq!(line["type"], "raw");
    assert!(line.get("cut").is_none());
}

#[test]
fn whatever_is_said_stays_one_line_of_json() {
    let odd = "a\nb\r\t\"\\\u{0}\u{1b}[2J\u{7f}\u{85}\u{2028}é漢🙂";
    let line = object(
        || tracing::info!(odd, debug = ?odd, nan = f64::NAN, inf = f64::INFINITY, big = u64::MAX, "{odd}"),
    );
    assert_eq!(line["odd"], odd);
    assert_eq!(line["message"], odd);
    assert_eq!(line["nan"], "NaN");
    assert_eq!(line["big"], u64::MAX);
    let text = written(JSON, || tracing::info!(odd, "{odd}"));
    assert!(!text.trim_end().chars().any(fields::is_control), "{text:?}");
}

#[test]
fn a_line_is_bounded_and_says_that_it_was_cut() {
    for piece in ["x", "\u{0}", "🙂", "\""] {
        let long = piece.repeat(100_000);
        let line = current().enter(|| {
            object(|| tracing::info!(a = long, b = %long, c = ?long, d = long, small = 1, "{long}"))
        });
        assert_eq!(line["cut"], true);
        assert!(line["message"].as_str().unwrap().ends_with('…'));
        assert_eq!(
            line["request.id"], "req_018f9a3b-0000-7000-8000-00000000beef",
            "who it is about has room"
        );
        assert_eq!(line["trace.id"], "5759e988bd862e3fe1be46a994272793");
    }
    assert!(object(|| tracing::info!("short")).get("cut").is_none());
}

#[test]
fn an_error_comes_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("the request failed")]
    struct Above(#[source] io::Error);
    let error = Above(io::Error::other("the line is dead"));
    let line = object(|| tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "failed"));
    assert_eq!(line["error"], "the request failed: the line is dead");
}

#[test]
fn our_own_secrets_are_taken_out_at_last() {
    let key = "ock_abcdefgh_0123456789012345678901234567890123456789";
    let said = |form| {
        written(form, || {
            tracing::error!(given = key, shown = %format!("Bearer {key}"), debug = ?Some(key), "refused {key}");
        })
    };
    for text in [said(JSON), said(Form::Text { colours: false })] {
        assert!(!text.contains("0123456789"), "{text}");
        assert_eq!(text.matches("ock_abcdefgh_…").count(), 4, "{text}");
    }
}

#[test]
fn no_secret_is_where_a_line_comes_from_or_whom_it_is_about() {
    let key = "ock_abcdefgh_0123456789012345678901234567890123456789";
    let current = || {
        let current = Current::new("r-1", TraceContext::none());
        current.know(|| Who { team: "team_1".into(), subject: key.into(), key: None });
        current
    };
    let log = || tracing::info!(target: "log", { log.target = key }, "said");
    let line = current().enter(|| object(log));
    assert_eq!((&line["target"], &line["subject.id"]), (&"ock_abcdefgh_…".into(), &"ock_abcdefgh_…".into()));
    assert_eq!((&line["request.id"], &line["team.id"]), (&"r-1".into(), &"team_1".into()));
    let text = current().enter(|| written(Form::Text { colours: false }, log));
    assert!(!text.contains("456789"), "{text}");
}

#[test]
fn people_read_short_lines() {
    let text = current()
        .enter(|| written(Form::Text { colours: false }, || tracing::info!(n = 1, "hello\u{1b}[2J\nyou")));
    let (_, rest) = text.split_once(' ').unwrap();
    assert_eq!(
        rest,
        " INFO hello\\u{1b}[2J\\nyou n=1 request=0000beef trace=94272793 team=000000aa subject=user_1 key=ock_abcdefgh\n"
    );
    assert!(written(Form::Text { colours: true }, || tracing::info!("x")).contains("\u{1b}[32m"));
}

#[test]
fn what_opentelemetry_tells_of_itself_is_told_by_us() {
    assert_eq!(written(JSON, || tracing::error!(target: "opentelemetry_sdk", "again and again")), "");
}

#[test]
fn the_json_of_a_lost_line_is_a_line_too() {
    let value: Value = serde_json::from_str(&JSON.lost(7)).unwrap();
    assert_eq!((&value["level"], &value["lines"]), (&"WARN".into(), &7.into()));
}

#[test]
fn a_bad_filter_is_named() {
    let error = parse("outcrop=loud").err().map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some(
            "`telemetry.filter`: `outcrop=loud` is not a log filter (for example `info` or `outcrop=debug`)"
        )
    );
    assert!(parse("info,outcrop=debug").is_ok());
}

#[test]
fn no_filter_shows_what_others_tell_of_answers() {
    let lines = Lines::default();
    let writer = Writer::at_once(Box::new(lines.clone()));
    let subscriber = tracing_subscriber::registry()
        .with(parse("trace,aws_smithy_runtime=trace").unwrap())
        .with(super::Lines { form: JSON, writer });
    tracing::subscriber::with_default(subscriber, || {
        tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", output = "said", "hidden");
        tracing::debug!(target: "aws_smithy_runtime::client::orchestrator", output = "said", "hidden");
        tracing::trace!(target: "sqlx::query", "hidden");
        tracing::debug!(target: "sqlx::query", "shown");
        tracing::info!(target: "aws_smithy_runtime::client::orchestrator", "shown");
        tracing::trace!("shown");
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!((text.matches("shown").count(), text.matches("hidden").count()), (3, 0), "{text}");
}

#[test]
fn the_filter_changes_while_the_process_runs() {
    let lines = Lines::default();
    let writer = Writer::at_once(Box::new(lines.clone()));
    let (filter, handle) = reload::Layer::new(parse("info").unwrap());
    let subscriber = tracing_subscriber::registry().with(filter).with(super::Lines { form: JSON, writer });
    let said = || std::mem::take(&mut *lines.0.lock().unwrap()).split(|byte| *byte == b'\n').count() - 1;
    let both = || {
        tracing::info!("usual");
        tracing::debug!("detail");
        said()
    };
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(both(), 1);
        change(&handle, "debug").unwrap();
        assert_eq!(both(), 2);
        for bad in ["outcrop=loud", "", "  ", &"x,".repeat(4_096)] {
            change(&handle, bad).unwrap_err();
            assert_eq!(both(), 2, "a bad filter changes nothing: {bad}");
        }
        change(&handle, " warn ").unwrap();
        assert_eq!(both(), 0);
    });
}
