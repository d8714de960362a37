//! What is over is told by a thread, and nobody who reads metrics misses it. A process has one such thread, so this binary has
//! one test.

use std::time::Duration;

use outcrop_exporters::start;
use outcrop_telemetry::later::{self, Of, Tell};
use outcrop_telemetry::names;

use self::options::options;

mod options;

struct Failed;

impl Tell for Failed {
    fn tell(self: Box<Self>) {
        names::SERVER_ERRORS.add(1.0, &[]);
    }
}

struct Faulty;

impl Tell for Faulty {
    fn tell(self: Box<Self>) {
        panic!("a fault in telling");
    }
}

#[test]
fn a_page_has_all_that_was_over_before_it() {
    let exporters = start(&options()).unwrap();
    let page = exporters.prometheus().unwrap();
    let value = |name: &str, label: &str| {
        let page = page();
        let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    for count in [1.0, 2.0, 3.0] {
        later::tell(Of::Request, Box::new(Failed));
        assert_eq!(value("outcrop_server_errors_total", ""), Some(count));
    }
    later::tell(Of::Call, Box::new(Faulty));
    later::tell(Of::Request, Box::new(Failed));
    assert_eq!(value("outcrop_server_errors_total", ""), Some(4.0), "a fault costs nobody else anything");
    assert_eq!(value("outcrop_telemetry_export_failures_total", "outcrop_signal=\"logs\""), Some(1.0));

    later::tell(Of::Request, Box::new(Failed));
    exporters.finish(Duration::from_secs(5));
    assert_eq!(value("outcrop_server_errors_total", ""), Some(5.0));
}
