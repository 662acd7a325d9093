//! How a kernel moves over a picture: one description for convolutions, transposed convolutions and
//! pooling.

use super::Shape;

/// How a kernel moves over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Down, across.
    pub stride: [usize; 2],
    /// Zeros above and left of the large picture: a convolution's input, a transposed one's output.
    /// Those below and on the right follow from the shapes.
    pub padding: [usize; 2],
    /// Rows and columns from one element of the kernel to the next.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Window {
    /// A kernel that covers one pixel.
    pub const POINT: Self = Self::new([1, 1], [1, 1], [0, 0]);

    /// Without dilation or groups.
    pub const fn new(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Self {
        Self {
            kernel,
            stride,
            padding,
            dilation: [1, 1],
            groups: 1,
        }
    }

    /// The same with a group for each of so many channels.
    pub const fn each_channel(self, channels: usize) -> Self {
        Self {
            groups: channels,
            ..self
        }
    }

    /// Number of elements of the kernel.
    pub const fn area(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Rows or columns from the kernel's first element to its last, both included.
    pub const fn extent(&self, axis: usize) -> usize {
        self.kernel[axis].saturating_sub(1) * self.dilation[axis] + 1
    }

    /// The row or column of the large picture that an element of the kernel meets at one of the
    /// small picture, in a large one of so many.
    pub fn large(&self, axis: usize, small: usize, tap: usize, len: usize) -> Option<usize> {
        let padded = small * self.stride[axis] + tap * self.dilation[axis];
        padded
            .checked_sub(self.padding[axis])
            .filter(|&at| at < len)
    }

    /// The row or column of the small picture at which an element of the kernel meets one of the
    /// large picture, in a small one of so many.
    pub fn small(&self, axis: usize, large: usize, tap: usize, len: usize) -> Option<usize> {
        let distance = (large + self.padding[axis]).checked_sub(tap * self.dilation[axis])?;
        let stride = self.stride[axis];
        (distance.is_multiple_of(stride) && distance / stride < len).then(|| distance / stride)
    }

    /// Sides of a convolution's output, with so many zeros below and on the right; `None` where the
    /// kernel does not fit.
    pub fn conv(&self, from: [usize; 2], far: [usize; 2]) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            (from[axis] + self.padding[axis] + far[axis])
                .checked_sub(self.extent(axis))?
                .checked_div(self.stride[axis])
                .map(|steps| steps + 1)
        };
        Some([side(0)?, side(1)?])
    }

    /// Sides of a transposed convolution's output, of which so much is cut at the bottom and the
    /// right, and so much added there; `None` where nothing is left.
    pub fn conv_transpose(
        &self,
        from: [usize; 2],
        cut: [usize; 2],
        added: [usize; 2],
    ) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let whole = from[axis].checked_sub(1)? * self.stride[axis] + self.extent(axis);
            (whole + added[axis])
                .checked_sub(self.padding[axis] + cut[axis])
                .filter(|&side| side > 0)
        };
        Some([side(0)?, side(1)?])
    }

    /// The zeros below and on the right that a convolution from these sides to those needs.
    pub fn far_padding(&self, from: [usize; 2], to: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let reached = to[axis].saturating_sub(1) * self.stride[axis] + self.extent(axis);
            reached.saturating_sub(self.padding[axis] + from[axis])
        })
    }

    /// What a transposed convolution from these sides to those cuts at the bottom and the right,
    /// and what it adds there.
    pub fn far_cut(&self, from: [usize; 2], to: [usize; 2]) -> ([usize; 2], [usize; 2]) {
        let whole =
            |axis: usize| from[axis].saturating_sub(1) * self.stride[axis] + self.extent(axis);
        let wanted = |axis: usize| to[axis] + self.padding[axis];
        (
            [0, 1].map(|axis| whole(axis).saturating_sub(wanted(axis))),
            [0, 1].map(|axis| wanted(axis).saturating_sub(whole(axis))),
        )
    }
}

/// Which input each element of a kernel meets at each place of the output, in gather form for both
/// convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taps {
    /// How the kernel moves.
    pub window: Window,
    /// The input.
    pub from: Shape,
    /// The output.
    pub to: Shape,
    /// Whether the output is the large picture.
    pub transposed: bool,
}

impl Taps {
    /// Columns of the weights: kernel row, kernel column, input channel of the group.
    pub fn columns(&self) -> usize {
        self.window.area() * self.channels()
    }

    /// Input channels that an output sees.
    pub fn channels(&self) -> usize {
        self.from.channels / self.window.groups.max(1)
    }

    /// Number of outputs of a channel.
    pub fn places(&self) -> usize {
        self.to.pixels()
    }

    /// The input's row or column that an element of the kernel meets at an output's.
    fn input(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let len = self.from.sides()[axis];
        if self.transposed {
            self.window.small(axis, output, tap, len)
        } else {
            self.window.large(axis, output, tap, len)
        }
    }

    /// Calls `visit(element of the kernel, input's pixel)` for all elements that meet one at an
    /// output's pixel.
    pub fn at(&self, pixel: usize, mut visit: impl FnMut(usize, usize)) {
        let width = self.to.width.max(1);
        let (row, column) = (pixel / width, pixel % width);
        for u in 0..self.window.kernel[0] {
            let Some(i) = self.input(0, row, u) else {
                continue;
            };
            for v in 0..self.window.kernel[1] {
                if let Some(j) = self.input(1, column, v) {
                    visit(u * self.window.kernel[1] + v, i * self.from.width + j);
                }
            }
        }
    }

    /// How many pairs of an output's pixel and an element of the kernel meet an input: the products
    /// that are worth computing, for one input and one output channel.
    pub fn pairs(&self) -> u64 {
        let along = |axis: usize| -> u64 {
            let pairs = (0..self.to.sides()[axis])
                .flat_map(|output| (0..self.window.kernel[axis]).map(move |tap| (output, tap)));
            pairs
                .filter(|&(output, tap)| self.input(axis, output, tap).is_some())
                .count() as u64
        };
        along(0) * along(1)
    }

    /// Multiplications that are worth computing for one sample.
    pub fn products(&self) -> u64 {
        self.pairs() * self.channels() as u64 * self.to.channels as u64
    }
}
