//! Panels: pixels -> [`FrameBuffer`] -> a controller's bytes.

mod frame;
pub mod ssd0323;

pub use frame::{FrameBuffer, HEIGHT, WIDTH};

use embedded_graphics::{pixelcolor::Gray4, prelude::*};

/// A target whose picture becomes visible at once.
pub trait Screen: DrawTarget<Color = Gray4> {
    /// Shows what was drawn.
    ///
    /// # Errors
    /// Those of the panel's bus.
    fn flush(&mut self) -> Result<(), Self::Error>;
}
