// Which pin of the board leads where: one place, equal to the drawing in the firmware's documentation.

/** Pins of the display and the buttons. A pressed button connects its pin to ground. */
export const WIRING = {
  spi: { bus: 0, pins: { dataCommand: 16, select: 17 } },
  i2c: { bus: 0 },
  buttons: { up: 2, down: 3, left: 4, right: 5, select: 6 },
};
