//! Tools and the choice among them.

use outcrop_chat::{ToolChoice, ToolSpec, Tools};

use super::content::cache_point;
use crate::json::{Object, object};

/// `toolConfig`.
pub(super) fn configuration(out: &mut Vec<u8>, tools: &Tools) {
    object(out, |it| {
        let field = it.field("tools");
        field.push(b'[');
        let mut first = true;
        let mut entry = |field: &mut Vec<u8>, fill: &dyn Fn(&mut Object<'_>)| {
            if !std::mem::replace(&mut first, false) {
                field.push(b',');
            }
            object(field, fill);
        };
        for spec in &tools.specs {
            entry(field, &|it| specification(it, spec));
            if let Some(ttl) = spec.cache {
                entry(field, &|it| cache_point(it, ttl));
            }
        }
        for name in &tools.system {
            entry(field, &|it| it.object("systemTool", |it| it.value("name", name)));
        }
        field.push(b']');
        choice(it, &tools.choice);
    });
}

fn specification(out: &mut Object<'_>, spec: &ToolSpec) {
    out.object("toolSpec", |it| {
        it.value("name", &spec.name);
        it.maybe("description", spec.description.as_ref());
        it.object("inputSchema", |it| it.value("json", &spec.input_schema));
        it.maybe("strict", spec.strict.then_some(&true));
    });
}

/// `auto` is what Bedrock does anyway, and some models refuse to be told.
fn choice(out: &mut Object<'_>, choice: &ToolChoice) {
    match choice {
        ToolChoice::Auto => {}
        ToolChoice::Any => out.object("toolChoice", |it| it.object("any", |_| {})),
        ToolChoice::Named(name) => {
            out.object("toolChoice", |it| it.object("tool", |it| it.value("name", name)));
        }
    }
}
