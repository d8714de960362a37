//! Lines, as CloudWatch would read them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use outcrop_telemetry::names::{self, INSTRUMENTS};
use outcrop_telemetry::naming::ENVIRONMENT_DIMENSION;
use serde_json::{Value, json};

use super::*;
use crate::metrics::tests::{Instruments, options};
use crate::options::Emf;

struct Lines {
    reader: Reader,
    intervals: Intervals,
    layout: Layout,
}

impl Lines {
    fn of(instruments: &Instruments) -> Self {
        let layout = Layout {
            namespace: "Outcrop".into(),
            environment: "staging".into(),
            arch: "arm64",
            service: "outcrop-auth",
        };
        Self { reader: instruments.reader(), intervals: Intervals::default(), layout }
    }

    fn next(&mut self) -> Vec<Value> {
        let mut metrics = ResourceMetrics::default();
        self.reader.collect(&mut metrics).expect("collected");
        let lines = self.layout.lines(&self.intervals.next(&metrics));
        lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// The value of a metric in the line with exactly these dimensions.
fn find<'a>(lines: &'a [Value], metric: &str, dimensions: &[(&str, &str)]) -> Option<&'a Value> {
    let is_it = |line: &&Value| {
        let names = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0].as_array().map_or(0, Vec::len);
        names == dimensions.len() + 1
            && dimensions.iter().all(|(name, value)| line[*name] == *value)
            && line.get(metric).is_some()
    };
    let mut found = lines.iter().filter(is_it);
    let line = found.next()?;
    assert!(found.next().is_none(), "{metric} is there twice");
    line.get(metric)
}

#[test]
fn every_line_is_as_the_specification_has_it() {
    let instruments = Instruments::new();
    instruments.record_everything();
    let lines = Lines::of(&instruments).next();
    let schema: Value = serde_json::from_str(include_str!("../../fixtures/emf.schema.json")).expect("JSON");
    let mut named = std::collections::BTreeSet::new();
    for line in &lines {
        validate(&schema, line, "");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for set in directive["Dimensions"].as_array().expect("sets") {
            let names: Vec<_> = set.as_array().expect("a set").iter().filter_map(Value::as_str).collect();
            assert!(names.contains(&ENVIRONMENT_DIMENSION), "{line}");
            for name in names {
                let value = line[name].as_str().expect("a dimension's target is a string");
                assert!(!value.is_empty() && value.len() <= 1_024 && value.is_ascii(), "{line}");
            }
        }
        for metric in directive["Metrics"].as_array().expect("metrics") {
            let name = metric["Name"].as_str().expect("a name");
            named.insert(name.to_owned());
            let target = &line[name];
            let spread = target["Values"].as_array().map_or(0, Vec::len);
            assert!(target.is_number() || (1..=100).contains(&spread), "{line}");
            assert_eq!(spread, target["Counts"].as_array().map_or(0, Vec::len), "{line}");
        }
    }
    let foretold = INSTRUMENTS.iter().filter_map(|row| row.spec.emf).map(|emf| emf.name.to_owned());
    assert_eq!(named, foretold.collect());
}

#[test]
fn metrics_have_the_sets_of_dimensions_that_are_foretold() {
    let instruments = Instruments::new();
    instruments.record_everything();
    let lines = Lines::of(&instruments).next();
    for row in INSTRUMENTS {
        let Some(emf) = row.spec.emf else { continue };
        let with = lines.iter().filter(|line| line.get(emf.name).is_some());
        let mut shown: Vec<Vec<_>> = with
            .map(|line| {
                let set = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0];
                let mut set: Vec<_> =
                    set.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                set.sort_unstable();
                set
            })
            .collect();
        let mut foretold = row.dimension_sets();
        shown.sort();
        foretold.sort();
        assert_eq!(shown, foretold, "{}", emf.name);
    }
}

