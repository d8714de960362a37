//! Pictures, documents, sound and film, and where their bytes are.

use std::collections::HashMap;

use bytes::Bytes;

/// Where the bytes of a medium are. (What stands behind a URL has to be fetched first: see [`Link`].)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Here, decoded.
    Bytes(Bytes),
    /// Here, in base64 as Bedrock takes it: the standard alphabet, padded, nothing else in between. What came in this
    /// way goes out this way, without a copy of many megabytes being made twice.
    Base64(Bytes),
    /// In S3, where Bedrock reads it.
    S3 {
        /// `s3://bucket/key`
        uri: String,
        /// The account that owns the bucket, if it is not the caller's.
        bucket_owner: Option<String>,
    },
}

impl Source {
    /// About how many bytes it has; 0 for what is not here.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Base64(text) => text.len() / 4 * 3,
            Self::S3 { .. } => 0,
        }
    }
}

macro_rules! format_table {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal : $first:literal $(, $more:literal)* ;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $first] $variant,)*
        }

        impl $name {
            /// Every format, in Converse's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The format of a media type (without parameters), if Converse takes it.
            #[must_use]
            pub fn from_media_type(media_type: &str) -> Option<Self> {
                match media_type.to_ascii_lowercase().as_str() {
                    $($first $(| $more)* => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Converse's word for it, which is also the usual ending of its files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Reads Converse's word.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }

            /// Its media type.
            #[must_use]
            pub const fn media_type(self) -> &'static str {
                match self {
                    $(Self::$variant => $first,)*
                }
            }
        }
    };
}

format_table! {
    /// Picture formats that Converse takes.
    ImageFormat {
        Png = "png": "image/png";
        Jpeg = "jpeg": "image/jpeg", "image/jpg";
        Gif = "gif": "image/gif";
        Webp = "webp": "image/webp";
    }
}

format_table! {
    /// Document formats that Converse takes.
    DocumentFormat {
        Pdf = "pdf": "application/pdf";
        Csv = "csv": "text/csv", "application/csv";
        Doc = "doc": "application/msword";
        Docx = "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        Xls = "xls": "application/vnd.ms-excel";
        Xlsx = "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        Html = "html": "text/html", "application/xhtml+xml";
        Txt = "txt": "text/plain";
        Md = "md": "text/markdown", "text/x-markdown";
    }
}

format_table! {
    /// Film formats that Converse takes.
    VideoFormat {
        Mkv = "mkv": "video/x-matroska", "video/matroska";
        Mov = "mov": "video/quicktime";
        Mp4 = "mp4": "video/mp4";
        Webm = "webm": "video/webm";
        Flv = "flv": "video/x-flv";
        Mpeg = "mpeg": "video/mpeg";
        Mpg = "mpg": "video/mpg";
        Wmv = "wmv": "video/x-ms-wmv";
        ThreeGp = "three_gp": "video/3gpp";
    }
}

format_table! {
    /// Sound formats that Converse takes.
    AudioFormat {
        Mp3 = "mp3": "audio/mp3";
        Opus = "opus": "audio/opus";
        Wav = "wav": "audio/wav", "audio/x-wav", "audio/wave";
        Aac = "aac": "audio/aac";
        Flac = "flac": "audio/flac", "audio/x-flac";
        Mp4 = "mp4": "audio/mp4";
        Ogg = "ogg": "audio/ogg";
        Mkv = "mkv": "audio/x-matroska";
        Mka = "mka": "audio/matroska";
        XAac = "x-aac": "audio/x-aac";
        M4a = "m4a": "audio/m4a", "audio/x-m4a";
        Mpeg = "mpeg": "audio/mpeg";
        Mpga = "mpga": "audio/mpga";
        Pcm = "pcm": "audio/pcm", "audio/l16";
        Webm = "webm": "audio/webm";
    }
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its format.
    pub format: ImageFormat,
    /// Its bytes.
    pub source: Source,
}

/// Where a document's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// A file.
    File(Source),
    /// Its plain text.
    Text(String),
    /// Its parts, each of which can be cited.
    Parts(Vec<String>),
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its format; `None` for text and parts that name none.
    pub format: Option<DocumentFormat>,
    /// 1 to 200 letters, digits, single spaces, hyphens, parentheses and square brackets: see [`document_name`].
    pub name: String,
    /// Its content.
    pub source: DocumentSource,
    /// What the model is told about it.
    pub context: Option<String>,
    /// Whether the answer is to say where in it things stand.
    pub citations: bool,
}

/// A film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// Its format.
    pub format: VideoFormat,
    /// Its bytes.
    pub source: Source,
}

/// Sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Its format.
    pub format: AudioFormat,
    /// Its bytes.
    pub source: Source,
}

/// What a link leads to, in the client's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// A picture.
    Image,
    /// A document.
    Document,
}

