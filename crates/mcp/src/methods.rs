//! The methods that both eras have.

use outcrop_wire::mcp::{Completion, Era, Params, Reference, RpcError, read_params};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Catalog, Exchange, Halt};

/// For how long a client may believe a list of tools or templates, milliseconds. They change with a release, or with the caller's
/// permissions.
const TTL_OF_TOOLS_MS: u64 = 300_000;
/// The same for lists that a team changes, and for what is in resources.
const TTL_MS: u64 = 5_000;

/// Whether both eras have it.
pub(crate) fn is_common(method: &str) -> bool {
    matches!(
        method,
        "tools/list"
            | "tools/call"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "prompts/list"
            | "prompts/get"
            | "completion/complete"
    )
}

/// Whether it may take long and say something meanwhile. The others are answered at once.
pub(crate) fn may_take_long(method: &str) -> bool {
    matches!(method, "tools/call" | "resources/read" | "prompts/get")
}

#[derive(Deserialize)]
struct Paged {
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Called {
    name: String,
    arguments: Option<Params>,
}

#[derive(Deserialize)]
struct Read {
    uri: String,
}

#[derive(Deserialize)]
struct Completed {
    r#ref: Reference,
    argument: Argument,
    context: Option<Context>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Context {
    arguments: Option<Params>,
}

/// Answers a request whose method [`is_common`].
pub(crate) async fn answer(
    catalog: &Catalog,
    exchange: &Exchange,
    method: &str,
    params: Params,
) -> Result<Params, Halt> {
    let caller = exchange.caller();
    let (result, ttl_ms) = match method {
        "tools/list" => {
            only_page(params)?;
            (json!({ "tools": catalog.tools(caller).await? }), Some(TTL_OF_TOOLS_MS))
        }
        "tools/call" => {
            let Called { name, arguments } = read_params(params)?;
            let result = catalog.call_tool(exchange, &name, arguments.unwrap_or_default()).await?;
            (json!(result), None)
        }
        "resources/list" => {
            let Paged { cursor } = read_params(params)?;
            let page = catalog.resources(caller, cursor.as_deref()).await?;
            let mut result = json!({ "resources": page.items });
            if let Some(next) = page.next {
                result["nextCursor"] = next.into();
            }
            (result, Some(TTL_MS))
        }
        "resources/templates/list" => {
            only_page(params)?;
            let templates = catalog.resource_templates(caller).await?;
            (json!({ "resourceTemplates": templates }), Some(TTL_OF_TOOLS_MS))
        }
        "resources/read" => {
            let Read { uri } = read_params(params)?;
            (json!({ "contents": catalog.read_resource(exchange, &uri).await? }), Some(TTL_MS))
        }
        "prompts/list" => {
            only_page(params)?;
            (json!({ "prompts": catalog.prompts(caller).await? }), Some(TTL_MS))
        }
        "prompts/get" => {
            let Called { name, arguments } = read_params(params)?;
            (json!(catalog.prompt(exchange, &name, arguments.unwrap_or_default()).await?), None)
        }
        "completion/complete" => {
            let Completed { r#ref, argument, context } = read_params(params)?;
            let others = context.and_then(|it| it.arguments).unwrap_or_default();
            let argument = (&*argument.name, &*argument.value);
            let completion = catalog.complete(caller, &r#ref, argument, &others).await?;
            (json!({ "completion": at_most_a_hundred(completion) }), None)
        }
        other => return Err(RpcError::method_not_found(other).into()),
    };
    let Value::Object(mut result) = result else { return Ok(Params::new()) };
    // What is listed depends on who asks.
    if let Some(ttl_ms) = ttl_ms.filter(|_| exchange.client().version.era() == Era::Modern) {
        result.insert("ttlMs".into(), ttl_ms.into());
        result.insert("cacheScope".into(), "private".into());
    }
    Ok(result)
}

/// As many values as the protocol lets be told (2025-11-25, "Completion Results").
fn at_most_a_hundred(mut completion: Completion) -> Completion {
    const MOST: usize = 100;
    if completion.values.len() > MOST {
        let all = u64::try_from(completion.values.len()).unwrap_or(u64::MAX);
        completion.total.get_or_insert(all);
        completion.has_more = true;
        completion.values.truncate(MOST);
    }
    completion
}

/// A list that has one part: there is no cursor to it.
fn only_page(params: Params) -> Result<(), Halt> {
    let Paged { cursor } = read_params(params)?;
    match cursor {
        None => Ok(()),
        Some(_) => {
            let message = "this is no cursor of this list: it has one page";
            Err(RpcError::invalid_params("params.cursor", message).into())
        }
    }
}
