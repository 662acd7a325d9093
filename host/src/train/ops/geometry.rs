//! How the two pictures of a strided convolution lie on each other.

use crate::graph::{Shape, Window};

/// A large and a small picture, and the kernel that joins them: a convolution makes the small one
/// from the large, a transposed convolution the large one from the small.
///
/// Row `y` of the small picture sees the rows `stride * y - before + dilation * k` of the large
/// one, where `k` counts the kernel's rows; columns alike. What lies outside counts as zero. Pairs
/// are rows, then columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Input of the convolution, output of the transposed one.
    pub large: Shape,
    /// Output of the convolution, input of the transposed one.
    pub small: Shape,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns of the large picture from one pixel of the small one to the next.
    pub stride: [usize; 2],
    /// Padding above and on the left.
    pub before: [usize; 2],
    /// Rows and columns of the large picture from one place of the kernel to the next.
    pub dilation: [usize; 2],
    /// Channels of both pictures are cut into so many groups of equal size, which do not see each
    /// other.
    pub groups: usize,
}

impl Geometry {
    /// The geometry that halves height and width (rounded up) by a kernel of at least 2: the
    /// padding is as even as it can be, with the larger part below and on the right.
    pub fn halving(large: Shape, channels: usize, kernel: usize) -> Self {
        Self {
            large,
            small: Shape {
                channels,
                height: large.height.div_ceil(2),
                width: large.width.div_ceil(2),
            },
            kernel: [kernel; 2],
            stride: [2; 2],
            before: [(kernel - 1) / 2; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// A window between two pictures.
    pub fn of(window: Window, large: Shape, small: Shape) -> Self {
        Self {
            large,
            small,
            kernel: window.kernel,
            stride: window.stride,
            before: window.padding,
            dilation: window.dilation,
            groups: window.groups,
        }
    }

    /// The window that moves over the pictures.
    pub fn window(&self) -> Window {
        Window {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.before,
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    /// Channels of the large picture that one group has.
    pub fn large_group(&self) -> usize {
        self.large.channels / self.groups.max(1)
    }

    /// Channels of the small picture that one group has.
    pub fn small_group(&self) -> usize {
        self.small.channels / self.groups.max(1)
    }

    /// Shape of the weights: (kernel rows x kernel columns x large channels of a group, small
    /// channels).
    pub fn weight(&self) -> [usize; 2] {
        let [rows, columns] = self.kernel;
        [rows * columns * self.large_group(), self.small.channels]
    }

    /// Rows and columns of padding: top, left, bottom, right.
    pub fn padding(&self) -> [usize; 4] {
        let [down, across] = self.covered();
        let [top, left] = self.before;
        [
            top,
            left,
            down.saturating_sub(top + self.large.height),
            across.saturating_sub(left + self.large.width),
        ]
    }

    /// Rows and columns that all places of the kernel cover together.
    pub(super) fn covered(&self) -> [usize; 2] {
        let small = [self.small.height, self.small.width];
        std::array::from_fn(|i| {
            small[i].saturating_sub(1) * self.stride[i]
                + self.kernel[i].saturating_sub(1) * self.dilation[i]
                + 1
        })
    }

    /// Calls with each pair of pixels that a place of the kernel joins: pixel of the small picture,
    /// pixel of the large one, place in the kernel.
    pub(crate) fn taps(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [rows, columns] = self.kernel;
        for y in 0..self.small.height {
            for row in 0..rows {
                // Above the picture wraps around and is too large as well.
                let above = y * self.stride[0] + row * self.dilation[0];
                let above = above.wrapping_sub(self.before[0]);
                if above >= self.large.height {
                    continue;
                }
                for x in 0..self.small.width {
                    for column in 0..columns {
                        let left = x * self.stride[1] + column * self.dilation[1];
                        let left = left.wrapping_sub(self.before[1]);
                        if left < self.large.width {
                            visit(
                                y * self.small.width + x,
                                above * self.large.width + left,
                                row * columns + column,
                            );
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_halved_and_comes_back() {
        for size in 4..40 {
            for kernel in 2..8 {
                let large = Shape {
                    channels: 3,
                    height: size,
                    width: size + 1,
                };
                let g = Geometry::halving(large, 5, kernel);
                let [top, left, bottom, right] = g.padding();
                // The formula of ONNX for ConvTranspose, and the one for Conv.
                let grown = |small: usize| (small - 1) * 2 + kernel;
                assert_eq!(grown(g.small.height), size + top + bottom);
                assert_eq!(grown(g.small.width), size + 1 + left + right);
                assert_eq!((size + top + bottom - kernel) / 2 + 1, g.small.height);
                assert!(g.padding().iter().all(|padding| *padding < kernel));
                assert_eq!(g.weight(), [kernel * kernel * 3, 5]);
            }
        }
    }
}