#[test]
fn series_that_differ_in_other_labels_are_added_up() {
    let instruments = Instruments::new();
    let cost = |usd: f64, team: &str, model: &str| {
        let labels = [(names::TEAM, team), (names::GEN_AI_REQUEST_MODEL, model)];
        instruments.record(names::COST.row(), usd, &labels);
    };
    cost(1.0, "red", "nova");
    cost(2.0, "red", "claude");
    cost(4.0, "blue", "nova");
    let lines = Lines::of(&instruments).next();
    assert_eq!(find(&lines, "Cost", &[]), Some(&json!(7.0)));
    assert_eq!(find(&lines, "Cost", &[("Architecture", "arm64")]), Some(&json!(7.0)));
    assert_eq!(find(&lines, "Cost", &[("Team", "red")]), Some(&json!(3.0)));
    assert_eq!(find(&lines, "Cost", &[("Model", "nova")]), Some(&json!(5.0)));
    assert_eq!(find(&lines, "Cost", &[("Model", "nova"), ("Team", "red")]), None);
}

#[test]
fn each_interval_tells_what_happened_in_it() {
    let instruments = Instruments::new();
    let mut lines = Lines::of(&instruments);
    let throttle = |region| instruments.record(names::THROTTLES.row(), 1.0, &[(names::REGION, region)]);
    throttle("eu-west-1");
    throttle("eu-west-1");
    assert_eq!(find(&lines.next(), "Throttles", &[]), Some(&json!(2.0)));
    assert_eq!(find(&lines.next(), "Throttles", &[]), None, "nothing happened");
    throttle("us-east-1");
    let third = lines.next();
    assert_eq!(find(&third, "Throttles", &[]), Some(&json!(1.0)));
    assert_eq!(find(&third, "Throttles", &[("Region", "us-east-1")]), Some(&json!(1.0)));
    assert_eq!(find(&third, "Throttles", &[("Region", "eu-west-1")]), None);
}

#[test]
fn gauges_tell_how_it_stands_and_of_several_the_most() {
    let instruments = Instruments::new();
    let mut lines = Lines::of(&instruments);
    let used = |share: f64, team| {
        let labels = [(names::TEAM, team), (names::LEVEL, "team"), (names::WINDOW, "day")];
        instruments.record(names::BUDGET_USED.row(), share, &labels);
    };
    used(0.25, "red");
    used(0.75, "blue");
    assert_eq!(find(&lines.next(), "BudgetUse", &[]), Some(&json!(75.0)));
    used(0.5, "blue");
    let second = lines.next();
    assert_eq!(find(&second, "BudgetUse", &[("Level", "team")]), Some(&json!(50.0)));
}

#[test]
fn of_dependencies_the_one_that_is_down_counts() {
    let instruments = Instruments::new();
    for (dependency, is_up) in [("sqlite", 1.0), ("bedrock", 0.0), ("redis", 1.0)] {
        instruments.record(names::DEPENDENCY_UP.row(), is_up, &[(names::DEPENDENCY, dependency)]);
    }
    let lines = Lines::of(&instruments).next();
    assert_eq!(find(&lines, "DependencyUp", &[]), Some(&json!(0.0)));
    assert_eq!(find(&lines, "DependencyUp", &[("Dependency", "redis")]), Some(&json!(1.0)));
}

#[test]
fn processes_are_told_apart_by_their_service() {
    let instruments = Instruments::new();
    instruments.record(names::PROCESS_UPTIME.row(), 60.0, &[]);
    instruments.record(names::PROCESS_MEMORY.row(), 1_024.0, &[]);
    let lines = Lines::of(&instruments).next();
    let service = [("Service", "outcrop-auth")];
    assert_eq!(find(&lines, "Uptime", &service), Some(&json!(60.0)));
    assert_eq!(find(&lines, "MemoryUsage", &service), Some(&json!(1_024.0)));
}

