//! Vectors and scores: kept whole. Identical calls under way stay apart, for they are short.

use bytes::{BufMut as _, Bytes, BytesMut};
use outcrop_ports::{ModelError, Ranked};
use outcrop_types::PriceTier;
use serde_json::Value;

use super::chat::missed;
use super::{Asked, Terms, key};
use crate::admission::Need;
use crate::attempts::Shot;
use crate::chat::{AskedModel, Caller};
use crate::entry::Entry;
use crate::metering::Operation;
use crate::tallied::Tallied;
use crate::{ChatError, InferenceService};

/// An answer that can be kept.
pub(crate) trait Keepable: Sized {
    fn write(&self) -> Option<Bytes>;
    fn read(kept: &[u8]) -> Option<Self>;
}

/// What a request's answer depends on, and what is done with it.
pub(crate) struct Keeping<'a> {
    pub(crate) terms: Option<Terms>,
    /// All that shapes the answer.
    pub(crate) shape: &'a Value,
}

impl InferenceService {
    /// Lets a call in, and makes it where its answer is not kept: see [`InferenceService::tallied`].
    pub(crate) async fn tallied_once<T: Keepable + Send, F>(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        (need, keeping): (Need, Keeping<'_>),
        cost: (Operation, u64),
        call: impl Fn(Shot) -> F + Send + Sync,
    ) -> Result<Tallied<T>, ChatError>
    where
        F: Future<Output = Result<T, ModelError>> + Send,
    {
        let calls = need.calls;
        let entry = self.enter(caller, model, need).await?.of_calls(calls);
        let Some(terms) = keeping.terms else {
            return Box::pin(self.tallied_in(caller, model, &entry, cost, call)).await;
        };
        let name = |scope: &key::Scope<'_>| key::of_json(scope, keeping.shape, &[]);
        let Some(asked) = Asked::new(self, caller, model, (cost.0, 0), terms, name).await? else {
            return Box::pin(self.tallied_in(caller, model, &entry, cost, call)).await;
        };
        if let Some(given) = given(&asked, caller, &entry).await {
            return Ok(given);
        }
        let mut tallied = Box::pin(self.tallied_in(caller, model, &entry, cost, call)).await?;
        missed(&mut tallied.open, &mut tallied.facts);
        let of = (&tallied.open, &tallied.facts);
        asked.keep(of, tallied.used, PriceTier::Standard, || tallied.answer.write()).await;
        Ok(tallied)
    }
}

/// The answer that is kept.
async fn given<T: Keepable>(asked: &Asked, caller: Caller<'_>, entry: &Entry) -> Option<Tallied<T>> {
    let found = asked.look().await?;
    let answer = T::read(&found.entry.body)?;
    let (open, facts) = asked.given(caller, entry, &found);
    Some(Tallied { answer, open, used: found.entry.head.usage, facts })
}

impl Keepable for Vec<Vec<f32>> {
    /// How many, how long, and the numbers: all vectors of an answer have one length.
    fn write(&self) -> Option<Bytes> {
        let length = self.first().map_or(0, Vec::len);
        if self.iter().any(|it| it.len() != length) {
            return None;
        }
        let mut out = BytesMut::with_capacity(8 + 4 * length * self.len());
        out.put_u32(u32::try_from(self.len()).ok()?);
        out.put_u32(u32::try_from(length).ok()?);
        self.iter().flatten().for_each(|number| out.put_f32(*number));
        Some(out.freeze())
    }

    fn read(kept: &[u8]) -> Option<Self> {
        let (count, rest) = kept.split_first_chunk::<4>()?;
        let (length, numbers) = rest.split_first_chunk::<4>()?;
        let number = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
        let (count, length) = (number(count)?, number(length)?);
        if length == 0 || count.checked_mul(length)?.checked_mul(4)? != numbers.len() {
            return None;
        }
        let (numbers, _) = numbers.as_chunks::<4>();
        let vector = |of: &[[u8; 4]]| of.iter().map(|it| f32::from_be_bytes(*it)).collect();
        Some(numbers.chunks(length).map(vector).collect())
    }
}

impl Keepable for Vec<Ranked> {
    fn write(&self) -> Option<Bytes> {
        let pairs: Vec<_> = self.iter().map(|it| (it.index, it.score)).collect();
        serde_json::to_vec(&pairs).ok().map(Bytes::from)
    }

    fn read(kept: &[u8]) -> Option<Self> {
        let pairs: Vec<(usize, _)> = serde_json::from_slice(kept).ok()?;
        Some(pairs.into_iter().map(|(index, score)| Ranked { index, score }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_reads_as_it_was() {
        let vectors = vec![vec![0.25_f32, -1.5e-7, f32::MAX], vec![1.0, 2.0, 3.0]];
        let kept = vectors.write().unwrap();
        assert_eq!(Vec::<Vec<f32>>::read(&kept), Some(vectors));
        for at in 0..kept.len() {
            assert_eq!(Vec::<Vec<f32>>::read(&kept[..at]), None);
        }
        assert_eq!(vec![vec![1.0_f32], vec![]].write(), None);
        let ranked = vec![Ranked { index: 2, score: 0.123_456_7 }, Ranked { index: 0, score: 1e-9 }];
        let read = Vec::<Ranked>::read(&ranked.write().unwrap()).unwrap();
        let both = |it: &Ranked| (it.index, it.score);
        assert_eq!(read.iter().map(both).collect::<Vec<_>>(), ranked.iter().map(both).collect::<Vec<_>>());
    }
}
