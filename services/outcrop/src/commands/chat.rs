//! `outcrop chat`: one question, the answer as it comes.

use std::io::{IsTerminal, Read};

use futures::StreamExt;
use outcrop_config::Config;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::cli::ChatArgs;
use crate::failure::Failure;
use crate::output;
use crate::remote::{Remote, root_cause};
use crate::sse::Events;

/// Most bytes read from standard input: more than any server takes.
const MAX_INPUT: u64 = 32 * 1024 * 1024;

/// A piece of the answer, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<ErrorBody>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    message: String,
}

pub(crate) async fn run(args: &ChatArgs, config: &Config) -> Result<(), Failure> {
    let remote = Remote::new("chat", &args.remote, config)?;
    let prompt = prompt(&args.prompt)?;
    let mut messages = Vec::new();
    if let Some(system) = &args.system {
        messages.push(json!({"role": "system", "content": system}));
    }
    messages.push(json!({"role": "user", "content": prompt}));
    let mut body = json!({"messages": messages, "stream": true});
    if let Some(model) = &args.model {
        body["model"] = json!(model);
    }
    let request = remote.request(Method::POST, "/v1/chat/completions").json(&body);
    print(remote.send(request).await?).await
}

/// The words of the command line, standard input where they ask for it.
fn prompt(words: &[String]) -> Result<String, Failure> {
    let from_stdin = words.is_empty() || words.iter().any(|word| word == "-");
    if words.is_empty() && std::io::stdin().is_terminal() {
        return Err(Failure::Usage("chat needs something to say: outcrop chat \"Hello\"".to_owned()));
    }
    let input = if from_stdin { read_stdin()? } else { String::new() };
    let prompt = join(words, &input);
    if prompt.trim().is_empty() {
        return Err(Failure::Usage("chat needs something to say; the prompt is empty".to_owned()));
    }
    Ok(prompt)
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::failed(format!("could not read standard input: {error}")))?;
    if text.len() as u64 > MAX_INPUT {
        return Err(Failure::failed(format!("standard input is larger than {MAX_INPUT} bytes")));
    }
    Ok(text)
}

/// Words with spaces between, input with blank lines around it.
fn join(words: &[String], input: &str) -> String {
    if words.is_empty() {
        return input.to_owned();
    }
    let mut prompt = String::new();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            prompt.push_str(if word == "-" || words[at - 1] == "-" { "\n\n" } else { " " });
        }
        prompt.push_str(if word == "-" { input.trim_end_matches('\n') } else { word });
    }
    prompt
}

/// Prints the pieces as they come; only `[DONE]` is a true end.
async fn print(response: reqwest::Response) -> Result<(), Failure> {
    let broken = |detail: &str| Failure::failed(format!("the answer broke off: {detail}"));
    let mut stream = response.bytes_stream();
    let mut events = Events::default();
    let mut last = '\n';
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| broken(&root_cause(&error)))?;
        for data in events.push(&bytes).map_err(|error| broken(&error.to_string()))? {
            if data == "[DONE]" {
                return if last == '\n' { Ok(()) } else { output::write("\n") };
            }
            let chunk: Chunk = serde_json::from_str(&data).map_err(|error| broken(&error.to_string()))?;
            if let Some(error) = chunk.error {
                return Err(broken(&error.message));
            }
            for choice in chunk.choices {
                if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
                    last = text.chars().last().unwrap_or(last);
                    output::write(&text)?;
                }
                if choice.finish_reason.as_deref() == Some("length") {
                    output::complain("the answer was cut at the model's token limit");
                }
            }
        }
    }
    Err(broken("the connection closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_input_become_one_prompt() {
        let check = |words: &[&str], input: &str, expected: &str| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(join(&words, input), expected);
        };
        check(&[], "from a pipe\n", "from a pipe\n");
        check(&["Hello", "there"], "", "Hello there");
        check(&["Sum up:", "-"], "text\n", "Sum up:\n\ntext");
        check(&["Before", "-", "and", "after"], "text", "Before\n\ntext\n\nand after");
    }
}
