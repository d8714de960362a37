//! Charts and waterfalls as SVG: text that shows in any browser, and whose changes can be read.

use std::fmt::Write as _;

/// One line of a chart.
pub(super) struct Series {
    pub(super) label: String,
    /// Seconds since the beginning, and the value.
    pub(super) points: Vec<(f64, f64)>,
}

/// One chart.
pub(super) struct Chart {
    pub(super) title: String,
    /// As Grafana names units: `s`, `percentunit`, `reqps`, `short`, ….
    pub(super) unit: String,
    pub(super) series: Vec<Series>,
}

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 52.0;
/// Readable on white and on dark paper, and apart for those who do not see red and green.
const COLOURS: [&str; 8] =
    ["#3274d9", "#e0752d", "#33a2a2", "#a352cc", "#b8912f", "#d6478b", "#6b7a8f", "#5794f2"];
/// So many lines have a name below the chart.
const NAMED: usize = 6;

/// All charts, three in a row, under one title.
pub(super) fn page(title: &str, charts: &[Chart]) -> String {
    let columns = 3;
    let rows = charts.len().div_ceil(columns);
    let (width, height) = (WIDTH * columns as f64, HEIGHT * rows as f64 + 40.0);
    let mut svg = head(width, height);
    let _ = write!(svg, r#"<text x="14" y="27" class="t">{}</text>"#, escape(title));
    for (at, chart) in charts.iter().enumerate() {
        let (x, y) = ((at % columns) as f64 * WIDTH, (at / columns) as f64 * HEIGHT + 40.0);
        let _ = write!(svg, r#"<g transform="translate({x:.0} {y:.0})">{}</g>"#, draw(chart));
    }
    svg.push_str("</svg>\n");
    svg
}

fn head(width: f64, height: f64) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" font-family="system-ui,sans-serif"><style>text{{font-size:10px;fill:#59636e}}.t{{font-size:16px;font-weight:600;fill:#24292f}}.p{{font-size:12px;font-weight:600;fill:#24292f}}.m{{text-anchor:middle}}.e{{text-anchor:end}}path{{fill:none;stroke-width:1.6;stroke-linejoin:round}}</style><rect width="100%" height="100%" fill="white"/>"#
    )
}

fn draw(chart: &Chart) -> String {
    let values = || chart.series.iter().flat_map(|it| it.points.iter());
    let end = values().map(|it| it.0).fold(1.0, f64::max);
    let most = nice(values().map(|it| it.1).fold(0.0, f64::max));
    let x = |at: f64| LEFT + at / end * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        r##"<rect x="4" y="4" width="{:.0}" height="{:.0}" rx="4" fill="none" stroke="#d1d9e0"/><text x="12" y="21" class="p">{}</text>"##,
        WIDTH - 8.0,
        HEIGHT - 8.0,
        escape(&chart.title)
    );
    for step in 0..=4 {
        let value = most * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            r##"<path d="M{LEFT:.0} {0:.1}H{1:.0}" stroke="#e6eaef"/><text x="{2:.0}" y="{3:.1}" class="e">{4}</text>"##,
            y(value),
            WIDTH - RIGHT,
            LEFT - 5.0,
            y(value) + 3.5,
            written(value, &chart.unit)
        );
    }
    for step in 0..=4 {
        let at = end * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" class="m">{:.0} s</text>"#,
            x(at),
            HEIGHT - BOTTOM + 14.0,
            at
        );
    }
    for (at, series) in chart.series.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let path: Vec<_> = series.points.iter().map(|(t, v)| format!("{:.1} {:.1}", x(*t), y(*v))).collect();
        if !path.is_empty() {
            let _ = write!(svg, r#"<path d="M{}" stroke="{colour}"/>"#, path.join("L"));
        }
        if at < NAMED && !series.label.is_empty() {
            let (column, row) = (at % 3, at / 3);
            let (left, base) = (12.0 + 128.0 * column as f64, HEIGHT - 24.0 + 13.0 * row as f64);
            let _ = write!(
                svg,
                r#"<path d="M{left:.0} {:.0}h10" stroke="{colour}"/><text x="{:.0}" y="{base:.0}">{}</text>"#,
                base - 3.5,
                left + 14.0,
                escape(&clipped(&series.label, 20))
            );
        }
    }
    if chart.series.is_empty() {
        let _ =
            write!(svg, r#"<text x="{:.0}" y="{:.0}" class="m">nothing</text>"#, WIDTH / 2.0, HEIGHT / 2.0);
    }
    svg
}

