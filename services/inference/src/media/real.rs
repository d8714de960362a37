//! What a body really is.

use outcrop_chat::{
    Document, DocumentFormat, DocumentSource, Image, ImageFormat, Link, LinkKind, Source, document_name,
};
use outcrop_ports::Fetched;
use outcrop_wire::base64::image_format;

use super::Medium;

/// How a document is called whose URL has no name.
const UNNAMED: &str = "document";

/// How a file begins that is a ZIP archive: DOCX and XLSX are.
const ZIP: &[u8] = b"PK\x03\x04";

/// How Microsoft's older office files begin.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// How a PDF begins.
const PDF: &[u8] = b"%PDF-";

/// The medium that these bytes are; `Err` continues a sentence that begins with the field's name.
///
/// Bedrock refuses a picture whose declared format is not its real one, and so the bytes decide. A picture that was
/// announced as a document is a picture, and the other way round. Only among formats that look alike from inside does
/// the name decide, then the server.
pub(super) fn medium(link: &Link, fetched: &Fetched) -> Result<Medium, String> {
    let bytes = &fetched.body;
    if bytes.is_empty() {
        return Err("leads to nothing: no bytes came".to_owned());
    }
    let source = Source::Bytes(bytes.clone());
    if let Some(format) = image_format(bytes) {
        return Ok(Medium::Image(Image { format, source }));
    }
    match format(link, fetched) {
        Some(format) => Ok(document(link, format, source)),
        None if link.kind == LinkKind::Image => {
            Err("leads to something that is no PNG, JPEG, GIF or WebP picture".to_owned())
        }
        None => Err("leads to something that is no PDF, CSV, DOC, DOCX, XLS, XLSX, HTML, TXT or MD document"
            .to_owned()),
    }
}

/// The medium that a name promises, where nobody has seen the bytes.
pub(super) fn by_name(link: &Link, source: Source) -> Result<Medium, String> {
    let ending = ending(&link.url);
    match link.kind {
        LinkKind::Image => match image_of(&ending) {
            Some(format) => Ok(Medium::Image(Image { format, source })),
            None => Err("must end in .png, .jpeg, .jpg, .gif or .webp".to_owned()),
        },
        LinkKind::Document => match document_of(&ending) {
            Some(format) => Ok(document(link, format, source)),
            None => Err("must end in .pdf, .csv, .doc, .docx, .xls, .xlsx, .html, .txt or .md".to_owned()),
        },
    }
}

/// A document's format.
fn format(link: &Link, fetched: &Fetched) -> Option<DocumentFormat> {
    use DocumentFormat::{Csv, Doc, Docx, Html, Md, Pdf, Txt, Xls, Xlsx};
    let bytes = &fetched.body[..];
    if bytes.trim_ascii_start().starts_with(PDF) {
        return Some(Pdf);
    }
    // The strongest claim first.
    let claims = [
        link.name.as_deref().and_then(|name| document_of(&ending(name))),
        document_of(&ending(&link.url)),
        fetched.media_type.as_deref().and_then(DocumentFormat::from_media_type),
    ];
    let claims = || claims.into_iter().flatten();
    if bytes.starts_with(ZIP) {
        return claims().find(|it| matches!(it, Docx | Xlsx));
    }
    if bytes.starts_with(OLE) {
        return claims().find(|it| matches!(it, Doc | Xls));
    }
    // A page that says why there is no picture is text too.
    if link.kind == LinkKind::Image || !is_text(bytes) {
        return None;
    }
    match claims().next() {
        Some(text @ (Csv | Html | Md | Txt)) => Some(text),
        // What calls itself a PDF or an office file and is text is somebody's error page.
        Some(Pdf | Doc | Docx | Xls | Xlsx) => None,
        None => Some(Txt),
    }
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

fn document(link: &Link, format: DocumentFormat, source: Source) -> Medium {
    let name = match &link.name {
        Some(name) => document_name(name, UNNAMED),
        None => document_name(&last_segment(&link.url), UNNAMED),
    };
    Medium::Document(Document {
        format: Some(format),
        name,
        source: DocumentSource::File(source),
        context: link.context.clone(),
        citations: link.citations,
    })
}

/// What stands behind the last dot of a URL's last segment, in small letters.
fn ending(url: &str) -> String {
    let name = last_segment(url);
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// The last segment of a URL's path, without its escapes. A host is none.
fn last_segment(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.split_once('/').map_or("", |it| it.1));
    unescaped(path.rsplit('/').next().unwrap_or_default())
}

/// Undoes percent-encoding.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn image_of(ending: &str) -> Option<ImageFormat> {
    if ending == "jpg" { Some(ImageFormat::Jpeg) } else { ImageFormat::parse(ending) }
}

fn document_of(ending: &str) -> Option<DocumentFormat> {
    match ending {
        "htm" | "xhtml" => Some(DocumentFormat::Html),
        "markdown" => Some(DocumentFormat::Md),
        "text" => Some(DocumentFormat::Txt),
        _ => DocumentFormat::parse(ending),
    }
}
