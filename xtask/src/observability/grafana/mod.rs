//! Grafana's dashboards: what a panel is, and how it is written.

mod cost;
mod errors;
mod jobs;
mod latency;
mod overview;
mod team;

use outcrop_telemetry::metric::Instrument;
use outcrop_telemetry::names;
use serde_json::{Value, json};

use super::query::Series;
use super::series::{ENVIRONMENT, SERVICE, label};

/// Where everybody links to.
const REPOSITORY: &str = "https://github.com/outcrop/outcrop/blob/main/docs";
/// The version of dashboards' JSON that Grafana 12 writes.
const SCHEMA: u32 = 41;
const COLUMNS: usize = 24;

/// Every dashboard.
pub(super) fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        cost::dashboard(),
        latency::dashboard(),
        errors::dashboard(),
        jobs::dashboard(),
        team::dashboard(),
    ]
}

/// A page of panels.
pub(super) struct Dashboard {
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// Variables besides those that all have.
    pub(super) variables: Vec<Value>,
    pub(super) rows: Vec<(&'static str, Vec<Panel>)>,
}

/// A picture and what is drawn in it.
pub(super) struct Panel {
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    kind: &'static str,
    width: usize,
    /// Expressions, and what each line is called.
    queries: Vec<(String, String)>,
    runbook: Option<&'static str>,
    stacked: bool,
}

/// Lines over time.
pub(super) fn lines(title: &'static str, unit: &'static str, description: &'static str) -> Panel {
    let kind = "timeseries";
    Panel { title, description, unit, kind, width: 8, queries: Vec::new(), runbook: None, stacked: false }
}

/// One number, as it is now.
pub(super) fn number(title: &'static str, unit: &'static str, description: &'static str) -> Panel {
    Panel { kind: "stat", width: 4, ..lines(title, unit, description) }
}

/// One row for each set of labels, as they are now.
pub(super) fn table(title: &'static str, unit: &'static str, description: &'static str) -> Panel {
    Panel { kind: "table", width: 12, ..lines(title, unit, description) }
}

impl Panel {
    /// Draws this too; `legend` as Grafana has it: `{{outcrop_team}}`.
    pub(super) fn draw(mut self, expr: impl Into<String>, legend: &str) -> Self {
        self.queries.push((expr.into(), legend.to_owned()));
        self
    }

    /// Draws this too, with one line for each value of a label.
    pub(super) fn each(self, expr: impl Into<String>, name: &str) -> Self {
        let legend = format!("{{{{{}}}}}", label(name));
        self.draw(expr, &legend)
    }

    pub(super) fn wide(self, width: usize) -> Self {
        Self { width, ..self }
    }

    pub(super) fn stacked(self) -> Self {
        Self { stacked: true, ..self }
    }

    /// Links to what is to be done when it looks bad.
    pub(super) fn runbook(self, name: &'static str) -> Self {
        Self { runbook: Some(name), ..self }
    }

    fn json(&self, id: usize, (x, y): (usize, usize)) -> Value {
        let targets: Vec<_> = self.queries.iter().enumerate().map(|(at, it)| self.target(at, it)).collect();
        let runbook = self.runbook.map(|it| {
            json!({"title": "Runbook", "url": format!("{REPOSITORY}/runbooks/{it}.md"), "targetBlank": true})
        });
        json!({
            "id": id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": {"h": self.height(), "w": self.width, "x": x, "y": y},
            "fieldConfig": {"defaults": self.defaults(), "overrides": []},
            "options": self.options(),
            "targets": targets,
            "links": runbook.into_iter().collect::<Vec<_>>(),
        })
    }

    fn height(&self) -> usize {
        if self.kind == "stat" { 4 } else { 8 }
    }

