//! Sums of products of weights and inputs, with bias, activation and requantization: the inner
//! loops of every layer that multiplies.

use shared::op::{Layout, Weights};

/// Output channels computed in one pass over the input, so that a loaded input serves several rows
/// of weights. As many as leave the inner loop's values in the fourteen registers of a Cortex-M3.
const INT8_ROWS: usize = 4;
const INT4_ROWS: usize = 2;

/// Whether the core can calculate in eight registers only, as Cortex-M0+ does: one row then, whose
/// weights and inputs are loaded by the word. That core has no loads that are not aligned either.
/// The build script says so.
const FEW_REGISTERS: bool = cfg!(few_registers);

/// Which columns of a row of weights meet which elements of the input: runs of equal length, in a
/// grid of `outer.count` by `inner.count`. All numbers count weights or elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    /// Length of each run.
    pub len: usize,
    /// The column at which the first run starts.
    pub weight: usize,
    /// The element at which it starts.
    pub input: usize,
    /// From one line of the grid to the next.
    pub outer: Step,
    /// From one run of a line to the next.
    pub inner: Step,
}

/// How often to go on, and by how much each time; modulo the word, so that a step may go back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub count: u32,
    pub weight: usize,
    pub input: usize,
}

impl Runs {
    /// Calls `run` with the first column and the elements of each run that lies on the input.
    #[inline(always)]
    fn each<'x>(&self, input: &'x [i8], mut run: impl FnMut(usize, &'x [i8])) {
        let (mut weight, mut element) = (self.weight, self.input);
        for _ in 0..self.outer.count {
            let (mut column, mut at) = (weight, element);
            for _ in 0..self.inner.count {
                if let Some(elements) = input.get(at..).and_then(|rest| rest.get(..self.len)) {
                    run(column, elements);
                }
                column = column.wrapping_add(self.inner.weight);
                at = at.wrapping_add(self.inner.input);
            }
            weight = weight.wrapping_add(self.outer.weight);
            element = element.wrapping_add(self.outer.input);
        }
    }
}

impl Step {
    /// Once.
    pub const ONCE: Self = Self {
        count: 1,
        weight: 0,
        input: 0,
    };
}

/// Computes one output of each row of `row_len` bytes: `requantize(bias + weights * input)`, over
/// the columns of `runs`.
///
/// Accumulators wrap, and in a checked image none comes near to wrapping. Runs that lie outside of
/// row or input count nothing, and outputs without weights stay as they are.
pub(super) fn sums(
    weights: &Weights<'_>,
    row_len: usize,
    runs: &Runs,
    input: &[i8],
    output: &mut [i8],
) {
    if FEW_REGISTERS && aligned_rows(weights, row_len, runs, input, output).is_some() {
        return;
    }
    let (most, many, one): (usize, Multiply, Multiply) = match weights.layout {
        Layout::Int8Rows if FEW_REGISTERS => (1, int8_words, int8_words),
        Layout::Int4Rows if FEW_REGISTERS => (1, int4_words, int4_words),
        Layout::Int8Rows => (INT8_ROWS, int8_rows, int8_row),
        Layout::Int4Rows => (INT4_ROWS, int4_rows, int4_row),
    };
    let (biases, _) = weights.bias.as_chunks::<4>();
    let mut values = weights.values;
    let mut done = 0;
    while done < output.len() {
        let (rows, multiply) = if output.len() - done < most {
            (1, one)
        } else {
            (most, many)
        };
        let next = done + rows;
        let (Some((block, rest)), Some(outputs), Some(biases), Some(shifts)) = (
            values.split_at_checked(row_len.wrapping_mul(rows)),
            output.get_mut(done..next),
            biases.get(done..next),
            weights.shifts.get(done..next),
        ) else {
            return;
        };
        let mut sums = Sums::default();
        for (sum, bias) in sums.iter_mut().zip(biases) {
            *sum = i32::from_le_bytes(*bias);
        }
        multiply(block, row_len, runs, input, &mut sums);
        for ((output, sum), &shift) in outputs.iter_mut().zip(&sums).zip(shifts) {
            *output = weights.activation.requantize(*sum, shift);
        }
        (values, done) = (rest, next);
    }
}

