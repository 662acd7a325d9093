//! Sums of products of weights and inputs, with bias, activation and requantization: the inner loops of every layer that
//! multiplies.

use core::array::from_fn;
use shared::layer::{Layout, Weights, unpack_int4};

/// Output channels computed in one pass over the input, so that a loaded input serves several rows of weights. As many as
/// leave the inner loop's values in the fourteen registers of a Cortex-M3.
const INT8_ROWS: usize = 4;
const INT4_ROWS: usize = 2;

/// Which columns of a row of weights meet which elements of the input: runs of equal length, in a grid of `outer.count`
/// by `inner.count`. All numbers count weights or elements.
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

impl Step {
    /// Once.
    pub const ONCE: Self = Self {
        count: 1,
        weight: 0,
        input: 0,
    };
}

/// Computes one output of each row of `row_len` bytes: `requantize(bias + weights * input)`, over the columns of `runs`.
///
/// Accumulators wrap, and in a checked image none comes near to wrapping. Runs that lie outside of row or input count
/// nothing, and outputs without weights stay as they are.
pub(super) fn sums(
    weights: &Weights<'_>,
    row_len: usize,
    runs: &Runs,
    input: &[i8],
    output: &mut [i8],
) {
    match weights.layout {
        Layout::Int8Rows => {
            let done = blocks(weights, 0, row_len, runs, input, output, int8_rows);
            blocks(weights, done, row_len, runs, input, output, int8_row);
        }
        Layout::Int4Rows => {
            let done = blocks(weights, 0, row_len, runs, input, output, int4_rows);
            blocks(weights, done, row_len, runs, input, output, int4_row);
        }
    }
}

/// Adds to sums the products of some rows, from a column on, with a run of the input.
type Multiply<const ROWS: usize> = fn([&[u8]; ROWS], usize, &[i8], &mut [i32; ROWS]);

/// Block after block of rows from row `first` on, while there are whole blocks; gives the row after the last.
#[inline(never)]
fn blocks<const ROWS: usize>(
    weights: &Weights<'_>,
    first: usize,
    row_len: usize,
    runs: &Runs,
    input: &[i8],
    output: &mut [i8],
    multiply: Multiply<ROWS>,
) -> usize {
    let (biases, _) = weights.bias.as_chunks::<4>();
    let (biases, _) = biases.get(first..).unwrap_or_default().as_chunks::<ROWS>();
    let (shifts, _) = weights
        .shifts
        .get(first..)
        .unwrap_or_default()
        .as_chunks::<ROWS>();
    let (outputs, _) = output
        .get_mut(first..)
        .unwrap_or_default()
        .as_chunks_mut::<ROWS>();
    let start = first.saturating_mul(row_len);
    let mut rows = weights
        .values
        .get(start..)
        .unwrap_or_default()
        .chunks_exact(row_len.max(1));
    let mut done = first;
    for ((outputs, biases), shifts) in outputs.iter_mut().zip(biases).zip(shifts) {
        if rows.len() < ROWS {
            break;
        }
        let rows: [&[u8]; ROWS] = from_fn(|_| rows.next().unwrap_or_default());
        let mut sums = biases.map(i32::from_le_bytes);
        let (mut weight, mut element) = (runs.weight, runs.input);
        for _ in 0..runs.outer.count {
            let (mut column, mut at) = (weight, element);
            for _ in 0..runs.inner.count {
                let run = input.get(at..).and_then(|rest| rest.get(..runs.len));
                multiply(rows, column, run.unwrap_or_default(), &mut sums);
                column = column.wrapping_add(runs.inner.weight);
                at = at.wrapping_add(runs.inner.input);
            }
            weight = weight.wrapping_add(runs.outer.weight);
            element = element.wrapping_add(runs.outer.input);
        }
        for ((output, sum), &shift) in outputs.iter_mut().zip(sums).zip(shifts) {
            *output = weights.activation.requantize(sum, shift);
        }
        done += ROWS;
    }
    done
}

/// Four rows of one weight a byte. A function of its own, not inlined, keeps the loop's values in registers; written out,
/// since a compiler that optimises for size does not unroll.
#[inline(never)]
fn int8_rows(rows: [&[u8]; INT8_ROWS], column: usize, input: &[i8], sums: &mut [i32; INT8_ROWS]) {
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = *sums;
    let [a, b, c, d] = rows.map(|row| row.get(column..).unwrap_or_default());
    for ((((&x, &a), &b), &c), &d) in input.iter().zip(a).zip(b).zip(c).zip(d) {
        let x = i32::from(x);
        sum_a = sum_a.wrapping_add(i32::from(a as i8) * x);
        sum_b = sum_b.wrapping_add(i32::from(b as i8) * x);
        sum_c = sum_c.wrapping_add(i32::from(c as i8) * x);
        sum_d = sum_d.wrapping_add(i32::from(d as i8) * x);
    }
    *sums = [sum_a, sum_b, sum_c, sum_d];
}

