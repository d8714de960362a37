//! What the fuzz targets do with their input. Each reads it as something from outside and asserts what must hold
//! whatever it is; a panic is a finding.
//!
//! Targets of [`dialects`] have names that begin with `wire_`; all others are of [`identity`].

pub mod dialects;
pub mod identity;
