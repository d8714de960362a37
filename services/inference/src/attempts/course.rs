//! Which target is next: the targets of a plan, what became of them in this call, and what is known of them besides.

use std::time::Duration;

use outcrop_ports::IdGen;
use outcrop_types::{FailureKind, RetryClass};

use super::rules::Rules;
use crate::routing::{Candidate, Trial};

/// The way of one call through its targets.
pub(super) struct Course<'a> {
    targets: &'a [Candidate],
    rules: Rules<'a>,
    /// An attempt with less time than this is not worth making.
    least: Duration,
    /// What became of each target.
    fared: Vec<Fared>,
    made: u8,
}

/// What became of a target in this call.
#[derive(Debug, Clone, Copy, Default)]
struct Fared {
    tries: u8,
    /// It is not tried again.
    out: bool,
}

/// A target that is about to be tried.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) target: &'a Candidate,
    pub(super) trial: Trial,
    /// Which attempt of the call it is, from 1.
    pub(super) attempt: u8,
    at: usize,
}

/// Where to go after a failure.
#[derive(Debug)]
pub(super) enum Next<'a> {
    /// At once, to another target.
    Elsewhere(Step<'a>),
    /// To a target that was tried already, after so long; [`Course::again`] then begins.
    Here(Duration, usize),
}

impl<'a> Course<'a> {
    pub(super) fn new(targets: &'a [Candidate], rules: Rules<'a>, streamed: bool) -> Self {
        let least = rules.least(streamed);
        Self { targets, rules, least, fared: vec![Fared::default(); targets.len()], made: 0 }
    }

    /// The first target that is not to be left alone. If all are, the first of all: a call must go somewhere, and may well
    /// find that its target answers again.
    pub(super) fn first(&mut self) -> Option<Step<'a>> {
        let open = |at: &usize| !self.fared[*at].out;
        let found =
            (0..self.targets.len()).filter(open).find_map(|at| Some((at, self.targets[at].state.begin()?)));
        let (at, trial) = match found {
            Some(found) => found,
            None => {
                let at = (0..self.targets.len()).find(open)?;
                (at, self.targets[at].state.begin_anyway())
            }
        };
        Some(self.step(at, trial))
    }

    /// A target cannot be asked this: the step was none. No other target is tried that is called by the same id, or none
    /// of the model at all.
    pub(super) fn unfit(&mut self, step: &Step<'a>, whole_model: bool) {
        self.fared[step.at].tries -= 1;
        self.made -= 1;
        if whole_model {
            self.bar_model(step.at);
        } else {
            let id = &self.targets[step.at].model.bedrock_id;
            for (fared, target) in self.fared.iter_mut().zip(self.targets) {
                fared.out |= target.model.bedrock_id == *id;
            }
        }
    }

    /// Whether anything was tried.
    pub(super) const fn has_begun(&self) -> bool {
        self.made > 1
    }

    /// Where to go after a failure, if anywhere: there must be an attempt left, time, and a target that may be tried once
    /// more without making things worse.
    pub(super) fn after(
        &mut self,
        at: usize,
        failure: FailureKind,
        time_left: Duration,
        ids: &dyn IdGen,
    ) -> Option<Next<'a>> {
        match self.rules.class(failure) {
            RetryClass::Never => return None,
            RetryClass::Here => {}
            RetryClass::Elsewhere => self.fared[at].out = true,
            RetryClass::OtherModel => self.bar_model(at),
        }
        if self.made >= self.rules.attempts() || time_left < self.least {
            return None;
        }
        if let Some(step) = self.untried() {
            return Some(Next::Elsewhere(step));
        }
        let longest = self.rules.longest_pause().min(time_left.saturating_sub(self.least));
        let tried = self.may_be_tried().filter(|at| self.fared[*at].tries > 0);
        let worth_it = tried.filter_map(|at| {
            let wait = self.targets[at].state.wait()?;
            let pause = self.rules.pause(self.fared[at].tries, ids).max(wait);
            (pause <= longest).then_some((at, wait, pause))
        });
        // Of those that were tried least often the one that may be soonest; of several such the best.
        let (at, _, pause) = worth_it.min_by_key(|(at, wait, _)| (self.fared[*at].tries, *wait))?;
        Some(Next::Here(pause, at))
    }

    /// Tries a target again after a pause; if it is to be left alone by now, another one that is not.
    pub(super) fn again(&mut self, at: usize) -> Option<Step<'a>> {
        if let Some(trial) = self.targets[at].state.begin() {
            return Some(self.step(at, trial));
        }
        let (at, trial) = self.may_be_tried().find_map(|at| Some((at, self.targets[at].state.begin()?)))?;
        Some(self.step(at, trial))
    }

    /// How soon one of the targets may answer again, if every one of them is to be left alone now.
    pub(super) fn comes_back(&self) -> Option<Duration> {
        let rests: Option<Vec<_>> = self.targets.iter().map(|it| it.state.resting()).collect();
        rests?.into_iter().min()
    }

    pub(super) fn rules(&self) -> &Rules<'a> {
        &self.rules
    }

    /// A target that was not tried yet and may be now.
    fn untried(&mut self) -> Option<Step<'a>> {
        let fresh = self.may_be_tried().filter(|at| self.fared[*at].tries == 0);
        let (at, trial) = { fresh }.find_map(|at| Some((at, self.targets[at].state.begin()?)))?;
        Some(self.step(at, trial))
    }

    /// The targets that this call may still be put to, whose failures have not used up their retries.
    fn may_be_tried(&self) -> impl Iterator<Item = usize> {
        (0..self.targets.len()).filter(|at| !self.fared[*at].out && self.targets[*at].state.may_retry())
    }

    fn step(&mut self, at: usize, trial: Trial) -> Step<'a> {
        self.fared[at].tries += 1;
        self.made += 1;
        Step { target: &self.targets[at], trial, attempt: self.made, at }
    }

    fn bar_model(&mut self, at: usize) {
        for (fared, target) in self.fared.iter_mut().zip(self.targets) {
            fared.out |= super::is_same(&target.model, &self.targets[at].model);
        }
    }
}

impl Step<'_> {
    pub(super) const fn at(&self) -> usize {
        self.at
    }
}
