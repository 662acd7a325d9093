//! The `thumbgen` command.
fn main() {}
