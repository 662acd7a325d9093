//! Constants of an ONNX file, checked before anything is allocated for them.

use super::proto::{TensorProto, data_type};
use half::f16;

/// No constant has more elements: as many as a model image has bytes.
pub const MAX_ELEMENTS: usize = 1 << 24;

/// What is wrong with a constant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorFault {
    /// The elements lie in another file.
    #[error(
        "its data lies in another file; save the model as one file (PyTorch: external_data=False)"
    )]
    External,
    /// An element type that weights and shapes do not have.
    #[error("its element type is {0}, expected float, float16, double, int32 or int64")]
    Type(&'static str),
    /// A dimension is negative, or there are too many elements.
    #[error(
        "its shape {0} is negative, over 8 dimensions or over the limit of {MAX_ELEMENTS} elements"
    )]
    Dims(String),
    /// The data is shorter or longer than the shape says.
    #[error("it holds {found} bytes or elements of data, expected {expected} for its shape")]
    Length {
        /// What is there.
        found: usize,
        /// What the shape asks for.
        expected: usize,
    },
    /// NaN or infinity.
    #[error(
        "element {index} is {value}; every weight must be finite: train again, or look for a division by zero"
    )]
    NotFinite {
        /// Which element, in row-major order.
        index: usize,
        /// The value, as text.
        value: String,
    },
}

/// The elements of a constant, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// Weights; every one finite.
    Float(Vec<f32>),
    /// Shapes, axes and indices.
    Int(Vec<i64>),
}

/// A constant: its shape, and as many elements as that says.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub elements: Elements,
}

impl Constant {
    /// A vector of integers.
    pub fn ints(values: Vec<i64>) -> Self {
        Self {
            shape: vec![values.len()],
            elements: Elements::Int(values),
        }
    }

    /// The elements, where they are integers.
    pub fn as_ints(&self) -> Option<&[i64]> {
        match &self.elements {
            Elements::Int(values) => Some(values),
            Elements::Float(_) => None,
        }
    }

    /// The elements, where they are floats.
    pub fn as_floats(&self) -> Option<&[f32]> {
        match &self.elements {
            Elements::Float(values) => Some(values),
            Elements::Int(_) => None,
        }
    }

    /// Decodes and checks a tensor. float16 and double become float.
    ///
    /// # Errors
    /// [`TensorFault`]; nothing is allocated before the data's length is known to fit the shape.
    pub fn decode(tensor: &TensorProto) -> Result<Self, TensorFault> {
        if tensor.data_location != 0 || !tensor.external_data.is_empty() {
            return Err(TensorFault::External);
        }
        let bad_dims = || {
            let shown: Vec<_> = tensor.dims.iter().take(9).collect();
            TensorFault::Dims(format!("{shown:?}"))
        };
        if tensor.dims.len() > 8 {
            return Err(bad_dims());
        }
        let mut shape = Vec::with_capacity(tensor.dims.len());
        let mut len = 1usize;
        for &dim in &tensor.dims {
            let dim = usize::try_from(dim).map_err(|_| bad_dims())?;
            len = len
                .checked_mul(dim)
                .filter(|&n| n <= MAX_ELEMENTS)
                .ok_or_else(bad_dims)?;
            shape.push(dim);
        }
        let raw = &tensor.raw_data;
        let elements = match tensor.data_type {
            data_type::FLOAT if raw.is_empty() => {
                Elements::Float(exactly(&tensor.float_data, len, |&v| v)?)
            }
            data_type::FLOAT => Elements::Float(from_raw(raw, len, f32::from_le_bytes)?),
            data_type::DOUBLE if raw.is_empty() => {
                Elements::Float(exactly(&tensor.double_data, len, |&v| v as f32)?)
            }
            data_type::DOUBLE => {
                Elements::Float(from_raw(raw, len, |b| f64::from_le_bytes(b) as f32)?)
            }
            // The low 16 bits of an int32 are the float16, as onnx.proto has it.
            data_type::FLOAT16 if raw.is_empty() => {
                Elements::Float(exactly(&tensor.int32_data, len, |&v| {
                    f16::from_bits(v as u16).to_f32()
                })?)
            }
            data_type::FLOAT16 => {
                Elements::Float(from_raw(raw, len, |b| f16::from_le_bytes(b).to_f32())?)
            }
            data_type::INT64 if raw.is_empty() => {
                Elements::Int(exactly(&tensor.int64_data, len, |&v| v)?)
            }
            data_type::INT64 => Elements::Int(from_raw(raw, len, i64::from_le_bytes)?),
            data_type::INT32 if raw.is_empty() => {
                Elements::Int(exactly(&tensor.int32_data, len, |&v| i64::from(v))?)
            }
            data_type::INT32 => {
                Elements::Int(from_raw(raw, len, |b| i64::from(i32::from_le_bytes(b)))?)
            }
            other => return Err(TensorFault::Type(data_type::name(other))),
        };
        if let Elements::Float(values) = &elements
            && let Some(index) = values.iter().position(|v| !v.is_finite())
        {
            return Err(TensorFault::NotFinite {
                index,
                value: values[index].to_string(),
            });
        }
        Ok(Self { shape, elements })
    }
}