/// A medium behind an `https` or `s3` URL. It must be fetched, and become the block it stands for, before a model is
/// called: no adapter takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it leads to.
    pub kind: LinkKind,
    /// Where.
    pub url: String,
    /// The field it came in, as the dialect spells it, for errors.
    pub param: String,
    /// A document's name, if the client gave one.
    pub name: Option<String>,
    /// What the model is told about a document.
    pub context: Option<String>,
    /// Whether the answer is to say where in a document things stand.
    pub citations: bool,
}

/// A document name as Converse takes it (Amazon Bedrock API reference, `DocumentBlock.name`), as like the given one as
/// can be; `fallback` if nothing of it is left.
#[must_use]
pub fn document_name(given: &str, fallback: &str) -> String {
    const MOST: usize = 200;
    let mut name = String::with_capacity(given.len().min(MOST));
    for letter in given.chars() {
        let letter = if letter.is_ascii_alphanumeric() || "-()[]".contains(letter) { letter } else { ' ' };
        if letter != ' ' || (!name.is_empty() && !name.ends_with(' ')) {
            name.push(letter);
        }
        if name.len() >= MOST {
            break;
        }
    }
    let name = name.trim_end();
    if name.is_empty() { fallback.to_owned() } else { name.to_owned() }
}

/// Names of one request's documents: Bedrock refuses two of one name, and models tell documents apart by them.
///
/// However many documents are called alike, each name is found in about one step: the next number is remembered.
#[derive(Debug, Default)]
pub struct DocumentNames {
    /// Every name that is taken, and for the stem of one that was numbered the next number.
    next: HashMap<String, u32>,
    /// How many names were tried.
    #[cfg(test)]
    tries: u32,
}

impl DocumentNames {
    /// Leaves room for ` (1000000)` within the 200 characters of a name. Long names that only differ behind it are
    /// numbered together.
    const MOST_STEM: usize = 190;

    /// The name itself, or if that is taken, with the next number behind it. `name` is one of [`document_name`]'s.
    pub fn tell_apart(&mut self, name: &str) -> String {
        if self.take(name) {
            return name.to_owned();
        }
        let stem: String = name.chars().take(Self::MOST_STEM).collect();
        let stem = stem.trim_end();
        let mut number = self.next.get(stem).copied().unwrap_or_default().max(1);
        loop {
            number = number.saturating_add(1);
            let numbered = format!("{stem} ({number})");
            if self.take(&numbered) || number == u32::MAX {
                self.next.insert(stem.to_owned(), number);
                return numbered;
            }
        }
    }

    fn take(&mut self, name: &str) -> bool {
        #[cfg(test)]
        {
            self.tries += 1;
        }
        let free = !self.next.contains_key(name);
        if free {
            self.next.insert(name.to_owned(), 1);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_of_documents_keep_what_converse_takes() {
        let long = "x".repeat(300);
        let cases = [
            ("report.pdf", "report pdf"),
            ("  a\t_b--(c) [1]é", "a b--(c) [1]"),
            ("..", "document"),
            ("", "document"),
            (long.as_str(), &long[..200]),
        ];
        for (given, name) in cases {
            assert_eq!(document_name(given, "document"), name, "{given}");
        }
    }

    #[test]
    fn names_are_told_apart_within_their_length() {
        let mut names = DocumentNames::default();
        let given = ["a", "a (2)", "a", "a", "b", "a (2)"];
        let told = given.map(|it| names.tell_apart(it));
        assert_eq!(told, ["a", "a (2)", "a (3)", "a (4)", "b", "a (2) (2)"]);
        let long = "x".repeat(200);
        let told = [0; 3].map(|_| names.tell_apart(&long));
        assert_eq!(told[1], format!("{} (2)", "x".repeat(190)));
        assert!(told[2].ends_with("x (3)") && told.iter().all(|it| it.len() <= 200));
    }

    #[test]
    fn many_documents_of_one_name_take_a_step_each() {
        let mut names = DocumentNames::default();
        let last = (0..1_000).map(|_| names.tell_apart("a")).last();
        assert_eq!((last.as_deref(), names.tries), (Some("a (1000)"), 1_999));

        // Names that only differ behind what is kept beside a number.
        let long = |number: u32| format!("{} {number}", "x".repeat(190));
        let mut names = DocumentNames::default();
        let told: HashSet<String> =
            (0..2_000).map(|number| names.tell_apart(&long(number % 1_000))).collect();
        assert_eq!((told.len(), names.tries), (2_000, 3_000));
    }

    #[test]
    fn formats_are_known_by_word_and_by_media_type() {
        assert_eq!(ImageFormat::from_media_type("IMAGE/JPG"), Some(ImageFormat::Jpeg));
        assert_eq!(DocumentFormat::from_media_type("text/html"), Some(DocumentFormat::Html));
        assert_eq!(AudioFormat::from_media_type("image/png"), None);
        for format in VideoFormat::ALL {
            assert_eq!(VideoFormat::parse(format.name()), Some(*format));
            assert_eq!(VideoFormat::from_media_type(format.media_type()), Some(*format));
        }
    }
}
