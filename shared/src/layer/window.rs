//! How a convolution's kernel meets its input, one axis at a time: the rows, then the columns.
//!
//! With stride `s` and padding `p` before the first element, tap `k` joins the fine position `f` and the coarse position
//! `c` where `f + p = c * s + k`. In a convolution the input is fine and the output coarse, in a transposed one it is
//! the other way round: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), chapter 4.

/// Kernel, stride and padding of a convolution or a transposed one; each of the rows first, then of the columns.
///
/// The padding behind the last row and column, and the output padding of a transposed convolution, are not stated: the
/// output region's shape is what they amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the kernel, at least 1.
    pub kernel: [u8; 2],
    /// Steps between two positions, at least 1.
    pub stride: [u8; 2],
    /// Padding above and to the left, less than the kernel.
    pub padding: [u8; 2],
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
}

/// Which taps of a kernel meet which elements of an input, for one output position: `count` of them.
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
        let stride = self.stride[i] as u32;
        Axis {
            kernel: self.kernel[i] as u32,
            stride: if stride == 0 { 1 } else { stride },
            padding: self.padding[i] as u32,
        }
    }

    /// Number of taps.
    pub const fn taps(&self) -> u32 {
        self.kernel[0] as u32 * self.kernel[1] as u32
    }
}

impl Axis {
    /// Whether a convolution gives `output` positions of `input` elements for some padding behind them that is less than
    /// the kernel; elements that fill no further stride may be left over.
    pub const fn conv_fits(&self, input: u16, output: u16) -> bool {
        self.fits(output as u32, input as u32)
    }

    /// Whether a transposed convolution gives `output` positions of `input` elements for some padding behind them that is
    /// less than the kernel and some output padding less than the stride.
    pub const fn conv_transpose_fits(&self, input: u16, output: u16) -> bool {
        self.fits(input as u32, output as u32)
    }

    /// The kernel at the last coarse position reaches a fine one, and one stride further it would not reach less than
    /// there are. Nothing overflows: two bytes and two halves of a word.
    const fn fits(&self, coarse: u32, fine: u32) -> bool {
        let padded = fine + self.padding;
        coarse >= 1
            && self.padding < self.kernel
            && (coarse - 1) * self.stride < padded
            && padded < coarse * self.stride + self.kernel
    }

    /// The taps of a convolution at an output position; both tap and element go up by one.
    #[inline]
    pub const fn conv_taps(&self, output: u32, input_len: u32) -> Taps {
        let start = output.wrapping_mul(self.stride);
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

    /// The taps of a transposed convolution at an output position; the tap goes up by the stride and the element down by
    /// one. No other tap meets an element, so nothing is multiplied by an inserted zero.
    #[inline]
    pub const fn conv_transpose_taps(&self, output: u32, input_len: u32) -> Taps {
        let at = output.wrapping_add(self.padding);
        let reached = at / self.stride;
        let last = input_len.wrapping_sub(1);
        let input = if reached < last { reached } else { last };
        let tap = at.wrapping_sub(input.wrapping_mul(self.stride));
        let taps_left = self.kernel.saturating_sub(tap).div_ceil(self.stride);
        let elements_left = input.wrapping_add(1);
        Taps {
            tap,
            input,
            count: if taps_left < elements_left {
                taps_left
            } else {
                elements_left
            },
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Every axis with a kernel up to 6 and a stride up to 4.
    fn axes() -> impl Iterator<Item = Axis> {
        (1..=6).flat_map(|kernel| {
            (1..=4).flat_map(move |stride| {
                (0..kernel).map(move |padding| Axis {
                    kernel,
                    stride,
                    padding,
                })
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
            } = axis;
            for input in 1..=7u32 {
                let (mut conv, mut transposed) = (Vec::new(), Vec::new());
                for behind in 0..kernel {
                    if let Some(left) = (input + padding + behind).checked_sub(kernel) {
                        conv.push(left / stride + 1);
                    }
                    for output_padding in 0..stride {
                        let full = (input - 1) * stride + kernel + output_padding;
                        transposed.extend(full.checked_sub(padding + behind));
                    }
                }
                for output in 1..60u32 {
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
                            if input + axis.padding == output * axis.stride + tap {
                                conv.push((tap, input));
                            }
                            if output + axis.padding == input * axis.stride + tap {
                                transposed.push((tap, input));
                            }
                        }
                    }
                    let taps = axis.conv_taps(output, input_len);
                    let found: Vec<_> = (0..taps.count)
                        .map(|i| (taps.tap + i, taps.input + i))
                        .collect();
                    assert_eq!(found, conv, "{axis:?} {input_len} at {output}");
                    let taps = axis.conv_transpose_taps(output, input_len);
                    let found: Vec<_> = (0..taps.count)
                        .map(|i| (taps.tap + i * axis.stride, taps.input - i))
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
        };
        assert_eq!(window.rows().conv_transpose_taps(7, 0).count, 0);
        assert_eq!(window.columns().stride, 1);
        assert_eq!(window.taps(), 0);
        assert!(!window.rows().conv_fits(4, 4));
    }
}
