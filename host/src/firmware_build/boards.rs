//! The boards that firmware is built for. What each of them can hold is in `firmware/budgets`.

use super::uf2::Family;

/// All boards: those in QEMU from the smallest to the largest, then those that one can buy.
pub const BOARDS: &[&BoardBuild] = &[
    &LM3S6965EVB,
    &NETDUINOPLUS2,
    &PICO,
    &PICO_SSD1306,
    &PICO2,
    &NRF52840DK,
];

/// What is built for a board, and how it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardBuild {
    /// Its name, as `--board` takes it; that of its budget file.
    pub name: &'static str,
    /// Name of the firmware's binary.
    pub bin: &'static str,
    /// Cargo's features of that binary, separated by commas.
    pub features: &'static str,
    /// Rust's name of the processor.
    pub target: &'static str,
    /// Cargo's profile that it is built with.
    pub profile: &'static str,
    /// What shows the picture.
    pub display: Display,
    /// probe-rs's name of the chip; `None` for a board that only QEMU has.
    pub chip: Option<&'static str>,
    /// For whom its UF2 files are; `None` where it does not take any.
    pub uf2: Option<Family>,
}

/// What a board's picture is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// A panel that QEMU emulates and makes pictures of: 128x64 pixels, 16 grey levels.
    Panel,
    /// Memory alone: the static variable `FRAME` of the board's program, in the format of that
    /// panel.
    Memory,
    /// An ST7789 on SPI: 240x240 pixels, colours.
    St7789,
    /// An SSD1306 on I2C: 128x64 pixels, one bit.
    Ssd1306,
}

/// QEMU's board with an OLED: Cortex-M3, 256 KB flash, 64 KB RAM.
pub const LM3S6965EVB: BoardBuild = BoardBuild {
    name: "lm3s6965evb",
    bin: "lm3s6965evb",
    features: "lm3s6965evb",
    target: "thumbv7m-none-eabi",
    profile: "firmware",
    display: Display::Panel,
    chip: None,
    uf2: None,
};

/// QEMU's board with a megabyte of flash: STM32F405, Cortex-M4F, 128 KB RAM, no display. Its core
/// runs what is built for the Cortex-M3, and nothing here uses more.
pub const NETDUINOPLUS2: BoardBuild = BoardBuild {
    name: "netduinoplus2",
    bin: "netduinoplus2",
    features: "netduinoplus2",
    target: "thumbv7m-none-eabi",
    profile: "firmware",
    display: Display::Memory,
    chip: None,
    uf2: None,
};

/// Raspberry Pi Pico: RP2040, Cortex-M0+, 2 MB flash, 264 KB RAM; with a colour display.
pub const PICO: BoardBuild = BoardBuild {
    name: "pico",
    bin: "pico",
    features: "pico",
    target: "thumbv6m-none-eabi",
    profile: "firmware-small",
    display: Display::St7789,
    chip: Some("RP2040"),
    uf2: Some(Family::RP2040),
};

/// The same with a small OLED.
pub const PICO_SSD1306: BoardBuild = BoardBuild {
    name: "pico-ssd1306",
    features: "pico,ssd1306",
    display: Display::Ssd1306,
    ..PICO
};

/// Raspberry Pi Pico 2: RP2350, Cortex-M33. Compiled, not run on hardware.
pub const PICO2: BoardBuild = BoardBuild {
    name: "pico2",
    bin: "pico2",
    features: "pico2",
    target: "thumbv8m.main-none-eabihf",
    profile: "firmware-small",
    display: Display::St7789,
    chip: Some("RP235x"),
    uf2: Some(Family::RP2350_ARM_S),
};

/// Nordic's nRF52840-DK: Cortex-M4F. Compiled, not run on hardware.
pub const NRF52840DK: BoardBuild = BoardBuild {
    name: "nrf52840dk",
    bin: "nrf52840dk",
    features: "nrf52840dk",
    target: "thumbv7em-none-eabihf",
    profile: "firmware-small",
    display: Display::St7789,
    chip: Some("nRF52840_xxAA"),
    uf2: None,
};
