//! How a convolution's kernel meets its input, one axis at a time: the rows, then the columns.
//!
//! With stride `s`, dilation `d` and padding `p` before the first element, tap `k` joins the fine
//! position `f` and the coarse position `c` where `f + p = c * s + k * d`. In a convolution the
//! input is fine and the output coarse, in a transposed one it is the other way round: Dumoulin and
//! Visin, "A guide to convolution arithmetic for deep learning" (2016), chapter 4.

use super::record::put_halves;
use super::{OpFault, Record, Region, Sink};
use core::fmt;

/// Kernel, stride, padding and dilation of a convolution or a transposed one; each of the rows
/// first, then of the columns.
///
/// The padding behind the last row and column, and the output padding of a transposed convolution,
/// are not stated: the output region's shape is what they amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the kernel, at least 1.
    pub kernel: [u8; 2],
    /// Steps between two positions, at least 1.
    pub stride: [u8; 2],
    /// Padding above and to the left, less than the kernel with its dilation spans.
    pub padding: [u8; 2],
    /// Elements from one tap to the next, at least 1.
    pub dilation: [u8; 2],
}

/// One axis of a [`Window`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Length of the kernel.
    pub kernel: u32,
    /// Steps between two positions; not 0, which [`Window::rows`] and [`Window::columns`] see to.
    pub stride: u32,
    /// Padding before the first element.
    pub padding: u32,
    /// Elements from one tap to the next; not 0, as the stride.
    pub dilation: u32,
}

/// Which taps of a kernel meet which elements of an input, for one output position: `count` of
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taps {
    /// The first tap.
    pub tap: u32,
    /// The element that it meets.
    pub input: u32,
    /// How many taps meet an element. The others fall on padding.
    pub count: u32,
}

impl Window {
    /// The axis along the rows.
    pub const fn rows(&self) -> Axis {
        self.axis(0)
    }

    /// The axis along the columns.
    pub const fn columns(&self) -> Axis {
        self.axis(1)
    }

    const fn axis(&self, i: usize) -> Axis {
        const fn at_least_one(number: u8) -> u32 {
            if number == 0 { 1 } else { number as u32 }
        }
        Axis {
            kernel: self.kernel[i] as u32,
            stride: at_least_one(self.stride[i]),
            padding: self.padding[i] as u32,
            dilation: at_least_one(self.dilation[i]),
        }
    }

    /// Number of taps.
    pub const fn taps(&self) -> u32 {
        self.kernel[0] as u32 * self.kernel[1] as u32
    }
}

/// Reads kernel, stride, padding and dilation, then the number of groups, and checks them against
/// the regions.
pub(super) fn decode(
    record: &mut Record<'_>,
    transposed: bool,
    from: &Region,
    to: &Region,
) -> Result<(Window, u16), OpFault> {
    let window = Window {
        kernel: record.bytes()?,
        stride: record.bytes()?,
        padding: record.bytes()?,
        dilation: record.bytes()?,
    };
    let groups = record.half()?;
    record.zeros::<2>()?;
    for (field, values) in [
        ("kernel", window.kernel),
        ("stride", window.stride),
        ("dilation", window.dilation),
    ] {
        if values.contains(&0) {
            return Err(OpFault::field(field, 0u8));
        }
    }
    let (rows, columns) = (window.rows(), window.columns());
    for (axis, padding) in [rows, columns].iter().zip(window.padding) {
        if u32::from(padding) >= axis.span() {
            return Err(OpFault::field("padding", padding));
        }
    }
    if groups == 0 || !from.channels.is_multiple_of(groups) || !to.channels.is_multiple_of(groups) {
        return Err(OpFault::field("number of groups", groups));
    }
    let fits = if transposed {
        rows.conv_transpose_fits(from.height, to.height)
            && columns.conv_transpose_fits(from.width, to.width)
    } else {
        rows.conv_fits(from.height, to.height) && columns.conv_fits(from.width, to.width)
    };
    OpFault::unless_shapes_fit(fits, from, to)?;
    Ok((window, groups))
}

/// Writes what [`decode`] reads.
pub(super) fn encode(window: &Window, groups: u16, sink: &mut dyn Sink) -> Option<()> {
    sink.put(&window.kernel)?;
    sink.put(&window.stride)?;
    sink.put(&window.padding)?;
    sink.put(&window.dilation)?;
    put_halves(&[groups, 0], sink)
}

/// How often a tap meets an element, over all positions of the output.
pub(super) fn meetings(window: &Window, transposed: bool, from: &Region, to: &Region) -> u64 {
    let count = |axis: Axis, from: u16, to: u16| -> u64 {
        let taps = |at| match transposed {
            true => axis.conv_transpose_taps(at, u32::from(from)),
            false => axis.conv_taps(at, u32::from(from)),
        };
        (0..u32::from(to)).map(|at| u64::from(taps(at).count)).sum()
    };
    count(window.rows(), from.height, to.height) * count(window.columns(), from.width, to.width)
}

