//! One schedule, played to a limiter and written into the account.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use uuid::Uuid;

use super::account::{Account, Call, Spend};
use super::schedule::{Each, Schedule, Step};
use super::world::{CUTS, Cut, METERS, meter, names};
use crate::contract::limiter::meters::{START, id, millis};
use crate::{Admission, Ask, Hold, Limiter, Meter, Seed, SeedMode, Settlement, Unseeded};

/// What happened over many schedules.
#[derive(Debug, Default)]
pub(super) struct Tally {
    admitted: u32,
    refused: u32,
    unseeded: u32,
    given_back: u32,
    settled_late: u32,
    settled_again: u32,
    begun: u32,
    begun_in_vain: u32,
    raised: u32,
}

impl Tally {
    /// Schedules that never come to the point show nothing.
    pub(super) fn check(&self, cases: u32) {
        let Self { admitted, refused, unseeded, given_back, .. } = *self;
        let Self { settled_late, settled_again, begun, begun_in_vain, raised, .. } = *self;
        let often = [admitted, refused, unseeded, given_back, settled_again, begun];
        let seldom = [settled_late, begun_in_vain, raised];
        assert!(cases < 32 || often.iter().all(|count| *count > cases), "{self:?}");
        assert!(cases < 32 || seldom.iter().all(|count| *count > cases / 8), "{self:?}");
    }
}

/// What was found out about a past.
#[derive(Clone)]
struct Found {
    /// When it was asked for.
    at_ms: u64,
    spent: Vec<(u64, u64)>,
    settled: usize,
}

struct Play<'a> {
    limiter: &'a dyn Limiter,
    tally: &'a mut Tally,
    schedule: &'a Schedule,
    names: [String; METERS],
    account: Account,
    /// The latest moment that any clock showed, and the one that it shows now.
    latest_ms: u64,
    now_ms: u64,
    found: [Option<Found>; METERS],
}

/// Plays a schedule; what is wrong, if anything.
pub(super) async fn play(
    limiter: &dyn Limiter,
    schedule: &Schedule,
    tally: &mut Tally,
) -> Result<(), String> {
    let now_ms = millis(START);
    let mut play = Play {
        limiter,
        tally,
        schedule,
        names: names(),
        account: Account::default(),
        latest_ms: now_ms,
        now_ms,
        found: [const { None }; METERS],
    };
    for (before_s, amount) in &schedule.spent_before {
        for meter in (0..METERS).filter(|meter| has_past(*meter)) {
            let (at_ms, amount) = (now_ms - before_s * 1_000, i64::try_from(*amount).unwrap());
            let spend = Spend { meter, at_ms, amount, call: None, in_ledger: true, known: false };
            play.account.spends.push(spend);
        }
    }
    for (number, step) in schedule.steps.iter().enumerate() {
        play.step(step).await.map_err(|wrong| format!("step {number}, {step:?}: {wrong}"))?;
    }
    play.end().await.map_err(|wrong| format!("at the end: {wrong}"))
}

