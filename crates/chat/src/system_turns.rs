//! Instructions in the middle of a conversation, for models that only take them before it.

use crate::{Block, Message, Request, Role, normalise};

/// What marks an instruction that stands among the user's words.
const MARK: &str = "[System instruction]";

/// Turns instructions in the middle of the conversation into marked text of the user, where they stand: moved to the
/// front they would mean something else and cost the prompt cache. Without any, the request stays as it is.
#[must_use]
pub fn system_turns_as_text(mut request: Request) -> Request {
    if request.messages.iter().all(|message| message.role != Role::System) {
        return request;
    }
    for message in &mut request.messages {
        if message.role == Role::System {
            mark(message);
        }
    }
    normalise(request)
}

/// The same for those that stand between two turns of one speaker: models that take instructions in the middle want the
/// turns around them to alternate. Behind the assistant's last turn they become the user's, who is to be answered.
#[must_use]
pub fn wedged_system_turns_as_text(mut request: Request) -> Request {
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    let speaks = |role: &&Role| **role != Role::System;
    let mut wedged = false;
    for (at, message) in request.messages.iter_mut().enumerate() {
        let before = roles[..at].iter().rev().find(speaks);
        let after = roles[at..].iter().find(speaks);
        let wedged_in = before.is_some() && before == after;
        let answered_last = before == Some(&Role::Assistant) && after.is_none();
        if message.role == Role::System && (wedged_in || answered_last) {
            mark(message);
            wedged = true;
        }
    }
    if wedged { normalise(request) } else { request }
}

fn mark(message: &mut Message) {
    message.role = Role::User;
    for block in &mut message.content {
        if let Block::Text(text) = block
            && !text.trim().is_empty()
        {
            *text = format!("{MARK}\n{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(role: Role, text: &str) -> Message {
        Message { role, content: vec![Block::Text(text.into())] }
    }

    #[test]
    fn instructions_between_turns_of_one_speaker_become_text() {
        let messages = vec![
            says(Role::User, "a"),
            says(Role::System, "b"),
            says(Role::User, "c"),
            says(Role::System, "d"),
            says(Role::Assistant, "e"),
            says(Role::System, "f"),
            says(Role::Assistant, "g"),
        ];
        let request = wedged_system_turns_as_text(Request { messages, ..Request::default() });
        let roles: Vec<Role> = request.messages.iter().map(|it| it.role).collect();
        assert_eq!(roles, [Role::User, Role::System, Role::Assistant, Role::User, Role::Assistant]);
        assert_eq!(request.messages[0].content[1], Block::Text("[System instruction]\nb".into()));
    }

    #[test]
    fn an_instruction_behind_the_last_answer_becomes_the_users() {
        let messages = vec![says(Role::User, "a"), says(Role::Assistant, "b"), says(Role::System, "c")];
        let request = wedged_system_turns_as_text(Request { messages, ..Request::default() });
        assert_eq!(request.messages[2].role, Role::User);
    }

    #[test]
    fn instructions_become_marked_text_where_they_stand() {
        let messages = vec![says(Role::User, "a"), says(Role::System, "b"), says(Role::Assistant, "c")];
        let request = system_turns_as_text(Request { messages, ..Request::default() });
        let marked = Block::Text("[System instruction]\nb".into());
        let user = Message { role: Role::User, content: vec![Block::Text("a".into()), marked] };
        assert_eq!(request.messages, [user, says(Role::Assistant, "c")]);
    }
}