/// Writes what a kernel is and how it moves, and its groups where there are several.
pub(super) fn attributes(window: &Window, groups: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ([rows, columns], [down, right]) = (window.kernel, window.stride);
    write!(f, " {rows}x{columns} stride {down}x{right}")?;
    if let [down, right] = window.dilation
        && window.dilation != [1, 1]
    {
        write!(f, " dilation {down}x{right}")?;
    }
    match groups {
        0 | 1 => Ok(()),
        several => write!(f, " in {several} groups"),
    }
}

/// Multiplications of a convolution: each tap that meets an element, for each pair of channels of a
/// group.
pub(super) fn work(
    window: &Window,
    groups: u16,
    transposed: bool,
    from: &Region,
    to: &Region,
) -> u64 {
    let pairs = u64::from(from.channels / groups.max(1)) * u64::from(to.channels);
    meetings(window, transposed, from, to).saturating_mul(pairs)
}

impl Axis {
    /// How many elements the kernel spans, from its first tap to its last.
    pub const fn span(&self) -> u32 {
        self.kernel.saturating_sub(1) * self.dilation + 1
    }

    /// From one tap that meets an element to the next, in taps and in elements: of a convolution
    /// forwards, of a transposed one backwards.
    pub const fn steps(&self, transposed: bool) -> [u32; 2] {
        if !transposed {
            return [1, self.dilation];
        }
        if self.dilation == 1 {
            return [self.stride, 1];
        }
        let common = greatest_common_divisor(self.stride, self.dilation);
        [self.stride / common, self.dilation / common]
    }

    /// Whether a convolution gives `output` positions of `input` elements for some padding behind
    /// them that is less than the kernel; elements that fill no further stride may be left over.
    pub const fn conv_fits(&self, input: u16, output: u16) -> bool {
        self.fits(output as u32, input as u32)
    }

    /// Whether a transposed convolution gives `output` positions of `input` elements for some
    /// padding behind them that is less than the kernel and some output padding less than the
    /// stride.
    pub const fn conv_transpose_fits(&self, input: u16, output: u16) -> bool {
        self.fits(input as u32, output as u32)
    }

    /// The kernel at the last coarse position reaches a fine one, and one stride further it would
    /// not reach less than there are. Nothing overflows: two bytes and two halves of a word.
    const fn fits(&self, coarse: u32, fine: u32) -> bool {
        let padded = fine + self.padding;
        coarse >= 1
            && self.padding < self.span()
            && (coarse - 1) * self.stride < padded
            && padded < coarse * self.stride + self.span()
    }

    /// The taps of a convolution at an output position; see [`Axis::steps`] for how they go on.
    #[inline]
    pub const fn conv_taps(&self, output: u32, input_len: u32) -> Taps {
        let start = output.wrapping_mul(self.stride);
        if self.dilation != 1 {
            return self.dilated_taps(start, input_len);
        }
        // Both counted from the start of the padding.
        let first = if start < self.padding {
            self.padding
        } else {
            start
        };
        let window_end = start.wrapping_add(self.kernel);
        let input_end = input_len.wrapping_add(self.padding);
        let end = if window_end < input_end {
            window_end
        } else {
            input_end
        };
        Taps {
            tap: first.wrapping_sub(start),
            input: first.wrapping_sub(self.padding),
            count: end.saturating_sub(first),
        }
    }

    /// As [`Axis::conv_taps`], with elements between the taps; `start` is where the first tap lies,
    /// counted from the start of the padding.
    #[inline(never)]
    const fn dilated_taps(&self, start: u32, input_len: u32) -> Taps {
        let tap = self.padding.saturating_sub(start).div_ceil(self.dilation);
        let first = start.wrapping_add(tap.wrapping_mul(self.dilation));
        let end = input_len.wrapping_add(self.padding);
        let taps_left = self.kernel.saturating_sub(tap);
        let elements_left = end.saturating_sub(first).div_ceil(self.dilation);
        Taps {
            tap,
            input: first.wrapping_sub(self.padding),
            count: min(taps_left, elements_left),
        }
    }

    /// The taps of a transposed convolution at an output position; see [`Axis::steps`] for how they
    /// go on. No other tap meets an element, so nothing is multiplied by an inserted zero.
    #[inline]
    pub const fn conv_transpose_taps(&self, output: u32, input_len: u32) -> Taps {
        let at = output.wrapping_add(self.padding);
        if self.dilation != 1 {
            return self.dilated_transpose_taps(at, input_len);
        }
        let reached = at / self.stride;
        let last = input_len.wrapping_sub(1);
        let input = if reached < last { reached } else { last };
        let tap = at.wrapping_sub(input.wrapping_mul(self.stride));
        let taps_left = self.kernel.saturating_sub(tap).div_ceil(self.stride);
        let elements_left = input.wrapping_add(1);
        Taps {
            tap,
            input,
            count: min(taps_left, elements_left),
        }
    }

