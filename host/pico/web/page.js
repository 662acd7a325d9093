// The page around the emulated board: draws its display, passes on buttons, lines and files, and says what it sees.

const $ = (id) => document.getElementById(id);
const worker = new Worker('worker.js', { type: 'module' });
const canvas = $('display');
const context = canvas.getContext('2d');
/** Words for the screens that the firmware's `status` line names. */
const MODES = { selftest: 'Self-test', digit: 'Digit', grid: 'Grid', walk: 'Walk', number: 'Number' };
const KEYS = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right', ' ': 'select' };
/** No file for a board of two megabytes is longer, in UF2's blocks that are half empty. */
const MOST_BYTES = 8 << 20;
/** What the board was started from last, to start it again, and what it shall be started from. */
let firmware = null;
let candidate = null;
/** The screen in words, to be said again when an upload has failed. */
let screen = '';
/** Names of the models that were uploaded, by their checksums. */
const models = new Map();
/** Why there is no emulator any more, where there is none. */
let fatal = '';
/** Files that were opened: of two in a row, the later one counts. */
let opened = 0;

$('dead').remove();

/** A screen reader reads a text again that is set again: what has not changed is left alone. */
function write(id, text) {
  if ($(id).textContent !== text) {
    $(id).textContent = text;
  }
}

const say = (text) => write('status', text);

function complain(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

const handlers = {
  picture({ width, height, rgb }) {
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      fit();
    }
    const image = context.createImageData(width, height);
    for (let from = 0, to = 0; from < rgb.length; to++) {
      image.data[to++] = rgb[from++];
      image.data[to++] = rgb[from++];
      image.data[to++] = rgb[from++];
      image.data[to] = 255;
    }
    context.putImageData(image, 0, 0);
  },
  line(text) {
    const [word, ...rest] = text.split(' ');
    if (word === 'status') {
      describe(rest);
    } else if (word === 'stats') {
      // Microseconds of the chip's timer.
      const ticks = Number(rest.find((field) => field.startsWith('ticks='))?.slice(6));
      if (ticks > 0) {
        $('picture-cycles').textContent = `${Number((ticks / 8000).toPrecision(3))} million`;
        $('picture-time').textContent = `${(ticks / 1e3).toFixed(1)} ms`;
      }
    } else if (word === 'ready') {
      const crc = parseInt(rest[1], 16);
      write('running', `On the board: ${models.get(crc) ?? firmware.name}`);
    } else if (word === 'error') {
      complain(`The board says: ${rest.join(' ')}`);
    }
  },
  speed(speed, { cycles }) {
    $('speed').textContent = `${Math.round(100 * Math.min(speed, 1))} %`;
    $('cycles').textContent = `${(cycles / 1e6).toFixed(1)} million`;
  },
  progress(progress, { finishing, done, crc, name }) {
    $('progress').hidden = done;
    $('progress').value = progress;
    if (done) {
      models.set(crc, name);
      say(`${name} is on the board and starts.`);
    } else {
      say(finishing ? `The board tests ${name}.` : `Uploading ${name} to the board.`);
    }
  },
  started(name) {
    firmware = candidate;
    screen = '';
    models.clear();
    canvas.setAttribute('aria-label', 'The display, still dark');
    complain('');
    $('progress').hidden = true;
    $('restart').disabled = false;
    write('running', `On the board: ${name}`);
    say(`${name} starts.`);
  },
  error(text, { name, uploading }) {
    $('progress').hidden = !uploading;
    if (!uploading) {
      say(screen);
    }
    complain(`${name}: ${text}`);
  },
  reset(cause) {
    say(`The board was reset (${cause}).`);
  },
  stopped(why) {
    stop(`The program did what the emulator has no answer to (${why}); start it again, or another one.`);
  },
};

worker.addEventListener('message', ({ data }) => {
  for (const [kind, content] of Object.entries(data)) {
    handlers[kind]?.(content, data);
  }
});
worker.addEventListener('error', (event) => {
  event.preventDefault();
  fatal = event.message || 'This browser cannot run it, or its files are missing; reload the page.';
  stop(fatal);
});

function stop(why) {
  $('progress').hidden = true;
  say('The emulator has stopped.');
  complain(why);
}

/**
 * The canvas fills its place, or a little less, so that each of the display's pixels has a whole number of the screen's:
 * else some would be wider than others.
 */
function fit() {
  canvas.style.width = '';
  const scale = (canvas.clientWidth * devicePixelRatio) / canvas.width;
  const whole = Math.floor(scale);
  if (whole > 0.85 * scale) {
    canvas.style.width = `${(whole * canvas.width) / devicePixelRatio}px`;
  }
}
new ResizeObserver(fit).observe(canvas.parentElement);

/** The screen in words, for those who cannot see it. */
function describe([mode, ...fields]) {
  const values = Object.fromEntries(fields.map((field) => field.split('=')));
  const details = {
    selftest: () => (values.failed === '-' ? `passed, ${values.goldens} pictures are equal` : `FAILED at ${values.failed}`),
    digit: () => `${values.label === '-' ? '' : `${values.label}, `}seed ${values.seed}`,
    grid: () => `of eight, from seed ${values.seed}${values.label === '-' ? '' : `, label ${values.label}`}`,
    walk: () => `from ${values.from.replace(':', ' as ')} to ${values.to.replace(':', ' as ')}${values.paused === '1' ? ', paused' : ''}`,
    number: () => `${values.digits}, digit ${Number(values.cursor) + 1} is selected`,
  };
  screen = `${MODES[mode] ?? mode} ${details[mode]?.() ?? ''}`.trim();
  canvas.setAttribute('aria-label', `The display: ${screen}`);
  if ($('progress').hidden) {
    say(screen);
  }
}

