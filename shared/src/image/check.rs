//! The check of a program as a whole: each operation by itself, that it reads only what was
//! written, and that blocks of repeated operations are whole.

use super::error::ImageError;
use super::program;
use super::sections::{Sections, region_of};
use super::{MAX_OPS, MAX_REGIONS};
use crate::op::{InputRegions, OpFault};

/// How long a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Number of operations.
    pub ops: usize,
    /// Number of checksums that a golden vector has: one for the input, one an operation outside of
    /// blocks, and one a step of a block.
    pub checksums: usize,
}

/// A block that the walk is in.
struct Open {
    /// Byte and index of the operation before its body.
    start: (usize, usize),
    /// Operations of the body that are still to come.
    left: u16,
    body: u16,
    /// Whether it is walked the first time.
    first: bool,
}

impl Sections<'_> {
    /// Walks the program once, and each block that repeats once more, with every check.
    ///
    /// What a block leaves in the arena does not depend on what was there before it, but for
    /// regions that it does not touch: after two walks nothing new comes of a third.
    pub(super) fn check_program(&self, input: u16, output: u16) -> Result<Extent, ImageError> {
        // How many channels of each region, from the first, hold a value at this point of the
        // program.
        let mut written = [0; MAX_REGIONS];
        let channels = |index| self.region(usize::from(index)).map_or(0, |r| r.channels);
        self.write(&mut written, input, channels(input));
        let mut extent = Extent {
            ops: 0,
            checksums: 1,
        };
        let mut open: Option<Open> = None;
        let mut at = 0;
        while at < self.program.len() {
            let index = extent.ops;
            let wrong = |fault| ImageError::Op { index, fault };
            if index == MAX_OPS {
                return Err(ImageError::impossible(
                    "number of operations, over",
                    MAX_OPS as u32,
                ));
            }
            let (op, next) = program::decode(self, at).map_err(wrong)?;
            // Decoding has found all of them.
            let region = |index: u16| self.region(usize::from(index));
            let missing = wrong(OpFault::NoRegion(op.output));
            let from = InputRegions::new(&op.inputs, region).ok_or(missing)?;
            let to = region(op.output).ok_or(missing)?;
            let written_of = |index: u16| written.get(usize::from(index)).copied().unwrap_or(0);
            for (&input, from) in op.inputs.iter().zip(from.iter()) {
                if written_of(input) != from.channels {
                    return Err(wrong(OpFault::Unwritten(input)));
                }
            }
            op.kind.check(&from, &to).map_err(wrong)?;
            let [start, end] = op.kind.channels_written(&from, &to);
            let found = written_of(op.output);
            if start != 0 && start != found {
                return Err(wrong(OpFault::Part {
                    region: op.output,
                    channel_offset: start,
                    found,
                }));
            }
            self.write(&mut written, op.output, end);
            let before = at;
            (at, extent.ops) = (next, index + 1);
            match (&mut open, op.kind.block()) {
                (None, None) => extent.checksums += 1,
                (None, Some(block)) => {
                    extent.checksums += usize::from(block.count);
                    open = Some(Open {
                        start: (before, index),
                        left: block.body,
                        body: block.body,
                        first: block.count > 1,
                    });
                }
                // The second walk starts with the block's own operation.
                (Some(open), Some(_))
                    if !open.first && open.left == open.body && open.start.1 == index => {}
                (Some(_), Some(block)) => return Err(wrong(OpFault::Block(block.body))),
                (Some(block), None) => {
                    block.left -= 1;
                    if block.left == 0 && block.first {
                        (block.first, block.left) = (false, block.body);
                        (at, extent.ops) = block.start;
                    } else if block.left == 0 {
                        open = None;
                    }
                }
            }
        }
        if let Some(Open {
            start: (_, index),
            body,
            ..
        }) = open
        {
            let fault = OpFault::Block(body);
            return Err(ImageError::Op { index, fault });
        }
        match written.get(usize::from(output)) {
            Some(&count) if count == channels(output) => Ok(extent),
            _ => Err(ImageError::NoOutput { region: output }),
        }
    }

    /// Marks the first `count` channels of a region as holding a value. What else they overwrite
    /// holds none any more; but of a region written whole, the regions within it hold what it
    /// holds: other shapes of it, and parts.
    fn write(&self, written: &mut [u16; MAX_REGIONS], index: u16, count: u16) {
        let Some(target) = self.region(usize::from(index)) else {
            return;
        };
        let whole = count == target.channels;
        for (written, record) in written.iter_mut().zip(self.region_records()) {
            let other = region_of(record);
            if whole && other.lies_within(&target) {
                *written = other.channels;
            } else if other.overlaps(&target) {
                *written = 0;
            }
        }
        if let Some(written) = written.get_mut(usize::from(index)) {
            *written = count;
        }
    }
}
