//! The fields of one operation's record, read and written in order.

use super::{DATA_ALIGNMENT, Layout, Name, OpFault, WeightShape, Weights};
use crate::arithmetic::Activation;

/// The fields of a record that are not read yet, and the data that they point into.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    fields: &'a [u8],
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// The fields behind the head of a record.
    pub(crate) const fn new(fields: &'a [u8], data: &'a [u8]) -> Self {
        Self { fields, data }
    }

    /// How many bytes are not read yet.
    pub(crate) const fn left(&self) -> usize {
        self.fields.len()
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`OpFault::Short`] where there are not as many.
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], OpFault> {
        let (bytes, rest) = self.fields.split_first_chunk().ok_or(OpFault::Short)?;
        self.fields = rest;
        Ok(*bytes)
    }

    /// The next 16 bits.
    ///
    /// # Errors
    /// As [`Record::bytes`].
    pub fn half(&mut self) -> Result<u16, OpFault> {
        self.bytes().map(u16::from_le_bytes)
    }

    /// The next 32 bits.
    ///
    /// # Errors
    /// As [`Record::bytes`].
    pub fn word(&mut self) -> Result<u32, OpFault> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// Bytes that must be zero, so that later versions can give them a meaning.
    ///
    /// # Errors
    /// [`OpFault::Field`] where one is not.
    pub fn zeros<const N: usize>(&mut self) -> Result<(), OpFault> {
        match self.bytes::<N>()?.iter().find(|&&byte| byte != 0) {
            None => Ok(()),
            Some(&byte) => Err(OpFault::field("reserved byte", byte)),
        }
    }

    /// `len` bytes of the data section, at the offset that the next field states.
    ///
    /// # Errors
    /// [`OpFault::Data`] where they lie outside of the section or are not aligned.
    pub fn data(
        &mut self,
        what: &'static str,
        len: u32,
        alignment: usize,
    ) -> Result<&'a [u8], OpFault> {
        let offset = self.word()?;
        let range = || {
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            self.data.get(start..end)
        };
        range()
            .filter(|_| (offset as usize).is_multiple_of(alignment))
            .ok_or(OpFault::Data {
                what: Name::new(what),
                offset,
                len,
            })
    }

    /// Weights with bias and shifts: layout, activation, slope shift, zero, then three offsets.
    ///
    /// # Errors
    /// [`OpFault`] names the field or the part.
    pub fn weights(&mut self, shape: WeightShape) -> Result<Weights<'a>, OpFault> {
        let layout = match self.bytes()? {
            [0] => Layout::Int8Rows,
            [1] => Layout::Int4Rows,
            [value] => return Err(OpFault::field("layout", value)),
        };
        let activation = self.activation()?;
        self.zeros::<1>()?;
        // A region has at most 16 MiB, and so has the data: the products saturate and are then
        // refused.
        let (values_len, channels) = (shape.values_len(layout), shape.channels);
        Ok(Weights {
            layout,
            activation,
            values: self.data("weights", values_len, DATA_ALIGNMENT)?,
            bias: self.data("bias", channels.saturating_mul(4), 4)?,
            shifts: self.data("shifts", channels, 1)?,
        })
    }

    /// An activation and its slope shift.
    ///
    /// # Errors
    /// [`OpFault::Field`] for others than there are.
    pub fn activation(&mut self) -> Result<Activation, OpFault> {
        let [code, slope_shift] = self.bytes()?;
        match (code, slope_shift) {
            (0, 0) => Ok(Activation::None),
            (1, 0) => Ok(Activation::Relu),
            (2, 1..=7) => Ok(Activation::LeakyRelu { slope_shift }),
            (0..=2, value) => Err(OpFault::field("slope shift", value)),
            (value, _) => Err(OpFault::field("activation", value)),
        }
    }
}

/// Where a record and its data are written. `None` where there is no room.
pub trait Sink {
    /// The next fields of the record.
    fn put(&mut self, bytes: &[u8]) -> Option<()>;

    /// Bytes of the data section at a multiple of `alignment`, and a field with their offset.
    fn data(&mut self, bytes: &[u8], alignment: usize) -> Option<()>;
}

/// Writes what [`Record::weights`] reads.
pub(crate) fn put_weights(weights: &Weights<'_>, sink: &mut dyn Sink) -> Option<()> {
    sink.put(&[match weights.layout {
        Layout::Int8Rows => 0,
        Layout::Int4Rows => 1,
    }])?;
    put_activation(weights.activation, sink)?;
    sink.put(&[0])?;
    sink.data(weights.values, DATA_ALIGNMENT)?;
    sink.data(weights.bias, 4)?;
    sink.data(weights.shifts, 1)
}

/// Writes what [`Record::activation`] reads.
pub(crate) fn put_activation(activation: Activation, sink: &mut dyn Sink) -> Option<()> {
    sink.put(&match activation {
        Activation::None => [0, 0],
        Activation::Relu => [1, 0],
        Activation::LeakyRelu { slope_shift } => [2, slope_shift],
    })
}

/// Three numbers of 16 bits: rows, columns, channels.
pub(crate) fn put_halves(halves: &[u16], sink: &mut dyn Sink) -> Option<()> {
    halves
        .iter()
        .try_for_each(|half| sink.put(&half.to_le_bytes()))
}
