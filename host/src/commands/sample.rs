//! `thumbgen sample`.

use super::verify::Log;
use crate::evaluate::progress::Progress;
use crate::link::{Client, LinkError, open};
use crate::models::folder::ModelFiles;
use crate::models::sample::{Arithmetic, Sampler};
use crate::picture::terminal::{Palette, render};
use crate::picture::{GrayImage, Grid, MAX_PIXELS, PictureError, grid};
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use shared::latent::{Latent, Point, WALK_STEPS};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen sample                          a grid: one column a digit
  thumbgen sample --digit 3 --seed 7       one picture
  thumbgen sample --text 2026 --scale 4    the digits of a number
  thumbgen sample --digit 5 --grid 8x4     32 fives
  thumbgen sample --walk --grid 13x5       walks through latent space, each row on to the next picture
  thumbgen sample --model runs/cgan/model --float --out float.png
  thumbgen sample --port /dev/ttyACM0      a grid that a board computes with the model it runs")]
pub struct Args {
    /// Name of a shipped model, a model folder, a run folder, or a model image.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    model: String,
    /// Let the device at this serial port, or tcp:HOST:PORT, compute the pictures.
    #[arg(long, short, value_name = "PORT", conflicts_with_all = ["model", "float"])]
    port: Option<String>,
    #[command(flatten)]
    log: Log,
    /// Seed of the first picture; the next ones follow it.
    #[arg(long, short, default_value_t = 1)]
    seed: u32,
    /// Which digit (class) to draw.
    #[arg(long, short, visible_alias = "label", value_name = "N")]
    digit: Option<u8>,
    /// Draw the digits of a number.
    #[arg(long, short, conflicts_with_all = ["digit", "grid"], value_name = "DIGITS")]
    text: Option<String>,
    /// Draw so many columns and rows.
    #[arg(long, short, value_name = "COLUMNSxROWS", value_parser = columns_and_rows)]
    grid: Option<(usize, usize)>,
    /// Each row walks through latent space from one picture to the next, in as many steps as there
    /// are columns.
    #[arg(long, short, conflicts_with = "text")]
    walk: bool,
    /// Use the float generator (generator.onnx) instead of the integer model.
    #[arg(long)]
    float: bool,
    /// Enlarge each pixel.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=32))]
    scale: u8,
    /// The PNG file.
    #[arg(long, short, default_value = "sample.png", value_name = "FILE")]
    out: PathBuf,
}

fn columns_and_rows(text: &str) -> Result<(usize, usize), String> {
    let wrong = || format!("expected COLUMNSxROWS with 1 to 256 each, as 8x4, found {text}");
    let (columns, rows) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
    match (columns.parse(), rows.parse()) {
        (Ok(columns @ 1..=256), Ok(rows @ 1..=256)) => Ok((columns, rows)),
        _ => Err(wrong()),
    }
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let (tiles, columns) = match &args.port {
        Some(port) => of_device(port, &args, console)?,
        None => of_model(&args)?,
    };
    let picture = grid(
        &tiles,
        Grid {
            columns,
            gap: 1,
            scale: usize::from(args.scale),
            ..Grid::default()
        },
    )
    .or_fail(Class::Input)?;
    picture.write_png(&args.out).or_fail(Class::Input)?;
    if !console.is_quiet() && tiles.len() <= 8 {
        let small = grid(
            &tiles,
            Grid {
                columns,
                gap: 1,
                ..Grid::default()
            },
        )
        .or_fail(Class::Input)?;
        print(render(&small, Palette::of_stdout()));
    }
    print(args.out.display());
    Ok(())
}

/// Pictures by this machine, and in how many columns.
fn of_model(args: &Args) -> Result<(Vec<GrayImage>, usize), Failure> {
    let files = ModelFiles::find(&args.model).or_fail(Class::Input)?;
    let arithmetic = if args.float {
        Arithmetic::Float
    } else {
        Arithmetic::Integer
    };
    let mut sampler = Sampler::new(&files, arithmetic).or_fail(Class::Input)?;
    let (latents, columns) = latents(args, sampler.classes())?;
    let tiles = sampler.draw(&latents).or_fail(Class::Input)?;
    Ok((tiles, columns))
}

