//! A set of pictures to judge, wherever they come from.

use crate::picture::GrayImage;

/// Grey pictures of one size, perhaps with the class that was asked for, or that they are known to
/// be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Where they come from, for messages.
    pub name: String,
    /// Grey levels, 0 black to 255 white, shape (pictures, height, width).
    pub images: Vec<u8>,
    /// One a picture, where there are labels.
    pub labels: Option<Vec<u8>>,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
}

impl Pictures {
    /// A set. Bytes past the last whole picture, and labels past the last picture, are cut off.
    pub fn new(
        name: impl Into<String>,
        mut images: Vec<u8>,
        labels: Option<Vec<u8>>,
        height: usize,
        width: usize,
    ) -> Self {
        let pixels = height.saturating_mul(width).max(1);
        let count = images.len() / pixels;
        images.truncate(count * pixels);
        let labels = labels
            .filter(|labels| labels.len() >= count)
            .map(|mut labels| {
                labels.truncate(count);
                labels
            });
        Self {
            name: name.into(),
            images,
            labels,
            height,
            width,
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.images.len() / self.pixels()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Pixels of a picture; at least 1.
    pub fn pixels(&self) -> usize {
        (self.height * self.width).max(1)
    }

    /// The pictures with these indices, in this order; indices past the last are left out.
    pub fn select(&self, indices: &[usize]) -> Self {
        let pixels = self.pixels();
        let inside = || indices.iter().copied().filter(|&index| index < self.len());
        Self {
            name: self.name.clone(),
            images: inside()
                .flat_map(|index| &self.images[index * pixels..(index + 1) * pixels])
                .copied()
                .collect(),
            labels: self
                .labels
                .as_ref()
                .map(|labels| inside().map(|index| labels[index]).collect()),
            height: self.height,
            width: self.width,
        }
    }

    /// One picture; `None` past the last.
    pub fn picture(&self, index: usize) -> Option<GrayImage> {
        let start = index.checked_mul(self.pixels())?;
        let pixels = self.images.get(start..start.checked_add(self.pixels())?)?;
        GrayImage::new(self.width, self.height, pixels.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_chosen_with_their_labels() {
        let set = Pictures::new("x", vec![1, 2, 3, 4, 5, 6, 7], Some(vec![0, 1, 2]), 1, 2);
        assert_eq!((set.len(), set.images.len()), (3, 6));
        let chosen = set.select(&[2, 0, 9]);
        assert_eq!(chosen.images, [5, 6, 1, 2]);
        assert_eq!(chosen.labels, Some(vec![2, 0]));
        assert_eq!(set.picture(1).unwrap().pixels, [3, 4]);
        assert_eq!(set.picture(3), None);
        let few = Pictures::new("x", vec![1, 2], Some(vec![]), 1, 1);
        assert_eq!(few.labels, None, "too few labels are none");
    }
}
