//! Rows of tables, by number.

use burn_tensor::{Int, Tensor, backend::Backend};

use super::TrainableLinear;
use crate::graph::Shape;
use crate::ops::gather::Gather;
use crate::train::ops::Kernels;

impl TrainableLinear for Gather {
    const NAME: &'static str = "embedding";

    /// A table is as large at its start as what it will be multiplied with.
    fn weights(&self, _: Shape, to: Shape) -> ([usize; 2], usize) {
        ([self.rows, to.len()], to.len())
    }

    fn forward<B: Kernels>(
        &self,
        x: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        _: [Shape; 2],
    ) -> Tensor<B, 2> {
        rows_of(weight, x)
    }

    /// Zero: whole numbers go in.
    fn input_gradient<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        _: Tensor<B, 2>,
        [from, _]: [Shape; 2],
    ) -> Tensor<B, 2> {
        let [batch, _] = gradient.dims();
        Tensor::zeros([batch, from.len()], &gradient.device())
    }
}

/// Rows of a table (rows, columns) by their numbers (batch, 1); numbers past the end give the last
/// row.
fn rows_of<B: Backend>(table: Tensor<B, 2>, numbers: Tensor<B, 2>) -> Tensor<B, 2> {
    let ([rows, _], [batch, _]) = (table.dims(), numbers.dims());
    // Tables have far fewer than 2^24 rows.
    let last = rows.saturating_sub(1) as f32;
    let places: Tensor<B, 1, Int> = numbers.detach().clamp(0.0, last).int().reshape([batch]);
    table.select(0, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::checks::{differentiates, random};
    use crate::train::ops::tensor;
    use crate::train::ops::values;
    use burn_flex::Flex;

    #[test]
    fn rows_are_taken_by_number_and_learn() {
        let table = random(3, 4, 1);
        let numbers = || tensor::<Flex>(vec![2.0, 0.0, 9.0, 2.0], [4, 1], &Default::default());
        let found = values(&rows_of(table.clone(), numbers()));
        let rows = values(&table);
        let expected: Vec<f32> = [2, 0, 2, 2]
            .iter()
            .flat_map(|row| rows[row * 4..(row + 1) * 4].to_vec())
            .collect();
        assert_eq!(found, expected);
        differentiates(
            vec![table],
            |t| rows_of(t[0].clone(), Tensor::from_inner(numbers())),
            "rows of a table",
        );
    }
}
