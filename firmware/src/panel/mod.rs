//! Panels: pixels -> a frame in memory -> a controller's bytes.

mod frame;
mod grey;
mod mono;
pub mod ssd0323;
pub mod ssd1306;

pub use frame::{FrameBuffer, HEIGHT, WIDTH};
pub use grey::{GreyFrame, Look, rgb565};
pub use mono::MonoFrame;

use crate::draw::FromGrey;
use core::convert::Infallible;
use embedded_graphics::prelude::*;

/// A panel: a frame to draw on, which becomes visible at once.
pub trait Screen {
    /// Where pictures are drawn. Memory takes every pixel.
    type Frame: DrawTarget<Color: FromGrey, Error = Infallible>;

    /// What is wrong where the panel does not work.
    type Error;

    /// What is or will be shown.
    fn frame_mut(&mut self) -> &mut Self::Frame;

    /// Shows what was drawn.
    ///
    /// # Errors
    /// Those of the panel's bus.
    fn flush(&mut self) -> Result<(), Self::Error>;
}

/// A frame that nothing shows: a screen in memory.
macro_rules! screen_in_memory {
    ($frame:ty) => {
        impl $crate::panel::Screen for $frame {
            type Frame = Self;
            type Error = core::convert::Infallible;

            fn frame_mut(&mut self) -> &mut Self {
                self
            }

            fn flush(&mut self) -> Result<(), Self::Error> {
                Ok(())
            }
        }
    };
}
use screen_in_memory;
