//! Guardrails over an answer in pieces.
//!
//! In step (`sync`), text is held back until a window of it is full, looked at, and let go but for its tail, which is
//! looked at with the next window, too; windows end where words do.
//! A call of a tool is looked at when it is whole. Beside it (`async`), everything leaves as it comes, and the stream
//! ends when something is found that must not be said; what should have been masked has been said by then, and is told.
//! Thoughts are not looked at.

use std::collections::VecDeque;

use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use outcrop_chat::{BlockStart, Delta, Event, Extra, StopReason};
use outcrop_ports::{EventStream, GuardedSide, ModelError};
use outcrop_types::{GuardrailState, GuardrailStream};

use super::look::{Does, Found, Unasked};
use super::rules::Applied;
use super::texts;
use super::watch::Watch;
use super::windows::{full, tail};

/// Tells the record of the call what was found.
type Note = Box<dyn Fn(GuardrailState, u64) + Send + Sync>;
/// A look that is under way.
type Look = BoxFuture<'static, Result<Found, Unasked>>;

/// The events as guardrails let them pass.
pub(super) fn guarded(watch: Watch, events: EventStream, note: Note) -> EventStream {
    let guards = watch.of_output();
    let beside = !guards.is_empty() && guards.iter().all(|it| it.rule.stream == GuardrailStream::Async);
    let monitored = watch.guards.monitors.iter().any(|it| it.rule.output);
    let state = Guarded {
        watch,
        guards,
        note,
        beside,
        monitored,
        events: Some(events),
        ready: VecDeque::new(),
        run: None,
        said: String::new(),
        looks: FuturesUnordered::new(),
        first: true,
        stop: None,
        told: false,
        guarded: false,
    };
    Box::pin(stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((event, state))
    }))
}

/// A stream under way.
struct Guarded {
    watch: Watch,
    /// Those that step in.
    guards: Vec<Applied>,
    note: Note,
    /// Whether the stream does not wait for them.
    beside: bool,
    monitored: bool,
    /// `None` when nothing more is to come.
    events: Option<EventStream>,
    /// What may leave.
    ready: VecDeque<Result<Event, ModelError>>,
    /// What was written of a block and not looked at.
    run: Option<Run>,
    /// All that was said, where somebody monitors.
    said: String,
    looks: FuturesUnordered<Look>,
    /// Whether no window was full yet.
    first: bool,
    stop: Option<StopReason>,
    /// Whether it was told what was found.
    told: bool,
    /// Whether one of ours stepped in.
    guarded: bool,
}

/// What was written of a block and not looked at.
#[derive(Debug)]
struct Run {
    index: u32,
    /// Whether it is a call of a tool.
    is_tool: bool,
    /// How that begins, until it leaves.
    start: Option<BlockStart>,
    text: String,
    /// How many bytes at its beginning were looked at, and are held back to be looked at with what follows.
    seen: usize,
    /// What was said of the text meanwhile.
    after: Vec<Event>,
    /// Whether part of the block has left.
    left: bool,
}

impl Run {
    /// Has a text that was looked at stand before what is looked at next.
    fn hold(&mut self, text: &str) {
        self.text.insert_str(0, text);
        self.seen = text.len();
    }
}

