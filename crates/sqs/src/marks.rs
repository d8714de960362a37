//! The trace of a message, in its attributes: W3C's for ourselves, X-Ray's for AWS.
//!
//! SQS counts `AWSTraceHeader` towards no message's size, and X-Ray sees by it where a message went
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).

use std::collections::HashMap;

use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue,
};
use outcrop_telemetry::trace::{TraceContext, XRAY_HEADER};

pub(crate) use outcrop_telemetry::trace::TRACEPARENT;

/// What a message carries of its trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    own: Option<HashMap<String, MessageAttributeValue>>,
    system: Option<HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>>,
}

impl Marks {
    /// Most bytes of them that count: name, type and value.
    pub(crate) const BYTES: usize = 128;

    /// Nothing outside of any trace.
    pub(crate) fn of(trace: &TraceContext) -> Self {
        // Text always makes a value, and a message is worth sending without.
        let own = trace.to_line().and_then(|line| {
            let value =
                MessageAttributeValue::builder().data_type("String").string_value(line).build().ok()?;
            Some(HashMap::from([(TRACEPARENT.to_owned(), value)]))
        });
        let system = trace.to_xray().and_then(|line| {
            let value =
                MessageSystemAttributeValue::builder().data_type("String").string_value(line).build().ok()?;
            Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
        });
        Self { own, system }
    }

    pub(crate) fn own(&self) -> Option<HashMap<String, MessageAttributeValue>> {
        self.own.clone()
    }

    pub(crate) fn system(
        &self,
    ) -> Option<HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>> {
        self.system.clone()
    }
}

/// Where in its trace a message was sent: what others than we sent may have X-Ray's word alone.
pub(crate) fn trace_of(message: &Message) -> TraceContext {
    let own = || message.message_attributes()?.get(TRACEPARENT)?.string_value();
    let system =
        || message.attributes()?.get(&MessageSystemAttributeName::AwsTraceHeader).map(String::as_str);
    TraceContext::extract(|name| match name {
        TRACEPARENT => own(),
        XRAY_HEADER => system(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "00-6ace45e0b1c7d2e3f405162738495061-00f067aa0ba902b7-01";
    const XRAY: &str = "Root=1-6ace45e0-b1c7d2e3f405162738495061;Parent=00f067aa0ba902b7;Sampled=1";

    fn received(own: Option<&str>, system: Option<&str>) -> TraceContext {
        let message = Message::builder()
            .set_message_attributes(own.map(|line| {
                let value = MessageAttributeValue::builder().data_type("String").string_value(line).build();
                HashMap::from([(TRACEPARENT.to_owned(), value.expect("a type"))])
            }))
            .set_attributes(
                system.map(|line| {
                    HashMap::from([(MessageSystemAttributeName::AwsTraceHeader, line.to_owned())])
                }),
            );
        trace_of(&message.build())
    }

    #[test]
    fn either_attribute_tells_the_trace() {
        let line = Some(LINE.to_owned());
        assert_eq!(received(Some(LINE), Some(XRAY)).to_line(), line);
        assert_eq!(received(Some(LINE), None).to_line(), line);
        assert_eq!(received(None, Some(XRAY)).to_line(), line);
        assert_eq!(received(Some("nonsense"), Some("nonsense")).to_line(), None);
        assert_eq!(received(None, None), TraceContext::none());
    }

    #[test]
    fn a_message_is_marked_in_both_ways_and_only_within_a_trace() {
        let marks = Marks::of(&TraceContext::from_line(LINE));
        let own = marks.own().expect("a trace");
        assert_eq!(own[TRACEPARENT].string_value(), Some(LINE));
        assert!(TRACEPARENT.len() + "String".len() + LINE.len() <= Marks::BYTES);
        let system = marks.system().expect("a trace");
        let header = &system[&MessageSystemAttributeNameForSends::AwsTraceHeader];
        assert_eq!(header.string_value(), Some(XRAY));
        let none = Marks::of(&TraceContext::none());
        assert!(none.own().is_none() && none.system().is_none());
    }
}
