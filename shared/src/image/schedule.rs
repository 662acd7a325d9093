//! The program as it is executed: in order, with the operations of a block once a step.

use super::ops::{Ops, Position};
use crate::op::Op;

/// One execution of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Index of the operation in the program.
    pub index: usize,
    /// The operation.
    pub op: Op<'a>,
    /// The step of a block, where it is one's: its body, or the operation before it.
    pub step: Option<Step>,
}

/// A step of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its number, from 0.
    pub number: u16,
    /// Whether the turn is the step's last.
    pub last: bool,
}

/// An iterator over the turns of a program.
#[derive(Debug, Clone)]
pub struct Schedule<'a> {
    ops: Ops<'a>,
    index: usize,
    block: Option<Running>,
}

/// A block that is being executed.
#[derive(Debug, Clone)]
struct Running {
    /// Where the operation before its body stands, and its index.
    head: Position,
    index: usize,
    number: u16,
    /// Steps behind this one.
    more: u16,
    /// Operations of this step that are still to come.
    left: u16,
    len: u16,
}

impl<'a> Schedule<'a> {
    pub(super) const fn new(ops: Ops<'a>) -> Self {
        Self {
            ops,
            index: 0,
            block: None,
        }
    }

    /// The turn of the operation before a block's body, for a step.
    fn begin(&self, op: Op<'a>, index: usize, number: u16) -> Turn<'a> {
        let last = false;
        Turn {
            index,
            op,
            step: Some(Step { number, last }),
        }
    }
}

impl<'a> Iterator for Schedule<'a> {
    type Item = Turn<'a>;

    fn next(&mut self) -> Option<Turn<'a>> {
        if let Some(block) = &mut self.block
            && block.left == 0
        {
            if let Some(more) = block.more.checked_sub(1) {
                (block.more, block.number, block.left) = (more, block.number + 1, block.len);
                let (index, number) = (block.index, block.number);
                self.ops.go_to(block.head);
                self.index = index + 1;
                let op = self.ops.next()?;
                return Some(self.begin(op, index, number));
            }
            self.block = None;
        }
        let head = self.ops.position();
        let op = self.ops.next()?;
        let index = self.index;
        self.index += 1;
        if let Some(found) = op.kind.block() {
            self.block = Some(Running {
                head,
                index,
                number: 0,
                // At least one, which the check saw to.
                more: found.count.saturating_sub(1),
                left: found.body,
                len: found.body,
            });
            return Some(self.begin(op, index, 0));
        }
        let step = self.block.as_mut().map(|block| {
            block.left = block.left.saturating_sub(1);
            Step {
                number: block.number,
                last: block.left == 0,
            }
        });
        Some(Turn { index, op, step })
    }
}