/// One bar of a waterfall.
pub(super) struct Bar {
    pub(super) depth: usize,
    pub(super) service: String,
    pub(super) name: String,
    /// Milliseconds since the beginning of the trace.
    pub(super) start_ms: f64,
    pub(super) length_ms: f64,
    pub(super) failed: bool,
}

/// A trace, span below span.
pub(super) fn waterfall(title: &str, bars: &[Bar]) -> String {
    const ROW: f64 = 22.0;
    const NAMES: f64 = 430.0;
    const ALL: f64 = 1_200.0;
    let height = 60.0 + ROW * bars.len() as f64;
    let end = bars.iter().map(|it| it.start_ms + it.length_ms).fold(0.001, f64::max);
    let scale = (ALL - NAMES - 110.0) / end;
    let mut services: Vec<&str> = Vec::new();
    let mut svg = head(ALL, height);
    let _ = write!(svg, r#"<text x="14" y="27" class="t">{}</text>"#, escape(title));
    for (at, bar) in bars.iter().enumerate() {
        let index = services.iter().position(|it| *it == bar.service).unwrap_or_else(|| {
            services.push(&bar.service);
            services.len() - 1
        });
        let colour = if bar.failed { "#cf222e" } else { COLOURS[index % COLOURS.len()] };
        let y = 44.0 + ROW * at as f64;
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" class="p">{}</text><text x="{:.0}" y="{:.0}" class="e">{}</text><rect x="{:.1}" y="{:.0}" width="{:.1}" height="13" rx="2" fill="{colour}"/><text x="{:.1}" y="{:.0}">{:.2} ms</text>"#,
            14.0 + 16.0 * bar.depth as f64,
            y + 11.0,
            escape(&clipped(&bar.name, 40)),
            NAMES - 10.0,
            y + 11.0,
            escape(&bar.service),
            NAMES + bar.start_ms * scale,
            y,
            (bar.length_ms * scale).max(2.0),
            NAMES + (bar.start_ms + bar.length_ms) * scale + 6.0,
            y + 10.5,
            bar.length_ms
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The next number up that is easy to read.
fn nice(most: f64) -> f64 {
    if !most.is_finite() || most <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0];
    steps.into_iter().map(|it| it * power).find(|it| *it >= most).unwrap_or(most)
}

fn written(value: f64, unit: &str) -> String {
    match unit {
        "s" if value == 0.0 => "0".to_owned(),
        "s" if value < 1.0 => format!("{} ms", short(value * 1_000.0)),
        "s" => format!("{} s", short(value)),
        "percentunit" => format!("{} %", short(value * 100.0)),
        "percent" => format!("{} %", short(value)),
        "bytes" | "decbytes" => format!("{} MB", short(value / 1e6)),
        "currencyUSD" => format!("${}", short(value)),
        "reqps" | "ops" | "cps" => format!("{}/s", short(value)),
        _ => short(value),
    }
}

fn short(value: f64) -> String {
    let text = match value.abs() {
        it if it >= 1e6 => return format!("{}M", short(value / 1e6)),
        it if it >= 1e4 => return format!("{}k", short(value / 1e3)),
        it if it >= 100.0 || it == 0.0 => format!("{value:.0}"),
        it if it >= 1.0 => format!("{value:.2}"),
        it if it >= 0.01 => format!("{value:.4}"),
        _ => return format!("{value:.1e}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0.0, 0.034, 7.2, 1_234_567.0].map(nice), [1.0, 0.04, 8.0, 2_000_000.0]);
        let texts = [(0.25, "s"), (2.5, "s"), (0.015, "percentunit"), (25_000.0, "short"), (0.5, "reqps")];
        let texts = texts.map(|(value, unit)| written(value, unit));
        assert_eq!(texts, ["250 ms", "2.5 s", "1.5 %", "25k", "0.5/s"]);
    }

    #[test]
    fn what_is_written_is_a_picture() {
        let series = vec![Series { label: "a<b".into(), points: vec![(0.0, 1.0), (10.0, 3.0)] }];
        let svg = page("x & y", &[Chart { title: "t".into(), unit: "s".into(), series }]);
        assert!(svg.contains("a&lt;b") && svg.contains("x &amp; y") && !svg.contains("NaN"), "{svg}");
    }
}