/// [`sums`] where all rows and the input lie aligned to words and a row is one run, 32 columns long
/// or a multiple of that: what dense layers are made of. `None` where they do not, and nothing is
/// done.
fn aligned_rows(
    weights: &Weights<'_>,
    row_len: usize,
    runs: &Runs,
    input: &[i8],
    output: &mut [i8],
) -> Option<()> {
    let one_run = runs.outer.count == 1 && runs.inner.count == 1 && runs.weight == 0;
    let elements = input.get(runs.input..)?.get(..runs.len)?;
    let whole = one_run && runs.len.is_multiple_of(32) && runs.len > 0;
    if !whole || weights.layout.row_len(runs.len as u32) as usize != row_len {
        return None;
    }
    let values = weights.values.get(..row_len.checked_mul(output.len())?)?;
    let (biases, _) = weights.bias.as_chunks::<4>();
    let outputs = output.iter_mut().zip(biases).zip(weights.shifts);
    let bias = |bytes: &[u8; 4]| i32::from_le_bytes(*bytes);
    match weights.layout {
        Layout::Int8Rows => {
            let inputs = bytemuck::try_cast_slice::<i8, [u32; 4]>(elements).ok()?;
            let words = bytemuck::try_cast_slice::<u8, [u32; 4]>(values).ok()?;
            for (row, ((output, bytes), &shift)) in words.chunks_exact(inputs.len()).zip(outputs) {
                let sum = int8_turns(row, inputs, bias(bytes));
                *output = weights.activation.requantize(sum, shift);
            }
        }
        Layout::Int4Rows => {
            let inputs = bytemuck::try_cast_slice::<i8, [u32; 8]>(elements).ok()?;
            let words = bytemuck::try_cast_slice::<u8, [u32; 4]>(values).ok()?;
            for (row, ((output, bytes), &shift)) in words.chunks_exact(inputs.len()).zip(outputs) {
                let sum = int4_turns(row, inputs, bias(bytes));
                *output = weights.activation.requantize(sum, shift);
            }
        }
    }
    Some(())
}

/// Adds to sums, one a row, the products of a block of rows of the given length with the input,
/// over runs. How many rows is the function's. Functions of their own, not inlined, keep the
/// innermost loop's values in registers; their loops are written out, since a compiler that
/// optimises for size does not unroll.
type Multiply = fn(&[u8], usize, &Runs, &[i8], &mut Sums);

/// One accumulator a row of a block.
type Sums = [i32; INT8_ROWS];

/// Bytes of one row of a block, none where it has not as many. Asked for as many as loops run over,
/// so that these need not look for the shorter of their operands.
#[inline(always)]
fn bytes(block: &[u8], row_len: usize, row: usize, at: usize, len: usize) -> &[u8] {
    block
        .get(row.wrapping_mul(row_len).wrapping_add(at)..)
        .and_then(|rest| rest.get(..len))
        .unwrap_or_default()
}

/// Four rows of one weight a byte.
#[inline(never)]
fn int8_rows(block: &[u8], row_len: usize, runs: &Runs, input: &[i8], sums: &mut Sums) {
    runs.each(input, |column, run| {
        if let Some(block) = block.get(column..) {
            int8_run(block, row_len, run, sums);
        }
    });
}

/// One run of [`int8_rows`], which starts with the first byte of the block.
#[inline(never)]
fn int8_run(block: &[u8], row_len: usize, run: &[i8], sums: &mut Sums) {
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = *sums;
    let row = |row| bytes(block, row_len, row, 0, run.len());
    let (a, b, c, d) = (row(0), row(1), row(2), row(3));
    for ((((&x, &a), &b), &c), &d) in run.iter().zip(a).zip(b).zip(c).zip(d) {
        let x = i32::from(x);
        sum_a = sum_a.wrapping_add(i32::from(a as i8) * x);
        sum_b = sum_b.wrapping_add(i32::from(b as i8) * x);
        sum_c = sum_c.wrapping_add(i32::from(c as i8) * x);
        sum_d = sum_d.wrapping_add(i32::from(d as i8) * x);
    }
    *sums = [sum_a, sum_b, sum_c, sum_d];
}

/// A single row of one weight a byte, eight columns a turn.
#[inline(never)]
fn int8_row(row: &[u8], _: usize, runs: &Runs, input: &[i8], sums: &mut Sums) {
    let mut sum = sums[0];
    runs.each(input, |column, run| {
        let Some(row) = row.get(column..).and_then(|rest| rest.get(..run.len())) else {
            return;
        };
        let ((eights, last), (weights, last_weights)) =
            (run.as_chunks::<8>(), row.as_chunks::<8>());
        for (x, w) in eights.iter().zip(weights) {
            macro_rules! columns {
                ($($i:literal)*) => {
                    $(sum = sum.wrapping_add(i32::from(w[$i] as i8) * i32::from(x[$i]));)*
                };
            }
            columns!(0 1 2 3 4 5 6 7);
        }
        for (&x, &w) in last.iter().zip(last_weights) {
            sum = sum.wrapping_add(i32::from(w as i8) * i32::from(x));
        }
    });
    sums[0] = sum;
}

