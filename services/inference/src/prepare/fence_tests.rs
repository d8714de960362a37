use outcrop_chat::StopReason;

use super::*;

/// Whole, and cut anywhere, a text becomes this.
#[track_caller]
fn check(text: &str, expected: &str) {
    let content = vec![Block::Text(text.to_owned())];
    let mut response = Response { content, ..Response::default() };
    unfenced(&mut response);
    assert_eq!(response.content, [Block::Text(expected.to_owned())], "whole");
    for size in 1..=text.chars().count() {
        let letters: Vec<char> = text.chars().collect();
        let pieces = letters.chunks(size).map(String::from_iter);
        let mut fences = Fences::default();
        let deltas = pieces.map(|it| Event::Delta { index: 2, delta: Delta::Text(it) });
        let events = deltas.chain([Event::BlockStop { index: 2 }, Event::Stop(StopReason::EndTurn)]);
        let events: Vec<_> = events.flat_map(|it| fences.push(it)).collect();
        let [.., Event::BlockStop { index: 2 }, Event::Stop(_)] = &events[..] else { panic!("{events:?}") };
        let told = events.iter().map(|it| match it {
            Event::Delta { index: 2, delta: Delta::Text(text) } => text.as_str(),
            Event::BlockStop { .. } | Event::Stop(_) => "",
            other => panic!("{other:?}"),
        });
        assert_eq!(told.collect::<String>(), expected, "in pieces of {size}");
    }
}

#[test]
fn a_fence_around_the_answer_goes() {
    check("```json\n{\"a\": 1}\n```", "{\"a\": 1}");
    check("```\n[1,\n 2]\n```\n", "[1,\n 2]");
    check("\n ```JSON \n{\"é\": \"``` `` x\"}\n```  \n", "{\"é\": \"``` `` x\"}");
    check("```json\r\n{}\r\n```", "{}");
}

#[test]
fn what_is_no_fence_stays() {
    for text in [
        "{\"a\": 1}",
        "`a`",
        "```",
        "``",
        " \n",
        "```json",
        "```{\"a\": 1}```",
        "``` is a fence\n",
        "Here:\n```\n{}\n```",
    ] {
        check(text, text);
    }
}

#[test]
fn an_answer_that_was_cut_or_goes_on_keeps_the_rest() {
    check("```json\n{\"a\": ", "{\"a\": ");
    check("```json\n{}\n``` Done.", "{}\n``` Done.");
    check("```json\n{}``", "{}``");
}

#[test]
fn a_text_without_its_own_end_is_told_before_what_follows() {
    let mut fences = Fences::default();
    let text = |index, text: &str| Event::Delta { index, delta: Delta::Text(text.to_owned()) };
    let events = [text(0, "``"), text(1, "```\n{} "), Event::Stop(StopReason::MaxTokens)];
    let events: Vec<_> = events.into_iter().flat_map(|it| fences.push(it)).collect();
    let expected = vec![text(0, "``"), text(1, "{}"), text(1, " "), Event::Stop(StopReason::MaxTokens)];
    assert_eq!(events, expected);
}
