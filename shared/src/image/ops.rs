//! The operations of an image one after the other.

use super::program;
use super::sections::Sections;
use crate::op::Op;

/// The operations of an image, in order of execution.
#[derive(Debug, Clone)]
pub struct Ops<'a> {
    sections: Sections<'a>,
    at: usize,
    left: usize,
}

/// A place in a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    at: usize,
    left: usize,
}

impl<'a> Ops<'a> {
    /// So many operations, from the first.
    pub(super) const fn new(sections: Sections<'a>, count: usize) -> Self {
        Self {
            sections,
            at: 0,
            left: count,
        }
    }

    /// Before the next operation.
    pub(super) const fn position(&self) -> Position {
        Position {
            at: self.at,
            left: self.left,
        }
    }

    /// Goes on from there.
    pub(super) const fn go_to(&mut self, position: Position) {
        Position {
            at: self.at,
            left: self.left,
        } = position;
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Op<'a>;

    fn next(&mut self) -> Option<Op<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Decoded once when the image was checked, so it decodes again.
        let (op, next) = program::decode(&self.sections, self.at).ok()?;
        self.at = next;
        Some(op)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Ops<'_> {}
