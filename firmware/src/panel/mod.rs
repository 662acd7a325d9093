//! Panels: pixels -> a frame in memory -> a controller's bytes.

mod frame;
mod grey;
mod mono;
pub mod ssd0323;
pub mod ssd1306;

pub use frame::{FrameBuffer, HEIGHT, WIDTH};
pub use grey::{GreyFrame, rgb565};
pub use mono::MonoFrame;

use crate::draw::FromGrey;
use embedded_graphics::prelude::*;

/// A target whose picture becomes visible at once.
pub trait Screen: DrawTarget<Color: FromGrey> {
    /// Shows what was drawn.
    ///
    /// # Errors
    /// Those of the panel's bus.
    fn flush(&mut self) -> Result<(), Self::Error>;
}
