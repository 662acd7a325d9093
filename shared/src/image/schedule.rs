//! The program as it is executed: in order, with the operations of a block once a step.

use super::reader::Ops;
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
    block: Option<Running<'a>>,
}

/// A block that is being executed.
#[derive(Debug, Clone)]
struct Running<'a> {
    /// The operation before its body, and what comes behind that.
    head: Op<'a>,
    body: Ops<'a>,
    head_index: usize,
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
}

impl<'a> Iterator for Schedule<'a> {
    type Item = Turn<'a>;

    fn next(&mut self) -> Option<Turn<'a>> {
        if let Some(block) = &mut self.block
            && block.left == 0
        {
            if let Some(more) = block.more.checked_sub(1) {
                (block.more, block.number, block.left) = (more, block.number + 1, block.len);
                self.ops = block.body.clone();
                self.index = block.head_index + 1;
                return Some(Turn {
                    index: block.head_index,
                    op: block.head,
                    step: Some(Step {
                        number: block.number,
                        last: false,
                    }),
                });
            }
            self.block = None;
        }
        let op = self.ops.next()?;
        let index = self.index;
        self.index += 1;
        if let Some(found) = op.kind.block() {
            self.block = Some(Running {
                head: op,
                body: self.ops.clone(),
                head_index: index,
                number: 0,
                // At least one, which the check saw to.
                more: found.count.saturating_sub(1),
                left: found.body,
                len: found.body,
            });
            let step = Some(Step {
                number: 0,
                last: false,
            });
            return Some(Turn { index, op, step });
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
