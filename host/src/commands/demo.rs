//! `thumbgen demo`.

use super::export::{board, export_run};
use super::train::{free_folder, train};
use crate::emulator::session;
use crate::emulator::{Qemu, QemuOptions};
use crate::firmware_build;
use crate::models::folder::ModelFiles;
use crate::models::preview::panel_picture;
use crate::picture::terminal::{Palette, render};
use crate::picture::{Grid, grid};
use crate::setup::Tool;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::repository;
use crate::train::Config;
use firmware::app::View;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen demo                      train, export, build, boot, show
  thumbgen demo --yes --pretrained   without questions, with the shipped model
  thumbgen demo --steps 2000         a shorter training; recognisable digits")]
pub struct Args {
    /// Install what is missing without asking.
    #[arg(long, short)]
    yes: bool,
    /// Use the model shipped under models/ instead of training one.
    #[arg(long)]
    pretrained: bool,
    /// Steps to train; the preset's unless given.
    #[arg(long, conflicts_with = "pretrained")]
    steps: Option<u64>,
    /// Where to write; runs/demo unless given.
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// The shipped model that is shown: the best of those that are told which digit to draw.
const PRETRAINED: &str = "cdcgan";

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let start = Instant::now();
    let tools = super::setup::install(args.yes, console)?;
    if !tools.is_sufficient() {
        return Err(Failure::new(
            Class::Environment,
            format!("{} is missing; run `thumbgen setup`", Tool::Qemu.name()),
        ));
    }
    let out = args.out.clone().unwrap_or_else(|| free_folder("demo"));
    let target = board("lm3s6965evb")?;
    let files = if args.pretrained {
        ModelFiles::find(PRETRAINED).or_fail(Class::Input)?
    } else {
        let keys: Vec<String> = args
            .steps
            .map(|steps| format!("train.steps={steps}"))
            .into_iter()
            .collect();
        let config = Config::resolve("cgan", &keys).or_fail(Class::Input)?;
        train(&config, &out, false, console)?;
        let folder = out.join("model");
        export_run(&out, &folder, target.clone(), console)?;
        ModelFiles::find(&folder.display().to_string()).or_fail(Class::Input)?
    };
    let model = files.model().or_fail(Class::Input)?;
    let image = model.image().or_fail(Class::Input)?;
    let target =
        target.ok_or_else(|| Failure::new(Class::Other, "the demo's board is not known"))?;

    console.step("building the firmware with the model");
    let root = repository::root().or_fail(Class::Environment)?;
    let mut say = |line: &str| console.note(line);
    let build = firmware_build::build(
        &root,
        target.build,
        target.operators(),
        files.image(),
        &mut say,
    )
    .map_err(|error| super::firmware_failure(&error))?;

    console.step("booting it in QEMU");
    let options = QemuOptions::for_board(&target, &build.elf);
    let mut qemu = Qemu::start(&options).or_fail(Class::Environment)?;
    let booted = session::boot(&mut qemu).and_then(|_| session::pass_self_test(&mut qemu));
    for record in qemu.drain_logs() {
        console.note(record);
    }
    let first = booted.or_fail(Class::Mismatch)?;
    let lines: &[&str] = match image.classes() {
        0 => &["grid 1", "walk 1 - 2 - 32"],
        _ => &["grid 1", "walk 1 3 2 8 32", "2026"],
    };
    let mut screens = Vec::new();
    screens.push(screen(&mut qemu, &model, first)?);
    for line in lines {
        session::ask(&mut qemu, line).or_fail(Class::Environment)?;
        let view = session::view(&mut qemu).or_fail(Class::Environment)?;
        screens.push(screen(&mut qemu, &model, view)?);
    }
    let stats = session::ask(&mut qemu, "stats").or_fail(Class::Environment)?;
    drop(qemu);

    if let Some(last) = screens.last() {
        print(render(&panel_picture(last, 1), Palette::of_stdout()));
    }
    let tiles: Vec<_> = screens
        .iter()
        .map(|levels| panel_picture(levels, 3))
        .collect();
    let picture = grid(
        &tiles,
        Grid {
            columns: 2,
            gap: 4,
            ..Grid::default()
        },
    )
    .or_fail(Class::Other)?;
    let png = out.join("screens.png");
    picture.write_png(&png).or_fail(Class::Input)?;

    let field = |name: &str| {
        let value = stats
            .split(' ')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse::<u64>().ok())
    };
    let instructions =
        field("ticks").map(|ticks| ticks * target.instructions_per_tick().unwrap_or(1));
    let row = |name: &str, value: String| print(format_args!("{name:24} {value}"));
    print("");
    row(
        "model",
        format!("{} ({})", files.image().display(), image.card()),
    );
    row("display", png.display().to_string());
    row("firmware", build.elf.display().to_string());
    row(
        "flash",
        format!(
            "{} of {} bytes, {} of them the model",
            build.flash_bytes,
            target.capacity.flash,
            image.len()
        ),
    );
    let stack = field("stack").unwrap_or_default();
    row(
        "RAM",
        format!(
            "{} of {} bytes: {} static, {stack} stack",
            build.ram_bytes + stack,
            target.capacity.ram,
            build.ram_bytes
        ),
    );
    row(
        "a picture",
        instructions.map_or("not counted".to_owned(), |n| format!("{n} instructions")),
    );
    row(
        "equal to the host",
        format!(
            "{} screens, every pixel; self-test of {} golden vectors",
            screens.len(),
            image.goldens().len()
        ),
    );
    row("time", format!("{:.0} s", start.elapsed().as_secs_f64()));
    print("");
    let named = if args.pretrained {
        PRETRAINED.to_owned()
    } else {
        out.display().to_string()
    };
    print(format_args!(
        "next: cargo run --release -p host -- emulate --model {named}         play with it in a window"
    ));
    print(format_args!(
        "      cargo run --release -p host -- sample --model {named} --text 42   draw a number"
    ));
    print(
        "      cargo run --release -p host -- train --data FOLDER --export      your own pictures",
    );
    Ok(())
}

/// The panel's levels for a view; an error where they are not the host's.
fn screen(
    qemu: &mut Qemu,
    model: &crate::models::preview::Model,
    view: View,
) -> Result<Vec<u8>, Failure> {
    let (view, panel, expected) = session::compare(qemu, model)
        .or_fail(Class::Environment)
        .map_err(|failure| Failure::new(failure.class(), format!("{view}: {failure}")))?;
    match panel.first_difference(&expected) {
        None => Ok(expected),
        Some((x, y, found, expected)) => Err(Failure::new(
            Class::Mismatch,
            format!(
                "{view}: the display's pixel {x},{y} has level {found}, the host's {expected:?}; please report this"
            ),
        )),
    }
}
