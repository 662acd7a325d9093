//! The golden vectors of an image.

use super::fields::GOLDEN_HEAD_LEN;
use crate::golden::Golden;
use crate::latent::Point;

/// Bytes of a golden vector with so many checksums.
pub(super) const fn golden_len(checksums: usize) -> usize {
    GOLDEN_HEAD_LEN + 4 * checksums
}

/// The golden vectors of an image.
#[derive(Debug, Clone)]
pub struct Goldens<'a> {
    records: core::slice::ChunksExact<'a, u8>,
}

impl<'a> Goldens<'a> {
    /// The vectors of a section of them, each with so many checksums.
    pub(super) fn new(section: &'a [u8], checksums: usize) -> Self {
        Self {
            records: section.chunks_exact(golden_len(checksums)),
        }
    }
}

impl<'a> Iterator for Goldens<'a> {
    type Item = Golden<'a>;

    fn next(&mut self) -> Option<Golden<'a>> {
        let record = self.records.next()?;
        let (head, checksums) = record.split_first_chunk::<GOLDEN_HEAD_LEN>()?;
        let [s0, s1, s2, s3, label, has_label, ..] = *head;
        let seed = u32::from_le_bytes([s0, s1, s2, s3]);
        let label = (has_label == 1).then_some(label);
        Some(Golden {
            point: Point { seed, label },
            checksums,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for Goldens<'_> {}