/// Two rows of two weights a byte.
#[inline(never)]
fn int4_rows(block: &[u8], row_len: usize, runs: &Runs, input: &[i8], sums: &mut Sums) {
    runs.each(input, |column, run| {
        let split = Split::new(column, run);
        if let Some(block) = block.get(split.byte..) {
            int4_run(block, row_len, split.fours, sums);
        }
        split.rest(block, row_len, INT4_ROWS, column, sums);
    });
}

/// The part of a run of [`int4_rows`] that starts with the first byte of the block, four columns a
/// turn: one load brings four weights of a row.
#[inline(never)]
fn int4_run(block: &[u8], row_len: usize, fours: &[[i8; 4]], sums: &mut Sums) {
    let row = |row| bytes(block, row_len, row, 0, fours.len() * 2);
    let (row_a, row_b) = (row(0), row(1));
    let [mut sum_a, mut sum_b, ..] = *sums;
    let (a, b) = (row_a.as_chunks::<2>().0, row_b.as_chunks::<2>().0);
    for ((x, &a), &b) in fours.iter().zip(a).zip(b) {
        let (a, b) = (u16::from_le_bytes(a), u16::from_le_bytes(b));
        macro_rules! columns {
            ($($i:literal)*) => {
                $(
                    let x_i = i32::from(x[$i]);
                    sum_a = sum_a.wrapping_add(nibble::<$i>(a) * x_i);
                    sum_b = sum_b.wrapping_add(nibble::<$i>(b) * x_i);
                )*
            };
        }
        columns!(0 1 2 3);
    }
    [sums[0], sums[1]] = [sum_a, sum_b];
}

/// A single row of two weights a byte, four columns a turn.
#[inline(never)]
fn int4_row(row: &[u8], row_len: usize, runs: &Runs, input: &[i8], sums: &mut Sums) {
    runs.each(input, |column, run| {
        let split = Split::new(column, run);
        let halves = bytes(row, 0, 0, split.byte, split.fours.len() * 2);
        let (halves, _) = halves.as_chunks::<2>();
        let mut sum = sums[0];
        for (x, &w) in split.fours.iter().zip(halves) {
            let w = u16::from_le_bytes(w);
            macro_rules! columns {
                ($($i:literal)*) => {
                    $(sum = sum.wrapping_add(nibble::<$i>(w) * i32::from(x[$i]));)*
                };
            }
            columns!(0 1 2 3);
        }
        sums[0] = sum;
        split.rest(row, row_len, 1, column, sums);
    });
}

/// A single row of one weight a byte, sixteen columns a turn, where weights and inputs are aligned
/// to words.
fn int8_words(row: &[u8], row_len: usize, runs: &Runs, input: &[i8], sums: &mut Sums) {
    runs.each(input, |column, run| {
        let weights = bytes(row, 0, 0, column, run.len());
        let done = run.len().min(weights.len()) / 16 * 16;
        let (Ok(words), Ok(inputs)) = (
            bytemuck::try_cast_slice::<u8, [u32; 4]>(&weights[..done]),
            bytemuck::try_cast_slice::<i8, [u32; 4]>(&run[..done]),
        ) else {
            let one = Runs {
                len: run.len(),
                weight: column,
                input: 0,
                outer: Step::ONCE,
                inner: Step::ONCE,
            };
            return int8_row(row, row_len, &one, run, sums);
        };
        let sum = int8_turns(words, inputs, sums[0]);
        let rest = weights[done..].iter().zip(&run[done..]);
        sums[0] = rest.fold(sum, |sum, (&w, &x)| {
            sum.wrapping_add(i32::from(w as i8) * i32::from(x))
        });
    });
}