    fn target(&self, at: usize, (expr, legend): &(String, String)) -> Value {
        let now = self.kind == "table";
        json!({
            "refId": char::from(b'A' + u8::try_from(at).unwrap_or(25)).to_string(),
            "datasource": datasource(),
            "expr": expr,
            "legendFormat": legend,
            "range": !now,
            "instant": now,
            "format": if now { "table" } else { "time_series" },
        })
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({"unit": self.unit, "min": 0});
        if self.kind == "timeseries" {
            let mode = if self.stacked { "normal" } else { "none" };
            defaults["custom"] = json!({
                "lineWidth": 1,
                "fillOpacity": if self.stacked { 40 } else { 8 },
                "showPoints": "never",
                "spanNulls": true,
                "stacking": {"mode": mode, "group": "A"},
            });
        }
        defaults
    }

    fn options(&self) -> Value {
        match self.kind {
            "stat" => json!({
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "colorMode": "value", "graphMode": "area", "textMode": "auto",
            }),
            "table" => json!({"showHeader": true, "cellHeight": "sm"}),
            _ => json!({
                "legend": {"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
        }
    }
}

impl Dashboard {
    /// As Grafana reads it.
    pub(super) fn json(&self) -> Value {
        let mut variables = vec![
            json!({"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}),
            choice("environment", "Environment", ENVIRONMENT),
            choice("service", "Service", SERVICE),
            choice("arch", "Architecture", names::ARCH),
        ];
        variables.extend(self.variables.iter().cloned());
        json!({
            "uid": self.uid,
            "title": format!("Outcrop: {}", self.title),
            "description": self.description,
            "tags": ["outcrop"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": variables},
            "annotations": {"list": []},
            "links": [
                {"type": "dashboards", "title": "Outcrop", "tags": ["outcrop"], "asDropdown": true, "includeVars": true, "keepTime": true},
                {"type": "link", "title": "Runbooks", "url": format!("{REPOSITORY}/runbooks/README.md"), "targetBlank": true},
            ],
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut panels, mut y) = (Vec::new(), 0);
        for (title, row) in &self.rows {
            let place = json!({"h": 1, "w": COLUMNS, "x": 0, "y": y});
            panels.push(json!({"id": panels.len() + 1, "type": "row", "title": title, "collapsed": false, "gridPos": place, "panels": []}));
            y += 1;
            let (mut x, mut height) = (0, 0);
            for panel in row {
                if x + panel.width > COLUMNS {
                    (x, y, height) = (0, y + height, 0);
                }
                panels.push(panel.json(panels.len() + 1, (x, y)));
                x += panel.width;
                height = height.max(panel.height());
            }
            y += height;
        }
        panels
    }
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// A variable with the values that a label has now.
fn choice(name: &str, title: &str, of: &str) -> Value {
    // Every process has this one, whatever it does.
    let uptime = names::PROCESS_UPTIME.row().prometheus_name();
    values(name, title, &format!("label_values({uptime}, {})", label(of)))
}

/// A variable with the values of a label of one instrument.
fn choice_of(name: &str, title: &str, instrument: Instrument, of: &str) -> Value {
    values(name, title, &format!("label_values({}, {})", instrument.prometheus_name(), label(of)))
}

fn values(name: &str, title: &str, query: &str) -> Value {
    json!({
        "name": name, "label": title, "type": "query", "datasource": datasource(),
        "definition": query, "query": {"query": query, "refId": "A"},
        "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    })
}

/// A variable that the operator fills in.
fn written(name: &str, title: &str, description: &str, value: &str) -> Value {
    json!({
        "name": name, "label": title, "description": description, "type": "textbox", "query": value,
        "current": {"text": value, "value": value}, "options": [{"selected": true, "text": value, "value": value}],
    })
}

/// The series of an instrument that the variables choose.
fn chosen(instrument: Instrument) -> Series {
    let matchers = format!(
        "{}=~\"$environment\",{}=~\"$service\",{}=~\"$arch\"",
        label(ENVIRONMENT),
        label(SERVICE),
        label(names::ARCH)
    );
    Series::of(instrument, "$__rate_interval").within(&matchers)
}