impl Guarded {
    async fn next(&mut self) -> Option<Result<Event, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let events = self.events.as_mut()?;
            let event = tokio::select! {
                biased;
                Some(found) = self.looks.next(), if !self.looks.is_empty() => {
                    self.beside_found(found);
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => self.take(event).await,
                Some(Err(error)) => {
                    self.ready.push_back(Err(error));
                    self.events = None;
                }
                None => {
                    self.close().await;
                    self.settle().await;
                    self.events = None;
                }
            }
        }
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::BlockStart { index, start } => {
                self.close().await;
                self.begin(index, Some(start));
            }
            Event::Delta { index, delta: delta @ (Delta::Text(_) | Delta::ToolInput(_)) }
                if !self.guards.is_empty() =>
            {
                if self.run.as_ref().is_none_or(|run| run.index != index) {
                    self.close().await;
                    self.begin(index, None);
                }
                self.write(index, delta).await;
            }
            Event::Delta { delta: delta @ Delta::Citation(_), index } => {
                let event = Event::Delta { index, delta };
                match &mut self.run {
                    Some(run) if !self.beside => run.after.push(event),
                    _ => self.ready.push_back(Ok(event)),
                }
            }
            Event::Delta { index, delta } => {
                if let (true, Delta::Text(text)) = (self.monitored, &delta) {
                    self.said.push_str(text);
                }
                self.ready.push_back(Ok(Event::Delta { index, delta }));
            }
            Event::BlockStop { index } => {
                self.close().await;
                self.run = None;
                self.pass(Event::BlockStop { index });
            }
            Event::Stop(reason) => {
                self.close().await;
                self.settle().await;
                self.stop = Some(reason);
                if reason == StopReason::GuardrailIntervened && self.watch.guards.native.is_some() {
                    (self.note)(GuardrailState::Intervened, 0);
                }
                self.pass(Event::Stop(reason));
                self.said_all();
            }
            Event::Extra(extra) => self.extra(*extra),
            Event::Usage(usage) => {
                self.tell();
                self.pass(Event::Usage(usage));
            }
            Event::Start => self.pass(Event::Start),
        }
    }

    /// Lets an event leave, if nobody has ended the stream.
    fn pass(&mut self, event: Event) {
        if self.events.is_some() {
            self.ready.push_back(Ok(event));
        }
    }

    fn begin(&mut self, index: u32, start: Option<BlockStart>) {
        if self.events.is_none() {
            return;
        }
        let is_tool = start.is_some();
        // Nothing is held back where nobody waits for a look.
        let start = if self.beside || self.guards.is_empty() {
            if let Some(start) = start {
                self.pass(Event::BlockStart { index, start });
            }
            None
        } else {
            start
        };
        if !self.guards.is_empty() {
            self.run = Some(Run {
                index,
                is_tool,
                start,
                text: String::new(),
                seen: 0,
                after: Vec::new(),
                left: false,
            });
        }
    }

    /// A block grows.
    async fn write(&mut self, index: u32, delta: Delta) {
        let (Delta::Text(text) | Delta::ToolInput(text)) = &delta else { return };
        if self.monitored {
            self.said.push_str(text);
        }
        let Some(run) = &mut self.run else { return };
        run.text.push_str(text);
        let new = &run.text[run.seen..];
        let end = if run.is_tool { None } else { full(new, self.first).map(|end| run.seen + end) };
        if self.beside {
            self.ready.push_back(Ok(Event::Delta { index, delta }));
        }
        if let Some(end) = end {
            self.look(end, false).await;
        }
    }

    /// Looks at what is left of the block.
    async fn close(&mut self) {
        let Some(run) = &self.run else { return };
        let end = run.text.len();
        self.look(end, true).await;
    }

    /// Looks at the block up to there, and lets go what may be said: all of it, if nothing is to follow.
    async fn look(&mut self, end: usize, last: bool) {
        let Some(run) = &mut self.run else { return };
        let rest = run.text.split_off(end);
        let text = std::mem::replace(&mut run.text, rest);
        let is_new = text.len() > std::mem::take(&mut run.seen);
        self.first = false;
        if self.beside {
            if !last {
                run.hold(&text[tail(&text)..]);
            }
            let (watch, guards) = (self.watch.clone(), self.guards.clone());
            if is_new {
                self.looks.push(look(watch, guards, text));
            }
            return;
        }
        let does = if is_new {
            match look(self.watch.clone(), self.guards.clone(), text.clone()).await {
                Ok(found) => self.found(found),
                Err(error) => return self.fail(error),
            }
        } else {
            Does::Nothing
        };
        let Some(run) = &mut self.run else { return };
        let is_tool = run.is_tool;
        let say = match does {
            Does::Nothing => Some(text),
            Does::Mask(masked) => {
                run.after.clear();
                let text = masked.concat();
                (!is_tool || texts::arguments(&text).is_some()).then_some(text)
            }
            Does::Block(message) => return self.end(&message),
        };
        let Some(mut text) = say else { return self.end("") };
        if !last {
            let held = text.split_off(tail(&text));
            run.hold(&held);
        }
        let index = run.index;
        let started = run.start.take();
        let delta = |text| if is_tool { Delta::ToolInput(text) } else { Delta::Text(text) };
        run.left = true;
        let after = std::mem::take(&mut run.after);
        self.ready.extend(started.map(|start| Ok(Event::BlockStart { index, start })));
        if !text.is_empty() {
            self.ready.push_back(Ok(Event::Delta { index, delta: delta(text) }));
        }
        self.ready.extend(after.into_iter().map(Ok));
    }

    /// Takes note of a look.
    fn found(&mut self, found: Found) -> Does {
        self.watch.seen.add(GuardedSide::Output, &found);
        let (state, units) = self.watch.seen.take();
        (self.note)(state, units);
        self.guarded |= found.does != Does::Nothing;
        found.does
    }

    /// A look beside the stream has come to an end.
    fn beside_found(&mut self, found: Result<Found, Unasked>) {
        match found.map(|found| self.found(found)) {
            Ok(Does::Nothing | Does::Mask(_)) => {}
            Ok(Does::Block(_)) => self.end(""),
            Err(error) => self.fail(error),
        }
    }

    /// Waits for the looks beside the stream.
    async fn settle(&mut self) {
        while self.events.is_some()
            && let Some(found) = self.looks.next().await
        {
            self.beside_found(found);
        }
    }

    /// Ends the stream with what a guardrail says; the model is not listened to any more.
    fn end(&mut self, message: &str) {
        let run = self.run.take();
        let index = run.as_ref().map(|run| run.index);
        let left = run.as_ref().is_some_and(|run| run.left);
        if !message.is_empty() {
            let text = if left { format!("\n\n{message}") } else { message.to_owned() };
            let index = index.unwrap_or_default();
            self.ready.push_back(Ok(Event::Delta { index, delta: Delta::Text(text) }));
            self.ready.push_back(Ok(Event::BlockStop { index }));
        } else if let Some(index) = index.filter(|_| left || self.beside) {
            self.ready.push_back(Ok(Event::BlockStop { index }));
        }
        self.ready.push_back(Ok(Event::Stop(StopReason::GuardrailIntervened)));
        self.tell();
        self.said_all();
        self.finish();
    }

    fn fail(&mut self, error: Unasked) {
        let (state, units) = self.watch.seen.take();
        (self.note)(state, units);
        self.ready.push_back(Err(error.into()));
        self.finish();
    }

    fn finish(&mut self) {
        self.events = None;
        self.run = None;
        self.looks.clear();
    }

    /// What Bedrock says of the answer.
    fn extra(&mut self, mut extra: Extra) {
        if let Some(native) = &self.watch.guards.native {
            let id = &native.guardrail.id;
            self.watch.seen.add_native(id, &mut extra, self.stop, self.watch.guards.traced);
            let (state, units) = self.watch.seen.take();
            (self.note)(state, units);
        }
        if self.guarded {
            // The model's own fields may repeat what must not be said.
            extra.fields = None;
        }
        if self.watch.guards.traced {
            self.told = true;
            self.watch.seen.tell(&mut extra);
        }
        if !extra.is_empty() {
            self.pass(Event::Extra(Box::new(extra)));
        }
    }

    /// Tells what was found, if that was asked for and nobody has told it.
    fn tell(&mut self) {
        if !self.watch.guards.traced || std::mem::replace(&mut self.told, true) {
            return;
        }
        let mut extra = Extra::default();
        self.watch.seen.tell(&mut extra);
        if !extra.is_empty() {
            self.ready.push_back(Ok(Event::Extra(Box::new(extra))));
        }
    }

    /// Has those look at all that was said who only tell.
    fn said_all(&mut self) {
        if self.monitored {
            self.watch.monitor(GuardedSide::Output, &[std::mem::take(&mut self.said)]);
        }
    }
}

fn look(watch: Watch, guards: Vec<Applied>, text: String) -> Look {
    async move {
        let guards: Vec<&Applied> = guards.iter().collect();
        watch.looker.look(&guards, GuardedSide::Output, &[text]).await
    }
    .boxed()
}
