//! `functions` and `function_call`: the legacy form of tools.

use outcrop_chat::{InvalidRequest, ToolChoice};

use super::request::{Function, FunctionChoice};
use super::tools::{Offer, declared, distinct, offered};
use crate::ToolNames;
use crate::json::shorten;

/// What is on offer in the legacy form. It has place for one call, so that no more are asked for.
pub(super) fn offer(
    functions: Vec<Function>,
    choice: Option<FunctionChoice>,
    names: &mut ToolNames,
) -> Result<Offer, InvalidRequest> {
    let path = |at: usize| format!("functions[{at}]");
    let functions = functions.into_iter().map(|function| (function, None));
    let specs = distinct(functions.enumerate().map(|(at, it)| (path(at), it)), names)?;
    let parallel = (!specs.is_empty()).then_some(false);
    match choice {
        None => Ok(offered(specs, ToolChoice::Auto, parallel)),
        Some(FunctionChoice::Word(word)) => match word.as_str() {
            "none" => Ok(Offer::Forbidden),
            "auto" => Ok(offered(specs, ToolChoice::Auto, parallel)),
            other => {
                let word = shorten(other);
                let message =
                    format!("`function_call` must be `none`, `auto` or name a function, not `{word}`.");
                Err(InvalidRequest::new("function_call", message))
            }
        },
        Some(FunctionChoice::Object(named)) => {
            let choice = ToolChoice::Named(declared(named.name, &specs, names, "function_call.name")?);
            Ok(offered(specs, choice, parallel))
        }
    }
}
