//! The matrix product of the `gemm` crate behind slices that are checked, on one thread.

/// A matrix of 32-bit floats that lies row by row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    strides: [isize; 2],
}

impl<'a> Matrix<'a> {
    /// A matrix of so many columns; what is left over of the values is not seen.
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        Self {
            values,
            rows: values.len() / columns.max(1),
            columns,
            // Slices have at most isize::MAX bytes.
            strides: [columns as isize, 1],
        }
    }

    /// The same values seen as columns by rows.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            strides: [self.strides[1], self.strides[0]],
            ..self
        }
    }
}

/// `out = left x right`, or `out += left x right`; `out` lies row by row.
///
/// # Panics
/// Where the sizes do not fit, which is an error of the caller.
#[allow(unsafe_code, reason = "the gemm crate takes pointers")]
pub(super) fn multiply(out: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    let (m, k, n) = (left.rows, left.columns, right.columns);
    assert_eq!(k, right.rows, "inner sizes of a matrix product");
    assert_eq!(out.len(), m * n, "size of a matrix product");
    assert!(left.values.len() >= m * k && right.values.len() >= k * n);
    // SAFETY: `left` and `right` hold rows x columns values, row by row or (transposed) column by
    // column, as the asserts above check, and their strides stay inside; `out` holds m x n values,
    // row by row, and is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            left.values.as_ptr(),
            left.strides[1],
            left.strides[0],
            right.values.as_ptr(),
            right.strides[1],
            right.strides[0],
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_follow_their_definition() {
        // 2x3 times 3x2, and the transposes of the same.
        let (a, b) = (
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            [1.0, 0.0, 2.0, -1.0, 0.5, 3.0],
        );
        let mut out = [0.0; 4];
        multiply(&mut out, Matrix::new(&a, 3), Matrix::new(&b, 2), false);
        assert_eq!(out, [6.5, 7.0, 17.0, 13.0]);
        multiply(&mut out, Matrix::new(&a, 3), Matrix::new(&b, 2), true);
        assert_eq!(out, [13.0, 14.0, 34.0, 26.0]);
        let mut swapped = [0.0; 4];
        let (a, b) = (
            Matrix::new(&a, 3).transposed(),
            Matrix::new(&b, 2).transposed(),
        );
        multiply(&mut swapped, b, a, false);
        assert_eq!(swapped, [6.5, 17.0, 7.0, 13.0]);
    }
}
