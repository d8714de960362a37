//! Series that are there before anything happens. Metrics begin once in a process, so this binary has one test.

use std::time::Duration;

use outcrop_exporters::start;

use self::options::options;

mod options;

#[test]
fn counters_that_can_be_foretold_begin_at_nothing() {
    let exporters = start(&options()).unwrap();
    let page = exporters.prometheus().unwrap()();
    let is_at_nothing = |name: &str, label: &str| {
        page.lines().any(|line| {
            line.starts_with(&format!("{name}{{")) && line.contains(label) && line.ends_with(" 0")
        })
    };
    assert!(is_at_nothing("outcrop_server_errors_total", ""), "{page}");
    assert!(is_at_nothing("outcrop_client_errors_total", ""), "{page}");
    for class in ["2xx", "3xx", "4xx", "5xx"] {
        assert!(
            is_at_nothing("outcrop_answers_total", &format!("outcrop_status_class=\"{class}\"")),
            "{page}"
        );
    }
    for outcome in ["exported", "failed", "dropped", "left_out"] {
        assert!(
            is_at_nothing("outcrop_telemetry_spans_total", &format!("outcrop_outcome=\"{outcome}\"")),
            "{page}"
        );
    }
    assert!(!page.contains("outcrop_cost_total{"), "whose teams nobody knows before");
    exporters.finish(Duration::from_secs(5));
}