/// A sum and the products of sixteen weights and elements a turn.
#[inline(never)]
fn int8_turns(weights: &[[u32; 4]], elements: &[[u32; 4]], mut sum: i32) -> i32 {
    for (w, x) in weights.iter().zip(elements) {
        macro_rules! columns {
            ($($i:literal)*) => {
                $(
                    let product = byte::<{ $i % 4 }>(w[$i / 4]) * byte::<{ $i % 4 }>(x[$i / 4]);
                    sum = sum.wrapping_add(product);
                )*
            };
        }
        columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    sum
}

/// A single row of two weights a byte, 32 columns a turn, where weights and inputs are aligned to
/// words.
fn int4_words(row: &[u8], row_len: usize, runs: &Runs, input: &[i8], sums: &mut Sums) {
    runs.each(input, |column, run| {
        let split = Split::new(column, run);
        let elements = split.fours.as_flattened();
        let mut done = elements.len() / 32 * 32;
        let weights = bytes(row, 0, 0, split.byte, done / 2);
        if let (Ok(words), Ok(inputs)) = (
            bytemuck::try_cast_slice::<u8, [u32; 4]>(weights),
            bytemuck::try_cast_slice::<i8, [u32; 8]>(&elements[..done]),
        ) {
            sums[0] = int4_turns(words, inputs, sums[0]);
        } else {
            done = 0;
        }
        if done < elements.len() {
            sums[0] = nibbles(row, split.byte * 2 + done, &elements[done..], sums[0]);
        }
        split.rest(row, row_len, 1, column, sums);
    });
}

/// A sum and the products of 32 weights and elements a turn.
#[inline(never)]
fn int4_turns(weights: &[[u32; 4]], elements: &[[u32; 8]], mut sum: i32) -> i32 {
    for (w, x) in weights.iter().zip(elements) {
        macro_rules! columns {
            ($($i:literal)*) => {
                $(
                    let weight = word_nibble::<{ $i % 8 }>(w[$i / 8]);
                    sum = sum.wrapping_add(weight * byte::<{ $i % 4 }>(x[$i / 4]));
                )*
            };
        }
        columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        columns!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
    sum
}

/// One of the eight int4 of a word from memory, the first first.
#[inline(always)]
const fn word_nibble<const I: u32>(word: u32) -> i32 {
    ((u32::from_le(word) << (28 - 4 * I)) as i32) >> 28
}

/// One of the four int8 of a word from memory, the first first.
#[inline(always)]
const fn byte<const I: u32>(word: u32) -> i32 {
    ((u32::from_le(word) << (24 - 8 * I)) as i32) >> 24
}

/// A run of the input that meets int4 weights: what meets pairs of bytes, and what lies around it.
struct Split<'x> {
    /// One element where the run starts in a high nibble, else none.
    first: &'x [i8],
    /// The first whole byte of the weights in their row.
    byte: usize,
    /// From there on, four elements for two bytes of weights.
    fours: &'x [[i8; 4]],
    /// Up to three elements.
    last: &'x [i8],
}

impl<'x> Split<'x> {
    #[inline(always)]
    fn new(column: usize, input: &'x [i8]) -> Self {
        let (first, rest) = input.split_at_checked(column % 2).unwrap_or_default();
        let (fours, last) = rest.as_chunks::<4>();
        Self {
            first,
            byte: column.div_ceil(2),
            fours,
            last,
        }
    }

    /// Adds the products of some rows with what lies around the fours.
    #[inline(always)]
    fn rest(&self, block: &[u8], row_len: usize, rows: usize, column: usize, sums: &mut Sums) {
        if self.first.is_empty() && self.last.is_empty() {
            return;
        }
        let behind = self.byte.wrapping_add(self.fours.len() * 2).wrapping_mul(2);
        for (row, sum) in sums.iter_mut().enumerate().take(rows) {
            let row = bytes(block, row_len, row, 0, row_len);
            *sum = nibbles(row, column, self.first, *sum);
            *sum = nibbles(row, behind, self.last, *sum);
        }
    }
}

/// A sum and the products of a few elements with the weights of an int4 row from a column on.
#[inline(never)]
fn nibbles(row: &[u8], column: usize, input: &[i8], sum: i32) -> i32 {
    let products = input.iter().enumerate().map(|(i, &x)| {
        let weight = Layout::Int4Rows.weight(row, column.wrapping_add(i));
        i32::from(weight) * i32::from(x)
    });
    products.fold(sum, i32::wrapping_add)
}

/// One of the four int4 of a half word, the lowest first.
#[inline(always)]
const fn nibble<const I: u32>(half: u16) -> i32 {
    (((half as u32) << (28 - 4 * I)) as i32) >> 28
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{format, vec::Vec};

    /// Bytes of every kind, aligned to a word.
    fn noise(seed: u32) -> [u32; 32] {
        let mut state = seed;
        core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state ^ state >> 15
        })
    }

    #[test]
    fn words_give_the_sums_of_single_rows() {
        let (weights, elements) = (noise(1), noise(2));
        let weights: &[u8] = bytemuck::cast_slice(&weights);
        let elements: &[i8] = bytemuck::cast_slice(&elements);
        let pairs: [(Multiply, Multiply); 2] = [(int8_row, int8_words), (int4_row, int4_words)];
        for (kind, (expected, found)) in pairs.into_iter().enumerate() {
            for (start, column, from) in (0..4).flat_map(|s| (0..5).map(move |c| (s, c, s ^ c))) {
                for len in (0..40).chain([64, 100]) {
                    let runs = Runs {
                        len,
                        weight: column,
                        input: from,
                        outer: Step::ONCE,
                        inner: Step::ONCE,
                    };
                    let row = &weights[start..];
                    let sums = |multiply: Multiply| {
                        let mut sums = [7, 0, 0, 0];
                        multiply(row, row.len(), &runs, elements, &mut sums);
                        Vec::from(sums)
                    };
                    let which = format!("{kind}: {len} from {start}, {column}, {from}");
                    assert_eq!(sums(found), sums(expected), "{which}");
                }
            }
        }
    }
}