#[test]
fn latencies_are_spread_over_milliseconds_of_the_interval() {
    let instruments = Instruments::new();
    let mut lines = Lines::of(&instruments);
    let row = names::GEN_AI_SERVER_DURATION.row();
    let took = |seconds: f64, model| {
        instruments.record(row, seconds, &[(names::GEN_AI_REQUEST_MODEL, model)]);
    };
    took(0.004, "nova");
    took(9.0, "claude");
    let first = lines.next();
    let all = find(&first, "InferenceLatency", &[]).expect("there");
    assert_eq!([&all["Min"], &all["Max"], &all["Count"]], [&json!(4.0), &json!(9_000.0), &json!(2)]);
    assert_eq!(all["Sum"], json!(9_004.0));
    // The second interval knows nothing of the extremes of the first.
    took(0.6, "nova");
    took(0.7, "nova");
    let second = lines.next();
    let nova = [("Architecture", "arm64"), ("Model", "nova")];
    let nova = find(&second, "InferenceLatency", &nova).expect("there");
    assert_eq!(nova["Counts"], json!([2]));
    assert_eq!(nova["Max"], json!(700.0));
    assert_eq!(nova["Min"], json!(500.0), "the bucket's edge: the least ever was less");
    assert!((nova["Sum"].as_f64().expect("a number") - 1_300.0).abs() < 1e-6);
}

#[test]
fn what_has_lost_its_labels_is_other() {
    let instruments = Instruments::new();
    instruments.record(names::COST.row(), 1.0, &[]);
    assert_eq!(find(&Lines::of(&instruments).next(), "Cost", &[("Team", "other")]), Some(&json!(1.0)));
}

#[test]
fn values_of_dimensions_are_printable_ascii_of_some_length() {
    assert_eq!(line::value(" a\u{7f}b\nü "), "a?b??");
    assert_eq!(line::value("  "), "other");
    assert_eq!(line::value(&"x".repeat(2_000)).len(), 250);
}

fn cloudwatch(instruments: &Instruments, address: String) -> Cloudwatch {
    let options = options();
    let mut wanted = options.metrics.clone().expect("wanted");
    wanted.emf = Emf::Agent(address);
    Cloudwatch::new(&options, &wanted, instruments.reader()).expect("wanted")
}

#[test]
fn an_agent_gets_lines_also_after_it_was_started_anew() {
    let instruments = Instruments::new();
    let agent = TcpListener::bind("127.0.0.1:0").expect("bound");
    let mut cloudwatch = cloudwatch(&instruments, agent.local_addr().expect("bound").to_string());
    for _ in 0..2 {
        instruments.record(names::CLIENT_ERRORS.row(), 3.0, &[]);
        cloudwatch.write();
        let (stream, _) = agent.accept().expect("connected");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["ClientErrors"], json!(3.0));
        drop(stream);
        // Until the system has told the writing side of it, a write is lost.
        let gone = Instant::now();
        while gone.elapsed() < Duration::from_secs(5) && !cloudwatch.sink.is_broken() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn without_an_agent_lines_are_dropped_at_once() {
    let instruments = Instruments::new();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("bound");
    let mut cloudwatch = cloudwatch(&instruments, free.to_string());
    instruments.record_everything();
    let began = Instant::now();
    cloudwatch.write();
    cloudwatch.write();
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// Judges by those words of JSON Schema that the specification's schema uses.
fn validate(schema: &Value, value: &Value, at: &str) {
    let is_right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        other => panic!("the schema has the type {other:?} at {at}"),
    };
    assert!(is_right, "{at} is {value}");
    for word in schema.as_object().into_iter().flatten() {
        let (most, length) = (word.1.as_u64(), value.as_str().map(|it| it.chars().count() as u64));
        let count = value.as_array().map(|it| it.len() as u64);
        let holds = match word.0.as_str() {
            "required" => word
                .1
                .as_array()
                .into_iter()
                .flatten()
                .all(|it| value.get(it.as_str().unwrap_or("")).is_some()),
            "enum" => word.1.as_array().is_some_and(|it| it.contains(value)),
            "minLength" => length >= most,
            "maxLength" => length <= most,
            "minItems" => count >= most,
            "maxItems" => count <= most,
            "type" | "properties" | "items" | "$comment" => true,
            other => panic!("the schema says {other} at {at}"),
        };
        assert!(holds, "{at}: {} is {}, and it is {value}", word.0, word.1);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            validate(schema, value, &format!("{at}/{name}"));
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            validate(items, value, &format!("{at}[]"));
        }
    }
}
