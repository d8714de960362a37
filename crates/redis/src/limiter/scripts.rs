//! The scripts, and what every one of them is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use uuid::Uuid;

use super::keys::{Keys, millis};

/// The scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) keys: Keys,
    pub(super) reserve: Script,
    pub(super) settle: Script,
    pub(super) seed: Script,
    pub(super) beat: Script,
    pub(super) renew: Script,
    pub(super) restore: Script,
    /// This process.
    pub(super) process: Uuid,
    /// How long all is being restored, at least and at most.
    grace: [Duration; 2],
    /// How often a name for a new epoch was offered: none may be offered twice.
    offered: AtomicU64,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("../lua/common.lua"), include_str!(concat!("../lua/", $file))))
    };
}

impl Scripts {
    pub(super) fn new(keys: Keys, process: Uuid, grace: [Duration; 2]) -> Self {
        Self {
            keys,
            reserve: script!("reserve.lua"),
            settle: script!("settle.lua"),
            seed: script!("seed.lua"),
            beat: script!("beat.lua"),
            renew: script!("renew.lua"),
            restore: script!("restore.lua"),
            process,
            grace,
            offered: AtomicU64::new(0),
        }
    }

    /// Begins a question with what all scripts are told.
    pub(super) fn ask<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut asked = script.prepare_invoke();
        for key in &self.keys.fixed {
            asked.key(key.as_str());
        }
        let offered = self.offered.fetch_add(1, Ordering::Relaxed);
        asked.arg(self.keys.prefix.as_str()).arg(format!("{}-{offered}", self.process.simple()));
        for grace in self.grace {
            asked.arg(millis(grace));
        }
        asked
    }
}
