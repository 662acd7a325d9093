//! How the two pictures of a strided convolution lie on each other.

use crate::graph::Shape;

/// A large and a small picture, and the square kernel that joins them: a convolution makes the small one from the large,
/// a transposed convolution the large one from the small.
///
/// Row `y` and column `x` of the small picture see rows `stride * y - before` to `stride * y - before + kernel - 1` of
/// the large one, columns alike; what lies outside counts as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Input of the convolution, output of the transposed one.
    pub large: Shape,
    /// Output of the convolution, input of the transposed one.
    pub small: Shape,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Rows and columns of the large picture from one pixel of the small one to the next.
    pub stride: usize,
    /// Padding above and on the left.
    pub before: usize,
}

impl Geometry {
    /// The geometry that halves height and width (rounded up) by a kernel of at least 2: the padding is as even as it can
    /// be, with the larger part below and on the right.
    pub fn halving(large: Shape, channels: usize, kernel: usize) -> Self {
        Self {
            large,
            small: Shape {
                channels,
                height: large.height.div_ceil(2),
                width: large.width.div_ceil(2),
            },
            kernel,
            stride: 2,
            before: (kernel - 1) / 2,
        }
    }

    /// Shape of the weights: (kernel rows x kernel columns x large channels, small channels).
    pub fn weight(&self) -> [usize; 2] {
        [
            self.kernel * self.kernel * self.large.channels,
            self.small.channels,
        ]
    }

    /// Rows and columns of padding: top, left, bottom, right.
    pub fn padding(&self) -> [usize; 4] {
        let after =
            |small: usize, large: usize| (self.covered(small) - self.before).saturating_sub(large);
        [
            self.before,
            self.before,
            after(self.small.height, self.large.height),
            after(self.small.width, self.large.width),
        ]
    }

    /// Rows (or columns) that so many kernel places cover together.
    pub(super) fn covered(&self, small: usize) -> usize {
        (small - 1) * self.stride + self.kernel
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
