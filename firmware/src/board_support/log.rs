//! What boards say of pictures.

use shared::latent::Latent;
use shared::protocol::LogLevel;

/// Tells of a picture and the ticks that it took: of single ones at [`LogLevel::Info`], of the
/// steps of a walk, which never end, at [`LogLevel::Debug`].
pub fn picture(level: LogLevel, latent: Latent, ticks: u32) {
    match latent {
        Latent::At(point) if level >= LogLevel::Info => {
            defmt::info!(
                "picture: seed {}, label {}, {} ticks",
                point.seed,
                point.label,
                ticks
            );
        }
        Latent::Between { from, to, step } if level >= LogLevel::Debug => {
            defmt::debug!(
                "picture: walk {} to {}, step {}, {} ticks",
                from.seed,
                to.seed,
                step,
                ticks
            );
        }
        Latent::At(_) | Latent::Between { .. } => {}
    }
}