impl Play<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Pass(ms) => {
                self.latest_ms += ms;
                self.now_ms = self.latest_ms;
                Ok(())
            }
            Step::Behind(ms) => {
                self.now_ms = self.latest_ms - ms;
                Ok(())
            }
            Step::Reserve { of, calls, amounts, longest_s, perhaps, heed } => {
                let calls: Vec<_> = (0..*calls).map(|_| id()).collect();
                let meters = self.meters(*of, amounts);
                let asked = (calls.as_slice(), meters.as_slice(), longest_s * 1_000, *perhaps);
                if self.reserve(asked).await? && *heed {
                    for (meter, _) in &meters {
                        self.seed_found(*meter).await?;
                    }
                    self.reserve(asked).await?;
                }
                Ok(())
            }
            Step::Unreserved { of, amounts } => {
                let holds = self.meters(*of, amounts).into_iter().map(|(at, it)| (at, it.amount)).collect();
                let (id, at_ms) = (id(), self.now_ms);
                let call =
                    Call { id, at_ms, end_ms: 0, holds, open: false, settled: false, unreserved: true };
                self.account.calls.push(call);
                self.settle(self.account.calls.len() - 1, amounts, METERS).await
            }
            Step::Settle { call, used, said } => match self.account.calls.len() {
                0 => Ok(()),
                calls => self.settle(call % calls, used, *said).await,
            },
            Step::Count { of, amounts } => self.count(&self.meters(*of, amounts)).await,
            Step::Seed { meter } => self.seed_found(*meter).await,
            Step::Raise { meter, back, percent } => self.raise(*meter, *back, *percent).await,
            Step::Exactly { meter, back, percent } => self.exactly(*meter, *back, *percent).await,
            Step::Read => self.read().await,
        }
    }

    /// The meters that are meant.
    fn meters(&self, of: u8, amounts: &Each) -> Vec<(usize, Meter)> {
        let meant = (0..METERS).filter(|meter| of >> meter & 1 == 1);
        meant.map(|index| (index, self.meter(index, self.part(index, amounts[index]), self.now_ms))).collect()
    }

    fn meter(&self, index: usize, amount: u64, at_ms: u64) -> Meter {
        meter(index, &self.names, at_ms, self.schedule.limits[index], amount)
    }

    /// So many per cent of a limit.
    fn part(&self, meter: usize, percent: u16) -> u64 {
        (self.schedule.limits[meter] * u64::from(percent)).div_ceil(100)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    fn give_back(&mut self) {
        self.tally.given_back += u32::try_from(self.account.give_back(self.now_ms)).unwrap();
    }

    /// Asks for calls; whether a past is not known.
    async fn reserve(
        &mut self,
        (calls, asked, longest_ms, unreserved): (&[Uuid], &[(usize, Meter)], u64, bool),
    ) -> Result<bool, String> {
        self.give_back();
        let meters: Vec<_> = asked.iter().map(|(_, meter)| meter.clone()).collect();
        let longest = Duration::from_millis(longest_ms);
        let ask = Ask { calls, meters: &meters, now: self.now(), longest };
        let answer = self.limiter.reserve(&ask).await.map_err(|error| error.to_string())?;
        let answer = self.compare(answer, asked, calls.len() as u64)?;
        match answer {
            Admission::Admitted { .. } => {
                let holds: Vec<_> = asked.iter().map(|(index, meter)| (*index, meter.amount)).collect();
                let (at_ms, end_ms) = (self.now_ms, self.now_ms + longest_ms);
                for id in calls.iter().copied() {
                    let holds = holds.clone();
                    let call = Call { id, at_ms, end_ms, holds, open: true, settled: false, unreserved };
                    self.account.calls.push(call);
                }
                self.tally.admitted += 1;
                Ok(false)
            }
            Admission::Refused { .. } => {
                self.tally.refused += 1;
                Ok(false)
            }
            Admission::Unseeded { .. } => Ok(true),
        }
    }

    async fn count(&mut self, asked: &[(usize, Meter)]) -> Result<(), String> {
        self.give_back();
        let meters: Vec<_> = asked.iter().map(|(_, meter)| meter.clone()).collect();
        let answer = self.limiter.count(&meters, self.now()).await.map_err(|error| error.to_string())?;
        if let Admission::Admitted { .. } = self.compare(answer, asked, 1)? {
            for (index, meter) in asked {
                self.spend(*index, self.now_ms, meter.amount, None);
            }
        }
        Ok(())
    }

    /// Whether an answer is the one that follows from all that happened.
    fn compare(
        &mut self,
        mut answer: Admission,
        asked: &[(usize, Meter)],
        calls: u64,
    ) -> Result<Admission, String> {
        if let Admission::Unseeded { meters } = &mut answer {
            self.tally.unseeded += 1;
            for Unseeded { meter, settled } in meters {
                settled.sort();
                let (index, _) = asked[*meter];
                let spent = self.found_without(index, settled);
                self.found[index] = Some(Found { at_ms: self.now_ms, spent, settled: settled.len() });
            }
        }
        let expected = self.decide(asked, calls);
        if answer == expected { Ok(answer) } else { Err(format!("{answer:#?}, not {expected:#?}")) }
    }

    fn decide(&self, asked: &[(usize, Meter)], calls: u64) -> Admission {
        let state = |index: usize, limit, more| self.account.state(index, limit, more, self.now_ms);
        let mut full = None;
        let mut longest = Duration::ZERO;
        for (place, (index, meter)) in asked.iter().enumerate() {
            let wanted = meter.amount * calls;
            let now = state(*index, meter.limit, 0);
            if now.settled + now.held + wanted <= meter.limit {
                continue;
            }
            let wait = self.account.retry_after(*index, meter.limit, wanted, self.now_ms);
            let stays_full = match wait {
                Some(wait) => wait,
                None if wanted > meter.limit => Duration::MAX,
                None => Duration::ZERO,
            };
            if full.is_none() || stays_full > longest {
                longest = stays_full;
                full = Some((place, wait));
            }
        }
        let states = |more: u64| {
            asked.iter().map(|(index, meter)| state(*index, meter.limit, meter.amount * more)).collect()
        };
        if let Some((full, retry_after)) = full {
            return Admission::Refused { full, retry_after, states: states(0) };
        }
        let unknown = |(meter, (index, _)): (usize, &(usize, Meter))| {
            let mut settled = self.account.left_out(*index);
            settled.sort();
            (!self.account.knows(*index, self.now_ms)).then_some(Unseeded { meter, settled })
        };
        let meters: Vec<_> = asked.iter().enumerate().filter_map(unknown).collect();
        if meters.is_empty() {
            Admission::Admitted { states: states(calls) }
        } else {
            Admission::Unseeded { meters }
        }
    }

    fn spend(&mut self, meter: usize, at_ms: u64, amount: u64, call: Option<Uuid>) {
        if !matches!(CUTS[meter].1, Cut::Open) {
            let amount = i64::try_from(amount).unwrap();
            let in_ledger = call.is_some();
            self.account.spends.push(Spend { meter, at_ms, amount, call, in_ledger, known: true });
        }
    }

    async fn settle(&mut self, call: usize, used: &Each, said: usize) -> Result<(), String> {
        let Call { id, at_ms, holds, open, settled, unreserved, .. } = self.account.calls[call].clone();
        let meters = holds.iter().map(|(index, amount)| self.meter(*index, *amount, at_ms)).collect();
        let used = holds.iter().map(|(index, _)| self.part(*index, used[*index])).take(said);
        let used: Vec<_> = used.collect();
        let hold = Hold { call: id, at_ms, meters };
        let settlement = Settlement { hold, used: used.clone(), unreserved };
        self.limiter.settle(&[settlement], self.now()).await.map_err(|error| error.to_string())?;
        if settled {
            self.tally.settled_again += 1;
            return Ok(());
        }
        self.tally.settled_late += u32::from(!open && !unreserved);
        (self.account.calls[call].open, self.account.calls[call].settled) = (false, true);
        for ((index, _), used) in holds.iter().zip(used.into_iter().chain(std::iter::repeat(0))) {
            self.spend(*index, at_ms, used, Some(id));
        }
        Ok(())
    }

    /// What the ledger says of a meter, without some calls.
    fn found_without(&self, meter: usize, calls: &[Uuid]) -> Vec<(u64, u64)> {
        let cut = CUTS[meter].1;
        let (from, until) = cut.slot(self.now_ms);
        // Of a span only what is of it; of a rolling window also what is too old.
        let meant = |at_ms| !matches!(cut, Cut::Spans { .. }) || (from..until).contains(&at_ms);
        let left_in = |spend: &&Spend| spend.call.is_none_or(|call| !calls.contains(&call));
        let spends = self.account.spends.iter().filter(|it| it.meter == meter && it.in_ledger);
        spends
            .filter(|it| meant(it.at_ms))
            .filter(left_in)
            .map(|it| (it.at_ms, it.amount.try_into().unwrap_or(0)))
            .collect()
    }

    /// Tells what was found out, perhaps too late, or again.
    async fn seed_found(&mut self, meter: usize) -> Result<(), String> {
        let Some(Found { at_ms, spent, settled }) = self.found[meter].clone() else { return Ok(()) };
        // It is of the span in which it was asked for; a rolling window has rolled on.
        let of_ms = match CUTS[meter].1 {
            // Nobody is late by more than a span; such old ones need not be remembered.
            Cut::Spans { length_ms } if self.now_ms > at_ms + length_ms => return Ok(()),
            Cut::Spans { .. } => at_ms,
            _ => self.now_ms,
        };
        let known = self.account.knows(meter, of_ms);
        let expected = !known && self.account.left_out(meter).len() >= settled;
        self.seed(meter, of_ms, (spent, SeedMode::Begin { settled }), expected).await?;
        if expected {
            self.account.know(meter, CUTS[meter].1.begins(of_ms));
            self.tally.begun += 1;
        } else {
            self.tally.begun_in_vain += 1;
        }
        Ok(())
    }

    async fn raise(&mut self, meter: usize, back: u64, percent: u16) -> Result<(), String> {
        // What is held is part of the answer, so it must be seen what is held no more.
        self.read().await?;
        let (at_ms, least) = (self.slots_ago(meter, back), self.part(meter, percent));
        let expected = has_past(meter) && self.account.knows(meter, self.now_ms);
        self.seed(meter, self.now_ms, (vec![(at_ms, least)], SeedMode::AtLeast), expected).await?;
        if expected && at_ms >= CUTS[meter].1.begins(self.now_ms) {
            let (settled, held) = self.account.sum_of_slot(meter, at_ms);
            if settled + held < least {
                self.account.say(meter, at_ms, least - held);
                self.tally.raised += 1;
            }
        }
        Ok(())
    }

    async fn exactly(&mut self, meter: usize, back: u64, percent: u16) -> Result<(), String> {
        let (at_ms, spent) = (self.slots_ago(meter, back), self.part(meter, percent));
        self.seed(meter, self.now_ms, (vec![(at_ms, spent)], SeedMode::Exactly), has_past(meter)).await?;
        if !has_past(meter) {
            return Ok(());
        }
        let cut = CUTS[meter].1;
        let begins = cut.begins(self.now_ms);
        let mut slot = cut.slot(self.now_ms);
        while slot.0 >= begins {
            let said = (slot.0..slot.1).contains(&at_ms) || matches!(cut, Cut::Spans { .. });
            self.account.say(meter, slot.0, if said { spent } else { 0 });
            slot = cut.slot(slot.0 - 1);
        }
        let since = &mut self.account.since_ms[meter];
        *since = Some(since.unwrap_or(u64::MAX).min(begins));
        Ok(())
    }

    /// A moment so many slots ago; of a span, one that is in it.
    fn slots_ago(&self, meter: usize, back: u64) -> u64 {
        match CUTS[meter].1 {
            Cut::Rolling { slot_ms, .. } => self.now_ms - back * slot_ms,
            _ => self.now_ms,
        }
    }

    async fn seed(
        &mut self,
        meter: usize,
        of_ms: u64,
        (spent, mode): (Vec<(u64, u64)>, SeedMode),
        expected: bool,
    ) -> Result<(), String> {
        let asked = self.meter(meter, 0, of_ms);
        let taken = self.limiter.seed(&asked, &Seed { spent, mode }, self.now()).await;
        let taken = taken.map_err(|error| error.to_string())?;
        if taken == expected { Ok(()) } else { Err(format!("{mode:?} was taken: {taken}")) }
    }

    async fn read(&mut self) -> Result<(), String> {
        self.give_back();
        let meters: Vec<_> = (0..METERS).map(|index| self.meter(index, 0, self.now_ms)).collect();
        let states = self.limiter.read(&meters, self.now()).await.map_err(|error| error.to_string())?;
        for (index, state) in states.iter().enumerate() {
            let expected = self.account.state(index, meters[index].limit, 0, self.now_ms);
            if *state != expected {
                return Err(format!("meter {index}: {state:?}, not {expected:?}"));
            }
        }
        Ok(())
    }

    /// All calls end; nothing is held by anybody.
    async fn end(&mut self) -> Result<(), String> {
        for call in 0..self.account.calls.len() {
            if self.account.calls[call].open {
                self.settle(call, &[10; METERS], METERS).await?;
            }
        }
        self.read().await
    }
}

fn has_past(meter: usize) -> bool {
    let (kind, cut) = CUTS[meter];
    cut.has_past(kind)
}
