//! Shapes without their batch: what Reshape, Flatten, Squeeze and Unsqueeze make of them.
//!
//! A shape here holds the dimensions of one sample; the batch stands before them and is free, or
//! fixed by the file.

use super::error::NodeFault;

/// Stands for the batch in shapes that the graph computes: Reshape takes it as "whatever is left".
pub const BATCH: i64 = -1;

fn wrong(
    what: &'static str,
    found: impl std::fmt::Debug,
    expected: impl Into<String>,
) -> NodeFault {
    NodeFault::Shape {
        what,
        found: format!("{found:?}"),
        expected: expected.into(),
    }
}

/// Number of elements of a sample.
pub fn len(shape: &[usize]) -> usize {
    shape
        .iter()
        .fold(1, |product, &dim| product.saturating_mul(dim))
}

/// Reshape: `target` has the batch first.
pub fn reshape(
    shape: &[usize],
    batch: Option<usize>,
    target: &[i64],
    allow_zero: bool,
) -> Result<Vec<usize>, NodeFault> {
    let expected = || {
        format!(
            "the batch (0 or -1) first, then {} elements a sample",
            len(shape)
        )
    };
    let fail = || wrong("target", target, expected());
    let (&first, rest) = target.split_first().ok_or_else(fail)?;
    let copies_batch = first == -1 || (first == 0 && !allow_zero);
    let is_batch = copies_batch || usize::try_from(first).is_ok_and(|first| batch == Some(first));
    if !is_batch || rest.len() > 7 {
        return Err(fail());
    }
    let mut result = Vec::with_capacity(rest.len());
    let mut inferred = None;
    for (axis, &dim) in rest.iter().enumerate() {
        result.push(match dim {
            -1 if inferred.is_none() => {
                inferred = Some(axis);
                1
            }
            0 if !allow_zero => *shape.get(axis).ok_or_else(fail)?,
            dim => usize::try_from(dim)
                .ok()
                .filter(|&d| d > 0)
                .ok_or_else(fail)?,
        });
    }
    if let Some(axis) = inferred {
        let known = len(&result);
        if known == 0 || !len(shape).is_multiple_of(known) {
            return Err(fail());
        }
        result[axis] = len(shape) / known;
    }
    if len(&result) == len(shape) {
        Ok(result)
    } else {
        Err(fail())
    }
}

/// Flatten: everything but the batch into one dimension.
pub fn flatten(shape: &[usize], axis: i64) -> Result<Vec<usize>, NodeFault> {
    if axis == 1 || axis == -(shape.len() as i64) {
        Ok(vec![len(shape)])
    } else {
        Err(NodeFault::Attribute {
            name: "axis",
            value: axis.to_string(),
            expected: "1",
        })
    }
}

/// Axes of a tensor of so many dimensions, batch included, sorted.
fn normalized(axes: &[i64], rank: usize) -> Result<Vec<usize>, NodeFault> {
    let mut result = Vec::with_capacity(axes.len());
    for &axis in axes {
        let positive = if axis < 0 {
            axis.saturating_add(rank as i64)
        } else {
            axis
        };
        match usize::try_from(positive) {
            Ok(axis) if (1..rank).contains(&axis) && !result.contains(&axis) => result.push(axis),
            _ => {
                return Err(NodeFault::Attribute {
                    name: "axes",
                    value: format!("{axes:?}"),
                    expected: "axes behind the batch, each once",
                });
            }
        }
    }
    result.sort_unstable();
    Ok(result)
}

/// Unsqueeze: new dimensions of 1.
pub fn unsqueeze(shape: &[usize], axes: &[i64]) -> Result<Vec<usize>, NodeFault> {
    if axes.len() > 7 {
        return Err(wrong("axes", axes.len(), "at most 7"));
    }
    let mut result = shape.to_vec();
    for axis in normalized(axes, shape.len() + 1 + axes.len())? {
        // Sorted, so each axis lies within what is there by then.
        result.insert((axis - 1).min(result.len()), 1);
    }
    Ok(result)
}

/// Squeeze: dimensions of 1 go away.
pub fn squeeze(shape: &[usize], axes: &[i64]) -> Result<Vec<usize>, NodeFault> {
    let mut result = shape.to_vec();
    for axis in normalized(axes, shape.len() + 1)?.into_iter().rev() {
        if result[axis - 1] != 1 {
            return Err(wrong("input", shape, format!("1 at axis {axis}")));
        }
        result.remove(axis - 1);
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshapes_that_keep_a_sample_whole() {
        for (shape, batch, target, expected) in [
            (vec![784], None, vec![-1, 1, 28, 28], vec![1, 28, 28]),
            (vec![784], None, vec![0, 1, 28, -1], vec![1, 28, 28]),
            (vec![784], Some(1), vec![1, 1, 28, 28], vec![1, 28, 28]),
            (vec![100, 1, 1], None, vec![-1, 100], vec![100]),
            (vec![100, 1, 1], None, vec![BATCH, -1], vec![100]),
            (vec![4, 7, 7], None, vec![0, 0, -1], vec![4, 49]),
        ] {
            assert_eq!(
                reshape(&shape, batch, &target, false),
                Ok(expected),
                "{shape:?} {target:?}"
            );
        }
    }

    #[test]
    fn reshapes_that_mix_samples_are_refused() {
        for (batch, target) in [
            (None, vec![]),
            (None, vec![64, 784]),
            (None, vec![784]),
            (None, vec![-1, 392]),
            (None, vec![-1, 5, -1]),
            (None, vec![-1, -1, -1]),
            (None, vec![-1, 0, 0]),
            (None, vec![-1, i64::MIN]),
            (None, vec![-1, i64::MAX, i64::MAX]),
            (Some(2), vec![1, 1568]),
        ] {
            assert!(
                reshape(&[784], batch, &target, false).is_err(),
                "{target:?}"
            );
        }
    }

    #[test]
    fn squeeze_undoes_unsqueeze() {
        assert_eq!(unsqueeze(&[100], &[2, 3]), Ok(vec![100, 1, 1]));
        assert_eq!(unsqueeze(&[100], &[-1, 1]), Ok(vec![1, 100, 1]));
        assert_eq!(squeeze(&[100, 1, 1], &[3, 2]), Ok(vec![100]));
        assert_eq!(squeeze(&[100, 1, 1], &[-1]), Ok(vec![100, 1]));
        for axes in [vec![0], vec![1, 1], vec![9], vec![i64::MIN]] {
            assert!(
                unsqueeze(&[100], &axes).is_err() && squeeze(&[100, 1], &axes).is_err(),
                "{axes:?}"
            );
        }
        assert!(squeeze(&[100, 1], &[1]).is_err());
        assert_eq!(flatten(&[2, 3], 1), Ok(vec![6]));
        assert_eq!(flatten(&[2, 3], -2), Ok(vec![6]));
        assert!(flatten(&[2, 3], 2).is_err());
    }
}
