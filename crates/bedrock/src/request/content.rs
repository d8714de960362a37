//! Turns and what they are made of.

use outcrop_chat::{
    Block, CacheTtl, CitedText, Document, DocumentSource, GuardedText, Message, Reasoning, Role,
    SearchResult, Source, SystemBlock, ToolResult, ToolResultBlock,
};

use crate::json::{self, Object, object};

/// The instructions before the conversation.
pub(super) fn system(out: &mut Vec<u8>, blocks: &[SystemBlock]) {
    json::list(out, blocks, |out, block| {
        object(out, |it| match block {
            SystemBlock::Text(text) => it.value("text", text),
            SystemBlock::CachePoint(ttl) => cache_point(it, *ttl),
            SystemBlock::Guard(guarded) => guard(it, guarded),
        });
    });
}

/// The turns.
pub(super) fn messages(out: &mut Vec<u8>, messages: &[Message]) {
    json::list(out, messages, |out, message| {
        object(out, |it| {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::System => "system",
            };
            it.value("role", role);
            it.list("content", &message.content, |out, it| object(out, |out| block(out, it)));
        });
    });
}

/// Where a prompt may be kept up to. Five minutes is what Bedrock assumes, and older models take no other word.
pub(super) fn cache_point(out: &mut Object<'_>, ttl: CacheTtl) {
    out.object("cachePoint", |it| {
        it.value("type", "default");
        it.maybe("ttl", (ttl != CacheTtl::FiveMinutes).then_some(ttl.name()));
    });
}

fn block(out: &mut Object<'_>, block: &Block) {
    match block {
        Block::Text(text) => out.value("text", text),
        Block::Image(it) => medium(out, "image", it.format.name(), &it.source),
        Block::Video(it) => medium(out, "video", it.format.name(), &it.source),
        Block::Audio(it) => medium(out, "audio", it.format.name(), &it.source),
        Block::Document(it) => document(out, it),
        // `check` has refused it.
        Block::Link(link) => out.value("text", &link.url),
        Block::ToolUse(call) => out.object("toolUse", |it| {
            it.value("toolUseId", &call.id);
            it.value("name", &call.name);
            it.value("input", &call.input);
        }),
        Block::ToolResult(it) => tool_result(out, it),
        Block::Reasoning(it) => reasoning(out, it),
        Block::CachePoint(ttl) => cache_point(out, *ttl),
        Block::Guard(it) => guard(out, it),
        Block::Cited(it) => cited(out, it),
        Block::SearchResult(it) => search_result(out, it),
    }
}

fn medium(out: &mut Object<'_>, kind: &str, format: &str, from: &Source) {
    out.object(kind, |it| {
        it.value("format", format);
        it.object("source", |it| source(it, from));
    });
}

/// What came in base64 leaves as it came: it is copied once, into the body.
fn source(out: &mut Object<'_>, source: &Source) {
    match source {
        Source::Bytes(bytes) => json::base64(out.field("bytes"), bytes),
        Source::Base64(text) => json::plain(out.field("bytes"), text),
        Source::S3 { uri, bucket_owner } => out.object("s3Location", |it| {
            it.value("uri", uri);
            it.maybe("bucketOwner", bucket_owner.as_ref());
        }),
    }
}

fn document(out: &mut Object<'_>, document: &Document) {
    out.object("document", |it| {
        it.maybe("format", document.format.map(outcrop_chat::DocumentFormat::name));
        it.value("name", &document.name);
        it.object("source", |it| match &document.source {
            DocumentSource::File(file) => source(it, file),
            DocumentSource::Text(text) => it.value("text", text),
            DocumentSource::Parts(parts) => texts(it, "content", parts),
        });
        it.maybe("context", document.context.as_ref());
        if document.citations {
            citations_on(it);
        }
    });
}

fn texts(out: &mut Object<'_>, key: &str, parts: &[String]) {
    out.list(key, parts, |out, part| object(out, |it| it.value("text", part)));
}

fn citations_on(out: &mut Object<'_>) {
    out.object("citations", |it| it.value("enabled", &true));
}

fn tool_result(out: &mut Object<'_>, result: &ToolResult) {
    out.object("toolResult", |it| {
        it.value("toolUseId", &result.id);
        it.list("content", &result.content, |out, it| object(out, |out| tool_result_block(out, it)));
        // Success is what Bedrock assumes, and only some models take a status at all.
        it.maybe("status", result.is_error.then_some("error"));
    });
}

fn tool_result_block(out: &mut Object<'_>, block: &ToolResultBlock) {
    match block {
        ToolResultBlock::Text(text) => out.value("text", text),
        // Bedrock takes objects only.
        ToolResultBlock::Json(value) if value.is_object() => out.value("json", value),
        ToolResultBlock::Json(value) => out.value("text", &value.to_string()),
        ToolResultBlock::Image(it) => medium(out, "image", it.format.name(), &it.source),
        ToolResultBlock::Document(it) => document(out, it),
        ToolResultBlock::Video(it) => medium(out, "video", it.format.name(), &it.source),
        ToolResultBlock::SearchResult(it) => search_result(out, it),
        // `check` has refused it.
        ToolResultBlock::Link(link) => out.value("text", &link.url),
    }
}

fn reasoning(out: &mut Object<'_>, reasoning: &Reasoning) {
    out.object("reasoningContent", |it| match reasoning {
        Reasoning::Text { text, signature } => it.object("reasoningText", |it| {
            it.value("text", text);
            it.maybe("signature", signature.as_ref());
        }),
        Reasoning::Redacted(bytes) => json::base64(it.field("redactedContent"), bytes),
    });
}

fn guard(out: &mut Object<'_>, guarded: &GuardedText) {
    out.object("guardContent", |it| {
        it.object("text", |it| {
            it.value("text", &guarded.text);
            it.maybe("qualifiers", Some(&guarded.qualifiers).filter(|it| !it.is_empty()));
        });
    });
}

fn cited(out: &mut Object<'_>, cited: &CitedText) {
    out.object("citationsContent", |it| {
        texts(it, "content", std::slice::from_ref(&cited.text));
        it.value("citations", &cited.citations);
    });
}

fn search_result(out: &mut Object<'_>, found: &SearchResult) {
    out.object("searchResult", |it| {
        it.value("source", &found.source);
        it.value("title", &found.title);
        texts(it, "content", &found.content);
        if found.citations {
            citations_on(it);
        }
    });
}
