//! Spans as a collector has them, and finding one's way in a trace.

use std::collections::BTreeMap;
use std::fmt;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;

/// A span that was exported.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The process that it is of.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    /// Ids in hex; no parent is empty.
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) attributes: BTreeMap<String, Value>,
    /// Other spans that it says it has to do with: trace and id.
    pub(crate) links: Vec<(String, String)>,
    pub(crate) failed: bool,
    began_ns: u64,
    ended_ns: u64,
    /// All that was exported of it, for whoever looks for what must not be there.
    whole: String,
}

impl Seen {
    /// All spans of an export.
    pub(crate) fn all(sent: ExportTraceServiceRequest) -> Vec<Self> {
        let mut all = Vec::new();
        for of_one in sent.resource_spans {
            let resource = attributes(of_one.resource.unwrap_or_default().attributes);
            let service = resource["service.name"].as_str().unwrap().to_owned();
            let spans = of_one.scope_spans.into_iter().flat_map(|scope| scope.spans);
            all.extend(spans.map(|span| Self::new(&service, span)));
        }
        all
    }

    fn new(service: &str, span: Span) -> Self {
        Self {
            service: service.to_owned(),
            whole: format!("{span:?}"),
            kind: span.kind(),
            failed: span.status.as_ref().is_some_and(|it| it.code() == StatusCode::Error),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            name: span.name,
            attributes: attributes(span.attributes),
            links: span.links.iter().map(|it| (hex(&it.trace_id), hex(&it.span_id))).collect(),
            began_ns: span.start_time_unix_nano,
            ended_ns: span.end_time_unix_nano,
        }
    }

    /// An attribute, which must be there.
    #[track_caller]
    pub(crate) fn has(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    /// An attribute's text; empty without one.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.attributes.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What X-Ray's header says of what is called below it, in a trace that is exported.
    pub(crate) fn xray(&self) -> String {
        let (time, rest) = self.trace.split_at(8);
        format!("Root=1-{time}-{rest};Parent={};Sampled=1", self.id)
    }

    pub(crate) fn took_ms(&self) -> u64 {
        (self.ended_ns - self.began_ns) / 1_000_000
    }

    /// All that was exported of it.
    pub(crate) fn whole(&self) -> &str {
        &self.whole
    }
}

/// The spans of one trace.
#[derive(Debug)]
pub(crate) struct Tree(Vec<Seen>);

impl Tree {
    pub(crate) fn of(mut spans: Vec<Seen>) -> Self {
        spans.sort_by_key(|span| span.began_ns);
        Self(spans)
    }

    /// Whether there is a span whose name begins so.
    pub(crate) fn holds(&self, service: &str, name: &str) -> bool {
        self.0.iter().any(|it| it.service == service && it.name.starts_with(name))
    }

    /// The spans whose names begin so.
    pub(crate) fn named(&self, name: &str) -> Vec<&Seen> {
        self.0.iter().filter(|it| it.name.starts_with(name)).collect()
    }

    /// The span below which a span is, if that is here.
    pub(crate) fn above(&self, span: &Seen) -> Option<&Seen> {
        self.0.iter().find(|it| it.id == span.parent)
    }

    /// The only span whose parent is not here.
    #[track_caller]
    pub(crate) fn root(&self) -> &Seen {
        let roots: Vec<_> = self.0.iter().filter(|it| self.above(it).is_none()).collect();
        assert_eq!(roots.len(), 1, "one root:\n{self}");
        roots[0]
    }

    /// Goes down from a span, by service, kind and the beginning of a name, where there is just one such child each time.
    /// Gives the spans it passed.
    #[track_caller]
    pub(crate) fn down(&self, from: &Seen, steps: &[(&str, SpanKind, &str)]) -> Vec<&Seen> {
        let (mut at, mut passed) = (from.id.clone(), Vec::new());
        for (service, kind, name) in steps {
            let found: Vec<_> = self
                .0
                .iter()
                .filter(|it| it.parent == at && it.service == *service && it.kind == *kind)
                .filter(|it| it.name.starts_with(name))
                .collect();
            assert_eq!(found.len(), 1, "one {kind:?} `{name}` of {service} below {at}:\n{self}");
            at.clone_from(&found[0].id);
            passed.push(found[0]);
        }
        passed
    }
}

/// One line for each span, those below another further in.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for span in &self.0 {
            let (mut depth, mut at) = (0, span);
            while let Some(above) = self.above(at) {
                (depth, at) = (depth + 1, above);
            }
            let failed = if span.failed { " failed" } else { "" };
            let Seen { service, name, kind, id, parent, .. } = span;
            writeln!(
                f,
                "{:depth$}{name} ({kind:?}, {service}, {id} below {parent}){failed}",
                "",
                depth = depth * 2
            )?;
        }
        Ok(())
    }
}

fn attributes(given: Vec<KeyValue>) -> BTreeMap<String, Value> {
    given.into_iter().map(|it| (it.key, it.value.map_or(Value::Null, json))).collect()
}

fn json(value: AnyValue) -> Value {
    match value.value {
        Some(Any::StringValue(it)) => it.into(),
        Some(Any::BoolValue(it)) => it.into(),
        Some(Any::IntValue(it)) => it.into(),
        Some(Any::DoubleValue(it)) => it.into(),
        Some(Any::ArrayValue(it)) => it.values.into_iter().map(json).collect(),
        Some(Any::KvlistValue(it)) => attributes(it.values).into_iter().collect(),
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
