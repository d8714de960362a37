//! Small hashes that are the same on every machine and in every version: answers depend on them.

/// FNV-1a, 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // A separator, so that "ab","c" and "a","bc" differ.
        self.0 = (self.0 ^ 0xff).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub(crate) fn finish(self) -> u64 {
        mix(self.0)
    }
}

/// Hash of one piece.
pub(crate) fn of(bytes: &[u8]) -> u64 {
    let mut hash = Hash::new();
    hash.write(bytes);
    hash.finish()
}

/// SplitMix64's finisher: spreads a counter or a weak hash over all 64 bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 22 letters and digits derived from `seed`: the tail of the ids that models give to tool calls.
pub(crate) fn id22(seed: u64) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(22);
    let mut state = seed;
    for at in 0..22_u64 {
        if at % 8 == 0 {
            state = mix(state.wrapping_add(at));
        }
        out.push(char::from(ALPHABET[(state % 62) as usize]));
        state /= 62;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_kept_apart() {
        let (mut left, mut right) = (Hash::new(), Hash::new());
        left.write(b"ab");
        left.write(b"c");
        right.write(b"a");
        right.write(b"bc");
        assert_ne!(left.finish(), right.finish());
    }

    #[test]
    fn ids_are_stable_and_differ() {
        assert_eq!(id22(7), id22(7));
        assert_ne!(id22(7), id22(8));
        assert_eq!(id22(1).len(), 22);
    }
}
