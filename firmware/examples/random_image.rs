//! Writes a model image of the reference network's shape with random weights: to boot and to measure a board's program
//! where no trained model is at hand. Always the same bytes.
//!
//! `cargo run -p firmware --example random_image -- random.tgm`

use firmware::engine::{Engine, Observer};
use shared::arithmetic::Activation;
use shared::checksum;
use shared::image::{GoldenRepr, Image, ImageRepr, PIXEL_EXPONENT, PixelRange};
use shared::latent::{self, Latent, Point, Prior, pcg::Pcg32};
use shared::layer::{Dense, Kind, Layout, Op, Region, Table, Weights};

const LATENT: u16 = 100;
const CLASSES: u8 = 10;
const WIDTHS: [u16; 4] = [LATENT + CLASSES as u16, 256, 256, 784];
const LAYOUTS: [Layout; 3] = [Layout::Int8Rows, Layout::Int8Rows, Layout::Int4Rows];
/// Bring accumulators of random weights to a spread of about 50.
const SHIFTS: [u8; 3] = [9, 10, 6];

#[derive(Default)]
struct Checksums(Vec<u32>);

impl Observer for Checksums {
    fn input(&mut self, input: &[i8]) {
        self.0.push(checksum::of_activations(input));
    }

    fn layer(&mut self, _: usize, _: &Op<'_>, output: &[i8]) {
        self.0.push(checksum::of_activations(output));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("give the path of the image to write")?;
    let mut generator = Pcg32::new(1, 1);
    let mut weights = Vec::new();
    for (layer, layout) in LAYOUTS.into_iter().enumerate() {
        let (inputs, outputs) = (WIDTHS[layer], WIDTHS[layer + 1]);
        let len = usize::from(outputs) * layout.row_len(u32::from(inputs)) as usize;
        weights.push(
            (0..len)
                .map(|_| generator.next_u32() as u8)
                .collect::<Vec<u8>>(),
        );
    }
    let zeros = vec![0; 4 * 784];
    let shifts: Vec<Vec<u8>> = SHIFTS
        .iter()
        .zip(&WIDTHS[1..])
        .map(|(&s, &n)| vec![s; usize::from(n)])
        .collect();
    let tanh: [u8; 256] =
        std::array::from_fn(|i| ((i as f64 - 128.0) / 32.0).tanh().mul_add(127.0, 0.0) as i8 as u8);

    // Two halves of the arena in turn; the table works in place.
    let regions = [
        Region::vector(0, WIDTHS[0], latent::EXPONENT),
        Region::vector(784, WIDTHS[1], -4),
        Region::vector(0, WIDTHS[2], -4),
        Region {
            offset: 256,
            channels: 1,
            height: 28,
            width: 28,
            exponent: -5,
        },
        Region {
            offset: 256,
            channels: 1,
            height: 28,
            width: 28,
            exponent: PIXEL_EXPONENT,
        },
    ];
    let mut ops: Vec<Op<'_>> = (0..3)
        .map(|i| Op {
            name: ["dense1", "dense2", "dense3"][i],
            kind: Kind::Dense(Dense {
                input: i as u16,
                output: i as u16 + 1,
                weights: Weights {
                    layout: LAYOUTS[i],
                    activation: if i < 2 {
                        Activation::LeakyRelu { slope_shift: 2 }
                    } else {
                        Activation::None
                    },
                    values: &weights[i],
                    bias: &zeros[..4 * usize::from(WIDTHS[i + 1])],
                    shifts: &shifts[i],
                },
            }),
        })
        .collect();
    ops.push(Op {
        name: "tanh",
        kind: Kind::Table(Table {
            input: 3,
            output: 4,
            entries: &tanh,
        }),
    });
    let repr = ImageRepr {
        name: "random",
        card: "weights drawn, not trained",
        latent_len: LATENT,
        classes: CLASSES,
        prior: Prior::Normal,
        pixel_range: PixelRange::Signed,
        arena_len: 1040,
        regions: &regions,
        input: 0,
        output: 4,
        ops: &ops,
        goldens: &[],
    };
    let mut image = vec![0; repr.buffer_len()];
    repr.emit(&mut image)?;

    let points: Vec<Point> = (0..8)
        .map(|i| Point {
            seed: u32::from(i),
            label: Some(i),
        })
        .collect();
    let engine = Engine::new(Image::new_checked(&image)?);
    let mut arena = vec![0; engine.image().arena_len()];
    let mut checksums = Vec::new();
    for &point in &points {
        let mut seen = Checksums::default();
        engine.generate(&mut arena, Latent::At(point), &mut seen)?;
        checksums.push(seen.0);
    }
    let goldens: Vec<GoldenRepr<'_>> = points
        .iter()
        .zip(&checksums)
        .map(|(&point, checksums)| GoldenRepr { point, checksums })
        .collect();
    let repr = ImageRepr {
        goldens: &goldens,
        ..repr
    };
    let mut image = vec![0; repr.buffer_len()];
    repr.emit(&mut image)?;
    std::fs::write(&path, &image)?;
    println!(
        "{path}: {} bytes, arena {} bytes",
        image.len(),
        repr.arena_len
    );
    Ok(())
}
