//! The regions that an operation reads.

use super::Region;
use core::fmt;
use core::ops::Deref;

/// The most regions that an operation reads.
pub const MAX_INPUTS: usize = 4;

/// Indices of the regions that an operation reads, in order.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Zero behind the length, so that equal lists are equal.
    list: [u16; MAX_INPUTS],
    len: u8,
}

impl Inputs {
    /// A list of indices; `None` where there are more than [`MAX_INPUTS`].
    pub fn new(indices: &[u16]) -> Option<Self> {
        let mut inputs = Self {
            list: [0; MAX_INPUTS],
            len: u8::try_from(indices.len()).ok()?,
        };
        inputs
            .list
            .get_mut(..indices.len())?
            .copy_from_slice(indices);
        Some(inputs)
    }

    /// One index.
    pub const fn one(index: u16) -> Self {
        let mut list = [0; MAX_INPUTS];
        list[0] = index;
        Self { list, len: 1 }
    }
}

impl Deref for Inputs {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        self.list.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The regions that an operation reads, in order.
#[derive(Debug, Clone, Copy)]
pub struct InputRegions {
    list: [Region; MAX_INPUTS],
    len: u8,
}

impl InputRegions {
    /// No regions.
    pub(crate) const NONE: Self = Self {
        list: [Region::vector(0, 0, 0); MAX_INPUTS],
        len: 0,
    };

    /// The regions of indices; `None` where `region` knows one of them not.
    pub(crate) fn new(
        inputs: &Inputs,
        mut region: impl FnMut(u16) -> Option<Region>,
    ) -> Option<Self> {
        let mut regions = Self {
            len: inputs.len,
            ..Self::NONE
        };
        for (slot, &index) in regions.list.iter_mut().zip(inputs.iter()) {
            *slot = region(index)?;
        }
        Some(regions)
    }
}

impl Deref for InputRegions {
    type Target = [Region];

    fn deref(&self) -> &[Region] {
        self.list.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_what_it_was_made_of() {
        let all = [1, 2, 3, 4, 5];
        for len in 0..=MAX_INPUTS {
            assert_eq!(*Inputs::new(&all[..len]).unwrap(), all[..len]);
        }
        assert_eq!(Inputs::new(&all), None);
        assert_eq!(Inputs::new(&[7]), Some(Inputs::one(7)));
    }
}