/// Pictures by a device, and in how many columns.
fn of_device(
    port: &str,
    args: &Args,
    console: Console,
) -> Result<(Vec<GrayImage>, usize), Failure> {
    let failure = |error: LinkError| Failure::from_error(error.class(), &error);
    let mut client = Client::new(open(port).map_err(failure)?);
    let hello = client.hello().map_err(failure)?;
    args.log.choose(&mut client).map_err(failure)?;
    let (latents, columns) = latents(args, hello.classes)?;
    // Before hours of computing, and before memory is taken for it.
    let (width, height) = (usize::from(hello.width), usize::from(hello.height));
    if latents.len().saturating_mul(width * height) > MAX_PIXELS {
        let rows = latents.len().div_ceil(columns.max(1));
        return Err(PictureError::TooLarge {
            width: columns.saturating_mul(width),
            height: rows.saturating_mul(height),
            limit: MAX_PIXELS,
        })
        .or_fail(Class::Input);
    }
    let what = format!("{} computes with {}", hello.board, hello.model);
    let stage = Progress::new(console.is_quiet()).stage(&what, latents.len());
    let mut tiles = Vec::new();
    for &latent in &latents {
        let picture = client.generate(latent).map_err(failure)?;
        tiles.push(picture.to_gray(&hello));
        stage.add(1);
    }
    Ok((tiles, columns))
}

/// What to draw, and in how many columns.
fn latents(args: &Args, classes: u8) -> Result<(Vec<Latent>, usize), Failure> {
    let (points, columns) = points(args, classes)?;
    let latents = if args.walk {
        walks(&points, columns)
    } else {
        points.into_iter().map(Latent::At).collect()
    };
    Ok((latents, columns))
}

/// The points that are drawn, or walked between.
fn points(args: &Args, classes: u8) -> Result<(Vec<Point>, usize), Failure> {
    let from = |i: usize, label: Option<u8>| Point {
        seed: args.seed.wrapping_add(i as u32),
        label,
    };
    if let Some(text) = &args.text {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|c| c.to_digit(10).map(|d| d as u8))
            .collect();
        return match digits {
            Some(digits) if (1..=64).contains(&digits.len()) => {
                let points = digits
                    .iter()
                    .enumerate()
                    .map(|(i, &d)| from(i, Some(d)))
                    .collect();
                Ok((points, digits.len()))
            }
            _ => Err(Failure::new(
                Class::Input,
                format!("--text {text}: expected 1 to 64 digits"),
            )),
        };
    }
    let (columns, rows) = match (args.grid, args.digit) {
        (Some(size), _) => size,
        (None, _) if args.walk => (9, 10),
        (None, Some(_)) => (1, 1),
        // Ten columns, or one a class where there are fewer.
        (None, None) if (1..10).contains(&classes) => (usize::from(classes), 10),
        (None, None) => (10, 10),
    };
    // A walk of a row wants the first picture of the next.
    let count = if args.walk { rows + 1 } else { columns * rows };
    let points = (0..count)
        .map(|i| {
            // All classes in turn where none is asked for; below 255, so the cast loses nothing.
            let class = i.checked_rem(usize::from(classes)).map(|class| class as u8);
            from(i, args.digit.or(class))
        })
        .collect();
    Ok((points, columns))
}

/// Row by row the steps from each point to the next, both ends included.
fn walks(points: &[Point], columns: usize) -> Vec<Latent> {
    // At most 256 columns: a step is at most WALK_STEPS, so the cast loses nothing.
    let step = |column: usize| {
        let last = columns.saturating_sub(1).max(1);
        (column * usize::from(WALK_STEPS) / last) as u8
    };
    let rows = points.windows(2);
    rows.flat_map(|ends| {
        (0..columns).map(move |column| Latent::Between {
            from: ends[0],
            to: ends[1],
            step: step(column),
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_walks_from_its_picture_to_that_of_the_next() {
        let point = |seed| Point { seed, label: None };
        let row = |from, to, steps: &[u8]| -> Vec<Latent> {
            let (from, to) = (point(from), point(to));
            steps
                .iter()
                .map(|&step| Latent::Between { from, to, step })
                .collect()
        };
        let expected = [row(1, 2, &[0, 32, 64]), row(2, 3, &[0, 32, 64])].concat();
        assert_eq!(walks(&[point(1), point(2), point(3)], 3), expected);
        assert_eq!(walks(&[point(1), point(2)], 1), row(1, 2, &[0]));
    }

    #[test]
    fn sizes_of_grids() {
        assert_eq!(columns_and_rows("8x4"), Ok((8, 4)));
        for wrong in ["", "8", "0x4", "8x", "axb", "257x1", "1x2x3"] {
            assert!(columns_and_rows(wrong).is_err(), "{wrong}");
        }
    }
}
