//! CloudWatch's dashboard: what the alarms look at, and the two architectures side by side.

use outcrop_telemetry::metric::Instrument;
use outcrop_telemetry::names;
use serde_json::{Value, json};

use super::series;

const WIDTH: usize = 8;
const HEIGHT: usize = 6;

/// A line: an instrument, its one free dimension if it is drawn by one, and the statistic.
type Line = (Instrument, &'static [&'static str], &'static str);

struct Widget {
    title: &'static str,
    unit: &'static str,
    lines: Vec<Line>,
}

/// The body, with CloudFormation's `${Namespace}`, `${Environment}` and `${AWS::Region}` in it.
pub(super) fn body() -> anyhow::Result<Value> {
    let mut widgets = Vec::new();
    for (at, widget) in widgets_all().into_iter().enumerate() {
        let metrics = widget.lines.iter().enumerate().map(|(id, it)| line(id, it));
        widgets.push(json!({
            "type": "metric",
            "x": at % 3 * WIDTH, "y": at / 3 * HEIGHT, "width": WIDTH, "height": HEIGHT,
            "properties": {
                "title": widget.title,
                "view": "timeSeries",
                "stacked": false,
                "region": "${AWS::Region}",
                "period": 60,
                "yAxis": {"left": {"label": widget.unit, "showUnits": false, "min": 0}},
                "metrics": metrics.collect::<anyhow::Result<Vec<_>>>()?,
            },
        }));
    }
    Ok(json!({"widgets": widgets}))
}

fn line(id: usize, (instrument, by, statistic): &Line) -> anyhow::Result<Value> {
    let emf = series::emf(*instrument)?;
    anyhow::ensure!(
        emf.dimensions.contains(by),
        "{} does not go to CloudWatch with the dimensions {by:?}",
        emf.name
    );
    if by.is_empty() {
        let options = json!({"stat": statistic, "id": format!("m{id}")});
        return Ok(json!(["${Namespace}", emf.name, "Environment", "${Environment}", options]));
    }
    // Which values there are is not known here: CloudWatch looks for them.
    let dimensions = by.iter().map(|it| series::dimension(it)).collect::<anyhow::Result<Vec<_>>>()?;
    let search = format!(
        "SEARCH('{{${{Namespace}},Environment,{}}} MetricName=\"{}\" Environment=\"${{Environment}}\"', '{statistic}', 60)",
        dimensions.join(","),
        emf.name
    );
    Ok(json!([{"expression": search, "id": format!("e{id}")}]))
}

const fn widget(title: &'static str, unit: &'static str, lines: Vec<Line>) -> Widget {
    Widget { title, unit, lines }
}

fn widgets_all() -> Vec<Widget> {
    [clients(), architectures(), money(), work()].into_iter().flatten().collect()
}

fn clients() -> Vec<Widget> {
    vec![
        widget(
            "Requests",
            "a minute",
            vec![
                (names::REQUESTS.row(), &[], "Sum"),
                (names::CLIENT_ERRORS.row(), &[], "Sum"),
                (names::SERVER_ERRORS.row(), &[], "Sum"),
            ],
        ),
        widget(
            "Latency of model calls",
            "ms",
            vec![
                (names::GEN_AI_SERVER_DURATION.row(), &[], "p50"),
                (names::GEN_AI_SERVER_DURATION.row(), &[], "p95"),
                (names::GEN_AI_SERVER_DURATION.row(), &[], "p99"),
            ],
        ),
        widget(
            "Time to first token",
            "ms",
            vec![
                (names::GEN_AI_SERVER_FIRST_TOKEN.row(), &[], "p50"),
                (names::GEN_AI_SERVER_FIRST_TOKEN.row(), &[], "p95"),
            ],
        ),
    ]
}

fn architectures() -> Vec<Widget> {
    const ARCH: &[&str] = &[names::ARCH];
    vec![
        widget("Requests, by architecture", "a minute", vec![(names::REQUESTS.row(), ARCH, "Sum")]),
        widget(
            "p95 of model calls, by architecture",
            "ms",
            vec![(names::GEN_AI_SERVER_DURATION.row(), ARCH, "p95")],
        ),
        widget("Memory, by architecture", "bytes", vec![(names::PROCESS_MEMORY.row(), ARCH, "Maximum")]),
    ]
}

fn money() -> Vec<Widget> {
    vec![
        widget(
            "Cost",
            "US dollars a minute",
            vec![(names::COST.row(), &[], "Sum"), (names::SAVED.row(), &[], "Sum")],
        ),
        widget("Cost, by team", "US dollars a minute", vec![(names::COST.row(), &[names::TEAM], "Sum")]),
        widget(
            "Tokens, by kind",
            "a minute",
            vec![(names::TOKENS.row(), &[names::GEN_AI_TOKEN_TYPE], "Sum")],
        ),
        widget(
            "Bedrock: attempts, throttles, failovers",
            "a minute",
            vec![
                (names::MODEL_ATTEMPTS.row(), &[], "Sum"),
                (names::THROTTLES.row(), &[], "Sum"),
                (names::FAILOVERS.row(), &[], "Sum"),
            ],
        ),
        widget(
            "Kept answers",
            "a minute",
            vec![(names::CACHE_HITS.row(), &[], "Sum"), (names::CACHE_MISSES.row(), &[], "Sum")],
        ),
        widget(
            "Budgets and limits",
            "per cent; refusals a minute",
            vec![(names::BUDGET_USED.row(), &[], "Maximum"), (names::LIMIT_REFUSALS.row(), &[], "Sum")],
        ),
    ]
}

fn work() -> Vec<Widget> {
    vec![
        widget(
            "Jobs",
            "jobs, messages",
            vec![
                (names::JOBS_DUE.row(), &[], "Maximum"),
                (names::QUEUE_WAITING.row(), &[], "Maximum"),
                (names::JOBS_DEAD.row(), &[], "Maximum"),
                (names::QUEUE_DEAD.row(), &[], "Maximum"),
            ],
        ),
        widget(
            "Ages: oldest job, oldest usage",
            "s",
            vec![(names::JOBS_OLDEST.row(), &[], "Maximum"), (names::SPOOL_OLDEST.row(), &[], "Maximum")],
        ),
        widget(
            "Dependencies",
            "1 is well",
            vec![(names::DEPENDENCY_UP.row(), &[names::DEPENDENCY], "Minimum")],
        ),
    ]
}
