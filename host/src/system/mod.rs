//! What the program needs of the system that it runs on: files, the terminal, other programs, exit
//! codes, the source tree.

pub mod console;
pub mod failure;
pub mod files;
pub mod programs;
pub mod repository;