/// As [`int8_rows`], for a single row, eight columns a turn.
#[inline(never)]
fn int8_row([row]: [&[u8]; 1], column: usize, input: &[i8], [sum]: &mut [i32; 1]) {
    let row = row.get(column..).unwrap_or_default();
    let ((x, last_x), (w, last_w)) = (input.as_chunks::<8>(), row.as_chunks::<8>());
    let mut total = *sum;
    for (x, w) in x.iter().zip(w) {
        macro_rules! columns {
            ($($i:literal)*) => {
                $(total = total.wrapping_add(i32::from(w[$i] as i8) * i32::from(x[$i]));)*
            };
        }
        columns!(0 1 2 3 4 5 6 7);
    }
    let last_w = row.get(x.len() * 8..).unwrap_or(last_w);
    for (&x, &w) in last_x.iter().zip(last_w) {
        total = total.wrapping_add(i32::from(w as i8) * i32::from(x));
    }
    *sum = total;
}

/// Two rows of two weights a byte, eight columns a turn: one load brings eight weights of a row.
#[inline(never)]
fn int4_rows(rows: [&[u8]; INT4_ROWS], column: usize, input: &[i8], sums: &mut [i32; INT4_ROWS]) {
    let (rows, input) = from_whole_byte(rows, column, input, sums);
    let [mut sum_a, mut sum_b] = *sums;
    let (eights, last) = input.as_chunks::<8>();
    let [row_a, row_b] = rows;
    let (a, _) = row_a.as_chunks::<4>();
    let (b, _) = row_b.as_chunks::<4>();
    for ((x, &a), &b) in eights.iter().zip(a).zip(b) {
        let (a, b) = (u32::from_le_bytes(a), u32::from_le_bytes(b));
        macro_rules! columns {
            ($($i:literal)*) => {
                $(
                    let x_i = i32::from(x[$i]);
                    sum_a = sum_a.wrapping_add(nibble::<$i>(a) * x_i);
                    sum_b = sum_b.wrapping_add(nibble::<$i>(b) * x_i);
                )*
            };
        }
        columns!(0 1 2 3 4 5 6 7);
    }
    *sums = [sum_a, sum_b];
    last_nibbles(rows, eights.len() * 4, last, sums);
}

/// As [`int4_rows`], for a single row.
#[inline(never)]
fn int4_row(rows: [&[u8]; 1], column: usize, input: &[i8], sums: &mut [i32; 1]) {
    let (rows, input) = from_whole_byte(rows, column, input, sums);
    let [mut sum] = *sums;
    let (eights, last) = input.as_chunks::<8>();
    let [row] = rows;
    let (words, _) = row.as_chunks::<4>();
    for (x, &w) in eights.iter().zip(words) {
        let w = u32::from_le_bytes(w);
        macro_rules! columns {
            ($($i:literal)*) => {
                $(sum = sum.wrapping_add(nibble::<$i>(w) * i32::from(x[$i]));)*
            };
        }
        columns!(0 1 2 3 4 5 6 7);
    }
    *sums = [sum];
    last_nibbles(rows, eights.len() * 4, last, sums);
}

/// Rows and input from the first column on that starts a byte: where `column` is odd, its products are added here.
#[inline(always)]
fn from_whole_byte<'r, 'x, const ROWS: usize>(
    rows: [&'r [u8]; ROWS],
    column: usize,
    input: &'x [i8],
    sums: &mut [i32; ROWS],
) -> ([&'r [u8]; ROWS], &'x [i8]) {
    let rows = rows.map(|row| row.get(column / 2..).unwrap_or_default());
    if column.is_multiple_of(2) {
        return (rows, input);
    }
    let Some((&x, input)) = input.split_first() else {
        return (rows, input);
    };
    for (sum, row) in sums.iter_mut().zip(rows) {
        let (_, high) = unpack_int4(row.first().copied().unwrap_or(0));
        *sum = sum.wrapping_add(i32::from(high) * i32::from(x));
    }
    (rows.map(|row| row.get(1..).unwrap_or_default()), input)
}

/// Adds the products of up to seven elements with the nibbles from byte `at` of each row on.
#[inline(always)]
fn last_nibbles<const ROWS: usize>(
    rows: [&[u8]; ROWS],
    at: usize,
    last: &[i8],
    sums: &mut [i32; ROWS],
) {
    if last.is_empty() {
        return;
    }
    for (sum, row) in sums.iter_mut().zip(rows) {
        // Low and high nibble in turn; behind a run of odd length lies a nibble without input.
        let bytes = row.get(at..).unwrap_or_default();
        let weights = bytes
            .iter()
            .flat_map(|&byte| <[i8; 2]>::from(unpack_int4(byte)));
        for (weight, &x) in weights.zip(last) {
            *sum = sum.wrapping_add(i32::from(weight) * i32::from(x));
        }
    }
}

/// One of the eight int4 of a word, the lowest first.
#[inline(always)]
const fn nibble<const I: u32>(word: u32) -> i32 {
    ((word << (28 - 4 * I)) as i32) >> 28
}
