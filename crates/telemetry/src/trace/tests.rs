//! What is read of headers, whoever wrote them, and what peers are told.

use std::collections::HashMap;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const LINE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const XRAY: &str = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";

fn read(headers: &[(&str, &str)]) -> TraceContext {
    TraceContext::extract(|name| headers.iter().find(|it| it.0 == name).map(|it| it.1))
}

fn told(context: &TraceContext) -> HashMap<&'static str, String> {
    let mut headers = HashMap::new();
    context.inject(|name, value| assert!(headers.insert(name, value).is_none(), "{name} once"));
    headers
}

fn ids(context: &TraceContext) -> (Option<String>, Option<String>) {
    (context.trace_id().map(|it| it.to_string()), context.span_id().map(|it| it.to_string()))
}

fn sampled(context: &TraceContext) -> Option<bool> {
    context.known().filter(|it| !headers::is_undecided(it)).map(SpanContext::is_sampled)
}

#[test]
fn w3c_goes_in_and_out() {
    let context = read(&[(TRACEPARENT, LINE), (TRACESTATE, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")]);
    assert_eq!(ids(&context), (Some(TRACE.into()), Some(SPAN.into())));
    assert_eq!(sampled(&context), Some(true));
    let told = told(&context);
    assert_eq!(told[TRACEPARENT], LINE);
    assert_eq!(told[TRACESTATE], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
    assert_eq!(told[XRAY_HEADER], XRAY, "and what vendors say is no part of X-Ray's header");
}

#[test]
fn xray_goes_in_and_out() {
    for header in [
        XRAY,
        "Sampled=1;Parent=00f067aa0ba902b7;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736",
        " Root=1-4BF92F35-77B34DA6A3CE929D0E0E4736; Parent=00F067AA0BA902B7 ;Sampled=1; ",
        "Self=1-67891234-12456789abcdef012345678a;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;\
         Parent=00f067aa0ba902b7;Sampled=1;Lineage=a87bd80c:0|68fd508a:5|c512fbe3:2;TotalTimeSoFar==,;x",
    ] {
        let context = read(&[(XRAY_HEADER, header)]);
        assert_eq!(context.to_line().as_deref(), Some(LINE), "{header}");
        assert_eq!(context.to_xray().as_deref(), Some(XRAY), "{header}");
        assert!(!told(&context).contains_key(TRACESTATE), "{header}");
        assert_eq!(context.xray_trace_id().unwrap().to_string(), "1-4bf92f35-77b34da6a3ce929d0e0e4736");
    }
}

#[test]
fn w3c_counts_more_than_xray_where_it_makes_sense() {
    let other = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    assert_eq!(read(&[(TRACEPARENT, LINE), (XRAY_HEADER, other)]).to_line().as_deref(), Some(LINE));
    let context = read(&[(TRACEPARENT, "nonsense"), (TRACESTATE, "a=b"), (XRAY_HEADER, other)]);
    assert_eq!(context.to_xray().as_deref(), Some(other));
    assert!(!told(&context).contains_key(TRACESTATE), "which belongs to the other one");
}

#[test]
fn nonsense_says_nothing() {
    let long = format!("01-{TRACE}-{SPAN}-01-{}", "x".repeat(2_000));
    for line in [
        "",
        "-",
        "00",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01",
        &long,
    ] {
        assert!(!TraceContext::from_line(line).is_some(), "{line}");
    }
    let long = format!("{XRAY};Lineage={}", "x".repeat(2_000));
    for header in [
        "",
        ";;=;",
        "Root=",
        "Root=1-4bf92f35",
        "Root=2-4bf92f35-77b34da6a3ce929d0e0e4736",
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736-1",
        "Root=1-4bf92f3-77b34da6a3ce929d0e0e47361",
        "Root=1-00000000-000000000000000000000000;Parent=00f067aa0ba902b7",
        "Root=1-+bf92f35-77b34da6a3ce929d0e0e4736",
        "Parent=00f067aa0ba902b7;Sampled=1",
        &long,
    ] {
        assert!(!TraceContext::from_xray(header).is_some(), "{header}");
    }
    assert!(told(&TraceContext::none()).is_empty());
}

#[test]
fn later_versions_are_read_as_the_one_we_know() {
    for line in [
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-the-future-brings",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03 ",
    ] {
        assert_eq!(TraceContext::from_line(line).to_line().as_deref(), Some(LINE), "{line}");
    }
    let unsampled = TraceContext::from_line("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02");
    assert_eq!(sampled(&unsampled), Some(false), "another flag is not this one");
}

#[test]
fn what_vendors_say_is_passed_on_within_bounds() {
    let state = |text: &str| told(&read(&[(TRACEPARENT, LINE), (TRACESTATE, text)])).remove(TRACESTATE);
    assert_eq!(state(" a=1 ,\t, b=2,").as_deref(), Some("a=1,b=2"));
    for nonsense in ["", "a", "A=b", "a=b\r\nx: y", "a=é", "a=b,=c"] {
        assert_eq!(state(nonsense), None, "{nonsense}");
    }
    let long = format!("first=1,long={},last=2,{}", "x".repeat(200), vec!["k=0123456789"; 60].join(","));
    let kept = state(&long).unwrap_or_default();
    assert!(kept.len() <= 512 && kept.starts_with("first=1,last=2"), "{kept}");
    assert_eq!(state(&"a=b,".repeat(10_000)), None, "nobody means that");
}

#[test]
fn a_trace_may_be_known_without_a_parent() {
    let context = read(&[(XRAY_HEADER, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736")]);
    assert_eq!(ids(&context), (Some(TRACE.into()), None));
    assert!(context.is_some() && context.span_context().is_none());
    assert_eq!(context.to_line(), None, "W3C knows no such thing");
    let told = told(&context);
    assert_eq!(told.len(), 1);
    assert_eq!(told[XRAY_HEADER], "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736");
}

#[test]
fn what_was_decided_without_a_parent_is_told_too() {
    for header in [
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1",
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=0",
    ] {
        assert_eq!(told(&TraceContext::from_xray(header))[XRAY_HEADER], header);
    }
}

/// A stream asks for it at each of its parts, and a header with many entries is a client's to send.
#[test]
fn a_copy_shares_what_vendors_say() {
    let context = read(&[(TRACEPARENT, LINE), (TRACESTATE, "a=1,b=2,c=3")]);
    let state = |context: &TraceContext| context.0.as_ref().unwrap().state.clone().unwrap();
    let copy = crate::current::Current::new("r", TraceContext::none()).below(&context).trace;
    assert!(std::sync::Arc::ptr_eq(&state(&context), &state(&copy)));
    let undecided = context.clone().undecided();
    assert!(std::sync::Arc::ptr_eq(&state(&context), &state(&undecided)));
    assert!(context.known().unwrap().trace_state().header().is_empty(), "or copies of it would be deep");
}

#[test]
fn what_nobody_decided_is_told_as_such() {
    let asked = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=?";
    let unsaid = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7";
    let disbelieved = TraceContext::from_line(LINE).undecided();
    for context in [TraceContext::from_xray(asked), TraceContext::from_xray(unsaid), disbelieved] {
        assert_eq!(sampled(&context), None);
        let told = told(&context);
        assert_eq!(told.get(XRAY_HEADER).map(String::as_str), Some(asked));
        assert!(!told.contains_key(TRACEPARENT), "it would say no");
        assert_eq!(ids(&context), (Some(TRACE.into()), Some(SPAN.into())));
    }
}

mod spans {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use opentelemetry_proto::tonic::trace::v1;

    use super::*;
    use crate::names::OUTCOME;
    use crate::testing::{SeenSpan, decoded};

    #[derive(Debug, Default)]
    struct Listener {
        ended: Mutex<Vec<v1::Span>>,
        /// Of each trace that began, what was decided above.
        said: Mutex<Vec<Option<bool>>>,
        over: AtomicBool,
    }

    impl Recorder for Listener {
        fn begin(&self, _: TraceId, said: Option<bool>) -> Option<bool> {
            self.said.lock().unwrap().push(said);
            (!self.over.load(Ordering::Relaxed)).then(|| said.unwrap_or(true))
        }

        fn end(&self, span: Ended<'_>) {
            assert_eq!(span.tells, decoded(&span.bytes).status.unwrap().code == 2);
            self.ended.lock().unwrap().push(decoded(&span.bytes));
        }
    }

    /// All of it in one test, as the recorder is the process' one.
    #[test]
    fn spans_are_values_that_know_their_parents() {
        let parent = TraceContext::from_line(LINE);
        let none = Span::start(SpanKind::Internal, "before there is a recorder", &parent);
        assert!(!none.is_recording() && !is_on());
        assert_eq!(none.context(), &parent, "children are the parent's");

        let listener = Arc::new(Listener::default());
        install(Box::new(Arc::clone(&listener)));

        let mut span = Span::start(SpanKind::Server, "above", &parent);
        span.set("a", 1);
        span.fail("timeout", "it took too long");
        let linked = TraceContext::from_line("00-11111111111111111111111111111111-2222222222222222-01");
        let links = [linked, TraceContext::none()];
        let below = Span::start_linked(SpanKind::Client, "below", span.context(), &links);
        assert_eq!(ids(below.context()).0, Some(TRACE.into()));
        let (above, under) = (span.context().clone(), below.context().clone());
        std::thread::spawn(move || drop(below)).join().unwrap();
        span.end();

        let balancer = TraceContext::from_xray("Root=1-5759e988-bd862e3fe1be46a994272793");
        let root = Span::start(SpanKind::Server, "behind a load balancer", &balancer);
        drop(crate::hop::Hop::begin("POST", "auth", root.context()));
        crate::hop::Hop::begin("DELETE", "jobs", root.context()).answered(204);
        let states = read(&[(TRACEPARENT, LINE), (TRACESTATE, "congo=1,rojo=2")]);
        let stated = Span::start(SpanKind::Server, "", &states);
        assert_eq!(told(stated.context())[TRACESTATE], "congo=1,rojo=2");
        drop(stated);
        assert_eq!(ids(root.context()).0.as_deref(), Some("5759e988bd862e3fe1be46a994272793"));
        listener.said.lock().unwrap().clear();
        let undecided = Span::start(SpanKind::Server, "", &parent.clone().undecided());
        assert_eq!(sampled(undecided.context()), Some(true), "a span of ours is decided");
        let refused = TraceContext::from_xray("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
        drop(Span::start(SpanKind::Server, "", &refused));
        assert_eq!(*listener.said.lock().unwrap(), [None, Some(false)], "a load balancer's word counts");
        let own = Span::start(SpanKind::Server, "", &TraceContext::none());
        let now = opentelemetry::time::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let id = ids(own.context()).0.unwrap();
        let time = u64::from_str_radix(&id[..8], 16).unwrap();
        assert!(now.abs_diff(time) < 60, "X-Ray refuses ids that do not begin with the time");
        assert_ne!(id, ids(Span::start(SpanKind::Server, "", &TraceContext::none()).context()).0.unwrap());
        drop((root, undecided, own));

        let moment = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let mut past = Span::start_at(SpanKind::Internal, "past", &parent, moment(5));
        past.rename("renamed");
        past.end_at(moment(7));

        let spans = listener.ended.lock().unwrap();
        let named = |name: &str| spans.iter().find(|it| it.name == name).unwrap();
        let seen = |name: &str| SeenSpan::from(named(name).clone());
        let (first, second) = (seen("below"), seen("above"));
        assert_eq!(Some(first.span_id), ids(&under).1);
        assert_eq!(Some(first.parent_id), ids(&above).1);
        let is_remote = |name: &str| named(name).flags & 0x200 != 0;
        assert!(!is_remote("below") && is_remote("above"));
        assert_eq!(first.links, 1, "what is in no trace is no link");
        assert_eq!(second.parent_id, SPAN);
        assert_eq!(second.failed.as_deref(), Some("it took too long"));
        assert_eq!((second.get("a"), second.get(crate::names::ERROR_TYPE)), ("1", "timeout"));
        assert!((first.kind, second.kind) == (SpanKind::Client, SpanKind::Server));
        assert!(second.began <= first.began && first.ended <= second.ended);
        let past = seen("renamed");
        assert_eq!((past.began, past.ended), (moment(5), moment(7)));
        assert_eq!(seen("POST auth").get(OUTCOME), "cancelled");
        assert_eq!(seen("DELETE jobs").get(OUTCOME), "");
        assert_eq!(seen("behind a load balancer").parent_id, "0000000000000000");
        drop(spans);

        listener.over.store(true, Ordering::Relaxed);
        let late = Span::start(SpanKind::Internal, "after its end", &parent);
        assert!(!late.is_recording() && late.context() == &parent);
    }
}
