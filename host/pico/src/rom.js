// The boot ROM that the emulator lacks: a table whose functions are breakpoints, carried out here.
//
// Firmware finds a routine by asking the ROM's lookup function for two letters. Each routine here is two instructions,
// `bkpt; bx lr`: the breakpoint stops the core, `call` does the work, and the core returns to its caller.

const BKPT = 0xbe00;
const BX_LR = 0x4770;
/** Where the routines lie; the first one is the lookup itself. */
const ROUTINES = 0x100;
const STEP = 4;

const LOOKUP = 'lookup';
/** Letters of the routines, in the order in which they lie. */
const NAMES = [LOOKUP, 'IF', 'EX', 'RE', 'RP', 'FC', 'CX', 'UB', 'MS', 'S4', 'MC', 'C4'];

/** Writes the table and the routines into the chip's ROM. */
export function install(rom) {
  const bytes = new Uint8Array(rom.buffer);
  const half = (at, value) => {
    bytes[at] = value & 0xff;
    bytes[at + 1] = value >> 8;
  };
  // Whoever calls what is not there is stopped at once.
  rom.fill((BKPT << 16) | BKPT);
  // "Mu", version 1 of the tables' layout; then the function table, the data table and the lookup function.
  bytes.set([0x4d, 0x75, 0x01, 0x01], 0x10);
  half(0x14, 0x40);
  half(0x16, 0x50);
  half(0x18, ROUTINES | 1);
  NAMES.forEach((_, index) => {
    half(ROUTINES + STEP * index, BKPT | index);
    half(ROUTINES + STEP * index + 2, BX_LR);
  });
}

/**
 * Carries out the routine whose breakpoint the core has just met.
 *
 * @param {number} at address of the breakpoint
 * @param {object} board what the routines work on: core, flash, xip, memory, fill, copy, elapse, enterBootloader
 * @returns {boolean} whether there is such a routine
 */
export function call(at, board) {
  const index = (at - ROUTINES) / STEP;
  const name = NAMES[index];
  if (name === undefined) {
    return false;
  }
  const [r0, r1, r2] = board.core.registers;
  switch (name) {
    case LOOKUP:
      board.core.registers[0] = address(String.fromCharCode(r1 & 0xff, (r1 >> 8) & 0xff));
      break;
    case 'RE':
      board.elapse(board.flash.erase(r0, r1));
      break;
    case 'RP':
      board.elapse(board.flash.program(r0, board.memory(r1, r2)));
      break;
    case 'MS':
    case 'S4':
      board.fill(r0, r1 & 0xff, r2);
      break;
    case 'MC':
    case 'C4':
      board.copy(r0, r1, r2);
      break;
    case 'FC':
      board.xip.flush();
      break;
    case 'UB':
      board.enterBootloader();
      break;
    default:
    // Connecting the flash chip and leaving or entering execution in place need nothing here.
  }
  return true;
}

/** The routine's address with the Thumb bit, or 0 as the ROM says for letters that it does not know. */
function address(letters) {
  const index = letters === LOOKUP ? -1 : NAMES.indexOf(letters);
  return index < 0 ? 0 : (ROUTINES + STEP * index) | 1;
}

