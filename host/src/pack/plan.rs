//! The arena: which bytes each buffer of a program occupies.
//!
//! Buffers that hold something at the same time must not share a byte; others may, and should. Two
//! ways are tried, and the shorter arena wins: in order of execution at both ends in turn, which is
//! the best there is for a chain of layers, and the largest first, each in the smallest gap that it
//! fits (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020),
//! section 5). No arena is shorter than the most that is held at one time.

use super::PackError;

/// Buffers start at multiples of this, so that kernels may read words.
pub const REGION_ALIGNMENT: usize = 4;

/// When a buffer holds something, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// The operation that writes it first, counted from 1; 0 for the input.
    pub first: usize,
    /// The last operation that needs it; one more than there are for the picture.
    pub last: usize,
}

impl Lifetime {
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of the arena.
    pub arena_len: u32,
    /// The most bytes that are held at one time, with alignment: no arena is shorter.
    pub lower_bound: u32,
    /// First byte of each buffer.
    pub offsets: Vec<u32>,
}

/// A buffer to be placed.
#[derive(Debug, Clone, Copy)]
struct Block {
    index: usize,
    len: usize,
    lifetime: Lifetime,
}

/// Plans an arena for buffers of `lens` bytes; one without a lifetime holds nothing and gets no
/// place.
///
/// # Errors
/// [`PackError::TooLarge`] where the arena is longer than an image can state.
pub fn plan(lens: &[usize], lifetimes: &[Option<Lifetime>]) -> Result<Plan, PackError> {
    let numbered = lens.iter().enumerate();
    let blocks: Vec<Block> = numbered
        .zip(lifetimes)
        .filter_map(|((index, len), lifetime)| {
            Some(Block {
                index,
                len: len.next_multiple_of(REGION_ALIGNMENT),
                lifetime: (*lifetime)?,
            })
        })
        .collect();
    let held = |at: usize| -> usize {
        let alive = |block: &&Block| block.lifetime.first <= at && at <= block.lifetime.last;
        blocks.iter().filter(alive).map(|block| block.len).sum()
    };
    let end = blocks.iter().map(|block| block.lifetime.last).max();
    let lower_bound = (0..=end.unwrap_or(0)).map(held).max().unwrap_or(0);
    let candidates = [
        both_ends(&blocks, lower_bound),
        Some(largest_first(&blocks)),
    ];
    let end = |placed: &[usize]| {
        let ends = blocks
            .iter()
            .zip(placed)
            .map(|(block, start)| start + block.len);
        ends.max().unwrap_or(0)
    };
    let placed = candidates
        .into_iter()
        .flatten()
        .min_by_key(|placed| end(placed));
    let placed = placed.unwrap_or_default();

    let arena_len = end(&placed);
    let limit = shared::image::MAX_LEN as usize;
    if arena_len > limit {
        return Err(PackError::TooLarge {
            what: "an arena",
            value: arena_len,
            limit,
        });
    }
    let mut offsets = vec![0; lens.len()];
    for (block, start) in blocks.iter().zip(placed) {
        // Within the arena, whose length fits.
        offsets[block.index] = start as u32;
    }
    Ok(Plan {
        arena_len: arena_len as u32,
        lower_bound: lower_bound as u32,
        offsets,
    })
}

/// Start and end of what is placed and alive at the same time, from the lowest start on.
fn neighbours(blocks: &[Block], placed: &[Option<usize>], block: &Block) -> Vec<(usize, usize)> {
    let mut taken: Vec<(usize, usize)> = blocks
        .iter()
        .zip(placed)
        .filter(|(other, _)| other.lifetime.meets(&block.lifetime))
        .filter_map(|(other, start)| start.map(|start| (start, start + other.len)))
        .collect();
    taken.sort_unstable();
    taken
}

/// The gaps between taken bytes below `limit`, from the lowest on.
fn gaps(taken: &[(usize, usize)], limit: usize) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    let mut free = 0;
    for &(start, end) in taken {
        if start > free {
            gaps.push((free, start));
        }
        free = free.max(end);
    }
    if limit > free {
        gaps.push((free, limit));
    }
    gaps
}

/// In order of execution, at the lower end of a gap and at the upper end of one in turn; `None`
/// where something does not fit.
fn both_ends(blocks: &[Block], limit: usize) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&at| blocks[at].lifetime.first);
    let mut placed = vec![None; blocks.len()];
    for (turn, at) in order.into_iter().enumerate() {
        let block = &blocks[at];
        let gaps = gaps(&neighbours(blocks, &placed, block), limit);
        let mut fitting = gaps.iter().filter(|(start, end)| end - start >= block.len);
        placed[at] = Some(if turn % 2 == 0 {
            fitting.next()?.0
        } else {
            fitting.next_back()?.1 - block.len
        });
    }
    placed.into_iter().collect()
}

/// The largest first, each in the smallest gap that it fits.
fn largest_first(blocks: &[Block]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(blocks[at].len), blocks[at].lifetime.first));
    let mut placed = vec![None; blocks.len()];
    for at in order {
        let block = &blocks[at];
        let gaps = gaps(&neighbours(blocks, &placed, block), usize::MAX);
        let fitting = gaps.iter().filter(|(start, end)| end - start >= block.len);
        // The last gap has no end, so one fits; of equal ones the lowest.
        let best = fitting.min_by_key(|(start, end)| (end - start, *start));
        placed[at] = Some(best.map_or(0, |(start, _)| *start));
    }
    placed.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::random::Random;

    #[test]
    fn nothing_that_is_alive_at_the_same_time_shares_a_byte() {
        let mut random = Random::new(3);
        let mut tight = 0;
        for _ in 0..500 {
            let blocks: Vec<Block> = (0..1 + random.below(12))
                .map(|index| {
                    let first = random.below(12);
                    let last = first + random.below(5);
                    Block {
                        index,
                        len: 4 * (1 + random.below(30)),
                        lifetime: Lifetime { first, last },
                    }
                })
                .collect();
            let held = |at: usize| -> usize {
                let alive = |b: &&Block| b.lifetime.first <= at && at <= b.lifetime.last;
                blocks.iter().filter(alive).map(|b| b.len).sum()
            };
            let bound = (0..20).map(held).max().unwrap();
            let ways = [both_ends(&blocks, bound), Some(largest_first(&blocks))];
            for (way, placed) in ways.iter().enumerate() {
                let Some(placed) = placed else { continue };
                for (a, x) in blocks.iter().zip(placed) {
                    for (b, y) in blocks.iter().zip(placed) {
                        let apart = x + a.len <= *y || y + b.len <= *x;
                        assert!(a.index == b.index || !a.lifetime.meets(&b.lifetime) || apart);
                    }
                }
                let end = blocks
                    .iter()
                    .zip(placed)
                    .map(|(b, x)| x + b.len)
                    .max()
                    .unwrap();
                assert!(end >= bound, "{end} {bound}");
                tight += usize::from(way == 1 && end == bound);
            }
        }
        assert!(tight > 400, "{tight} of 500 are as short as they can be");
    }
}
