//! QEMU under control, with a firmware of forty instructions in place of a real one.

use super::*;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Says "ready" and a newline on UART0, waits for a byte from it, and exits with that byte as
/// status.
#[rustfmt::skip]
const PROGRAM: [u16; 40] = [
    0x0000, 0x2001,         // initial stack pointer 0x2001_0000
    0x0009, 0x0000,         // reset vector: 8, Thumb
    0x4c0f,                 //     ldr r4, =0x4000_C000    UART0
    0xa50d,                 //     adr r5, text
    0xf240, 0x3601,         //     movw r6, #0x301         UARTEN, TXE, RXE
    0x6326,                 //     str r6, [r4, #0x30]     UARTCTL
    0x7828,                 // 1:  ldrb r0, [r5]
    0xb110,                 //     cbz r0, 2f
    0x6020,                 //     str r0, [r4]
    0x3501,                 //     adds r5, #1
    0xe7fa,                 //     b 1b
    0x69a0,                 // 2:  ldr r0, [r4, #0x18]     UARTFR
    0x06c0,                 //     lsls r0, r0, #27        RXFE into the sign
    0xd4fc,                 //     bmi 2b
    0x6820,                 //     ldr r0, [r4]
    0xa105, 0x466a,         //     adr r1, block; mov r2, sp
    0xf842, 0x0c04,         //     str r0, [r2, #-4]
    0x4b07,                 //     ldr r3, =0x20026        ADP_Stopped_ApplicationExit
    0xf842, 0x3c08,         //     str r3, [r2, #-8]
    0xf1a2, 0x0108,         //     sub r1, r2, #8
    0x2020,                 //     movs r0, #0x20          SYS_EXIT_EXTENDED
    0xbeab,                 //     bkpt 0xAB
    0xe7fe,                 //     b .
    0x0000, 0x0000,         // block
    0x6572, 0x6461, 0x0a79, 0x0000, // text: "ready\n"
    0xc000, 0x4000, 0x0026, 0x0002,
];

/// The program as an ELF file for Arm with one segment at address 0.
fn elf() -> Vec<u8> {
    let (header, program_header) = (52u32, 32u32);
    let size = 2 * PROGRAM.len() as u32;
    let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend([2, 0, 40, 0]);
    // Version, entry, program headers, section headers, flags (EABI 5).
    for word in [1, 9, header, 0, 0x0500_0000] {
        elf.extend(word.to_le_bytes());
    }
    for half in [header as u16, program_header as u16, 1, 40, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    let offset = header + program_header;
    for word in [1, offset, 0, 0, size, size, 5, 4] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(PROGRAM.iter().flat_map(|half| half.to_le_bytes()));
    elf
}

fn start(folder: &Path) -> Result<Qemu, EmulatorError> {
    let path = folder.join("tiny.elf");
    std::fs::write(&path, elf()).unwrap();
    let mut qemu = Qemu::start(&QemuOptions::new(path))?;
    qemu.wait_for_line(|line| line == "ready", LIMIT)?;
    Ok(qemu)
}

/// Fails with the error's one line, which says how to install QEMU where it is missing.
fn started(folder: &Path) -> Qemu {
    start(folder).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn firmware_talks_listens_and_exits() {
    let folder = tempfile::tempdir().unwrap();
    let mut qemu = started(folder.path());
    assert_eq!(qemu.exit_code().unwrap(), None);
    qemu.send_line("*").unwrap();
    assert_eq!(qemu.wait_for_exit(LIMIT).unwrap(), i32::from(b'*'));
    let error = qemu.screendump().unwrap_err();
    assert!(matches!(error, EmulatorError::Exited { .. }), "{error}");
    let error = qemu.read_line(LIMIT).unwrap_err();
    assert!(matches!(error, EmulatorError::Exited { .. }), "{error}");
}

#[test]
fn a_panel_that_nobody_drew_on_is_black_and_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut qemu = started(folder.path());
    let panel = qemu.screendump().unwrap();
    assert!(panel.levels().iter().all(|&level| level == 0));
    let quiet = Duration::from_millis(50);
    assert_eq!(
        qemu.wait_until_screen_is_stable(quiet, LIMIT).unwrap(),
        panel
    );
    for button in Button::ALL {
        qemu.press(button).unwrap();
        qemu.set_button(button, true).unwrap();
        qemu.set_button(button, false).unwrap();
    }
}

#[test]
fn waits_end_at_their_limits() {
    let folder = tempfile::tempdir().unwrap();
    let mut qemu = started(folder.path());
    let short = Duration::from_millis(30);
    for error in [
        qemu.read_line(short).unwrap_err(),
        qemu.wait_for_screen(|_| false, short).unwrap_err(),
        qemu.wait_for_exit(short).unwrap_err(),
    ] {
        assert!(matches!(error, EmulatorError::Timeout { .. }), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let error = qemu.wait_for_log(|_| true, LIMIT).unwrap_err();
    assert!(matches!(error, EmulatorError::NoDefmt { .. }), "{error}");
}

#[test]
fn instructions_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut qemu = started(folder.path());
    let first = qemu.instructions().unwrap();
    assert!(first >= 40, "{first}");
    // It waits in a loop, so the count rises, whenever a busy machine lets the guest go on.
    let end = Instant::now() + LIMIT;
    while qemu.instructions().unwrap() <= first {
        assert!(Instant::now() < end, "{first} and no more");
        std::thread::sleep(Duration::from_millis(1));
    }
    qemu.send_line("!").unwrap();
    qemu.wait_for_exit(LIMIT).unwrap();
    let error = Qemu::start(&QemuOptions {
        icount_shift: Some(99),
        ..QemuOptions::new(folder.path().join("tiny.elf"))
    })
    .err()
    .unwrap();
    assert!(error.to_string().contains("icount"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_stays_after_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let qemu = started(folder.path());
    let process = format!("/proc/{}", qemu.process_id());
    let sockets = qemu.folder.path().to_owned();
    assert!(Path::new(&process).exists() && sockets.exists());
    let result = std::thread::spawn(move || {
        let _qemu = qemu;
        std::panic::panic_any("meant to");
    })
    .join();
    assert!(result.is_err());
    assert!(!Path::new(&process).exists() && !sockets.exists());
}

#[test]
fn a_missing_qemu_says_in_one_line_how_to_install_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.elf");
    std::fs::write(&path, elf()).unwrap();
    for window in [false, true] {
        let options = QemuOptions {
            program: "qemu-of-nobody".into(),
            window,
            ..QemuOptions::new(&path)
        };
        let error = Qemu::start(&options).err().unwrap();
        assert_eq!(
            error.to_string(),
            "qemu-of-nobody is not installed; run `cargo run -p host -- setup`"
        );
    }
}