    /// As [`Axis::conv_transpose_taps`], with elements between the taps: those taps `k` for which
    /// `at - k * d` is a multiple of the stride. They repeat after [`Axis::steps`].
    #[inline(never)]
    const fn dilated_transpose_taps(&self, at: u32, input_len: u32) -> Taps {
        let none = Taps {
            tap: 0,
            input: 0,
            count: 0,
        };
        let [tap_step, input_step] = self.steps(true);
        // The first tap that lies no further than the last element.
        let last = input_len.wrapping_sub(1).wrapping_mul(self.stride);
        let mut tap = at.saturating_sub(last).div_ceil(self.dilation);
        let mut tried = 0;
        loop {
            let reach = tap.wrapping_mul(self.dilation);
            if reach > at || tap >= self.kernel || tried >= tap_step {
                return none;
            }
            if (at - reach).is_multiple_of(self.stride) {
                break;
            }
            tap += 1;
            tried += 1;
        }
        let input = (at - tap * self.dilation) / self.stride;
        let taps_left = (self.kernel - tap).div_ceil(tap_step);
        Taps {
            tap,
            input,
            count: min(taps_left, input / input_step + 1),
        }
    }
}

const fn min(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

/// Euclid's algorithm.
const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Every axis with a kernel up to 6, a stride up to 4 and a dilation up to 4.
    fn axes() -> impl Iterator<Item = Axis> {
        let sizes = (1..=6).flat_map(|kernel| (1..=4).map(move |stride| (kernel, stride)));
        let all = sizes.flat_map(|(kernel, stride)| (1..=4).map(move |d| (kernel, stride, d)));
        all.flat_map(|(kernel, stride, dilation)| {
            (0..(kernel - 1) * dilation + 1).map(move |padding| Axis {
                kernel,
                stride,
                padding,
                dilation,
            })
        })
    }

    #[test]
    fn sizes_are_those_of_the_formulas() {
        for axis in axes() {
            let Axis {
                kernel,
                stride,
                padding,
                dilation,
            } = axis;
            let span = (kernel - 1) * dilation + 1;
            for input in 1..=7u32 {
                let (mut conv, mut transposed) = (Vec::new(), Vec::new());
                for behind in 0..span {
                    if let Some(left) = (input + padding + behind).checked_sub(span) {
                        conv.push(left / stride + 1);
                    }
                    for output_padding in 0..stride {
                        let full = (input - 1) * stride + span + output_padding;
                        transposed.extend(full.checked_sub(padding + behind));
                    }
                }
                for output in 1..70u32 {
                    let (from, to) = (input as u16, output as u16);
                    let case = std::format!("{axis:?}, {input} -> {output}");
                    assert_eq!(axis.conv_fits(from, to), conv.contains(&output), "{case}");
                    assert_eq!(
                        axis.conv_transpose_fits(from, to),
                        transposed.contains(&output),
                        "transposed {case}"
                    );
                }
                assert!(!axis.conv_fits(input as u16, 0));
            }
        }
    }

    #[test]
    fn taps_are_those_that_satisfy_the_equation() {
        for axis in axes() {
            for input_len in 1..=6u32 {
                for output in 0..30u32 {
                    let mut conv = Vec::new();
                    let mut transposed = Vec::new();
                    for tap in 0..axis.kernel {
                        for input in 0..input_len {
                            let reach = tap * axis.dilation;
                            if input + axis.padding == output * axis.stride + reach {
                                conv.push((tap, input));
                            }
                            if output + axis.padding == input * axis.stride + reach {
                                transposed.push((tap, input));
                            }
                        }
                    }
                    let taps = axis.conv_taps(output, input_len);
                    let found: Vec<_> = (0..taps.count)
                        .map(|i| (taps.tap + i, taps.input + i * axis.dilation))
                        .collect();
                    assert_eq!(found, conv, "{axis:?} {input_len} at {output}");
                    assert_eq!(axis.steps(false), [1, axis.dilation]);
                    let [tap_step, input_step] = axis.steps(true);
                    let taps = axis.conv_transpose_taps(output, input_len);
                    let found: Vec<_> = (0..taps.count)
                        .map(|i| (taps.tap + i * tap_step, taps.input - i * input_step))
                        .collect();
                    assert_eq!(
                        found, transposed,
                        "transposed {axis:?} {input_len} at {output}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_stride_of_nothing_divides_nothing() {
        let window = Window {
            kernel: [0, 3],
            stride: [0, 0],
            padding: [255, 0],
            dilation: [0, 9],
        };
        assert_eq!(window.rows().conv_transpose_taps(7, 0).count, 0);
        assert_eq!((window.columns().stride, window.rows().dilation), (1, 1));
        assert_eq!(window.taps(), 0);
        assert!(!window.rows().conv_fits(4, 4));
    }
}
