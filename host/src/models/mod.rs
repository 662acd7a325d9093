//! Exported models: their folders, the shipped ones side by side, and pictures drawn with the
//! firmware's own code.

pub mod folder;
pub mod preview;
pub mod sample;
pub mod shipped;
