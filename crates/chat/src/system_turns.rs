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
    fn instructions_become_marked_text_where_they_stand() {
        let messages = vec![says(Role::User, "a"), says(Role::System, "b"), says(Role::Assistant, "c")];
        let request = system_turns_as_text(Request { messages, ..Request::default() });
        let marked = Block::Text("[System instruction]\nb".into());
        let user = Message { role: Role::User, content: vec![Block::Text("a".into()), marked] };
        assert_eq!(request.messages, [user, says(Role::Assistant, "c")]);
    }
}
