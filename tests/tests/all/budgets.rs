//! Flash, RAM, stack and instructions of each board, measured, against its budget file.

use host::emulator::session;
use host::firmware_build::board::Board;
use host::firmware_build::{BOARDS, Operators};
use tests::{MODELS, board_of, boot, files, firmware, firmware_with};

/// The numbers of a `stats` line.
fn stat(line: &str, name: &str) -> u64 {
    line.split(' ')
        .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in “{line}”"))
}

#[test]
fn flash_ram_stack_and_instructions_are_within_the_budget() {
    for name in MODELS {
        let board = board_of(files(name).image());
        let budget = &board.budget;
        let image_len = std::fs::metadata(files(name).image()).unwrap().len();
        let build = firmware(&board, files(name).image());
        let program = build.flash_bytes - image_len;
        println!(
            "{name}: flash {} (program {program}, image {image_len}), static RAM {}",
            build.flash_bytes, build.ram_bytes
        );
        assert!(
            build.flash_bytes <= budget.flash_total,
            "{name}: {} bytes of flash, budget {}",
            build.flash_bytes,
            budget.flash_total
        );
        assert!(
            program <= budget.flash_program_all,
            "{name}: a program of {program} bytes, budget {}",
            budget.flash_program_all
        );
        assert!(
            build.ram_bytes <= budget.ram_static,
            "{name}: {} bytes of RAM, budget {}",
            build.ram_bytes,
            budget.ram_static
        );

        let mut qemu = boot(name);
        // Every screen once, a wrong line and a self-test: the deepest paths.
        for line in [
            "grid 1",
            "2026",
            "walk 1 0 2 1 9",
            "walk 1 - 2 - 9",
            "selftest",
            "golden 1 0",
            "nonsense",
            "digit 1",
        ] {
            let _ = session::ask(&mut qemu, line);
        }
        let stats = session::ask(&mut qemu, "stats").unwrap();
        let instructions = stat(&stats, "ticks") * board.instructions_per_tick().unwrap();
        let stack = stat(&stats, "stack");
        println!("{name}: {stats}, {instructions} instructions a picture");
        assert_eq!(stat(&stats, "flash_image"), image_len);
        assert!(
            stack <= budget.stack,
            "{name}: {stack} bytes of stack, budget {}",
            budget.stack
        );
        let most = board.instructions.get(name).copied();
        let most = most.unwrap_or_else(|| panic!("{name}: no budget of instructions"));
        assert!(
            instructions <= most,
            "{name}: {instructions} instructions a picture, budget {most}"
        );
        // Static RAM and the worst stack together are within the board's.
        assert!(build.ram_bytes + stack <= board.capacity.ram);
    }
}

/// With the operators of one model, and with all of them.
#[test]
fn programs_are_within_the_budget_with_the_operators_of_one_model_and_with_all() {
    let image = files("cgan").image().to_owned();
    let image_len = std::fs::metadata(&image).unwrap().len();
    for build in BOARDS {
        let board = Board::find(build.name).unwrap();
        let (name, budget) = (build.name, &board.budget);
        for (operators, most) in [
            (Operators::Model, budget.flash_program),
            (Operators::All, budget.flash_program_all),
        ] {
            let built = firmware_with(&board, operators, &image);
            let program = built.flash_bytes - image_len;
            let ram = built.ram_bytes;
            println!("{name}, {operators:?}: program {program}, static RAM {ram}");
            assert!(
                program <= most,
                "{name}, {operators:?}: a program of {program} bytes, budget {most}"
            );
            assert!(
                ram <= budget.ram_static,
                "{name}, {operators:?}: {ram} bytes of RAM, budget {}",
                budget.ram_static
            );
            assert!(ram + budget.stack <= board.capacity.ram);
        }
    }
}