/** A button down, and up again wherever the finger is let go. */
for (const key of document.querySelectorAll('.key')) {
  const set = (down) => {
    if (key.classList.contains('held') !== down) {
      key.classList.toggle('held', down);
      worker.postMessage({ do: 'button', name: key.dataset.button, down });
    }
  };
  key.addEventListener('pointerdown', (event) => {
    key.setPointerCapture(event.pointerId);
    set(true);
  });
  // Who uses the mouse goes on with arrow keys and space, whatever had the focus.
  key.addEventListener('mousedown', (event) => {
    event.preventDefault();
    document.activeElement.blur();
  });
  // A screen reader's press has neither pointer nor key.
  key.addEventListener('click', (event) => {
    if (event.detail === 0) {
      set(true);
      set(false);
    }
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
    key.addEventListener(end, () => set(false));
  }
  key.addEventListener('contextmenu', (event) => event.preventDefault());
  for (const kind of ['keydown', 'keyup']) {
    key.addEventListener(kind, (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        event.stopPropagation();
        set(kind === 'keydown');
      }
    });
  }
  key.addEventListener('blur', () => set(false));
  key.press = set;
}

function keyOf(event) {
  const typing = event.target.matches('input, textarea') && event.target.type !== 'checkbox';
  // Space on a button or a box is that one's own.
  const taken = event.key === ' ' && event.target.matches('button, input');
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
  const name = plain && !typing && !taken ? KEYS[event.key] : undefined;
  return name && document.querySelector(`.key[data-button="${name}"]`);
}

document.addEventListener('keydown', (event) => {
  const key = keyOf(event);
  if (key) {
    event.preventDefault();
    if (!event.repeat) {
      key.press(true);
    }
  }
});
document.addEventListener('keyup', (event) => keyOf(event)?.press(false));

$('number-form').addEventListener('submit', (event) => {
  event.preventDefault();
  complain(fatal);
  worker.postMessage({ do: 'line', text: $('number').value });
  if (matchMedia('(pointer: coarse)').matches) {
    // The keyboard on a phone's screen hides what was asked for.
    $('number').blur();
  }
  canvas.scrollIntoView({ block: 'nearest' });
});
$('xip').addEventListener('change', () => worker.postMessage({ do: 'xip', on: $('xip').checked }));
$('restart').addEventListener('click', () => start(firmware.name, firmware.bytes));

function start(name, bytes) {
  candidate = { name, bytes };
  worker.postMessage({ do: 'start', name, uf2: bytes });
}

/** Runs a UF2 file, or uploads a model image. */
async function open(file, name = file.name) {
  const turn = ++opened;
  complain(fatal);
  const ending = /\.(uf2|tgm)$/i.exec(name)?.[1].toLowerCase();
  if (!ending) {
    complain(`${name}: expected a model folder, a model.tgm or a .uf2 file`);
  } else if (file.size > MOST_BYTES) {
    complain(`${name}: ${Math.ceil(file.size / 1e6)} MB, more than a board's memory can hold`);
  } else {
    try {
      const bytes = await file.arrayBuffer();
      if (turn !== opened) {
        return;
      }
      if (ending === 'uf2') {
        start(name, bytes);
      } else {
        worker.postMessage({ do: 'model', name, bytes });
      }
    } catch (error) {
      complain(`${name} cannot be read: ${error.message}`);
    }
  }
}

$('choose').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', () => {
  const [file] = $('file').files;
  if (file) {
    open(file);
    $('file').value = '';
  }
});

const area = $('drop-area');
for (const kind of ['dragenter', 'dragover']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    area.classList.toggle('over', event.dataTransfer.types.includes('Files'));
  });
}
document.addEventListener('dragleave', (event) => event.relatedTarget ?? area.classList.remove('over'));
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  area.classList.remove('over');
  // What is dropped can be asked for here alone, not after an `await`.
  const [item] = event.dataTransfer.items;
  const entry = item?.webkitGetAsEntry?.();
  const files = [...event.dataTransfer.files];
  if (entry?.isDirectory) {
    const file = await modelIn(entry);
    if (file) {
      open(file, `${entry.name}/${file.name}`);
    } else {
      complain(`${entry.name}: no model.tgm in this folder`);
    }
  } else if (files.length > 0) {
    open(files.find(({ name }) => /\.(uf2|tgm)$/i.test(name)) ?? files[0]);
  } else {
    complain('Nothing to run in what was dropped: expected a model folder, a model.tgm or a .uf2 file');
  }
});

/** The model image of a dropped folder. */
function modelIn(folder) {
  return new Promise((resolve) => {
    folder.getFile(
      'model.tgm',
      {},
      (entry) => entry.file(resolve, () => resolve(null)),
      () => resolve(null),
    );
  });
}

say('Loading the firmware.');
try {
  const answer = await fetch('firmware.uf2');
  if (!answer.ok) {
    throw new Error(`the server answered ${answer.status}`);
  }
  const bytes = await answer.arrayBuffer();
  if (opened === 0) {
    start('firmware.uf2', bytes);
  }
} catch (error) {
  say('No firmware yet.');
  complain(`firmware.uf2 cannot be loaded (${error.message}); open a .uf2 file.`);
}
