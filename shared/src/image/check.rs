//! The check of a program as a whole: each operation by itself, and that it reads only what was written.

use super::error::{ImageError, OpFault};
use super::program;
use super::reader::{Sections, impossible, region_of};
use super::{MAX_OPS, MAX_REGIONS};
use crate::layer::{Copy, Kind};

impl Sections<'_> {
    /// Walks the program once, with every check; gives the number of operations.
    pub(super) fn check_program(&self, input: u16, output: u16) -> Result<usize, ImageError> {
        // How many channels of each region, from the first, hold a value at this point of the program.
        let mut written = [0; MAX_REGIONS];
        let channels = |index| self.region(usize::from(index)).map_or(0, |r| r.channels);
        self.write(&mut written, input, channels(input));
        let (mut at, mut index) = (0, 0);
        while at < self.program.len() {
            let wrong = |fault| ImageError::Op { index, fault };
            if index == MAX_OPS {
                return Err(impossible("number of operations, over", MAX_OPS as u32));
            }
            let (op, next) = program::decode(self, at).map_err(wrong)?;
            // Decoding has found both.
            let region = |index| {
                self.region(usize::from(index))
                    .ok_or(wrong(OpFault::NoRegion(index)))
            };
            let (from, to) = (region(op.input())?, region(op.output())?);
            let written_of = |index: u16| written.get(usize::from(index)).copied().unwrap_or(0);
            if written_of(op.input()) != from.channels {
                return Err(wrong(OpFault::Unwritten(op.input())));
            }
            program::check_data(&op, &from, &to).map_err(wrong)?;
            let mut count = to.channels;
            if let Kind::Copy(Copy { channel_offset, .. }) = op.kind {
                let found = written_of(op.output());
                if channel_offset != 0 && channel_offset != found {
                    return Err(wrong(OpFault::Part {
                        region: op.output(),
                        channel_offset,
                        found,
                    }));
                }
                // Checked to be at most the output's.
                count = channel_offset.saturating_add(from.channels);
            }
            self.write(&mut written, op.output(), count);
            (at, index) = (next, index + 1);
        }
        match written.get(usize::from(output)) {
            Some(&count) if count == channels(output) => Ok(index),
            _ => Err(ImageError::NoOutput { region: output }),
        }
    }

    /// Marks the first `count` channels of a region as holding a value. What else they overwrite holds none any more;
    /// but of a region written whole, the regions within it hold what it holds: other shapes of it, and parts.
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
