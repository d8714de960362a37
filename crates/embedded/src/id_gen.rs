//! The randomness of this machine.

use outcrop_ports::IdGen;
use uuid::Uuid;

/// The thread's cryptographic generator, seeded and reseeded by the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIdGen;

impl IdGen for SystemIdGen {
    #[expect(clippy::disallowed_methods, reason = "this is where the others take their ids from")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn fill(&self, buffer: &mut [u8]) {
        rand::fill(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_seven_and_ascend() {
        let ids: Vec<Uuid> = (0..100).map(|_| SystemIdGen.uuid()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn buffers_are_filled_anew_and_to_the_end() {
        let (mut one, mut other) = ([0; 64], [0; 64]);
        SystemIdGen.fill(&mut one);
        SystemIdGen.fill(&mut other);
        assert_ne!(one, other);
        assert_ne!(one[48..], [0; 16]);
    }
}