fn exactly<T, U>(
    data: &[T],
    expected: usize,
    convert: impl Fn(&T) -> U,
) -> Result<Vec<U>, TensorFault> {
    let found = data.len();
    if found == expected {
        Ok(data.iter().map(convert).collect())
    } else {
        Err(TensorFault::Length { found, expected })
    }
}

fn from_raw<const N: usize, U>(
    raw: &[u8],
    len: usize,
    convert: impl Fn([u8; N]) -> U,
) -> Result<Vec<U>, TensorFault> {
    let (chunks, _) = raw.as_chunks::<N>();
    if raw.len() == len * N {
        Ok(chunks.iter().map(|&chunk| convert(chunk)).collect())
    } else {
        Err(TensorFault::Length {
            found: raw.len(),
            expected: len * N,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data_type: i32, dims: &[i64]) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type,
            ..Default::default()
        }
    }

    #[test]
    fn every_way_to_store_the_same_floats() {
        let expected = Elements::Float(vec![1.5, -2.0]);
        let mut variants = Vec::new();
        let mut t = tensor(data_type::FLOAT, &[2]);
        t.float_data = vec![1.5, -2.0];
        variants.push(t);
        let mut t = tensor(data_type::FLOAT, &[2]);
        t.raw_data = [1.5f32, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        variants.push(t);
        let mut t = tensor(data_type::DOUBLE, &[2]);
        t.double_data = vec![1.5, -2.0];
        variants.push(t);
        let mut t = tensor(data_type::DOUBLE, &[2]);
        t.raw_data = [1.5f64, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        variants.push(t);
        let mut t = tensor(data_type::FLOAT16, &[2]);
        t.int32_data = vec![0x3E00, 0xC000];
        variants.push(t);
        let mut t = tensor(data_type::FLOAT16, &[2]);
        t.raw_data = vec![0x00, 0x3E, 0x00, 0xC0];
        variants.push(t);
        for variant in variants {
            assert_eq!(
                Constant::decode(&variant).unwrap().elements,
                expected,
                "{variant:?}"
            );
        }
    }

    #[test]
    fn what_is_refused() {
        let fault = |t: &TensorProto| Constant::decode(t).unwrap_err();
        assert!(matches!(
            fault(&tensor(data_type::FLOAT, &[-1])),
            TensorFault::Dims(_)
        ));
        assert!(matches!(
            fault(&tensor(data_type::FLOAT, &[i64::MAX, i64::MAX])),
            TensorFault::Dims(_)
        ));
        assert!(matches!(
            fault(&tensor(data_type::FLOAT, &[1 << 20, 1 << 5])),
            TensorFault::Dims(_)
        ));
        assert_eq!(
            fault(&tensor(data_type::FLOAT, &[4096, 4096])),
            TensorFault::Length {
                found: 0,
                expected: 1 << 24
            }
        );
        assert_eq!(fault(&tensor(8, &[1])), TensorFault::Type("string"));
        let mut external = tensor(data_type::FLOAT, &[1]);
        external.data_location = 1;
        assert_eq!(fault(&external), TensorFault::External);
        for bad in [f32::NAN, f32::INFINITY] {
            let mut t = tensor(data_type::FLOAT, &[3]);
            t.float_data = vec![0.0, 1.0, bad];
            assert!(matches!(fault(&t), TensorFault::NotFinite { index: 2, .. }));
        }
    }
}
